"""Who looked at whose data: reads, lists, refusals, disclosures by customer and reader; flags, emergency accesses.

A page of a list has a row for each customer it told of, and none if it told of nobody. Rows say who, whose, when
and which fields; reasons, tickets and orders are read from the events. Whether an access is lawful or too much is
decided elsewhere: the counts it takes are here. A log of accesses is personal data and is
swept with its own keys (seed rules 27-31; AML24 art. 54).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from kyc.clock import to_datetime
from kyc.domain.access_log import (
    AccessAnomalyFlagged,
    AccessDenied,
    BreakGlassReviewed,
    BreakGlassUsed,
    DisclosureRecorded,
    RecordRead,
    RecordsListed,
)
from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.projection import Tables, reading

_SQL: Final = load("projections", "access_log.sql")
_TYPES: Final = (
    "uuid", "int8", "uuid", "text", "text", "text", "text", "text", "text[]", "bool", "text", "timestamptz", "uuid",
)  # fmt: skip
_MATTER_TYPES: Final = (
    "uuid", "int8", "text", "text", "uuid", "int8", "timestamptz", "timestamptz", "text", "text", "text",
    "timestamptz", "uuid",
)  # fmt: skip

Kind = Literal["read", "listed", "refused", "disclosed"]
KINDS: Final[dict[type[Event], Kind]] = {
    RecordRead: "read",
    RecordsListed: "listed",
    AccessDenied: "refused",
    DisclosureRecorded: "disclosed",
}
_TOLD: Final[tuple[type[Event], ...]] = (*KINDS, AccessAnomalyFlagged, BreakGlassUsed, BreakGlassReviewed)
FOUND: Final = 1_000
"""Most rows that a list answers with, unless asked for more."""
FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)
LAST: Final = datetime(9999, 12, 30, tzinfo=UTC)

Place = tuple[datetime, UUID, int, UUID]
"""Where a list goes on, the latest first: when the last one told was recorded, its stream, version and customer."""


class Access(NamedTuple):
    """One access; ids are 16 raw bytes. The event at (stream, version) says the reason."""

    stream_id: bytes
    version: int
    customer: bytes
    """Stream id."""
    kind: Kind
    reader: str
    branch: str
    purpose: str
    legal_basis: str
    fields: list[str]
    masked: bool | None
    code: str | None
    """Why it was refused."""
    at: datetime


class Counts(NamedTuple):
    """What a reader did in a span of time."""

    reads: int
    """Of one customer each."""
    pages: int
    """Of lists on which there was somebody."""
    customers: int
    """Different ones whose data were shown, by reads and by lists."""
    refused: int
    disclosed: int


class Hour(NamedTuple):
    """A reader's clock hour (UTC)."""

    reader: str
    hour: datetime
    reads: int
    pages: int
    customers: int
    refused: int
    disclosed: int


class Flag(NamedTuple):
    """Conduct that somebody flagged."""

    stream_id: bytes
    version: int
    operator: str
    kind: str
    number: int
    since: datetime
    until: datetime
    actor: str
    branch: str
    at: datetime


class Emergency(NamedTuple):
    """An emergency access that nobody has reviewed."""

    stream_id: bytes
    version: int
    operator: str
    branch: str
    at: datetime
    until: datetime


class AccessLog:
    """One row for each access and customer; one for each flag, emergency access and review."""

    name = "access_log"
    version = 2
    topics = frozenset(kind.TOPIC for kind in _TOLD)
    tables = ("access_log", "access_matter")
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Add the accesses and matters of the batch; nothing changes a row."""
        tables.copy(connection, "access_log", _TYPES, _accesses(log, batch))
        tables.copy(connection, "access_matter", _MATTER_TYPES, _matters(log, batch))

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what stood under destroyed keys."""
        return sum(
            connection.execute(tables.fill(_SQL[statement]), (since,)).rowcount
            for statement in ("sweep", "sweep_matters")
        )


def _accesses(log: EventLog, batch: Sequence[Recorded]) -> Iterator[tuple[object, ...]]:
    for recorded in batch:
        event, row, header = recorded.event, recorded.row, recorded.context
        if not isinstance(event, RecordRead | RecordsListed | AccessDenied | DisclosureRecorded):
            continue
        said = (
            KINDS[type(event)], header.actor, header.branch, header.purpose, header.legal_basis,
            list(event.fields), event.masked if isinstance(event, RecordRead | RecordsListed) else None,
            event.code if isinstance(event, AccessDenied) else None, to_datetime(row.recorded_at), row.data_key,
        )  # fmt: skip
        for number in event.customers if isinstance(event, RecordsListed) else (event.customer,):
            yield row.stream_id, row.version, log.stream_id(StreamName("customer", number)), *said


def _matters(log: EventLog, batch: Sequence[Recorded]) -> Iterator[tuple[object, ...]]:
    for recorded in batch:
        event, row, header = recorded.event, recorded.row, recorded.context
        said: tuple[object, ...]
        if isinstance(event, AccessAnomalyFlagged):
            said = event.kind, None, event.count, event.since, event.until, None
        elif isinstance(event, BreakGlassUsed):
            said = "used", _emergency(log, event.use), None, None, event.until, None
        elif isinstance(event, BreakGlassReviewed):
            said = "reviewed", _emergency(log, event.use), None, None, None, event.finding
        else:
            continue
        at = to_datetime(row.recorded_at)
        yield (
            row.stream_id, row.version, event.operator, *said, header.actor, header.branch, at, row.data_key
        )  # fmt: skip


def _emergency(log: EventLog, use: str) -> bytes:
    return log.blinder.index("break-glass", use)


# --- questions -----------------------------------------------------------------------------------------


def of_customer(
    log: EventLog, customer: str, *, start: datetime = FIRST, stop: datetime = LAST,
    kinds: Sequence[Kind] = tuple(KINDS.values()), after: Place | None = None,
    branches: Sequence[str] | None = None, limit: int = FOUND,
) -> list[Access]:  # fmt: skip
    """Who looked at a customer's data (by number), recorded from ``start`` to before ``stop``, the latest first.

    After the place of one that was told; with ``branches`` only what was done there.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    stream = UUID(bytes=log.stream_id(StreamName("customer", customer)))
    asked = _span(stream, start, stop, kinds) | _after(after) | {"branches": _list(branches), "limit": limit}
    return [Access(*row) for row in _rows(log, "of_customer", asked)]


def of_reader(
    log: EventLog, reader: str, *, start: datetime = FIRST, stop: datetime = LAST,
    kinds: Sequence[Kind] = tuple(KINDS.values()), after: Place | None = None,
    branches: Sequence[str] | None = None, limit: int = FOUND,
) -> list[Access]:  # fmt: skip
    """What an actor looked at, was refused or gave out, recorded from ``start`` to before ``stop``, latest first.

    After the place of one that was told; with ``branches`` only what was done there.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    asked = _span(reader, start, stop, kinds) | _after(after) | {"branches": _list(branches), "limit": limit}
    return [Access(*row) for row in _rows(log, "of_reader", asked)]


def _span(whose: Any, start: datetime, stop: datetime, kinds: Sequence[Kind]) -> dict[str, Any]:
    return {"whose": whose, "start": start, "stop": stop, "kinds": list(kinds)}


def _list(branches: Sequence[str] | None) -> list[str] | None:
    return None if branches is None else list(branches)


def _after(place: Place | None) -> dict[str, Any]:
    at, stream, version, customer = place or (None, None, None, None)
    return {"at": at, "stream": stream, "version": version, "customer": customer}


def counted(log: EventLog, reader: str, start: datetime, stop: datetime = LAST) -> Counts:
    """How much an actor did since ``start``: what a limit of reads per hour is held against.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    (row,) = _rows(log, "counted", (reader, start, stop))
    return Counts(*row)


def hours(
    log: EventLog, start: datetime, stop: datetime, *, least: int = 1, reader: str | None = None, limit: int = FOUND
) -> list[Hour]:
    """Clock hours in which a reader read, or was refused, at least so often; the busiest first. A page is a read.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    asked = {"start": start, "stop": stop, "least": least, "reader": reader, "limit": limit}
    return [Hour(*row) for row in _rows(log, "hours", asked)]


def flags(
    log: EventLog, *, operator: str | None = None, start: datetime = FIRST, stop: datetime = LAST,
    limit: int = FOUND,
) -> list[Flag]:  # fmt: skip
    """Conduct that was flagged for a supervisor, the latest first.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    asked = {"operator": operator, "start": start, "stop": stop, "limit": limit}
    return [Flag(*row) for row in _rows(log, "flags", asked)]


def unreviewed(
    log: EventLog, *, operator: str | None = None, branch: str | None = None, limit: int | None = FOUND
) -> list[Emergency]:
    """Emergency accesses that nobody has reviewed yet, the oldest first; ``limit`` None: all of them.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    asked = {"operator": operator, "branch": branch, "limit": limit}
    return [Emergency(*row) for row in _rows(log, "unreviewed", asked)]


def _rows(log: EventLog, statement: str, arguments: Any) -> list[tuple[Any, ...]]:
    with reading(log) as connection:
        return connection.execute(_SQL[statement], arguments, binary=True).fetchall()
