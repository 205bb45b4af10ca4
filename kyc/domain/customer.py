"""The customer: registration, attributes, accounts held, relationship. One stream for each legal subject.

Events first, then the state they fold to, then the rules. Documents, due diligence, privacy and what else happens
in a customer's life stand in modules of their own and register with :data:`CUSTOMER`. Serves AML24 art. 29-34,
O2-07 art. 22 and 33, PIPL art. 6, 8 and 46.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from kyc.domain import codec, identifiers, templates
from kyc.domain.dates import check_date, check_past
from kyc.domain.document import DocumentCaptured, DocumentVerified
from kyc.domain.event import Event, RecordClass
from kyc.domain.facets import Diligence, Life, Papers, Privacy
from kyc.domain.policies import published
from kyc.domain.stream import POLICIES, Given, Stream, check, claims, consults
from kyc.domain.submission import Claim
from kyc.domain.templates import CustomerType, Template
from kyc.domain.two_people import two_people
from kyc.domain.values import Address, Code, Country, Line, Name, Party, Phone, Record, Text, Word
from kyc.errors import RefusedError

Names = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=20)]
Parties = Annotated[tuple[Party, ...], msgspec.Meta(max_length=200)]


class CustomerEvent(Event, frozen=True, kw_only=True):
    """An event of a customer's stream that is part of the identity materials (客户身份资料)."""

    STREAM: ClassVar[str] = "customer"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY


class CustomerRegistered(CustomerEvent, frozen=True, kw_only=True):
    """A file header is opened for a new customer (O2-07 art. 33; seed rules 1 and 2)."""

    TOPIC: ClassVar[str] = "customer.registered"
    SCHEMA: ClassVar[int] = 2
    KEY: ClassVar[str] = "customer"
    BY_FIELD: ClassVar[bool] = True

    customer: Code
    type: CustomerType
    template: Code
    """Name and version of the registration template, such as ``natural/1``."""
    notice: Code
    """Version of the privacy notice that was presented before collection (PIPL art. 17)."""
    names: Names
    addresses: Annotated[tuple[Address, ...], msgspec.Meta(max_length=10)] = ()
    phones: Annotated[tuple[Phone, ...], msgspec.Meta(max_length=20)] = ()
    email: Line = ""
    gender: Literal["", "female", "male", "other"] = ""
    birth_date: date | None = None
    birth_place: Line = ""
    nationalities: Annotated[tuple[Country, ...], msgspec.Meta(max_length=10)] = ()
    occupation_code: Word = ""
    occupation: Line = ""
    employer: Line = ""
    income_band: Word = ""
    tax_residence: Word = ""
    tax_number: Word = ""
    purpose: Line = ""
    """Purpose of the relationship."""
    legal_form: Line = ""
    business_scope: Annotated[str, msgspec.Meta(max_length=4_000)] = ""
    industry_code: Word = ""
    """GB/T 4754."""
    registration_kind: Word = ""
    """``uscc``, ``lei`` or another register."""
    registration_number: Word = ""
    """Unified social credit code, LEI or another register's number."""
    registered_capital: Word = ""
    """Amount and currency, as registered."""
    incorporated_on: date | None = None
    parties: Parties = ()
    """Legal representative, controller, agents, beneficial owners."""
    collected_by: Word = ""
    source: Word = ""
    """Channel of collection: direct, indirect or digital."""


class NameChanged(CustomerEvent, frozen=True, kw_only=True):
    """A name was replaced; the old one stays readable as of earlier (O2-07 art. 22: renewed due diligence)."""

    TOPIC: ClassVar[str] = "customer.name_changed"

    names: Names
    evidence: Text
    effective_from: date
    source: Word = ""
    """Channel of collection: direct, indirect or digital."""


class AddressChanged(CustomerEvent, frozen=True, kw_only=True):
    """Addresses were replaced."""

    TOPIC: ClassVar[str] = "customer.address_changed"

    addresses: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=10)]
    effective_from: date
    evidence: Line = ""
    source: Word = ""
    """Channel of collection: direct, indirect or digital."""


class ContactChanged(CustomerEvent, frozen=True, kw_only=True):
    """Telephone numbers or e-mail were replaced."""

    TOPIC: ClassVar[str] = "customer.contact_changed"

    effective_from: date
    phones: Annotated[tuple[Phone, ...], msgspec.Meta(max_length=20)] = ()
    email: Line = ""
    source: Word = ""
    """Channel of collection: direct, indirect or digital."""


Attribute = Literal[
    "birth_date", "birth_place", "business_scope", "employer", "gender", "income_band", "incorporated_on",
    "industry_code", "legal_form", "nationalities", "occupation", "occupation_code", "purpose",
    "registered_capital", "registration_kind", "registration_number", "tax_number", "tax_residence",
]  # fmt: skip
"""Fields of the registration that are changed and corrected one by one, as text; several values with spaces."""


class AttributeChanged(CustomerEvent, frozen=True, kw_only=True):
    """The world changed: an attribute has another value from a day on (O2-07 art. 22)."""

    TOPIC: ClassVar[str] = "customer.attribute_changed"

    attribute: Attribute
    now: Annotated[str, msgspec.Meta(max_length=4_000)]
    effective_from: date
    evidence: Line = ""
    source: Word = ""
    """Channel of collection: direct, indirect or digital."""


class AttributeCorrected(CustomerEvent, frozen=True, kw_only=True):
    """We were wrong: an attribute is corrected, the earlier value stays visible (PIPL art. 46; MiFID72)."""

    TOPIC: ClassVar[str] = "customer.attribute_corrected"

    target: Annotated[int, msgspec.Meta(ge=1)]
    """Version, in this stream, of the event that is corrected."""
    attribute: Attribute
    was: Annotated[str, msgspec.Meta(max_length=4_000)]
    now: Annotated[str, msgspec.Meta(max_length=4_000)]
    reason: Text
    evidence: Text
    approver: Code
    """The second person, not the one who submits."""


class AccountLinked(CustomerEvent, frozen=True, kw_only=True):
    """The customer became a holder of an account: recorded along with the account's own event."""

    TOPIC: ClassVar[str] = "customer.account_linked"
    SUBMITTED: ClassVar[bool] = False

    account: Code
    role: Code
    on: date


class AccountUnlinked(CustomerEvent, frozen=True, kw_only=True):
    """The customer ceased to be a holder, because the holder left or the account went to others."""

    TOPIC: ClassVar[str] = "customer.account_unlinked"
    SUBMITTED: ClassVar[bool] = False

    account: Code
    on: date


class RelationshipEstablished(CustomerEvent, frozen=True, kw_only=True):
    """The business relationship began (AML24 art. 29)."""

    TOPIC: ClassVar[str] = "customer.relationship_established"

    on: date


class RelationshipEnded(CustomerEvent, frozen=True, kw_only=True):
    """The last product closed: the retention clock of the identity records starts (AML24 art. 34)."""

    TOPIC: ClassVar[str] = "customer.relationship_ended"

    on: date
    reason: Text
    accounts: Annotated[tuple[Code, ...], msgspec.Meta(max_length=1_000)] = ()
    """All accounts the customer holds, every one of them closed."""


class IdentityVerified(CustomerEvent, frozen=True, kw_only=True):
    """The customer's identity was verified against a document (AML24 art. 29; AMLR art. 22)."""

    TOPIC: ClassVar[str] = "cdd.identity_verified"

    level: Literal["simplified", "standard", "enhanced"]
    method: Code
    document_kind: Code
    verified_by: Code


class RiskRated(CustomerEvent, frozen=True, kw_only=True):
    """A risk rating with what led to it; every rating is kept with its model (PBOC-300 ``tb_risk_his``)."""

    TOPIC: ClassVar[str] = "cdd.risk_rated"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.DUE_DILIGENCE

    level: Literal["low", "medium", "high"]
    model: Code
    """Model and version."""
    reasons: Annotated[tuple[Text, ...], msgspec.Meta(max_length=50)] = ()
    score: int = 0
    rated_on: date | None = None
    """Day of confirmation; None: the day it happened."""


# --- state ----------------------------------------------------------------------------------------------


class Held(Record, frozen=True, kw_only=True):
    """An account the customer holds now."""

    account: str
    role: str
    since: date


class CustomerState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a customer now."""

    customer: str
    type: CustomerType
    registered: CustomerRegistered
    """The registration with all attributes as they are now."""
    names: tuple[Name, ...]
    addresses: tuple[Address, ...]
    phones: tuple[Phone, ...]
    email: str
    documents: tuple[DocumentCaptured, ...] = ()
    """Captured documents, newest last."""
    checks: tuple[DocumentVerified, ...] = ()
    """Checks of documents, newest last."""
    verified: IdentityVerified | None = None
    risk: RiskRated | None = None
    relationship_from: date | None = None
    relationship_to: date | None = None
    accounts: tuple[Held, ...] = ()
    life: Life = Life()
    papers: Papers = Papers()
    diligence: Diligence = Diligence()
    privacy: Privacy = Privacy()


CUSTOMER: Final = Stream("customer", CustomerState)
consults(POLICIES, CustomerRegistered, AttributeChanged, AttributeCorrected)


@CUSTOMER.begins(CustomerRegistered)
def _registered(event: CustomerRegistered) -> CustomerState:
    return CustomerState(
        customer=event.customer, type=event.type, registered=event, names=event.names,
        addresses=event.addresses, phones=event.phones, email=event.email,
    )  # fmt: skip


def changes(event: type[Event], change: Callable[[CustomerState, Any], dict[str, Any]]) -> None:
    """Register how an event changes the customer's state: the fields that become others."""

    @CUSTOMER.changes(event)
    def fold(state: CustomerState, event: Event) -> CustomerState:
        return msgspec.structs.replace(state, **change(state, event))


def part(name: str, event: type[Event], change: Callable[[Any, Any], dict[str, Any]]) -> None:
    """Register how an event changes one part of the state: the fields of that part that become others."""

    @CUSTOMER.changes(event)
    def fold(state: CustomerState, event: Event) -> CustomerState:
        old = getattr(state, name)
        return msgspec.structs.replace(state, **{name: msgspec.structs.replace(old, **change(old, event))})


changes(NameChanged, lambda _, event: {"names": event.names})
changes(AddressChanged, lambda _, event: {"addresses": event.addresses})
changes(
    ContactChanged,
    lambda state, event: {"phones": event.phones or state.phones, "email": event.email or state.email},
)
changes(IdentityVerified, lambda _, event: {"verified": event})
changes(RiskRated, lambda _, event: {"risk": event})
changes(RelationshipEstablished, lambda _, event: {"relationship_from": event.on, "relationship_to": None})
changes(RelationshipEnded, lambda _, event: {"relationship_to": event.on})
changes(
    AccountLinked,
    lambda state, event: {
        "accounts": (*state.accounts, Held(account=event.account, role=event.role, since=event.on))
    },
)
changes(
    AccountUnlinked,
    lambda state, event: {"accounts": tuple(held for held in state.accounts if held.account != event.account)},
)
for _kind in (AttributeChanged, AttributeCorrected):
    changes(
        _kind,
        lambda state, event: {
            "registered": msgspec.structs.replace(
                state.registered, **{event.attribute: value_of(event.attribute, event.now)}
            )
        },
    )


def value_of(attribute: str, text: str) -> Any:
    """An attribute's value out of its text.

    Raises:
        RefusedError: the text is none of that attribute's values; names the attribute.
    """
    try:
        return msgspec.convert(
            tuple(text.split()) if attribute == "nationalities" else text or None if attribute in _DATES else text,
            _TYPES[attribute],
        )
    except msgspec.ValidationError:
        raise RefusedError(
            "not a value of this attribute", field="now", rule=attribute, remedy="write it as at registration"
        ) from None


def text_of(state: CustomerState, attribute: str) -> str:
    """The present value of an attribute as text."""
    value = getattr(state.registered, attribute)
    return " ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)


_TYPES: Final = {field.name: field.type for field in msgspec.structs.fields(CustomerRegistered)}
_DATES: Final = frozenset({"birth_date", "incorporated_on"})


# --- rules ----------------------------------------------------------------------------------------------


@check(CustomerRegistered)
def _check_registration(event: CustomerRegistered, today: date) -> None:
    check_past(event.birth_date, today, "birth_date")
    check_past(event.incorporated_on, today, "incorporated_on")
    _check_number(event.registration_kind, event.registration_number, "registration_number")


@check(NameChanged, AddressChanged, ContactChanged, AttributeChanged)
def _check_effect(event: NameChanged | AddressChanged | ContactChanged | AttributeChanged, _: date) -> None:
    check_date(event.effective_from, "effective_from")


@check(ContactChanged)
def _check_contact(event: ContactChanged, _: date) -> None:
    if not event.phones and not event.email:
        raise RefusedError("nothing changes", field="phones", rule="phones or email", remedy="give what is new")


@check(AttributeChanged, AttributeCorrected)
def _check_value(event: AttributeChanged | AttributeCorrected, today: date) -> None:
    value = value_of(event.attribute, event.now)
    if event.attribute in _DATES:
        check_past(value, today, "now")


@check(RelationshipEstablished, RelationshipEnded, AccountLinked, AccountUnlinked)
def _check_on(
    event: RelationshipEstablished | RelationshipEnded | AccountLinked | AccountUnlinked, today: date
) -> None:
    check_past(event.on, today, "on")


@claims(CustomerRegistered)
def _one_file(_: CustomerState | None, event: CustomerRegistered) -> tuple[Claim, ...]:
    """One file for each entry in a register (seed rule 1)."""
    return _register_claim(event.registration_kind, event.registration_number)


@claims(AttributeCorrected)
def _corrected_file(state: CustomerState, event: AttributeCorrected) -> tuple[Claim, ...]:
    is_new = event.attribute == "registration_number" and event.now != event.was
    return _register_claim(state.registered.registration_kind, event.now) if is_new else ()


def _register_claim(kind: str, number: str) -> tuple[Claim, ...]:
    return (Claim("register", f"{kind}|{''.join(number.split()).upper()}"),) if number else ()


@CUSTOMER.rule(CustomerRegistered)
def _fits_template(_: CustomerState, event: CustomerRegistered, given: Given) -> None:
    template = _template(event, event.occurred_at.date(), given, published(given).jurisdiction)
    templates.check(template, [name for name in _FIELDS if getattr(event, name) not in _EMPTY])


@CUSTOMER.rule(CustomerRegistered)
def _was_informed(_: CustomerState, event: CustomerRegistered, given: Given) -> None:
    """No collection without a notice in force on that day (PIPL art. 17), once any has been published."""
    notices = published(given).notices
    collected = event.occurred_at.date()
    if notices and not any(
        known.name == event.notice
        and known.effective_from <= collected
        and (known.effective_to is None or collected <= known.effective_to)
        for known in notices
    ):
        raise RefusedError(
            "no such notice on that day", field="notice", rule="a published notice in force",
            remedy="present the present notice first",
        )  # fmt: skip


@CUSTOMER.rule(AttributeChanged, AttributeCorrected)
def _allowed(state: CustomerState, event: AttributeChanged | AttributeCorrected, given: Given) -> None:
    templates.check_allowed(
        _template(state.registered, state.registered.occurred_at.date(), given), event.attribute
    )
    if event.attribute.startswith("registration_"):
        kind = event.now if event.attribute == "registration_kind" else state.registered.registration_kind
        number = event.now if event.attribute == "registration_number" else state.registered.registration_number
        _check_number(kind, number, "now")


@CUSTOMER.rule(AttributeCorrected)
def _corrects(state: CustomerState, event: AttributeCorrected, given: Given) -> None:
    if event.was != text_of(state, event.attribute):
        raise RefusedError(
            "not the value that is held", field="was", rule=event.attribute, remedy="read the file again first"
        )
    second_person(event.approver, given, "approver")


@CUSTOMER.rule(RelationshipEstablished)
def _begins_once(state: CustomerState, _: RelationshipEstablished, __: Given) -> None:
    if state.relationship_from is not None:
        raise RefusedError(
            "the relationship exists already", field="on", rule="established once",
            remedy="reopen it where it has ended",
        )  # fmt: skip


@CUSTOMER.rule(RelationshipEnded)
def _ends_last(state: CustomerState, event: RelationshipEnded, _: Given) -> None:
    if state.relationship_from is None or state.relationship_to is not None:
        raise RefusedError("there is no relationship to end", field="on", rule="established before it ends")
    if event.on < state.relationship_from:
        raise RefusedError("ends before it began", field="on", rule="not before relationship_from")


def second_person(other: str, given: Given, field: str) -> None:
    """Refuse an approval by the person who submits.

    Raises:
        RefusedError: the two are one.
    """
    two_people(given.origin.actor, other, field=field)


def _template(event: CustomerRegistered, collected: date, given: Given, jurisdiction: str = "") -> Template:
    """The form of a registration; one that was taken is held to its own, whatever jurisdiction counts today."""
    forms = published(given).templates
    return templates.in_force(event.template, event.type, forms, collected, given.today, jurisdiction)


def _check_number(kind: str, number: str, field: str) -> None:
    valid = _REGISTERS.get(kind)
    if valid is not None and not valid[0](number):
        raise RefusedError("check digit does not fit", field=field, rule=valid[1], remedy="read it again")


_REGISTERS: Final = {
    "uscc": (identifiers.uscc_valid, "GB 32100-2015"),
    "lei": (identifiers.lei_valid, "ISO 17442"),
}
_FIELDS: Final = CustomerRegistered.__struct_fields__
_EMPTY: Final = ("", None, ())


@codec.upcast("customer.registered", 1)
def _names(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had one ``name`` without kind or script."""
    name = payload.pop("name")
    return payload | {"names": [{"text": name}]}
