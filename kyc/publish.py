"""What the bank gives out besides exports: the hash-only log as static files, a proof file, a signed receipt.

The log's files follow C2SP tlog-tiles: any static server can serve the folder, any tool for the format can audit
it. They hold hashes only. Files are written whole and durably, the checkpoint last, so a reader never sees a
checkpoint whose tiles are missing. Where a witness policy is set, nothing is given out under a checkpoint that does
not hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc import files
from kyc.domain.submission import Receipt
from kyc.errors import LogMismatchError, NotSealedError
from kyc.evidence import key_history, leaf, merkle, note, receipt, tiles, tlog_proof
from kyc.evidence.checkpoint import open_checkpoint
from kyc.evidence.note import NoteSigner
from kyc.store.records import StoredEvent
from kyc.store.sealed import SealedLog

MERGE_DELAY: Final = 86_400
"""Seconds within which a receipt promises a checkpoint; the sealer runs far more often."""
CHECKPOINT: Final = "checkpoint"


class _Entries:
    """The log's entries from the stored events."""

    def __init__(self, sealed: SealedLog) -> None:
        self._sealed = sealed

    def read_entries(self, start: int, stop: int) -> Iterable[bytes]:
        """Entries by global index."""
        return [leaf.entry(row.stream_id, row.version, row.hash) for _, row in self._sealed.rows(start, stop)]


def publish(sealed: SealedLog, folder: Path, log_key: str) -> tuple[int, int]:
    """Write what the folder lacks of the sealed log; (files written, size of the log).

    Raises:
        NotSealedError: nothing is sealed yet.
        LogMismatchError: the folder holds a log that this one does not continue.
    """
    newest = sealed.published()
    if newest is None:
        raise NotSealedError("nothing is sealed and cosigned yet")
    known = _published(sealed, folder, log_key)
    if known > newest.size:
        raise LogMismatchError(
            "the folder holds a longer log", field="checkpoint", rule=f"{known} is more than {newest.size}"
        )
    written = 0
    for path, content in tiles.files_for(known, newest.size, sealed, _Entries(sealed)):
        files.write(folder / path, content)
        written += 1
    if history := sealed.key_history():
        files.write(folder / key_history.FILE, history)
        written += 1
    files.write(folder / CHECKPOINT, newest.note.encode())
    return written + 1, newest.size


def prove(sealed: SealedLog, row: StoredEvent) -> str:
    """The ``.tlog-proof`` file of an event (C2SP tlog-proof): index, inclusion proof, checkpoint.

    Raises:
        NotSealedError: the event is not sealed yet.
    """
    newest, index = sealed.published(), sealed.index_of(row.lane, row.position)
    if newest is None or index is None or index >= newest.size:
        raise NotSealedError("the event is not sealed yet, or not cosigned")
    proof = merkle.inclusion_proof(index, newest.size, sealed)
    entry = leaf.entry(row.stream_id, row.version, row.hash)
    return tlog_proof.format(tlog_proof.for_event(entry, index, proof, newest.note))


def sign_receipt(origin: str, key: Ed25519PrivateKey, receipts: Sequence[Receipt]) -> str:
    """The signed receipt of an append: what was recorded, and by when a checkpoint will cover it."""
    return signed_receipt(origin, receipt.signer(origin, key), receipts)


def signed_receipt(origin: str, signer: NoteSigner, receipts: Sequence[Receipt]) -> str:
    """The same, by a signer that was made before."""
    events = tuple([receipt.ReceiptedEvent(*one[:6]) for one in receipts])
    return receipt.sign(receipt.Receipt(origin, MERGE_DELAY, events), signer)


def _published(sealed: SealedLog, folder: Path, log_key: str) -> int:
    """The size of the log in the folder, once its checkpoint is one of ours."""
    try:
        text = (folder / CHECKPOINT).read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    found = open_checkpoint(text, sealed.keys(note.Verifier.parse(log_key))).checkpoint
    newest = sealed.published()
    if newest is not None and 0 < found.size <= newest.size:
        proof = merkle.consistency_proof(found.size, newest.size, sealed)
        merkle.verify_consistency(found.size, newest.size, proof, found.root, newest.root)
    return found.size
