"""The event header, format 1: everything about an event that may be known without its key.

Set in stone: these bytes are covered by the chain. The layout, published in docs/format.md::

    offset  size  field
    0       1     format, 0x01
    1       16    stream id (UUID, big-endian bytes)
    17      8     version, unsigned big-endian; the first event of a stream has version 1
    25      8     recorded_at, microseconds since 1970-01-01T00:00:00Z, signed big-endian
    33      16    idempotency key digest
    49      2     schema version of the payload, unsigned big-endian
    51      ..    topic, actor, branch, purpose, legal basis: each one length byte, then that many bytes of UTF-8

The part from offset 49 on is the *context*: it repeats between events, so it is encoded once and reused.
Nothing personal belongs here: ids are pseudonymous, the key digest is keyed.
This module does no I/O and reads no clock.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from kyc.errors import FormatError
from kyc.evidence import suites

FORMAT = 1
FIXED_LENGTH = 49
ID_LENGTH = 16
TEXT_MAX = 255  # bytes of UTF-8; one length byte

_FIXED = struct.Struct(">B16sQq16s")
_SCHEMA = struct.Struct(">H")

pack_fixed = _FIXED.pack
"""``pack_fixed(FORMAT, stream_id, version, recorded_at, key)`` → the first 49 bytes, at C speed."""


class Context(NamedTuple):
    """Who recorded an event, where, what for and on which legal basis; and how to read its payload."""

    topic: str
    """Stable name of the event type, such as ``customer.registered``."""
    schema: int
    """Schema version of the payload, 1 to 65535."""
    actor: str
    """Pseudonymous id of the authenticated actor."""
    branch: str
    """Code of the branch where the event was recorded."""
    purpose: str
    """Code of the processing purpose (PIPL art. 6)."""
    legal_basis: str
    """Code of the legal basis, such as ``AML24-29``."""


class Header(NamedTuple):
    """A parsed header."""

    stream_id: bytes
    """16 bytes."""
    version: int
    """From 1."""
    recorded_at: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    key: bytes
    """Idempotency key digest, 16 bytes."""
    context: Context


def encode_context(context: Context) -> bytes:
    """The canonical bytes of a context.

    Raises:
        FormatError: a text is longer than 255 bytes of UTF-8 or cannot be UTF-8, or the schema is out of range.
    """
    if not 0 < context.schema <= 0xFFFF:
        raise FormatError("schema version out of range", field="schema", rule="1 to 65535")
    parts = [_SCHEMA.pack(context.schema)]
    for name, text in zip(_TEXTS, (context.topic, *context[2:]), strict=True):
        try:
            raw = text.encode()
        except UnicodeEncodeError as cause:
            raise FormatError("header text cannot be UTF-8", field=name) from cause
        if len(raw) > TEXT_MAX:
            raise FormatError("header text too long", field=name, rule=f"at most {TEXT_MAX} bytes of UTF-8")
        parts.append(bytes((len(raw),)))
        parts.append(raw)
    return b"".join(parts)


_TEXTS = ("topic", "actor", "branch", "purpose", "legal_basis")


def decode_context(raw: bytes) -> Context:
    """The strict inverse of :func:`encode_context`.

    Raises:
        FormatError: truncated, trailing bytes, or not UTF-8.
    """
    if len(raw) < 2:
        raise FormatError("header context is truncated", field="schema")
    schema = int.from_bytes(raw[:2], "big")
    texts: list[str] = []
    at = 2
    for name in _TEXTS:
        if at >= len(raw):
            raise FormatError("header context is truncated", field=name)
        end = at + 1 + raw[at]
        if end > len(raw):
            raise FormatError("header context is truncated", field=name)
        try:
            texts.append(raw[at + 1 : end].decode())
        except UnicodeDecodeError as cause:
            raise FormatError("header text is not UTF-8", field=name) from cause
        at = end
    if at != len(raw) or schema == 0:
        raise FormatError("header context has trailing bytes or no schema", field="context")
    return Context(texts[0], schema, *texts[1:])


def encode(header: Header) -> bytes:
    """The canonical bytes of a header. The writer uses :func:`pack_fixed`, which checks nothing, on checked values.

    Raises:
        FormatError: a part has the wrong length or is out of range.
    """
    if len(header.stream_id) != ID_LENGTH or len(header.key) != ID_LENGTH:
        raise FormatError("an identifier has a wrong length", field="stream id or key", rule=f"{ID_LENGTH} bytes")
    if not 0 < header.version < 2**64 or not -(2**63) <= header.recorded_at < 2**63:
        raise FormatError("a number of the header is out of range", field="version or recorded_at", rule="64 bits")
    fixed = pack_fixed(FORMAT, header.stream_id, header.version, header.recorded_at, header.key)
    return fixed + encode_context(header.context)


def decode(raw: bytes) -> Header:
    """The strict inverse of :func:`encode`.

    Raises:
        FormatError: another format, truncated, trailing bytes, version 0, or not UTF-8.
    """
    if len(raw) < FIXED_LENGTH or suites.suite(raw[0]).format != FORMAT:
        raise FormatError("not an event header of format 1", field="format")
    _, stream_id, version, recorded_at, key = _FIXED.unpack_from(raw)
    if version == 0:
        raise FormatError("the first version of a stream is 1", field="version")
    return Header(stream_id, version, recorded_at, key, decode_context(raw[FIXED_LENGTH:]))
