"""Masking at presentation, never at write (gotcha 35): a view in, what may be shown of it out. Pure.

A key that no class of the matrix knows is shown within a field that is, and not at the top: what nobody classified
is nobody's to see. Masks have one length, so that a masked value does not tell how long it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kyc.access.policy import Permit
from kyc.domain.access_rules import Mark, Matrix

HIDDEN: Final = "****"
_LAST: Final = 4


def apply(view: Mapping[str, Any], permit: Permit, matrix: Matrix) -> dict[str, Any]:
    """What a permission shows of a view whose keys are fields."""
    return {
        key: _value(key, value, permit, matrix, masked=key in permit.masked)
        for key, value in view.items()
        if key in permit.fields
    }


def _value(field: str, value: Any, permit: Permit, matrix: Matrix, *, masked: bool = False) -> Any:
    if masked:
        return _masked(value, matrix.fields[field].mask, matrix.parts.get(field))
    if isinstance(value, Mapping):
        return {
            key: _value(key, part, permit, matrix, masked=key in permit.masked)
            for key, part in value.items()
            if key not in matrix.fields or key in permit.inner
        }
    if isinstance(value, list | tuple):
        return [_value(field, one, permit, matrix) for one in value]
    return value


def _masked(value: Any, mark: Mark, parts: Mapping[str, Mark] | None) -> Any:
    if value is None or value in ("", [], (), {}):
        return value
    if parts is None and (mark == "hide" or isinstance(value, Mapping)):
        return HIDDEN
    if isinstance(value, Mapping):
        parts = parts or {}
        return {key: _masked(part, parts.get(key, "hide"), None) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one, mark, parts) for one in value]
    return marked(str(value), (parts or {}).get("value", mark))


def marked(text: str, mark: Mark) -> str:
    """A text as a mark shows it."""
    if mark == "show":
        return text
    if mark == "last4" and len(text) > 2 * _LAST:
        return HIDDEN + text[-_LAST:]
    if mark == "first1" and len(text) > 1:
        return text[0] + HIDDEN
    if mark == "year" and len(text) > _LAST:
        return text[:_LAST] + HIDDEN
    if mark == "domain" and "@" in text:
        return f"{HIDDEN}@{text.rpartition('@')[2]}"
    return HIDDEN
