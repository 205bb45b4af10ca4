"""The tamper corpus of the sealed log: checkpoints, tiles and segments, each named at its place."""

from __future__ import annotations

import pytest
from fix_replay import Bank
from fix_tampered import audited, edit, execute, kinds, names, rows

from kyc.evidence import checkpoint, note
from kyc.keys.file_provider import FileKeyProvider
from replay.findings import Kind

pytestmark = pytest.mark.pg15


def test_resigned_checkpoint(bank: Bank, tmp_path) -> None:
    """A checkpoint signed by another key under the log's name is refused."""
    other = FileKeyProvider.open(tmp_path / "other").signing_key("log")
    newest = bank.sealed.checkpoint()
    assert newest is not None
    tree = checkpoint.Checkpoint(bank.log.database.origin(), newest.size, newest.root)
    forged = checkpoint.sign(tree, note.Signer(bank.log.database.origin(), other))
    execute(bank, "update kyc.checkpoint set note = %s where size = %s", forged, newest.size)
    (finding, *others) = audited(bank).findings
    assert (finding.kind, finding.place.item) == (Kind.SIGNATURE_WRONG, "checkpoint 24")
    assert {f.kind for f in others} <= {Kind.SEGMENT_WRONG}


def test_wrong_expected_key(bank: Bank, tmp_path) -> None:
    """Under another key than the log's nothing is green."""
    other = FileKeyProvider.open(tmp_path / "other").signing_key("log")
    vkey = str(note.Signer(bank.log.database.origin(), other).verifier)
    report = audited(bank, verifier_keys=[vkey])
    assert {Kind.SIGNATURE_WRONG, Kind.NOTHING_SEALED} <= kinds(report)


def test_edited_root(bank: Bank) -> None:
    """A root that differs from the signed one is named by its checkpoint."""
    execute(bank, "update kyc.checkpoint set root = set_byte(root, 0, get_byte(root, 0) # 1) where size = 18")
    (finding,) = audited(bank).findings
    assert (finding.kind, finding.place.item) == (Kind.CHECKPOINT_DIFFERS, "checkpoint 18")


@pytest.mark.parametrize("level", [0, 1])
def test_edited_tile(bank: Bank, level: int) -> None:
    """A changed hash of a tile is named as the tile's fault, because the events still give the signed root."""
    bank.fill(300)
    bank.seal()
    if level == 0:
        execute(bank, "update kyc.tile set hashes = set_byte(hashes, 64, get_byte(hashes, 64) # 1)")
        (finding,) = audited(bank).findings
        assert (finding.kind, finding.place.item) == (Kind.TILE_WRONG, "tile 0/0")
        assert "log index 2" in finding.expected
    else:
        execute(bank, "insert into kyc.tile select 1, 0, hashes from kyc.tile")
        (finding,) = audited(bank).findings
        assert (finding.kind, finding.place.item) == (Kind.TILE_EXTRA, "tile 1/0")


def test_edited_tile_and_event(bank: Bank) -> None:
    """Several alterations at once are told apart: the tile's by its number, the event's by its place."""
    bank.fill(600)
    bank.seal()
    execute(bank, "update kyc.tile set hashes = set_byte(hashes, 64, get_byte(hashes, 64) # 1) where index = 1")
    row = rows(bank, "customer", "C1")[0]
    edit(bank, row, "hash = set_byte(hash, 0, get_byte(hash, 0) # 1)")
    report = audited(bank)
    assert names(report, Kind.HASH_WRONG, row)
    assert [f.place.item for f in report.findings if f.kind is Kind.TILE_WRONG] == ["tile 0/1"]


def test_missing_tile(bank: Bank) -> None:
    """A tile that is gone is named; the events still give the root."""
    bank.fill(300)
    bank.seal()
    execute(bank, "delete from kyc.tile")
    (finding,) = audited(bank).findings
    assert (finding.kind, finding.place.item) == (Kind.TILE_MISSING, "tile 0/0")


def test_edited_segment(bank: Bank) -> None:
    """Segments that overlap or leave a gap are named."""
    first = bank.sealed.segments(0, 24)
    segment = list(first)[-1]
    execute(
        bank, "update kyc.segment set position_to = position_to + 5 where first_index = %s", segment.first_index
    )
    report = audited(bank)
    assert {Kind.SEALED_MISSING, Kind.SEGMENT_WRONG} <= kinds(report)


def test_segment_as_large_as_numbers_go(bank: Bank) -> None:
    """A segment of 2^60 positions neither fills the disk nor keeps the audit busy."""
    segment = list(bank.sealed.segments(0, 24))[-1]
    execute(
        bank, "update kyc.segment set position_to = 1::bigint << 60 where first_index = %s", segment.first_index
    )
    assert Kind.SEALED_MISSING in kinds(audited(bank))


@pytest.mark.slow
def test_edited_upper_tile(bank: Bank) -> None:
    """A changed hash in a tile above the leaves is named, and nothing else."""
    for _ in range(7):
        bank.fill(9_500)
    bank.seal()
    execute(bank, "update kyc.tile set hashes = set_byte(hashes, 70, get_byte(hashes, 70) # 1) where level = 1")
    (finding,) = audited(bank, keys=None).findings
    assert (finding.kind, finding.place.item) == (Kind.TILE_WRONG, "tile 1/0")
    assert finding.expected.endswith("at 2")
