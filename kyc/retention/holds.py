"""Which holds lie on a record on a day: scope by customer, account, case, class and period. Pure.

A hold beats every date (:mod:`kyc.retention.clocks`), whoever approved whatever before. This module answers for a
day; whoever destroys asks again in the instant of destruction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Annotated

import msgspec

from kyc.domain.rulefile import Identifier

Keys = Annotated[frozenset[str], msgspec.Meta(max_length=100_000)]


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a hold lies on: every part that is given must fit, and each part by any of its values.

    An empty scope would lie on everything; it is refused. Records not written yet are held like others.
    """

    customers: Keys = frozenset()
    accounts: Keys = frozenset()
    cases: Keys = frozenset()
    record_classes: Keys = frozenset()
    period_from: date | None = None
    """Only records about days from this one on."""
    period_to: date | None = None

    def __post_init__(self) -> None:
        """Refuse a scope that names nothing, or ends before it begins.

        Raises:
            ValueError: says which.
        """
        if not (self.customers or self.accounts or self.cases):
            raise ValueError("a hold names customers, accounts or cases")
        if self.period_from is not None and self.period_to is not None and self.period_to < self.period_from:
            raise ValueError("period_to before period_from")


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hold: an investigation, an order, a dispute (kinds: ``rules/holds.toml``)."""

    hold: str
    """Its own id."""
    kind: Identifier
    scope: Scope
    placed_on: date
    ended_on: date | None = None
    """Day it was released, or the first day after its term; from then on it holds no more."""

    def in_force(self, on: date) -> bool:
        """Whether it holds on a day."""
        return self.placed_on <= on and (self.ended_on is None or on < self.ended_on)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a record when holds are laid over it."""

    record_class: str
    customers: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    cases: frozenset[str] = frozenset()
    about_from: date | None = None
    """First day the record is about; None: unknown, and every period fits."""
    about_to: date | None = None


def holding(holds: Iterable[Hold], record: Held, on: date) -> tuple[str, ...]:
    """Ids of the holds that lie on a record on a day, sorted."""
    assert not isinstance(on, datetime), "a day in the institution's zone"
    return tuple(sorted(hold.hold for hold in holds if hold.in_force(on) and fits(hold.scope, record)))


def fits(scope: Scope, record: Held) -> bool:
    """Whether a scope covers a record; where the record's days are unknown, it does."""
    if scope.record_classes and record.record_class not in scope.record_classes:
        return False
    parts: tuple[tuple[Collection[str], frozenset[str]], ...] = (
        (scope.customers, record.customers), (scope.accounts, record.accounts), (scope.cases, record.cases),
    )  # fmt: skip
    if any(named and record_has.isdisjoint(named) for named, record_has in parts):
        return False
    ends_before = (
        record.about_to is not None and scope.period_from is not None and record.about_to < scope.period_from
    )
    begins_after = (
        record.about_from is not None and scope.period_to is not None and record.about_from > scope.period_to
    )
    return not (ends_before or begins_after)
