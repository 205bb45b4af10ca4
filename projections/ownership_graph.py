"""Who owns, controls, acts for or belongs to a customer: edges with shares and days, followed in both directions.

Owners are found by due diligence, relations belong to the identity of the customer, mandates to the account: three
data keys, and each edge is under its own. Where the other end is a customer too, the graph goes on there. Serves
BO-24, O12-25, AMLR art. 22 and 62, AML24 art. 31, RO285 art. 7. The questions are in :mod:`projections.owners`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec

from kyc.domain import life, ownership, restraint
from kyc.domain.customer import CustomerRegistered
from kyc.domain.event import Event
from kyc.domain.values import Party
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import customer_search, names, rows
from projections.rows import Desk, Row, Table

_SQL: Final = load("projections", "ownership_graph.sql")


class Person(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is encrypted of an edge: who is at its other end, and what it rests on."""

    party: Party
    id: str = ""
    """Of the edge, in the customer's file."""
    path: tuple[str, ...] = ()
    """Bodies between, as due diligence named them, from the customer up."""
    evidence: str = ""
    scope: str = ""


@dataclass(slots=True)
class _Edge(Row):
    part: int
    source: str
    number: bytes | None
    role: str
    basis: str | None
    percentage: Decimal | None
    since: date
    until: date | None
    ended_on: date | None
    customer: bytes | None
    document: bytes | None
    name: bytes
    content: bytes


_EDGES: Final = Table(
    "ownership_graph", _Edge,
    ("uuid", "int8", "uuid", "int2", "text", "uuid", "text", "text", "numeric", "date", "date", "date", "uuid",
     "uuid", "uuid", "bytea"),
)  # fmt: skip


def document_digest(log: EventLog, number: str) -> bytes:
    """What stands for the number of a person's document."""
    return log.blinder.index("document", customer_search.normal("document", number))


def name_digest(log: EventLog, name: str) -> bytes:
    """What stands for a whole name, whatever the order of its words."""
    return log.blinder.index("party-name", " ".join(sorted(names.words(name))))


def _number(desk: Desk, source: str, number: str) -> bytes:
    return desk.log.blinder.index("edge", f"{source}/{number}")


def _edge(
    desk: Desk, source: str, role: str, since: date, person: Person, *, until: date | None = None,
    basis: str | None = None, part: int = 0,
) -> None:  # fmt: skip
    party = person.party
    desk.add(
        _EDGES, part, source, _number(desk, source, person.id) if person.id else None, role, basis,
        party.percentage, since, until, None, desk.stream("customer", party.customer) if party.customer else None,
        document_digest(desk.log, party.document_number) if party.document_number else None,
        name_digest(desk.log, party.name), desk.seal(person, part),
    )  # fmt: skip


def _end(desk: Desk, source: str, number: str, on: date) -> None:
    digest = _number(desk, source, number)
    for edge in desk.of(_EDGES):
        if edge.number == digest and edge.ended_on is None:
            edge.ended_on = on


def _registered(desk: Desk, event: CustomerRegistered) -> None:
    for part, party in enumerate(event.parties):
        _edge(desk, "registration", party.role, event.occurred_at.date(), Person(party=party), part=part)


def _added(desk: Desk, event: life.PartyAdded) -> None:
    person = Person(party=event.party, id=event.id, evidence=event.proof, scope=event.scope)
    _edge(desk, "relation", event.kind, event.since, person, until=event.until)


def _relation_ended(desk: Desk, event: life.PartyEnded | life.GuardianshipEnded) -> None:
    _end(desk, "relation", event.id, event.on)


def _identified(desk: Desk, event: ownership.BeneficialOwnerIdentified) -> None:
    person = Person(party=event.owner, id=event.id, path=event.path, evidence=event.evidence)
    since = event.formed_on or event.occurred_at.date()
    _edge(desk, "owner", "beneficial-owner", since, person, basis=event.basis)


def _owner_changed(desk: Desk, event: ownership.BeneficialOwnerChanged) -> None:
    _end(desk, "owner", event.id, event.changed_on)
    person = Person(party=event.owner, id=event.id, path=event.path, evidence=event.evidence)
    _edge(desk, "owner", "beneficial-owner", event.changed_on, person, basis=event.basis)


def _owner_ended(desk: Desk, event: ownership.BeneficialOwnerEnded) -> None:
    _end(desk, "owner", event.id, event.on)


def _authorised(desk: Desk, event: restraint.AgentAuthorised) -> None:
    person = Person(party=event.agent, id=event.id, evidence=event.proof, scope=event.scope)
    _edge(desk, "mandate", "agent", event.since, person, until=event.until)


def _revoked(desk: Desk, event: restraint.AgentRevoked) -> None:
    _end(desk, "mandate", event.id, event.occurred_at.date())


class OwnershipGraph(rows.Register):
    """One row for each edge."""

    name = "ownership_graph"
    version = 1
    schema = _SQL["tables"]
    sheets = (_EDGES,)
    changes: ClassVar[Mapping[type[Event], Callable[[Desk, Any], object]]] = {
        CustomerRegistered: _registered,
        life.PartyAdded: _added,
        life.PartyEnded: _relation_ended,
        life.GuardianshipEnded: _relation_ended,
        ownership.BeneficialOwnerIdentified: _identified,
        ownership.BeneficialOwnerChanged: _owner_changed,
        ownership.BeneficialOwnerEnded: _owner_ended,
        restraint.AgentAuthorised: _authorised,
        restraint.AgentRevoked: _revoked,
    }
