"""Where each transaction's legs are recorded, with what one searches by: account, counterparty, amount, period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from projections.projection import Tables

_TYPES = (
    "int2", "int8", "uuid", "int8", "uuid", "uuid", "uuid", "text", "numeric", "text", "timestamptz", "date",
    "text", "text", "text",
)  # fmt: skip


class Place(NamedTuple):
    """Where one leg is recorded."""

    postings: bytes
    version: int
    direction: str
    amount: Decimal
    currency: str
    booked_at: datetime
    branch: str


class TransactionIndex:
    """One row for each leg."""

    name = "transaction_index"
    version = 1
    topics = frozenset({"transaction.booked"})

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Add the legs of the batch; positions make them unique."""
        tables.copy(connection, self.name, _TYPES, _rows(log, batch))


def _rows(log: EventLog, batch: Sequence[Recorded]) -> Iterator[tuple[object, ...]]:
    for recorded in batch:
        event, row = recorded.event, recorded.row
        if not isinstance(event, TransactionBooked):
            continue  # disposed of: it has left the index
        leg = event.leg
        other = leg.counterparty.account if leg.counterparty is not None else ""
        yield (
            row.lane,
            row.position,
            UUID(bytes=row.stream_id),
            row.version,
            UUID(bytes=log.stream_id(StreamName("account", leg.account))),
            UUID(bytes=log.blinder.claim_key("transaction", event.reference)),
            UUID(bytes=log.blinder.index("account", other)) if other else None,
            leg.direction,
            leg.amount,
            leg.currency,
            event.booked_at,
            event.value_date,
            recorded.context.branch,
            event.channel,
            event.kind,
        )


def of_account(
    log: EventLog, account: str, *, start: datetime | None = None, stop: datetime | None = None, limit: int = 1_000
) -> list[Place]:
    """Legs on an account booked from ``start`` (inclusive) to ``stop`` (exclusive), oldest first."""
    with log.database.connection() as connection:
        rows = connection.execute(
            "select postings, version, direction, amount, currency, booked_at, branch"
            " from kyc_read.transaction_index"
            " where account = %s and booked_at >= coalesce(%s, '-infinity'::timestamptz)"
            " and booked_at < coalesce(%s, 'infinity'::timestamptz) order by booked_at, lane, position limit %s",
            (UUID(bytes=log.stream_id(StreamName("account", account))), start, stop, limit),
            binary=True,
        ).fetchall()
    return list(map(Place._make, rows))


def count(log: EventLog) -> int:
    """How many different transactions are indexed."""
    with log.database.connection() as connection:
        row = connection.execute("select count(distinct reference) from kyc_read.transaction_index").fetchone()
    return int(row[0]) if row else 0
