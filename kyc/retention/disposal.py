"""Disposal of units: keys destroyed, everything under them removed, looked for again, and only then certified.

The order of things, each of which may be the last before a crash; run again, it goes on from there:

1. The destruction is decided on the retention streams of the subject and of everybody it is linked with, and
   recorded in all of them, in the transaction that destroys the key (:mod:`kyc.store.destroying`). A hold recorded
   before in any of them wins; one recorded at the same time collides, and the decision is taken again.
2. The key is noted in the register that lies outside the database (:mod:`kyc.retention.register`).
3. Every place empties what it holds under the key.
4. Every place looks for what is left. Only if none finds anything, the certificate's digest is recorded.

Which units are due, and who has approved, is decided before; read models and exports are places of others.
Serves AML24 art. 34 and 54, PIPL art. 47, O2-07 art. 29, ISO 15489-2 4.3.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from kyc.clock import to_datetime
from kyc.domain.disposal import (
    RETENTION,
    Disposal,
    HoldPlaced,
    HoldReleased,
    KeyDestroyed,
    LinkedDisposed,
    RecordDisposed,
    Retention,
)
from kyc.domain.event import Event, RecordClass
from kyc.domain.fact import Submission
from kyc.domain.stream import Given
from kyc.domain.submission import Entry, Origin, StreamName, Unit
from kyc.errors import CollisionError, KycError, NotFoundError, RefusedError, StoreError, VersionConflictError
from kyc.ledger import Ledger
from kyc.retention.certificate import Statement
from kyc.retention.register import Destroyed, Lines
from kyc.store.data_keys import Emptied
from kyc.store.destroying import destroy
from kyc.store.log import EventLog
from kyc.store.records import Batch

ATTEMPTS: Final = 20
"""Decisions on retention streams that others write at the same time are taken again this often."""


class Doomed(NamedTuple):
    """What goes with one data key. Ids are raw bytes."""

    data_key: bytes
    streams: tuple[bytes, ...]
    """Streams that have events under the key."""


class Place(Protocol):
    """Where something under a key may lie. Duties: clearing twice is harmless; looking is a look, not a memory."""

    def clear(self, doomed: Sequence[Doomed]) -> None:
        """Remove what lies there."""
        ...

    def left(self, doomed: Sequence[Doomed]) -> dict[bytes, dict[str, int]]:
        """Data key → name → how much is still there; for all at once, so that large tables are read once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One approved disposal to be carried out."""

    subject: StreamName
    """Whose records."""
    disposal: str
    doomed: Doomed
    linked: tuple[StreamName, ...] = ()
    """Subjects whose holds keep these records too."""

    @property
    def retention(self) -> StreamName:
        """The stream in which the disposal is recorded."""
        return retention_of(self.subject)


class StorePlace:
    """The log itself: the key, ciphertext of events and scans, snapshots."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.emptied = Emptied(0, 0, 0, 0)
        """What was removed so far."""

    def clear(self, doomed: Sequence[Doomed]) -> None:
        """Empty ciphertext, remove snapshots."""
        for one in doomed:
            found = self._log.key_store.empty(one.data_key, one.streams)
            self.emptied = Emptied(*(rows + more for rows, more in zip(self.emptied, found, strict=True)))

    def left(self, doomed: Sequence[Doomed]) -> dict[bytes, dict[str, int]]:
        """What the tables still hold."""
        return {one.data_key: self._log.key_store.left(one.data_key, one.streams)._asdict() for one in doomed}


def retention_of(subject: StreamName) -> StreamName:
    """The stream of holds and disposals of a subject."""
    return StreamName("retention", f"{subject.kind}/{subject.key}")


def shred(ledger: Ledger, task: Task, register: Lines[Destroyed], origin: Origin) -> bool:
    """Steps 1 and 2 of an approved disposal; False where it was completed before.

    Raises:
        RefusedError: a hold lies on the records, the deadline is not over, or nobody has approved.
    """
    log = ledger.log
    _, state = standing(log, task.retention)
    status = state.disposal(task.disposal).status
    if status == "completed":
        return False
    if status != "destroyed":
        _destroy(ledger, task, origin)
    event, at = destruction(log, task.retention, task.disposal)
    assert event.data_key == str(UUID(bytes=task.doomed.data_key)), "the task was made from the events"
    register.add(
        Destroyed(
            data_key=event.data_key, at=at, retention=str(UUID(bytes=log.stream_id(task.retention))),
            streams=tuple(str(UUID(bytes=one)) for one in task.doomed.streams),
        )
    )  # fmt: skip
    return True


def certify(ledger: Ledger, task: Task, found: Mapping[str, int], origin: Origin) -> RecordDisposed | None:
    """Step 4, once every place was cleared and looked through; None where another process has certified.

    Args:
        ledger: where it is recorded.
        task: the disposal.
        found: what each place still holds of it, by its name; all places there are.
        origin: who does it.

    Raises:
        StoreError: something is left somewhere; nothing is certified.
    """
    if left := sorted(name for name, rows in found.items() if rows):
        raise StoreError(
            "records are left behind: nothing is certified", field="places", rule=", ".join(left),
            remedy="remove what is left there, then run it again",
        )  # fmt: skip
    return _certified(ledger, task, tuple(sorted(found)), origin)


# --- the instant ----------------------------------------------------------------------------------------


def _destroy(ledger: Ledger, task: Task, origin: Origin) -> None:
    """Destroy the key with the events that say so, unless a hold stands, or comes, in any of the streams."""
    for _ in range(ATTEMPTS):
        try:
            destroy(ledger.log, _decided(ledger, task, origin), task.doomed.data_key)
        except (CollisionError, VersionConflictError):
            _, state = standing(ledger.log, task.retention)
            if state.disposal(task.disposal).status == "destroyed":
                return  # by another process
            continue
        return
    raise CollisionError("the retention streams change too fast to decide on them", rule=f"{ATTEMPTS} attempts")


def _decided(ledger: Ledger, task: Task, origin: Origin) -> Batch:
    """The events of the destruction, decided on what the streams say now and at exactly these versions.

    Raises:
        RefusedError: a hold forbids it, or nobody has approved.
    """
    log, today = ledger.log, ledger.today()
    now = to_datetime(log.clock.now_us())
    version, state = standing(log, task.retention)
    known = state.disposal(task.disposal)
    event = KeyDestroyed(
        occurred_at=now, subject=task.retention.key, disposal=task.disposal,
        data_key=str(UUID(bytes=task.doomed.data_key)),
    )  # fmt: skip
    entries = [_entry(task.retention, event, version, state, origin, today)]
    for name in task.linked:
        stream = retention_of(name)
        version, state = standing(log, stream)
        linked = LinkedDisposed(
            occurred_at=now, subject=stream.key, disposal=task.disposal, other=task.retention.key,
            record_class=known.record_class, span=known.span,
        )  # fmt: skip
        entries.append(_entry(stream, linked, version, state, origin, today))
    key = f"disposal/{task.retention.key}/{task.disposal}/destroyed"
    (batch,) = log.protect([Unit(key, origin, tuple(entries))])
    if isinstance(batch, KycError):
        raise batch
    return batch


def _entry(
    stream: StreamName, event: Event, version: int, state: Retention, origin: Origin, today: date
) -> Entry:  # fmt: skip
    RETENTION.decide(state, event, Given(stream, origin, {}, today))
    return Entry(stream, stream, event, version)


def standing(log: EventLog, stream: StreamName) -> tuple[int, Retention]:
    """Where a retention stream stands: its version and what it says, read just now."""
    version, state = 0, Retention()
    for recorded in log.events(stream):
        version = recorded.row.version
        if recorded.event is not None:
            state = RETENTION.evolve(state, recorded.event) or state
    return version, state


# --- the certificate ------------------------------------------------------------------------------------


def statement(log: EventLog, task: Task, places: Sequence[str], note: str = "") -> Statement:
    """What a certificate states of a disposal whose key is destroyed: the same whenever it is asked for."""
    event, at = destruction(log, task.retention, task.disposal)
    known = standing(log, task.retention)[1].disposal(task.disposal)
    key = UUID(event.data_key).bytes
    return Statement.of(
        disposal=task.disposal, retention=log.stream_id(task.retention), record_class=str(known.record_class),
        span=known.span, data_key=key, destroyed_at=at,
        events=log.key_store.protected(key, task.doomed.streams), scans=log.key_store.scans(key),
        places=tuple(places), note=note,
    )  # fmt: skip


def destruction(log: EventLog, stream: StreamName, disposal: str) -> tuple[KeyDestroyed, int]:
    """The event that says that a disposal's key is destroyed, and when that was recorded, in microseconds.

    Raises:
        NotFoundError: it is not.
    """
    for recorded in log.events(stream):
        if isinstance(recorded.event, KeyDestroyed) and recorded.event.disposal == disposal:
            return recorded.event, recorded.row.recorded_at
    raise NotFoundError("the key is not destroyed", field="disposal", rule="disposal.key_destroyed")


def _certified(ledger: Ledger, task: Task, names: tuple[str, ...], origin: Origin) -> RecordDisposed | None:
    """Record the certificate's digest."""
    stated = statement(ledger.log, task, names)
    event = RecordDisposed(
        occurred_at=to_datetime(ledger.log.clock.now_us()), subject=task.retention.key, disposal=task.disposal,
        certificate=stated.digest, places=names, events=stated.events,
    )  # fmt: skip
    key = f"disposal/{task.retention.key}/{task.disposal}/completed"
    try:
        record(ledger, event, key, origin)
    except RefusedError:
        if standing(ledger.log, task.retention)[1].disposal(task.disposal).status == "completed":
            return None  # by another process
        raise
    return event


# --- holds ----------------------------------------------------------------------------------------------


def place_hold(ledger: Ledger, event: HoldPlaced, origin: Origin) -> None:
    """Place a hold: from its receipt on nothing it lies on is destroyed, whatever was approved before.

    Raises:
        RefusedError: a hold of that number is in force.
    """
    record(ledger, event, f"hold/{event.subject}/{event.hold}/{_turn(ledger, event)}/placed", origin)


def release_hold(ledger: Ledger, event: HoldReleased, origin: Origin) -> None:
    """Release a hold; the second person is another than the actor.

    Raises:
        RefusedError: no such hold, or one person alone.
    """
    record(ledger, event, f"hold/{event.subject}/{event.hold}/{_turn(ledger, event)}/released", origin)


def _turn(ledger: Ledger, event: HoldPlaced | HoldReleased) -> int:
    """How often a hold of that number was released: a number may be used again after that."""
    stream = StreamName("retention", event.subject)
    return sum(
        isinstance(one.event, HoldReleased) and one.event.hold == event.hold for one in ledger.log.events(stream)
    )


def record(ledger: Ledger, event: Event, key: str, origin: Origin) -> None:
    """Record one event through the write door.

    Raises:
        KycError: the ledger's answer, where it is not a receipt.
    """
    ledger.must_record(Submission(key=key, origin=origin, data=event))


def open_disposal(state: Retention, record_class: RecordClass, span: str) -> Disposal | None:
    """A disposal of these records that is under way."""
    return next(
        (
            known for known in state.disposals
            if (known.record_class, known.span) == (record_class, span)
            and known.status in {"proposed", "approved", "destroyed"}
        ),
        None,
    )  # fmt: skip
