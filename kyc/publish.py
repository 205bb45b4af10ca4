"""What the bank gives out besides exports: the hash-only log as static files, a proof file, a signed receipt.

The log's files follow C2SP tlog-tiles: any static server can serve the folder, any tool for the format can audit
it. They hold hashes only. Files are written whole and durably, the checkpoint last, so a reader never sees a
checkpoint whose tiles are missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.domain.submission import Receipt
from kyc.errors import LogMismatchError, NotFoundError
from kyc.evidence import leaf, merkle, note, receipt, tiles, tlog_proof
from kyc.evidence.checkpoint import open_checkpoint
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
        NotFoundError: nothing is sealed yet.
        LogMismatchError: the folder holds a log that this one does not continue.
    """
    newest = sealed.checkpoint()
    if newest is None:
        raise NotFoundError("nothing is sealed yet", field="checkpoint", remedy="kyc seal")
    known = _published(sealed, folder, log_key)
    if known > newest.size:
        raise LogMismatchError(
            "the folder holds a longer log", field="checkpoint", rule=f"{known} is more than {newest.size}"
        )
    written = 0
    for path, content in tiles.files_for(known, newest.size, sealed, _Entries(sealed)):
        _write(folder / path, content)
        written += 1
    _write(folder / CHECKPOINT, newest.note.encode())
    return written + 1, newest.size


def prove(sealed: SealedLog, row: StoredEvent) -> str:
    """The ``.tlog-proof`` file of an event (C2SP tlog-proof): index, inclusion proof, checkpoint.

    Raises:
        NotFoundError: the event is not sealed yet.
    """
    newest, index = sealed.checkpoint(), sealed.index_of(row.lane, row.position)
    if newest is None or index is None:
        raise NotFoundError("the event is not sealed yet", field="checkpoint", remedy="kyc seal")
    proof = merkle.inclusion_proof(index, newest.size, sealed)
    entry = leaf.entry(row.stream_id, row.version, row.hash)
    return tlog_proof.format(tlog_proof.for_event(entry, index, proof, newest.note))


def sign_receipt(origin: str, key: Ed25519PrivateKey, receipts: Sequence[Receipt]) -> str:
    """The signed receipt of an append: what was recorded, and by when a checkpoint will cover it."""
    events = tuple(
        receipt.ReceiptedEvent(one.stream, one.version, one.hash, one.lane, one.position, one.recorded_at)
        for one in receipts
    )
    signer = note.Signer(receipt_name(origin), key)
    return receipt.sign(receipt.Receipt(origin, MERGE_DELAY, events), signer)


def receipt_name(origin: str) -> str:
    """The name of the receipt key of a log."""
    return f"{origin}/receipts"


def _published(sealed: SealedLog, folder: Path, log_key: str) -> int:
    """The size of the log in the folder, once its checkpoint is one of ours."""
    try:
        text = (folder / CHECKPOINT).read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    found = open_checkpoint(text, note.Verifier.parse(log_key)).checkpoint
    newest = sealed.checkpoint()
    if newest is not None and 0 < found.size <= newest.size:
        proof = merkle.consistency_proof(found.size, newest.size, sealed)
        merkle.verify_consistency(found.size, newest.size, proof, found.root, newest.root)
    return found.size


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{token_hex(4)}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
