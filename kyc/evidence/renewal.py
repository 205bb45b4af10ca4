"""Renewing evidence before its hash algorithm is broken (the idea of RFC 4998): hashed again, stamped again.

A renewal hashes every event of the log under another algorithm, its content with it, and all evidence there was:
checkpoints, cosignatures, timestamps, statements about keys, earlier renewals. What it comes to is one record that
the log signs and an authority stamps; what lies below rests on the new algorithm from then on.
With H the new algorithm::

    content  H("kyc-ledger/content/v1" ‖ 0 ‖ opening ‖ payload ‖ scans), or zeros where it was disposed of before;
             of each scan H("kyc-ledger/scan-content/v1" ‖ 0 ‖ opening ‖ bytes), or zeros
    leaf     H(00 ‖ previous hash ‖ header ‖ commitment ‖ content)
    node     H(01 ‖ left ‖ right), the tree of RFC 6962 section 2.1
    evidence H over each piece of it, its length in 8 bytes before it

Contents are kept with the renewal, so that a leaf is still found once its content was disposed of.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kyc.errors import FormatError
from kyc.evidence import note, strict
from kyc.evidence.note import NoteSigner, Verifier

TITLE: Final = "kyc-ledger/renewal/v1"
ALGORITHMS: Final = ("sha512", "sha3-512")
"""Algorithms that evidence is renewed under; format 1 itself rests on SHA-256."""
LENGTH: Final = 64
"""Bytes of a hash of each of them."""
_CONTENT: Final = b"kyc-ledger/content/v1\0"
_SCAN: Final = b"kyc-ledger/scan-content/v1\0"
_NAMES: Final = {"sha512": "sha512", "sha3-512": "sha3_512"}


class Hash:
    """A renewal's algorithm at work."""

    def __init__(self, algorithm: str) -> None:
        if algorithm not in _NAMES:
            raise FormatError("not an algorithm for renewals", field="algorithm", rule=", ".join(ALGORITHMS))
        self._name = _NAMES[algorithm]

    def __call__(self, *parts: bytes) -> bytes:
        """The hash of the parts one after the other."""
        return hashlib.new(self._name, b"".join(parts)).digest()

    def content(self, opening: bytes, payload: bytes, scans: Iterable[bytes]) -> bytes:
        """What an event says, under the hashes of its scans."""
        return self(_CONTENT, opening, payload, *scans)

    def scan(self, opening: bytes, content: bytes) -> bytes:
        """What a scan shows."""
        return self(_SCAN, opening, content)

    def leaf(self, previous: bytes, header: bytes, commitment: bytes, content: bytes) -> bytes:
        """An event."""
        return self(b"\0", previous, header, commitment, content)

    def evidence(self, pieces: Iterable[bytes]) -> bytes:
        """All that was evidence before."""
        hashed = hashlib.new(self._name)
        for piece in pieces:
            hashed.update(len(piece).to_bytes(8, "big"))
            hashed.update(piece)
        return hashed.digest()


@dataclass(slots=True)
class Tree:
    """The tree over the leaves so far: its complete subtrees from the left, at most one of each size."""

    hash: Hash
    size: int = 0
    _peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """One leaf more."""
        self.size += 1
        rest = self.size
        while rest % 2 == 0:
            leaf = self.hash(b"\1", self._peaks.pop(), leaf)
            rest //= 2
        self._peaks.append(leaf)

    def root(self) -> bytes:
        """The tree head; of nothing the hash of nothing."""
        if not self._peaks:
            return self.hash()
        *others, root = self._peaks
        for peak in reversed(others):
            root = self.hash(b"\1", peak, root)
        return root


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a renewal comes to.

    Raises:
        FormatError: a part cannot stand in a record.
    """

    origin: str
    number: int
    """1, 2, 3 …; each covers those before."""
    at: int
    """Microseconds since 1970-01-01T00:00:00Z: evidence kept until then is covered."""
    algorithm: str
    size: int
    """Leaves that are covered."""
    root: bytes
    evidence: bytes

    def __post_init__(self) -> None:
        Hash(self.algorithm)
        if any(not 0 <= value <= strict.NUMBER_MAX for value in (self.number, self.at, self.size)):
            raise FormatError("a number of a renewal is out of range", field="renewal", rule="0 to 2**63 - 1")
        if {len(self.root), len(self.evidence)} != {LENGTH}:
            raise FormatError("not hashes of the algorithm", field="root", rule=f"{LENGTH} bytes")


def format(renewal: Renewal) -> str:
    """The text of a record."""
    lines = (
        TITLE, renewal.origin, f"number {renewal.number}", f"at {renewal.at}", f"algorithm {renewal.algorithm}",
        f"size {renewal.size}", f"root {b64encode(renewal.root).decode()}",
        f"evidence {b64encode(renewal.evidence).decode()}",
    )  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Renewal:
    """The strict inverse of :func:`format`.

    Raises:
        FormatError: it would not be written that way.
    """
    title, origin, *rest = [*text.removesuffix("\n").split("\n"), ""]
    said = dict(line.partition(" ")[::2] for line in rest)
    try:
        number, at, size = (strict.decimal(said[name], name) for name in ("number", "at", "size"))
        root, evidence = (strict.base64(said[name], name, LENGTH) for name in ("root", "evidence"))
        found = Renewal(origin, number, at, said["algorithm"], size, root, evidence)
    except KeyError as cause:
        raise FormatError("a line is missing", field=str(cause.args[0]), rule=TITLE) from None
    if title != TITLE or format(found) != text:
        raise FormatError("a renewal is not written as it should be", field="renewal", rule=TITLE)
    return found


def sign(renewal: Renewal, *signers: NoteSigner) -> str:
    """The record as a signed note."""
    return note.sign(format(renewal), *signers)


def open_renewal(text: str | bytes, keys: Iterable[Verifier]) -> Renewal:
    """The record, once the log's signature is checked.

    Raises:
        FormatError: not a record.
        SignatureError: not signed by a key of the log.
    """
    return parse(note.open_note(text, keys).text)
