"""What readers see of read models: row-level security on every table of every build, made with it.

The service's role owns the tables and is not bound; the role ``kyc_reader`` sees the rows its transaction's scope
covers (:mod:`kyc.store.scope`). A table whose rows belong to a branch says so here; of any other a branch sees
nothing.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from kyc.store.database import Connection

BRANCH: Final = {
    "customer_profile": "branch",
    "account_register": "branch",
    "transaction_index": "branch",
    "document_register": "branch",
}
"""Table → the column that names the branch a row belongs to."""
_EVERYTHING: Final = sql.SQL("(select kyc_scope.everything())")
_OF_BRANCH: Final = sql.SQL("{} or {} = any ((select kyc_scope.branches())::text[])")


def wall(connection: Connection, table: str, place: sql.Identifier) -> None:
    """Put the policy on a new table, inside the caller's transaction."""
    column = BRANCH.get(table)
    covered = _EVERYTHING if column is None else _OF_BRANCH.format(_EVERYTHING, sql.Identifier(column))
    connection.execute(sql.SQL("alter table {} enable row level security").format(place))
    connection.execute(
        sql.SQL("create policy scope on {} for select to kyc_reader using ({})").format(place, covered)
    )
    connection.execute(sql.SQL("grant select on {} to kyc_reader").format(place))
