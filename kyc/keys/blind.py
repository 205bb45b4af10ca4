"""Keyed digests that stand for natural keys, so that nothing personal is stored in clear and yet finds its row.

All are BLAKE2b (RFC 7693) keyed with an institution secret and personalised by use, 16 bytes. Equal input gives
equal output within one institution; without the secret a value cannot be guessed and tried.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

_SEPARATOR = b"\x00"
_CO_LOCATED = {"postings": "account"}
"""Streams that share the lane of another, so that one commit of theirs stays in one lane."""


class Blinder:
    """Makes stream ids, idempotency-key digests, claim keys and blind-index values from one secret."""

    def __init__(self, secret: bytes) -> None:
        self._stream = blake2b(key=secret, digest_size=16, person=b"kyc stream")
        self._key = blake2b(key=secret, digest_size=16, person=b"kyc key")
        self._claim = blake2b(key=secret, digest_size=16, person=b"kyc claim")
        self._value = blake2b(key=secret, digest_size=16, person=b"kyc index")
        self.stream_id = lru_cache(maxsize=50_000)(self._stream_id)
        self.index = lru_cache(maxsize=50_000)(self._index)

    def _stream_id(self, kind: str, key: str) -> bytes:
        """The 16-byte id (a UUID of version 8, RFC 9562) of a stream; its first bits choose the lane."""
        digest = self._stream.copy()
        digest.update(kind.encode() + _SEPARATOR + key.encode())
        raw = bytearray(digest.digest())
        raw[6] = raw[6] & 0x0F | 0x80
        raw[8] = raw[8] & 0x3F | 0x80
        home = _CO_LOCATED.get(kind)
        if home is not None:
            raw[:2] = self._stream_id(home, key)[:2]
        return bytes(raw)

    def key_digest(self, stream_id: bytes, key: str, ordinal: int) -> bytes:
        """The digest of a caller's idempotency key for the ``ordinal``-th entry of its submission in a stream."""
        digest = self._key.copy()
        digest.update(stream_id + ordinal.to_bytes(4, "big") + key.encode())
        return digest.digest()

    def claim_key(self, kind: str, key: str) -> bytes:
        """The digest of a natural key that may be used once."""
        digest = self._claim.copy()
        digest.update(kind.encode() + _SEPARATOR + key.encode())
        return digest.digest()

    def _index(self, field: str, value: str) -> bytes:
        """The blind-index value of a normalised search value, such as a document number."""
        digest = self._value.copy()
        digest.update(field.encode() + _SEPARATOR + value.encode())
        return digest.digest()
