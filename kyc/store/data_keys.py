"""Where wrapped data keys live: one table in a schema of its own, because its backups follow another policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from kyc.clock import Clock
from kyc.keys.ring import KeyName, WrappedKey
from kyc.logs import logger
from kyc.store import pgbinary, statements
from kyc.store.database import Database
from kyc.store.records import lane_of

_log = logger("keys")


class Emptied(NamedTuple):
    """What was removed under a destroyed key: rows, and bytes of ciphertext."""

    events: int
    scans: int
    snapshots: int
    bytes: int


class Left(NamedTuple):
    """What is still there under a key, in rows: the key itself, ciphertext of events and scans, snapshots."""

    keys: int
    events: int
    scans: int
    snapshots: int


class DataKeyStore:
    """The :class:`~kyc.keys.ring.KeyStore` on PostgreSQL."""

    def __init__(self, database: Database, lanes: int, clock: Clock) -> None:
        self._database = database
        self._lanes = lanes
        self._clock = clock

    def living(self, names: Sequence[KeyName]) -> list[WrappedKey]:
        """The undestroyed keys among ``names``."""
        arguments = (
            pgbinary.int2s([lane_of(name.subject, self._lanes) for name in names]),
            pgbinary.uuids([name.subject for name in names]),
            pgbinary.texts([name.record_class for name in names]),
            pgbinary.texts([name.period for name in names]),
        )
        with self._database.connection() as connection:
            rows = connection.execute(statements.LIVING_KEYS, arguments, binary=True).fetchall()
        return _wrapped(rows)

    def add(self, keys: Sequence[WrappedKey]) -> None:
        """Store new keys; a name that got a living key meanwhile keeps that one."""
        ordered = sorted(keys, key=lambda key: key.name)  # one order everywhere: no deadlock between two makers
        arguments = (
            pgbinary.int2s([lane_of(key.id, self._lanes) for key in ordered]),
            pgbinary.uuids([key.id for key in ordered]),
            pgbinary.uuids([key.name.subject for key in ordered]),
            pgbinary.texts([key.name.record_class for key in ordered]),
            pgbinary.texts([key.name.period for key in ordered]),
            pgbinary.texts([key.kek_id for key in ordered]),
            pgbinary.byteas([key.wrapped for key in ordered]),
            pgbinary.int8s([self._clock.now_us()] * len(ordered)),
        )
        with self._database.connection() as connection:
            connection.execute(statements.ADD_KEYS, arguments)

    def by_id(self, ids: Sequence[bytes]) -> list[WrappedKey]:
        """The keys of these ids, destroyed ones with empty ``wrapped``."""
        arguments = (pgbinary.int2s([lane_of(i, self._lanes) for i in ids]), pgbinary.uuids(ids))
        with self._database.connection() as connection:
            rows = connection.execute(statements.KEYS_BY_ID, arguments, binary=True).fetchall()
        return _wrapped(rows)

    def some(self) -> list[WrappedKey]:
        """A few undestroyed keys, whichever are found first."""
        with self._database.connection() as connection:
            return _wrapped(connection.execute(statements.SOME_KEYS, binary=True).fetchall())

    def destroy(self, key_id: bytes) -> bool:
        """Destroy one key for ever; True the first time."""
        with self._database.connection() as connection:
            row = connection.execute(
                statements.DESTROY_KEY, (lane_of(key_id, self._lanes), _uuid(key_id), self._clock.now_us())
            ).fetchone()
        destroyed = bool(row and row[0])
        if destroyed:
            _log.warning("data key destroyed", key_id=key_id.hex())
        return destroyed

    def empty(self, key_id: bytes, streams: Sequence[bytes]) -> Emptied:
        """Empty what a destroyed key protects: events of the named streams, scans; remove its snapshots."""
        arguments = (lane_of(key_id, self._lanes), _uuid(key_id), pgbinary.uuids(streams))
        with self._database.connection() as connection:
            row = connection.execute(statements.EMPTY_DESTROYED, arguments).fetchone()
        return Emptied(*row) if row else Emptied(0, 0, 0, 0)

    def left(self, key_id: bytes, streams: Sequence[bytes]) -> Left:
        """What is still there under a key: looked for in the tables themselves."""
        lane = lane_of(key_id, self._lanes)
        arguments = (lane, _uuid(key_id), lane, pgbinary.uuids(streams), _uuid(key_id), lane, _uuid(key_id))
        with self._database.connection() as connection:
            row = connection.execute(statements.LEFT_UNDER_KEY, (*arguments, lane, _uuid(key_id))).fetchone()
        assert row is not None, "counts are one row"
        return Left(*row)

    def protected(self, key_id: bytes, streams: Sequence[bytes]) -> list[tuple[bytes, int, bytes]]:
        """(stream id, version, hash) of every event of the named streams under a key, in that order."""
        arguments = (lane_of(key_id, self._lanes), pgbinary.uuids(streams), _uuid(key_id))
        with self._database.connection() as connection:
            return connection.execute(statements.PROTECTED_EVENTS, arguments, binary=True).fetchall()

    def scans(self, key_id: bytes) -> list[bytes]:
        """The commitments of the scans under a key, sorted."""
        arguments = (lane_of(key_id, self._lanes), _uuid(key_id))
        with self._database.connection() as connection:
            return [row[0] for row in connection.execute(statements.PROTECTED_SCANS, arguments, binary=True)]


def _wrapped(rows: Sequence[tuple[Any, ...]]) -> list[WrappedKey]:
    return [WrappedKey(i, KeyName(subject, kind, period), kek, raw) for i, subject, kind, period, kek, raw in rows]


def _uuid(raw: bytes) -> UUID:
    return UUID(bytes=raw)
