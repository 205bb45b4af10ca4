"""Rows of the event table as one binary value each (record_send), taken apart in one stroke.

Layout (PostgreSQL, record_send): the number of columns, then of each its type and length, four bytes each, and its
value; a null has the length -1. What the table's constraints promise is not believed: lengths are compared.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from kyc.store.records import StoredEvent

_ROW: Final = struct.Struct(">4x" + "4xiq" * 3 + "4xih" + "4xi16s" * 3 + "4xi32s" * 3 + "4xi16s" + "4xi")
"""Every column up to the digest as length and value, then the length of the context."""
_LENGTHS: Final = (8, 8, 8, 2, 16, 16, 16, 32, 32, 32, 16)
_FIXED: Final = len(_LENGTHS)
_START: Final = _ROW.size
_INTEGERS: Final = 4
"""Columns that are numbers; they come first."""


def well_formed(raw: bytes) -> StoredEvent | None:
    """The row, if no column is null and every fixed length is right."""
    if len(raw) < _START:
        return None
    parts = _ROW.unpack_from(raw)
    if parts[:-1:2] != _LENGTHS:
        return None
    past = _START + parts[-1]
    state = raw[past + 8 :]
    if parts[-1] < 0 or raw[past + 4 : past + 8] != len(state).to_bytes(4, "big"):
        return None
    return StoredEvent._make((*parts[1::2], raw[_START:past], state))


def decoded(raw: bytes) -> tuple[Any, ...]:
    """The columns of any row, None where they are null."""
    found: list[Any] = []
    at = 4
    for column in range(_FIXED + 2):
        length = int.from_bytes(raw[at + 4 : at + 8], "big", signed=True)
        at += 8
        value: Any = raw[at : at + length] if length >= 0 else None
        if value is not None and column < _INTEGERS:
            value = int.from_bytes(value, "big", signed=True)
        found.append(value)
        at += max(length, 0)
    return tuple(found)
