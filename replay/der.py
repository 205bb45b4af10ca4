"""DER, as far as seals need it: what X.509 and CMS are made of (X.690). Writing only; the verifier reads by itself.

Contents are bytes that are encoded already; a SET is written in the order it is given.
"""

from __future__ import annotations

from typing import Final

_CONSTRUCTED: Final = 0x20
_CONTEXT: Final = 0x80


def tlv(tag: int, *contents: bytes) -> bytes:
    """Tag, length, value."""
    value = b"".join(contents)
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def sequence(*contents: bytes) -> bytes:
    """SEQUENCE."""
    return tlv(0x30, *contents)


def set_of(*contents: bytes) -> bytes:
    """SET OF."""
    return tlv(0x31, *contents)


def context(number: int, *contents: bytes) -> bytes:
    """A constructed context-specific element, such as ``[0]``."""
    return tlv(_CONTEXT | _CONSTRUCTED | number, *contents)


def integer(value: int) -> bytes:
    """INTEGER, not negative."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, value)


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    value = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        value += bytes(reversed(groups))
    return tlv(0x06, bytes(value))


NULL: Final = b"\x05\x00"
TRUE: Final = b"\x01\x01\xff"
SHA256: Final = sequence(oid("2.16.840.1.101.3.4.2.1"), NULL)
"""AlgorithmIdentifier of SHA-256."""
SHA512: Final = sequence(oid("2.16.840.1.101.3.4.2.3"), NULL)
"""AlgorithmIdentifier of SHA-512."""
