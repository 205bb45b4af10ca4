"""From which day a clock runs: a relationship, or an account, that is open has none. Pure.

What returns stops its clock: the old end stays a fact, but only a new end starts it again. How long it then runs
is for :mod:`kyc.retention.clocks`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from kyc.domain.retention_rules import Trigger


class _Span(NamedTuple):
    """Something that is open and ends; while it is open, no policy that waits for its end has a clock."""

    openers: frozenset[str]
    reopeners: frozenset[str]
    closers: frozenset[str]
    suspenders: frozenset[str] = frozenset()


_SPANS: Final = (
    _Span(
        openers=frozenset({"relationship-established"}),
        reopeners=frozenset({"relationship-reopened"}),
        closers=frozenset({"relationship-ended"}),
        suspenders=frozenset({"customer-deceased"}),
    ),
    _Span(
        openers=frozenset({"account-opened"}),
        reopeners=frozenset({"account-reopened"}),
        closers=frozenset({"account-closed", "card-dormant"}),
    ),
)


def start(triggers: Sequence[Trigger], facts: Mapping[Trigger, date]) -> date | None:
    """The day from which one link's facts let the clock of these triggers run; None: not yet, or not any more.

    Args:
        triggers: what the policy waits for; of several the latest counts.
        facts: what happened → its latest day.

    A relationship or account that was opened again has no clock until it ends again; a return on the day of the
    end counts as the later of the two. A customer who died within the relationship starts the clock when the
    estate is settled, not at death.
    """
    facts = _settled(facts)
    for span in _SPANS:
        closers = span.closers & {*triggers}
        if closers and _is_open(span, closers, facts):
            return None
    return max((facts[trigger] for trigger in triggers if trigger in facts), default=None)


def speaks(triggers: Iterable[Trigger], facts: Iterable[Trigger]) -> bool:
    """Whether facts say anything about these triggers: one of them happened, or what they end began."""
    relevant: set[str] = {*triggers}
    for span in _SPANS:
        if span.closers & relevant:
            relevant |= span.openers | span.reopeners | span.suspenders
    return not relevant.isdisjoint(facts)


def _is_open(span: _Span, closers: Collection[str], facts: Mapping[Trigger, date]) -> bool:
    opened, reopened, closed = (
        max((day for fact, day in facts.items() if fact in kinds), default=date.min)
        for kinds in (span.openers, span.reopeners, closers)
    )
    return opened > closed or (reopened > date.min and reopened >= closed)


def _settled(facts: Mapping[Trigger, date]) -> Mapping[Trigger, date]:
    """The facts with the end of a deceased customer's relationship moved to the settling of the estate."""
    died, ended = facts.get("customer-deceased"), facts.get("relationship-ended")
    if died is None or (ended is not None and ended < died):
        return facts
    settled = facts.get("estate-settled")
    if settled is None or settled < died:
        return {**facts, "relationship-reopened": date.max}
    return {**facts, "relationship-ended": max(settled, ended or settled)}
