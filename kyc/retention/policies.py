"""Retention law as effective-dated data, shipped as readable files, one for each jurisdiction.

A policy says which trigger starts which clock for which classes of records, how long they must be kept, and after
what they must be deleted. Loading is strict; what a file says wrongly is refused with file, field and rule.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec

from kyc.errors import ConfigurationError

Years = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of retention law."""

    id: str
    record_classes: tuple[str, ...]
    triggers: tuple[str, ...]
    min_years: Years
    clock: Literal["date", "year-end"]
    """``date``: from the trigger's day. ``year-end``: from 31 December of its year."""
    effective_from: date
    source: str
    mark: Literal["C", "S", "M", "D"]
    """How far the source was confirmed; anything but C is configurable data."""
    effective_to: date | None = None
    max_years: Years | None = None
    """After so many years deletion is a duty."""

    def in_force(self, on: date) -> bool:
        """Whether the policy applies on a day."""
        return self.effective_from <= on and (self.effective_to is None or on <= self.effective_to)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    policy: tuple[Policy, ...]


@lru_cache
def shipped(jurisdiction: str) -> tuple[Policy, ...]:
    """All policies shipped for a jurisdiction, past, present and future.

    Raises:
        ConfigurationError: none shipped, or a file that does not say what it must.
    """
    file = files("kyc.retention") / "rules" / f"{jurisdiction}.toml"
    if not file.is_file():
        raise ConfigurationError("no retention rules for this jurisdiction", field="jurisdiction", rule="cn, eu")
    return parse(file.read_text(encoding="utf-8"), f"{jurisdiction}.toml")


def parse(text: str, name: str) -> tuple[Policy, ...]:
    """The policies in a file's text.

    Raises:
        ConfigurationError: not TOML, unknown or missing fields, values out of range.
    """
    try:
        return msgspec.convert(tomllib.loads(text), _File).policy
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as cause:
        raise ConfigurationError("not a retention rule file", field=name, rule=str(cause)) from None


def in_force(policies: Sequence[Policy], on: date) -> tuple[Policy, ...]:
    """The policies that apply on a day."""
    return tuple(policy for policy in policies if policy.in_force(on))
