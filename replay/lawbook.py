"""The published rules consulted: which version is in use on a day, which row answers, what the law says of a class.

Everything is asked of the policies as they were known at a moment (:func:`known`); documents are for people, at the
command line and over HTTP alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, get_args

import msgspec

from kyc.clock import from_datetime
from kyc.domain.admit import evolve
from kyc.domain.event import RecordClass
from kyc.domain.policies import NOTHING, Policies, RuleSet
from kyc.domain.stream import POLICIES
from kyc.domain.templates import RELATIONSHIP, form_on, usable
from kyc.errors import InputError, NotFoundError
from kyc.store.log import EventLog

_RULES: Final[tuple[RuleSet, ...]] = get_args(RuleSet)


def known(log: EventLog, until: datetime | None = None) -> Policies:
    """What head office had published by a moment; by now where none is named."""
    state: Policies = NOTHING
    for recorded in log.events(POLICIES):
        if recorded.event is not None and (until is None or recorded.row.recorded_at <= from_datetime(until)):
            state = evolve(POLICIES.kind, state, recorded.event)  # type: ignore[assignment]
    return state


def versions(policies: Policies, day: date) -> dict[str, Any]:
    """Every published version of every rule set, every form that may be used, and which are in use on the day."""
    used = {(e.rules, e.version) for name in _RULES if (e := policies.edition(name, day)) is not None}
    place = policies.jurisdiction
    return {
        "on": day,
        "versions": [
            {
                "rules": edition.rules, "version": edition.version, "effective_from": edition.effective_from,
                "in_use": (edition.rules, edition.version) in used,
            }
            for edition in policies.editions
        ],
        "forms": [
            {
                "name": form.name, "type": form.type, "purpose": form.purpose, "jurisdiction": form.jurisdiction,
                "effective_from": form.effective_from, "effective_to": form.effective_to,
                "in_use": form is form_on(
                    policies.templates, form.type, day, purpose=form.purpose, jurisdiction=place
                ),
            }
            for form in usable(policies.templates, place).values()
        ],
    }  # fmt: skip


def ask(
    policies: Policies, rule: str, day: date, choices: Mapping[str, str], jurisdiction: str | None = None
) -> dict[str, Any]:
    """What the rules say on a day: the value, the version, the row, its source, and the days it is law.

    ``template`` tells the registration form of a type, ``calendar`` whether a day is worked; else it is a rule of
    the rulebook, such as ``review.cycle``, and ``choices`` are what it depends on.

    Raises:
        NotFoundError: nothing answers this on that day.
        InputError: it is not asked for by these choices.
    """
    place = jurisdiction or policies.jurisdiction
    if rule in _OTHERS:
        here = msgspec.structs.replace(policies, jurisdiction=place)
        return {"on": day, "rule": rule} | _OTHERS[rule](here, day, choices)
    book = policies.in_use("rulebook", day)
    if book is None:
        raise NotFoundError("no rulebook was in use on that day", field="rulebook", remedy="kyc adopt")
    chosen = {"jurisdiction": place, **choices}
    if rule not in book.rules:
        raise NotFoundError("no such rule", field="rule", rule=", ".join(book.rules), remedy="one of them")
    if set(chosen) != set(book.rules[rule].selectors):
        needed = ", ".join(book.rules[rule].selectors)
        raise InputError("not asked with what it depends on", field="choices", rule=needed, remedy="name each")
    ruling = book.value(rule, day, **chosen)
    return {
        "on": day, "rule": rule, "value": msgspec.to_builtins(ruling.value), "version": ruling.version,
        "source": ruling.row.source, "mark": ruling.row.mark, "effective_from": ruling.row.effective_from,
        "effective_to": ruling.row.effective_to, "explained": ruling.explain(),
    }  # fmt: skip


def retention(
    policies: Policies, record_class: str, day: date, jurisdictions: Sequence[str] = ()
) -> dict[str, Any]:
    """Every row of retention law about a class of records, whether it applies on the day, and why not.

    Raises:
        NotFoundError: neither the records nor the law know such a class.
    """
    law = policies.retention(day)
    classes = {*RecordClass}.union(*[policy.record_classes for policy in law.policies]) - {"*"}
    if record_class not in classes:
        raise NotFoundError("no such class", field="record_class", rule=", ".join(sorted(classes)))
    return {
        "on": day, "version": law.version,
        "rows": [
            {
                "policy": policy.policy_id, "applies": applies, "because": because, "keep": policy.min_len,
                "delete": policy.max_len, "source": policy.source, "mark": policy.mark,
            }
            for policy, applies, because in law.explain(day, tuple(jurisdictions), record_class)
            if policy.covers(record_class)
        ],
    }  # fmt: skip


def _template(policies: Policies, day: date, choices: Mapping[str, str]) -> dict[str, Any]:
    """The registration form of a type of customer and a purpose."""
    chosen = {"purpose": RELATIONSHIP} | dict(choices)
    if set(chosen) != {"type", "purpose"}:
        raise InputError("a form is asked for by type", field="choices", rule="type=… and purpose=…")
    form = form_on(
        policies.templates, chosen["type"], day, purpose=chosen["purpose"], jurisdiction=policies.jurisdiction
    )
    if form is None:
        raise NotFoundError("no form answers this on that day", field="template", rule=f"one in use on {day}")
    return {"form": msgspec.to_builtins(form)}


def _calendar(policies: Policies, day: date, choices: Mapping[str, str]) -> dict[str, Any]:
    """Whether a day is worked, by which version of the calendar; ``after=N``: the last of so many working days."""
    count = choices.get("after", "0")
    if set(choices) - {"after"} or not (count.isascii() and count.isdigit() and len(count) <= 4):
        raise InputError("not asked of a calendar", field="choices", rule="after=N, a number of working days")
    calendar, edition = policies.calendar(day), policies.edition("calendar", day)
    return {
        "calendar": calendar.name, "version": edition.version if edition else None,
        "working": calendar.is_working(day), "after": calendar.add(day, int(count)) if "after" in choices else None,
        "known_to": calendar.last,
    }  # fmt: skip


_OTHERS: Final[Mapping[str, Callable[[Policies, date, Mapping[str, str]], dict[str, Any]]]] = {
    "template": _template, "calendar": _calendar,
}  # fmt: skip
