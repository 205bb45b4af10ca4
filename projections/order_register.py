"""Orders of authorities and what follows from them: freezes, secrecy, and every assistance that was given.

No event is needed for a freeze to lapse: its moment is kept, renewals with it, and where it stands is computed for
the instant of the question, hours counted as hours (AML24 art. 45; police procedure rules 238-243). The order's
stream and the account's are two subjects; each row belongs to one of them. The questions are in
:mod:`projections.orders`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec

from kyc.domain import authority as o
from kyc.domain import restraint as r
from kyc.domain.event import Event
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import customer_search, rows
from projections.rows import Desk, Row, Table

_SQL: Final = load("projections", "order_register.sql")


class Papers(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is encrypted of an order."""

    order: str
    organ_name: str
    subject_name: str = ""
    case_number: str = ""
    purpose: str = ""
    """What is asked, of a foreign request; else what the answer may be used for."""
    scope: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


class Named(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is encrypted of a freeze."""

    freeze: str
    order: str


class Act(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is encrypted of an assistance."""

    to: str = ""
    """Recipient, counterpart or account the money went to."""
    what: tuple[str, ...] = ()
    """Fields, sealed items, reasons."""
    digest: str = ""
    receipt: str = ""
    freeze: str = ""
    reference: str = ""


@dataclass(slots=True)
class _Order(Row):
    number: bytes
    action: str
    organ: str
    level: int | None
    received_at: datetime
    decision: str | None
    decided_at: datetime | None
    fulfilled_at: datetime | None
    customer: bytes | None
    subject: bytes | None
    accounts: list[bytes]
    freeze_until: datetime | None
    notify_after: date | None
    notified_at: datetime | None
    objections: int
    content: bytes


@dataclass(slots=True)
class _Secrecy(Row):
    since: datetime
    until: date | None
    released_at: datetime | None


@dataclass(slots=True)
class _Freeze(Row):
    number: bytes
    order_id: bytes
    organ: str
    amount: Decimal | None
    currency: str | None
    fruits: bool
    queued_at: datetime | None
    frozen_at: datetime | None
    said_at: list[datetime]
    ends: list[datetime | None]
    last_end: datetime | None
    released_at: datetime | None
    noticed_at: datetime | None
    content: bytes

    def ends_at(self, said_at: datetime, end: datetime | None) -> None:
        """Another end is said."""
        self.said_at = [*self.said_at, said_at]
        self.ends = [*self.ends, end]
        self.last_end = end


@dataclass(slots=True)
class _Assistance(Row):
    order_id: bytes
    account: bytes | None
    kind: str
    at: datetime
    amount: Decimal | None
    currency: str | None
    content: bytes


_KEY: Final = ("uuid", "int8", "uuid")
_AT: Final = "timestamptz"
_ORDERS: Final = Table(
    "order_register", _Order,
    (*_KEY, "uuid", "text", "text", "int2", _AT, "text", _AT, _AT, "uuid", "uuid", "uuid[]", _AT, "date", _AT,
     "int2", "bytea"),
)  # fmt: skip
_SECRECY: Final = Table("order_secrecy", _Secrecy, (*_KEY, _AT, "date", _AT))
_FREEZES: Final = Table(
    "order_freeze", _Freeze,
    (*_KEY, "uuid", "uuid", "text", "numeric", "text", "bool", _AT, _AT, f"{_AT}[]", f"{_AT}[]", _AT, _AT, _AT,
     "bytea"),
)  # fmt: skip
_ASSISTANCE: Final = Table(
    "order_assistance", _Assistance, (*_KEY, "uuid", "uuid", "text", _AT, "numeric", "text", "bytea")
)


def _assist(desk: Desk, kind: str, event: Event, order: bytes, act: Act, amount: Any = (None, None)) -> None:
    """Another assistance; in the account's stream it is about the account."""
    account = desk.row.stream_id if type(event).STREAM == "account" else None
    desk.add(_ASSISTANCE, order, account, kind, event.occurred_at, *amount, desk.seal(act))


def _freeze(desk: Desk, number: str) -> _Freeze | None:
    """The freeze of a number that was not released."""
    digest = freeze_digest(desk.log, number)
    found = (one for one in desk.of(_FREEZES) if one.number == digest)
    return next((one for one in found if one.released_at is None and one.noticed_at is None), None)


def order_digest(log: EventLog, number: str) -> bytes:
    """What stands for the number of an order."""
    return log.blinder.index("order", number)


def freeze_digest(log: EventLog, number: str) -> bytes:
    """What stands for the number of a freeze."""
    return log.blinder.index("freeze", number)


def subject_digest(log: EventLog, number: str) -> bytes:
    """What stands for the document number of an order's subject, as in customer_profile."""
    return log.blinder.index("document", customer_search.normal("document", number))


# --- orders ---------------------------------------------------------------------------------------------


def _received(desk: Desk, event: o.OrderReceived) -> None:
    papers = Papers(
        order=event.order, organ_name=event.organ_name, subject_name=event.subject_name,
        case_number=event.case_number, purpose=event.purpose, scope=event.scope, accounts=event.accounts,
    )  # fmt: skip
    desk.begin(
        _ORDERS, order_digest(desk.log, event.order), event.action, event.organ, event.level, event.occurred_at,
        None, None, None, desk.stream("customer", event.customer) if event.customer else None,
        subject_digest(desk.log, event.subject_document) if event.subject_document else None,
        [desk.stream("account", account) for account in event.accounts], event.freeze_until, event.notify_after,
        None, 0, desk.seal(papers),
    )  # fmt: skip
    if event.secret:
        desk.add(_SECRECY, event.occurred_at, event.notify_after, None)


def _foreign(desk: Desk, event: o.ForeignRequestReceived) -> None:
    papers = Papers(order=event.order, organ_name=f"{event.authority}, {event.country}", purpose=event.demand)
    desk.begin(
        _ORDERS, order_digest(desk.log, event.order), "query", "foreign", None, event.occurred_at, None, None, None,
        desk.stream("customer", event.customer) if event.customer else None, None, [], None, None, None, 0,
        desk.seal(papers),
    )  # fmt: skip


def _decides(decision: str, act: Callable[[Any], Act | None]) -> Callable[[Desk, Any], None]:
    def change(desk: Desk, event: Any) -> None:
        for order in desk.of(_ORDERS):
            order.decision, order.decided_at = decision, event.occurred_at
        done = act(event)
        if done is not None:
            _assist(desk, decision, event, desk.row.stream_id, done)

    return change


def _assists(kind: str, act: Callable[[Any], Act]) -> Callable[[Desk, Any], None]:
    def change(desk: Desk, event: Any) -> None:
        _assist(desk, kind, event, desk.row.stream_id, act(event))

    return change


def _fulfilled(desk: Desk, event: o.OrderFulfilled) -> None:
    for order in desk.of(_ORDERS):
        order.fulfilled_at = event.occurred_at
    _assist(desk, "fulfilled", event, desk.row.stream_id, Act(what=(event.result,), receipt=event.receipt))


def _imposed(desk: Desk, event: o.SecrecyImposed) -> None:
    desk.add(_SECRECY, event.occurred_at, event.until, None)


def _released(desk: Desk, event: o.SecrecyReleased) -> None:
    for secrecy in desk.of(_SECRECY):
        secrecy.released_at = secrecy.released_at or event.occurred_at


def _notified(desk: Desk, event: o.CustomerNotified) -> None:
    for order in desk.of(_ORDERS):
        order.notified_at = event.occurred_at


def _objected(desk: Desk, _: o.ObjectionLodged) -> None:
    for order in desk.of(_ORDERS):
        order.objections += 1


# --- accounts -------------------------------------------------------------------------------------------


def _begun(desk: Desk, event: r.AccountFrozen | r.FreezeQueued, queued_at: datetime | None = None) -> _Freeze:
    """A new row of a freeze, not in force yet."""
    named = desk.seal(Named(freeze=event.id, order=event.order))
    number, order, fruits = freeze_digest(desk.log, event.id), desk.stream("order", event.order), False
    return desk.add(
        _FREEZES, number, order, event.organ, None, None, fruits, queued_at, None, [], [], None, None, None, named
    )


def _frozen(desk: Desk, event: r.AccountFrozen) -> None:
    freeze = _freeze(desk, event.id)
    if freeze is None or freeze.frozen_at is not None:
        freeze = _begun(desk, event)
    freeze.amount, freeze.currency, freeze.fruits = event.amount, event.currency, event.covers_fruits
    freeze.frozen_at = event.occurred_at
    freeze.ends_at(event.occurred_at, event.until)
    _assist(desk, "frozen", event, freeze.order_id, Act(freeze=event.id), (event.amount, event.currency))


def _queued(desk: Desk, event: r.FreezeQueued) -> None:
    freeze = _begun(desk, event, event.occurred_at)
    _assist(desk, "queued", event, freeze.order_id, Act(freeze=event.id))


def _renewed(desk: Desk, event: r.FreezeRenewed) -> None:
    freeze = _freeze(desk, event.id)
    if freeze is not None:
        freeze.ends_at(event.occurred_at, event.until)
    _assist(desk, "renewed", event, desk.stream("order", event.order), Act(freeze=event.id))


def _lifted(desk: Desk, event: r.FreezeReleased) -> None:
    freeze = _freeze(desk, event.id)
    if freeze is not None:
        freeze.released_at = event.occurred_at
        _assist(desk, "released", event, freeze.order_id, Act(freeze=event.id, what=(event.reason,)))


def _noticed(desk: Desk, event: r.FreezeLapsed) -> None:
    freeze = _freeze(desk, event.id)
    if freeze is not None:
        freeze.noticed_at = event.occurred_at


def _deducted(desk: Desk, event: r.FundsDeducted) -> None:
    act = Act(to=event.destination, freeze=event.freeze or "", reference=event.reference)
    _assist(desk, "deducted", event, desk.stream("order", event.order), act, (event.amount, event.currency))


class OrderRegister(rows.Register):
    """A row for each order, stretch of secrecy, freeze and assistance."""

    name = "order_register"
    version = 1
    schema = _SQL["tables"]
    sheets = (_ORDERS, _SECRECY, _FREEZES, _ASSISTANCE)
    changes: ClassVar[Mapping[type[Event], Callable[[Desk, Any], object]]] = {
        o.OrderReceived: _received,
        o.ForeignRequestReceived: _foreign,
        o.OrderAccepted: _decides("accepted", lambda _: None),
        o.OrderRejected: _decides("rejected", lambda event: Act(what=event.reasons)),
        o.ForeignRequestApproved: _decides("accepted", lambda _: None),
        o.ForeignRequestRefused: _decides(
            "rejected", lambda event: Act(to=event.reported_to, what=(event.reason,))
        ),
        o.ForeignRequestEscalated: _assists("escalated", lambda event: Act(to=event.to, reference=event.reference)),
        o.DataDisclosed: _assists(
            "disclosed",
            lambda event: Act(to=event.recipient, what=event.fields, digest=event.digest, receipt=event.receipt),
        ),
        o.EvidenceSealed: _assists("sealed", lambda event: Act(to=event.counterpart, what=event.items)),
        o.OrderFulfilled: _fulfilled,
        o.SecrecyImposed: _imposed,
        o.SecrecyReleased: _released,
        o.CustomerNotified: _notified,
        o.ObjectionLodged: _objected,
        r.AccountFrozen: _frozen,
        r.FreezeQueued: _queued,
        r.FreezeRenewed: _renewed,
        r.FreezeReleased: _lifted,
        r.FreezeLapsed: _noticed,
        r.FundsDeducted: _deducted,
    }
