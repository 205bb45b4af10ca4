"""Deadlines of records as they are told: whose, which unit, until when, and every rule, fact and hold behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kyc.domain.retention_rules import parse_retention
from kyc.domain.submission import StreamName
from kyc.retention.changes import Moved, moved
from kyc.store.log import EventLog
from projections import retention_deadlines
from projections.retention_deadlines import Asked, Due, ShiftTotal
from replay import named


def subject(stream: bytes, name: StreamName | None) -> str:
    """How a subject is called; its id where its name went with its content."""
    return f"{name.kind}/{name.key}" if name else stream.hex()


def why(one: Due) -> list[str]:
    """The rules, holds and facts that a deadline comes from."""
    facts = [f"{link.level}: {trigger} {day}" for link in one.record.links for trigger, day in link.facts]
    return [*one.deadline.explain(), *facts]


def as_dict(one: Due, name: StreamName | None) -> dict[str, Any]:
    """A deadline with all that led to it."""
    return {
        "subject": subject(one.subject, name), "record_class": one.record_class, "period": one.period,
        "state": one.deadline.state, "keep_through": one.deadline.keep_through,
        "must_delete_by": one.deadline.must_delete_by, "policies": one.deadline.policies,
        "holds": one.deadline.holds, "why": why(one),
    }  # fmt: skip


def explained(log: EventLog, asked: Asked, units: Sequence[Any]) -> list[Due]:
    """The same units with all that led to their dates."""
    wanted = {(one.subject, one.record_class, one.period) for one in units}
    subjects = list(dict.fromkeys(one.subject for one in units))
    found = retention_deadlines.deadlines(log, asked, *subjects) if subjects else ()
    return [one for one in found if (one.subject, one.record_class, one.period) in wanted]


class Preview:
    """What another edition of retention law would move, before it is published."""

    def __init__(self, log: EventLog, asked: Asked, text: str, source: str, limit: int) -> None:
        becomes = parse_retention(text, source, asked.law.version + 1, asked.on)
        self.totals: list[ShiftTotal] = retention_deadlines.moved_totals(log, asked, becomes)
        """By class, and by what becomes of the units."""
        units = explained(log, asked, retention_deadlines.moved(log, asked, becomes, limit))
        answers = moved(
            ((str(at), one.record) for at, one in enumerate(units)), asked.law, becomes, asked.on,
            holds={str(at): one.deadline.holds for at, one in enumerate(units)}, feb29=asked.feb29,
        )  # fmt: skip
        self.names = named.names(log, [one.subject for one in units])
        self.moved: list[tuple[Due, Moved]] = [(units[int(one.record)], one) for one in answers]

    def told(self) -> Iterable[dict[str, Any]]:
        """Each unit as it stands, and as it would."""
        for unit, change in self.moved:
            yield as_dict(unit, self.names.get(unit.subject)) | {
                "new_keep_through": change.becomes.keep_through,
                "new_must_delete_by": change.becomes.must_delete_by, "new_state": change.becomes.state,
                "new_why": change.becomes.explain(),
            }  # fmt: skip
