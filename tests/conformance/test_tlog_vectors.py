"""A complete tiny log of transparency-dev/tessera: ours reads it at every size and writes the same files."""

from __future__ import annotations

import tarfile

import pytest

from kyc.errors import FormatError, LogMismatchError, SignatureError
from kyc.evidence import checkpoint, leaf, merkle, tiles
from kyc.evidence.edge import Edge
from kyc.evidence.note import Verifier

ENTRIES = [
    word.encode()
    for word in "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split()
]
LOG = Verifier.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
SIZES = range(len(ENTRIES) + 1)


@pytest.fixture(scope="module")
def files(shared_data):
    """Path below the prefix → content of every file of the log."""
    with tarfile.open(shared_data / "vectors/tlog/log.tar.gz") as archive:
        return {
            member.name.removeprefix("log/"): archive.extractfile(member).read()
            for member in archive.getmembers()
            if member.isfile()
        }


class _Entries:
    """The entries as a log holds them before anything is published."""

    def __init__(self, entries: list[bytes]) -> None:
        self._entries = entries
        self._hashes = [leaf.leaf_hash(entry) for entry in entries]

    def read_entries(self, start: int, stop: int) -> list[bytes]:
        return self._entries[start:stop]

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        assert level == 0, "sixteen entries fill no tile"
        return b"".join(self._hashes[index * 256 : index * 256 + width])


def test_checkpoints_open(files):
    """Each checkpoint of sizes 0 to 15 opens under the log's key, and none under another log's."""
    for size in SIZES:
        opened = checkpoint.open_checkpoint(files[f"checkpoint.{size}"], LOG)
        assert opened.checkpoint.size == size
        assert opened.checkpoint.origin == "example.com/log/testdata"
        with pytest.raises(SignatureError):
            checkpoint.open_checkpoint(files[f"checkpoint.{size}"], Verifier("example.com/other", LOG.public_key))
    assert files["checkpoint"] == files["checkpoint.15"]


def test_reader_accepts_every_size(files):
    """At every size the tiles give the signed root, the entries match them, and every proof verifies."""
    reader = tiles.TileReader(files.get)
    roots = [checkpoint.open_checkpoint(files[f"checkpoint.{size}"], LOG).checkpoint.root for size in SIZES]
    for size in SIZES[1:]:
        assert merkle.root(size, reader) == roots[size]
        assert list(reader.read_entries(0, size)) == ENTRIES[:size]
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, reader)
            merkle.verify_inclusion(index, size, leaf.leaf_hash(ENTRIES[index]), proof, roots[size])
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(old, size, reader)
            merkle.verify_consistency(old, size, proof, roots[old], roots[size])


def test_writer_gives_the_same_roots_and_files(files):
    """Fed the same entries, one by one or at once, we write the same roots, tiles and bundles, byte for byte."""
    ours = _Entries(ENTRIES)
    edge, frontier, written = Edge(), merkle.Frontier(), {}
    for size in SIZES:
        if size:
            edge.append([leaf.leaf_hash(ENTRIES[size - 1])])
            frontier.append_many([leaf.leaf_hash(ENTRIES[size - 1])])
            written |= dict(tiles.files_for(size - 1, size, ours, ours))
        signed = checkpoint.open_checkpoint(files[f"checkpoint.{size}"], LOG).checkpoint
        assert edge.root() == frontier.root() == signed.root
        assert checkpoint.format(signed) == files[f"checkpoint.{size}"].decode().partition("\n\n")[0] + "\n"
    assert written == {path: content for path, content in files.items() if path.startswith("tile/")}
    at_once = dict(tiles.files_for(0, 15, ours, ours))
    assert at_once == {path: files[path] for path in ("tile/0/000.p/15", "tile/entries/000.p/15")}


def test_a_changed_file_is_noticed(files):
    """One flipped bit in a tile or bundle of the log: the entries no longer match, or the root is another."""
    for path in ("tile/0/000.p/15", "tile/entries/000.p/15"):
        for at in range(0, len(files[path]), 7):
            damaged = bytearray(files[path])
            damaged[at] ^= 1
            reader = tiles.TileReader((files | {path: bytes(damaged)}).get)
            with pytest.raises((LogMismatchError, FormatError)):
                list(reader.read_entries(0, 15))
