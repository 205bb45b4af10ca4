r"""Signed notes: text with signatures of several keys (C2SP signed-note). Checkpoints and receipts are such notes.

A note is its text, which ends in a newline, an empty line, and one line per signature::

    <text>

    — <key name> base64(<key id, 4 bytes> ‖ <signature>)

The key id is ``SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]``; it tells keys apart and proves nothing. The type
byte is 0x01 for Ed25519 over the text and 0x04 for a witness's cosignature of a checkpoint (C2SP tlog-cosignature),
whose signature is ``time (u64, seconds) ‖ Ed25519 over "cosignature/v1\ntime <time>\n" ‖ text``.
A key is handed around as ``name+hex(key id)+base64(type ‖ public key)``, the *vkey*.

Parsing is the strict inverse of formatting: whatever would not be written byte for byte the same is refused. A text
counts for nothing until :func:`open_note` has found at least one good signature of a key the caller trusts. A bad
signature of a trusted key refuses the whole note; signatures of unknown keys are kept and never trusted.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kyc.errors import FormatError, SignatureError
from kyc.evidence import ed25519, strict

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04

NOTE_MAX: Final = 4_194_304
"""Bytes of a whole note; a receipt of 20,000 events stays below."""
SIGNATURES_MAX: Final = 100
"""Signatures on one note; the specification asks for at least 16."""
KEY_ID_LENGTH: Final = 4
_TIME_LENGTH: Final = 8
_LEAD: Final = "— "
_NOT_IN_TEXT: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NOT_IN_NAME: Final = re.compile(r"[\s+\x00-\x1f]")


class Signature(NamedTuple):
    """One signature line: who, by which key, and the bytes of the signature without the key id."""

    name: str
    key_id: bytes
    blob: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_LEAD}{self.name} {b64encode(self.key_id + self.blob).decode()}\n"

    @property
    def time(self) -> int:
        """When a witness says it signed, in seconds since 1970-01-01T00:00:00Z; meaningful for type 0x04 only."""
        return int.from_bytes(self.blob[:_TIME_LENGTH], "big")


class Unverified(NamedTuple):
    """A note that was parsed but not checked: nothing in it may be believed."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A note with at least one good signature of a trusted key."""

    text: str
    signatures: tuple[Signature, ...]
    """All of them, in the order of their lines."""
    verified: tuple[tuple[Verifier, Signature], ...]
    """The good signatures of trusted keys."""

    def signed_by(self, verifier: Verifier) -> bool:
        """Whether this key's signature was verified."""
        return any(known == verifier for known, _ in self.verified)


class NoteSigner(Protocol):
    """Whoever can put a signature under a text: a key in memory, or a token that never lets its key out."""

    def signature(self, text: str) -> Signature:
        """The signature line of this signer."""
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name and signature type: what a relying party is configured with.

    Raises:
        FormatError: the name or the key may not be used.
    """

    name: str
    public_key: bytes
    """32 bytes (RFC 8032)."""
    type: int = ED25519
    key_id: bytes = field(init=False)
    _key: Ed25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.type not in {ED25519, COSIGNATURE}:
            raise FormatError("a signature type this version cannot check", field="vkey", rule="0x01 or 0x04")
        object.__setattr__(self, "key_id", key_id(self.name, self.type, self.public_key))
        object.__setattr__(self, "_key", ed25519.public_key(self.public_key))

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """The verifier of a vkey such as ``example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k``.

        Raises:
            FormatError: not a vkey, its key id is not that of its key, or the type or key may not be used.
        """
        parts = vkey.split("+", 2)
        raw = strict.base64(parts[2], "vkey") if len(parts) == 3 else b""
        if not raw:
            raise FormatError("not a verifier key", field="vkey", rule="name+hex(key id)+base64(type ‖ public key)")
        verifier = cls(parts[0], raw[1:], raw[0])
        if str(verifier) != vkey:
            raise FormatError("the key id does not belong to the key", field="vkey", rule="C2SP signed-note")
        return verifier

    def __str__(self) -> str:
        raw = bytes((self.type,)) + self.public_key
        return f"{self.name}+{self.key_id.hex()}+{b64encode(raw).decode()}"

    def verify(self, text: str, signature: Signature) -> bool:
        """Whether ``signature`` is one of ``text`` by this key."""
        if (signature.name, signature.key_id) != (self.name, self.key_id):
            return False
        if self.type == ED25519:
            return ed25519.verify(self._key, signature.blob, text.encode())
        if len(signature.blob) != _TIME_LENGTH + ed25519.SIGNATURE_LENGTH or signature.time > strict.NUMBER_MAX:
            return False
        return ed25519.verify(self._key, signature.blob[_TIME_LENGTH:], _cosigned(text, signature.time))


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs notes with an Ed25519 key in memory (type 0x01)."""

    name: str
    private_key: Ed25519PrivateKey = field(repr=False)
    verifier: Verifier = field(init=False, repr=False, compare=False)
    """The public half."""

    def __post_init__(self) -> None:
        public = self.private_key.public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", Verifier(self.name, public, ED25519))

    def signature(self, text: str) -> Signature:
        return Signature(self.name, self.verifier.key_id, self.private_key.sign(text.encode()))


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Cosigns checkpoints as a witness (type 0x04). The caller has checked consistency and says what time it is."""

    name: str
    private_key: Ed25519PrivateKey = field(repr=False)
    time: int
    """Seconds since 1970-01-01T00:00:00Z."""

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.private_key.public_key().public_bytes_raw(), COSIGNATURE)

    def signature(self, text: str) -> Signature:
        if not 0 <= self.time <= strict.NUMBER_MAX:
            raise FormatError("time of a cosignature out of range", field="time", rule="0 to 2**63 - 1 seconds")
        blob = self.time.to_bytes(_TIME_LENGTH, "big") + self.private_key.sign(_cosigned(text, self.time))
        return Signature(self.name, self.verifier.key_id, blob)


def sign(text: str, *signers: NoteSigner) -> str:
    """The note of ``text`` under the signatures of all ``signers``.

    Raises:
        FormatError: the text cannot be one of a note, or nobody signs.
    """
    _check_text(text)
    return _format(text, [signer.signature(text) for signer in signers])


def add_signatures(note: str, *signatures: Signature) -> str:
    """The same note with further signature lines, such as those of witnesses.

    Raises:
        FormatError: not a note, or too many signatures.
    """
    text, present = parse(note)
    return format(text, [*present, *signatures])


def format(text: str, signatures: Sequence[Signature]) -> str:
    """The note as it is stored and sent.

    Raises:
        FormatError: the parts cannot make a note.
    """
    _check_text(text)
    return _format(text, signatures)


def _format(text: str, signatures: Sequence[Signature]) -> str:
    for signature in signatures:
        check_name(signature.name)
        if len(signature.key_id) != KEY_ID_LENGTH or not signature.blob:
            raise FormatError("a signature has no key id or no bytes", field=signature.name)
    if not 0 < len(signatures) <= SIGNATURES_MAX:
        raise FormatError("wrong number of signatures", field="note", rule=f"1 to {SIGNATURES_MAX}")
    note = text + "\n" + "".join(signature.line() for signature in signatures)
    if len(note.encode()) > NOTE_MAX:
        raise FormatError("the note is too long", field="note", rule=f"at most {NOTE_MAX} bytes")
    return note


def parse(note: str | bytes) -> Unverified:
    """The parts of a note, unchecked: the strict inverse of :func:`format`.

    Raises:
        FormatError: it would not be written that way.
    """
    if len(note) > NOTE_MAX:
        raise FormatError("the note is too long", field="note", rule=f"at most {NOTE_MAX} bytes")
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError as cause:
            raise FormatError("the note is not UTF-8", field="note") from cause
    text, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise FormatError("not a signed note", field="note", rule="text, empty line, signature lines")
    text += "\n"
    signatures = tuple(parse_signature(line) for line in lines[:-1].split("\n"))
    if format(text, signatures) != note:
        raise FormatError("a note is not written as it should be", field="note", rule="C2SP signed-note")
    return Unverified(text, signatures)


def parse_signature(line: str) -> Signature:
    """One signature line without its newline.

    Raises:
        FormatError: not a signature line.
    """
    lead, name, encoded = line[: len(_LEAD)], *line[len(_LEAD) :].partition(" ")[::2]
    raw = strict.base64(encoded, "signature")
    if lead != _LEAD or len(raw) <= KEY_ID_LENGTH:
        raise FormatError("not a signature line", field="signature", rule="— name base64(key id ‖ signature)")
    check_name(name)
    return Signature(name, raw[:KEY_ID_LENGTH], raw[KEY_ID_LENGTH:])


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> Note:
    """The note, once its signatures by trusted keys are checked.

    Raises:
        FormatError: not a note, or two verifiers share name and key id.
        SignatureError: a trusted key's signature is bad, or there is none of a trusted key.
    """
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise FormatError("two trusted keys share name and key id", field=verifier.name)
    text, signatures = parse(note)
    verified: list[tuple[Verifier, Signature]] = []
    for signature in signatures:
        found = known.get((signature.name, signature.key_id))
        if found is None:
            continue
        if not found.verify(text, signature):
            raise SignatureError("a signature of a trusted key is wrong", field=signature.name, rule="Ed25519")
        verified.append((found, signature))
    if not verified:
        raise SignatureError(
            "no signature of a trusted key", field="note", remedy="obtain the signer's public key out of band"
        )
    return Note(text, signatures, tuple(verified))


def key_id(name: str, type: int, public_key: bytes) -> bytes:
    """The four bytes that tell this key from others of the same name."""
    return sha256(name.encode() + b"\n" + bytes((type,)) + public_key).digest()[:KEY_ID_LENGTH]


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a key.

    Raises:
        FormatError: empty, or with a space, plus or control character.
    """
    if not name or _NOT_IN_NAME.search(name):
        raise FormatError("not a key name", field="key name", rule="not empty; no space, plus or control character")
    _encode(name)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _NOT_IN_TEXT.search(text):
        raise FormatError("not the text of a note", field="text", rule="ends in a newline; no control characters")
    _encode(text)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as cause:
        raise FormatError("a note must be UTF-8", field="text") from cause
