"""What an event is in the log: its 56-byte entry, and the leaf hash of that entry (RFC 6962 §2.1).

The layout of an entry, published in docs/format.md::

    offset  size  field
    0       16    stream id (UUID, big-endian bytes)
    16      8     version, unsigned big-endian
    24      32    chain hash

The chain hash covers header and commitment, so the entry says nothing about a customer and stays true after the
payload was disposed of. The leaf hash is ``SHA-256(0x00 ‖ entry)``; the zero byte keeps a leaf from passing for an
inner node, which begins with 0x01. Entries have one length, so no two events share an entry.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from kyc.errors import FormatError

ENTRY_LENGTH = 56
LEAF_PREFIX = b"\x00"
STREAM_ID_LENGTH = 16
CHAIN_HASH_LENGTH = 32
VERSION_MAX = 2**64 - 1

_ENTRY = struct.Struct(">16sQ32s")
_PREFIXED = struct.Struct(">c16sQ32s")


class Entry(NamedTuple):
    """A parsed entry."""

    stream_id: bytes
    version: int
    hash: bytes


def entry(stream_id: bytes, version: int, hash: bytes) -> bytes:
    """The 56-byte log entry of an event.

    Raises:
        FormatError: a part has the wrong length, or the version is not 1 to 2**64 - 1.
    """
    _check(stream_id, version, hash)
    return _ENTRY.pack(stream_id, version, hash)


def parse_entry(raw: bytes) -> Entry:
    """The strict inverse of :func:`entry`.

    Raises:
        FormatError: not 56 bytes, or version 0.
    """
    if len(raw) != ENTRY_LENGTH:
        raise FormatError("not a log entry of an event", field="entry", rule=f"{ENTRY_LENGTH} bytes")
    parsed = Entry._make(_ENTRY.unpack(raw))
    _check(*parsed)
    return parsed


def leaf_hash(entry: bytes) -> bytes:
    """The RFC 6962 leaf hash (32 bytes) of any entry."""
    return sha256(LEAF_PREFIX + entry).digest()


def leaf_hashes(rows: Iterable[tuple[bytes, int, bytes]]) -> list[bytes]:
    """The leaf hashes of (stream id, version, chain hash) rows, in their order; for the sealer's large batches.

    Raises:
        FormatError: as :func:`entry`.
    """
    pack, digest = _PREFIXED.pack, sha256
    hashes: list[bytes] = []
    add = hashes.append
    for stream_id, version, chain_hash in rows:
        # struct would cut or pad a part of another length in silence
        if (
            len(stream_id) != STREAM_ID_LENGTH
            or len(chain_hash) != CHAIN_HASH_LENGTH
            or not 0 < version <= VERSION_MAX
        ):
            _check(stream_id, version, chain_hash)
        add(digest(pack(LEAF_PREFIX, stream_id, version, chain_hash)).digest())
    return hashes


def _check(stream_id: bytes, version: int, chain_hash: bytes) -> None:
    if len(stream_id) != STREAM_ID_LENGTH:
        raise FormatError("stream id has a wrong length", field="stream_id", rule=f"{STREAM_ID_LENGTH} bytes")
    if len(chain_hash) != CHAIN_HASH_LENGTH:
        raise FormatError("chain hash has a wrong length", field="hash", rule=f"{CHAIN_HASH_LENGTH} bytes")
    if not 0 < version <= VERSION_MAX:
        raise FormatError("version out of range", field="version", rule="1 to 2**64 - 1")
