"""Entries of account statements as submissions, whatever the format they came in: the same entry, told twice, once.

An entry is one booking with one leg of ours. Its idempotency key is made of what every message about it repeats
(the servicer's reference, account, side, amount, day; without a reference its content), so that a report of the
day, the statement of its end and a notification book it once. What one of them tells besides is recorded beside the
booking (``transaction.detailed``), and so is each payment of a batch that was booked as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from kyc.domain.codec import checked, encode
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.located import Restated
from kyc.domain.submission import Origin
from kyc.domain.transaction import BookTransaction, Direction, Leg, PaymentDetailed
from kyc.domain.values import Counterparty, Equivalent, Wire
from kyc.ingest.repeats import Repeats, digest, numbered

REMITTANCE_MAX: Final = 500
"""Characters of the field of a booking; a longer text stands in full in ``wire.remittance``."""
UNKNOWN: Final = "NOTPROVIDED"
"""What ISO 20022 writes where a reference is mandatory and there is none."""

Accounts = Mapping[str, str]
"""Another name of an account (IBAN, BIC of its holder …) → the number it has in the ledger."""


@dataclass(slots=True)
class Payment:
    """What is told of one payment within an entry."""

    direction: Direction
    amount: Decimal | None = None
    currency: str | None = None
    originator: Counterparty | None = None
    beneficiary: Counterparty | None = None
    end_to_end: str = ""
    purpose: str = ""
    remittance: str = ""
    equivalents: tuple[Equivalent, ...] = ()
    initiated_at: datetime | None = None
    fee: Decimal | None = None
    card: str = ""
    wire: Wire = field(default_factory=Wire)
    reversal: bool = False

    def counterparty(self, own: str) -> Counterparty | None:
        """The other side, seen from the account of the entry; what takes back keeps the parties as they were."""
        first, second = self.originator, self.beneficiary
        if first is not None and first.account == own:
            return second
        if second is not None and second.account == own:
            return first
        return first if (self.direction == "credit") != self.reversal else second


@dataclass(slots=True)
class Entry:
    """One entry of a statement, of an account that the message names."""

    account: str
    direction: Direction
    amount: Decimal
    currency: str
    booked_at: datetime
    value_date: date
    kind: str
    source: str
    """The message it stands in, such as ``camt.053``."""
    servicer_reference: str = ""
    reversal: bool = False
    cash: bool = False
    cross_border: bool = False
    payments: list[Payment] = field(default_factory=list)
    common: Payment | None = None
    """What is told of all of it, where it has no payment or several."""


class Told(NamedTuple):
    """A submission of an entry; ``restated`` as in :class:`kyc.domain.located.Located`."""

    submission: Submission
    restated: Restated


class Statement:
    """Makes submissions of the entries of one statement; equal ones within it are told apart by their number."""

    def __init__(self, origin: Origin, accounts: Accounts, repeats: Repeats) -> None:
        self._origin, self._accounts, self._repeats = origin, accounts, repeats
        repeats.begin()

    def submissions(self, entry: Entry) -> Iterator[Told]:
        """The booking of an entry, then what is told of each payment of a batch.

        Raises:
            InputError: a text is longer than its field, or holds what no text may.
        """
        account = self._accounts.get(entry.account, entry.account)
        identity = self._repeats.identity(_identity(entry, account))
        single = entry.payments[0] if len(entry.payments) == 1 else None
        booking = _booking(entry, account, identity, single)
        checked(booking)
        several = entry.payments if single is None else []
        equal: Counter[str] = Counter()
        detailed = partial(self._detailed, entry, booking, identity, equal)
        restated = partial(detailed, single) if single else _nothing
        yield Told(self._submission(f"entry/{identity}", booking), restated)
        for payment in several:
            yield Told(detailed(payment), _nothing)

    def _detailed(
        self, entry: Entry, booking: BookTransaction, identity: str, equal: Counter[str], payment: Payment
    ) -> Submission:
        """A payment recorded beside its booking; ``equal`` counts those of the entry that tell the same."""
        detail = PaymentDetailed(
            occurred_at=booking.occurred_at, account=booking.legs[0].account, reference=booking.reference,
            direction=payment.direction, amount=payment.amount, currency=payment.currency, source=entry.source,
            counterparty=payment.counterparty(entry.account), originator=payment.originator,
            beneficiary=payment.beneficiary, end_to_end=payment.end_to_end, purpose=payment.purpose,
            equivalents=payment.equivalents, remittance=_short(payment.remittance), wire=_wire(payment),
        )  # fmt: skip
        told = encode(msgspec.structs.replace(detail, source="any", reference="any"))
        same = f"{identity}|{digest(told)}"
        equal[same] += 1
        return self._submission(f"payment/{numbered(same, equal[same])}", detail)

    def _submission(self, key: str, data: Event) -> Submission:
        return Submission(key=key, origin=self._origin, data=data)


def _booking(entry: Entry, account: str, identity: str, single: Payment | None) -> BookTransaction:
    told = single or entry.common or Payment(entry.direction)
    wire = msgspec.structs.replace(
        _wire(told) or Wire(), servicer_reference=entry.servicer_reference, reversal=entry.reversal
    )
    leg = Leg(
        account=account, direction=entry.direction, amount=entry.amount, currency=entry.currency,
        fee=told.fee, card=told.card, counterparty=told.counterparty(entry.account),
    )  # fmt: skip
    taken_back = (told.end_to_end or told.wire.transaction or UNKNOWN) if entry.reversal else ""
    return BookTransaction(
        occurred_at=entry.booked_at, reference=_reference(entry, account, identity, told), kind=entry.kind,
        channel="other", booked_at=entry.booked_at, value_date=entry.value_date, initiated_at=told.initiated_at,
        serial=told.wire.transaction or entry.servicer_reference, end_to_end=told.end_to_end, parent=taken_back,
        reversal=entry.reversal, cash=entry.cash, cross_border=entry.cross_border, purpose=told.purpose,
        remittance=_short(told.remittance), originator=told.originator, beneficiary=told.beneficiary,
        equivalents=told.equivalents, wire=None if wire == Wire() else wire, legs=(leg,),
    )  # fmt: skip


def instruction_reference(uetr: str, account: str, direction: str, amount: Decimal, currency: str) -> str:
    """The reference under which a payment with a UETR is instructed on an account, and booked there."""
    return f"{uetr.lower()}/{digest(f'{account}|{direction}|{amount}|{currency}'.encode())[:8]}"


def _reference(entry: Entry, account: str, identity: str, told: Payment) -> str:
    """What it is called: after the payment, else after the servicer's reference, which both sides may share."""
    if told.wire.uetr and not entry.reversal and told.amount in {None, entry.amount}:
        return instruction_reference(told.wire.uetr, account, entry.direction, entry.amount, entry.currency)
    return f"{entry.servicer_reference or 'entry'}/{identity[:12]}"


def _identity(entry: Entry, account: str) -> str:
    parts: list[Any] = [
        account,
        entry.direction,
        entry.amount,
        entry.currency,
        entry.booked_at.date(),
        entry.reversal,
    ]
    if entry.servicer_reference:
        return "|".join(map(str, [*parts, entry.servicer_reference]))
    told = entry.payments[0] if len(entry.payments) == 1 else entry.common or Payment(entry.direction)
    own = (told.wire.uetr, told.wire.transaction, told.end_to_end, told.wire.instruction, told.remittance)
    return "|".join(map(str, [*parts, entry.value_date, told.wire.scheme, *own]))


def _wire(payment: Payment) -> Wire | None:
    wire = payment.wire
    if len(payment.remittance) > REMITTANCE_MAX:
        wire = msgspec.structs.replace(wire, remittance=payment.remittance)
    return None if wire == Wire() else wire


def _short(remittance: str) -> str:
    return remittance[:REMITTANCE_MAX]


def _nothing() -> None:
    """All that could be restated is recorded by itself."""
