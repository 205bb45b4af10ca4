"""Tiles as files: paths, bundles, what a growing log must write, and a reader that believes no file."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import FormatError, LogMismatchError, NotFoundError
from kyc.evidence import leaf, merkle, tiles
from kyc.evidence.edge import subtree_root
from kyc.evidence.tiles import ENTRIES, Place, TileReader

places = st.builds(Place, st.integers(-1, 63), st.integers(0, 2**63 - 1), st.integers(1, 256))


class Memory:
    """A log of ``size`` entries in memory: hashes and entries for the writer."""

    def __init__(self, size: int) -> None:
        self.entries = [leaf.entry(bytes(16), number + 1, bytes(32)) for number in range(size)]
        self.levels = [[leaf.leaf_hash(entry) for entry in self.entries]]
        while len(self.levels[-1]) >= 256:
            below = self.levels[-1]
            self.levels.append(
                [subtree_root(below[at : at + 256]) for at in range(0, len(below) // 256 * 256, 256)]
            )

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        return b"".join(self.levels[level][index * 256 : index * 256 + width])

    def read_entries(self, start: int, stop: int) -> list[bytes]:
        return self.entries[start:stop]


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Place(0, 0), "tile/0/000"),
        (Place(0, 1_234_067), "tile/0/x001/x234/067"),
        (Place(1, 67, 1), "tile/1/067.p/1"),
        (Place(63, 1_000, 255), "tile/63/x001/000.p/255"),
        (Place(ENTRIES, 999), "tile/entries/999"),
        (Place(ENTRIES, 1_000_000, 4), "tile/entries/x001/x000/000.p/4"),
    ],
)
def test_paths_are_those_of_the_specification(place, path):
    """Examples of C2SP tlog-tiles, both ways."""
    assert place.path == path
    assert Place.parse(path) == place


@given(places)
def test_parse_inverts_path(place):
    """Every place is found again from its path."""
    assert Place.parse(place.path) == place


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1/",
        "tile/0/000\n",
        "tile/entries/x00a/000",
        "tile/0/００0",
        "/tile/0/000",
        "tile/0/../0/000",
        "tile/0/" + "x999/" * 6 + "999",
        "tile/0/" + "x999/" * 2_000 + "999",
    ],
)
def test_other_paths_are_refused(path):
    """A path written in any other way is none; nothing outside the tiles can be named."""
    with pytest.raises(FormatError):
        Place.parse(path)


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=256))
def test_parse_bundle_inverts_bundle(entries):
    """Entries come back as they went in, and a longer or shorter bundle is refused."""
    raw = tiles.bundle(entries)
    assert tiles.parse_bundle(raw) == entries
    with pytest.raises(FormatError):
        tiles.parse_bundle(raw + b"\0")
    with pytest.raises(FormatError):
        tiles.parse_bundle(raw[:-1])


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(65_536)]], ids=["none", "257", "too long"])
def test_no_bundle_of_these(entries):
    """A bundle has 1 to 256 entries of at most 65,535 bytes."""
    with pytest.raises(FormatError):
        tiles.bundle(entries)


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0\1", bytes(2 * 257)], ids=["empty", "half", "cut", "257"])
def test_bundles_that_are_none(raw):
    """A bundle is never empty, cut, or longer than a tile is wide."""
    with pytest.raises(FormatError):
        tiles.parse_bundle(raw)


def test_the_example_of_the_specification():
    """A tree of 70,000 leaves: 273 full tiles and one of 112, one full and one of 17, one of 1."""
    found = tiles.tiles_for(0, 70_000)
    assert len(found) == 273 + 1 + 1 + 1 + 1
    assert [place for place in found if place.width < 256] == [Place(0, 273, 112), Place(1, 1, 17), Place(2, 0, 1)]
    assert tiles.tiles_for(0, 256) == [Place(0, 0), Place(1, 0, 1)]
    assert tiles.tiles_for(5, 5) == tiles.tiles_for(0, 0) == []
    with pytest.raises(FormatError):
        tiles.tiles_for(6, 5)


@given(st.lists(st.integers(0, 140_000), min_size=2, max_size=5).map(sorted))
def test_every_size_has_its_tiles(sizes):
    """However a log grew, each size it stood at has every full tile and every partial tile it needs."""
    written: set[Place] = set()
    for old, new in zip([0, *sizes], sizes, strict=False):
        written |= {*tiles.tiles_for(old, new), *tiles.bundles_for(old, new)}
        level, count = 0, new
        while count:
            assert count < 256 or Place(level, count // 256 - 1) in written
            assert count % 256 == 0 or Place(level, count // 256, count % 256) in written
            level, count = level + 1, count // 256
    full = {place for place in written if place.width == 256}
    assert len([place for place in full if place.level == 0]) == sizes[-1] // 256
    assert len([place for place in full if place.level == ENTRIES]) == sizes[-1] // 256


def test_written_log_reads_back():
    """What the writer published over several sizes, the reader proves at each of them."""
    log, files, sizes = Memory(700), {}, [0, 3, 255, 256, 300, 700]
    for old, new in pairwise(sizes):
        files |= dict(tiles.files_for(old, new, log, log))
    reader = TileReader(files.get)
    for size in sizes[1:]:
        root = merkle.root(size, log)
        assert merkle.root(size, reader) == root
        assert list(reader.read_entries(0, size)) == log.entries[:size]
        proof = merkle.inclusion_proof(size // 2, size, reader)
        merkle.verify_inclusion(size // 2, size, log.levels[0][size // 2], proof, root)
    assert list(reader.read_entries(250, 260, 700)) == log.entries[250:260]


def test_partial_tiles_may_be_gone():
    """Where a partial tile or bundle was removed, the full one serves for an earlier size."""
    log = Memory(300)
    files = dict(tiles.files_for(0, 300, log, log))
    reader = TileReader(files.get)
    assert reader.read_tile(0, 0, 100) == b"".join(log.levels[0][:100])
    assert list(reader.read_entries(0, 100)) == log.entries[:100]
    with pytest.raises(NotFoundError):
        reader.read_tile(0, 1, 43)
    with pytest.raises(NotFoundError):
        list(reader.read_entries(256, 299))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("tile/0/000.p/5", bytes(32 * 4)),
        ("tile/0/000.p/5", bytes(32 * 6)),
        ("tile/0/000.p/5", b""),
        ("tile/entries/000.p/5", tiles.bundle(Memory(4).entries)),
        ("tile/entries/000.p/5", tiles.bundle(Memory(6).entries)),
        ("tile/entries/000.p/5", tiles.bundle([*Memory(4).entries, b"other"])),
    ],
)
def test_files_of_wrong_length_or_content_are_refused(path, content):
    """A tile or bundle with fewer, more or other entries than its name says is a mismatch, not a short answer."""
    log = Memory(5)
    files = dict(tiles.files_for(0, 5, log, log)) | {path: content}
    with pytest.raises(LogMismatchError):
        list(TileReader(files.get).read_entries(0, 5))


def test_writer_refuses_a_log_with_holes():
    """Readers that give too little stop the writer before it publishes a short file."""
    log = Memory(5)
    with pytest.raises(LogMismatchError):
        list(tiles.files_for(0, 6, log, log))
    full = Memory(6)
    full.levels = log.levels
    with pytest.raises(LogMismatchError):
        list(tiles.files_for(0, 6, full, full))
