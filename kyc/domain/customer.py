"""The customer: registration, attributes, relationship. One stream for each legal subject.

Events first, then the state they fold to. Serves AML24 art. 29-34, O2-07 art. 33, O11-25, PIPL art. 6, 8, 46.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from kyc.domain import codec
from kyc.domain.event import Event, RecordClass
from kyc.domain.values import Address, Code, Country, Name, Party, Phone, Text

CustomerType = Literal["natural", "legal", "sole-trader", "trust"]


class CustomerRegistered(Event, frozen=True, kw_only=True):
    """A file header is opened for a new customer (O2-07 art. 33; seed rules 1 and 2)."""

    TOPIC: ClassVar[str] = "customer.registered"
    SCHEMA: ClassVar[int] = 2
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    customer: Code
    type: CustomerType
    template: Code
    """Name and version of the registration template, such as ``natural/1``."""
    notice: Code
    """Version of the privacy notice that was presented before collection (PIPL art. 17)."""
    names: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=20)]
    addresses: tuple[Address, ...] = ()
    phones: tuple[Phone, ...] = ()
    email: str = ""
    gender: Literal["", "female", "male", "other"] = ""
    birth_date: date | None = None
    birth_place: str = ""
    nationalities: tuple[Country, ...] = ()
    occupation_code: str = ""
    occupation: str = ""
    employer: str = ""
    income_band: str = ""
    tax_residence: str = ""
    tax_number: str = ""
    purpose: str = ""
    """Purpose of the relationship."""
    legal_form: str = ""
    business_scope: str = ""
    industry_code: str = ""
    """GB/T 4754."""
    registration_kind: str = ""
    registration_number: str = ""
    """Unified social credit code, LEI or another register's number."""
    registered_capital: str = ""
    incorporated_on: date | None = None
    parties: tuple[Party, ...] = ()
    """Legal representative, controller, agents, beneficial owners."""
    collected_by: str = ""
    source: str = ""
    """Channel of collection: direct, indirect or digital."""


class NameChanged(Event, frozen=True, kw_only=True):
    """A name was replaced; the old one stays readable as of earlier (O2-07 art. 22: renewed due diligence)."""

    TOPIC: ClassVar[str] = "customer.name_changed"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    names: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=20)]
    evidence: Text
    effective_from: date


class AddressChanged(Event, frozen=True, kw_only=True):
    """Addresses were replaced."""

    TOPIC: ClassVar[str] = "customer.address_changed"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    addresses: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=10)]
    effective_from: date
    evidence: str = ""


class ContactChanged(Event, frozen=True, kw_only=True):
    """Telephone numbers or e-mail were replaced."""

    TOPIC: ClassVar[str] = "customer.contact_changed"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    effective_from: date
    phones: tuple[Phone, ...] = ()
    email: str = ""


class RelationshipEstablished(Event, frozen=True, kw_only=True):
    """The business relationship began (AML24 art. 29)."""

    TOPIC: ClassVar[str] = "customer.relationship_established"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    on: date


class RelationshipEnded(Event, frozen=True, kw_only=True):
    """The last product closed: the retention clock of the identity records starts (AML24 art. 34)."""

    TOPIC: ClassVar[str] = "customer.relationship_ended"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    on: date
    reason: Text


class IdentityVerified(Event, frozen=True, kw_only=True):
    """The customer's identity was verified against a document (AML24 art. 29; AMLR art. 22)."""

    TOPIC: ClassVar[str] = "cdd.identity_verified"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    level: Literal["simplified", "standard", "enhanced"]
    method: Code
    document_kind: Code
    verified_by: Code


class RiskRated(Event, frozen=True, kw_only=True):
    """A risk rating with what led to it; every rating is kept with its model (PBOC-300 ``tb_risk_his``)."""

    TOPIC: ClassVar[str] = "cdd.risk_rated"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.DUE_DILIGENCE

    level: Literal["low", "medium", "high"]
    model: Code
    """Model and version."""
    reasons: tuple[Text, ...] = ()
    score: int = 0
    rated_on: date | None = None


class CustomerState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a customer now."""

    customer: str
    type: CustomerType
    registered: CustomerRegistered
    names: tuple[Name, ...]
    addresses: tuple[Address, ...]
    phones: tuple[Phone, ...]
    email: str
    documents: tuple[Any, ...] = ()
    """Captured documents, newest last (:class:`kyc.domain.document.DocumentCaptured`)."""
    verified: IdentityVerified | None = None
    risk: RiskRated | None = None
    relationship_from: date | None = None
    relationship_to: date | None = None


def evolve(state: CustomerState | None, event: Event) -> CustomerState | None:
    """The state after an event; events of other kinds change nothing."""
    if isinstance(event, CustomerRegistered):
        return CustomerState(
            customer=event.customer, type=event.type, registered=event, names=event.names,
            addresses=event.addresses, phones=event.phones, email=event.email,
        )  # fmt: skip
    if state is None:
        return None
    change = _CHANGES.get(type(event))
    return msgspec.structs.replace(state, **change(state, event)) if change else state


def changes(kind: type[Event], change: Any) -> None:
    """Register how an event of another module changes a customer."""
    _CHANGES[kind] = change


_CHANGES: dict[type[Event], Any] = {
    NameChanged: lambda _, event: {"names": event.names},
    AddressChanged: lambda _, event: {"addresses": event.addresses},
    ContactChanged: lambda state, event: {
        "phones": event.phones or state.phones,
        "email": event.email or state.email,
    },
    IdentityVerified: lambda _, event: {"verified": event},
    RiskRated: lambda _, event: {"risk": event},
    RelationshipEstablished: lambda _, event: {"relationship_from": event.on, "relationship_to": None},
    RelationshipEnded: lambda _, event: {"relationship_to": event.on},
}


@codec.upcast("customer.registered", 1)
def _names(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had one ``name`` without kind or script."""
    name = payload.pop("name")
    return payload | {"names": [{"text": name}]}
