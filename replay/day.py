"""A day at a branch: everything recorded there that day, and what was booked there that day and recorded later.

Found by headers: the positions of the day in every lane by halving, the branch in the clear context. Only events of
the branch leave the database and are opened. A day is one of the institution's zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final, NamedTuple

from kyc.clock import from_datetime
from kyc.domain.transaction import TransactionBooked
from kyc.store import statements
from kyc.store.log import EventLog, Recorded, context_of
from kyc.store.records import StoredEvent
from projections.projection import reading
from replay import names, render, seek
from replay.history import Told, certified, told_dict, told_lines

_SQL: Final = statements.load("replay", "finding.sql")
_MARGIN: Final = 3_600_000_000
"""Microseconds by which the clocks of two writers may differ."""
_STRETCH: Final = 50_000
"""Positions of a lane looked at in one round trip."""


class Sum(NamedTuple):
    """Legs of one kind, direction and currency."""

    kind: str
    direction: str
    currency: str
    legs: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """A day at a branch."""

    branch: str
    on: date
    start: int
    """Microseconds; its first instant."""
    stop: int
    """Its last instant."""
    as_of: int
    told: tuple[Told, ...]
    """What was recorded there that day, in the order of recording."""
    late: tuple[Told, ...]
    """Legs booked there that day and recorded afterwards, until ``as_of``."""

    @property
    def belated(self) -> tuple[Told, ...]:
        """What was recorded that day though it happened on a day before."""
        return tuple(one for one in self.told if self.earlier(one) is not None)

    @property
    def topics(self) -> Counter[str]:
        """How many events of each kind were recorded."""
        return Counter(one.recorded.context.topic for one in self.told)

    @property
    def actors(self) -> Counter[str]:
        """How many each person recorded."""
        return Counter(one.recorded.context.actor for one in self.told)

    @property
    def sums(self) -> list[Sum]:
        """What was booked that day, whenever it was recorded until ``as_of``."""
        legs: Counter[tuple[str, str, str]] = Counter()
        amounts: dict[tuple[str, str, str], Decimal] = {}
        for one in (*self.told, *self.late):
            event = one.recorded.event
            if isinstance(event, TransactionBooked) and self.start <= from_datetime(event.booked_at) <= self.stop:
                key = event.kind, event.leg.direction, event.leg.currency
                legs[key] += 1
                amounts[key] = amounts.get(key, Decimal(0)) + event.leg.amount
        return [Sum(*key, legs[key], amounts[key]) for key in sorted(legs)]

    def earlier(self, told: Told) -> datetime | None:
        """When something happened, if that was before the day."""
        event = told.recorded.event
        if event is None or from_datetime(event.occurred_at) >= self.start:
            return None
        return event.occurred_at


def day(log: EventLog, branch: str, on: date, zone: tzinfo = render.ZONE, as_of: datetime | None = None) -> Day:
    """A day at a branch, as recorded until ``as_of``, by default now.

    Raises:
        NotFoundError: the transaction index is not built yet.
        ValueError: a time without offset.
        CiphertextDamagedError: an event does not decrypt; names it.
    """
    until = log.clock.now_us() if as_of is None else from_datetime(as_of)
    begin, end = (datetime.combine(one, time.min, zone) for one in (on, on + timedelta(days=1)))
    start, stop = from_datetime(begin), from_datetime(end) - 1
    found = headers(log, branch, (start, min(stop, until)), *bounds(log, start, stop))
    there = [one for rows in found for one in log.reveal(rows)]
    behind = seek.lanes(log, stop + 1 - _MARGIN, log.reader.positions())
    late = [
        one
        for one in _booked_late(log, branch, (begin, end), behind)
        if stop < one.row.recorded_at <= until and one.event is not None
    ]
    called = names.of(log, [*there, *late])
    told, later = (
        certified(log, (Told(called[one.row.stream_id], one) for one in sorted(some, key=_time)))
        for some in (there, late)
    )
    return Day(branch, on, start, stop, until, told, later)


def headers(
    log: EventLog, branch: str, span: tuple[int, int], after: dict[int, int], through: dict[int, int]
) -> Iterator[list[StoredEvent]]:
    """Stretch by stretch, the rows of a branch that were recorded in a span of time; nothing is opened.

    ``after`` and ``through`` are positions by lane between which they lie (:func:`replay.seek.lanes`).
    """
    raw = branch.encode()
    needle = bytes((len(raw),)) + raw
    for lane, last in through.items():
        for start in range(after[lane], last, _STRETCH):
            arguments = (lane, start, min(last, start + _STRETCH), *span, needle)
            with log.database.connection() as connection:
                rows = connection.execute(_SQL["of_branch"], arguments, binary=True).fetchall()
            yield [row for row in map(StoredEvent._make, rows) if context_of(row).branch == branch]


def bounds(log: EventLog, start: int, stop: int) -> tuple[dict[int, int], dict[int, int]]:
    """Positions by lane between which lies what was recorded from ``start`` to ``stop`` (microseconds)."""
    heads = log.reader.positions()
    return seek.lanes(log, start - _MARGIN, heads), seek.lanes(log, stop + 1 + _MARGIN, heads)


def _booked_late(
    log: EventLog, branch: str, span: tuple[datetime, datetime], behind: dict[int, int]
) -> Iterable[Recorded]:
    with reading(log) as connection:
        arguments = (list(behind), list(behind.values()), branch, *span)
        places = connection.execute(_SQL["booked_late"], arguments, binary=True).fetchall()
    return log.at(places).values()


def _time(recorded: Recorded) -> int:
    return recorded.row.recorded_at


def lines(found: Day, zone: tzinfo = render.ZONE) -> list[str]:
    """The day for a terminal."""
    until = render.moment(found.as_of, zone)
    text = [
        f"Branch {found.branch} on {found.on.isoformat()}, as recorded until {until}", "",
        f"Recorded that day: {len(found.told)} events",
        *_counts((render.title(topic), number) for topic, number in sorted(found.topics.items())),
        "By whom",
        *_counts(sorted(found.actors.items())),
        "Booked that day",
        *(
            render.line(f"{one.kind} {one.direction}", f"{one.legs:>8,} legs {one.amount:>18,} {one.currency}")
            for one in found.sums
        ),
        "",
    ]  # fmt: skip
    for told in found.told:
        text += told_lines(told, zone)
        if (moment := found.earlier(told)) is not None:
            text.append(f"      happened on an earlier day: {moment.isoformat(sep=' ')}")
    if found.late:
        text += ["", f"Booked that day and recorded afterwards: {len(found.late)}"]
        for told in found.late:
            text += told_lines(told, zone)
    return text


def _counts(items: Iterable[tuple[str, int]]) -> Iterator[str]:
    for name, number in items:
        yield render.line(name, f"{number:>8,}")


def as_dict(found: Day) -> dict[str, Any]:
    """The day for JSON."""
    return {
        "branch": found.branch,
        "on": found.on.isoformat(),
        "start": render.exact(found.start),
        "stop": render.exact(found.stop),
        "as_of": render.exact(found.as_of),
        "topics": dict(sorted(found.topics.items())),
        "actors": dict(sorted(found.actors.items())),
        "sums": [one._asdict() | {"amount": str(one.amount)} for one in found.sums],
        "events": [told_dict(told) for told in found.told],
        "belated": len(found.belated),
        "late": [told_dict(told) for told in found.late],
    }
