"""Rows of the event table as binary COPY gives them, taken apart in one stroke.

Layout (PostgreSQL, COPY): the number of columns in two bytes, then of each its length in four and its value; a null
has the length -1. What the table's constraints promise is not believed: lengths are compared.
"""

from __future__ import annotations

import struct
from operator import itemgetter
from typing import Any, Final

_ROW: Final = struct.Struct(">2x" + "iq" * 3 + "ih" + "i16s" * 3 + "i32s" * 3 + "i16s" + "i")
"""Every column up to the digest as length and value, then the length of the context."""
_LENGTHS: Final = (8, 8, 8, 2, 16, 16, 16, 32, 32, 32, 16)
_FIXED: Final = len(_LENGTHS)
_START: Final = _ROW.size
_INTEGERS: Final = 4
"""Columns that are numbers; they come first."""
_DATA_KEY: Final = 2 + 4 * 7 + sum(_LENGTHS[:6])
EMPTY: Final = bytes(4)
"""How a row ends that has an empty ciphertext; others may too."""

data_key: Final = itemgetter(slice(_DATA_KEY, _DATA_KEY + 16))
"""``data_key(raw)`` → the id of the data key of a well-formed row."""


def well_formed(raw: bytes) -> tuple[Any, ...] | None:
    """The columns of a row, if none is null and every fixed length is right."""
    if len(raw) < _START:
        return None
    parts = _ROW.unpack_from(raw)
    if parts[:-1:2] != _LENGTHS:
        return None
    past = _START + parts[-1]
    state = raw[past + 4 :]
    if past < _START or raw[past : past + 4] != len(state).to_bytes(4, "big"):
        return None
    return *parts[1::2], raw[_START:past], state


def decoded(raw: bytes) -> tuple[Any, ...]:
    """The columns of any row, None where they are null."""
    found: list[Any] = []
    at = 2
    for column in range(_FIXED + 2):
        length = int.from_bytes(raw[at : at + 4], "big", signed=True)
        at += 4
        value: Any = raw[at : at + length] if length >= 0 else None
        if value is not None and column < _INTEGERS:
            value = int.from_bytes(value, "big", signed=True)
        found.append(value)
        at += max(length, 0)
    return tuple(found)
