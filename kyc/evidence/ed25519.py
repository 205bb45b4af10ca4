"""Ed25519, and the one rule by which this ledger accepts a signature.

Implementations of RFC 8032 disagree on odd keys and signatures (non-canonical points, points of small order,
cofactor), and evidence that one verifier takes and another refuses is none. Our rule:

1. The public key is 32 bytes, its y coordinate is below p, and it is none of the points of small order, under
   which one signature fits many messages. Keys are checked when they are read, by :func:`public_key`.
2. The signature is 64 bytes, R ‖ S, with S below the group order, so nobody can make a second one from it.
3. ``SHA-512(R ‖ A ‖ M)`` and S give back exactly the bytes of R: the equation without the cofactor.

2 and 3 are what OpenSSL does (``openssl pkeyutl -verify -rawin``), 1 is added here. Any signature an honest signer
makes passes. The conformance tests run the edge cases of C2SP/CCTV and Wycheproof against these two functions.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kyc.errors import FormatError

PUBLIC_KEY_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64

_P: Final = 2**255 - 19
_SIGN_BIT: Final = 1 << 255
_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})
"""y coordinates of the eight points whose order divides 8; ±x share one."""


def public_key(raw: bytes) -> Ed25519PublicKey:
    """The public key of 32 bytes.

    Raises:
        FormatError: wrong length, not canonical, or of small order.
    """
    if len(raw) != PUBLIC_KEY_LENGTH:
        raise FormatError("not an Ed25519 public key", field="public key", rule=f"{PUBLIC_KEY_LENGTH} bytes")
    y = int.from_bytes(raw, "little") & ~_SIGN_BIT
    if y >= _P or y in _SMALL_ORDER:
        raise FormatError(
            "an Ed25519 public key no honest signer has",
            field="public key",
            rule="canonical and not of small order",
            remedy="ask the owner of the key for it again",
        )
    return Ed25519PublicKey.from_public_bytes(raw)


def verify(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the 64-byte ``signature`` is one of ``message`` under ``key``, by the rule above."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
