"""Inclusion proofs for many events of one log: each tile is read and hashed once, however many proofs it serves.

A tile of 256 hashes is kept with the roots of all its subtrees, so a proof is a handful of look-ups. Nothing read
is believed: the tiles at the right edge of the log must give the signed root, and every full tile the hash that the
tile above it holds, before a proof is made from it. So whatever leaves here verifies. Memory is bounded by the
tiles kept; a log of a million events has 3,907 of them.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import Final

from kyc.errors import LogMismatchError
from kyc.evidence.edge import HASH_LENGTH, TILE_WIDTH
from kyc.evidence.merkle import NODE_PREFIX, TILE_HEIGHT, HashReader, node_hash

TILES_KEPT: Final = 4_096
"""Full tiles in memory: 64 MB, every tile of a log of a million events."""
_Rows = list[bytes]
"""The hashes of a tile, and above them the roots of its complete subtrees, height by height."""


class Prover:
    """Makes inclusion proofs in the log of ``size`` events with this ``root``.

    Raises:
        LogMismatchError: the tiles do not give the root.
    """

    def __init__(self, size: int, root: bytes, reader: HashReader, kept: int = TILES_KEPT) -> None:
        self._size = size
        self._reader = reader
        self._kept = kept
        self._full: OrderedDict[tuple[int, int], _Rows] = OrderedDict()
        self._edge: dict[tuple[int, int], _Rows] = {}
        heights = [height for height in reversed(range(size.bit_length())) if size >> height & 1]
        self._peaks = [(height, self._complete(height, (size >> height) - 1)) for height in heights]
        self._right = self._combined()
        if not size or self._right[0] != root:
            raise LogMismatchError("the tiles do not give the signed root", field=f"size {size}", rule="RFC 9162")

    def proof(self, index: int, leaf: bytes) -> list[bytes]:
        """The hashes from leaf to root (RFC 9162 §2.1.3.1).

        Raises:
            LogMismatchError: the log has no such leaf, or another one at this place.
        """
        if not 0 <= index < self._size or self._complete(0, index) != leaf:
            raise LogMismatchError("the leaf is not the one of the log", field=f"index {index}", rule="RFC 9162")
        at = end = 0
        for height, _ in self._peaks:
            end += 1 << height
            if index < end:
                break
            at += 1
        height = self._peaks[at][0]
        proof = self._inside(index, height)
        if at + 1 < len(self._peaks):
            proof.append(self._right[at + 1])
        proof += [peak for _, peak in reversed(self._peaks[:at])]
        return proof

    def _combined(self) -> list[bytes]:
        """For each peak the root over it and all peaks to its right."""
        combined: list[bytes] = []
        for _, peak in reversed(self._peaks):
            combined.append(node_hash(peak, combined[-1]) if combined else peak)
        return combined[::-1]

    def _inside(self, index: int, height: int) -> list[bytes]:
        """The siblings below the root of a complete subtree, lowest first."""
        proof = []
        for level in range((height + TILE_HEIGHT - 1) // TILE_HEIGHT):
            number = index >> TILE_HEIGHT * level
            rows, local = self._rows(level, number // TILE_WIDTH), number % TILE_WIDTH
            for rest in range(min(TILE_HEIGHT, height - TILE_HEIGHT * level)):
                place = ((local >> rest) ^ 1) * HASH_LENGTH
                proof.append(rows[rest][place : place + HASH_LENGTH])
        return proof

    def _complete(self, height: int, number: int) -> bytes:
        """The root of a complete subtree of ``2**height`` leaves."""
        level, rest = divmod(height, TILE_HEIGHT)
        tile, first = divmod(number << rest, TILE_WIDTH)
        place = (first >> rest) * HASH_LENGTH
        return self._rows(level, tile)[rest][place : place + HASH_LENGTH]

    def _rows(self, level: int, index: int) -> _Rows:
        """A tile, once it is known to be the log's."""
        known = self._full.get((level, index))
        if known is not None:
            self._full.move_to_end((level, index))
            return known
        known = self._edge.get((level, index))
        if known is not None:
            return known
        width = min(TILE_WIDTH, (self._size >> TILE_HEIGHT * level) - index * TILE_WIDTH)
        raw = self._reader.read_tile(level, index, width)
        rows = _grown(raw)
        if len(raw) != width * HASH_LENGTH:
            raise LogMismatchError("a tile has a wrong length", field=f"tile {level}/{index}")
        if width < TILE_WIDTH:  # at the edge: held against the root itself
            self._edge[level, index] = rows
            return rows
        if rows[TILE_HEIGHT] != self._complete(TILE_HEIGHT * (level + 1), index):
            raise LogMismatchError("a tile is not that of the log", field=f"tile {level}/{index}", rule="RFC 9162")
        self._full[level, index] = rows
        if len(self._full) > self._kept:
            self._full.popitem(last=False)
        return rows


def _grown(raw: bytes) -> _Rows:
    rows = [raw]
    while len(raw) >= 2 * HASH_LENGTH:
        pairs = range(0, len(raw) - HASH_LENGTH, 2 * HASH_LENGTH)
        raw = b"".join([sha256(NODE_PREFIX + raw[at : at + 2 * HASH_LENGTH]).digest() for at in pairs])
        rows.append(raw)
    return rows
