"""Proof files: everything it takes to show offline that an event is in the log (C2SP tlog-proof).

The text of a ``.tlog-proof``::

    c2sp.org/tlog-proof@v1
    extra <base64>                   optional; we put the 56-byte log entry here, to be read and not believed
    index <index>                    decimal, from 0
    <base64 of a hash>               the inclusion proof, leaf to root, a line each; none in a log of one leaf

    <the signed checkpoint, verbatim>

Whoever verifies says from the event itself what the entry is; ``extra`` only helps to find the event.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kyc.errors import FormatError
from kyc.evidence import checkpoint, leaf, merkle, note, strict
from kyc.evidence.checkpoint import SignedCheckpoint
from kyc.evidence.edge import HASH_LENGTH
from kyc.evidence.note import Verifier

TITLE: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"
PROOF_MAX: Final = 63
"""Hashes of an inclusion proof: the height of the largest tree."""
_EXTRA: Final = "extra "
_INDEX: Final = "index "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A proof file, unverified.

    Raises:
        FormatError: a part cannot stand in a proof file.
    """

    index: int
    hashes: tuple[bytes, ...]
    """Inclusion proof, leaf to root, 32 bytes each."""
    checkpoint: str
    """The signed note."""
    extra: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.index <= strict.NUMBER_MAX:
            raise FormatError("index out of range", field="index", rule="0 to 2**63 - 1")
        if len(self.hashes) > PROOF_MAX or any(len(value) != HASH_LENGTH for value in self.hashes):
            raise FormatError(
                "not an inclusion proof", field="proof", rule=f"at most {PROOF_MAX} hashes of 32 bytes"
            )
        checkpoint.parse(note.parse(self.checkpoint).text)


def format(proof: TlogProof) -> str:
    """The text of a proof file."""
    lines = [TITLE]
    if proof.extra:
        lines.append(_EXTRA + b64encode(proof.extra).decode())
    lines.append(f"{_INDEX}{proof.index}")
    lines += [b64encode(value).decode() for value in proof.hashes]
    return "\n".join(lines) + "\n\n" + proof.checkpoint


def parse(text: str | bytes) -> TlogProof:
    """The strict inverse of :func:`format`.

    Raises:
        FormatError: it would not be written that way, or holds no checkpoint.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError as cause:
            raise FormatError("the proof is not UTF-8", field="proof") from cause
    head, _, signed = text.partition("\n\n")
    title, *lines = head.split("\n")
    if title != TITLE:
        raise FormatError("not a proof file", field="proof", rule=TITLE)
    extra = b""
    if lines and lines[0].startswith(_EXTRA):
        extra = strict.base64(lines.pop(0).removeprefix(_EXTRA), "extra")
        if not extra:
            raise FormatError("an empty extra line is left out", field="extra", rule="C2SP tlog-proof")
    if not lines or not lines[0].startswith(_INDEX):
        raise FormatError("a proof file without index", field="index", rule="C2SP tlog-proof")
    index = strict.decimal(lines.pop(0).removeprefix(_INDEX), "index")
    hashes = tuple(strict.base64(line, "proof", HASH_LENGTH) for line in lines)
    return TlogProof(index, hashes, signed, extra)


def for_event(entry: bytes, index: int, hashes: Iterable[bytes], signed: str) -> TlogProof:
    """The proof file of an event: its 56-byte entry, where it stands, and the checkpoint that covers it."""
    leaf.parse_entry(entry)
    return TlogProof(index, tuple(hashes), signed, entry)


def verify(
    proof: TlogProof, entry: bytes, log: Verifier | Iterable[Verifier], witnesses: Iterable[Verifier] = ()
) -> SignedCheckpoint:
    """Check that ``entry``, made by the caller from the event itself, is in the log; returns the checkpoint.

    How many cosignatures are enough is the caller's policy; the checked ones are in the answer.

    Raises:
        FormatError, SignatureError: the checkpoint is not one of this log.
        LogMismatchError: the entry is not proved.
    """
    opened = checkpoint.open_checkpoint(proof.checkpoint, log, witnesses)
    tree = opened.checkpoint
    merkle.verify_inclusion(proof.index, tree.size, leaf.leaf_hash(entry), proof.hashes, tree.root)
    return opened
