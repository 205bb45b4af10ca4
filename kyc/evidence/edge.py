"""The right edge of a Merkle log kept as tiles: all a sealer must remember to go on appending.

The tree of RFC 6962 §2.1 is cut into tiles of height 8 (C2SP tlog-tiles): tile ``(level, index)`` holds the 256
hashes of the complete subtrees of ``256**level`` leaves that begin there. Of each level only the last, unfinished
tile is kept here; finished tiles are handed out once and never change. Memory is at most 255 hashes a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from kyc.errors import FormatError

TILE_WIDTH = 256
HASH_LENGTH = 32
EMPTY_ROOT = sha256().digest()
"""Root of the empty tree (RFC 6962 §2.1)."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile: 256 hashes of 32 bytes, fewer only at the right edge."""

    level: int
    index: int
    hashes: bytes


class Edge:
    """The unfinished tiles of a tree of ``size`` leaves. ``levels[n]`` are the hashes of tile level ``n``."""

    def __init__(self, size: int = 0, levels: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self._levels = [list(level) for level in levels]
        for number, level in enumerate(self._levels):
            if len(level) != size // TILE_WIDTH**number % TILE_WIDTH:
                raise FormatError("the edge does not fit the size of the tree", field=f"level {number}")

    def append(self, leaf_hashes: Iterable[bytes]) -> list[Tile]:
        """Add leaf hashes; returns the tiles that became full, lower levels first for equal places."""
        finished: list[Tile] = []
        leaves = iter(leaf_hashes)
        while part := list(islice(leaves, TILE_WIDTH - self.size % TILE_WIDTH)):
            self.size += len(part)
            number = 0
            while part:
                if number == len(self._levels):
                    self._levels.append([])
                level = self._levels[number]
                level += part
                part = []
                if len(level) == TILE_WIDTH:
                    index = self.size // TILE_WIDTH ** (number + 1) - 1
                    finished.append(Tile(number, index, b"".join(level)))
                    part, self._levels[number] = [subtree_root(level)], []
                    number += 1
        return finished

    def root(self) -> bytes:
        """The tree head of the present size (RFC 6962 §2.1)."""
        parts: list[bytes] = []
        for level in reversed(self._levels):
            at, rest = 0, len(level)
            while rest:
                take = 1 << rest.bit_length() - 1
                parts.append(subtree_root(level[at : at + take]))
                at += take
                rest -= take
        if not parts:
            return EMPTY_ROOT
        root = parts.pop()
        while parts:
            root = sha256(b"\x01" + parts.pop() + root).digest()
        return root

    def unfinished(self) -> list[Tile]:
        """The tiles that are not full, with what they hold so far; levels without one are left out."""
        return [
            Tile(number, self.size // TILE_WIDTH ** (number + 1), b"".join(level))
            for number, level in enumerate(self._levels)
            if level
        ]

    def copy(self) -> Edge:
        """An edge that can be moved on and thrown away."""
        return Edge(self.size, self._levels)


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of sibling hashes."""
    level = hashes
    while len(level) > 1:
        each = iter(level)
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(each, each, strict=True)]
    return level[0]


def tile_root(tile: bytes) -> bytes:
    """The root of a full tile: its one hash in the level above."""
    return subtree_root([tile[at : at + HASH_LENGTH] for at in range(0, len(tile), HASH_LENGTH)])
