"""The sealer's edge: taken up again at any size, it goes on as if it had never stopped."""

from __future__ import annotations

from hashlib import sha256

import pytest

from kyc.errors import FormatError
from kyc.evidence.edge import Edge, tile_root

LEAVES = [sha256(number.to_bytes(4, "big")).digest() for number in range(1_100)]


def _levels(size: int) -> list[list[bytes]]:
    """The unfinished tiles of a tree of ``size`` leaves, below 65,536."""
    full = [tile_root(b"".join(LEAVES[at * 256 : at * 256 + 256])) for at in range(size // 256)]
    return [LEAVES[size // 256 * 256 : size], full]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 1_000])
def test_edge_goes_on_from_any_size(size):
    """Built from the unfinished tiles of a size, an edge gives the same root and the same later tiles."""
    whole, resumed = Edge(), Edge(size, _levels(size))
    before = whole.append(LEAVES[:size])
    assert resumed.root() == whole.root()
    assert resumed.append(LEAVES[size:]) == whole.append(LEAVES[size:])
    assert resumed.root() == whole.root()
    assert [(tile.level, tile.index) for tile in before] == [(0, index) for index in range(size // 256)]


def test_copy_is_independent():
    """Appending to a copy leaves the original where it was."""
    edge = Edge()
    edge.append(LEAVES[:10])
    root, copy = edge.root(), edge.copy()
    copy.append(LEAVES[10:300])
    assert (edge.size, edge.root()) == (10, root)


@pytest.mark.parametrize(("size", "widths"), [(1, [0]), (0, [1]), (256, [0, 2]), (257, [0, 1])])
def test_edge_refuses_tiles_that_do_not_fit(size, widths):
    """The unfinished tiles must be as wide as the size says."""
    with pytest.raises(FormatError):
        Edge(size, [LEAVES[:width] for width in widths])
