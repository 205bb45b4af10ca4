"""The acceptance rule of Ed25519 on our own keys; the public edge cases are in tests/conformance."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.errors import FormatError
from kyc.evidence import ed25519

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
MESSAGE = b"what was signed"
ORDER = 2**252 + 27742317777372353535851937790883648493


def test_every_bit_counts():
    """An honest signature passes; with any bit of it, the key or the message changed, none does."""
    signature = KEY.sign(MESSAGE)
    assert ed25519.verify(ed25519.public_key(PUBLIC), signature, MESSAGE)
    for bit in range(8 * len(signature)):
        assert not ed25519.verify(KEY.public_key(), _flipped(signature, bit), MESSAGE)
    for bit in range(8 * len(MESSAGE)):
        assert not ed25519.verify(KEY.public_key(), signature, _flipped(MESSAGE, bit))
    for bit in range(8 * len(PUBLIC)):
        assert not ed25519.verify(ed25519.public_key(_flipped(PUBLIC, bit)), signature, MESSAGE)


def test_no_second_signature():
    """S plus the group order satisfies the equation and is refused: nobody else can make a second signature."""
    signature = KEY.sign(MESSAGE)
    second = signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    assert not ed25519.verify(KEY.public_key(), second, MESSAGE)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_keys_have_32_bytes(length):
    """A public key of another length is refused."""
    with pytest.raises(FormatError):
        ed25519.public_key((PUBLIC * 2)[:length])


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_signatures_have_64_bytes(length):
    """A signature of another length is refused, not cut."""
    assert not ed25519.verify(KEY.public_key(), (KEY.sign(MESSAGE) * 2)[:length], MESSAGE)


def _flipped(value: bytes, bit: int) -> bytes:
    at, place = divmod(bit, 8)
    return value[:at] + bytes((value[at] ^ 1 << place,)) + value[at + 1 :]
