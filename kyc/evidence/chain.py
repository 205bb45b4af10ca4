"""The hash chain of a stream.

``hash = SHA-256(tag ‖ previous hash ‖ header ‖ commitment)``; the previous hash of a stream's first event is 32
zero bytes. The database checks the same equation (constraint ``event_hash_fits``), the sealer re-derives it, and
the stand-alone verifier does so a third time in code of its own.
"""

from __future__ import annotations

from hashlib import sha256

CHAIN_TAG = b"kyc-ledger/event/v1\x00"
GENESIS = bytes(32)


def link(previous: bytes, header: bytes, commitment: bytes) -> bytes:
    """The 32-byte chain hash that follows ``previous``."""
    return sha256(CHAIN_TAG + previous + header + commitment).digest()
