"""What starts the retention clocks, and what holds: data per unit of disposal, never frozen deadlines.

A unit is what the law disposes of together and one data key protects: a subject's records of one class and clock
period. Its deadline is computed on the day it is asked for, with links that say whose facts count: a customer's
records are linked to the accounts held or once held, an account's to its holders; the strictest wins
(:mod:`kyc.retention.clocks`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, get_args
from uuid import UUID

from kyc.domain import catalogue
from kyc.domain.account import AccountClosed, AccountOpened, AccountReopened
from kyc.domain.calendar import Feb29
from kyc.domain.customer import RelationshipEnded, RelationshipEstablished
from kyc.domain.disposal import ClockRestarted, ClockStarted, ClockStopped, HoldPlaced, HoldReleased
from kyc.domain.event import Event, RecordClass, topics
from kyc.domain.life import CustomerDeceased, ProspectRefused, RelationshipReopened
from kyc.domain.monitoring import ReportFiled
from kyc.domain.occasional import OneOffCompleted
from kyc.domain.privacy import ConsentWithdrawn
from kyc.domain.retention_rules import PolicySet, shipped_set
from kyc.domain.retention_rules import Trigger as Kind
from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.retention.clocks import Deadline, Link, Record, evaluate
from kyc.retention.holds import Held as Covered
from kyc.retention.holds import Hold, Scope, holding
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections import account_register
from projections.projection import Tables, reading

_SQL: Final = load("projections", "retention_trigger.sql")
_STREAMS: Final = frozenset(catalogue.STREAMS)

_DATED: Final[dict[type[Event], tuple[Kind, Callable[[Any], date]]]] = {
    TransactionBooked: ("transaction-booked", lambda event: event.booked_at.date()),
    OneOffCompleted: ("one-off-completed", lambda event: event.occurred_at.date()),
    RelationshipEstablished: ("relationship-established", lambda event: event.on),
    RelationshipEnded: ("relationship-ended", lambda event: event.on),
    RelationshipReopened: ("relationship-reopened", lambda event: event.on),
    CustomerDeceased: ("customer-deceased", lambda event: event.on),
    ProspectRefused: ("onboarding-refused", lambda event: event.occurred_at.date()),
    AccountOpened: ("account-opened", lambda event: event.opened_on),
    AccountClosed: ("account-closed", lambda event: event.on),
    AccountReopened: ("account-reopened", lambda event: event.on),
    ReportFiled: ("report-filed", lambda event: event.filed_on),
    ConsentWithdrawn: ("consent-withdrawn", lambda event: event.occurred_at.date()),
}
"""Events that start or stop a clock, and their day; besides, every event is a record made on its day."""

PAGE: Final = 1_000
"""Subjects computed together."""
_BEFORE_ALL: Final = bytes(16)
_KINDS: Final = frozenset(get_args(Kind))
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


class Fact(NamedTuple):
    """A trigger of one unit, and its latest day."""

    subject: bytes
    record_class: str
    period: str
    trigger: Kind
    on: date


class Held(NamedTuple):
    """A hold on a subject's records; ``hold`` is the keyed digest of its number."""

    subject: bytes
    hold: bytes
    basis: str
    classes: list[str]
    since: date | None
    until: date | None
    placed_on: date
    ended_on: date | None


class RetentionTrigger:
    """One row for each trigger of a unit, at its latest day; one for each that was said; one for each hold."""

    name = "retention_trigger"
    version = 3
    topics = frozenset(topic for topic, kind in topics().items() if kind.STREAM in _STREAMS)
    tables = ("retention_trigger", "retention_hold", "retention_stated")
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Raise the days of the triggers in the batch; place and release holds in their order."""
        latest: dict[tuple[int, bytes, str], date] = {}
        for recorded in batch:
            event, row = recorded.event, recorded.row
            if event is None:
                continue
            found: list[tuple[str, date]] = [("record-made", event.occurred_at.date())]
            dated = _DATED.get(type(event))
            if dated is not None:
                found.append((dated[0], dated[1](event)))
            elif isinstance(event, HoldPlaced | HoldReleased):
                _hold(connection, log, tables, recorded, event)
            elif isinstance(event, ClockStarted | ClockStopped | ClockRestarted):
                _said(connection, log, tables, recorded, event)
            for trigger, on in found:
                key = (row.lane, row.data_key, trigger)
                known = latest.get(key)
                if known is None or known < on:
                    latest[key] = on
        if latest:
            lanes, keys, names = zip(*sorted(latest), strict=True)
            days = [latest[key] for key in sorted(latest)]
            connection.execute(
                tables.fill(_SQL["add"]),
                (pgbinary.int2s(lanes), pgbinary.uuids(keys), pgbinary.texts(names), days),
            )

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove the triggers of units that are disposed of."""
        said = connection.execute(tables.fill(_SQL["sweep_stated"]), (since,)).rowcount
        return said + connection.execute(tables.fill(_SQL["sweep"]), (since,)).rowcount


def _subject(log: EventLog, name: str) -> UUID:
    """The stream id of a subject as retention events name it: ``customer/C1``."""
    kind, _, key = name.partition("/")
    return UUID(bytes=log.stream_id(StreamName(kind, key)))


def _said(
    connection: Connection, log: EventLog, tables: Tables, recorded: Recorded,
    event: ClockStarted | ClockStopped | ClockRestarted,
) -> None:  # fmt: skip
    """A trigger that is no event of ours, such as an estate settled; one on an unknown day starts nothing."""
    subject, record_class = _subject(log, event.subject), str(event.record_class)
    if isinstance(event, ClockStopped):
        connection.execute(tables.fill(_SQL["retract"]), (subject, record_class, event.on))
    elif event.on is not None and event.trigger in _KINDS:
        arguments = (subject, record_class, event.trigger, event.on, UUID(bytes=recorded.row.data_key))
        connection.execute(tables.fill(_SQL["state"]), arguments)


def _hold(
    connection: Connection, log: EventLog, tables: Tables, recorded: Recorded, event: HoldPlaced | HoldReleased
) -> None:
    subject = _subject(log, event.subject)
    hold = UUID(bytes=log.blinder.index("hold", event.hold))
    day = event.occurred_at.date()
    if isinstance(event, HoldReleased):
        connection.execute(tables.fill(_SQL["release"]), (day, subject, hold))
        return
    connection.execute(
        tables.fill(_SQL["place"]),
        (
            subject, hold, event.basis, [str(one) for one in event.classes], event.since, event.until, day,
            UUID(bytes=recorded.row.data_key),
        ),
    )  # fmt: skip


def facts(log: EventLog, subjects: Sequence[bytes] | None = None) -> list[Fact]:
    """The triggers of some subjects (stream ids), or of all.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    return [Fact(*row) for statement in ("triggers", "stated") for row in _rows(log, statement, subjects)]


def holds(log: EventLog, subjects: Sequence[bytes] | None = None) -> list[Held]:
    """The holds on some subjects (stream ids), ended ones included, or on all.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    return [Held(*row) for row in _rows(log, "holds", subjects)]


def _subjects(log: EventLog, after: bytes, limit: int, among: Sequence[bytes] | None = None) -> list[bytes]:
    """The next subjects (stream ids) with records after one of them, in order."""
    chosen = None if among is None else pgbinary.uuids(among)
    with reading(log) as connection:
        arguments = (UUID(bytes=after), chosen, chosen, limit)
        found = connection.execute(_SQL["subjects"], arguments, binary=True).fetchall()
    return [row[0] for row in found]


def _rows(log: EventLog, statement: str, subjects: Sequence[bytes] | None) -> list[tuple[Any, ...]]:
    chosen = None if subjects is None else pgbinary.uuids(subjects)
    with reading(log) as connection:
        return connection.execute(_SQL[statement], (chosen, chosen), binary=True).fetchall()


# --- deadlines -----------------------------------------------------------------------------------------


class Due(NamedTuple):
    """The deadline of one unit of disposal; ``subject`` is a stream id."""

    subject: bytes
    record_class: str
    period: str
    deadline: Deadline


def deadlines(
    log: EventLog, on: date, *, subject: StreamName | None = None, law: PolicySet | None = None,
    jurisdictions: Sequence[str] = ("CN",), feb29: Feb29 = "28-feb",
) -> Iterator[Due]:  # fmt: skip
    """Deadlines as of the day ``on``, subject by subject, of one customer or account or of all.

    Args:
        log: where names become stream ids.
        on: the day of the question, in the institution's zone.
        subject: whose records; None: everybody's.
        law: the version of the law in use that day; None: what is shipped.
        jurisdictions: home and host law.
        feb29: the declared rule for 29 February.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    among = None if subject is None else [log.stream_id(subject)]
    after = _BEFORE_ALL
    while page := _subjects(log, after, PAGE, among):
        yield from _page(log, page, on, law or shipped_set(), tuple(jurisdictions), feb29)
        after = page[-1]


def _page(
    log: EventLog, page: Sequence[bytes], on: date, law: PolicySet, jurisdictions: tuple[str, ...], feb29: Feb29
) -> Iterator[Due]:
    people, accounts = _links(log, page)
    everybody = list({*page, *(one for some in (people, accounts) for linked in some.values() for one in linked)})
    known: dict[bytes, list[Fact]] = defaultdict(list)
    for fact in facts(log, everybody):
        known[fact.subject].append(fact)
    laid = _holds(log, everybody)
    for subject in page:
        units: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for fact in known[subject]:
            units[fact.record_class, fact.period].append(fact)
        # Whoever has no such records any more was disposed of, and keeps nobody else's.
        linked = [
            Link("customer", _of(known[one], _OF_CUSTOMER))
            for one in people[subject]
            if any(fact.record_class == RecordClass.IDENTITY for fact in known[one])
        ] + [
            Link("account", _of(known[one], _OF_ACCOUNT))
            for one in accounts[subject]
            if any(fact.record_class == RecordClass.ACCOUNT for fact in known[one])
        ]
        for (record_class, period), own_facts in sorted(units.items()):
            own = Link("record", _of(own_facts, None))
            record = Record(record_class, jurisdictions, (own, *linked))
            about = _held(subject, record_class, period, (*people[subject], *accounts[subject]))
            yield Due(
                subject, record_class, period,
                evaluate(record, law, on, holds=holding(laid, about, on), feb29=feb29),
            )  # fmt: skip


def _links(log: EventLog, page: Sequence[bytes]) -> tuple[dict[bytes, list[bytes]], dict[bytes, list[bytes]]]:
    """Subject → the customers, and the accounts, whose facts count for it; itself where it is one."""
    people: dict[bytes, list[bytes]] = {one: [] for one in page}
    accounts: dict[bytes, list[bytes]] = {one: [] for one in page}
    for account in account_register.of_streams(log, page):
        accounts[account.stream_id].append(account.stream_id)
        people[account.stream_id] += [holder for holder, _ in account.holders] + list(account.former)
    for account in account_register.ever_held_by(log, *page):
        for holder in {*(holder for holder, _ in account.holders), *account.former}:
            if holder in accounts:
                accounts[holder].append(account.stream_id)
    for subject in page:
        if not people[subject] and subject not in accounts[subject]:
            people[subject].append(subject)
    return people, accounts


def _of(facts: Sequence[Fact], chosen: frozenset[str] | None) -> tuple[tuple[Kind, date], ...]:
    """Trigger → day, latest last; all that are neither a customer's nor an account's where none are chosen."""
    return tuple(
        (fact.trigger, fact.on)
        for fact in sorted(facts, key=lambda fact: (fact.on, fact.trigger))
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
