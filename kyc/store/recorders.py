"""Recorders of the ``eventsourcing`` library, doors to the same log as everything else.

States are protected under a data key of their stream, written by the group-commit writer, chained and sealed.
Notifications are *sealed* events in the log's global order (notification id = index + 1), so a reader never sees an
event whose order could still change. No table lock, no NOTIFY. Snapshots are the business of
:mod:`kyc.store.snapshots`, what the library asks for by name that of :mod:`kyc.store.persistence`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_bytes
from threading import Event, Lock
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)

from kyc.domain.event import RecordClass
from kyc.domain.submission import Origin
from kyc.errors import (
    CollisionError,
    ConflictError,
    KycError,
    LeaseLostError,
    NotFoundError,
)
from kyc.evidence.header import Context, encode_context
from kyc.keys.ring import DataKey, KeyName
from kyc.store import statements
from kyc.store.log import EventLog, context_of
from kyc.store.protect import payload_of, protect, salts
from kyc.store.read import VERSION_MAX
from kyc.store.records import Batch, ClaimRow, Draft, digest_of, lane_of
from kyc.store.records import StoredEvent as Row
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog

ORIGIN: Final = Origin(actor="system", branch="HQ", purpose="account-service", legal_basis="AML24-34")
"""The origin of events whose caller names none (``save(…, origin=…)``)."""
TRACKING: Final = "tracking"
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, eq=False)
class LedgerEvent(StoredEvent):
    """A stored event that says more than the library asks: schema, and what names its data key."""

    schema: int = 1
    record_class: str = RecordClass.ACCOUNT
    period: str = ""
    disposed: bool = False
    """True where the key is destroyed; ``state`` is empty then."""

    def __eq__(self, other: object) -> bool:
        """Equal to any stored event of the same place, topic and state; what is added tells no events apart."""
        return isinstance(other, StoredEvent) and self._told() == (
            other.originator_id, other.originator_version, other.topic, other.state,
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash(self._told())

    def _told(self) -> tuple[UUID | str, int, str, bytes]:
        return self.originator_id, self.originator_version, self.topic, self.state


class LogAggregateRecorder(AggregateRecorder):
    """Inserts and selects events of the log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Record events in one commit.

        Args:
            stored_events: in order; versions must follow those of their streams.
            kwargs: ``origin`` says who records, where, what for and on which basis.

        Raises:
            IntegrityError: a version is taken or skipped.
        """
        self._insert(stored_events, **kwargs)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Events of a stream by version."""
        stream = uuid_of(originator_id).bytes
        rows = list(self._log.reader.stream(stream, after=gt or 0, through=VERSION_MAX if lte is None else lte))
        if desc:
            rows.reverse()
        return _revealed(self._log, rows[:limit])

    def _insert(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        origin: Origin = ORIGIN,
        claims: Sequence[ClaimRow] = (),
        **_: Any,
    ) -> tuple[Row, ...]:
        if not stored_events:
            return ()
        keys = keys_of(self._log, stored_events)
        drafts = [
            _draft(self._log, event, key, salt, origin)
            for event, key, salt in zip(stored_events, keys, salts(len(stored_events)), strict=True)
        ]
        (outcome,) = self._log.writer.append([Batch(drafts, list(claims))])
        if isinstance(outcome, (ConflictError, NotFoundError, CollisionError)):
            raise IntegrityError(outcome.message) from outcome
        if isinstance(outcome, KycError):
            raise OperationalError(outcome.message) from outcome
        return outcome.rows


class LogApplicationRecorder(LogAggregateRecorder, ApplicationRecorder):
    """Also selects notifications: sealed events in global order."""

    def __init__(self, log: EventLog, sealer: Sealer | None = None) -> None:
        super().__init__(log)
        self._sealed = SealedLog(log.database, log.reader)
        self._sealer = sealer
        self._sealing = Lock()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Record events; their notification ids where the recorder seals on append, else None."""
        rows = self._insert(stored_events, **kwargs)
        if self._sealer is None:
            return None
        while True:
            indices = [self._sealed.index_of(row.lane, row.position) for row in rows]
            if None not in indices:
                return [index + 1 for index in indices if index is not None]
            with self._sealing:
                try:
                    self._sealer.seal()
                except LeaseLostError:  # somebody else is sealing, perhaps our events
                    time.sleep(_POLL_SECONDS)
                finally:
                    self._sealer.release()

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """At most ``limit`` notifications from ``start`` to ``stop``, of these topics or of all."""
        first = 0 if start is None else start - 1 if inclusive_of_start else start
        size = self.max_notification_id() or 0
        past = size if stop is None else min(size, stop)
        chosen: list[tuple[int, Row]] = []
        for index, row in self._sealed.rows(max(first, 0), past):
            if not topics or context_of(row).topic in topics:
                chosen.append((index, row))
                if len(chosen) == limit:
                    break
        events = _revealed(self._log, [row for _, row in chosen])
        return [
            Notification(event.originator_id, event.originator_version, event.topic, event.state, id=index + 1)
            for (index, _), event in zip(chosen, events, strict=True)
        ]

    def max_notification_id(self) -> int | None:
        """The number of sealed events, None for none."""
        newest = self._sealed.checkpoint()
        return newest.size if newest is not None and newest.size else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Follows the sealed log by polling: correctness never hangs on a notification that may be lost."""
        return _PollingSubscription(self, gt, topics)


class LogTrackingRecorder(TrackingRecorder):
    """Remembers which upstream notifications were processed, as claims of the log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def insert_tracking(self, tracking: Tracking) -> None:
        """Record a position.

        Raises:
            IntegrityError: it, or a later one, is recorded already.
        """
        claim = _claim(self._log, self, tracking)
        try:
            with self._log.database.connection() as connection:
                connection.execute(statements.TRACK, (claim.lane, claim.kind, UUID(bytes=claim.key), UUID(int=0)))
        except CollisionError as cause:
            raise IntegrityError("this position is recorded already") from cause

    def max_tracking_id(self, application_name: str) -> int | None:
        """The last recorded position of an upstream application."""
        first, last = (_tracking_key(application_name, position) for position in (0, 2**64 - 1))
        with self._log.database.connection() as connection:
            row = connection.execute(
                statements.TRACKED,
                (lane_of(first, self._log.lanes), TRACKING, UUID(bytes=first), UUID(bytes=last)),
                binary=True,
            ).fetchone()
        return int.from_bytes(row[0][8:], "big") if row else None


class LogProcessRecorder(LogTrackingRecorder, LogApplicationRecorder, ProcessRecorder):
    """Records events and the upstream position that led to them in one commit."""

    def __init__(self, log: EventLog, sealer: Sealer | None = None) -> None:
        LogApplicationRecorder.__init__(self, log, sealer)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Record events and, in the same commit, ``tracking=``."""
        tracking = kwargs.pop("tracking", None)
        if tracking is not None:
            if not stored_events:
                self.insert_tracking(tracking)
                return None
            kwargs["claims"] = [_claim(self._log, self, tracking)]
        return super().insert_events(stored_events, **kwargs)


class _PollingSubscription(Subscription[ApplicationRecorder]):
    """Yields sealed notifications as they come; blocks after the last."""

    def __init__(self, recorder: ApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._ready: Iterator[Notification] = iter(())
        self._stopping = Event()

    def stop(self) -> None:
        """End the iteration."""
        super().stop()
        self._stopping.set()

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            for notification in self._ready:
                self._last_notification_id = notification.id
                return notification
            newest = self._recorder.max_notification_id() or 0
            found = self._recorder.select_notifications(
                self._last_notification_id, 500, newest, self._topics, inclusive_of_start=False
            )
            self._ready = iter(found)
            if not found:
                # What was looked through without a hit need not be looked through again.
                self._last_notification_id = max(self._last_notification_id or 0, newest)
                self._stopping.wait(_POLL_SECONDS)
        raise StopIteration


def keys_of(log: EventLog, events: Sequence[StoredEvent]) -> list[DataKey]:
    """The data key of each event's stream, made where there is none yet."""
    names = [
        KeyName(
            uuid_of(event.originator_id).bytes,
            event.record_class if isinstance(event, LedgerEvent) else RecordClass.ACCOUNT,
            event.period if isinstance(event, LedgerEvent) else "",
        )
        for event in events
    ]
    keys = log.ring.sealing(names)
    return [keys[name] for name in names]


def _draft(log: EventLog, event: StoredEvent, key: DataKey, salt: bytes, origin: Origin) -> Draft:
    if event.originator_version < 1:
        raise IntegrityError("the first event of a stream has version 1")
    stream = uuid_of(event.originator_id).bytes
    schema = event.schema if isinstance(event, LedgerEvent) else 1
    context = Context(event.topic, schema, origin.actor, origin.branch, origin.purpose, origin.legal_basis)
    commitment, state = protect(key, event.state, salt)
    return Draft(
        lane_of(stream, log.lanes), stream, token_bytes(16), encode_context(context), commitment, key.id,
        digest_of(state), state, event.originator_version - 1,
    )  # fmt: skip


def _revealed(log: EventLog, rows: Sequence[Row]) -> list[StoredEvent]:
    keys = log.ring.opening([row.data_key for row in rows])
    events: list[StoredEvent] = []
    for row in rows:
        context, key = context_of(row), keys[row.data_key]
        state = payload_of(key, row.commitment, row.state) if key is not None and row.state else b""
        events.append(
            LedgerEvent(
                UUID(bytes=row.stream_id), row.version, context.topic, state, schema=context.schema,
                disposed=key is None or not row.state,
            )
        )  # fmt: skip
    return events


def _claim(log: EventLog, recorder: TrackingRecorder, tracking: Tracking) -> ClaimRow:
    last = recorder.max_tracking_id(tracking.application_name)
    if last is not None and last >= tracking.notification_id:
        raise IntegrityError("this position, or a later one, is recorded already")
    key = _tracking_key(tracking.application_name, tracking.notification_id)
    return ClaimRow(lane_of(key, log.lanes), TRACKING, key)


def _tracking_key(application: str, position: int) -> bytes:
    """Eight bytes of the application's name, eight of the position: one lane and one order per application."""
    return sha256(application.encode()).digest()[:8] + position.to_bytes(8, "big")


def uuid_of(originator_id: UUID | str) -> UUID:
    """A stream's id, which the library also gives as text."""
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
