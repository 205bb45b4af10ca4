"""A branch's day or month for whoever supervises it: what it recorded, what came late, what it left undone.

Counts come from the read model and are reconciled, on demand, with the headers of the log itself. What is overdue
or missing is that of the customers the branch looks after, as of the last day of the span or of today, whichever is
earlier (seed rules 5 and 20).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from kyc.clock import from_datetime
from kyc.domain.access_log import AccessDenied
from kyc.domain.governance import Branches
from kyc.domain.policies import Policies
from kyc.store.log import EventLog, context_of
from projections import access_log, branch_supervision, data_quality, reviews
from projections.branch_supervision import Closing, Count, Late
from replay import day as replay_day
from replay import render

_LISTED: Final = 1_000


class Undone(NamedTuple):
    """What a branch left undone, as of a day."""

    on: date
    overdue_reviews: int
    missing_documents: int
    """Customers whose last document has expired, or who have shown none."""
    incomplete_files: int
    unrated: int
    unreviewed_emergencies: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A span of days at a branch."""

    branch: str
    zone: str
    first: date
    last: date
    days: dict[date, Count]
    late: tuple[Late, ...]
    """The first thousand."""
    closings: tuple[Closing, ...]
    """Of these days, and of the whole span."""
    undone: Undone
    raw: Counter[str] | None
    """Events by topic counted anew in the log itself; None where that was not asked for."""

    @property
    def topics(self) -> Counter[str]:
        """Events of the span by topic."""
        found: Counter[str] = Counter()
        for one in self.days.values():
            found.update(one.topics)
        return found

    @property
    def recorded(self) -> int:
        """Events of the span."""
        return sum(one.recorded for one in self.days.values())

    @property
    def came_late(self) -> int:
        """Of these, what had happened on an earlier day."""
        return sum(one.late for one in self.days.values())

    @property
    def refused(self) -> int:
        """Refused looks at customers' data."""
        return self.topics[AccessDenied.TOPIC]

    @property
    def reconciled(self) -> bool | None:
        """Whether the log itself says the same; None where it was not asked."""
        return None if self.raw is None else self.raw == self.topics

    def closed(self, first: date, last: date) -> Closing | None:
        """The latest closing of exactly these days."""
        return next((one for one in reversed(self.closings) if (one.first, one.last) == (first, last)), None)

    def agrees(self, closing: Closing) -> bool:
        """Whether a closing says what the read model says now."""
        within = [one for on, one in self.days.items() if closing.first <= on <= closing.last]
        said = closing.recorded, closing.late
        return said == (sum(one.recorded for one in within), sum(one.late for one in within))


def zone_of(branches: Branches | None, branch: str, institution: ZoneInfo) -> ZoneInfo:
    """The zone a branch's days are counted in: its own, else the institution's."""
    known = branches.get(branch) if branches is not None else None
    return ZoneInfo(known.zone) if known is not None else institution


def summary(
    log: EventLog, branch: str, first: date, last: date, zone: ZoneInfo, policies: Policies, today: date, *,
    reconcile: bool = False,
) -> Summary:  # fmt: skip
    """A span of days at a branch, in the branch's zone.

    Args:
        log: the event log.
        branch: its code.
        first: the first day.
        last: the last day.
        zone: the branch's (:func:`zone_of`).
        policies: what head office has published: when reviews and documents are due, what forms ask for.
        today: the institution's day; what is undone is never asked of a later one.
        reconcile: count the headers of the log anew; costs what was recorded anywhere in the span.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    counts = branch_supervision.counted(log, branch, first, last, zone)
    late = branch_supervision.late(log, branch, first, last, zone, _LISTED)
    closings = branch_supervision.closings(log, branch, first, last)
    undone = _undone(log, branch, min(last, today), policies)
    raw = _raw(log, branch, first, last, zone) if reconcile else None
    return Summary(branch, zone.key, first, last, counts, tuple(late), tuple(closings), undone, raw)


def _undone(log: EventLog, branch: str, on: date, policies: Policies) -> Undone:
    files = data_quality.totals(log, policies, on, branch)
    overdue = 0
    after = None
    while page := reviews.due(log, on, policies, by=on - timedelta(days=1), branch=branch, after=after):
        overdue, after = overdue + len(page), page[-1]
    waiting = access_log.unreviewed(log, branch=branch, limit=None)
    return Undone(
        on, overdue, sum(one.undocumented for one in files), sum(one.incomplete for one in files),
        reviews.unrated(log, branch), len(waiting),
    )  # fmt: skip


def _raw(log: EventLog, branch: str, first: date, last: date, zone: ZoneInfo) -> Counter[str]:
    start, stop = (
        from_datetime(datetime(on.year, on.month, on.day, tzinfo=zone)) for on in (first, last + timedelta(days=1))
    )
    found: Counter[str] = Counter()
    for rows in replay_day.headers(log, branch, (start, stop - 1), *replay_day.bounds(log, start, stop - 1)):
        found.update(context_of(row).topic for row in rows)
    return found


def lines(found: Summary) -> list[str]:
    """The summary for a terminal."""
    span = found.first.isoformat() + ("" if found.first == found.last else f" to {found.last.isoformat()}")
    undone = found.undone
    return [
        f"Branch {found.branch}, {span}, {found.zone}", "",
        render.line("recorded", f"{found.recorded:>8,}"),
        render.line("of an earlier day", f"{found.came_late:>8,}"),
        render.line("refused looks", f"{found.refused:>8,}"),
        *(render.line(render.title(topic), f"{number:>8,}") for topic, number in sorted(found.topics.items())),
        "", *_closed(found), "",
        f"Left undone as of {undone.on.isoformat()}",
        render.line("reviews overdue", f"{undone.overdue_reviews:>8,}"),
        render.line("never rated", f"{undone.unrated:>8,}"),
        render.line("without valid document", f"{undone.missing_documents:>8,}"),
        render.line("files incomplete", f"{undone.incomplete_files:>8,}"),
        render.line("emergency accesses not reviewed", f"{undone.unreviewed_emergencies:>8,}"),
    ]  # fmt: skip


def _closed(found: Summary) -> Iterator[str]:
    closing = found.closed(found.first, found.last)
    if closing is None:
        yield "Not closed"
    else:
        agrees = "as counted" if found.agrees(closing) else "which is not what is counted now"
        yield f"Closed by {closing.actor} with {closing.recorded:,} events, {closing.late:,} late, {agrees}"
    if found.first != found.last:
        days = {one.first for one in found.closings if one.first == one.last}
        yield f"{len(days)} days closed of {len(found.days)} with events"
    if found.reconciled is not None:
        yield "The log itself says the same" if found.reconciled else "The log itself says something else"


def as_dict(found: Summary) -> dict[str, Any]:
    """The summary for JSON."""
    return {
        "branch": found.branch, "zone": found.zone,
        "first": found.first.isoformat(), "last": found.last.isoformat(),
        "recorded": found.recorded, "late": found.came_late, "refused": found.refused,
        "topics": dict(sorted(found.topics.items())),
        "days": {
            on.isoformat(): {"recorded": one.recorded, "late": one.late} for on, one in sorted(found.days.items())
        },
        "late_entries": [one._asdict() | {"stream_id": one.stream_id.hex()} for one in found.late],
        "closings": [one._asdict() | {"agrees": found.agrees(one)} for one in found.closings],
        "undone": found.undone._asdict(), "reconciled": found.reconciled,
    }  # fmt: skip
