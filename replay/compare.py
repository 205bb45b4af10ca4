"""A customer at two moments: what was recorded between them, and what the states differ in.

Both moments are recorded time; ``about`` sets the day in the world that both are asked about. Accounts that came or
went between the two differ as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from kyc.clock import from_datetime
from kyc.domain.submission import StreamName
from kyc.errors import InputError, NotFoundError
from kyc.store.log import EventLog
from replay import render
from replay.history import FOREVER, Span, Told, accounts_of, certified, fold, state_fields, told_dict, told_lines


@dataclass(frozen=True, slots=True)
class Change:
    """What one stream folds to at the two moments; None where nothing was known, or the account was not held."""

    stream: StreamName
    before: Any
    after: Any

    @property
    def differences(self) -> list[render.Difference]:
        """Where they differ; ``then`` is the first moment, ``now`` the second."""
        return render.differences(state_fields(self.before), state_fields(self.after))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A customer at two moments, in microseconds."""

    number: str
    first: int
    second: int
    about: datetime | None
    changes: tuple[Change, ...]
    """The customer, then each account held at one of the moments; equal ones are left out."""
    told: tuple[Told, ...]
    """What was recorded between: after the first moment, until the second."""


def customer(
    log: EventLog,
    number: str,
    first: datetime,
    second: datetime | None = None,
    *,
    about: datetime | None = None,
    with_postings: bool = True,
) -> Comparison:
    """A customer as recorded until ``first`` and until ``second``, by default now.

    Raises:
        NotFoundError: there is no such customer.
        InputError: the first moment is not before the second.
        ValueError: a time without offset.
        CiphertextDamagedError: an event does not decrypt; names it.
    """
    start = from_datetime(first)
    stop = log.clock.now_us() if second is None else from_datetime(second)
    if start >= stop:
        raise InputError("the moments are not in order", field="second", rule="after the first")
    name = StreamName("customer", number)
    events = list(log.events(name))
    if not events:
        raise NotFoundError("no such customer", field="customer")
    between = Span(start + 1, stop)
    told, _, _ = between.of(name, events)
    changes = [Change(name, fold("customer", events, start, about), fold("customer", events, stop, about))]
    for held in accounts_of([one for one in events if one.row.recorded_at <= stop]):
        account = StreamName("account", held.account)
        own = list(log.events(account))
        part = Span(max(between.since, held.since), min(stop, held.until))
        if held.until > start:
            told += part.of(account, own)[0]
            if with_postings:
                told += part.read(log, StreamName("postings", held.account))[0]
        before = fold("account", own, start, about) if held.since <= start < held.until else None
        after = fold("account", own, stop, about) if held.until == FOREVER else None
        changes.append(Change(account, before, after))
    told.sort(key=lambda one: one.recorded.row.recorded_at)
    differing = tuple(change for change in changes if change.before != change.after)
    return Comparison(number, start, stop, about, differing, certified(log, told))


def lines(found: Comparison, zone: tzinfo = render.ZONE) -> list[str]:
    """The comparison for a terminal."""
    first, second = render.moment(found.first, zone), render.moment(found.second, zone)
    text = [f"Customer {found.number}: {first} and {second}"]
    if found.about is not None:
        text.append(f"about {found.about.isoformat(sep=' ', timespec='seconds')}")
    text.append("")
    if not found.changes:
        text += ["Nothing that is known differs", ""]
    for change in found.changes:
        text.append(f"{change.stream.kind.capitalize()} {change.stream.key}{_word(change)}")
        for name, before, after in change.differences:
            text.append(render.line(name, f"{_shown(before)}   >> {_shown(after)}"))
        text.append("")
    text.append(f"Recorded between ({len(found.told)} events)")
    for told in found.told:
        text += told_lines(told, zone, named=told.stream.kind != "customer")
    return text


def as_dict(found: Comparison) -> dict[str, Any]:
    """The comparison for JSON."""
    return {
        "customer": found.number,
        "first": render.exact(found.first),
        "second": render.exact(found.second),
        "about": found.about.isoformat() if found.about is not None else None,
        "changes": [
            {
                "kind": change.stream.kind,
                "key": change.stream.key,
                "before": None if change.before is None else render.plain(change.before),
                "after": None if change.after is None else render.plain(change.after),
                "differences": [
                    {"name": name, "before": before, "after": after} for name, before, after in change.differences
                ],
            }
            for change in found.changes
        ],
        "events": [told_dict(told) for told in found.told],
    }


def _word(change: Change) -> str:
    if change.before is None:
        return ", not known or not held at the first moment"
    return ", no longer held at the second moment" if change.after is None else ""


def _shown(value: str | None) -> str:
    return "(none)" if value is None else value
