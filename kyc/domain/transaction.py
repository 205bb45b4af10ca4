"""Transactions, sufficient to reconstruct each (AML24 art. 34; O2-07 art. 29; 31 CFR 1020.410).

What is submitted is one :class:`BookTransaction`; what is recorded is one :class:`TransactionBooked` in the
postings of each of our accounts it touches, complete in itself and encrypted under that account's key, so that
disposing of one party never blinds the record of another.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec

from kyc.domain.event import Event, Instant, RecordClass
from kyc.domain.values import Code, Counterparty, Currency, Equivalent, Party, Record, Text

Direction = Literal["credit", "debit"]
References = Annotated[tuple[Code, ...], msgspec.Meta(max_length=50)]


class Leg(Record, frozen=True, kw_only=True):
    """One side of a transaction on an account of ours."""

    account: Code
    direction: Direction
    amount: Decimal
    currency: Currency
    balance_after: Decimal | None = None
    fee: Decimal | None = None
    card: str = ""
    counterparty: Counterparty | None = None


class LegPlace(Record, frozen=True, kw_only=True):
    """Where the other legs of a transaction are recorded."""

    account: Code
    direction: Direction


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
    serial: str = ""
    """Business serial number."""
    end_to_end: str = ""
    parent: str = ""
    reversal: bool = False
    cash: bool = False
    cross_border: bool = False
    teller: str = ""
    authoriser: str = ""
    device: str = ""
    """Terminal, IP or IMEI of a non-counter channel."""
    purpose: str = ""
    remittance: str = ""
    balance_of_payments_code: str = ""
    district: str = ""
    country: str = ""
    originator: Counterparty | None = None
    beneficiary: Counterparty | None = None
    conductor: Party | None = None
    """Who acted for the holder."""
    equivalents: tuple[Equivalent, ...] = ()
    documents: References = ()
    """References of supporting documents."""
    funds_code: str = ""
    goods: str = ""


class BookTransaction(_Common, frozen=True, kw_only=True):
    """A booked transaction as submitted."""

    legs: Annotated[tuple[Leg, ...], msgspec.Meta(min_length=1, max_length=100)]


class TransactionBooked(_Common, frozen=True, kw_only=True):
    """One leg of a booked transaction, complete in itself."""

    TOPIC: ClassVar[str] = "transaction.booked"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.TRANSACTION

    leg: Leg
    legs: tuple[LegPlace, ...]
    """All legs on our accounts, this one included."""

    def period(self) -> str:
        """The year of booking: transactions of a year share their clock."""
        return str(self.booked_at.year)


class TransactionRejected(Event, frozen=True, kw_only=True):
    """An instruction that was not carried out is kept as a record (AMLR art. 69, 77)."""

    TOPIC: ClassVar[str] = "transaction.rejected"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.TRANSACTION

    reference: Code
    account: Code
    direction: Direction
    amount: Decimal
    currency: Currency
    reason: Text
    counterparty: Counterparty | None = None

    def period(self) -> str:
        """The year of the attempt."""
        return str(self.occurred_at.year)


_SHARED = _Common.__struct_fields__


def postings(booking: BookTransaction) -> list[TransactionBooked]:
    """The record of each leg."""
    places = tuple(LegPlace(account=leg.account, direction=leg.direction) for leg in booking.legs)
    shared = {name: getattr(booking, name) for name in _SHARED}
    return [TransactionBooked(leg=leg, legs=places, **shared) for leg in booking.legs]
