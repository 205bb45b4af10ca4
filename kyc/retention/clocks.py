"""When a record may go and when it must go: pure date arithmetic over triggers, policies in force and holds.

Nothing is frozen at write time: the answer is for the day of the question. *keep through* is the last day a record
must exist; it may go from the next day on. No clock, no date: keep. A hold leaves no date at all. Where one law
wants a record deleted before another lets it go, nobody guesses: the answer is a conflict for a person. The exact
semantics, in steps that SQL can mirror, with examples that are run, are in ``docs/retention.md``. What a batch on
one medium may do is in :mod:`kyc.retention.media`, which holds lie on a record in :mod:`kyc.retention.holds`,
when a clock starts at all in :mod:`kyc.retention.starts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from kyc.domain.calendar import Feb29, later
from kyc.domain.retention_rules import Policy, PolicySet, Trigger
from kyc.retention.starts import speaks, start

Level = Literal["record", "customer", "account"]
"""Whose facts a link carries: the record's own, a customer's, an account's."""

LEVELS: Final[Mapping[Trigger, Level]] = {
    "transaction-booked": "record",
    "record-made": "record",
    "report-filed": "record",
    "relationship-ended": "customer",
    "onboarding-refused": "customer",
    "account-closed": "account",
    "card-dormant": "account",
}
"""Where a policy that waits for a trigger looks for it; others count wherever they are found."""

_DAY: Final = timedelta(days=1)


class Link(NamedTuple):
    """What is known of one customer, one account or the record itself. No facts: nothing known, no clock."""

    level: Level
    facts: tuple[tuple[Trigger, date], ...]
    """What happened, on which day in the institution's zone."""


class Record(NamedTuple):
    """A record, or a set of records disposed of together, with everybody it is about."""

    record_class: str
    jurisdictions: tuple[str, ...]
    """Home and host law: all of it applies, the stricter wins."""
    links: tuple[Link, ...]


class Applied(msgspec.Struct, frozen=True):
    """What one policy made of the facts."""

    policy_id: str
    source: str
    mark: str
    started: date | None
    """The day its clock counts from; None: it does not run."""
    keep_through: date | None
    """Last day the record must exist under it; None: no clock, or it sets no minimum."""
    may_keep_through: date | None
    """Last day the record may exist under it; None: no clock, or it sets no maximum, or it yields."""


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one record on one day, with everything that led to it."""

    on: date
    """The day of the question."""
    keep_through: date | None
    """Last day the record must exist; None: no date, keep."""
    must_delete_by: date | None
    """Last day on which deletion is in time: the day after the last on which it may exist."""
    applied: tuple[Applied, ...] = ()
    holds: tuple[str, ...] = ()
    feb29: Feb29 = "28-feb"
    version: int = 0
    """Version of the policy set; 0: policies given one by one."""

    @property
    def held(self) -> bool:
        """Whether a hold lies on the record."""
        return bool(self.holds)

    @property
    def policies(self) -> tuple[str, ...]:
        """Ids of the policies that apply, whether or not their clocks run."""
        return tuple(dict.fromkeys(one.policy_id for one in self.applied))

    @property
    def earliest_disposal(self) -> date | None:
        """First day the record may go; None: no date, keep."""
        return None if self.keep_through is None else self.keep_through + _DAY

    @property
    def conflict(self) -> bool:
        """Whether one law wants it deleted before another lets it go, or while another's clock does not run."""
        earliest, latest = self.earliest_disposal, self.must_delete_by
        return latest is not None and (earliest is None or latest < earliest)

    @property
    def due(self) -> bool:
        """Whether it may go on the day of the question, which is the only day this answer is about."""
        earliest = self.earliest_disposal
        return earliest is not None and earliest <= self.on and not self.conflict

    @property
    def state(self) -> Literal["held", "no-policy", "no-clock", "conflict", "due", "running"]:
        """The answer in a word."""
        if self.held:
            return "held"
        if not self.applied:
            return "no-policy"
        if self.conflict:
            return "conflict"
        if self.keep_through is None:
            return "no-clock"
        return "due" if self.due else "running"

    def explain(self) -> tuple[str, ...]:
        """Which rules gave this answer, a line each."""
        lines = [f"asked on {self.on}, policy set {self.version or 'ad hoc'}, 29 February counts to {self.feb29}"]
        for one in self.applied:
            clock = f"from {one.started}" if one.started else "clock not started"
            least = f", keep through {one.keep_through}" if one.keep_through else ""
            most = f", may exist through {one.may_keep_through}" if one.may_keep_through else ""
            lines.append(f"{one.policy_id} ({one.source}; {one.mark}): {clock}{least}{most}")
        lines += [f"hold {hold}: no date" for hold in self.holds]
        return (*lines, f"{self.state}: earliest disposal {self.earliest_disposal or 'none'}")


def evaluate(
    record: Record, law: PolicySet, on: date, *, holds: Sequence[str] = (), feb29: Feb29 = "28-feb"
) -> Deadline:
    """The deadline of a record as of the day ``on``, under the law of its jurisdictions in force that day.

    Args:
        record: what it is and what happened; facts after ``on`` are not known yet.
        law: the version in use on the day (:func:`kyc.domain.rulefile.edition_on`).
        on: the day of the question.
        holds: ids of the holds that lie on it that day (:func:`kyc.retention.holds.holding`).
        feb29: the declared rule for 29 February.
    """
    assert not isinstance(on, datetime), "a day in the institution's zone"
    policies = [policy for policy in law.in_force(on, *record.jurisdictions) if policy.covers(record.record_class)]
    facts = [Link(link.level, tuple(fact for fact in link.facts if fact[1] <= on)) for link in record.links]
    applied = _yielding([(policy, _apply(policy, facts, feb29)) for policy in policies])
    keep, delete = _combine([(policy, one) for policy, one in zip(policies, applied, strict=True)])
    if holds:
        keep = delete = None
    return Deadline(
        on=on, keep_through=keep, must_delete_by=delete, applied=applied, holds=tuple(sorted(set(holds))),
        feb29=feb29, version=law.version,
    )  # fmt: skip


def deadline(
    record_class: str, triggers: Mapping[str, date], policies: Sequence[Policy], on: date, *,
    holds: Sequence[str] = (), leap: Feb29 = "28-feb",
) -> Deadline:  # fmt: skip
    """The deadline of a record with one link that says everything: trigger → its latest day."""
    facts: Iterable[tuple[Trigger, date]] = triggers.items()  # type: ignore[assignment]
    law = PolicySet(version=1, effective_from=date.min, policies=tuple(policies))
    record = Record(record_class, (), (Link("record", tuple(facts)),))
    return msgspec.structs.replace(evaluate(record, law, on, holds=holds, feb29=leap), version=0)


# --- one policy -------------------------------------------------------------------------------------------


def _apply(policy: Policy, links: Sequence[Link], feb29: Feb29) -> Applied:
    levels = {LEVELS.get(trigger) for trigger in policy.triggers}
    starts = [
        start(policy.triggers, dict(sorted(link.facts, key=lambda fact: fact[1])))
        for link in links
        if link.level in levels or speaks(policy.triggers, (fact for fact, _ in link.facts))
    ]
    known = [day for day in starts if day is not None]
    started = max(known) if known and len(known) == len(starts) else None
    capped = None
    if policy.cap is not None:
        capping = [day for link in links for fact, day in link.facts if fact == policy.cap.trigger]
        capped = later(max(capping), policy.cap.length, feb29) if capping else None
    least, most = (
        None if period is None else _earlier(_end(policy, started, period, feb29), capped)
        for period in (policy.min_len, policy.max_len)
    )
    return Applied(policy.policy_id, policy.source, policy.mark, started, least, most)


def _end(policy: Policy, started: date | None, period: str, feb29: Feb29) -> date | None:
    if started is None:
        return None
    return later(date(started.year, 12, 31) if policy.clock_rule == "year_end" else started, period, feb29)


def _earlier(end: date | None, cap: date | None) -> date | None:
    return cap if end is None or (cap is not None and cap < end) else end


# --- all policies -----------------------------------------------------------------------------------------


def _yielding(found: Sequence[tuple[Policy, Applied]]) -> tuple[Applied, ...]:
    """Duties to delete that wait for the minima of their own jurisdiction, moved behind these."""
    answers = []
    for policy, one in found:
        limit = one.may_keep_through
        if limit is not None and policy.yields_to == "jurisdiction":
            minima = [
                other.keep_through
                for rule, other in found
                if rule.jurisdiction == policy.jurisdiction and rule.min_len is not None
            ]
            limit = None if None in minima else max([limit, *(day for day in minima if day is not None)])
        answers.append(msgspec.structs.replace(one, may_keep_through=limit))
    return tuple(answers)


def _combine(found: Sequence[tuple[Policy, Applied]]) -> tuple[date | None, date | None]:
    """The latest end of all minima, and the earliest end of all maxima plus a day."""
    limits = [one.may_keep_through for _, one in found if one.may_keep_through is not None]
    minima = [one.keep_through for policy, one in found if policy.min_len is not None]
    # A policy that sets a maximum only lets a record go once its own trigger has come.
    minima += [one.started for policy, one in found if policy.min_len is None and one.started is not None]
    delete = min(limits) + _DAY if limits else None
    if not minima or None in minima:
        return None, delete
    return max(day for day in minima if day is not None), delete
