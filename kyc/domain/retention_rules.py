"""Retention law as effective-dated data, shipped as readable files, one for each jurisdiction. Pure.

A policy says which triggers start the clock of which classes of records, how long they must be kept, and after what
they must be deleted. A :class:`PolicySet` is one version of all of it: a correction is a further version, published
by head office (:mod:`kyc.domain.policies`), and the version in use on a day says which rule gave that day's answer.
The arithmetic is in :mod:`kyc.retention.clocks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import combinations
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from kyc.domain.calendar import DatePeriod
from kyc.domain.rulefile import Identifier, Row, Version, parse, read, refuse
from kyc.errors import ConfigurationError

Jurisdiction = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2,8}$")]
RecordClass = Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z-]{0,31}|\*)$")]
"""A class of records, or ``*`` for all."""
Trigger = Literal[
    "account-closed", "account-opened", "account-reopened", "card-dormant", "consent-withdrawn",
    "customer-deceased", "estate-settled", "onboarding-refused", "one-off-completed", "purpose-achieved",
    "record-made", "relationship-ended", "relationship-established", "relationship-reopened", "report-filed",
    "transaction-booked",
]  # fmt: skip
"""A fact that starts, or stops, a clock."""
After = Literal[
    "dispose", "delete", "delete-or-anonymise", "supervised-disposal", "confidential", "re-creatable", "none"
]
"""What is to happen, or to be kept in mind, when the period is over."""

JURISDICTIONS: Final = ("cn", "eu", "fatf", "uk", "us")
SHIPPED_VERSION: Final = 1
SHIPPED_FROM: Final = date(2003, 9, 1)
"""The first day any shipped policy is law."""


class Cap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A period after another trigger beyond which a policy never reaches, whether or not its own clock runs."""

    trigger: Trigger
    length: DatePeriod


class Policy(Row, frozen=True, kw_only=True):
    """One row of retention law. An id may have several rows, where its triggers differ by class of records."""

    policy_id: Identifier
    jurisdiction: Jurisdiction
    record_classes: Annotated[tuple[RecordClass, ...], msgspec.Meta(min_length=1)]
    triggers: Annotated[tuple[Trigger, ...], msgspec.Meta(min_length=1)]
    """Any of them starts the clock; the latest counts."""
    min_len: DatePeriod | None = None
    """So long the record must exist."""
    max_len: DatePeriod | None = None
    """So long it may exist; after it, deletion is a duty."""
    yields_to: Literal["none", "jurisdiction"] = "none"
    """Whether the duty to delete waits until no minimum of the same jurisdiction is running."""
    clock_rule: Literal["date", "year_end"] = "date"
    """``date``: from the trigger's day. ``year_end``: from 31 December of its year."""
    cap: Cap | None = None
    extension: str = ""
    after: After = "dispose"

    def __post_init__(self) -> None:
        """Hold the row against itself.

        Raises:
            ValueError: it says neither how long at least nor how long at most.
        """
        super().__post_init__()
        if self.min_len is None and self.max_len is None:
            raise ValueError("min_len or max_len, or both")

    def covers(self, record_class: str) -> bool:
        """Whether the policy speaks of that class of records."""
        return record_class in self.record_classes or "*" in self.record_classes


class HoldRule(Row, frozen=True, kw_only=True):
    """A kind of hold: what places it and what ends it. A hold in force leaves no date of disposal at all."""

    hold_id: Identifier
    covers: str
    placed_when: str
    lasts_until: str
    extension: str


class Standing(NamedTuple):
    """One row of a set, seen from a day: whether it applies, and why not."""

    policy: Policy
    applies: bool
    because: str


class PolicySet(msgspec.Struct, frozen=True, kw_only=True):
    """One version of retention law as the institution applies it."""

    version: Version
    effective_from: date
    """From this day on it is the version in use, until a higher one has begun."""
    policies: tuple[Policy, ...]
    holds: tuple[HoldRule, ...] = ()

    def in_force(self, on: date, *jurisdictions: str) -> tuple[Policy, ...]:
        """The policies that are law on a day in the jurisdictions, in all of them where none is named."""
        return tuple(policy for policy, applies, _ in self.explain(on, jurisdictions) if applies)

    def explain(self, on: date, jurisdictions: Sequence[str] = (), record_class: str = "") -> Iterator[Standing]:
        """Every row, whether it applies on that day, there and to that class, and why."""
        for policy in self.policies:
            if jurisdictions and policy.jurisdiction not in jurisdictions:
                because = "law of another jurisdiction"
            elif record_class and not policy.covers(record_class):
                because = "about other records"
            elif on < policy.effective_from:
                because = f"not law before {policy.effective_from}"
            elif policy.effective_to is not None and on > policy.effective_to:
                because = f"not law after {policy.effective_to}"
            else:
                yield Standing(policy, True, f"law since {policy.effective_from}")  # noqa: FBT003
                continue
            yield Standing(policy, False, because)  # noqa: FBT003


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    policy: tuple[Policy, ...] = ()
    hold: tuple[HoldRule, ...] = ()


@lru_cache
def shipped(jurisdiction: str) -> tuple[Policy, ...]:
    """All policies shipped for a jurisdiction, past, present and future.

    Raises:
        ConfigurationError: none shipped, or a file that does not say what it must.
    """
    if jurisdiction.lower() not in JURISDICTIONS:
        raise ConfigurationError(
            "no retention rules for this jurisdiction", field="jurisdiction", rule=", ".join(JURISDICTIONS)
        )
    name = f"retention-{jurisdiction.lower()}.toml"
    return parse_policies(read(name), name)


def shipped_text() -> str:
    """The text of all that is shipped: every jurisdiction, and the kinds of holds."""
    return "\n".join(read(f"retention-{part}.toml") for part in (*JURISDICTIONS, "holds"))


@lru_cache
def shipped_set() -> PolicySet:
    """Everything that is shipped, as version 1."""
    return parse_retention(shipped_text(), "retention", SHIPPED_VERSION, SHIPPED_FROM)


def parse_retention(text: str, name: str, version: int, effective_from: date) -> PolicySet:
    """A version of retention law in a text: policies of all jurisdictions and kinds of holds.

    Raises:
        ConfigurationError: as :func:`parse_policies`; or the text has no policy, which would let everything go.
    """
    policies = parse_policies(text, name)
    if not policies:
        raise refuse(name, "policy", "at least one")
    holds = parse(text, name, _File).hold
    return PolicySet(version=version, effective_from=effective_from, policies=policies, holds=holds)


def parse_policies(text: str, name: str) -> tuple[Policy, ...]:
    """The policies in a file's text.

    Raises:
        ConfigurationError: not TOML, unknown or missing fields, values out of range, two rows of one policy that
            are law on the same day for the same records; names file, field and rule.
    """
    policies = parse(text, name, _File).policy
    for one, other in combinations(policies, 2):
        if one.policy_id == other.policy_id and one.overlaps(other):
            shared = set(one.record_classes) & set(other.record_classes)
            if shared or "*" in (*one.record_classes, *other.record_classes):
                raise refuse(name, one.policy_id, "one row for a class of records on a day")
    return policies
