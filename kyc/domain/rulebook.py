"""Thresholds, review cycles and answer times as effective-dated data: one typed value for a rule on a day. Pure.

A rule has selectors, such as jurisdiction and currency; a row gives the value for one choice of them while it is
law. A :class:`Rulebook` is one version of all rules: a correction is a further version, and
:func:`kyc.domain.rulefile.edition_on` says which was in use. What follows from a value is for others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import combinations
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from kyc.domain.calendar import Period
from kyc.domain.rulefile import Row, Version, parse, read, refuse
from kyc.errors import ConfigurationError, NotFoundError

FILES: Final = ("thresholds.toml", "large-value.toml", "reviews.toml", "answers.toml")
SHIPPED_VERSION: Final = 1
SHIPPED_FROM: Final = date(2003, 1, 1)
ANY: Final = "*"
"""A row's choice that fits what no other row names."""

Choice = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z][A-Za-z0-9-]{0,31}|\*)$")]
Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9.-]{2,63}$")]


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """An amount from which, or beyond which, a duty begins."""

    amount: Decimal
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    comparison: Literal["at-least", "more-than"] = "at-least"
    """``at-least``: inclusive (含本数)."""

    def __post_init__(self) -> None:
        """Refuse what is no amount.

        Raises:
            ValueError: not finite, or negative.
        """
        if not self.amount.is_finite() or self.amount < 0:
            raise ValueError("an amount is finite and not negative")

    def reached(self, amount: Decimal) -> bool:
        """Whether an amount in the threshold's currency calls for the duty."""
        return amount >= self.amount if self.comparison == "at-least" else amount > self.amount


class Share(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A percentage from which on something applies, inclusive."""

    percent: Decimal

    def __post_init__(self) -> None:
        """Refuse what is no percentage.

        Raises:
            ValueError: outside 0 to 100.
        """
        if not self.percent.is_finite() or not 0 <= self.percent <= 100:
            raise ValueError("a percentage lies between 0 and 100")


class Within(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A period on the calendar, or in hours, within which something is done."""

    period: Period


class WorkingDays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """So many working days within which something is done (:class:`kyc.domain.calendar.WorkCalendar`)."""

    days: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class By(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A day by which something is done, once."""

    day: date


class Codes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A list of codes."""

    codes: Annotated[tuple[Choice, ...], msgspec.Meta(min_length=1)]


Value = Threshold | Share | Within | WorkingDays | By | Codes
V = TypeVar("V", Threshold, Share, Within, WorkingDays, By, Codes)


class Entry(Row, frozen=True, kw_only=True):
    """The value of a rule for one choice of its selectors while it is law."""

    where: dict[str, Choice]
    value: Value


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question that law answers, and its answers."""

    rule_id: Name
    about: Annotated[str, msgspec.Meta(min_length=1)]
    selectors: tuple[Annotated[str, msgspec.Meta(pattern="^[a-z_]+$")], ...]
    row: Annotated[tuple[Entry, ...], msgspec.Meta(min_length=1)]


class Ruling(NamedTuple):
    """The answer, and which rule gave it."""

    value: Value
    rule_id: str
    version: int
    """Version of the rulebook."""
    row: Entry
    """The row: where it applies, from when to when, source and mark."""

    def of(self, kind: type[V]) -> V:
        """The value, which the caller knows to be of one kind.

        Raises:
            ConfigurationError: the file says something else.
        """
        if not isinstance(self.value, kind):
            raise ConfigurationError(
                "a rule has another kind of value",
                field=self.rule_id,
                rule=kind.__name__,
                remedy="correct the file",
            )
        return self.value

    def explain(self) -> str:
        """Which rule gave the answer, in a line."""
        until = f" to {self.row.effective_to}" if self.row.effective_to else ""
        where = ", ".join(f"{name} {choice}" for name, choice in self.row.where.items())
        law = f"law from {self.row.effective_from}{until}"
        return f"{self.rule_id} ({where}), rulebook {self.version}: {self.row.source}; {self.row.mark}; {law}"


class Rulebook(msgspec.Struct, frozen=True, kw_only=True):
    """One version of all rules."""

    version: Version
    effective_from: date
    """From this day on it is the version in use, until a higher one has begun."""
    rules: Mapping[str, Rule]

    def value(self, rule_id: str, on: date, **selectors: str) -> Ruling:
        """The value of a rule on a day for one choice of each of its selectors.

        A row that names a choice goes before one that says ``*``; of several, the one that names more.

        Raises:
            ConfigurationError: no such rule, or other selectors than it has.
            NotFoundError: no row is law for that choice on that day.
        """
        rule = self.rules.get(rule_id)
        if rule is None:
            raise ConfigurationError("no such rule", field=rule_id, rule=", ".join(self.rules))
        if set(selectors) != set(rule.selectors):
            raise ConfigurationError(
                "a rule is asked with its selectors", field=rule_id, rule=", ".join(rule.selectors)
            )
        fitting = [
            row
            for row in rule.row
            if row.in_force(on) and all(row.where[name] in {choice, ANY} for name, choice in selectors.items())
        ]
        if not fitting:
            raise NotFoundError(
                "no rule answers this on that day", field=rule_id, rule=f"a row that is law on {on}",
                remedy="add one to the rule file, or treat it as not regulated",
            )  # fmt: skip
        row = min(fitting, key=lambda row: [row.where[name] == ANY for name in rule.selectors])
        return Ruling(row.value, rule_id, self.version, row)

    def history(self, rule_id: str) -> tuple[Entry, ...]:
        """All rows of a rule, oldest first."""
        return tuple(sorted(self.rules[rule_id].row, key=lambda row: row.effective_from))


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...]


def parse_rules(text: str, name: str) -> tuple[Rule, ...]:
    """The rules in a file's text.

    Raises:
        ConfigurationError: not TOML, unknown or missing fields, a row without a choice for each selector, values of
            two kinds, two rows for one choice on a day; names file, rule and what is wrong.
    """
    rules = parse(text, name, _File).rule
    for rule in rules:
        kinds: set[Any] = {type(row.value) for row in rule.row}
        if len(kinds) > 1:
            raise refuse(name, rule.rule_id, "values of one kind")
        for row in rule.row:
            if set(row.where) != set(rule.selectors):
                raise refuse(name, rule.rule_id, f"every row chooses {', '.join(rule.selectors)}")
        for one, other in combinations(rule.row, 2):
            if one.where == other.where and one.overlaps(other):
                raise refuse(name, rule.rule_id, "one row for a choice on a day")
    return rules


def book(rules: Iterable[Rule], version: int, effective_from: date) -> Rulebook:
    """A version made of rules.

    Raises:
        ConfigurationError: two rules have the same id.
    """
    named: dict[str, Rule] = {}
    for rule in rules:
        if rule.rule_id in named:
            raise refuse("rulebook", rule.rule_id, "an id is used once")
        named[rule.rule_id] = rule
    return Rulebook(version=version, effective_from=effective_from, rules=named)


@lru_cache
def shipped_rulebook() -> Rulebook:
    """Everything that is shipped, as version 1."""
    rules = [rule for name in FILES for rule in parse_rules(read(name), name)]
    return book(rules, SHIPPED_VERSION, SHIPPED_FROM)
