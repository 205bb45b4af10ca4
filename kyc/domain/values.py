"""Values that events are made of: names, addresses, parties, counterparties. Pure; stored as given.

Nothing here is normalised: what was printed is what is committed to. Empty text means not collected.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

PRINTABLE: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""No control characters but tab and line ends."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
Line = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]
"""Text that may be empty."""
Note = Annotated[str, msgspec.Meta(max_length=20_000, pattern=PRINTABLE)]
"""Somebody's reasoning; may be empty and may be long."""
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
Word = Annotated[str, msgspec.Meta(max_length=64, pattern=PRINTABLE)]
"""A code that may be empty."""
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
"""ISO 3166-1 alpha-3, or a code ICAO 9303-3 adds to it."""
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
"""ISO 4217."""
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""
Percent = Decimal
"""Above 0, at most 100."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value inside an event."""


class Name(Record, frozen=True, kw_only=True):
    """A name as printed; never normalised, because it is what was committed to."""

    text: Text
    kind: Literal["legal", "alias", "former", "birth", "romanised", "trade"] = "legal"
    script: Annotated[str, msgspec.Meta(pattern="^([A-Z][a-z]{3})?$")] = ""
    """ISO 15924, such as ``Hans`` or ``Latn``."""


class Address(Record, frozen=True, kw_only=True):
    """A postal address."""

    lines: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=6)]
    country: Country
    kind: Literal["residence", "habitual", "work", "registered", "business", "correspondence"] = "residence"
    city: Line = ""
    region: Word = ""
    """Administrative division, GB/T 2260 in China."""
    postcode: Word = ""


class Phone(Record, frozen=True, kw_only=True):
    """A telephone or fax number as dialled from abroad or as given."""

    number: Code
    kind: Literal["mobile", "home", "work", "fax"] = "mobile"


class Party(Record, frozen=True, kw_only=True):
    """A natural person named in somebody else's record: legal representative, agent, beneficial owner."""

    name: Text
    role: Code
    document_kind: Word = ""
    document_number: Word = ""
    document_expires_on: date | None = None
    nationality: Word = ""
    percentage: Percent | None = None
    birth_date: date | None = None
    phone: Word = ""
    customer: Word = ""
    """The party's own customer number, where there is one."""


class Counterparty(Record, frozen=True, kw_only=True):
    """The other side of a leg, as far as it is known."""

    name: Line = ""
    account: Word = ""
    account_kind: Word = ""
    institution: Line = ""
    institution_code: Word = ""
    """BIC or domestic clearing number."""
    institution_code_kind: Word = ""
    country: Word = ""
    """ISO 3166-1 as the message gave it."""
    district: Word = ""
    address: Line = ""
    document_kind: Word = ""
    document_number: Word = ""


class Equivalent(Record, frozen=True, kw_only=True):
    """An amount in another currency with the rate that gave it."""

    amount: Decimal
    currency: Currency
    rate: Decimal
    rate_source: Code
    rate_date: date


class Agent(Record, frozen=True, kw_only=True):
    """An institution on the way of a payment."""

    role: Code
    """``debtor-agent``, ``creditor-agent``, ``intermediary-1``, ``instructing``, ``reimbursement`` …"""
    name: Line = ""
    code: Word = ""
    code_kind: Word = ""
    """``BIC``, ``LEI``, or the clearing system whose number it is."""
    country: Word = ""
    account: Word = ""


class Charge(Record, frozen=True, kw_only=True):
    """A charge as a message names it."""

    amount: Decimal
    currency: Currency
    kind: Word = ""
    bearer: Word = ""
    included: bool = False
    """It is part of the amount booked."""
    institution: Word = ""
    """BIC or number of who takes it."""


class Sum(Record, frozen=True, kw_only=True):
    """Another amount that a message names, where no rate tells how it became the one booked."""

    kind: Code
    """``instructed``, ``transaction``, ``counter-value`` …"""
    amount: Decimal
    currency: Currency


class Wire(Record, frozen=True, kw_only=True):
    """What a payment or statement message says beyond the booking (ISO 20022, SWIFT MT; FATF R.16; O11-25)."""

    scheme: Word = ""
    """Bank transaction code of the account servicer, such as ``PMNT/RCDT/ESCT`` or ``NTRF``."""
    service: Line = ""
    """Service level, local instrument, category purpose."""
    servicer_reference: Word = ""
    instruction: Word = ""
    transaction: Word = ""
    uetr: Word = ""
    clearing_reference: Word = ""
    mandate: Word = ""
    cheque: Word = ""
    batch: Word = ""
    """Reference of the batch it was paid in."""
    payments: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How many payments were booked as one."""
    reversal: bool = False
    """The servicer marks it as taking something back, and does not say what."""
    return_reason: Line = ""
    settlement: Word = ""
    """Settlement method."""
    charge_bearer: Word = ""
    charges: Annotated[tuple[Charge, ...], msgspec.Meta(max_length=50)] = ()
    sums: Annotated[tuple[Sum, ...], msgspec.Meta(max_length=20)] = ()
    agents: Annotated[tuple[Agent, ...], msgspec.Meta(max_length=20)] = ()
    initiator: Counterparty | None = None
    ultimate_originator: Counterparty | None = None
    ultimate_beneficiary: Counterparty | None = None
    underlying_originator: Counterparty | None = None
    """Whose payment a cover payment covers."""
    underlying_beneficiary: Counterparty | None = None
    instructions: Note = ""
    """For the agents on the way."""
    regulatory: Note = ""
    remittance: Note = ""
    """The whole of it, where it is longer than the field of the booking, or structured."""
    information: Note = ""
