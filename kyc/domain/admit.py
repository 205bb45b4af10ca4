"""Admission: a submission becomes a unit of entries, or is refused with field, rule and remedy. Pure.

Three steps, so that the caller can answer a retry before any rule about the present is asked: :func:`reads` names
the streams whose states the rules need, :func:`shape` checks what the submission says of itself, :func:`check`
holds it against those states. Nothing here performs I/O or reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from kyc.domain import account as accounts
from kyc.domain import customer as customers
from kyc.domain import identifiers, templates
from kyc.domain.account import (
    AccountClosed,
    AccountOpened,
    AccountState,
    HolderAdded,
    HolderRemoved,
    StandingOrderRegistered,
)
from kyc.domain.customer import (
    AddressChanged,
    ContactChanged,
    CustomerRegistered,
    CustomerState,
    IdentityVerified,
    NameChanged,
    RelationshipEnded,
    RelationshipEstablished,
    RiskRated,
)
from kyc.domain.document import DocumentCaptured, DocumentVerified, current
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.submission import ANY, NEW, Claim, Entry, StreamName, Unit
from kyc.domain.transaction import BookTransaction, TransactionBooked, TransactionRejected, postings
from kyc.domain.values import check_money
from kyc.errors import InputError, RefusedError
from kyc.settings import SCAN_MAX

State = CustomerState | AccountState
States = Mapping[StreamName, State | None]

STATEFUL: Final = frozenset({"customer", "account"})
"""Kinds of streams that are folded for decisions; postings and the rest are never loaded."""

CUSTOMER_EVENTS: Final = (
    NameChanged, AddressChanged, ContactChanged, RelationshipEstablished, RelationshipEnded, IdentityVerified,
    RiskRated, DocumentCaptured, DocumentVerified,
)  # fmt: skip
ACCOUNT_EVENTS: Final = (HolderAdded, HolderRemoved, StandingOrderRegistered, AccountClosed)
EARLIEST: Final = date(1850, 1, 1)
"""Earlier dates are mistakes."""
VALUE_DATE_DAYS: Final = 366
"""A value date lies within a year of the booking."""
AHEAD: Final = timedelta(days=1)
"""How far a branch's clock may run ahead."""


def evolve(kind: str, state: State | None, event: Event) -> State | None:
    """The state of a stream of that kind after an event."""
    if kind == "customer":
        assert state is None or isinstance(state, CustomerState)
        return customers.evolve(state, event)
    assert kind == "account", kind
    assert state is None or isinstance(state, AccountState)
    return accounts.evolve(state, event)


def reads(submission: Submission) -> tuple[StreamName, ...]:
    """The streams whose states :func:`check` needs for this submission."""
    data = submission.data
    if isinstance(data, BookTransaction):
        return tuple(StreamName("account", leg.account) for leg in data.legs)
    if isinstance(data, AccountOpened):
        return tuple(StreamName("customer", holder.customer) for holder in data.holders)
    if isinstance(data, TransactionRejected):
        return (StreamName("account", data.account),)
    if isinstance(data, CUSTOMER_EVENTS):
        return (StreamName("customer", submission.stream),)
    if isinstance(data, ACCOUNT_EVENTS):
        others = (StreamName("customer", data.holder.customer),) if isinstance(data, HolderAdded) else ()
        return (StreamName("account", submission.stream), *others)
    return ()


def shape(submission: Submission, today: date) -> Unit:
    """The unit a submission asks for, checked for what it says of itself.

    Raises:
        RefusedError: a field breaks a rule.
    """
    data = submission.data
    _check_moment(data.occurred_at, today, "occurred_at")
    for scan in submission.scans:
        if not 0 < len(scan.content) <= SCAN_MAX:
            raise RefusedError("scan too large or empty", field="scans.content", rule=f"1 to {SCAN_MAX} bytes")
    if isinstance(data, BookTransaction):
        return _booking(submission, data, today)
    entry, claims = _entry(submission, data, today)
    if submission.expected is not None:
        entry = replace(entry, expected=submission.expected)
    return Unit(submission.key, submission.origin, (replace(entry, scans=submission.scans),), claims)


def check(unit: Unit, states: States, today: date) -> Unit:
    """The unit as it may be recorded, held against the states it depends on.

    Raises:
        RefusedError: a state forbids it.
    """
    event = unit.entries[0].event
    rule = _RULES.get(type(event))
    return rule(unit, event, states, today) if rule is not None else unit


# --- what a submission says of itself -----------------------------------------------------------------


def _entry(submission: Submission, data: Event, today: date) -> tuple[Entry, tuple[Claim, ...]]:
    if isinstance(data, CustomerRegistered):
        return _registration(data, today)
    if isinstance(data, AccountOpened):
        check_money(Decimal(0), data.currency, "account")
        name = StreamName("account", data.account)
        requires = tuple(StreamName("customer", holder.customer) for holder in data.holders)
        return Entry(name, name, data, NEW, requires), ()
    if isinstance(data, TransactionRejected):
        _check_amount(data.amount, data.currency, "")
        account = StreamName("account", data.account)
        return Entry(StreamName("postings", data.account), account, data, ANY, (account,)), (
            Claim("transaction", data.reference),
        )
    kind = "customer" if isinstance(data, CUSTOMER_EVENTS) else "account"
    if kind == "account" and not isinstance(data, ACCOUNT_EVENTS):
        raise InputError("this event cannot be submitted", field="topic", remedy="see: kyc schema")
    if not submission.stream:
        raise InputError("the stream is missing", field="stream", rule=f"the {kind} number", remedy="name it")
    name = StreamName(kind, submission.stream)
    claims: tuple[Claim, ...] = ()
    if isinstance(data, DocumentCaptured):
        _check_document(data, today)
        claims = (document_claim(data),)
    if isinstance(data, StandingOrderRegistered):
        _check_amount(data.amount, data.currency, "")
    return Entry(name, name, data, ANY), claims


def document_claim(document: DocumentCaptured) -> Claim:
    """One document belongs to one customer: the natural key that says so."""
    number = "".join(document.number.split()).upper()
    return Claim("document", f"{document.issuing_country}|{document.kind}|{number}")


def _registration(data: CustomerRegistered, today: date) -> tuple[Entry, tuple[Claim, ...]]:
    templates.check(data)
    if data.birth_date is not None and not EARLIEST < data.birth_date <= today:
        raise RefusedError("impossible date of birth", field="birth_date", rule="after 1850, not in the future")
    if data.registration_kind == "uscc" and not identifiers.uscc_valid(data.registration_number):
        raise RefusedError("check digit does not fit", field="registration_number", rule="GB 32100-2015")
    name = StreamName("customer", data.customer)
    return Entry(name, name, data, NEW), ()


def _check_document(data: DocumentCaptured, today: date) -> None:
    if data.kind == "resident-id" and not identifiers.resident_id_valid(data.number):
        raise RefusedError("check digit does not fit", field="number", rule="GB 11643-1999", remedy="read it again")
    if data.no_expiry == (data.expires_on is not None):
        raise RefusedError(
            "a document either expires or says that it does not", field="expires_on", rule="expires_on or no_expiry"
        )
    if data.issued_on is not None:
        if not EARLIEST < data.issued_on <= today:
            raise RefusedError("impossible date of issue", field="issued_on", rule="after 1850, not in the future")
        if data.expires_on is not None and data.expires_on < data.issued_on:
            raise RefusedError("expires before it was issued", field="expires_on", rule="not before issued_on")


def _booking(submission: Submission, data: BookTransaction, today: date) -> Unit:
    _check_moment(data.booked_at, today, "booked_at")
    if abs((data.value_date - data.booked_at.date()).days) > VALUE_DATE_DAYS:
        raise RefusedError("value date too far from booking", field="value_date", rule=f"{VALUE_DATE_DAYS} days")
    for at, leg in enumerate(data.legs):
        _check_amount(leg.amount, leg.currency, f"legs[{at}].")
    for at, equivalent in enumerate(data.equivalents):
        check_money(equivalent.amount, equivalent.currency, f"equivalents[{at}]")
    entries = []
    for event in postings(data):
        account = StreamName("account", event.leg.account)
        entries.append(Entry(StreamName("postings", event.leg.account), account, event, ANY, (account,)))
    return Unit(submission.key, submission.origin, tuple(entries), (Claim("transaction", data.reference),))


def _check_amount(amount: Any, currency: str, field: str) -> None:
    check_money(amount, currency, field.removesuffix(".") or "data")
    if amount <= 0:
        raise RefusedError(
            "amount not positive", field=f"{field}amount", rule="the direction tells credit from debit"
        )


def _check_moment(moment: datetime, today: date, field: str) -> None:
    if moment.tzinfo is None:
        raise RefusedError("a time without offset", field=field, rule="RFC 3339 with offset", remedy="add it")
    if not EARLIEST < moment.date() <= today + AHEAD:
        raise RefusedError("impossible time", field=field, rule="after 1850, not in the future")


# --- what the states say of it ------------------------------------------------------------------------


def _account(states: States, number: str, field: str) -> AccountState:
    state = states.get(StreamName("account", number))
    if not isinstance(state, AccountState):
        raise RefusedError(
            "unknown account", field=field, rule="the account is registered", remedy="open the account first"
        )
    return state


def _customer(states: States, number: str, field: str) -> CustomerState:
    state = states.get(StreamName("customer", number))
    if not isinstance(state, CustomerState):
        raise RefusedError(
            "unknown customer", field=field, rule="the customer is registered", remedy="register the customer first"
        )
    return state


def _check_booking(unit: Unit, _: Event, states: States, __: date) -> Unit:
    for at, entry in enumerate(unit.entries):
        event = entry.event
        assert isinstance(event, TransactionBooked)
        leg, booked_on = event.leg, event.booked_at.date()
        state = _account(states, leg.account, f"legs[{at}].account")
        if leg.currency != state.currency:
            raise RefusedError(
                "not the account's currency", field=f"legs[{at}].currency", rule=state.currency,
                remedy="book each leg in its account's currency, with the rate in equivalents",
            )  # fmt: skip
        if booked_on < state.opened_on:
            raise RefusedError(
                "booked before the account was opened", field="booked_at", rule="not before opened_on"
            )
        if state.closed_on is not None and booked_on > state.closed_on:
            raise RefusedError("the account is closed", field=f"legs[{at}].account", rule="not after closed_on")
    return unit


def _check_customer(unit: Unit, event: Event, states: States, _: date) -> Unit:
    state = _customer(states, unit.entries[0].stream.key, "stream")
    if isinstance(event, DocumentCaptured):
        claim = document_claim(event)
        if any(document_claim(known) == claim for known in state.documents):
            return replace(unit, claims=())  # captured again: the customer holds the claim already
    if isinstance(event, IdentityVerified):
        verified_on = event.occurred_at.date()  # history is loaded after some of its documents ran out
        valid = [document for document in current(state, verified_on) if document.kind == event.document_kind]
        if not valid:
            raise RefusedError(
                "no valid document of this kind", field="document_kind", rule="verified against a valid document",
                remedy="capture a valid document first",
            )  # fmt: skip
    if isinstance(event, RelationshipEnded) and state.relationship_from is None:
        raise RefusedError("there is no relationship to end", field="on", rule="established before it ends")
    return unit


def _check_opening(unit: Unit, event: Event, states: States, _: date) -> Unit:
    assert isinstance(event, AccountOpened)
    for at, holder in enumerate(event.holders):
        _customer(states, holder.customer, f"holders[{at}].customer")
    return unit


def _check_account(unit: Unit, event: Event, states: States, _: date) -> Unit:
    state = _account(states, unit.entries[0].stream.key, "stream")
    if state.closed_on is not None:
        raise RefusedError("the account is closed", field="stream", rule="not after closed_on")
    if isinstance(event, HolderAdded):
        _customer(states, event.holder.customer, "holder.customer")
    if isinstance(event, HolderRemoved) and event.customer not in {holder.customer for holder in state.holders}:
        raise RefusedError("not a holder of this account", field="customer", rule="only holders leave")
    return unit


def _check_rejected(unit: Unit, event: Event, states: States, _: date) -> Unit:
    assert isinstance(event, TransactionRejected)
    _account(states, event.account, "account")
    return unit


_RULES: Final[dict[type[Event], Callable[[Unit, Any, States, date], Unit]]] = {
    TransactionBooked: _check_booking,
    TransactionRejected: _check_rejected,
    AccountOpened: _check_opening,
    **dict.fromkeys(CUSTOMER_EVENTS, _check_customer),
    **dict.fromkeys(ACCOUNT_EVENTS, _check_account),
}
