"""Steps 5, 6 and 8 of an audit: segments, leaves, tiles, roots, signatures, and the trusted checkpoint.

The tree is built anew from the leaves that the events gave. Where such a leaf differs from the stored tile, two
trees are carried on, one of what the events say and one of what the tiles say; the next signed root tells which of
the two is the log, and so whether event or tile was altered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from kyc.clock import to_datetime
from kyc.errors import FormatError, SignatureError
from kyc.evidence.checkpoint import Checkpoint
from kyc.evidence.edge import HASH_LENGTH, TILE_WIDTH, Edge, Tile
from kyc.evidence.key_history import Period
from kyc.store import pgbinary
from replay.findings import Kind, Place, Report
from replay.leaves import MISSING, Leaves
from replay.signers import Signers
from replay.snapshot import SQL, Snapshot

_CHUNK: Final = 16 * TILE_WIDTH
"""Leaves taken at a time; tiles of level 0 are fetched by as many."""
_PENDING_MAX: Final = 1_000
"""Differing leaves remembered until a root decides who is right."""


def check_segments(view: Snapshot, report: Report) -> int:
    """Whether segments cover the log and each lane without gap or overlap; returns how many leaves they hold."""
    expected = 0
    lanes: dict[int, int] = {}
    for first_index, lane, first, last in view.stream(SQL["all_segments"]):
        place = Place(lane=lane, position=first, index=first_index, item="segment")
        if None in {first_index, lane, first, last} or last < first or first_index < 0:
            report.add(Kind.SEGMENT_WRONG, place, "a run of positions", f"{first} to {last} at index {first_index}")
            continue
        if first_index != expected:
            report.add(Kind.SEGMENT_WRONG, place, f"first index {expected}", f"{first_index}")
        if first != lanes.get(lane, 0) + 1:
            report.add(Kind.SEGMENT_WRONG, place, f"from position {lanes.get(lane, 0) + 1}", f"{first}")
        report.counts["segments"] += 1
        expected, lanes[lane] = first_index + last - first + 1, last
    return expected


@dataclass(frozen=True, slots=True)
class Signed:
    """A stored checkpoint. ``root`` is the signed one where the signature is good, else the stored one."""

    size: int
    root: bytes
    good: bool
    doubt: Period | None = None
    """Of a key that is declared compromised, and not shown to be older."""


def check_signatures(view: Snapshot, signers: Signers, report: Report) -> int:
    """Step 6 over all checkpoints; returns the largest size that was signed well, 0 where there is none."""
    largest = 0
    doubtful: list[tuple[int, Period]] = []
    for row in view.stream(SQL["all_checkpoints"]):
        report.counts["checkpoints"] += 1
        signed = _signed(row, signers, view.origin, report)
        if signed.doubt is not None:
            report.counts["doubtful"] += 1
            doubtful = [*doubtful, (signed.size, signed.doubt)][-report.limit :]
        elif signed.good:
            largest = max(largest, signed.size)
    for size, period in doubtful:
        # What a good key has signed since, it has signed for all that lies before.
        covered = f"covered by the checkpoint of {largest} leaves" if size <= largest else "not covered since"
        report.add(
            Kind.KEY_COMPROMISED, Place(item=f"checkpoint {size}"),
            f"a timestamp or cosignature before {to_datetime(period.compromised or 0).isoformat()}", covered,
            "warning" if size <= largest else "error",
        )  # fmt: skip
    return largest


def check_cosigned(view: Snapshot, signers: Signers, report: Report) -> None:
    """Step 6 over what was given out under a witness policy: signed by the log, and what is stored of that size."""
    for row in view.stream(SQL["all_cosigned"]):
        report.counts["cosigned"] += 1
        _signed(row, signers, view.origin, report, "cosigned checkpoint")


def _signed(
    row: tuple[Any, ...],
    signers: Signers,
    origin: str,
    report: Report | None,
    name: str = "checkpoint",
) -> Signed:
    size, root, note = row
    place = Place(item=f"{name} {size}")
    try:
        checked, period = signers.open(note or "", origin)
    except (FormatError, SignatureError) as fault:
        if report is not None:
            names = ", ".join(str(verifier.name) for verifier in signers.verifiers)
            report.add(Kind.SIGNATURE_WRONG, place, f"a signature of {names}", fault.message)
        return Signed(size or 0, root or b"", good=False)
    opened = checked.checkpoint
    if report is not None and (opened.size, opened.root) != (size, root):
        expected = f"size {opened.size} root {opened.root.hex()}"
        report.add(Kind.CHECKPOINT_DIFFERS, place, expected, f"size {size} root {(root or b'').hex()}")
    if not period.covers(opened.size):
        if report is not None:
            expected = f"above {period.after or 0}, up to {period.through}"
            report.add(Kind.KEY_OUT_OF_PERIOD, place, expected, str(opened.size))
        return Signed(opened.size, opened.root, good=False)
    doubted = period.compromised is not None and opened.size > signers.anchored(period)
    return Signed(opened.size, opened.root, good=True, doubt=period if doubted else None)


class TreeCheck:
    """Builds the tree and compares it with everything stored of it."""

    def __init__(
        self, view: Snapshot, leaves: Leaves, signers: Signers, report: Report, leaves_said: int, begun: Edge
    ) -> None:
        self._view = view
        self._leaves = leaves
        self._signers = signers
        self._report = report
        self._said = leaves_said
        self._events = begun.copy()
        self._begun = self._events.size  # roots up to here were compared before
        self._tiles: Edge | None = None  # the tree of the tiles, where it differs
        self._pending: list[int] = []  # indices at which the two differ, until a root decides
        self._blind = False  # a leaf is missing and no tile holds it
        self.compared = 0
        """Tiles that were recomputed."""
        self.roots = 0
        """Checkpoints whose root was recomputed and fits."""
        self.continued: list[Checkpoint] = []
        """Trusted checkpoints that the log continues."""

    @property
    def size(self) -> int:
        """Leaves of the tree as far as it was built."""
        return self._events.size

    def run(self, trusted: Iterable[Checkpoint]) -> None:
        """Check all checkpoints in ascending order, and those of ``trusted`` among them (step 8)."""
        waiting = sorted(trusted, key=lambda one: one.size, reverse=True)
        last = Signed(0, b"", good=False)
        for row in self._view.stream(SQL["all_checkpoints"]):
            signed = _signed(row, self._signers, self._view.origin, None)
            if signed.size <= self._begun:
                last = signed if signed.good else last
                continue
            while waiting and waiting[-1].size <= min(signed.size, self._leaves.end):
                self._compare_trusted(waiting.pop())
            self._advance(signed.size)
            self._compare(signed)
            if signed.good:
                last = signed
        while waiting:
            kept = waiting.pop()
            if kept.size <= self._leaves.end:
                self._compare_trusted(kept)
            else:
                place, found = Place(item=f"checkpoint {kept.size}"), f"{self._leaves.end} leaves"
                self._report.add(Kind.ROLLED_BACK, place, f"{kept.size} leaves", found)
        for index in self._pending:
            self._altered(index)
        if last.good and last.size != self._said:
            place = Place(item=f"checkpoint {last.size}")
            self._report.add(Kind.SEGMENT_WRONG, place, f"segments of {last.size} leaves", f"{self._said}")
        self._extra_tiles()

    def _advance(self, size: int) -> None:
        """Bring the tree to ``size`` leaves, as far as there are any."""
        end = min(size, self._leaves.end)
        while self._events.size < end:
            start = self._events.size
            self._chunk(start, min(end - start, _CHUNK - start % _CHUNK))
        if size > self._events.size:
            self._blind = True

    def _chunk(self, start: int, count: int) -> None:
        derived = self._leaves.read(start, count)
        numbers = range(start // TILE_WIDTH, (start + count - 1) // TILE_WIDTH + 1)
        stored = self._stored((0, number) for number in numbers)
        ours = theirs = _split(derived)
        for number in numbers:
            tile = stored.get((0, number))
            if tile is None or len(tile) != TILE_WIDTH * HASH_LENGTH:
                continue
            first = max(start, number * TILE_WIDTH)
            past = min(start + count, (number + 1) * TILE_WIDTH)
            part = tile[first % TILE_WIDTH * HASH_LENGTH :][: (past - first) * HASH_LENGTH]
            if part == derived[(first - start) * HASH_LENGTH : (past - start) * HASH_LENGTH]:
                continue
            theirs = [*theirs[: first - start], *_split(part), *theirs[past - start :]]
        if theirs is not ours or MISSING in ours:
            self._settle(start, ours, theirs)
        self._append(ours, theirs, stored)

    def _settle(self, start: int, ours: list[bytes], theirs: list[bytes]) -> None:
        """Note down where events and tiles differ; where an event is gone, its leaf is taken from the tile."""
        for at, (mine, its) in enumerate(zip(ours, theirs, strict=True)):
            if mine == MISSING:
                ours[at] = its  # the event was reported
                self._blind = self._blind or its == MISSING
            elif mine != its and len(self._pending) < _PENDING_MAX:
                self._pending.append(start + at)

    def _append(self, ours: list[bytes], theirs: list[bytes], stored: dict[tuple[int, int], bytes]) -> None:
        if ours != theirs and self._tiles is None:
            self._tiles = self._events.copy()
        finished = self._events.append(ours)
        others = self._tiles.append(theirs) if self._tiles is not None else finished
        stored |= self._stored((tile.level, tile.index) for tile in finished if tile.level)
        for tile, other in zip(finished, others, strict=True):
            self._tile(tile, other, stored.get((tile.level, tile.index)))

    def _tile(self, tile: Tile, other: Tile, stored: bytes | None) -> None:
        """Compare a finished tile; one of level 0 that merely differs is left to :meth:`_compare`."""
        place = Place(item=f"tile {tile.level}/{tile.index}")
        self.compared += 1
        if self._blind:
            return
        if stored is None:
            self._report.add(Kind.TILE_MISSING, place, "256 hashes", "nothing")
        elif len(stored) != len(tile.hashes):
            self._report.add(Kind.TILE_WRONG, place, f"{len(tile.hashes)} bytes", f"{len(stored)} bytes")
        elif tile.level and stored not in {tile.hashes, other.hashes}:
            hash_at = next(at for at, (a, b) in enumerate(pairs(tile.hashes, stored)) if a != b)
            self._report.add(Kind.TILE_WRONG, place, f"the hashes of the level below, at {hash_at}", "another hash")

    def _compare(self, signed: Signed) -> None:
        """Hold the root of the present size against a checkpoint; it decides who was altered, event or tile."""
        if self._blind or self._events.size != signed.size:
            self._report.counts["roots_unknown"] += 1
            return
        if self._events.root() == signed.root:
            for number in dict.fromkeys(index // TILE_WIDTH for index in self._pending):
                index = next(index for index in self._pending if index // TILE_WIDTH == number)
                place, expected = Place(item=f"tile 0/{number}"), f"the leaf of log index {index}"
                self._report.add(Kind.TILE_WRONG, place, expected, "another hash")
            self._tiles = None
        elif self._tiles is not None and self._tiles.root() == signed.root:
            for index in self._pending:
                self._altered(index)
            self._events, self._tiles = self._tiles, None
        else:
            place, found = Place(item=f"checkpoint {signed.size}"), self._events.root().hex()
            self._report.add(Kind.ROOT_WRONG, place, signed.root.hex(), found)
            return  # neither fits: perhaps the next root decides
        self.roots += 1
        self._pending = []

    def _compare_trusted(self, trusted: Checkpoint) -> None:
        self._advance(trusted.size)
        if self._blind or self._events.size != trusted.size:
            self._report.counts["roots_unknown"] += 1
            return
        trees = [self._events] if self._tiles is None else [self._events, self._tiles]
        if trusted.root not in [tree.root() for tree in trees]:
            found = self._events.root().hex()
            self._report.add(Kind.FORKED, Place(item=f"checkpoint {trusted.size}"), trusted.root.hex(), found)
        else:
            self._report.counts["trusted"] += 1
            self.continued.append(trusted)

    def _altered(self, index: int) -> None:
        """Report the event that stands where another was sealed."""
        segment = self._view.rows(SQL["segment_at"], (index, index, index))
        lane, position = segment[0] if segment else (None, None)
        event = self._view.rows(SQL["event_at"], (lane, position))
        stream, version = event[0] if event else (None, None)
        self._report.add(Kind.NOT_AS_SEALED, Place(stream, version, lane, position, index), "the sealed leaf")

    def _stored(self, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        places = list(wanted)
        if not places:
            return {}
        arguments = (
            pgbinary.int2s([level for level, _ in places]), pgbinary.int8s([index for _, index in places]),
        )  # fmt: skip
        return {(level, index): hashes or b"" for level, index, hashes in self._view.rows(SQL["tiles"], arguments)}

    def _extra_tiles(self) -> None:
        if self._blind:
            return
        for level, index in self._view.rows(SQL["extra_tiles"], (self._events.size, self._report.limit)):
            self._report.add(Kind.TILE_EXTRA, Place(item=f"tile {level}/{index}"), "no such tile")


def pairs(one: bytes, other: bytes) -> Iterable[tuple[bytes, bytes]]:
    """The hashes of two tiles side by side."""
    return zip(_split(one), _split(other), strict=False)


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_LENGTH] for at in range(0, len(hashes), HASH_LENGTH)]
