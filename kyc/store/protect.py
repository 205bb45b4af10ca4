"""Protect and reveal: the one place where payloads become ciphertext and come back.

``state = nonce ‖ AES-256-GCM(data key, opening ‖ payload)`` with the commitment as associated data, so a ciphertext
moved to another event does not decrypt. Scans are protected alike under their own tag. No I/O; keys come from the
ring.
"""

from __future__ import annotations

from os import urandom

from cryptography.exceptions import InvalidTag

from kyc.errors import CiphertextDamagedError, CommitmentMismatchError
from kyc.evidence import fields
from kyc.evidence.commitment import EVENT_TAG, OPENING_LENGTH, SCAN_TAG, commit, opens
from kyc.keys.ring import DataKey

NONCE_LENGTH = 12
SALT_LENGTH = OPENING_LENGTH + NONCE_LENGTH


def salts(count: int) -> list[bytes]:
    """Fresh randomness for ``count`` payloads, from one call to the system; a call each costs as much again."""
    if count == 1:
        return [urandom(SALT_LENGTH)]
    pool = urandom(SALT_LENGTH * count)
    return [pool[at : at + SALT_LENGTH] for at in range(0, len(pool), SALT_LENGTH)]


def protect(key: DataKey, payload: bytes, salt: bytes, *, by_field: bool = False) -> tuple[bytes, bytes]:
    """(commitment, state) of an event payload; ``salt`` is one of :func:`salts`, used once."""
    opening, nonce = salt[:OPENING_LENGTH], salt[OPENING_LENGTH:]
    commitment = fields.commit(opening, payload) if by_field else commit(opening, payload)
    return commitment, nonce + key.kept().encrypt(nonce, opening + payload, commitment)


def protect_scan(key: DataKey, content: bytes) -> tuple[bytes, bytes]:
    """(commitment, state) of a scan; the same content under the same key commits alike, so a retry is a retry."""
    opening = key.scan_opening(content)
    nonce = urandom(NONCE_LENGTH)
    commitment = commit(opening, content, SCAN_TAG)
    return commitment, nonce + key.aead.encrypt(nonce, opening + content, commitment)


def reveal(key: DataKey, commitment: bytes, state: bytes, tag: bytes = EVENT_TAG) -> tuple[bytes, bytes]:
    """(opening, payload) again, checked against the commitment.

    Raises:
        CiphertextDamagedError: the ciphertext does not decrypt under its key.
        CommitmentMismatchError: it decrypts, but to something else than was committed to.
    """
    try:
        plain = key.aead.decrypt(state[:NONCE_LENGTH], state[NONCE_LENGTH:], commitment)
    except (InvalidTag, ValueError) as cause:
        raise CiphertextDamagedError from cause
    opening, payload = plain[:OPENING_LENGTH], plain[OPENING_LENGTH:]
    whole = opens(commitment, opening, payload, tag)
    if not whole and not (tag == EVENT_TAG and fields.opens(commitment, opening, payload)):
        raise CommitmentMismatchError
    return opening, payload


def payload_of(key: DataKey, commitment: bytes, state: bytes) -> bytes:
    """The payload alone, without re-checking its commitment: AES-GCM already binds the two. For projections."""
    try:
        return key.aead.decrypt(state[:NONCE_LENGTH], state[NONCE_LENGTH:], commitment)[OPENING_LENGTH:]
    except (InvalidTag, ValueError) as cause:
        raise CiphertextDamagedError from cause
