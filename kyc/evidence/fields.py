"""Commitments by field: some fields of a payload can be shown and proved while the others stay hidden.

The payload is one JSON object. Each of its fields is committed to under a salt of its own, and the event's
commitment is the hash of these in the order of the payload (docs/format.md)::

    salt i      the i-th 32 bytes of SHAKE256("kyc-ledger/salts/v1" ‖ 0 ‖ opening)
    field i     SHA-256("kyc-ledger/field/v1" ‖ 0 ‖ salt i ‖ length of the name, 1 byte ‖ name ‖ value)
    commitment  SHA-256("kyc-ledger/fields/v1" ‖ 0 ‖ field 1 ‖ … ‖ field n)

A field is shown by salt, name and value, and hidden by its 32 bytes, which say nothing without the salt: a salt
tells nothing of the others, and all die with the opening. What is not hidden is how many fields there are. The tags
differ from those of a whole payload, so header and chain need not say which of the two a commitment is. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256, shake_256
from hmac import compare_digest
from typing import Final, NamedTuple

import msgspec

from kyc.errors import FormatError
from kyc.evidence.commitment import OPENING_LENGTH

SALT_TAG: Final = b"kyc-ledger/salts/v1\x00"
FIELD_TAG: Final = b"kyc-ledger/field/v1\x00"
FIELDS_TAG: Final = b"kyc-ledger/fields/v1\x00"
SALT_LENGTH: Final = 32
_NAME_MAX: Final = 255  # bytes of a name; one length byte
_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Field(NamedTuple):
    """One field of a payload with what opens its commitment."""

    name: str
    salt: bytes
    value: bytes
    """The bytes of the value as they stand in the payload."""

    @property
    def commitment(self) -> bytes:
        """32 bytes that bind name and value, and say nothing of them without the salt."""
        name = self.name.encode()
        return sha256(FIELD_TAG + self.salt + bytes((len(name),)) + name + self.value).digest()


def names(payload: bytes) -> frozenset[str]:
    """The names of a payload's fields.

    Raises:
        FormatError: not a JSON object.
    """
    return frozenset(_split(payload))


def fields(opening: bytes, payload: bytes) -> list[Field]:
    """The fields of a payload in their order, each with its salt.

    Raises:
        FormatError: the payload is no JSON object, or a name is too long.
    """
    values = _split(payload)
    if any(len(name.encode()) > _NAME_MAX for name in values):
        raise FormatError("the name of a field is too long", field="payload", rule=f"{_NAME_MAX} bytes")
    pool = shake_256(SALT_TAG + opening).digest(SALT_LENGTH * len(values))
    salts = (pool[at : at + SALT_LENGTH] for at in range(0, len(pool), SALT_LENGTH))
    return [Field(name, salt, bytes(value)) for (name, value), salt in zip(values.items(), salts, strict=True)]


def combine(commitments: Iterable[bytes]) -> bytes:
    """The commitment of an event from those of its fields, hidden or not."""
    return sha256(FIELDS_TAG + b"".join(commitments)).digest()


def commit(opening: bytes, payload: bytes) -> bytes:
    """The 32-byte commitment of a payload by its fields.

    Raises:
        FormatError: the payload is no JSON object, or a name is too long.
    """
    return combine([field.commitment for field in fields(opening, payload)])


def opens(commitment: bytes, opening: bytes, payload: bytes) -> bool:
    """Whether ``opening`` and ``payload`` are what ``commitment`` was made of, field by field."""
    try:
        return len(opening) == OPENING_LENGTH and compare_digest(commit(opening, payload), commitment)
    except FormatError:
        return False


def _split(payload: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as cause:
        raise FormatError("the payload is no JSON object", field="payload") from cause
