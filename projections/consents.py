"""Questions about consent and requests: may this purpose be served that day, who may be, what is to be answered.

The read model is :mod:`projections.consent_register`. Duties that the law imposes rest on no consent: they are not
asked about here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from psycopg import sql

from kyc.domain.calendar import Feb29
from kyc.domain.policies import Policies
from kyc.domain.rulebook import Within
from kyc.store import pgbinary
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import rows
from projections.consent_register import Asked, Given, Reason
from projections.projection import reading

_SQL: Final = load("projections", "consent_register.sql")
FOUND: Final = 1_000
"""Most rows that a list answers with, unless asked for more."""
_NOBODY: Final = UUID(int=0)


class Permission(NamedTuple):
    """Whether a purpose that rests on consent may be served for a customer on a day."""

    allowed: bool
    because: Literal["consented", "restricted", "withdrawn", "not-asked"]
    on: date | None
    """Day of the consent, of its withdrawal, or of the restriction."""


class Consent(NamedTuple):
    """A consent as of a day; ``given`` None: its key is destroyed."""

    stream_id: bytes
    version: int
    purpose: str
    separate: bool
    notice: str
    given_on: date
    withdrawn_on: date | None
    given: Given | None


class Notice(NamedTuple):
    """A notice that was presented; ``channel`` empty: at registration."""

    stream_id: bytes
    notice: str
    channel: str
    language: str
    presented_on: date


class Restriction(NamedTuple):
    """A time of storage and security only; ``reason`` None: its key is destroyed."""

    stream_id: bytes
    version: int
    request: bytes
    since: date
    until: date | None
    reason: Reason | None


class Request(NamedTuple):
    """A request as of a day; ``asked`` None: its key is destroyed."""

    stream_id: bytes
    version: int
    customer: bytes
    kind: str
    requester: str
    received_on: date
    due_on: date
    """The day that was named at reception, or by the term that is policy, whichever comes first."""
    outcome: Literal["fulfilled", "refused"] | None
    answered_on: date | None
    branch: str | None
    """Which looks after the customer."""
    asked: Asked | None


Place = tuple[date, UUID, int]
"""Where a list of requests goes on: when the last one told is due, its stream and version."""


def may(log: EventLog, stream: bytes, purpose: str, on: date) -> Permission:
    """Whether a purpose that rests on consent may be served for a customer (stream id) on a day.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    now = next((one for one in restrictions(log, [stream], on) if one.until is None), None)
    if now is not None:
        return Permission(allowed=False, because="restricted", on=now.since)
    given = consents(log, [stream], on, purpose)
    if not given:
        return Permission(allowed=False, because="not-asked", on=None)
    last = given[-1]
    if last.withdrawn_on is not None:
        return Permission(allowed=False, because="withdrawn", on=last.withdrawn_on)
    return Permission(allowed=True, because="consented", on=last.given_on)


def consenting(
    log: EventLog, purpose: str, on: date, *, branch: str | None = None, after: bytes | None = None,
    limit: int = FOUND,
) -> list[bytes]:  # fmt: skip
    """The customers (stream ids, in order, from ``after`` on) for whom a purpose may be served on a day.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    arguments = {
        "purpose": purpose, "on": on, "branch": branch, "after": UUID(bytes=after) if after else _NOBODY,
        "limit": limit,
    }  # fmt: skip
    return [row[0] for row in _asked(log, "consenting", arguments)]


def consents(log: EventLog, streams: Sequence[bytes], on: date, purpose: str | None = None) -> list[Consent]:
    """The consents of customers as of a day, withdrawn ones included, in the order they were given.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    found = _asked(log, "consents", {"streams": pgbinary.uuids(streams), "on": on, "purpose": purpose})
    return [Consent._make(row) for row in _opened(log, Given, found)]


def notices(log: EventLog, streams: Sequence[bytes], on: date) -> list[Notice]:
    """The notices that were presented to customers by a day.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    return [Notice._make(row) for row in _asked(log, "notices", {"streams": pgbinary.uuids(streams), "on": on})]


def restrictions(log: EventLog, streams: Sequence[bytes], on: date) -> list[Restriction]:
    """The restrictions of customers as of a day, lifted ones included.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    found = _asked(log, "restrictions", {"streams": pgbinary.uuids(streams), "on": on})
    return [Restriction._make(row) for row in _opened(log, Reason, found)]


def requests(
    log: EventLog, on: date, policies: Policies, *, customers: Sequence[bytes] | None = None,
    branch: str | None = None, limit: int = FOUND, feb29: Feb29 = "28-feb",
) -> list[Request]:  # fmt: skip
    """The requests received by a day, of some customers (stream ids) or all, answered ones included.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    chosen = {"by": None, "customers": None if customers is None else pgbinary.uuids(customers), "branch": branch}
    return _requests(log, on, policies, chosen | _after(None) | {"limit": limit}, feb29)


def deletions(log: EventLog, on: date) -> list[bytes]:
    """The customers (stream ids) whose deletion was asked for by a day, and is not done or given up.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    return [row[0] for row in _asked(log, "deletions", {"on": on})]


def due(
    log: EventLog, on: date, policies: Policies, *, by: date | None = None, branch: str | None = None,
    after: Place | None = None, limit: int = FOUND, feb29: Feb29 = "28-feb",
) -> list[Request]:  # fmt: skip
    """The requests open on a day whose answer is due by another (``on`` unless given), by the policy of the day.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    chosen = {"by": by or on, "customers": None, "branch": branch, "limit": limit}
    return _requests(log, on, policies, chosen | _after(after), feb29)


def _after(place: Place | None) -> dict[str, Any]:
    day, stream, version = place or (None, None, None)
    return {"after_day": day, "after": stream, "after_version": version}


def _requests(log: EventLog, on: date, policies: Policies, chosen: dict[str, Any], feb29: Feb29) -> list[Request]:
    ruling = policies.ruling("answer.data-subject", on)
    term = rows.Term.of(ruling.of(Within).period if ruling else None)
    term_of = {"months": term.months, "days": term.days, "leap": feb29 == "1-mar", "on": on}
    arguments = chosen | term_of
    return [Request._make(row) for row in _opened(log, Asked, _asked(log, "requests", arguments))]


def _opened(log: EventLog, kind: Any, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows with their last two columns, data key and cell, replaced by the content."""
    contents = rows.unseal(log, kind, [(*row[:2], *row[-2:]) for row in found])
    return [(*row[:-2], content) for row, content in zip(found, contents, strict=True)]


def _asked(log: EventLog, statement: str, arguments: dict[str, Any]) -> list[tuple[Any, ...]]:
    later = rows.later_sql("q.received_on", "%(months)s::int", "%(days)s::int", "%(leap)s")
    composed = sql.SQL(_SQL[statement]).format(later=later, restricted=sql.SQL(_SQL["restricted"]))
    with reading(log) as connection:
        return connection.execute(composed, arguments, binary=True).fetchall()
