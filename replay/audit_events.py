"""Steps 1 to 4 of an audit: walk each lane once and hold every row against its own evidence.

Every link is derived here from the columns of the row, by code that shares nothing with the writer's. On the way
the derived leaf of each sealed event is put where step 5 finds it. Memory: the heads of one lane's streams.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from hashlib import sha256
from itertools import islice
from typing import Final, Protocol
from uuid import UUID

from kyc.errors import FormatError
from kyc.evidence.header import decode_context
from kyc.store.records import DIGEST_LENGTH, StoredEvent, lane_of
from replay.audit_rows import decoded, well_formed
from replay.audit_since import Head, Start
from replay.findings import Kind, Place, Report
from replay.leaves import LEAF, Leaves, SealedLane, leaf_of
from replay.snapshot import SQL, Snapshot

_TAG: Final = b"kyc-ledger/event/v1\0"
_FORMAT: Final = b"\x01"
_FIXED: Final = struct.Struct(">B16sQq16s").pack
"""Format, stream id, version, time and key of a header (docs/format.md)."""
_GENESIS: Final = bytes(32)
_CONTEXTS_KNOWN: Final = 10_000
"""Contexts remembered as well-formed; they repeat between events."""


class Openings(Protocol):
    """Step 7, as far as it looks at events."""

    def check_raw(self, rows: list[bytes]) -> None:
        """Hold a batch of well-formed rows of one lane against keys, scans and claims."""
        ...


class Walk:
    """Walks lanes; one object per audit."""

    def __init__(
        self,
        view: Snapshot,
        report: Report,
        leaves: Leaves,
        openings: Openings,
        progress: Callable[[int], None],
        start: Start,
    ) -> None:
        self._view = view
        self._report = report
        self._leaves = leaves
        self._openings = openings
        self._progress = progress
        self._start = start
        self._contexts: set[bytes] = set()
        self._heads: dict[bytes, Head] = {}
        self._position = 0  # of the row before, within a lane

    def lanes(self, lanes: Iterable[int]) -> None:
        """Check all events of some lanes."""
        with self._view.beside() as rows:
            for lane in lanes:
                self._lane(lane, rows)

    def _lane(self, lane: int, rows: Snapshot) -> None:
        self._heads = {}
        before = self._position = self._start.lanes.get(lane, 0)
        with closing(self._view.stream(SQL["lane_segments"], (lane, before))) as segments:
            sealed = SealedLane(lane, segments, self._report, self._leaves.run())
            for page in rows.copied(SQL["lane_rows"], (lane, before)):
                self._report.counts["events"] += len(page)
                self._openings.check_raw(self._page(lane, page, sealed))
                self._progress(self._report.counts["events"])
            self._report.counts["sealed"] += sealed.finish()
        self._report.counts["streams"] += len(self._heads)
        self._heads = {}
        self._progress(self._report.counts["events"])

    def stream(self, lane: int, stream: bytes) -> Iterator[tuple[StoredEvent, bytes]]:
        """The well-formed events of one stream, checked, each with the leaf derived from it."""
        self._heads = {}
        for values in self._view.stream(SQL["stream_rows"], (lane, UUID(bytes=stream))):
            self._report.counts["events"] += 1
            row = StoredEvent._make(values)
            leaf = self._row(row, lane, None)
            if leaf is not None:
                yield row, leaf

    def _page(self, lane: int, page: list[bytes], sealed: SealedLane) -> list[bytes]:
        """Check a page of rows; returns the well-formed ones."""
        rows: list[bytes] = []
        at = 0
        while at < len(page):
            first = self._position + 1
            leaves = self._sound(page, at, lane)
            sealed.put(first, leaves)
            past = at + len(leaves)
            rows += page[at:past]
            if past < len(page) and self._looked_at(page[past], lane, sealed):
                rows.append(page[past])
            at = past + 1
        return rows

    def _looked_at(self, raw: bytes, lane: int, sealed: SealedLane) -> bool:
        """Says everything that is wrong with a row; False where it cannot be hashed."""
        row = StoredEvent._make(decoded(raw))
        if row.position != self._position + 1 and not self._follows(row.position, row, lane):
            return False
        self._position = row.position
        index = sealed.index(row.position)
        leaf = self._row(row, lane, index)
        if leaf is not None and index is not None:
            sealed.run.put(index, [leaf])
        return leaf is not None

    def _follows(self, position: int | None, row: StoredEvent, lane: int) -> bool:
        """Says what is wrong with the place of a row; False where it has none."""
        before = self._position
        if position is None:
            self._report.add(Kind.ROW_MALFORMED, Place(row.stream_id, row.version, lane), "a position", "null")
            return False
        if position == before:
            self._report.add(Kind.POSITION_REPEATED, Place(row.stream_id, row.version, lane, position))
        elif position > before + 1:
            gap = f"positions {before + 1} to {position - 1}"
            self._report.add(Kind.POSITION_MISSING, Place(lane=lane, position=before + 1), gap, "nothing")
        return True

    def _sound(self, page: list[bytes], at: int, lane: int) -> list[bytes]:
        """The leaves derived from the rows from ``at`` on, up to the first with which anything may be wrong.

        Nothing is remembered of that one, so that :meth:`_looked_at` can say what; here a row costs a fraction.
        """
        heads, contexts, lanes, before = self._heads, self._contexts, self._view.lanes, self._position
        leaves: list[bytes] = []
        for raw in islice(page, at, None):
            row = well_formed(raw)
            if row is None:
                break
            position, version, moment, _, stream, key, _, previous, commitment, link, digest, context, state = row
            head = heads.get(stream)
            if head is None:
                if version != 1 or previous != _GENESIS or lane_of(stream, lanes) != lane:
                    break
            elif version != head[0] + 1 or previous != head[1] or moment < head[2]:
                break
            if position != before + 1 or context not in contexts:
                break
            header = _FIXED(1, stream, version, moment, key)
            if sha256(b"".join((_TAG, previous, header, context, commitment))).digest() != link:
                break
            if sha256(state).digest()[:DIGEST_LENGTH] != digest:
                break
            before = position
            heads[stream] = version, link, moment
            leaves.append(sha256(LEAF(0, stream, version, link)).digest())
        self._position = before
        return leaves

    def _row(self, row: StoredEvent, lane: int, index: int | None) -> bytes | None:
        """Check one row; returns the leaf derived from it, or None where it cannot be derived."""
        place = Place(row.stream_id, row.version, lane, row.position, index)
        fault = _malformed(row)
        if fault:
            self._report.add(Kind.ROW_MALFORMED, place, *fault)
            return None
        self._context(row.context, place)
        if sha256(row.state).digest()[:DIGEST_LENGTH] != row.digest:
            self._report.add(Kind.CIPHERTEXT_CHANGED, place, f"digest {row.digest.hex()}")
        derived = _derive(row)
        if derived != row.hash:
            self._report.add(Kind.HASH_WRONG, place, derived.hex(), row.hash.hex())
        if lane_of(row.stream_id, self._view.lanes) != lane:
            self._report.add(Kind.LANE_WRONG, place, f"lane {lane_of(row.stream_id, self._view.lanes)}")
        else:
            self._continues(row, place)
        return leaf_of(row, derived)

    def _continues(self, row: StoredEvent, place: Place) -> None:
        """Whether a row continues its stream: version, previous hash, time."""
        version, link, recorded_at = self._heads.get(row.stream_id) or self._head(row)
        if row.version != version + 1:
            self._report.add(Kind.VERSION_WRONG, place, f"version {version + 1}", f"version {row.version}")
        elif row.previous != link:
            self._report.add(Kind.LINK_BROKEN, place, f"previous {link.hex()}", row.previous.hex())
        if row.recorded_at < recorded_at:
            self._report.add(Kind.TIME_BACKWARDS, place, f"{recorded_at} µs or later", f"{row.recorded_at} µs")
        self._heads[row.stream_id] = (row.version, row.hash, max(row.recorded_at, recorded_at))

    def _head(self, row: StoredEvent) -> Head:
        """What the first row of a stream that is looked at continues: nothing, or an event verified before."""
        return self._start.head(self._view, row, _derive) or (0, bytes(32), row.recorded_at)

    def _context(self, raw: bytes, place: Place) -> None:
        if raw in self._contexts:
            return
        try:
            decode_context(raw)
        except FormatError as fault:
            self._report.add(Kind.CONTEXT_MALFORMED, place, fault.rule or "", fault.message)
            return
        if len(self._contexts) < _CONTEXTS_KNOWN:
            self._contexts.add(raw)


def _derive(row: StoredEvent) -> bytes:
    """The chain hash, from the columns (docs/format.md, Header and Chain)."""
    derived = sha256(_TAG)
    derived.update(row.previous)
    derived.update(_FORMAT + row.stream_id + row.version.to_bytes(8, "big"))
    derived.update(row.recorded_at.to_bytes(8, "big", signed=True) + row.key)
    derived.update(row.context)
    derived.update(row.commitment)
    return derived.digest()


def _malformed(row: StoredEvent) -> tuple[str, str] | None:
    """What keeps a row from being hashed: (expected, found)."""
    if None in row:
        return f"a value in {row._fields[row.index(None)]}", "null"
    for name, value, length in (
        ("stream_id", row.stream_id, 16),
        ("key", row.key, 16),
        ("data_key", row.data_key, 16),
        ("previous", row.previous, 32),
        ("commitment", row.commitment, 32),
        ("hash", row.hash, 32),
        ("digest", row.digest, DIGEST_LENGTH),
    ):
        if len(value) != length:
            return f"{length} bytes in {name}", f"{len(value)} bytes"
    if row.version < 1 or row.position < 1:
        return "version and position from 1", f"version {row.version}, position {row.position}"
    return None
