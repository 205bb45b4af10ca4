"""Encrypted cells of read models: one value per row, under the data key of its subject.

The nonce is a keyed hash of the content and of the row it stands in, so the same content gives the same bytes: a
rebuilt row equals the live one, and nothing is learnt but that. Destroying the key makes the cell unreadable.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag

from kyc.errors import CiphertextDamagedError
from kyc.keys.ring import DataKey

_NONCE = 12
_TAG = b"kyc read model cell\0"


def encrypt(key: DataKey, context: bytes, plain: bytes) -> bytes:
    """Nonce ‖ AES-256-GCM of ``plain``, bound to ``context`` (the row's own key)."""
    nonce = key.scan_opening(_TAG + context + plain)[:_NONCE]
    return nonce + key.aead.encrypt(nonce, plain, context)


def decrypt(key: DataKey, context: bytes, sealed: bytes) -> bytes:
    """The content again.

    Raises:
        CiphertextDamagedError: not what was encrypted here under this key.
    """
    try:
        return key.aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
    except (InvalidTag, ValueError) as cause:
        raise CiphertextDamagedError from cause
