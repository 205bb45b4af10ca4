"""What is given out: a static log others can audit, proof files, signed receipts."""

from __future__ import annotations

from pathlib import Path

import pytest
from fix_bank import booked, household, receipts

from kyc import files
from kyc.domain.submission import StreamName
from kyc.errors import LogMismatchError, NotFoundError
from kyc.evidence import checkpoint, leaf, merkle, note, receipt, tlog_proof
from kyc.evidence.tiles import TileReader
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.publish import prove, publish, sign_receipt
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog


@pytest.fixture
def sealed(ledger: Ledger) -> SealedLog:
    """The sealed log of a household."""
    ledger.record(household())
    return SealedLog(ledger.log.database, ledger.log.reader)


@pytest.fixture
def log_key(ledger: Ledger, provider: FileKeyProvider) -> str:
    """The log's verifier key."""
    return str(note.Signer(ledger.log.database.origin(), provider.signing_key("log")).verifier)


def seal(ledger: Ledger, provider: FileKeyProvider) -> None:
    """Seal what there is."""
    sealer = Sealer(ledger.log.database, provider.signing_key("log"))
    sealer.seal()
    sealer.release()


def fetcher(folder: Path):
    """Reads the published files as a stranger would."""
    return lambda path: (folder / path).read_bytes() if (folder / path).is_file() else None


def test_static_log(
    ledger: Ledger, sealed: SealedLog, provider: FileKeyProvider, log_key: str, tmp_path: Path
) -> None:
    """The folder alone proves every entry; published again after more events it continues."""
    sizes = []
    for n in range(3):
        ledger.record([booked(f"P{n}-{i}", ("A1", "debit", "1.00")) for i in range(300 * n)])
        seal(ledger, provider)
        _, size = publish(sealed, tmp_path, log_key)
        opened = checkpoint.open_checkpoint((tmp_path / "checkpoint").read_text(), note.Verifier.parse(log_key))
        assert opened.checkpoint.size == size
        reader = TileReader(fetcher(tmp_path))
        assert merkle.root(size, reader) == opened.checkpoint.root
        entries = list(reader.read_entries(0, size, size))
        assert entries == [leaf.entry(row.stream_id, row.version, row.hash) for _, row in sealed.rows(0, size)]
        sizes.append(size)
    assert sizes == sorted(set(sizes))
    assert b"Lovelace" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_readers_never_see_a_checkpoint_without_its_files(
    ledger: Ledger, sealed: SealedLog, provider: FileKeyProvider, log_key: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Cut off after whichever file, the folder is a whole log of an earlier size; the checkpoint comes last."""
    seal(ledger, provider)
    folder, write, written = tmp_path / "log", files.write, []
    publish(sealed, folder, log_key)
    ledger.record([booked(f"Q{n}", ("A1", "debit", "1.00")) for n in range(600)])
    seal(ledger, provider)
    left = 0

    def dying(path: Path, content: bytes) -> None:
        if len(written) == left:
            raise InterruptedError
        written.append(path)
        write(path, content)

    monkeypatch.setattr(files, "write", dying)
    key = note.Verifier.parse(log_key)
    before = checkpoint.open_checkpoint((folder / "checkpoint").read_text(), key).checkpoint
    while True:
        written.clear()
        try:
            publish(sealed, folder, log_key)
            break
        except InterruptedError:
            assert merkle.root(before.size, TileReader(fetcher(folder))) == before.root
            left += 1
    assert left >= 6
    assert [path.name for path in written].index("checkpoint") == len(written) - 1
    now = checkpoint.open_checkpoint((folder / "checkpoint").read_text(), key).checkpoint
    assert merkle.root(now.size, TileReader(fetcher(folder))) == now.root


def test_folder_of_another_log(
    ledger: Ledger, sealed: SealedLog, provider: FileKeyProvider, log_key: str, tmp_path: Path
) -> None:
    """A folder whose checkpoint this log does not continue is not overwritten."""
    with pytest.raises(NotFoundError):
        publish(sealed, tmp_path, log_key)
    seal(ledger, provider)
    signer = note.Signer(ledger.log.database.origin(), provider.signing_key("log"))
    for size in (3, 10_000):
        foreign = checkpoint.sign(checkpoint.Checkpoint(ledger.log.database.origin(), size, bytes(32)), signer)
        (tmp_path / "checkpoint").write_text(foreign)
        with pytest.raises(LogMismatchError):
            publish(sealed, tmp_path, log_key)
        assert (tmp_path / "checkpoint").read_text() == foreign


def test_proof_file(ledger: Ledger, sealed: SealedLog, provider: FileKeyProvider, log_key: str) -> None:
    """A proof file convinces whoever has the event and the log's key, and nobody else."""
    (row,) = ledger.log.reader.stream(ledger.log.stream_id(StreamName("postings", "A1")))
    with pytest.raises(NotFoundError):
        prove(sealed, row)
    seal(ledger, provider)
    proof = tlog_proof.parse(prove(sealed, row))
    verifier = note.Verifier.parse(log_key)
    tlog_proof.verify(proof, leaf.entry(row.stream_id, row.version, row.hash), verifier)
    with pytest.raises(LogMismatchError):
        tlog_proof.verify(proof, leaf.entry(row.stream_id, row.version + 1, row.hash), verifier)


def test_signed_receipt(ledger: Ledger, provider: FileKeyProvider) -> None:
    """A receipt says what was recorded where, and by when a checkpoint must cover it, under the receipt key."""
    given = [one for answer in ledger.record(household()) for one in receipts(answer)]
    origin, key = ledger.log.database.origin(), provider.signing_key("receipt")
    text = sign_receipt(origin, key, given)
    opened = receipt.open_receipt(text, receipt.signer(origin, key).verifier, origin)
    assert [(event.stream_id, event.version) for event in opened.events] == [(r.stream, r.version) for r in given]
    assert opened.due(opened.events[0]) == given[0].recorded_at + 86_400 * 1_000_000
