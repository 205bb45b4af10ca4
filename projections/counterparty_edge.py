"""Who deals with whom: counts and sums of an account's legs by other side, direction and currency.

An edge holds digests, numbers and days. Who the other side is, where it is not ours, is read from the last leg that
names it, under that leg's key. How the other side of a leg is known says :mod:`projections.parties`: equal names
alone may be two people's. Who became known beside a booking (payments of a batch, what was completed later) is in
the index of transactions and joined when it is asked for; a booking costs nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, LiteralString, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import sql

from kyc.clock import from_datetime
from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.domain.transaction import CounterpartyCompleted, Direction, PaymentDetailed, TransactionBooked
from kyc.domain.values import Counterparty
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.parties import KnownBy, other_side
from projections.projection import Tables, reading

_SQL: Final = load("projections", "counterparty_edge.sql")
FOUND: Final = 100
"""Most edges that a list answers with, of each currency, unless asked for more."""
_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 30, tzinfo=UTC)
By = Literal["sum", "count"]


class Edge(NamedTuple):
    """What went between a customer and another side in one direction and currency. Ids are 16 raw bytes."""

    counterparty: bytes
    """Keyed digest."""
    known_by: KnownBy
    direction: Direction
    """``credit``: the customer received; ``debit``: paid."""
    currency: str
    legs: int
    amount: Decimal
    first_at: datetime
    last_at: datetime
    party: Counterparty | None
    """As the last leg that says anything of it names it; None: none does, or its key is destroyed."""
    account: bytes | None
    """Stream id, where the other side is an account of ours."""
    holders: list[bytes]
    """Stream ids of the customers who hold it now."""


class Dealing(NamedTuple):
    """What went between one of our accounts and an account that was asked about."""

    account: bytes
    """Stream id."""
    holders: list[bytes]
    direction: Direction
    currency: str
    legs: int
    amount: Decimal
    first_at: datetime
    last_at: datetime


class CounterpartyEdge:
    """One row for each account, other side, direction, currency and data key."""

    name = "counterparty_edge"
    version = 1
    topics = frozenset({TransactionBooked.TOPIC})
    tables = ("counterparty_edge",)
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Add the legs of the batch to their edges, in one statement."""
        legs = []
        for recorded in batch:
            event, row = recorded.event, recorded.row
            if not isinstance(event, TransactionBooked):
                continue
            digest, known_by = other_side(log.blinder, event)
            if digest is None or known_by is None:
                continue
            leg = event.leg
            legs.append(
                (
                    log.stream_id(StreamName("account", leg.account)), digest, leg.direction, leg.currency,
                    row.data_key, known_by, str(leg.amount), from_datetime(event.booked_at), row.stream_id,
                    row.version if leg.counterparty is not None else 0,
                )
            )  # fmt: skip
        if legs:
            columns = zip(_PACK, zip(*legs, strict=True), strict=True)
            connection.execute(tables.fill(_SQL["add"]), [pack(column) for pack, column in columns])

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove the edges under destroyed keys."""
        return connection.execute(tables.fill(_SQL["sweep"]), (since,)).rowcount


_PACK: Final[tuple[Any, ...]] = (
    pgbinary.uuids, pgbinary.uuids, pgbinary.texts, pgbinary.texts, pgbinary.uuids, pgbinary.texts, pgbinary.texts,
    pgbinary.int8s, pgbinary.uuids, pgbinary.int8s,
)  # fmt: skip


# --- questions -----------------------------------------------------------------------------------------


def of_customer(
    log: EventLog, customer: str, zone: ZoneInfo, *, start: datetime | None = None, stop: datetime | None = None,
    by: By = "sum", limit: int = FOUND,
) -> list[Edge]:  # fmt: skip
    """With whom a customer (number) dealt, booked from ``start`` to before ``stop``, through accounts while held.

    Args:
        log: the event log.
        customer: the customer number.
        zone: the institution's zone, in which accounts begin and cease to be held.
        start: booked from this moment on.
        stop: booked before this moment.
        by: the largest sums of each currency first, or the most transactions first.
        limit: edges at most; by sum, of each currency.

    Raises:
        NotFoundError: a read model is not built yet.
        CiphertextDamagedError: a leg that names another side does not decrypt.
    """
    asked = {
        "customer": UUID(bytes=log.stream_id(StreamName("customer", customer))), "zone": zone.key,
        "start": start or _FIRST, "stop": stop or _LAST, "by": by, "limit": limit,
    }  # fmt: skip
    statement = _with_details("of_customer", "d.account = h.account")
    with reading(log) as connection:
        rows = connection.execute(statement, asked, binary=True).fetchall()
    told = log.at((row[8], row[9]) for row in rows if row[9] is not None)
    parties = {place: _party(recorded.event) for place, recorded in told.items()}
    return [Edge._make((*row[:8], parties.get((row[8], row[9])), row[10], list(row[11] or ()))) for row in rows]


def of_counterparty(log: EventLog, account: str, limit: int = FOUND) -> list[Dealing]:
    """Which of our accounts dealt with an account (number), ours or another bank's, most transactions first.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    asked = {"counterparty": UUID(bytes=log.blinder.index("account", account)), "limit": limit}
    statement = _with_details("of_counterparty", "d.counterparty = %(counterparty)s")
    with reading(log) as connection:
        rows = connection.execute(statement, asked, binary=True).fetchall()
    return [Dealing(row[0], list(row[1] or ()), *row[2:]) for row in rows]


def _with_details(statement: str, chosen: LiteralString) -> sql.Composed:
    details = sql.SQL(_SQL["details"]).format(chosen=sql.SQL(chosen))
    return sql.SQL(_SQL[statement]).format(details=details)


def _party(event: Event | None) -> Counterparty | None:
    """What an event says of the other side."""
    if isinstance(event, TransactionBooked):
        return event.leg.counterparty
    return event.counterparty if isinstance(event, PaymentDetailed | CounterpartyCompleted) else None
