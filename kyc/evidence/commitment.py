"""Salted commitments: a payload can be proved while it exists, and not guessed once its salt is gone.

``commitment = SHA-256(tag ‖ opening ‖ payload)`` with a 32-byte opening that is random to everybody without
the data key. The chain covers commitments only, so destroying the opening leaves every proof intact.
Events and scans use different tags, so one can never pass for the other.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest

OPENING_LENGTH = 32
EVENT_TAG = b"kyc-ledger/commitment/v1\x00"
SCAN_TAG = b"kyc-ledger/scan/v1\x00"


def commit(opening: bytes, payload: bytes, tag: bytes = EVENT_TAG) -> bytes:
    """The 32-byte commitment of ``payload`` under a 32-byte ``opening``."""
    return sha256(tag + opening + payload).digest()


def opens(commitment: bytes, opening: bytes, payload: bytes, tag: bytes = EVENT_TAG) -> bool:
    """Whether ``opening`` and ``payload`` are what ``commitment`` was made of."""
    return len(opening) == OPENING_LENGTH and compare_digest(commit(opening, payload, tag), commitment)
