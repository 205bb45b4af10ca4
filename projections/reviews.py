"""Questions about due diligence: where it stands, and what is due on a day by the policy of that day.

The read model is :mod:`projections.due_diligence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, Literal, NamedTuple
from uuid import UUID

from psycopg import sql

from kyc.domain.calendar import Feb29, later
from kyc.domain.policies import Policies
from kyc.domain.rulebook import By, Within
from kyc.store import pgbinary
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import rows
from projections.due_diligence import Open, State
from projections.projection import reading

_SQL: Final = load("projections", "due_diligence.sql")
TIERS: Final = ("high", "medium", "low")
FOUND: Final = 1_000
"""Most rows that a list answers with, unless asked for more."""
_NOBODY: Final = UUID(int=0)


class Review(NamedTuple):
    """A review that is due."""

    stream_id: bytes
    """Of the customer."""
    due_on: date
    tier: str | None
    """Risk that day; None: not rated, but scheduled."""
    anchor: date | None
    """Last review, or the rating that set the tier."""
    scheduled: date | None
    branch: str | None
    """Which looks after the customer, and has to see to it."""
    state: Literal["overdue", "due", "coming"]


class Stale(NamedTuple):
    """A customer to be screened again; version and day of the last screening, None: never."""

    stream_id: bytes
    list_version: str | None
    screened_on: date | None
    branch: str | None


class Objection(NamedTuple):
    """An objection that waits for its answer."""

    stream_id: bytes
    version: int
    """Of the event that received it."""
    received_on: date
    due_on: date
    branch: str | None


def of_streams(log: EventLog, streams: Sequence[bytes]) -> dict[bytes, State | None]:
    """Customer → where due diligence stands; None: its key is destroyed; without an entry: nothing was done.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        found = connection.execute(_SQL["of_customers"], (pgbinary.uuids(streams),), binary=True).fetchall()
    return dict(zip([row[0] for row in found], rows.unseal(log, State, found), strict=True))


def due_on(state: State, policies: Policies, on: date, feb29: Feb29 = "28-feb") -> date | None:
    """When a customer's next review is due, by the cycle that is policy on a day; None: nothing says."""
    tier = state.rating.level if state.rating else ""
    cycle, law_from, law_by = _cycle(policies, tier, on)
    days = [state.scheduled]
    if state.anchor is not None:
        days.append(later(state.anchor, cycle, feb29) if cycle else None)
        days.append(law_by if law_from is not None and state.anchor < law_from else None)
    return min((day for day in days if day is not None), default=None)


def due(
    log: EventLog, on: date, policies: Policies, *, by: date | None = None, branch: str | None = None,
    after: Review | None = None, limit: int = FOUND, feb29: Feb29 = "28-feb",
) -> list[Review]:  # fmt: skip
    """Reviews that are due by a day (``on`` unless given), as known and by the policy on the day ``on``.

    Of customers verified or in a relationship, in the order of their days, from ``after`` (exclusive) on. Whoever
    was never rated has no cycle, and is on the list only where a review was scheduled: :func:`unrated` counts them.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    horizon = by or on
    cycles = [(tier, *_cycle(policies, tier, on)) for tier in (*TIERS, "")]
    terms = [rows.Term.of(cycle) for _, cycle, _, _ in cycles]
    lasts = [_last(horizon, cycle, law_from, law_by, feb29) for _, cycle, law_from, law_by in cycles]
    arguments = {
        "tiers": [tier for tier, *_ in cycles], "months": [term.months for term in terms],
        "days": [term.days for term in terms], "lasts": lasts, "froms": [one[2] for one in cycles],
        "bys": [one[3] for one in cycles], "leap": feb29 == "1-mar", "on": on, "by": horizon, "branch": branch,
        "after_day": after.due_on if after else date.min,
        "after": UUID(bytes=after.stream_id) if after else _NOBODY, "limit": limit,
    }  # fmt: skip
    with reading(log) as connection:
        found = connection.execute(_filled("reviews"), arguments, binary=True).fetchall()
    return [
        Review(stream, day, tier or None, anchor, scheduled, branch, _standing(day, on))
        for stream, day, tier, anchor, scheduled, branch in found
    ]


def unrated(log: EventLog, branch: str | None = None) -> int:
    """How many customers in a relationship were never rated, so that no cycle says when they are reviewed.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    with reading(log) as connection:
        (count,) = connection.execute(_SQL["unrated"], {"branch": branch}).fetchone() or (0,)
    return int(count)


def stale(
    log: EventLog, name: str, version: str, *, branch: str | None = None, after: bytes | None = None,
    limit: int = FOUND,
) -> list[Stale]:  # fmt: skip
    """Customers whose last screening against the list ``name`` was not against this version (AML24 art. 40).

    In the order of their stream ids, from ``after`` (exclusive) on.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    start = UUID(bytes=after) if after else _NOBODY
    arguments = {"list": name, "version": version, "branch": branch, "after": start, "limit": limit}
    with reading(log) as connection:
        return list(map(Stale._make, connection.execute(_SQL["stale"], arguments, binary=True).fetchall()))


def objections(
    log: EventLog, on: date, policies: Policies, *, by: date | None = None, branch: str | None = None,
    limit: int = FOUND, feb29: Feb29 = "28-feb",
) -> list[Objection]:  # fmt: skip
    """Objections open on a day whose answer is due by another (``on`` unless given); none without a rule.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    horizon, period = by or on, _answer_within(policies, on)
    term = rows.Term.of(period)
    arguments = {
        "months": term.months, "days": term.days, "leap": feb29 == "1-mar", "on": on, "by": horizon,
        "last": rows.last_start(horizon, period, feb29), "branch": branch, "limit": limit,
    }  # fmt: skip
    with reading(log) as connection:
        found = connection.execute(_filled("objections"), arguments, binary=True).fetchall()
    return list(map(Objection._make, found))


def answer_by(objection: Open, policies: Policies, on: date, feb29: Feb29 = "28-feb") -> date | None:
    """When an objection is to be answered by the policy of a day; None: nothing says (AML24 art. 39)."""
    period = _answer_within(policies, on)
    return later(objection.since, period, feb29) if period else None


def _answer_within(policies: Policies, on: date) -> str | None:
    ruling = policies.ruling("answer.objection", on)
    return None if ruling is None else ruling.of(Within).period


def _cycle(policies: Policies, tier: str, on: date) -> tuple[str | None, date | None, date | None]:
    """The cycle of a tier on a day, and by when whoever was last reviewed before a change of law is reviewed."""
    cycle = policies.ruling("review.cycle", on, tier=tier) if tier else None
    existing = policies.ruling("review.existing", on, tier=tier) if tier else None
    return (
        cycle.of(Within).period if cycle else None,
        existing.row.effective_from if existing else None,
        existing.of(By).day if existing else None,
    )


def _last(by: date, cycle: str | None, law_from: date | None, law_by: date | None, feb29: Feb29) -> date | None:
    """The last anchor with which a review is due by a day."""
    last = rows.last_start(by, cycle, feb29)
    if law_from is not None and law_by is not None and law_by <= by:
        return max(last or date.min, law_from)
    return last


def _standing(due: date, on: date) -> Literal["overdue", "due", "coming"]:
    return "overdue" if due < on else "due" if due == on else "coming"


def _filled(statement: str) -> sql.Composed:
    parts = {
        "reviews": rows.later_sql("r.anchor", "r.months", "r.days", "%(leap)s"),
        "objections": rows.later_sql("o.received_on", "%(months)s::int", "%(days)s::int", "%(leap)s"),
    }
    return sql.SQL(_SQL[statement]).format(later=parts[statement])
