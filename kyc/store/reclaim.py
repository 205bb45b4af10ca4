"""Space of what was emptied: dead rows are removed from the tables' pages, and what that gave is told.

An emptied ciphertext lies in its page as a dead row until a vacuum removes it. That is the owner's right, not the
service's; where the login role is not the owner, autovacuum does the same some time later. What an archive of the
write-ahead log or a base backup still holds goes by the policy of those (docs/disposal.md).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import psycopg

from kyc.store.errors_pg import translated

_TABLES: Final = ("kyc.event", "kyc.scan", "kyc.snapshot", "kyc_keys.data_key")
_OWNED: Final = "select pg_has_role(relowner, 'usage') from pg_class where oid = %s::regclass"
_SIZE: Final = "select pg_total_relation_size(%s::regclass)"


class Reclaimed(NamedTuple):
    """The size of a table with its indexes, before and after."""

    table: str
    before: int
    after: int


def reclaim(dsn: str) -> list[Reclaimed]:
    """Vacuum the tables that disposal empties; those that this login role does not own are left out.

    Raises:
        StoreError: the database refuses.
    """
    found = []
    with translated(), psycopg.connect(dsn, autocommit=True) as connection:
        for table in _TABLES:
            if connection.execute(_OWNED, (table,)).fetchone() != (True,):
                continue
            (before,) = connection.execute(_SIZE, (table,)).fetchone() or (0,)
            connection.execute(f"vacuum {table}".encode())
            (after,) = connection.execute(_SIZE, (table,)).fetchone() or (0,)
            found.append(Reclaimed(table, before, after))
    return found
