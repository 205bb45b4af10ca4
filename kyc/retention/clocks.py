"""When a record may and when it must go: pure date arithmetic over triggers, policies in force and holds.

Nothing is frozen at write time: the answer is for the day of the question. *keep through* is the last day a record
must exist; it may go from the next day on. No trigger, no clock: keep. A hold leaves no date at all. Where the duty
to delete falls before the end of the duty to keep, nobody guesses: the answer is a conflict for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from kyc.retention.policies import Policy, in_force

LeapRule = Literal["28-feb", "1-mar"]
"""Where a period from 29 February ends in a common year; the institution declares it once."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The answer for one record on one day, with everything that led to it."""

    keep_through: date | None
    """Last day the record must exist; None while a hold or a missing trigger keeps it."""
    must_delete_by: date | None
    policies: tuple[str, ...]
    held: bool = False

    @property
    def earliest_disposal(self) -> date | None:
        """First day the record may go."""
        return None if self.keep_through is None else self.keep_through + timedelta(days=1)

    @property
    def conflict(self) -> bool:
        """Whether one law wants it deleted before another lets it go."""
        return (
            self.keep_through is not None
            and self.must_delete_by is not None
            and (self.must_delete_by < self.keep_through)
        )


def deadline(
    record_class: str,
    triggers: Mapping[str, date],
    policies: Sequence[Policy],
    on: date,
    *,
    holds: int = 0,
    leap: LeapRule = "28-feb",
) -> Deadline:
    """The deadline of a record as of the day ``on``.

    Args:
        record_class: such as ``identity``.
        triggers: trigger → its latest date.
        policies: all policies of the jurisdictions concerned; those in force on the day apply.
        on: the day of the question.
        holds: how many holds lie on it.
        leap: the declared rule for 29 February.
    """
    keep: date | None = None
    delete: date | None = None
    applied = []
    for policy in in_force(policies, on):
        if record_class not in policy.record_classes:
            continue
        for trigger in policy.triggers:
            start = triggers.get(trigger)
            if start is None:
                continue
            applied.append(policy.id)
            end = after(start, policy.min_years, policy.clock, leap)
            keep = end if keep is None else max(keep, end)
            if policy.max_years is not None:
                limit = after(start, policy.max_years, policy.clock, leap)
                delete = limit if delete is None else min(delete, limit)
    if holds:
        return Deadline(None, None, tuple(applied), held=True)
    return Deadline(keep, delete, tuple(applied))


def after(start: date, years: int, clock: str, leap: LeapRule) -> date:
    """The day ``years`` calendar years after a trigger, never 365 times their number of days."""
    if clock == "year-end":
        return date(start.year + years, 12, 31)
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 2, 28) if leap == "28-feb" else date(start.year + years, 3, 1)
