"""Reading the log: by stream, by lane and by natural key. Rows come as they are stored; revealing them is another
step, because most readers (sealer, verifier) have no keys and need none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from kyc.store import pgbinary, statements
from kyc.store.database import Database
from kyc.store.records import Head, StoredEvent, lane_of

VERSION_MAX: Final = 2**63 - 1
PAGE: Final = 1_000
"""Events fetched per round trip; about 1 MB."""


class Reader:
    """Reads events; holds no state but the pool."""

    def __init__(self, database: Database, lanes: int) -> None:
        self._database = database
        self.lanes = lanes

    def stream(self, stream_id: bytes, *, after: int = 0, through: int = VERSION_MAX) -> Iterator[StoredEvent]:
        """Events of a stream by version, from ``after`` (exclusive) to ``through`` (inclusive), page by page."""
        lane = lane_of(stream_id, self.lanes)
        with self._database.connection() as connection:
            while after < through:
                rows = connection.execute(
                    statements.STREAM, (lane, UUID(bytes=stream_id), after, min(through, after + PAGE)), binary=True
                ).fetchall()
                yield from map(StoredEvent._make, rows)
                if len(rows) < PAGE:
                    return
                after += PAGE

    def streams(self, streams: Sequence[bytes]) -> list[StoredEvent]:
        """All events of a few short streams in one round trip, each stream in order."""
        arguments = (pgbinary.int2s([lane_of(s, self.lanes) for s in streams]), pgbinary.uuids(streams))
        with self._database.connection() as connection:
            rows = connection.execute(statements.STREAMS, arguments, binary=True).fetchall()
        return list(map(StoredEvent._make, rows))

    def lane(self, lane: int, *, after: int = 0, through: int = VERSION_MAX) -> Iterator[StoredEvent]:
        """Events of a lane in commit order: positions are dense, so a short page is the end."""
        with self._database.connection() as connection:
            while after < through:
                rows = connection.execute(
                    statements.LANE_PAGE, (lane, after, min(through, after + PAGE)), binary=True
                ).fetchall()
                yield from map(StoredEvent._make, rows)
                if len(rows) < PAGE:
                    return
                after += PAGE

    def page(self, lane: int, after: int, count: int) -> list[StoredEvent]:
        """At most ``count`` events of a lane after a position."""
        with self._database.connection() as connection:
            rows = connection.execute(statements.LANE_PAGE, (lane, after, after + count), binary=True).fetchall()
        return list(map(StoredEvent._make, rows))

    def positions(self) -> dict[int, int]:
        """Lane → its last position, 0 for an empty lane."""
        with self._database.connection() as connection:
            return dict(connection.execute(statements.LAST_POSITIONS, (self.lanes,)).fetchall())

    def heads(self, streams: Sequence[bytes]) -> Mapping[bytes, Head]:
        """Where streams stand; streams without events are left out."""
        arguments = (pgbinary.int2s([lane_of(s, self.lanes) for s in streams]), pgbinary.uuids(streams))
        with self._database.connection() as connection:
            rows = connection.execute(statements.HEADS, arguments, binary=True).fetchall()
        return {row[0]: Head(row[1], row[2], row[3]) for row in rows}

    def moments(self, places: Sequence[tuple[bytes, int]]) -> list[int | None]:
        """When the events at (stream id, version) were recorded, in that order; None where there is none."""
        with self._database.connection() as connection:
            found = dict(connection.execute(statements.MOMENTS, self._arrays(places), binary=True).fetchall())
        return [found.get(at) for at in range(1, len(places) + 1)]

    def at(self, places: Sequence[tuple[bytes, int]]) -> list[StoredEvent]:
        """The events at (stream id, version) in one round trip, in no order; where there is none, none."""
        if not places:
            return []
        with self._database.connection() as connection:
            rows = connection.execute(statements.VERSIONS, self._arrays(places), binary=True).fetchall()
        return list(map(StoredEvent._make, rows))

    def _arrays(self, places: Sequence[tuple[bytes, int]]) -> tuple[bytes, ...]:
        streams, versions = [stream for stream, _ in places], [version for _, version in places]
        lanes = [lane_of(stream, self.lanes) for stream in streams]
        return pgbinary.int2s(lanes), pgbinary.uuids(streams), pgbinary.int8s(versions)

    def by_keys(self, keys: Sequence[tuple[int, bytes]]) -> list[StoredEvent]:
        """The events recorded under (lane, idempotency key digest) pairs; unused keys are left out."""
        arguments = (pgbinary.int2s([lane for lane, _ in keys]), pgbinary.uuids([key for _, key in keys]))
        with self._database.connection() as connection:
            rows = connection.execute(statements.EVENTS_BY_KEY, arguments, binary=True).fetchall()
        return list(map(StoredEvent._make, rows))

    def claim(self, kind: str, key: bytes) -> tuple[bytes, int] | None:
        """(stream id, version) of the event that holds a natural key, or None."""
        with self._database.connection() as connection:
            row = connection.execute(
                statements.CLAIM, (lane_of(key, self.lanes), kind, UUID(bytes=key)), binary=True
            ).fetchone()
        return (row[0], row[1]) if row else None

    def held(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, StoredEvent]:
        """Natural key → the event that holds it; free ones are left out. Two round trips, however many they are."""
        lanes = pgbinary.int2s([lane_of(key, self.lanes) for key in keys])
        with self._database.connection() as connection:
            holders = connection.execute(
                statements.HOLDERS, (lanes, pgbinary.uuids(keys), kind), binary=True
            ).fetchall()
        found = self.at([(stream, version) for _, stream, version in holders])
        events = {(row.stream_id, row.version): row for row in found}
        return {key: events[stream, version] for key, stream, version in holders}

    def scan(self, lane: int, commitment: bytes) -> tuple[bytes, bytes, bytes] | None:
        """(data key id, digest, state) of a scan, or None."""
        with self._database.connection() as connection:
            row = connection.execute(statements.SCAN, (lane, commitment), binary=True).fetchone()
        return (row[0], row[1], row[2]) if row else None
