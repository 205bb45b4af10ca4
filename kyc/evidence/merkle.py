"""The Merkle tree of the log: root, inclusion proof, consistency proof, and their verification.

Theory (RFC 6962 §2.1, RFC 9162 §2.1). ``MTH({}) = SHA-256()``; of one leaf it is the leaf hash; of n > 1 leaves it
is ``SHA-256(0x01 ‖ MTH(first k) ‖ MTH(the rest))`` with k the largest power of two smaller than n. So a tree of n
leaves is a row of complete subtrees, one for each bit set in n, largest first. These *peaks* are all that is needed
to append and to name the root (:class:`Frontier`), and complete subtrees never change again, which is why a log can
be kept as tiles that are written once.

An *inclusion proof* gives, from leaf to root, the sibling of each node on the path. A *consistency proof* gives the
subtrees from which both the old and the new root can be computed. Both have at most ceil(log2 n) + 1 hashes and are
made from stored tiles: a :class:`HashReader` is asked for one tile per step. A reader need not be trusted: hashes
that are not those of the log make a proof that does not verify.

Verifying proves only "these leaves lie under this root". Whose root it is, a signed checkpoint says.
No disk, no network, no clock here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from hmac import compare_digest
from itertools import islice
from typing import Protocol

from kyc.errors import FormatError, InputError, LogMismatchError, NotFoundError
from kyc.evidence.edge import EMPTY_ROOT, HASH_LENGTH, TILE_WIDTH, subtree_root

NODE_PREFIX = b"\x01"
TILE_HEIGHT = 8
_BATCH = 1 << 16  # leaf hashes taken from an iterator at a time


def empty_root() -> bytes:
    """The root of the empty tree: SHA-256 of nothing."""
    return EMPTY_ROOT


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(NODE_PREFIX + left + right).digest()


class HashReader(Protocol):
    """Where the hashes of a log come from: a database, a folder of tiles, a server."""

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` (1 to 256) hashes of a tile, ``width * 32`` bytes.

        Tile ``(level, index)`` holds the roots of the complete subtrees of ``256**level`` leaves from subtree
        number ``256 * index`` on; level 0 holds leaf hashes. Asked only for hashes the tree has.
        """
        ...


class Frontier:
    """The peaks of a tree of ``size`` leaves: enough to append and to give the root; at most 64 hashes.

    ``hashes`` are the roots of the complete subtrees from left to right, so largest first, one per bit set in
    ``size``. For a reader of the log; a sealer that also keeps tiles uses :class:`kyc.evidence.edge.Edge`.

    Raises:
        FormatError: the hashes do not fit the size.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        peaks = list(hashes)
        if size < 0 or len(peaks) != size.bit_count() or any(len(peak) != HASH_LENGTH for peak in peaks):
            raise FormatError(
                "the frontier does not fit the size of the tree", field="hashes", rule="RFC 6962 §2.1"
            )
        self._size = size
        heights = [height for height in range(size.bit_length()) if size >> height & 1]
        self._peaks = dict(zip(reversed(heights), peaks, strict=True))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    @property
    def hashes(self) -> list[bytes]:
        """The peaks from left to right."""
        return [self._peaks[height] for height in sorted(self._peaks, reverse=True)]

    def append_many(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaf hashes in bulk: one node hash per leaf, whatever the size of the tree.

        Raises:
            FormatError: a leaf hash is not 32 bytes; leaves of earlier batches may have been appended.
        """
        source = iter(leaf_hashes)
        while batch := list(islice(source, _BATCH)):
            if {*map(len, batch)} != {HASH_LENGTH}:
                raise FormatError("a leaf hash has a wrong length", field="leaf hash", rule=f"{HASH_LENGTH} bytes")
            self._append(batch)

    def _append(self, level: list[bytes]) -> None:
        """Carry a row of new nodes upwards, as in binary addition."""
        added, height, digest = len(level), 0, sha256
        while level:
            if height in self._peaks:
                level.insert(0, self._peaks.pop(height))
            if len(level) & 1:
                self._peaks[height] = level.pop()
            pairs = iter(level)
            level = [digest(NODE_PREFIX + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            height += 1
        self._size += added

    def root(self) -> bytes:
        """The root of the tree (RFC 6962 §2.1)."""
        if not self._peaks:
            return EMPTY_ROOT
        smallest, *larger = (self._peaks[height] for height in sorted(self._peaks))
        root = smallest
        for peak in larger:
            root = node_hash(peak, root)
        return root

    def copy(self) -> Frontier:
        """A frontier that can be moved on and thrown away."""
        return Frontier(self._size, self.hashes)


# --- making proofs from tiles -----------------------------------------------------------------------


class _Subtrees:
    """Roots of subtrees of one tree, each tile read at most once."""

    def __init__(self, size: int, reader: HashReader) -> None:
        self._size = size
        self._reader = reader
        self._tiles: dict[tuple[int, int], bytes] = {}

    def _tile(self, level: int, index: int) -> bytes:
        known = self._tiles.get((level, index))
        if known is None:
            width = min(TILE_WIDTH, (self._size >> TILE_HEIGHT * level) - index * TILE_WIDTH)
            known = self._tiles[level, index] = self._reader.read_tile(level, index, width)
            if len(known) != width * HASH_LENGTH:
                raise LogMismatchError(
                    "a tile has a wrong length", field=f"tile {level}/{index}", rule=f"{width} hashes"
                )
        return known

    def complete(self, height: int, number: int) -> bytes:
        """The root of subtree ``number`` among the complete subtrees of ``2**height`` leaves."""
        level, rest = divmod(height, TILE_HEIGHT)
        index, first = divmod(number << rest, TILE_WIDTH)
        tile = self._tile(level, index)
        places = range(first * HASH_LENGTH, (first + (1 << rest)) * HASH_LENGTH, HASH_LENGTH)
        return subtree_root([tile[at : at + HASH_LENGTH] for at in places])

    def peaks(self, start: int, stop: int) -> list[bytes]:
        """The complete subtrees of a range whose ``start`` is a multiple of all of them, largest first."""
        found = []
        for height in reversed(range((stop - start).bit_length())):
            if (stop - start) >> height & 1:
                found.append(self.complete(height, start >> height))
                start += 1 << height
        return found

    def root(self, start: int, stop: int) -> bytes:
        """MTH of the leaves from ``start`` to ``stop``, which is a node of the tree."""
        *larger, root = self.peaks(start, stop)
        for peak in reversed(larger):
            root = node_hash(peak, root)
        return root


def frontier(size: int, reader: HashReader) -> Frontier:
    """The frontier of the first ``size`` leaves, read from tiles."""
    return Frontier(size, _Subtrees(size, reader).peaks(0, size))


def root(size: int, reader: HashReader) -> bytes:
    """The root of the first ``size`` leaves, read from tiles."""
    return frontier(size, reader).root()


def inclusion_proof(index: int, size: int, reader: HashReader) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree of ``size`` leaves (RFC 9162 §2.1.3.1), leaf to root.

    Raises:
        NotFoundError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise NotFoundError("the log has no such leaf", field=f"index {index}", rule=f"0 to {size - 1}")
    tree = _Subtrees(size, reader)
    proof: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            proof.append(tree.root(middle, stop))
            stop = middle
        else:
            proof.append(tree.root(start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, reader: HashReader) -> list[bytes]:
    """The proof that the tree of ``old`` leaves is the beginning of that of ``new`` (RFC 9162 §2.1.4.1).

    Raises:
        InputError: not ``1 <= old <= new``; from the empty tree there is nothing to prove.
    """
    if not 1 <= old <= new:
        raise InputError("no consistency proof between these sizes", field=f"{old}, {new}", rule="1 <= old <= new")
    tree = _Subtrees(new, reader)
    proof: list[bytes] = []
    start, stop = 0, new
    while old < stop:
        middle = start + _split(stop - start)
        if old <= middle:
            proof.append(tree.root(middle, stop))
            stop = middle
        else:
            proof.append(tree.root(start, middle))
            start = middle
    if start > 0:  # otherwise this node is the old root, which the verifier has
        proof.append(tree.root(start, stop))
    return proof[::-1]


def _split(width: int) -> int:
    """The largest power of two smaller than ``width`` (at least 2)."""
    return 1 << (width - 1).bit_length() - 1


# --- verifying --------------------------------------------------------------------------------------


def root_from_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 §2.1.3.2).

    Raises:
        LogMismatchError: index, size and length of the proof do not fit together, or a hash is not 32 bytes.
    """
    if not 0 <= index < size:
        raise LogMismatchError("the index lies outside the tree", field=f"index {index}", rule=f"below {size}")
    _check_hashes(leaf_hash, *proof)
    node, last, root = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise LogMismatchError("the inclusion proof is too long", rule="RFC 9162 §2.1.3.2")
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            while node and not node & 1:  # levels at which the node has no sibling
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise LogMismatchError("the inclusion proof is too short", rule="RFC 9162 §2.1.3.2")
    return root


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that ``leaf_hash`` is leaf ``index`` (from 0) of the tree of ``size`` leaves with this ``root``.

    Raises:
        LogMismatchError: it is not proved.
    """
    if not compare_digest(root_from_inclusion(index, size, leaf_hash, proof), root):
        raise LogMismatchError("the leaf is not proved to be in the log", field=f"index {index}", rule="RFC 9162")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the log of ``new`` leaves begins with that of ``old`` leaves (RFC 9162 §2.1.4.2).

    Raises:
        LogMismatchError: it is not proved. So too where ``old`` is 0: every log begins with the empty one, and a
            caller who compares with nothing must say so himself.
    """
    if old < 1:
        raise LogMismatchError(
            "a proof from the empty log proves nothing", field=f"old size {old}", rule="1 or more"
        )
    verify_subtree_consistency(0, old, new, proof, old_root, new_root)


def verify_subtree_inclusion(
    index: int, start: int, stop: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that ``leaf_hash`` is leaf ``index`` of the log, under the subtree of leaves ``start`` to ``stop``.

    Raises:
        LogMismatchError: it is not proved, or there is no such subtree.
    """
    _check_subtree(start, stop)
    verify_inclusion(index - start, stop - start, leaf_hash, proof, root)


def verify_subtree_consistency(
    start: int, stop: int, size: int, proof: Sequence[bytes], subtree: bytes, root: bytes
) -> None:
    """Check that ``subtree`` is the root over the leaves ``start`` to ``stop`` of the log of ``size`` leaves.

    The algorithm of draft-ietf-plants-merkle-tree-certs §4.4.3, which for ``start`` 0 is that of RFC 9162.

    Raises:
        LogMismatchError: it is not proved, or there is no such subtree.
    """
    if not 0 <= start <= stop <= size:
        raise LogMismatchError("these sizes do not follow each other", field=f"{start}, {stop}, {size}")
    if start == stop:
        if proof or not compare_digest(subtree, EMPTY_ROOT):
            raise LogMismatchError("an empty subtree has the empty root and no proof", field=f"{start}, {stop}")
        return
    if start == 0 and stop == size:
        if proof or not compare_digest(subtree, root):
            raise LogMismatchError("two roots of one size differ", field=f"size {size}", rule="RFC 9162 §2.1.4.2")
        return
    _check_subtree(start, stop)
    _check_hashes(subtree, root, *proof)
    old_root, new_root = _roots_from_consistency(start, stop - 1, size - 1, proof, subtree)
    if not (compare_digest(old_root, subtree) and compare_digest(new_root, root)):
        raise LogMismatchError(
            "the log is not proved to continue the earlier one", field=f"{stop}, {size}", rule="RFC 9162 §2.1.4.2"
        )


def _roots_from_consistency(
    first: int, old: int, new: int, proof: Sequence[bytes], subtree: bytes
) -> tuple[bytes, bytes]:
    """The roots of subtree and tree that a proof leads to; ``first``, ``old``, ``new``: indices of leaves."""
    # Climb to the node from which both roots can be built: the largest complete subtree at the old right edge.
    while first != old and (old & 1 or old == new):
        first, old, new = first >> 1, old >> 1, new >> 1
    hashes = list(proof[::-1])
    if first == old:
        old_root = subtree
    elif hashes:
        old_root = hashes.pop()
    else:
        raise LogMismatchError("the consistency proof is empty", rule="RFC 9162 §2.1.4.2")
    new_root = old_root
    while hashes:
        sibling = hashes.pop()
        if new == 0:
            raise LogMismatchError("the consistency proof is too long", rule="RFC 9162 §2.1.4.2")
        if old & 1 or old == new:
            if first < old:
                old_root = node_hash(sibling, old_root)
            new_root = node_hash(sibling, new_root)
            while old and not old & 1:
                first, old, new = first >> 1, old >> 1, new >> 1
        else:
            new_root = node_hash(new_root, sibling)
        first, old, new = first >> 1, old >> 1, new >> 1
    if new:
        raise LogMismatchError("the consistency proof is too short", rule="RFC 9162 §2.1.4.2")
    return old_root, new_root


def _check_subtree(start: int, stop: int) -> None:
    """A subtree begins at a multiple of the smallest power of two that holds its leaves."""
    if not 0 <= start < stop or start % (1 << (stop - start - 1).bit_length()):
        raise LogMismatchError("the log has no such subtree", field=f"{start}, {stop}")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(value) != HASH_LENGTH for value in hashes):
        raise LogMismatchError("a hash of the proof has a wrong length", field="proof", rule=f"{HASH_LENGTH} bytes")
