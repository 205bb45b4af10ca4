"""Business without an account of ours: one-off services, and what somebody attempted and did not do.

Each is a record of its own with its own clock (O2-07 art. 7 and 29; AMLR art. 19, 69 and 77). From which amount on
somebody has to be identified is policy. Instructions and authorisations of account holders stand in the postings.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from kyc.domain.codec import upcast
from kyc.domain.currencies import check_positive
from kyc.domain.event import Event, RecordClass
from kyc.domain.policies import published
from kyc.domain.rulebook import Threshold
from kyc.domain.stream import POLICIES, Given, Stream, check, claims, consults
from kyc.domain.submission import Claim
from kyc.domain.transaction import PostingEvent, check_wire
from kyc.domain.values import Address, Code, Counterparty, Currency, Equivalent, Line, Party, Text, Wire, Word
from kyc.errors import RefusedError


class TransactionInstructed(PostingEvent, frozen=True, kw_only=True):
    """A holder or agent gave an instruction; whether it was carried out, other events say."""

    TOPIC: ClassVar[str] = "transaction.instructed"
    SCHEMA: ClassVar[int] = 2

    direction: Literal["credit", "debit"]
    amount: Decimal
    currency: Currency
    channel: Code
    instructed_by: Party | None = None
    counterparty: Counterparty | None = None
    purpose: Line = ""
    end_to_end: Word = ""
    remittance: Line = ""
    settled_on: date | None = None
    """The day it is to be settled between the institutions."""
    originator: Counterparty | None = None
    beneficiary: Counterparty | None = None
    equivalents: Annotated[tuple[Equivalent, ...], msgspec.Meta(max_length=10)] = ()
    wire: Wire | None = None


@upcast(TransactionInstructed.TOPIC, 1)
def _without_wire(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had nothing of what payment messages say."""
    return payload


class TransactionAuthorised(PostingEvent, frozen=True, kw_only=True):
    """An instruction was released by whoever had to."""

    TOPIC: ClassVar[str] = "transaction.authorised"

    authoriser: Code
    method: Code
    device: Line = ""


class OccasionalEvent(Event, frozen=True, kw_only=True):
    """Business of somebody who holds no account here."""

    STREAM: ClassVar[str] = "occasional"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.TRANSACTION
    KEY: ClassVar[str] = "reference"

    reference: Code
    person: Party
    address: Address | None = None
    kind: Literal["cash-remittance", "currency-exchange", "bill", "cash-deposit", "cash-withdrawal", "other"]
    amount: Decimal
    currency: Currency
    counterparty: Counterparty | None = None
    purpose: Line = ""

    def period(self) -> str:
        """The year, by the offset it was given with."""
        return str(self.occurred_at.year)


class OneOffCompleted(OccasionalEvent, frozen=True, kw_only=True):
    """A one-off service was done (一次性金融服务)."""

    TOPIC: ClassVar[str] = "service.one_off_completed"

    teller: Word = ""
    verified_by: Word = ""
    """How the person was identified; needed from the threshold on."""


class AttemptRecorded(OccasionalEvent, frozen=True, kw_only=True):
    """Somebody tried and it was not done: the attempt is a record (AMLR art. 69; FATF R.20)."""

    TOPIC: ClassVar[str] = "service.attempt_recorded"

    reason: Text
    suspicious: bool
    features: Annotated[tuple[Code, ...], msgspec.Meta(max_length=50)] = ()


OCCASIONAL: Final = Stream[None]("occasional")
consults(POLICIES, OneOffCompleted)


@check(OneOffCompleted, AttemptRecorded)
def _check_amount(event: OccasionalEvent, _: date) -> None:
    check_positive(event.amount, event.currency, "", event.occurred_at.date())


@check(TransactionInstructed)
def _check_instructed(event: TransactionInstructed, _: date) -> None:
    check_positive(event.amount, event.currency, "", event.occurred_at.date())
    check_wire(event.wire, event.occurred_at.date())


@claims(OneOffCompleted)
def _reference(_: None, event: OneOffCompleted) -> tuple[Claim, ...]:
    return (Claim("transaction", event.reference),)


@claims(AttemptRecorded)
def _attempt(_: None, event: AttemptRecorded) -> tuple[Claim, ...]:
    return (Claim("transaction", event.reference),)


@OCCASIONAL.rule(OneOffCompleted)
def _identified(_: None, event: OneOffCompleted, given: Given) -> None:
    """From the threshold on, inclusive, the person is identified and the document registered."""
    policies, on = published(given), event.occurred_at.date()
    ruling = policies.ruling("cdd.one-off", on, currency=event.currency)
    if ruling is None or not ruling.of(Threshold).reached(event.amount):
        return
    if not (event.verified_by and event.person.document_number):
        raise RefusedError(
            "the person is not identified", field="person.document_number", rule=ruling.row.source,
            remedy="identify the person first, or record the attempt",
        )  # fmt: skip
