"""The decision: an ask and what is known against the matrix, into a permission with obligations or a refusal. Pure.

Every rule of the asker's roles is asked; those whose conditions all hold add up. So more roles never show less,
and there is no order of rules to get wrong. Without purpose and legal basis nothing is decided but a refusal. Why
something is refused is a code for those who supervise: whoever asked is told one text for all (gotchas 25, 26).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import msgspec

from kyc.access import conditions
from kyc.access.ask import Ask
from kyc.access.conditions import HOLDS, Question
from kyc.access.facts import Facts
from kyc.domain.access_rules import Matrix, Rule

NO_BASIS: Final = "no-legal-basis"
NO_PURPOSE: Final = "no-purpose"
NOT_AUTHENTICATED: Final = "not-authenticated"
NO_CONSENT: Final = "no-consent"
RESTRICTED: Final = "restricted"
NO_RULE: Final = "not-in-matrix"
TOO_MUCH: Final = "more-than-allowed"
TELL_SUPERVISOR: Final = "tell-supervisor"


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown or done, and what comes with it."""

    fields: frozenset[str]
    """Fields of a view that may be shown; empty: the act itself, and nothing of anybody."""
    masked: frozenset[str] = frozenset()
    """Of these, the ones shown masked."""
    inner: frozenset[str] = frozenset()
    """Fields that may be shown within others, in full or masked as in ``masked``."""
    obligations: tuple[str, ...] = ()
    until: datetime | None = None
    """When it ends by itself; None: with the request."""
    roles: tuple[str, ...] = ()
    """The roles it rests on."""
    branches: frozenset[str] | None = None
    """The branches a list is confined to; None: no confinement."""
    period: tuple[date | None, date | None] = (None, None)
    """The days an order asks about, both included."""
    flags: tuple[str, ...] = ()
    """Kinds of anomaly that a supervisor is told of."""
    hidden: bool = False
    """Not told to the customer."""


class Deny(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is shown or done."""

    code: str
    flags: tuple[str, ...] = ()


def decide(ask: Ask, facts: Facts, policy: Matrix, at: datetime) -> Permit | Deny:
    """Whether, and how much of, what is asked for may be shown or done at a moment in the institution's zone."""
    refused = _basis(ask, facts, policy)
    if refused is not None:
        return Deny(code=refused, flags=_flags(ask, facts, policy, at))
    missing = NO_RULE
    given: list[tuple[Rule, Question]] = []
    for role in sorted(ask.actor.roles & policy.roles.keys()):
        question = Question(ask=ask, facts=facts, matrix=policy, at=at, role=role)
        for rule in policy.rules.get((role, ask.action), ()):
            if ask.purpose not in rule.purposes:
                continue
            failed = next((one for one in rule.conditions if not HOLDS[one](question)), None)
            if failed is None:
                given.append((rule, question))
            elif missing == NO_RULE:
                missing = failed
    if not given:
        return Deny(code=missing, flags=_flags(ask, facts, policy, at))
    shown, masked = _fields(given, policy)
    if set(ask.fields) - shown - masked:
        return Deny(code=TOO_MUCH, flags=_flags(ask, facts, policy, at))
    return _permit(ask, given, shown, masked)


def _basis(ask: Ask, facts: Facts, policy: Matrix) -> str | None:
    """What is missing before any role is looked at."""
    if not ask.actor.id or not ask.actor.authn:
        return NOT_AUTHENTICATED
    purpose = policy.purposes.get(ask.purpose)
    if purpose is None:
        return NO_PURPOSE
    if not ask.legal_basis.strip() or not purpose.rests_on(ask.legal_basis):
        return NO_BASIS
    if ask.legal_basis == "consent":
        wanted = f"share:{ask.actor.id}" if ask.action == "share" else ask.purpose
        if not all(wanted in person.consents for person in facts.persons):
            return NO_CONSENT
    if not purpose.statutory and any(person.restricted for person in facts.persons):
        return RESTRICTED
    return None


def _fields(given: list[tuple[Rule, Question]], policy: Matrix) -> tuple[frozenset[str], frozenset[str]]:
    """Fields in full, and masked; what one rule shows in full another does not mask."""
    shown: set[str] = set()
    masked: set[str] = set()
    for rule, question in given:
        narrow = [part for one in rule.conditions if (part := conditions.only(one, question)) is not None]
        for names, into in ((rule.show, shown), (rule.masked, masked)):
            into |= {
                field
                for name in names
                for field in policy.classes[name].fields
                if all(field in part for part in narrow)
            }
    return frozenset(shown), frozenset(masked - shown)


def _permit(ask: Ask, given: list[tuple[Rule, Question]], shown: frozenset[str], masked: frozenset[str]) -> Permit:
    question = given[0][1]
    facts, policy = question.facts, question.matrix
    wanted = frozenset(ask.fields) or shown | masked
    inner = frozenset(
        field for rule, _ in given for name in (*rule.show, *rule.masked) for field in policy.classes[name].fields
    )
    full = frozenset(
        field for rule, _ in given for name in rule.show for field in policy.classes[name].fields
    )  # fmt: skip
    obligations = tuple(dict.fromkeys(one for rule, _ in given for one in rule.obligations))
    roles = tuple(dict.fromkeys(rule.role for rule, _ in given))
    order = facts.order if any("order-valid" in rule.conditions for rule, _ in given) else None
    return Permit(
        fields=wanted,
        masked=(wanted & masked) | (inner - full),
        inner=inner,
        obligations=obligations,
        until=_until(given),
        roles=roles,
        branches=_branches(given),
        period=(None, None) if order is None else (order.since, order.until),
        flags=_flags(ask, facts, policy, question.at, counted="bulk-read", told=TELL_SUPERVISOR in obligations),
        hidden=any(policy.roles[role].secret for role in roles),
    )


def _until(given: list[tuple[Rule, Question]]) -> datetime | None:
    """The latest of the rules' ends; a rule ends with the first of its conditions."""
    latest: datetime | None = None
    for rule, question in given:
        ends = [end for one in rule.conditions if (end := conditions.ends(one, question)) is not None]
        if not ends:
            return None
        latest = min(ends) if latest is None else max(latest, min(ends))
    return latest


def _branches(given: list[tuple[Rule, Question]]) -> frozenset[str] | None:
    """All branches of all rules; a rule's own confinements must all hold."""
    found: set[str] = set()
    for rule, question in given:
        confined = [part for one in rule.conditions if (part := conditions.branches(one, question)) is not None]
        if not confined:
            return None
        found |= frozenset.intersection(*confined)
    return frozenset(found)


def _flags(
    ask: Ask, facts: Facts, policy: Matrix, at: datetime, *, counted: str = "repeated-denial", told: bool = False
) -> tuple[str, ...]:
    """What a supervisor is told of: conduct of staff, permitted or refused (seed rules 30, 31)."""
    roles = sorted(ask.actor.roles & policy.roles.keys())
    customers = {person.customer for person in facts.persons}
    found: list[str] = []
    for role in roles:
        question = Question(ask=ask, facts=facts, matrix=policy, at=at, role=role)
        found += [limit.kind for limit in conditions.reached(question) if limit.kind == counted]
    if any(policy.roles[role].kind == "staff" for role in roles):
        if customers & (facts.own | {ask.actor.id}):
            found.append("own-record")
        if customers & facts.relatives:
            found.append("relative")
        if told or any(person.watched for person in facts.persons):
            found.append("vip")
    if set(roles) & set(policy.hours.roles) and not policy.hours.first <= facts.hour <= policy.hours.last:
        found.append("off-hours")
    return tuple(dict.fromkeys(found))
