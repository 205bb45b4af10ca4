"""Transactions, sufficient to reconstruct each (AML24 art. 34; O2-07 art. 29; 31 CFR 1020.410).

What is submitted is one :class:`BookTransaction`; what is recorded is one :class:`TransactionBooked` in the
postings of each of our accounts it touches, complete in itself and encrypted under that account's key, so that
disposing of one party never blinds the record of another. Postings are never folded: what a booking depends on is
the state of its accounts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from kyc.domain.account import AccountState
from kyc.domain.currencies import check_money, check_number, check_positive
from kyc.domain.customer import second_person
from kyc.domain.dates import check_date, check_moment
from kyc.domain.event import Event, Instant, RecordClass, Scanned
from kyc.domain.stream import Given, Stream, check, claims
from kyc.domain.submission import Claim, StreamName
from kyc.domain.values import Code, Counterparty, Currency, Equivalent, Line, Party, Record, Text, Wire, Word
from kyc.errors import RefusedError

Direction = Literal["credit", "debit"]
References = Annotated[tuple[Code, ...], msgspec.Meta(max_length=50)]
VALUE_DATE_DAYS: Final = 366
"""A value date lies within a year of the booking; a later correction of interest may need all of it."""


class Leg(Record, frozen=True, kw_only=True):
    """One side of a transaction on an account of ours."""

    account: Code
    direction: Direction
    amount: Decimal
    currency: Currency
    balance_after: Decimal | None = None
    fee: Decimal | None = None
    card: Word = ""
    counterparty: Counterparty | None = None


class LegPlace(Record, frozen=True, kw_only=True):
    """Where the other legs of a transaction are recorded."""

    account: Code
    direction: Direction
    amount: Decimal | None = None
    """None: as the amount of the leg it stands with."""
    currency: Currency | None = None


class _Common(Event, frozen=True, kw_only=True):
    """What all legs of a transaction share."""

    reference: Code
    """The bank's transaction id; used once in the whole institution."""
    kind: Code
    """``transfer``, ``cash``, ``card``, ``fee``, ``interest``, ``exchange`` …"""
    channel: Code
    """``counter``, ``e-bank``, ``mobile``, ``atm``, ``pos``, ``phone``, ``other``."""
    booked_at: Instant
    value_date: date
    initiated_at: Instant | None = None
    authorised_at: Instant | None = None
    serial: Word = ""
    """Business serial number."""
    end_to_end: Word = ""
    parent: Word = ""
    """Reference of the transaction that this one reverses or belongs to."""
    reversal: bool = False
    cash: bool = False
    cross_border: bool = False
    teller: Word = ""
    authoriser: Word = ""
    device: Line = ""
    """Terminal, IP or IMEI of a non-counter channel."""
    purpose: Line = ""
    remittance: Line = ""
    balance_of_payments_code: Word = ""
    district: Word = ""
    country: Word = ""
    originator: Counterparty | None = None
    beneficiary: Counterparty | None = None
    conductor: Party | None = None
    """Who acted for the holder."""
    equivalents: Annotated[tuple[Equivalent, ...], msgspec.Meta(max_length=10)] = ()
    documents: References = ()
    """References of supporting documents."""
    funds_code: Word = ""
    goods: Line = ""
    wire: Wire | None = None
    """What the message said that told of it."""


class BookTransaction(_Common, frozen=True, kw_only=True):
    """A booked transaction as submitted."""

    legs: Annotated[tuple[Leg, ...], msgspec.Meta(min_length=1, max_length=100)]


class PostingEvent(Event, frozen=True, kw_only=True):
    """An event of an account's postings; its clock runs by the year in which it happened."""

    STREAM: ClassVar[str] = "postings"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.TRANSACTION
    KEY: ClassVar[str] = "account"

    account: Code
    reference: Code
    """The transaction it is about."""

    def period(self) -> str:
        """The year, by the offset it was given with."""
        return str(self.occurred_at.year)


class TransactionBooked(_Common, frozen=True, kw_only=True):
    """One leg of a booked transaction, complete in itself."""

    TOPIC: ClassVar[str] = "transaction.booked"
    SUBMITTED: ClassVar[bool] = False
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.TRANSACTION
    STREAM: ClassVar[str] = "postings"

    leg: Leg
    legs: tuple[LegPlace, ...]
    """All legs on our accounts, this one included."""

    def period(self) -> str:
        """The year of booking: transactions of a year share their clock."""
        return str(self.booked_at.year)


class TransactionRejected(PostingEvent, frozen=True, kw_only=True):
    """An instruction that was not carried out is kept as a record (AMLR art. 69, 77)."""

    TOPIC: ClassVar[str] = "transaction.rejected"

    direction: Direction
    amount: Decimal
    currency: Currency
    reason: Text
    counterparty: Counterparty | None = None


class TransactionReversed(PostingEvent, frozen=True, kw_only=True):
    """A booking on this account was taken back by another one; both stay (冲账)."""

    TOPIC: ClassVar[str] = "transaction.reversed"

    reversed_by: Code
    """Reference of the booking that takes it back."""
    reason: Text


class FieldCorrection(Record, frozen=True, kw_only=True):
    """One field of a booking that was recorded wrong. Amounts are corrected by reversal, never here."""

    field: Literal[
        "balance_of_payments_code", "channel", "conductor", "counterparty", "device", "district", "end_to_end",
        "funds_code", "goods", "kind", "purpose", "remittance", "serial", "teller", "value_date",
    ]  # fmt: skip
    was: Line
    now: Line


class TransactionCorrected(PostingEvent, frozen=True, kw_only=True):
    """Fields of a booking are corrected; the booking itself stays as it was recorded (MiFID72; PIPL art. 46)."""

    TOPIC: ClassVar[str] = "transaction.corrected"

    corrections: Annotated[tuple[FieldCorrection, ...], msgspec.Meta(min_length=1, max_length=20)]
    reason: Text
    approver: Code
    """The second person."""


class CounterpartyCompleted(PostingEvent, frozen=True, kw_only=True):
    """Details of the other side arrived after the booking, which stays as it was (O2-07 art. 29)."""

    TOPIC: ClassVar[str] = "transaction.counterparty_completed"

    counterparty: Counterparty
    source: Code
    """Where the details came from, such as a message or an inquiry."""


class PaymentDetailed(PostingEvent, frozen=True, kw_only=True):
    """One of several payments that were booked as one entry, or what a later message adds to a booking (O11-25).

    It moves nothing: the booking did.
    """

    TOPIC: ClassVar[str] = "transaction.detailed"

    direction: Direction
    amount: Decimal | None = None
    """None where the message gives none for it."""
    currency: Currency | None = None
    source: Code
    """The message it comes from, such as ``camt.054``."""
    counterparty: Counterparty | None = None
    originator: Counterparty | None = None
    beneficiary: Counterparty | None = None
    end_to_end: Word = ""
    purpose: Line = ""
    remittance: Line = ""
    equivalents: Annotated[tuple[Equivalent, ...], msgspec.Meta(max_length=10)] = ()
    wire: Wire | None = None


class SupportingDocumentAttached(Scanned, frozen=True, kw_only=True):
    """A contract, voucher or letter that belongs to a booking (足以重现每项交易)."""

    TOPIC: ClassVar[str] = "transaction.document_attached"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.TRANSACTION
    STREAM: ClassVar[str] = "postings"
    KEY: ClassVar[str] = "account"

    account: Code
    reference: Code
    kind: Code
    """``contract``, ``voucher``, ``invoice``, ``letter`` …"""
    document: Word = ""
    """Number of the document, where it has one."""
    digest: Word = ""
    """SHA-256 of the original, where it is kept elsewhere."""

    def period(self) -> str:
        """The year, by the offset it was given with."""
        return str(self.occurred_at.year)


POSTINGS: Final = Stream[None]("postings")


def postings(booking: BookTransaction) -> tuple[TransactionBooked, ...]:
    """The record of each leg."""
    legs = booking.legs
    shared = msgspec.structs.asdict(booking)
    one = legs[0]
    if all(leg.amount == one.amount and leg.currency == one.currency for leg in legs):
        shared["legs"] = tuple([LegPlace(account=leg.account, direction=leg.direction) for leg in legs])
    else:
        shared["legs"] = tuple(
            [
                LegPlace(account=leg.account, direction=leg.direction, amount=leg.amount, currency=leg.currency)
                for leg in legs
            ]
        )
    first = TransactionBooked(leg=legs[0], **shared)
    return (first, *[msgspec.structs.replace(first, leg=leg) for leg in legs[1:]])


# --- rules ----------------------------------------------------------------------------------------------


@check(BookTransaction)
def _check_booking(event: BookTransaction, today: date) -> None:
    booked_at = event.booked_at
    if booked_at is not event.occurred_at:
        check_moment(booked_at, today, "booked_at")
    booked_on = booked_at.date()
    if event.value_date != booked_on and abs(event.value_date - booked_on) > _WINDOW:
        raise RefusedError("value date too far from booking", field="value_date", rule=f"{VALUE_DATE_DAYS} days")
    for at, leg in enumerate(event.legs):
        check_positive(leg.amount, leg.currency, f"legs[{at}]", booked_on)
        if leg.balance_after is not None:
            check_money(leg.balance_after, leg.currency, f"legs[{at}].balance_after", booked_on)
        if leg.fee is not None:
            check_money(leg.fee, leg.currency, f"legs[{at}].fee", booked_on)
    if event.reversal and not event.parent:
        raise RefusedError("a reversal of nothing", field="parent", rule="names the reversed transaction")
    if event.initiated_at is not None or event.authorised_at is not None:
        _check_times(event, today)
    if event.equivalents:
        _check_equivalents(event.equivalents, booked_on)
    if event.wire is not None:
        check_wire(event.wire, booked_on)
    if event.conductor is not None and event.conductor.percentage is not None:
        check_number(event.conductor.percentage, "conductor.percentage")


def _check_times(event: BookTransaction, today: date) -> None:
    check_moment(event.initiated_at, today, "initiated_at")
    check_moment(event.authorised_at, today, "authorised_at")
    start, end = event.initiated_at, event.authorised_at
    if start is not None and end is not None and end < start:
        raise RefusedError(
            "authorised before it was initiated", field="authorised_at", rule="not before initiated_at"
        )


def check_wire(wire: Wire | None, on: date) -> None:
    """Refuse amounts beside the booking that cannot be.

    Raises:
        RefusedError: names the field.
    """
    if wire is not None:
        for at, charge in enumerate(wire.charges):
            check_money(charge.amount, charge.currency, f"wire.charges[{at}]", on)
        for at, one in enumerate(wire.sums):
            check_money(one.amount, one.currency, f"wire.sums[{at}]", on)


@check(PaymentDetailed)
def _check_detailed(event: PaymentDetailed, _: date) -> None:
    on = event.occurred_at.date()
    if (event.amount is None) != (event.currency is None):
        raise RefusedError("half an amount", field="currency", rule="amount and currency, or neither")
    if event.amount is not None and event.currency is not None:
        check_positive(event.amount, event.currency, "", on)
    _check_equivalents(event.equivalents, on)
    check_wire(event.wire, on)


def _check_equivalents(equivalents: tuple[Equivalent, ...], on: date) -> None:
    for at, equivalent in enumerate(equivalents):
        check_positive(equivalent.amount, equivalent.currency, f"equivalents[{at}]", on)
        check_number(equivalent.rate, f"equivalents[{at}].rate")
        check_date(equivalent.rate_date, f"equivalents[{at}].rate_date")
        if equivalent.rate <= 0:
            raise RefusedError("rate not positive", field=f"equivalents[{at}].rate", rule="above zero")


@check(TransactionRejected)
def _check_rejected(event: TransactionRejected, _: date) -> None:
    check_positive(event.amount, event.currency, "", event.occurred_at.date())


@check(TransactionReversed)
def _check_reversed(event: TransactionReversed, _: date) -> None:
    if event.reversed_by == event.reference:
        raise RefusedError("a transaction cannot reverse itself", field="reversed_by", rule="another reference")


@POSTINGS.rule(TransactionCorrected)
def _approved(_: None, event: TransactionCorrected, given: Given) -> None:
    second_person(event.approver, given, "approver")


@claims(TransactionRejected)
def _reference(_: None, event: TransactionRejected) -> tuple[Claim, ...]:
    return (Claim("transaction", event.reference),)


@claims(TransactionReversed)
def _reversed_once(_: None, event: TransactionReversed) -> tuple[Claim, ...]:
    return (Claim("reversal", f"{event.account}|{event.reference}"),)


def decide_booking(booked_on: date, legs: Iterable[tuple[Leg, AccountState | None]]) -> None:
    """Hold the legs of a booking against the states of their accounts.

    Raises:
        RefusedError: an account is unknown, not open on that day, or kept in another currency.
    """
    for at, (leg, state) in enumerate(legs):
        if (
            state is None
            or leg.currency != state.currency
            or booked_on < state.opened_on
            or state.closed_on is not None
        ):
            _refuse_leg(at, leg, state, booked_on)


def _refuse_leg(at: int, leg: Leg, state: AccountState | None, booked_on: date) -> None:
    if state is None:
        raise RefusedError(
            "unknown account", field=f"legs[{at}].account", rule="the account is registered",
            remedy="open the account first",
        )  # fmt: skip
    if leg.currency != state.currency:
        raise RefusedError(
            "not the account's currency", field=f"legs[{at}].currency", rule=state.currency,
            remedy="book each leg in its account's currency, with the rate in equivalents",
        )  # fmt: skip
    if booked_on < state.opened_on:
        raise RefusedError("booked before the account was opened", field="booked_at", rule="not before opened_on")
    if state.closed_on is not None and booked_on > state.closed_on:
        raise RefusedError("the account is closed", field=f"legs[{at}].account", rule="not after closed_on")


def account_of(number: str) -> StreamName:
    """The stream of an account."""
    return StreamName("account", number)


_WINDOW: Final = timedelta(days=VALUE_DATE_DAYS)
