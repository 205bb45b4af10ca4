"""What branches recorded, what came late, which days and months they closed (每日填报、汇总; 监督管理).

Counts are made of headers alone, by quarter of an hour: a day of any zone is a sum of them, and disposing of a
record takes nothing from the count of its day. That something happened on an earlier day than it was recorded on
is known from its content, so those entries are rows of their own and go with their keys. What is overdue or missing
at a branch is asked of other read models (:mod:`replay.supervised`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from kyc.clock import from_datetime, to_datetime
from kyc.domain import catalogue
from kyc.domain.event import topics
from kyc.domain.operations import DayClosed, MonthClosed
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.projection import Tables, reading

_SQL: Final = load("projections", "branch_supervision.sql")
_LATE_TYPES: Final = (
    "text", "timestamptz", "int2", "int8", "uuid", "int8", "text", "timestamptz", "uuid",
)  # fmt: skip
_CLOSING_TYPES: Final = (
    "uuid", "int8", "text", "date", "date", "int8", "int8", "int8", "text", "timestamptz", "uuid",
)  # fmt: skip
_SLOT: Final = 900_000_000
"""Microseconds of a quarter of an hour: what every zone's offset is a multiple of."""
_STREAMS: Final = frozenset(catalogue.STREAMS)
FOUND: Final = 1_000
"""Most late entries that a list answers with, unless asked for more."""


class Late(NamedTuple):
    """An event that had happened on an earlier day than it was recorded on."""

    stream_id: bytes
    version: int
    topic: str
    recorded_at: datetime
    occurred_at: datetime


class Closing(NamedTuple):
    """A day or a month as a branch closed it."""

    first: date
    last: date
    recorded: int
    late: int
    refused: int | None
    actor: str
    closed_at: datetime


class Count(NamedTuple):
    """A day of a branch."""

    topics: dict[str, int]
    late: int
    """Of these, what had happened on an earlier day."""

    @property
    def recorded(self) -> int:
        """Events recorded that day."""
        return sum(self.topics.values())


class BranchSupervision:
    """Rows for each branch, quarter of an hour, lane and topic; each entry that may be late; each closing."""

    name = "branch_supervision"
    version = 1
    topics = frozenset(topic for topic, kind in topics().items() if kind.STREAM in _STREAMS)
    tables = ("branch_activity", "branch_late", "branch_closing")
    schema = _SQL["tables"]

    def apply(self, connection: Connection, _: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Count the headers of the batch; add what happened earlier, and closings."""
        counts = Counter(
            [(one.context.branch, one.row.recorded_at // _SLOT, one.row.lane, one.context.topic) for one in batch]
        )
        branches, slots, lanes, kinds = zip(*counts, strict=True)
        connection.execute(
            tables.fill(_SQL["count"]),
            (
                pgbinary.texts(branches), pgbinary.int8s(slots), pgbinary.int2s(lanes), pgbinary.texts(kinds),
                pgbinary.int8s(list(counts.values())),
            ),
        )  # fmt: skip
        tables.copy(connection, "branch_late", _LATE_TYPES, _late(batch))
        closings = (_closed(one) for one in batch if isinstance(one.event, DayClosed | MonthClosed))
        tables.copy(connection, "branch_closing", _CLOSING_TYPES, closings)

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove late entries and closings under destroyed keys; counts are of headers and stay."""
        return sum(
            connection.execute(tables.fill(_SQL[statement]), (since,)).rowcount
            for statement in ("sweep_late", "sweep_closings")
        )


def _late(batch: Sequence[Recorded]) -> Iterator[tuple[Any, ...]]:
    for recorded in batch:
        event, row = recorded.event, recorded.row
        if event is None:
            continue
        if from_datetime(event.occurred_at) // _SLOT < row.recorded_at // _SLOT:
            yield (
                recorded.context.branch, to_datetime(row.recorded_at), row.lane, row.position, row.stream_id,
                row.version, recorded.context.topic, event.occurred_at, row.data_key,
            )  # fmt: skip


def _closed(recorded: Recorded) -> tuple[Any, ...]:
    event, row = recorded.event, recorded.row
    assert isinstance(event, DayClosed | MonthClosed)
    first, last = (event.day, event.day) if isinstance(event, DayClosed) else month(event.month)
    return (
        row.stream_id, row.version, event.office, first, last, event.recorded, event.late,
        event.refused if isinstance(event, DayClosed) else None, recorded.context.actor,
        to_datetime(row.recorded_at), row.data_key,
    )  # fmt: skip


def month(text: str) -> tuple[date, date]:
    """The first and last day of a month such as ``2026-03``.

    Raises:
        ValueError: no such month.
    """
    first = date.fromisoformat(f"{text}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


# --- questions -----------------------------------------------------------------------------------------


def counted(log: EventLog, branch: str, first: date, last: date, zone: ZoneInfo) -> dict[date, Count]:
    """Day → what a branch recorded from ``first`` to ``last``, in the branch's zone; days without events left out.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    asked = _span(branch, first, last, zone)
    with reading(log) as connection:
        rows = connection.execute(_SQL["recorded"], asked, binary=True).fetchall()
        late = dict(connection.execute(_SQL["late_days"], asked, binary=True).fetchall())
    found: dict[date, Count] = {}
    for day, topic, events in rows:
        found.setdefault(day, Count({}, late.get(day, 0))).topics[topic] = events
    return found


def late(
    log: EventLog, branch: str, first: date, last: date, zone: ZoneInfo, limit: int = FOUND
) -> list[Late]:  # fmt: skip
    """What a branch recorded on these days that had happened on an earlier one, in the order of recording.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        asked = _span(branch, first, last, zone) | {"limit": limit}
        return [Late(*row) for row in connection.execute(_SQL["late"], asked, binary=True).fetchall()]


def closings(log: EventLog, branch: str, first: date, last: date) -> list[Closing]:
    """The days and months within a span that a branch has closed, in the order it did.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        asked = {"branch": branch, "first": first, "last": last}
        return [Closing(*row) for row in connection.execute(_SQL["closings"], asked, binary=True).fetchall()]


def _span(branch: str, first: date, last: date, zone: ZoneInfo) -> dict[str, Any]:
    start, stop = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (first, last + timedelta(days=1)))
    return {"branch": branch, "start": start, "stop": stop, "zone": zone.key}
