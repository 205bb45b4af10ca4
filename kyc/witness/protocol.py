r"""What log and witness say to each other: the add-checkpoint call (C2SP tlog-witness), as bytes.

The body of the request, every line ended by a newline::

    old <size>                       what the log believes the witness cosigned last; 0 for nothing
    <base64 of a hash>               consistency proof from there (RFC 6962 §2.1.2), at most 63 lines

    <the signed checkpoint, verbatim>

The answer to a good one is the witness's signature line; to a wrong old size the right one, in decimal. Sending and
serving are left to :mod:`kyc.witness.ask` and :mod:`kyc.witness.server`.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from kyc.errors import FormatError
from kyc.evidence import note, strict
from kyc.evidence.edge import HASH_LENGTH
from kyc.evidence.note import Signature

PATH: Final = "/add-checkpoint"
PROOF_MAX: Final = 63
"""Hashes of a consistency proof."""
BODY_MAX: Final = 524_288
"""Bytes of a request; 100 post-quantum signatures stay below."""
TEXT_TYPE: Final = "text/plain; charset=utf-8"
SIZE_TYPE: Final = "text/x.tlog.size"
_OLD: Final = "old "


@dataclass(frozen=True, slots=True)
class Request:
    """A call of add-checkpoint, unchecked but for its form."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: str
    """The signed note."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness answers: an HTTP status and a body of text."""

    status: int
    body: str = ""
    type: str = TEXT_TYPE


def format(request: Request) -> bytes:
    """The body of the request."""
    lines = [f"{_OLD}{request.old}", *(b64encode(value).decode() for value in request.proof)]
    return ("\n".join(lines) + "\n\n" + request.checkpoint).encode()


def parse(raw: bytes) -> Request:
    """The strict inverse of :func:`format`.

    Raises:
        FormatError: it would not be written that way, or the proof is too long.
    """
    if len(raw) > BODY_MAX:
        raise FormatError("the request is too long", field="body", rule=f"at most {BODY_MAX} bytes")
    try:
        head, gap, signed = raw.decode().partition("\n\n")
    except UnicodeDecodeError as cause:
        raise FormatError("the request is not UTF-8", field="body") from cause
    first, *lines = head.split("\n")
    if not gap or not first.startswith(_OLD) or len(lines) > PROOF_MAX:
        raise FormatError("not an add-checkpoint request", field="body", rule="C2SP tlog-witness")
    proof = tuple(strict.base64(line, "proof", HASH_LENGTH) for line in lines)
    return Request(strict.decimal(first.removeprefix(_OLD), "old"), proof, signed)


def parse_cosignatures(body: str) -> list[Signature]:
    """The signature lines of a good answer, unchecked.

    Raises:
        FormatError: not one signature line or more.
    """
    if not body.endswith("\n"):
        raise FormatError("not signature lines", field="answer", rule="C2SP tlog-witness")
    return [note.parse_signature(line) for line in body[:-1].split("\n")]


def parse_size(body: str) -> int:
    """The size in the answer to a wrong old size.

    Raises:
        FormatError: not a number and a newline.
    """
    if not body.endswith("\n"):
        raise FormatError("not a size", field="answer", rule="C2SP tlog-witness")
    return strict.decimal(body[:-1], "size")


def origin_hash(origin: str) -> str:
    """The name of a log in the paths of a witness: SHA-256 of its origin line, in lower-case hex."""
    return sha256(origin.encode()).hexdigest()
