"""Numbers and bytes as the text formats write them, read so that one value has one spelling.

A format whose values can be spelt in two ways has two texts for one statement, and a signature covers only one.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Final

from kyc.errors import FormatError

NUMBER_MAX: Final = 2**63 - 1
"""Largest number of the text formats: what a signed 64-bit column holds."""


def decimal(text: str, field: str, maximum: int = NUMBER_MAX) -> int:
    """A whole number: ASCII digits, no sign, no leading zeros.

    Raises:
        FormatError: written otherwise, or above ``maximum``.
    """
    if not text.isascii() or not text.isdigit() or len(text) > len(str(maximum)):
        raise FormatError("not a whole number", field=field, rule=f"decimal digits, at most {maximum}")
    number = int(text)
    if str(number) != text or number > maximum:
        raise FormatError("not a whole number", field=field, rule=f"no leading zeros, at most {maximum}")
    return number


def uuid(raw: bytes) -> str:
    """Sixteen bytes as a UUID is written (RFC 9562 §4); by way of an object it takes four times as long."""
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def base64(text: str, field: str, length: int | None = None) -> bytes:
    """The bytes of standard base64 with padding (RFC 4648 §4), of a known ``length`` if given.

    Raises:
        FormatError: not base64, of another length, or not the one text these bytes are written as.
    """
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise FormatError("not base64", field=field, rule="RFC 4648 §4") from cause
    if b64encode(raw).decode() != text:
        raise FormatError("base64 is not written the one way", field=field, rule="RFC 4648 §3.5, §4")
    if length is not None and len(raw) != length:
        raise FormatError("base64 of a wrong length", field=field, rule=f"{length} bytes")
    return raw
