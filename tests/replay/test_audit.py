"""The audit: green only on what was verified, and on what continues a checkpoint that was kept."""

from __future__ import annotations

from uuid import UUID

import pytest
from fix_replay import Bank
from fix_tampered import audited, edit, execute, kinds, rewritten, rows

from kyc.errors import ChainBrokenError, InputError, SignatureError
from kyc.evidence import checkpoint, note
from kyc.keys.file_provider import FileKeyProvider
from replay.audit import audit
from replay.findings import Kind

pytestmark = pytest.mark.pg15


# --- what is green, and what is not ---------------------------------------------------------------------


def test_whole_log_is_proved(bank: Bank) -> None:
    """An untouched log is verified, and the report says how much of what was proved."""
    bank.fill(600)
    bank.seal()
    report = audited(bank)
    assert (report.findings, report.ok) == ([], True)
    counts = report.counts
    assert (counts["events"], counts["sealed"], counts["checkpoints"]) == (624, 624, 3)
    assert (counts["opened"], counts["scans_opened"], counts["claims"]) == (624, 6, 7)
    assert any("624 events in 49 streams" in text for text in report.proved)
    assert any("2 tiles, 3 roots" in text for text in report.proved)
    assert any(bank.vkey in text for text in report.proved)
    assert any("kept elsewhere" in text for text in report.not_proved)
    assert report.lines()[0] == "verified: 624 events, 624 of them sealed"
    report.check()


def test_without_keys_less_is_proved(bank: Bank) -> None:
    """Without data keys the chains and the tree are proved, and the report says what is not."""
    report = audit(bank.log.database, verifier_keys=[note.Verifier.parse(bank.vkey)])
    assert report.ok
    assert report.counts["opened"] == 0
    assert any("no data keys" in text for text in report.not_proved)


def test_progress_is_told(bank: Bank) -> None:
    """Progress counts up to all events."""
    told: list[tuple[int, int]] = []
    audited(bank, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (24, 24)
    assert told == sorted(told)


def test_nothing_is_not_green(empty_bank: Bank) -> None:
    """An empty log is not verified, sealed or not."""
    assert kinds(audited(empty_bank)) == {Kind.EMPTY_LOG}
    empty_bank.seal()
    report = audited(empty_bank)
    assert (kinds(report), report.ok) == ({Kind.EMPTY_LOG}, False)
    assert report.lines()[0].startswith("NOT VERIFIED")


def test_unsealed_is_not_green(empty_bank: Bank) -> None:
    """Events without any checkpoint are not verified; a checkpoint of nothing covers none of them."""
    empty_bank.seal()
    empty_bank.open("A1", "C1")
    report = audited(empty_bank)
    assert kinds(report) == {Kind.NOTHING_SEALED}
    assert any("2 events are not sealed" in text for text in report.not_proved)


def test_unsealed_tail_is_said(bank: Bank) -> None:
    """Events after the newest checkpoint are verified as far as they can be, and counted as unproved."""
    bank.book("T-9", "1.00", ("A1", "debit"))
    report = audited(bank)
    assert report.ok
    assert any(text.startswith("1 events are not sealed yet") for text in report.not_proved)


def test_no_key_is_refused(bank: Bank) -> None:
    """An audit without a key to verify with is no audit."""
    with pytest.raises(InputError):
        audit(bank.log, verifier_keys=[])


def test_disposed_records_stay_green(bank: Bank) -> None:
    """A destroyed key leaves everything proved; content that is gone is counted, before and after emptying."""
    (first, *_) = rows(bank, "postings", "A3")
    bank.log.key_store.destroy(first.data_key)
    bank.log.ring.forget(first.data_key)
    report = audited(bank)
    assert report.ok
    assert any("still hold ciphertext" in text for text in report.not_proved)
    bank.log.key_store.empty(first.data_key, [first.stream_id])
    report = audited(bank)
    assert (report.findings, report.counts["disposed"]) == ([], 1)
    assert any("their content is gone" in text for text in report.not_proved)


def test_findings_are_bounded(bank: Bank) -> None:
    """Beyond the limit of its kind a finding is only counted."""
    execute(bank, "update kyc.event set state = state || '\\x00'")
    report = audited(bank, limit=3, keys=None)
    assert (len(report.findings), report.counts["findings"]) == (3, 24)
    assert "21 more" in "\n".join(report.lines())
    assert report.as_dict()["findings"][0]["kind"] == "ciphertext_changed"


# --- a trusted checkpoint ---------------------------------------------------------------------------------


def test_trusted_checkpoint_is_continued(bank: Bank) -> None:
    """A checkpoint kept by somebody else is found again in the log."""
    kept = bank.seal()
    bank.fill(300)
    bank.seal()
    report = audited(bank, trusted=kept)
    assert report.ok
    assert "the log continues the trusted checkpoint of 24 leaves" in report.proved


def test_rollback(bank: Bank) -> None:
    """A log cut back to an earlier state in all its tables is consistent, but shorter than others saw it."""
    bank.book("T-9", "1.00", ("A1", "debit"))
    kept = bank.seal()
    row = rows(bank, "postings", "A1")[-1]
    execute(bank, "delete from kyc.event where lane = %s and position = %s", row.lane, row.position)
    execute(bank, "delete from kyc.segment where first_index = 24")
    execute(bank, "delete from kyc.checkpoint where size = 25")
    execute(
        bank, "delete from kyc.claim where stream_id = %s and version = %s", UUID(bytes=row.stream_id), row.version
    )
    assert audited(bank).ok
    (finding,) = audited(bank, trusted=kept).findings
    assert finding.kind is Kind.ROLLED_BACK
    assert (finding.expected, finding.found) == ("25 leaves", "24 leaves")


def test_fork(bank: Bank) -> None:
    """A history rewritten and signed anew with the log's own key is a fork of what others have seen."""
    kept = bank.seal()
    with bank.owner() as owner:
        owner.execute("truncate kyc.segment, kyc.tile, kyc.checkpoint")
    row = rows(bank, "postings", "A1")[-1]
    rewritten(bank, row, row.recorded_at + 1)
    bank.seal()
    assert audited(bank).ok
    (finding,) = audited(bank, trusted=kept).findings
    assert (finding.kind, finding.place.item) == (Kind.FORKED, "checkpoint 24")


def test_trusted_checkpoint_of_another(bank: Bank, tmp_path) -> None:
    """A trusted checkpoint that the log's key did not sign is refused before anything is compared."""
    other = note.Signer("other.example/log", FileKeyProvider.open(tmp_path / "other").signing_key("log"))
    with pytest.raises(SignatureError):
        audited(bank, trusted=checkpoint.sign(checkpoint.Checkpoint("other.example/log", 1, bytes(32)), other))


def test_first_error_is_raised(bank: Bank) -> None:
    """The report raises its first bad place as the error of its step, naming it."""
    row = rows(bank, "account", "A2")[0]
    edit(bank, row, "hash = set_byte(hash, 0, get_byte(hash, 0) # 1)")
    with pytest.raises(ChainBrokenError) as raised:
        audited(bank).check()
    assert str(UUID(bytes=row.stream_id)) in (raised.value.field or "")
