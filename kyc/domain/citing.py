"""Events that speak of another transaction: it is on record, on that account, and a reversal turns round all of it.

What is cited is found by its reference, which is used once in the whole institution; it never changes, so nothing
of it is folded. A booking that comes from outside as a reversal may name an original that nobody here recorded: it
is a fact and is kept, but where the original is ours it has to fit (冲账). AML24 art. 34, O2-07 art. 29.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Final

from kyc.domain.stream import TRANSACTION, Cited, Given, States, cites
from kyc.domain.submission import Claim, StreamName
from kyc.domain.transaction import (
    POSTINGS,
    BookTransaction,
    CounterpartyCompleted,
    PaymentDetailed,
    PostingEvent,
    SupportingDocumentAttached,
    TransactionBooked,
    TransactionCorrected,
    TransactionRejected,
    TransactionReversed,
)
from kyc.errors import RefusedError

_Side = tuple[str, str, Decimal, str]
_OTHER: Final = {"credit": "debit", "debit": "credit"}


@cites(BookTransaction)
def _original(event: BookTransaction) -> tuple[str, ...]:
    return (event.parent,) if event.reversal else ()


@cites(TransactionCorrected, CounterpartyCompleted, SupportingDocumentAttached, PaymentDetailed)
def _about(event: PostingEvent | SupportingDocumentAttached) -> tuple[str, ...]:
    return (event.reference,)


@cites(TransactionReversed)
def _both(event: TransactionReversed) -> tuple[str, ...]:
    return (event.reference, event.reversed_by)


@POSTINGS.rule(TransactionCorrected, TransactionReversed)
def _a_booking(_: None, event: TransactionCorrected | TransactionReversed, given: Given) -> None:
    _booked_on(event.account, given.cited(event.reference, "reference"), "reference")


@POSTINGS.rule(PaymentDetailed)
def _within_a_booking(_: None, event: PaymentDetailed, given: Given) -> None:
    """It moves nothing: the booking did, on this account."""
    _booked_on(event.account, given.cited(event.reference, "reference"), "reference")


@POSTINGS.rule(CounterpartyCompleted, SupportingDocumentAttached)
def _a_booking_or_rejection(
    _: None, event: CounterpartyCompleted | SupportingDocumentAttached, given: Given
) -> None:
    cited = given.cited(event.reference, "reference")
    if not (isinstance(cited.event, TransactionRejected) and cited.event.account == event.account):
        _booked_on(event.account, cited, "reference")


@POSTINGS.rule(TransactionReversed)
def _by_its_reversal(_: None, event: TransactionReversed, given: Given) -> None:
    cited = given.cited(event.reversed_by, "reversed_by")
    _booked_on(event.account, cited, "reversed_by")
    booking = cited.event
    if isinstance(booking, TransactionBooked) and not (booking.reversal and booking.parent == event.reference):
        raise RefusedError(
            "that booking takes back another, or none", field="reversed_by", rule="a reversal whose parent it is",
            remedy="name the booking that reversed it",
        )  # fmt: skip


def decide_reversal(
    reversal: TransactionBooked, legs: tuple[TransactionBooked, ...], states: States
) -> tuple[Claim, ...]:
    """Hold a reversal against the booking it takes back; the claim that it is the only one.

    Raises:
        RefusedError: the original is ours, and it is no booking, or the legs are not the same ones turned round.
    """
    cited: Cited | None = states.get(StreamName(TRANSACTION, reversal.parent))
    if cited is None:
        return ()
    if cited.event is not None:
        if not isinstance(cited.event, TransactionBooked):
            raise RefusedError("only a booking is reversed", field="parent", rule="the reference of a booking")
        turned: Counter[_Side] = Counter(
            (one.leg.account, _OTHER[one.leg.direction], one.leg.amount, one.leg.currency) for one in legs
        )
        if turned != _sides(cited.event):
            raise RefusedError(
                "not what was booked", field="legs", rule="the same accounts and amounts, the other direction",
                remedy="reverse the whole booking, or book what differs without reversal",
            )  # fmt: skip
    return (Claim("reversed transaction", reversal.parent),)


def _sides(booking: TransactionBooked) -> Counter[_Side]:
    own = booking.leg
    return Counter(
        (
            place.account, place.direction, own.amount if place.amount is None else place.amount,
            place.currency or own.currency,
        )
        for place in booking.legs
    )  # fmt: skip


def _booked_on(account: str, cited: Cited, field: str) -> None:
    if cited.event is None:
        return  # disposed of: that it was there is all that is known
    if not isinstance(cited.event, TransactionBooked):
        raise RefusedError("that is no booking", field=field, rule="the reference of a booking")
    if account not in {place.account for place in cited.event.legs}:
        raise RefusedError(
            "that booking is on other accounts", field="account", rule="a leg on this account",
            remedy="name an account that the booking touched",
        )  # fmt: skip
