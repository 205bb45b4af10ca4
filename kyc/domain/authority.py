"""Orders of authorities: received as they came, checked, accepted by a second person or rejected with reasons.

Receiving is a fact and always recorded; accepting is a decision, and refused as long as the order has a defect.
Bank secrecy is the rule (CBL art. 29-30); what an order must hold is law as data (:mod:`kyc.domain.authorities`).
Serves seed rules 25, 26, 32 and 33, AML24 art. 7, 22, 43-45 and 50, PIPL art. 41, QFD.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from kyc.domain import legal_order_rules
from kyc.domain.authorities import Action
from kyc.domain.currencies import check_positive
from kyc.domain.customer import second_person
from kyc.domain.dates import check_date
from kyc.domain.event import Event, Instant, RecordClass, Scanned
from kyc.domain.policies import Policies, published
from kyc.domain.stream import POLICIES, Given, Stream, check, consults
from kyc.domain.two_people import two_people
from kyc.domain.values import Code, Country, Currency, Digest, Line, Note, Record, Text, Word
from kyc.errors import RefusedError

OBJECTION_ANSWERED: Final = timedelta(days=15)
"""Within it a court answers a bank's objection (SPC 2013 on network channels)."""
Fields = Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=200)]


class Officer(Record, frozen=True, kw_only=True):
    """Somebody who presents an order."""

    name: Text
    work_id: Word = ""
    registered: bool = False
    """Known to us beforehand, on a network channel with an electronic seal."""


class Paper(Record, frozen=True, kw_only=True):
    """A document of an order."""

    kind: Code
    """``assistance-notice``, ``ruling``, ``judgment``, ``decision`` …"""
    number: Word = ""
    digest: Word = ""


class LegalBasis(Record, frozen=True, kw_only=True):
    """What an order rests on; its rank is looked up, not believed."""

    instrument: Text
    article: Word = ""


class OrderEvent(Event, frozen=True, kw_only=True):
    """An event of one order."""

    STREAM: ClassVar[str] = "order"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.AUTHORITY
    KEY: ClassVar[str] = "order"

    order: Code
    """The bank's own number of it."""


class OrderReceived(Scanned, frozen=True, kw_only=True):
    """An order came in: query, freeze or deduct (查询 / 冻结 / 扣划), with its papers."""

    TOPIC: ClassVar[str] = "order.received"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.AUTHORITY
    STREAM: ClassVar[str] = "order"
    KEY: ClassVar[str] = "order"

    order: Code
    action: Action
    organ: Code
    """Kind of organ, such as ``court``, ``police``, ``tax``."""
    organ_name: Text
    level: Annotated[int, msgspec.Meta(ge=1, le=5)]
    """1 township, 2 county or regiment, 3 city, 4 province, 5 state."""
    bases: Annotated[tuple[LegalBasis, ...], msgspec.Meta(min_length=1, max_length=20)]
    papers: Annotated[tuple[Paper, ...], msgspec.Meta(max_length=20)] = ()
    officers: Annotated[tuple[Officer, ...], msgspec.Meta(max_length=20)] = ()
    approved_by: Line = ""
    """The head who approved."""
    approval: Annotated[int, msgspec.Meta(ge=1, le=5)]
    """That head's level."""
    case_kind: Word = ""
    """Where the right exists only in cases of a kind."""
    case_number: Word = ""
    major: bool = False
    """A major or complex case."""
    network: bool = False
    """Came over a court's or ministry's network."""
    sealed: bool = False
    """Carries a valid electronic seal."""
    channel: Code
    handler: Code
    """Who took it in."""
    subject: Literal["natural", "organisation"]
    subject_name: Text
    subject_document: Word = ""
    customer: Word = ""
    accounts: Annotated[tuple[Code, ...], msgspec.Meta(max_length=1_000)] = ()
    since: date | None = None
    until: date | None = None
    """Period that is asked about."""
    scope: Annotated[tuple[Code, ...], msgspec.Meta(max_length=200)] = ()
    """Fields that are asked for."""
    amount: Decimal | None = None
    currency: Currency | None = None
    whole_account: bool = False
    """Freezes or deducts all there is, instead of an amount."""
    freeze_from: Instant | None = None
    freeze_until: Instant | None = None
    fruits: Literal["", "covered", "not-covered"] = ""
    """孳息; empty: the order does not say."""
    renewals: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """The how-manieth renewal of a freeze this is."""
    frozen_since: Instant | None = None
    lapses_at: Instant | None = None
    """Beginning and present end of the freeze it renews."""
    destination: Line = ""
    purpose: Line = ""
    """What the answer may be used for (AML24 art. 7)."""
    secret: bool = False
    notify_after: date | None = None


class OrderRejected(OrderEvent, frozen=True, kw_only=True):
    """The order is not followed, for reasons by code."""

    TOPIC: ClassVar[str] = "order.rejected"

    reasons: Fields
    note: Note = ""


class OrderAccepted(OrderEvent, frozen=True, kw_only=True):
    """A second person found the order in order (seed rule 32)."""

    TOPIC: ClassVar[str] = "order.accepted"

    approver: Code


class DataDisclosed(OrderEvent, frozen=True, kw_only=True):
    """What was handed over, to whom, with the digest of what left (seed rule 28)."""

    TOPIC: ClassVar[str] = "order.data_disclosed"

    recipient: Text
    fields: Fields
    digest: Digest
    receipt: Line = ""


class EvidenceSealed(OrderEvent, frozen=True, kw_only=True):
    """Originals were sealed in place, a list signed by both sides (AML24 art. 44)."""

    TOPIC: ClassVar[str] = "order.evidence_sealed"

    items: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=1_000)]
    counterpart: Text


class SecrecyImposed(OrderEvent, frozen=True, kw_only=True):
    """The organ ordered secrecy (seed rule 33)."""

    TOPIC: ClassVar[str] = "order.secrecy_imposed"

    until: date | None = None


class SecrecyReleased(OrderEvent, frozen=True, kw_only=True):
    """The organ released secrecy: the customer may be told."""

    TOPIC: ClassVar[str] = "order.secrecy_released"

    reference: Line = ""


class CustomerNotified(OrderEvent, frozen=True, kw_only=True):
    """The customer was told of the order."""

    TOPIC: ClassVar[str] = "order.customer_notified"

    channel: Code


class ObjectionLodged(OrderEvent, frozen=True, kw_only=True):
    """The bank or the person objected (SPC 2013: the court answers in 15 days)."""

    TOPIC: ClassVar[str] = "order.objection_lodged"

    by: Literal["bank", "customer", "third-party"]
    statement: Note


class OrderObjectionAnswered(OrderEvent, frozen=True, kw_only=True):
    """The organ answered an objection."""

    TOPIC: ClassVar[str] = "order.objection_answered"

    outcome: Literal["upheld", "rejected", "withdrawn"]
    statement: Note


class OrderFulfilled(OrderEvent, frozen=True, kw_only=True):
    """The order is done: answered, frozen or deducted, and receipted."""

    TOPIC: ClassVar[str] = "order.fulfilled"

    result: Text
    receipt: Line = ""


class ForeignRequestReceived(OrderEvent, frozen=True, kw_only=True):
    """A foreign authority asks; nothing goes to it directly (PIPL art. 41; DSL art. 36; AML24 art. 50)."""

    TOPIC: ClassVar[str] = "order.foreign_received"

    authority: Text
    country: Country
    demand: Note
    customer: Word = ""


class ForeignRequestEscalated(OrderEvent, frozen=True, kw_only=True):
    """The request was passed to the competent authority at home."""

    TOPIC: ClassVar[str] = "order.foreign_escalated"

    to: Text
    reference: Word = ""


class ForeignRequestApproved(OrderEvent, frozen=True, kw_only=True):
    """The competent authority at home allowed an answer, and what it may hold."""

    TOPIC: ClassVar[str] = "order.foreign_approved"

    authority: Text
    reference: Code
    fields: Fields
    approver: Code


class ForeignRequestRefused(OrderEvent, frozen=True, kw_only=True):
    """The request was refused and the demand reported."""

    TOPIC: ClassVar[str] = "order.foreign_refused"

    reason: Text
    reported_to: Line = ""


# --- state ----------------------------------------------------------------------------------------------


class OrderState(msgspec.Struct, frozen=True, kw_only=True):
    """Where an order stands."""

    order: str
    action: str
    organ: str
    received: OrderReceived | None = None
    """None: a foreign request."""
    status: Literal["received", "accepted", "rejected", "fulfilled"] = "received"
    scope: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    until: datetime | None = None
    """The moment a freeze under it lapses at the latest."""
    secret: bool = False
    notified: bool = False
    objections: tuple[date, ...] = ()
    """Objections that are not answered yet, by the day the answer is due."""


ORDER: Final = Stream("order", OrderState)
consults(POLICIES, OrderAccepted)


@ORDER.begins(OrderReceived)
def _received(event: OrderReceived) -> OrderState:
    return OrderState(
        order=event.order, action=event.action, organ=event.organ, received=event, scope=event.scope,
        accounts=event.accounts, secret=event.secret, until=event.freeze_until,
    )  # fmt: skip


@ORDER.begins(ForeignRequestReceived)
def _foreign(event: ForeignRequestReceived) -> OrderState:
    return OrderState(order=event.order, action="query", organ="foreign")


def _changes(event: type[Event], **fields: Any) -> None:
    @ORDER.changes(event)
    def fold(state: OrderState, _: Event) -> OrderState:
        return msgspec.structs.replace(state, **fields)


@ORDER.changes(ObjectionLodged)
def _objected(state: OrderState, event: ObjectionLodged) -> OrderState:
    due = event.occurred_at.date() + OBJECTION_ANSWERED
    return msgspec.structs.replace(state, objections=(*state.objections, due))


@ORDER.changes(OrderObjectionAnswered)
def _objection_answered(state: OrderState, _: OrderObjectionAnswered) -> OrderState:
    return msgspec.structs.replace(state, objections=state.objections[1:])


_changes(OrderRejected, status="rejected")
_changes(OrderAccepted, status="accepted")
_changes(ForeignRequestRefused, status="rejected")
_changes(OrderFulfilled, status="fulfilled")
_changes(SecrecyImposed, secret=True)
_changes(SecrecyReleased, secret=False)
_changes(CustomerNotified, notified=True)


@ORDER.changes(ForeignRequestApproved)
def _approved(state: OrderState, event: ForeignRequestApproved) -> OrderState:
    return msgspec.structs.replace(state, status="accepted", scope=event.fields)


# --- rules ----------------------------------------------------------------------------------------------


def defects(order: OrderReceived, policies: Policies, on: date) -> tuple[str, ...]:
    """Why an order may not be followed, as reason codes; empty where nothing stands against it."""
    return tuple(dict.fromkeys(violation.code for violation in violations(order, policies, on)))


def violations(order: OrderReceived, policies: Policies, on: date) -> tuple[legal_order_rules.Violation, ...]:
    """Everything that stands against following an order, each with field, rule and remedy."""
    assessed = legal_order_rules.Order(
        action=order.action, organ=order.organ, level=order.level, approval=order.approval, subject=order.subject,
        bases=tuple(basis.instrument for basis in order.bases), papers=frozenset(p.kind for p in order.papers),
        officers=tuple(
            legal_order_rules.Officer(work_id=bool(officer.work_id), registered=officer.registered)
            for officer in order.officers
        ),
        network=order.network, sealed=order.sealed, case=order.case_kind, major=order.major,
        accounts=len(order.accounts), amount=order.amount is not None or order.whole_account,
        fruits_said=bool(order.fruits), destination=bool(order.destination), starts_at=order.freeze_from,
        ends_at=order.freeze_until, renewals=order.renewals, frozen_since=order.frozen_since,
        lapsed_at=order.lapses_at,
    )  # fmt: skip
    return legal_order_rules.assess(assessed, on, policies.authorities(on)).violations


@check(OrderReceived)
def _check_order(event: OrderReceived, _: date) -> None:
    check_date(event.since, "since")
    check_date(event.until, "until")
    if event.since is not None and event.until is not None and event.until < event.since:
        raise RefusedError("ends before it begins", field="until", rule="not before since")
    if (event.amount is None) != (event.currency is None):
        raise RefusedError("an amount and its currency go together", field="amount", rule="both or neither")
    if event.amount is not None and event.currency is not None:
        check_positive(event.amount, event.currency, "")


@ORDER.rule(OrderAccepted)
def _without_defects(state: OrderState, event: OrderAccepted, given: Given) -> None:
    if state.received is None:
        raise RefusedError(
            "a foreign request is not accepted here", field="order", rule="PIPL art. 41",
            remedy="escalate it to the competent authority",
        )  # fmt: skip
    two_people(given.origin.actor, event.approver)
    two_people(state.received.handler, event.approver)
    found = defects(state.received, published(given), state.received.occurred_at.date())
    if found:
        raise RefusedError(
            "the order has defects", field="order", rule=", ".join(found), remedy="reject it, or have it mended"
        )


@ORDER.rule(OrderAccepted, OrderRejected, ForeignRequestApproved, ForeignRequestRefused)
def _decided_once(state: OrderState, _: Event, __: Given) -> None:
    if state.status != "received":
        raise RefusedError("the order was decided", field="order", rule="accepted or rejected once")


@ORDER.rule(ForeignRequestApproved, ForeignRequestEscalated, ForeignRequestRefused)
def _is_foreign(state: OrderState, _: Event, __: Given) -> None:
    if state.received is not None:
        raise RefusedError("this is no foreign request", field="order", rule="order.foreign_received")


@ORDER.rule(ForeignRequestApproved)
def _by_two(_: OrderState, event: ForeignRequestApproved, given: Given) -> None:
    second_person(event.approver, given, "approver")


@ORDER.rule(DataDisclosed, OrderFulfilled, EvidenceSealed)
def _only_accepted(state: OrderState, _: Event, __: Given) -> None:
    if state.status != "accepted":
        raise RefusedError("the order is not accepted", field="order", rule="order.accepted")


@ORDER.rule(DataDisclosed)
def _within_scope(state: OrderState, event: DataDisclosed, _: Given) -> None:
    """Never more fields than the order names."""
    if set(event.fields) - set(state.scope):
        raise RefusedError(
            "more than the order asks for", field="fields", rule="the order's scope", remedy="leave out the rest"
        )


@ORDER.rule(CustomerNotified)
def _not_while_secret(state: OrderState, event: CustomerNotified, _: Given) -> None:
    if state.secret:
        raise RefusedError("the order is secret", field="order", rule="secrecy is released first")
    after = None if state.received is None else state.received.notify_after
    if after is not None and event.occurred_at.date() < after:
        raise RefusedError("too early", field="occurred_at", rule="notify_after")


@ORDER.rule(OrderObjectionAnswered)
def _was_objected(state: OrderState, _: OrderObjectionAnswered, __: Given) -> None:
    if not state.objections:
        raise RefusedError("no objection is open", field="order", rule="order.objection_lodged")


@ORDER.rule(SecrecyReleased)
def _was_secret(state: OrderState, _: SecrecyReleased, __: Given) -> None:
    if not state.secret:
        raise RefusedError("the order is not secret", field="order", rule="secret before it is released")
