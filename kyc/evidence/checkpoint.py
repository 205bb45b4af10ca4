"""Checkpoints: what a log says it is at one size (C2SP tlog-checkpoint), as the text of a signed note.

The text::

    <origin>                 the unique name of the log, not empty
    <size>                   number of leaves, decimal, no leading zeros
    <root>                   base64 of the 32-byte root at that size (RFC 6962 §2.1)
    <extension>              any number of further lines that are not empty; we write none

A log never signs two checkpoints of which one does not continue the other: that is the sealer's duty, and what
witnesses watch. Here the text is written, read strictly, and the signature of the log told from those of others.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from kyc.errors import FormatError, SignatureError
from kyc.evidence import note, strict
from kyc.evidence.edge import EMPTY_ROOT, HASH_LENGTH
from kyc.evidence.note import Note, NoteSigner, Signature, Verifier


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Name, size and root of a log at one moment.

    Raises:
        FormatError: a part cannot stand in a checkpoint.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= strict.NUMBER_MAX:
            raise FormatError("tree size out of range", field="size", rule="0 to 2**63 - 1")
        if len(self.root) != HASH_LENGTH or (self.size == 0 and self.root != EMPTY_ROOT):
            raise FormatError("not a root of that size", field="root", rule="32 bytes; of nothing, the empty root")
        for line in (self.origin, *self.extensions):
            if not line or any(character < " " for character in line):
                raise FormatError("a line is empty or has control characters", field="origin or extension")


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose signature by the log was checked."""

    checkpoint: Checkpoint
    note: Note

    @property
    def cosignatures(self) -> tuple[tuple[Verifier, Signature], ...]:
        """The checked cosignatures of witnesses; ``signature.time`` says when each witness saw this tree."""
        return tuple(pair for pair in self.note.verified if pair[0].type == note.COSIGNATURE)


def format(checkpoint: Checkpoint) -> str:
    """The text of a checkpoint."""
    lines = (checkpoint.origin, str(checkpoint.size), b64encode(checkpoint.root).decode(), *checkpoint.extensions)
    return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Checkpoint:
    """The strict inverse of :func:`format`.

    Raises:
        FormatError: it would not be written that way.
    """
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not text.endswith("\n"):
        raise FormatError("not a checkpoint", field="checkpoint", rule="origin, size and root, a line each")
    root = strict.base64(lines[2], "root", HASH_LENGTH)
    return Checkpoint(lines[0], strict.decimal(lines[1], "size"), root, tuple(lines[3:]))


def sign(checkpoint: Checkpoint, *signers: NoteSigner) -> str:
    """The checkpoint as a signed note."""
    return note.sign(format(checkpoint), *signers)


def open_checkpoint(
    text: str | bytes,
    log: Verifier | Iterable[Verifier],
    witnesses: Iterable[Verifier] = (),
    *,
    origin: str | None = None,
) -> SignedCheckpoint:
    """The checkpoint, once the log's own signature is checked; a witness's alone is not enough.

    Args:
        text: the signed note.
        log: the key of the log, or its keys where they were rotated.
        witnesses: trusted cosigners; how many of them are enough is the caller's policy.
        origin: name of the log; by default the name of the key that signed.

    Raises:
        FormatError: not a checkpoint.
        SignatureError: no good signature of the log, or the checkpoint of another log.
    """
    keys = (log,) if isinstance(log, Verifier) else tuple(log)
    opened = note.open_note(text, (*keys, *witnesses))
    signed_by = [key for key in keys if opened.signed_by(key)]
    if not signed_by:
        raise SignatureError("the log itself did not sign this checkpoint", field="checkpoint")
    checkpoint = parse(opened.text)
    if checkpoint.origin not in ([origin] if origin is not None else [key.name for key in signed_by]):
        raise SignatureError("a checkpoint of another log", field="origin", rule="the name of the log's key")
    return SignedCheckpoint(checkpoint, opened)
