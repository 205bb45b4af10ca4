"""What each condition of the matrix means: a function of the request and the facts. Pure.

A condition holds or does not; how it came about is not told to whoever asked. Some also narrow what may be seen:
to the fields and the period an order names, to the fields head office allows a partner, to some branches.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

import msgspec

from kyc.access.ask import Ask
from kyc.access.facts import Facts, Person
from kyc.domain.access_log import Right
from kyc.domain.access_rules import Condition, Limit, Matrix
from kyc.domain.calendar import age_on
from kyc.domain.life import MAJORITY
from kyc.domain.two_people import are_two

EXCLUDED_HEIRS: Final = "exclude-relatives"
"""The purpose under which a person decides that near relatives get nothing (PIPL art. 49)."""
LOCAL: Final = "local-keys"
"""How whoever runs commands here is known: by holding the keys."""
_AGENTS: Final = frozenset({"agent", "legal-representative", "responsible-person", "signatory"})
_MAY_ANSWER: Final = frozenset({"read", "answer", "inspect", "export"})
"""Acts that serve an order whatever it orders: answering, and looking at what it names."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's question: request, facts, matrix, role, and the moment in the institution's zone."""

    ask: Ask
    facts: Facts
    matrix: Matrix
    at: datetime
    role: str

    @property
    def on(self) -> date:
        """The institution's day."""
        return self.at.date()

    @property
    def customers(self) -> frozenset[str]:
        """Numbers of those whom the subject concerns."""
        return frozenset(person.customer for person in self.facts.persons)


def own_branch(question: Question) -> bool:
    """A list is narrowed to the branch; a record has somebody whom the branch looks after."""
    branch, persons = question.ask.actor.branch, question.facts.persons
    subject = question.ask.subject
    if not branch or (subject is not None and subject.kind == "branch" and subject.key != branch):
        return False
    if question.ask.action == "list":
        return all(person.home == branch for person in persons)
    return not persons or any(person.home == branch for person in persons)


def ticket_open(question: Question) -> bool:
    """Of a customer concerned, at the asker's branch, neither closed nor run out."""
    ticket = question.facts.ticket
    return (
        ticket is not None
        and not ticket.closed
        and question.at < ticket.until
        and ticket.branch == question.ask.actor.branch
        and ticket.customer in question.customers
    )


def serving(question: Question) -> bool:
    """The ticket names who asks."""
    return question.facts.ticket is not None and question.facts.ticket.operator == question.ask.actor.id


def not_own_record(question: Question) -> bool:
    """No file of the asker's own, by number or by what they declared."""
    return not question.customers & (question.facts.own | {question.ask.actor.id})


def granted(question: Question) -> bool:
    """A right of this role, given by somebody else, in force, whose scope covers what is asked for."""
    return any(_covers(right, question) for right in _rights(question))


def reason(question: Question) -> bool:
    """Words, not blanks."""
    return bool(question.ask.reason.strip())


def second_person(question: Question) -> bool:
    """Somebody else approved."""
    return are_two(question.ask.actor.id, question.ask.second)


def case_open(question: Question) -> bool:
    """An open case that names everybody concerned, or a holder of the account; a list may find others."""
    known = question.facts.case
    if known is None or known.closed:
        return False
    if question.facts.accounts:
        return bool(question.customers & known.customers)
    return question.ask.action == "list" or question.customers <= known.customers


def order_valid(question: Question) -> bool:
    """Accepted by a second person (which checks officers, papers and ranks), about this customer or account."""
    order = question.facts.order
    if order is None or order.status != "accepted":
        return False
    if question.ask.action not in {order.action, *_MAY_ANSWER}:
        return False
    return order.customer in question.customers or bool(question.facts.accounts & order.accounts)


def organ_may(question: Question) -> bool:
    """The table of authorities knows such a right; a foreign request is one the competent authority approved."""
    order = question.facts.order
    if order is None:
        return False
    if order.organ == "foreign":
        return question.role == "order-desk"
    return question.facts.authorities.right_of(order.organ, order.action, order.subject, question.on) is not None


def certificate(question: Question) -> bool:
    """A machine with a client certificate."""
    return question.ask.actor.kind == "machine" and question.ask.actor.authn in question.matrix.certificates


def strong_authentication(question: Question) -> bool:
    """As the matrix lists."""
    return question.ask.actor.authn in question.matrix.strong


def own_data(question: Question) -> bool:
    """The person asks for themselves; an account by whoever holds it."""
    return question.ask.actor.id in question.customers and _known(question)


def mandate(question: Question) -> bool:
    """An agent of the customer, or of a holder of the account, today."""
    if question.facts.accounts:
        return any(_is(person, _AGENTS, question) for person in question.facts.persons)
    return _related(question, _AGENTS)


def heir(question: Question) -> bool:
    """A near relative's open request about somebody who died and did not decide otherwise."""
    request = question.facts.request
    return (
        request is not None
        and not request.answered
        and request.requester == "near-relative"
        and question.customers == {request.customer}
        and all(
            person.deceased_on is not None and EXCLUDED_HEIRS not in person.consents
            for person in question.facts.persons
        )
        and _related(question, frozenset({"relative", "guardian"}))
    )


def guardian(question: Question) -> bool:
    """The guardian of somebody who is not of age yet."""
    return _related(question, frozenset({"guardian"})) and all(
        person.born is not None and age_on(person.born, question.on) < MAJORITY for person in question.facts.persons
    )


def consent(question: Question) -> bool:
    """Each customer's separate consent to sharing with the asker (PIPL art. 23)."""
    wanted = f"share:{question.ask.actor.id}"
    return _known(question) and all(wanted in person.consents for person in question.facts.persons)


def allowance(question: Question) -> bool:
    """Head office lists fields for the asker and the purpose."""
    return bool(allowed_fields(question))


def fiu_request(question: Question) -> bool:
    """The intelligence unit waits for an answer in this case."""
    return case_open(question) and question.facts.case is not None and question.facts.case.asked


def break_glass(question: Question) -> bool:
    """A declared emergency that has not run out."""
    return question.facts.emergency_until is not None and question.at < question.facts.emergency_until


def not_found_out(question: Question) -> bool:
    """No limit that stops this role is reached."""
    return not any(limit.effect == "stop" for limit in reached(question))


def at_the_machine(question: Question) -> bool:
    """Whoever runs commands where the keys are."""
    return question.ask.actor.authn == LOCAL


HOLDS: Final[dict[Condition, Callable[[Question], bool]]] = {
    "own-branch": own_branch,
    "ticket-open": ticket_open,
    "serving": serving,
    "not-own-record": not_own_record,
    "granted": granted,
    "reason": reason,
    "second-person": second_person,
    "case-open": case_open,
    "order-valid": order_valid,
    "organ-may": organ_may,
    "certificate": certificate,
    "strong-authentication": strong_authentication,
    "own-data": own_data,
    "mandate": mandate,
    "heir": heir,
    "guardian": guardian,
    "consent": consent,
    "allowance": allowance,
    "fiu-request": fiu_request,
    "break-glass": break_glass,
    "not-found-out": not_found_out,
    "at-the-machine": at_the_machine,
}


# --- what conditions narrow ---------------------------------------------------------------------------------


def branches(condition: Condition, question: Question) -> frozenset[str] | None:
    """The branches a list is confined to by a condition; None: by none."""
    if condition == "own-branch":
        return frozenset({question.ask.actor.branch})
    if condition == "granted":
        scopes = [right.scope for right in _rights(question) if _covers(right, question)]
        return None if not scopes or () in scopes else frozenset(part for scope in scopes for part in scope)
    return None


def only(condition: Condition, question: Question) -> frozenset[str] | None:
    """The fields that a condition confines to; None: it confines nothing."""
    if condition == "order-valid" and question.facts.order is not None:
        return question.facts.order.scope
    if condition == "allowance":
        return allowed_fields(question)
    return None


def ends(condition: Condition, question: Question) -> datetime | None:
    """When a condition that holds now ceases to; None: not by itself."""
    if condition in {"ticket-open", "serving"} and question.facts.ticket is not None:
        return question.facts.ticket.until
    if condition == "break-glass":
        return question.facts.emergency_until
    if condition == "granted":
        return max((right.until for right in _rights(question) if _covers(right, question)), default=None)
    return None


def allowed_fields(question: Question) -> frozenset[str]:
    """What head office lets the asker have for the purpose (seed rule 29)."""
    return frozenset(
        field
        for known in question.facts.allowances
        if (known.recipient, known.purpose) == (question.ask.actor.id, question.ask.purpose)
        for field in known.fields
    )


def reached(question: Question) -> tuple[Limit, ...]:
    """The limits of the role that the asker has reached."""
    return tuple(
        limit
        for limit in question.matrix.limits[question.role]
        if (limit.kind, limit.count, limit.minutes) in question.facts.reached
    )


def _rights(question: Question) -> list[Right]:
    return [
        right
        for right in question.facts.rights
        if right.role == question.role
        and question.at < right.until
        and are_two(right.approver, question.ask.actor.id)
    ]


def _covers(right: Right, question: Question) -> bool:
    """Whether a right's scope has each customer, of a transaction somebody on it: by branch, number, or case."""
    if not right.scope or (question.ask.ticket and question.ask.ticket in right.scope):
        return True
    covered = [person.home in right.scope or person.customer in right.scope for person in question.facts.persons]
    subject = question.ask.subject
    return all(covered) or (subject is not None and subject.kind == "transaction" and any(covered))


def _known(question: Question) -> bool:
    return bool(question.facts.persons) and all(person.exists for person in question.facts.persons)


def _related(question: Question, kinds: frozenset[str]) -> bool:
    return _known(question) and all(_is(person, kinds, question) for person in question.facts.persons)


def _is(person: Person, kinds: frozenset[str], question: Question) -> bool:
    return any(
        relation.party.role in kinds
        and relation.party.customer == question.ask.actor.id
        and relation.since <= question.on
        and (relation.until is None or question.on <= relation.until)
        for relation in person.relations
    )
