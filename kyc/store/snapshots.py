"""Snapshots of the ``eventsourcing`` library: encrypted, good only while they stand on an event of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    IntegrityError,
    StoredEvent,
)

from kyc.errors import (
    CollisionError,
)
from kyc.keys.ring import DataKey
from kyc.store import statements
from kyc.store.log import EventLog
from kyc.store.protect import payload_of, protect, salts
from kyc.store.read import VERSION_MAX
from kyc.store.recorders import keys_of, uuid_of
from kyc.store.records import lane_of


class SnapshotRecorder(AggregateRecorder):
    """Encrypted snapshots, each tied to the hash of the event it stands on."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Keep snapshots.

        Raises:
            IntegrityError: there is one of that version, or no event of that version.
        """
        keys = keys_of(self._log, stored_events)
        for event, key, salt in zip(stored_events, keys, salts(len(stored_events)), strict=True):
            stream, version = uuid_of(event.originator_id).bytes, event.originator_version
            row = next(self._log.reader.stream(stream, after=version - 1, through=version), None)
            if row is None:
                raise IntegrityError("a snapshot stands on an event")
            commitment, state = protect(key, event.state, salt)
            values = (row.lane, UUID(bytes=stream), version, event.topic, UUID(bytes=key.id), row.hash)
            try:
                with self._log.database.connection() as connection:
                    connection.execute(statements.INSERT_SNAPSHOT, (*values, commitment, state))
            except CollisionError as cause:
                raise IntegrityError("there is a snapshot of this version") from cause
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
        """Snapshots that still stand on the event they were taken of; a destroyed or altered one is left out."""
        stream = uuid_of(originator_id).bytes
        with self._log.database.connection() as connection:
            found = connection.execute(
                statements.SNAPSHOTS,
                (
                    lane_of(stream, self._log.lanes),
                    UUID(bytes=stream),
                    gt or 0,
                    VERSION_MAX if lte is None else lte,
                ),
                binary=True,
            ).fetchall()
        keys = self._log.ring.opening([row[2] for row in found])
        chosen = [stored for row in found if (stored := self._stored(stream, keys[row[2]], row)) is not None]
        return (chosen if desc else chosen[::-1])[:limit]

    def _stored(self, stream: bytes, key: DataKey | None, row: tuple[Any, ...]) -> StoredEvent | None:
        version, topic, _, link, commitment, state = row
        stands = [event.hash for event in self._log.reader.stream(stream, after=version - 1, through=version)]
        if key is None or stands != [link]:
            return None
        return StoredEvent(UUID(bytes=stream), version, topic, payload_of(key, commitment, state))
