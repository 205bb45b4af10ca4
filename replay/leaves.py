"""Where the leaves of an audit lie: derived lane by lane, needed in the order of the log, too many for memory.

They go to an unnamed temporary file, 32 bytes a leaf at the place of its index; a place never written reads as
zeros and means that no event was found for that leaf.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO, Any, Final

from kyc.store.records import StoredEvent
from replay.findings import Kind, Place, Report

HASH_LENGTH: Final = 32
MISSING: Final = bytes(HASH_LENGTH)
LEAF: Final = struct.Struct(">B16sQ32s").pack
"""What a leaf is the hash of: zero, stream id, version, chain hash (docs/format.md, Log entry and leaf)."""
_RUN_MAX: Final = 2_048
"""Neighbouring leaves written at once: 64 kB."""


def leaf_of(row: StoredEvent, link: bytes) -> bytes:
    """The leaf of an event whose chain hash was derived."""
    return sha256(LEAF(0, row.stream_id, row.version, link)).digest()


class Leaves:
    """The leaf hashes of a log by global index, below a bound that keeps garbage from filling the disk."""

    def __init__(self, bound: int, path: str | None = None) -> None:
        self._file: IO[bytes] = (
            TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this object
            if path is None
            else open(path, "r+b", buffering=0)  # noqa: SIM115, PTH123 - same
        )
        self.bound = bound
        self.end = 0
        """One past the largest index written."""

    @property
    def path(self) -> str:
        """Where another process of ours finds the same leaves."""
        return f"/proc/{os.getpid()}/fd/{self._file.fileno()}"

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()

    def run(self) -> Run:
        """A writer for one lane."""
        return Run(self)

    def write(self, start: int, hashes: bytes) -> None:
        """Put neighbouring leaves in place; those beyond the bound are dropped."""
        room = (self.bound - start) * HASH_LENGTH
        if start < 0 or room <= 0:
            return
        os.pwrite(self._file.fileno(), hashes[:room], start * HASH_LENGTH)
        self.end = max(self.end, start + min(len(hashes), room) // HASH_LENGTH)

    def read(self, start: int, count: int) -> bytes:
        """``count`` leaves from ``start`` on, zeros where there are none."""
        raw = os.pread(self._file.fileno(), count * HASH_LENGTH, start * HASH_LENGTH)
        return raw.ljust(count * HASH_LENGTH, b"\0")


class Run:
    """Collects neighbouring leaves before they are written."""

    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves
        self._start = 0
        self._parts: list[bytes] = []
        self.count = 0
        """Leaves written."""

    def put(self, index: int, leaves: list[bytes]) -> None:
        """Put neighbouring leaves."""
        if index != self._start + len(self._parts) or len(self._parts) >= _RUN_MAX:
            self.close()
            self._start = index
        self._parts += leaves

    def close(self) -> None:
        """Write what is collected."""
        if self._parts:
            self.count += len(self._parts)
            self._leaves.write(self._start, b"".join(self._parts))
        self._parts = []


class SealedLane:
    """The segments of one lane, walked beside its events: which index a position has, and what is gone."""

    def __init__(self, lane: int, segments: Iterator[tuple[Any, ...]], report: Report, run: Run) -> None:
        self._lane = lane
        self._segments = segments
        self._report = report
        self.run = run
        self._first = self._last = self._index = 0
        self._next = 1  # first position of the present segment that was not seen yet; past it: none
        self._advance()

    def index(self, position: int) -> int | None:
        """The global index of a position, asked in ascending order; None where it is not sealed."""
        if position == self._next and self._first <= position <= self._last:
            self._next += 1
            return self._index + position - self._first
        while self._last and self._last < position:
            self._gone(self._last)
            self._advance()
        if not self._last or position < self._first:
            return None
        self._gone(position - 1)
        self._next = max(self._next, position + 1)
        return self._index + position - self._first

    def put(self, position: int, leaves: list[bytes]) -> None:
        """Put the leaves of neighbouring positions where they are sealed, as far as they are."""
        at = 0
        while at < len(leaves):
            index = self.index(position + at)
            if index is None:
                at += 1
                continue
            past = min(len(leaves), self._last - position + 1)
            self._next = position + past
            self.run.put(index, leaves[at:past])
            at = past

    def finish(self) -> int:
        """The lane has no more events: what is still sealed is gone. Returns the number of leaves put."""
        while self._last:
            self._gone(self._last)
            self._advance()
        self.run.close()
        return self.run.count

    def _advance(self) -> None:
        first, last, index = next(self._segments, (0, 0, 0))
        self._first, self._last, self._index = first or 0, last or 0, index or 0
        self._next = max(self._next, self._first)

    def _gone(self, through: int) -> None:
        """Report the positions of this segment up to ``through`` that were not seen."""
        if self._next <= through:
            self._report.add(
                Kind.SEALED_MISSING,
                Place(lane=self._lane, position=self._next, index=self._index + self._next - self._first),
                "an event",
                f"{through - self._next + 1} missing",
            )
            self._report.counts["sealed_missing"] += through - self._next + 1
            self._next = through + 1
