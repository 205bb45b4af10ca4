"""Deadlines on a day: of somebody, with all that led to them; of everybody, in one statement.

Links say whose facts count: a customer's records are linked to the accounts held or once held, an account's to its
holders, the files of one person to each other; the strictest wins (:mod:`kyc.retention.clocks`, which defines the
answer). :func:`deadlines` asks that definition, subject by subject, and explains; the lists are computed by the
database over all triggers, links and holds at once, and give the same answers. Nothing is stored: the law in force
on the day decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, LiteralString, NamedTuple, get_args
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from kyc.domain.calendar import Feb29, length
from kyc.domain.event import RecordClass
from kyc.domain.retention_rules import Policy, PolicySet, Trigger, shipped_set
from kyc.domain.submission import StreamName
from kyc.retention.clocks import LEVELS, Deadline, Link, Record, evaluate
from kyc.retention.holds import Held as Covered
from kyc.retention.holds import Hold, Scope, holding
from kyc.store import pgbinary
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import account_register
from projections.projection import reading
from projections.retention_trigger import Fact, facts, holds

State = Literal["held", "no-policy", "no-clock", "conflict", "due", "running"]
PAGE: Final = 1_000
"""Subjects explained together."""
ALL: Final = 2**63 - 1
_SQL: Final = load("projections", "retention_deadlines.sql")
_BEFORE_ALL: Final = bytes(16)
_YEAR: Final = 4
_OF_CUSTOMER: Final = frozenset(
    {
        "relationship-established",
        "relationship-ended",
        "relationship-reopened",
        "customer-deceased",
        "estate-settled",
    }
)
_OF_ACCOUNT: Final = frozenset({"account-opened", "account-closed", "account-reopened", "card-dormant"})


class Asked(NamedTuple):
    """The question: a day, and the law that is asked."""

    on: date
    law: PolicySet = shipped_set()
    """The version in use that day."""
    jurisdictions: tuple[str, ...] = ("CN",)
    """Home and host law."""
    feb29: Feb29 = "28-feb"
    """The declared rule for 29 February."""


class Due(NamedTuple):
    """The deadline of one unit of disposal, with what it was computed from; ``subject`` is a stream id."""

    subject: bytes
    record_class: str
    period: str
    deadline: Deadline
    record: Record
    linked: tuple[bytes, ...]
    """Whose facts and holds count besides the subject's: stream ids."""


class Listed(NamedTuple):
    """The deadline of one unit, as a list has it."""

    subject: bytes
    """Stream id."""
    record_class: str
    period: str
    kind: str
    """Of the stream."""
    branch: str
    """Where the first record was made."""
    keep_through: date | None
    must_delete_by: date | None
    state: State
    holds: int


class Total(NamedTuple):
    """How many units of a class and branch stand in a state."""

    record_class: str
    branch: str
    state: State
    units: int
    earliest: date | None
    """The first day one of them may go."""


class Shift(NamedTuple):
    """A unit whose dates differ under another edition of the law."""

    subject: bytes
    record_class: str
    period: str
    kind: str
    branch: str
    keep_through: date | None
    must_delete_by: date | None
    state: State
    new_keep_through: date | None
    new_must_delete_by: date | None
    new_state: State


class ShiftTotal(NamedTuple):
    """How many units of a class go from one state to another; ``sooner`` and ``later`` of them have both dates."""

    record_class: str
    state: State
    new_state: State
    units: int
    sooner: int
    later: int


# --- somebody's, explained -----------------------------------------------------------------------------


def deadlines(log: EventLog, asked: Asked, *subjects: StreamName | bytes) -> Iterator[Due]:
    """Deadlines of some subjects (names or stream ids), or of all where none is named, subject by subject.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    among = [one if isinstance(one, bytes) else log.stream_id(one) for one in subjects] or None
    after = _BEFORE_ALL
    while page := _subjects(log, after, PAGE, among):
        yield from _page(log, page, asked)
        after = page[-1]


def _subjects(log: EventLog, after: bytes, limit: int, among: Sequence[bytes] | None) -> list[bytes]:
    """The next subjects (stream ids) with records after one of them, in order."""
    chosen = None if among is None else pgbinary.uuids(among)
    with reading(log) as connection:
        arguments = (UUID(bytes=after), chosen, chosen, limit)
        return [row[0] for row in connection.execute(_SQL["subjects"], arguments, binary=True)]


def _page(log: EventLog, page: Sequence[bytes], asked: Asked) -> Iterator[Due]:
    people, accounts = _links(log, page)
    everybody = list({*page, *(one for some in (people, accounts) for linked in some.values() for one in linked)})
    known: dict[bytes, list[Fact]] = defaultdict(list)
    for fact in facts(log, everybody):
        known[fact.subject].append(fact)
    mates = _mates(log, everybody)
    laid = _holds(log, everybody)
    for subject in page:
        units: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for fact in known[subject]:
            units[fact.record_class, fact.period].append(fact)
        linked = _linked(known, mates, people[subject], accounts[subject])
        others = tuple(dict.fromkeys(one for one in (*people[subject], *accounts[subject]) if one != subject))
        for (record_class, period), own_facts in sorted(units.items()):
            own = Link("record", _of(own_facts, None))
            record = Record(record_class, asked.jurisdictions, (own, *linked))
            about = _held(subject, record_class, period, others)
            found = holding(laid, about, asked.on)
            deadline = evaluate(record, asked.law, asked.on, holds=found, feb29=asked.feb29)
            yield Due(subject, record_class, period, deadline, record, others)


def _links(log: EventLog, page: Sequence[bytes]) -> tuple[dict[bytes, list[bytes]], dict[bytes, list[bytes]]]:
    """Subject → the customers, and the accounts, whose facts count for it; itself where it is one."""
    people: dict[bytes, list[bytes]] = {one: [] for one in page}
    accounts: dict[bytes, list[bytes]] = {one: [] for one in page}
    own = account_register.of_streams(log, page)
    mates = _mates(log, [*page, *(holder for account in own for holder in account.ever_held_by)])
    for account in own:
        accounts[account.stream_id].append(account.stream_id)
        held_by = account.ever_held_by
        people[account.stream_id] += [one for holder in held_by for one in mates.get(holder, (holder,))]
    whose: dict[bytes, list[bytes]] = defaultdict(list)
    for subject in page:
        for one in mates.get(subject, (subject,)):
            whose[one].append(subject)
    for account in account_register.ever_held_by(log, *whose):
        for subject in dict.fromkeys(one for holder in account.ever_held_by for one in whose.get(holder, ())):
            accounts[subject].append(account.stream_id)
    for subject in page:
        if not people[subject] and subject not in accounts[subject]:
            people[subject] += mates.get(subject, [subject])
    return people, accounts


def _mates(log: EventLog, subjects: Sequence[bytes]) -> dict[bytes, list[bytes]]:
    """File → all files of that person, itself included; files that were never merged are left out."""
    found: dict[bytes, list[bytes]] = defaultdict(list)
    with reading(log) as connection:
        for one, other in connection.execute(_SQL["mates"], (pgbinary.uuids(subjects),), binary=True):
            found[one].append(other)
    return found


def survivors(log: EventLog, files: Sequence[bytes]) -> set[bytes]:
    """Which of some files have absorbed another that is still there: they outlast it, for its clock is theirs.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    with reading(log) as connection:
        found = connection.execute(_SQL["survivors"], (pgbinary.uuids(files),), binary=True)
        return {row[0] for row in found}


def _linked(
    known: dict[bytes, list[Fact]], mates: dict[bytes, list[bytes]], people: Sequence[bytes],
    accounts: Sequence[bytes],
) -> list[Link]:  # fmt: skip
    """Links to persons, one for all files of each, and to accounts.

    Whoever has no such records any more was disposed of, and keeps nobody else's.
    """
    links = []
    for files in dict.fromkeys(tuple(mates.get(one, [one])) for one in people):
        kept = [one for one in files if _has(known[one], RecordClass.IDENTITY)]
        if kept:
            links.append(Link("customer", _of([fact for one in kept for fact in known[one]], _OF_CUSTOMER)))
    return links + [
        Link("account", _of(known[one], _OF_ACCOUNT)) for one in accounts if _has(known[one], RecordClass.ACCOUNT)
    ]


def _has(known: Sequence[Fact], record_class: RecordClass) -> bool:
    return any(fact.record_class == record_class for fact in known)


def _of(known: Sequence[Fact], chosen: frozenset[str] | None) -> tuple[tuple[Trigger, date], ...]:
    """Trigger → day, latest last; all that are neither a customer's nor an account's where none are chosen."""
    return tuple(
        (fact.trigger, fact.on)
        for fact in sorted(known, key=lambda fact: (fact.on, fact.trigger))
        if (fact.trigger in chosen if chosen is not None else fact.trigger not in _OF_CUSTOMER | _OF_ACCOUNT)
    )


def _holds(log: EventLog, subjects: Sequence[bytes]) -> list[Hold]:
    return [
        Hold(
            hold=held.hold.hex(), kind=held.basis,
            scope=Scope(
                customers=frozenset({held.subject.hex()}), record_classes=frozenset(held.classes),
                period_from=held.since, period_to=held.until,
            ),
            placed_on=held.placed_on, ended_on=held.ended_on,
        )
        for held in holds(log, subjects)
    ]  # fmt: skip


def _held(subject: bytes, record_class: str, period: str, linked: Sequence[bytes]) -> Covered:
    """What is known of a unit when holds are laid over it: whoever it is linked with, and its year."""
    year = int(period) if len(period) == _YEAR and period.isdecimal() else None
    return Covered(
        record_class=record_class,
        customers=frozenset(one.hex() for one in (subject, *linked)),
        about_from=date(year, 1, 1) if year else None,
        about_to=date(year, 12, 31) if year else None,
    )


# --- everybody's, in one statement ---------------------------------------------------------------------


def listed(
    log: EventLog, asked: Asked, *states: State, record_class: str | None = None, branch: str | None = None,
    after: Listed | None = None, limit: int = ALL,
) -> list[Listed]:  # fmt: skip
    """The units in these states on the day, what must go first coming first, from ``after`` (exclusive) on.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    statement = _SQL["deadlines"] + _SQL["place"] + _SQL["listed"]
    chosen = {
        "states": list(states or get_args(State)), "class": record_class, "branch": branch, "limit": limit,
        "after_delete": after.must_delete_by if after else None,
        "after_keep": after.keep_through if after else None,
        "after_subject": UUID(bytes=after.subject) if after else None,
        "after_class": after.record_class if after else None, "after_period": after.period if after else None,
    }  # fmt: skip
    return [Listed(*row) for row in _at_once(log, statement, _asked(asked) | chosen)]


def totals(
    log: EventLog, asked: Asked, *, record_class: str | None = None, branch: str | None = None
) -> list[Total]:
    """How many units of each class and branch stand in which state on the day.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    statement = _SQL["deadlines"] + _SQL["place"] + _SQL["totals"]
    chosen = {"class": record_class, "branch": branch}
    return [Total(*row) for row in _at_once(log, statement, _asked(asked) | chosen)]


def moved(log: EventLog, asked: Asked, becomes: PolicySet, limit: int = ALL) -> list[Shift]:
    """The units whose dates another edition of the law would move on the day: before it is published.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    statement = _SQL["deadlines"] + _SQL["place"] + _SQL["moved"]
    arguments = _asked(asked, becomes) | {"limit": limit}
    return [Shift(*row) for row in _at_once(log, statement, arguments)]


def moved_totals(log: EventLog, asked: Asked, becomes: PolicySet) -> list[ShiftTotal]:
    """How many units another edition would move on the day, by class and by what becomes of them.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    statement = _SQL["deadlines"] + _SQL["moved_totals"]
    return [ShiftTotal(*row) for row in _at_once(log, statement, _asked(asked, becomes))]


def _at_once(log: EventLog, statement: LiteralString, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement over all units, which nothing is known of when it is planned."""
    with reading(log) as connection, connection.transaction():
        connection.execute(_SQL["by_hash"])
        return connection.execute(statement, arguments, binary=True).fetchall()


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """One policy in force, as the statement reads it; months None: it sets no such period."""

    edition: int
    clock: int
    jurisdiction: str
    classes: tuple[str, ...]
    year_end: bool
    yields: bool
    least_months: int | None
    least_days: int | None
    most_months: int | None
    most_days: int | None
    cap_months: int | None
    cap_days: int | None


def _asked(asked: Asked, *becomes: PolicySet) -> dict[str, Any]:
    """What the statement is asked with: the policies in force that day, and what their clocks wait for."""
    clocks: dict[tuple[tuple[Trigger, ...], str], int] = {}
    editions = (asked.law, *becomes)
    lines = [
        _line(edition, policy, clocks)
        for edition, law in enumerate(editions)
        for policy in law.in_force(asked.on, *asked.jurisdictions)
    ]
    return {
        "law": Jsonb([msgspec.to_builtins(line) for line in lines]),
        "clocks": Jsonb([_clock(number, *waits) for waits, number in clocks.items()]),
        "editions": list(range(len(editions))),
        "on": asked.on,
        "feb29": asked.feb29,
    }


def _line(edition: int, policy: Policy, clocks: dict[tuple[tuple[Trigger, ...], str], int]) -> _Line:
    cap = policy.cap
    (least, least_days), (most, most_days), (capped, capped_days) = (
        (None, None) if period is None else length(period)[:2]
        for period in (policy.min_len, policy.max_len, cap.length if cap else None)
    )
    waits = (tuple(sorted(policy.triggers)), cap.trigger if cap else "")
    return _Line(
        edition=edition, clock=clocks.setdefault(waits, len(clocks)), jurisdiction=policy.jurisdiction,
        classes=policy.record_classes, year_end=policy.clock_rule == "year_end",
        yields=policy.yields_to == "jurisdiction", least_months=least, least_days=least_days, most_months=most,
        most_days=most_days, cap_months=capped, cap_days=capped_days,
    )  # fmt: skip


def _clock(number: int, triggers: tuple[Trigger, ...], cap: str) -> dict[str, Any]:
    levels = {LEVELS.get(trigger) for trigger in triggers}
    waits = {trigger.replace("-", "_"): trigger in triggers for trigger in get_args(Trigger)}
    of = {f"of_{level}": level in levels for level in ("record", "customer", "account")}
    at = {  # where a clock can find anything at all: elsewhere it is not even asked
        f"at_{level}": level in levels or not known.isdisjoint((*triggers, cap))
        for level, known in (("customer", _OF_CUSTOMER), ("account", _OF_ACCOUNT))
    }
    return {"clock": number, "cap": cap} | of | at | waits
