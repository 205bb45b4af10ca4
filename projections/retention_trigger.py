"""What starts the retention clocks, and what holds: data per unit of disposal, never frozen deadlines.

A unit is what the law disposes of together and one data key protects: a subject's records of one class and clock
period. What is computed from it, on the day somebody asks, is :mod:`projections.retention_deadlines`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, TypeVar, get_args
from uuid import UUID

from kyc.domain import catalogue
from kyc.domain.account import AccountClosed, AccountOpened, AccountReopened
from kyc.domain.customer import RelationshipEnded, RelationshipEstablished
from kyc.domain.disposal import ClockRestarted, ClockStarted, ClockStopped, HoldPlaced, HoldReleased
from kyc.domain.event import Event, topics
from kyc.domain.life import (
    CustomerDeceased,
    CustomersMerged,
    MergeReverted,
    ProspectRefused,
    RelationshipReopened,
)
from kyc.domain.monitoring import ReportFiled
from kyc.domain.occasional import OneOffCompleted
from kyc.domain.privacy import ConsentWithdrawn
from kyc.domain.retention_rules import Trigger as Kind
from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.records import lane_of
from kyc.store.statements import load
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

_KINDS: Final = frozenset(get_args(Kind))


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


class Unit(NamedTuple):
    """A stream that has records of a unit of disposal."""

    data_key: bytes
    stream: bytes
    subject: bytes
    record_class: str
    period: str
    kind: str
    """Of the stream."""
    branch: str
    """Where the first record was made."""


class RetentionTrigger:
    """One row for each trigger of a unit, at its latest day; for each that was said; for each hold and merger.

    And one for each stream that has records of a unit: what a key protects is known before it is destroyed.
    """

    name = "retention_trigger"
    version = 4
    topics = frozenset(topic for topic, kind in topics().items() if kind.STREAM in _STREAMS)
    tables = ("retention_trigger", "retention_hold", "retention_stated", "retention_unit", "retention_merge")
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Raise the days of the triggers in the batch; place and release holds in their order."""
        latest: dict[tuple[bytes, str], date] = {}
        made: dict[bytes, date] = {}
        units: dict[tuple[bytes, bytes], tuple[str, str]] = {}
        for recorded in batch:
            event, row = recorded.event, recorded.row
            if event is None:
                continue
            kind, key = type(event), row.data_key
            units.setdefault((key, row.stream_id), (kind.STREAM, recorded.context.branch))
            _raise(made, key, event.occurred_at.date())
            if kind in _DATED:
                trigger, day_of = _DATED[kind]
                _raise(latest, (key, trigger), day_of(event))
            elif kind in _SINGLY:
                _SINGLY[kind](connection, log, tables, recorded, event)
        if made:
            latest.update({(key, "record-made"): on for key, on in made.items()})
            _triggers(connection, log, tables, latest)
            _units(connection, log, tables, units)

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove the triggers of units that are disposed of."""
        sweeps = (_SQL["sweep_stated"], _SQL["sweep_units"], _SQL["sweep_merges"], _SQL["sweep"])
        return sum(connection.execute(tables.fill(one), (since,)).rowcount for one in sweeps)


K = TypeVar("K")


def _raise(latest: dict[K, date], key: K, on: date) -> None:
    """Only the latest day counts."""
    known = latest.get(key)
    if known is None or known < on:
        latest[key] = on


def _triggers(
    connection: Connection, log: EventLog, tables: Tables, latest: Mapping[tuple[bytes, str], date]
) -> None:
    """Note what happened to which unit, and when at the latest; in the order of the index."""
    found = sorted(latest.items())
    keys = [key for (key, _), _ in found]
    connection.execute(
        tables.fill(_SQL["add"]),
        (
            _lanes(log, keys), pgbinary.uuids(keys), pgbinary.texts([trigger for (_, trigger), _ in found]),
            pgbinary.dates([on for _, on in found]),
        ),
    )  # fmt: skip


def _units(
    connection: Connection, log: EventLog, tables: Tables, units: Mapping[tuple[bytes, bytes], tuple[str, str]]
) -> None:
    """Note which streams have records of which unit, of which kind, and where the first was recorded."""
    keys, streams = zip(*units, strict=True)
    kinds, branches = zip(*units.values(), strict=True)
    connection.execute(
        tables.fill(_SQL["add_units"]),
        (
            _lanes(log, keys), pgbinary.uuids(keys), pgbinary.uuids(streams), pgbinary.texts(kinds),
            pgbinary.texts(branches),
        ),
    )  # fmt: skip


def _lanes(log: EventLog, keys: Sequence[bytes]) -> pgbinary.Int2Array:
    """The lanes of data keys, wherever somebody used them."""
    return pgbinary.int2s([lane_of(key, log.lanes) for key in keys])


def _merger(
    connection: Connection, log: EventLog, tables: Tables, recorded: Recorded,
    event: CustomersMerged | MergeReverted,
) -> None:  # fmt: skip
    """Two files of one person: the end and the holds of each count for both, until the merger is reverted."""
    survivor = UUID(bytes=recorded.row.stream_id)
    absorbed = UUID(bytes=log.stream_id(StreamName("customer", event.absorbed)))
    if isinstance(event, MergeReverted):
        connection.execute(tables.fill(_SQL["revert"]), (survivor, absorbed))
    else:
        connection.execute(tables.fill(_SQL["merge"]), (survivor, absorbed, UUID(bytes=recorded.row.data_key)))


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


_SINGLY: Final[Mapping[type[Event], Callable[..., None]]] = {
    HoldPlaced: _hold, HoldReleased: _hold, ClockStarted: _said, ClockStopped: _said, ClockRestarted: _said,
    CustomersMerged: _merger, MergeReverted: _merger,
}  # fmt: skip
"""What changes rows of its own, one event after the other."""


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


def units(log: EventLog, keys: Sequence[bytes]) -> list[Unit]:
    """Which streams have records under some data keys.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        return [Unit(*row) for row in connection.execute(_SQL["units"], (pgbinary.uuids(keys),), binary=True)]


def _rows(log: EventLog, statement: str, subjects: Sequence[bytes] | None) -> list[tuple[Any, ...]]:
    chosen = None if subjects is None else pgbinary.uuids(subjects)
    with reading(log) as connection:
        return connection.execute(_SQL[statement], (chosen, chosen), binary=True).fetchall()
