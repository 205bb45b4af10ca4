"""The tree against RFC 6962 written down as plain recursion, and every proof broken in every place."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError, InputError, LogMismatchError, NotFoundError
from kyc.evidence import merkle
from kyc.evidence.edge import Edge
from kyc.evidence.merkle import Frontier

LEAVES = [sha256(b"\0" + number.to_bytes(4, "big")).digest() for number in range(70_000)]
SMALL = 64


@cache
def mth(start: int, stop: int) -> bytes:
    """MTH of the leaves from ``start`` to ``stop``: RFC 6962 §2.1 word for word, over leaf hashes."""
    if start == stop:
        return sha256(b"").digest()
    if stop - start == 1:
        return LEAVES[start]
    k = 1
    while k * 2 < stop - start:
        k *= 2
    return sha256(b"\1" + mth(start, start + k) + mth(start + k, stop)).digest()


ROOTS = [mth(0, size) for size in range(SMALL + 1)]


class Tiles:
    """The tiles of the first ``size`` leaves, made by plain recursion; remembers what was asked."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked: list[tuple[int, int]] = []

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        self.asked.append((level, index))
        span = 256**level
        first = index * 256
        assert (first + width) * span <= self.size, "asked for a hash the tree does not have"
        assert width == 256 or first + width == self.size // span, "asked for a width nobody published"
        return b"".join(mth(at * span, (at + 1) * span) for at in range(first, first + width))


def flipped(value: bytes, bit: int) -> bytes:
    """``value`` with one bit changed."""
    at, place = divmod(bit % (8 * len(value)), 8)
    return value[:at] + bytes((value[at] ^ 1 << place,)) + value[at + 1 :]


def broken(proof: list[bytes]) -> list[list[bytes]]:
    """Proofs that differ from ``proof`` in one way each: a bit, one hash more, fewer, twice, swapped, cut."""
    wrong = [[*proof, bytes(32)], [bytes(32), *proof]]
    for at, value in enumerate(proof):
        wrong.append([*proof[:at], flipped(value, at * 37), *proof[at + 1 :]])
        wrong.append([*proof[:at], *proof[at + 1 :]])
        wrong.append([*proof[:at], value, value, *proof[at + 1 :]])
        wrong.append([*proof[:at], value[:-1], *proof[at + 1 :]])
        if at:
            wrong.append([*proof[: at - 1], value, proof[at - 1], *proof[at + 1 :]])
    return wrong


@pytest.mark.parametrize("size", range(1, SMALL + 1))
def test_inclusion_of_every_leaf(size):
    """Every leaf of every tree up to 64 is proved; no other leaf, place, size, root or broken proof is."""
    tiles, root = Tiles(size), ROOTS[size]
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, tiles)
        merkle.verify_inclusion(index, size, LEAVES[index], proof, root)
        wrong = [(index, size, LEAVES[index], bad, root) for bad in broken(proof)]
        wrong += [(other, size, LEAVES[index], proof, root) for other in range(-1, size + 1) if other != index]
        wrong.append((index, size, flipped(LEAVES[index], index), proof, root))
        wrong.append((index, size, LEAVES[index], proof, flipped(root, index)))
        wrong.append((index, size, LEAVES[size], proof, root))
        for case in wrong:
            with pytest.raises(LogMismatchError):
                merkle.verify_inclusion(*case)


@pytest.mark.parametrize("new", range(1, SMALL + 1))
def test_consistency_of_every_pair(new):
    """Every pair of sizes up to 64 is proved consistent; with any other root or a broken proof it is not."""
    tiles = Tiles(new)
    for old in range(1, new + 1):
        proof = merkle.consistency_proof(old, new, tiles)
        merkle.verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])
        assert bool(proof) == (old < new)
        wrong = [(old, new, bad, ROOTS[old], ROOTS[new]) for bad in broken(proof)]
        wrong.append((old, new, proof, flipped(ROOTS[old], new), ROOTS[new]))
        wrong.append((old, new, proof, ROOTS[old], flipped(ROOTS[new], old)))
        wrong.append((old - 1, new, proof, ROOTS[old - 1], ROOTS[new]))
        wrong.append((0, new, [], ROOTS[0], ROOTS[new]))
        if old < new:
            wrong.append((old, new, proof, ROOTS[new], ROOTS[old]))
            wrong.append((new, old, proof, ROOTS[new], ROOTS[old]))
            wrong.append((old, new, [], ROOTS[new], ROOTS[new]))
        for case in wrong:
            with pytest.raises(LogMismatchError):
                merkle.verify_consistency(*case)


def test_every_bit_of_a_proof_counts():
    """All 256 bits of every hash of two proofs: each flipped one makes the proof fail."""
    inclusion = merkle.inclusion_proof(21, 45, Tiles(45))
    consistency = merkle.consistency_proof(21, 45, Tiles(45))
    for proof, verify in (
        (inclusion, lambda bad: merkle.verify_inclusion(21, 45, LEAVES[21], bad, ROOTS[45])),
        (consistency, lambda bad: merkle.verify_consistency(21, 45, bad, ROOTS[21], ROOTS[45])),
    ):
        verify(proof)
        for at, value in enumerate(proof):
            for bit in range(256):
                with pytest.raises(LogMismatchError):
                    verify([*proof[:at], flipped(value, bit), *proof[at + 1 :]])


def test_subtrees_of_every_tree():
    """Every subtree of every tree up to 40 is proved by the hashes of RFC 9162, a shifted one never."""
    for size in range(1, 41):
        for start in range(size):
            for stop in range(start + 1, size + 1):
                width = 1 << (stop - start - 1).bit_length()
                root = mth(start, stop)
                if start % width:
                    with pytest.raises(LogMismatchError):
                        merkle.verify_subtree_inclusion(start, start, stop, LEAVES[start], [], root)
                    with pytest.raises(LogMismatchError):
                        merkle.verify_subtree_consistency(start, stop, size, [], root, ROOTS[size])
                    continue
                if stop - start == width:  # complete: its consistency proof is the path from it to the root
                    proof = _path(start // width, width, size)
                    merkle.verify_subtree_consistency(start, stop, size, proof, root, ROOTS[size])
                    for bad in broken(proof):
                        with pytest.raises(LogMismatchError):
                            merkle.verify_subtree_consistency(start, stop, size, bad, root, ROOTS[size])


def _path(number: int, width: int, size: int) -> list[bytes]:
    """Siblings from the complete subtree ``number`` of ``width`` leaves up to the root of ``size`` leaves."""
    path = []
    while width < size:
        sibling = (number ^ 1) * width
        if sibling < size:
            path.append(mth(sibling, min(size, sibling + width)))
        number, width = number // 2, width * 2
    return path


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000])
def test_large_trees_need_few_tiles(size):
    """Across the borders of tiles proofs verify, are as short as RFC 9162 says, and read few tiles, each once."""
    root, levels = mth(0, size), -(-size.bit_length() // 8)
    tiles = Tiles(size)
    assert merkle.root(size, tiles) == root
    for index in (0, 1, 254, size // 2, size - 1):
        tiles = Tiles(size)
        proof = merkle.inclusion_proof(index, size, tiles)
        merkle.verify_inclusion(index, size, LEAVES[index], proof, root)
        assert len(proof) <= (size - 1).bit_length()
        assert len(tiles.asked) == len(set(tiles.asked)) <= 2 * levels
    for old in (1, 254, size // 2, size - 1, size):
        tiles = Tiles(size)
        proof = merkle.consistency_proof(old, size, tiles)
        merkle.verify_consistency(old, size, proof, mth(0, old), root)
        assert len(proof) <= (size - 1).bit_length() + 1
        assert len(tiles.asked) == len(set(tiles.asked)) <= 2 * levels


@given(st.lists(st.integers(0, 700), max_size=8))
def test_frontier_does_not_depend_on_how_leaves_arrive(steps):
    """Appending in any steps gives the root, and the frontier can be stored and taken up again at each."""
    frontier, at = Frontier(), 0
    for step in steps:
        kept = frontier.copy()
        frontier.append_many(iter(LEAVES[at : at + step]))
        assert kept.size == at
        assert kept.root() == mth(0, at)
        at += step
        assert frontier.size == at
        assert frontier.root() == mth(0, at)
        assert frontier.hashes == merkle.frontier(at, Tiles(at)).hashes
        frontier = Frontier(frontier.size, frontier.hashes)


def test_frontier_and_edge_agree():
    """The sealer's edge and the reader's frontier give one root at every size up to 600, and at 70,000."""
    frontier, edge = Frontier(), Edge()
    for leaf in LEAVES[:600]:
        frontier.append_many([leaf])
        edge.append([leaf])
        assert frontier.root() == edge.root() == mth(0, frontier.size)
    frontier.append_many(LEAVES[600:])
    finished = edge.append(LEAVES[600:])
    assert frontier.root() == edge.root() == mth(0, 70_000)
    assert [(tile.level, tile.index) for tile in finished if tile.level] == [(1, 0)]
    for tile in finished:
        assert tile.hashes == Tiles(70_000).read_tile(tile.level, tile.index, 256)


def test_empty_tree():
    """The root of nothing is SHA-256 of nothing, however it is asked for."""
    assert (
        merkle.empty_root() == Frontier().root() == Edge().root() == merkle.root(0, Tiles(0)) == sha256().digest()
    )


@pytest.mark.parametrize(
    ("size", "hashes"),
    [(-1, []), (0, [bytes(32)]), (1, []), (3, [bytes(32)]), (4, [bytes(32)] * 2), (1, [bytes(31)])],
)
def test_frontier_refuses_what_does_not_fit(size, hashes):
    """A frontier has one 32-byte hash per bit set in its size."""
    with pytest.raises(FormatError):
        Frontier(size, hashes)


def test_frontier_refuses_what_is_no_hash():
    """Leaf hashes have 32 bytes; a batch with another is refused whole."""
    frontier = Frontier(1, LEAVES[:1])
    with pytest.raises(FormatError):
        frontier.append_many([LEAVES[1], LEAVES[2][:-1]])
    assert frontier.size == 1
    assert frontier.root() == mth(0, 1)


def test_no_proof_of_what_is_not_there():
    """Asking for a leaf beyond the tree, from the empty tree, or backwards is an error of the caller."""
    for index, size in ((-1, 5), (5, 5), (0, 0)):
        with pytest.raises(NotFoundError):
            merkle.inclusion_proof(index, size, Tiles(5))
    for old, new in ((0, 5), (6, 5), (-1, 5), (0, 0)):
        with pytest.raises(InputError):
            merkle.consistency_proof(old, new, Tiles(5))


def test_a_proof_fits_its_size_only():
    """Proofs with one step more or less than the size has are refused even where the hashes work out."""
    with pytest.raises(LogMismatchError):
        merkle.verify_inclusion(0, 1, LEAVES[0], [LEAVES[1]], ROOTS[2])
    with pytest.raises(LogMismatchError):
        merkle.verify_inclusion(0, 1, LEAVES[1], [LEAVES[0]], ROOTS[2])
    with pytest.raises(LogMismatchError):
        merkle.verify_inclusion(0, 3, LEAVES[0], [LEAVES[1]], ROOTS[2])
    longer = merkle.consistency_proof(2, 8, Tiles(8))
    with pytest.raises(LogMismatchError):
        merkle.verify_consistency(2, 4, longer, ROOTS[2], ROOTS[8])
    with pytest.raises(LogMismatchError):
        merkle.verify_consistency(2, 3, [mth(2, 4), mth(4, 8)], ROOTS[2], ROOTS[8])
    with pytest.raises(LogMismatchError):
        merkle.verify_consistency(2, 8, longer[:-1], ROOTS[2], ROOTS[4])
    above = merkle.node_hash(LEAVES[0], ROOTS[4])
    with pytest.raises(LogMismatchError):
        merkle.verify_consistency(2, 4, [mth(2, 4), LEAVES[0]], ROOTS[2], above)


def test_hashes_of_other_lengths_prove_nothing():
    """A root that is no hash is refused even where it hashes to what the proof needs."""
    odd = LEAVES[0] + b"x"
    with pytest.raises(LogMismatchError):
        merkle.verify_consistency(1, 2, [LEAVES[1]], odd, merkle.node_hash(odd, LEAVES[1]))
    with pytest.raises(LogMismatchError):
        merkle.verify_inclusion(0, 2, odd, [LEAVES[1]], merkle.node_hash(odd, LEAVES[1]))


def test_a_lying_reader_makes_no_proof():
    """A tile with a wrong bit gives a proof that fails, a tile with a wrong length gives none."""

    class Liar(Tiles):
        def read_tile(self, level: int, index: int, width: int) -> bytes:
            return flipped(super().read_tile(level, index, width), 8 * 32 * 3)

    proof = merkle.inclusion_proof(2, 45, Liar(45))
    with pytest.raises(LogMismatchError):
        merkle.verify_inclusion(2, 45, LEAVES[2], proof, ROOTS[45])

    class Short(Tiles):
        def read_tile(self, level: int, index: int, width: int) -> bytes:
            return super().read_tile(level, index, width)[:-32]

    with pytest.raises(LogMismatchError):
        merkle.inclusion_proof(2, 45, Short(45))
