"""The sealer: turns committed events into leaves of the Merkle log and signs the checkpoint.

An error signed is an error for ever, so before anything is signed every stored row is checked by code that shares
nothing with the writer's: position dense, lane right, version and previous hash continuing the stream, time not
running backwards, hash and ciphertext digest re-derived. One bad row stops the sealer and is named.

One leader at a time by a lease with a fencing number, locked and compared in the sealing transaction; two sealers
collide on the keys of segment and checkpoint, and the later one loses without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.clock import Clock, SystemClock
from kyc.errors import (
    ChainBrokenError,
    CiphertextDamagedError,
    CollisionError,
    ConfigurationError,
    IntegrityError,
    LeaseLostError,
    LogMismatchError,
)
from kyc.evidence import checkpoint, note
from kyc.evidence.edge import Edge, Tile
from kyc.evidence.leaf import leaf_hashes
from kyc.logs import logger
from kyc.settings import SealerLimits
from kyc.store import pgbinary, statements
from kyc.store.database import Connection, Database
from kyc.store.read import Reader
from kyc.store.records import StoredEvent, lane_of
from kyc.store.sealed import SealedLog, Segment

LEASE = "sealer"
_log = logger("sealer")
Known = dict[bytes, tuple[int, bytes, int]]
"""Stream id → (version, hash, recorded_at) of its last checked event."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one call sealed: the new leaves and the checkpoint that covers them."""

    events: int
    size: int
    root: bytes
    note: str


class Sealer:
    """Seals everything committed so far, step by step."""

    def __init__(
        self,
        database: Database,
        key: Ed25519PrivateKey,
        *,
        clock: Clock | None = None,
        limits: SealerLimits | None = None,
    ) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._limits = limits or SealerLimits()
        self._reader = Reader(database, database.lanes())
        self._log = SealedLog(database, self._reader)
        self._origin = database.origin()
        self._signer = note.Signer(self._origin, key)
        self._holder = token_hex(8)
        self._edge: Edge | None = None
        self._fence = 0

    def seal(self, progress: Callable[[int, int], None] | None = None) -> Sealed:
        """Seal what was committed when the call began; ``progress(done, total)`` after each step.

        Raises:
            LeaseLostError: another sealer is at work.
            ChainBrokenError, CiphertextDamagedError: a row does not fit; nothing after it is signed.
        """
        fence = self._take_lease()
        self._load_edge()
        done = self._log.sealed_positions()
        goal = self._reader.positions()
        total = sum(goal.values()) - sum(done.values())
        sealed = 0
        while True:
            rows, segments = self._next(done, goal)
            if not rows and (sealed or self._log.checkpoint() is not None):
                break
            self._check(rows)
            self._sign(rows, segments, fence)
            sealed += len(rows)
            for segment in segments:
                done[segment.lane] = segment.position_to
            if progress is not None:
                progress(sealed, total)
            if self._take_lease() != fence:
                raise LeaseLostError("another sealer took over", rule="fencing number")
        newest = self._log.checkpoint()
        assert newest is not None, "the first call signs the empty log"
        return Sealed(sealed, newest.size, newest.root, newest.note)

    def release(self) -> None:
        """Give the lease up, so that another sealer need not wait for its end."""
        with self._database.connection() as connection:
            connection.execute(statements.RELEASE_LEASE, (LEASE, self._holder))

    def _load_edge(self) -> None:
        if self._edge is not None:
            return
        newest = self._log.checkpoint()
        edge = self._log.edge(newest.size if newest else 0)
        if newest is not None and edge.root() != newest.root:
            raise LogMismatchError("the stored log does not give its last checkpoint", rule="RFC 6962 §2.1")
        self._edge = edge

    def _take_lease(self) -> int:
        with self._database.connection() as connection:
            row = connection.execute(
                statements.TAKE_LEASE, (LEASE, self._holder, self._limits.lease_seconds, self._limits.lease_seconds)
            ).fetchone()
        if row is None:
            self._edge = None
            raise LeaseLostError("another sealer is at work", rule="one sealer at a time", remedy="wait")
        if row[0] != self._fence:
            self._edge, self._fence = None, int(row[0])  # somebody else may have sealed since
        return self._fence

    def _next(self, done: dict[int, int], goal: dict[int, int]) -> tuple[list[StoredEvent], list[Segment]]:
        """The next unsealed rows in ascending lanes, and the segments they will be."""
        assert self._edge is not None
        rows: list[StoredEvent] = []
        segments: list[Segment] = []
        for lane in sorted(goal):
            room = self._limits.events_per_step - len(rows)
            start = done.get(lane, 0)
            stop = min(goal[lane], start + room)
            if stop <= start:
                continue
            part = list(self._reader.lane(lane, after=start, through=stop))
            if len(part) != stop - start:
                raise ChainBrokenError("a position is missing", field=f"lane {lane}", rule="positions are dense")
            segments.append(Segment(lane, start + 1, stop, self._edge.size + len(rows)))
            rows += part
        return rows, segments

    def _check(self, rows: Sequence[StoredEvent]) -> None:
        known = self._predecessors(rows)
        expected: dict[int, int] = {}
        for row in rows:
            position = expected.get(row.lane, row.position)
            expected[row.lane] = position + 1
            fault = _fault(row, position, known, self._reader.lanes)
            if fault is not None:
                _log.error(
                    "not sealed", error=fault.message, field=fault.field, lane=row.lane, position=row.position
                )
                raise fault
            known[row.stream_id] = (row.version, row.hash, row.recorded_at)

    def _predecessors(self, rows: Iterable[StoredEvent]) -> Known:
        """The events before the first of each stream in these rows, as far as they are stored."""
        first: dict[bytes, StoredEvent] = {}
        for row in rows:
            first.setdefault(row.stream_id, row)
        wanted = [row for row in first.values() if row.version > 1]
        if not wanted:
            return {}
        arguments = (
            pgbinary.int2s([row.lane for row in wanted]),
            pgbinary.uuids([row.stream_id for row in wanted]),
            pgbinary.int8s([row.version - 1 for row in wanted]),
            pgbinary.int8s([row.position for row in wanted]),
        )
        with self._database.connection() as connection:
            found = connection.execute(statements.PREDECESSORS, arguments, binary=True).fetchall()
        return {stream: (version, link, at) for stream, version, link, at in found}

    def _sign(self, rows: Sequence[StoredEvent], segments: Sequence[Segment], fence: int) -> None:
        assert self._edge is not None
        edge = self._edge.copy()
        tiles = edge.append(leaf_hashes((row.stream_id, row.version, row.hash) for row in rows))
        root = edge.root()
        signed = checkpoint.sign(checkpoint.Checkpoint(self._origin, edge.size, root), self._signer)
        try:
            with self._database.connection() as connection, connection.transaction():
                self._hold(connection, fence)
                _insert(connection, segments, tiles)
                connection.execute(
                    statements.INSERT_CHECKPOINT, (edge.size, root, signed, fence, self._clock.now_us())
                )
        except CollisionError as cause:
            self._edge = None
            raise LeaseLostError("another sealer was faster") from cause
        self._edge = edge
        _log.info("sealed", events=len(rows), size=edge.size, root=root.hex(), fence=fence)

    def hand_over(self, statement: str, at: int) -> int:
        """Keep the statement that another key signs from here on; this sealer signs nothing more.

        Returns the statement's number. The caller made it about the newest checkpoint, right after :meth:`seal`.

        Raises:
            LeaseLostError: another sealer took over; nothing is kept.
        """
        with self._database.connection() as connection, connection.transaction():
            self._hold(connection, self._fence)
            row = connection.execute(
                statements.INSERT_KEY_STATEMENT, (at, str(self._signer.verifier), statement)
            ).fetchone()
        assert row is not None, "an insert that returns"
        return int(row[0])

    def _hold(self, connection: Connection, fence: int) -> None:
        row = connection.execute(statements.HOLD_LEASE, (LEASE,)).fetchone()
        if row != (self._holder, fence):
            self._edge = None
            raise LeaseLostError("another sealer took over", rule="fencing number")
        if connection.execute(statements.SUCCEEDED, (str(self._signer.verifier),)).fetchone() == (True,):
            raise ConfigurationError(
                "this key was handed over to another", field="log", rule="one key signs at a time",
                remedy="use the key folder of the new key; if the hand-over was interrupted, kyc keys rotate again",
            )  # fmt: skip


def _fault(row: StoredEvent, position: int, known: Known, lanes: int) -> IntegrityError | None:
    """What is wrong with a row, by a derivation that shares no code with the writer's."""
    place = f"event {UUID(bytes=row.stream_id)} version {row.version}"
    if row.position != position or row.lane != lane_of(row.stream_id, lanes):
        return ChainBrokenError(
            "an event is not where it belongs", field=place, rule="dense positions, lane of stream"
        )
    version, previous, recorded_at = known.get(row.stream_id, (0, bytes(32), row.recorded_at))
    if row.version != version + 1 or row.previous != previous:
        return ChainBrokenError(
            "an event does not continue its stream", field=place, rule="version and previous hash"
        )
    if row.recorded_at < recorded_at:
        return ChainBrokenError("time runs backwards in a stream", field=place, rule="recorded_at never decreases")
    derived = sha256(b"kyc-ledger/event/v1\0")
    derived.update(row.previous)
    derived.update(b"\x01" + row.stream_id + row.version.to_bytes(8, "big"))
    derived.update(row.recorded_at.to_bytes(8, "big", signed=True) + row.key)
    derived.update(row.context)
    derived.update(row.commitment)
    if derived.digest() != row.hash:
        return ChainBrokenError("a stored hash is not the hash of its row", field=place, rule="docs/format.md")
    if sha256(row.state).digest()[:16] != row.digest:
        return CiphertextDamagedError("a ciphertext is not what was written", field=place, rule="digest")
    return None


def _insert(connection: Connection, segments: Sequence[Segment], tiles: Sequence[Tile]) -> None:
    if segments:
        connection.execute(
            statements.INSERT_SEGMENTS,
            (
                pgbinary.int2s([segment.lane for segment in segments]),
                pgbinary.int8s([segment.position_from for segment in segments]),
                pgbinary.int8s([segment.position_to for segment in segments]),
                pgbinary.int8s([segment.first_index for segment in segments]),
            ),
        )
    if tiles:
        connection.execute(
            statements.INSERT_TILES,
            (
                pgbinary.int2s([tile.level for tile in tiles]),
                pgbinary.int8s([tile.index for tile in tiles]),
                pgbinary.byteas([tile.hashes for tile in tiles]),
            ),
        )
