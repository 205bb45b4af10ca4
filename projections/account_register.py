"""Accounts with their holders, found by keyed digest of the account number or by holder."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from kyc.domain.submission import StreamName
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from projections.folding import fold
from projections.projection import Tables

_TYPES = ("uuid", "uuid", "text", "date", "date", "uuid[]", "int8")


class AccountRegister:
    """One row for each account."""

    name = "account_register"
    version = 1
    topics = frozenset(
        {"account.opened", "account.holder_added", "account.holder_removed", "account.closed", "account.reopened"}
    )

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Replace the rows of the accounts in the batch."""
        folded = [one for one in fold(log, "account", batch) if one.state is not None]
        connection.execute(
            tables.statement("delete from {table} where stream_id = any (%s)", self.name),
            ([UUID(bytes=one.stream_id) for one in folded],),
        )
        tables.copy(
            connection,
            self.name,
            _TYPES,
            [
                (
                    UUID(bytes=one.stream_id),
                    UUID(bytes=log.blinder.index("account", one.state.account)),
                    one.state.currency,
                    one.state.opened_on,
                    one.state.closed_on,
                    [_stream(log, holder.customer) for holder in one.state.holders],
                    one.version,
                )
                for one in folded
            ],
        )


def accounts_of(log: EventLog, customer: bytes) -> list[bytes]:
    """Stream ids of the accounts a customer holds now."""
    with log.database.connection() as connection:
        rows = connection.execute(
            "select stream_id from kyc_read.account_register where holders @> array[%s] order by stream_id",
            (UUID(bytes=customer),),
            binary=True,
        ).fetchall()
    return [row[0] for row in rows]


def _stream(log: EventLog, customer: str) -> UUID:
    return UUID(bytes=log.stream_id(StreamName("customer", customer)))
