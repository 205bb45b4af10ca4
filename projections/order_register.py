"""Orders of authorities and what follows from them: freezes, secrecy, and every assistance that was given.

No event is needed for a freeze to lapse: its moment is kept, renewals with it, and where it stands is computed for
the instant of the question, hours counted as hours (AML24 art. 45; police procedure rules 238-243). The order's
stream and the account's are two subjects; each row belongs to one of them. The questions are in
:mod:`projections.orders`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from kyc.domain import authority as o
from kyc.domain import restraint as r
from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.keys.ring import DataKey
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections import customer_search, rows
from projections.projection import Tables
from projections.rows import Row, Sheet, Table

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


class OrderRegister:
    """A row for each order, stretch of secrecy, freeze and assistance."""

    name = "order_register"
    version = 1
    tables = ("order_register", "order_secrecy", "order_freeze", "order_assistance")
    schema = _SQL["tables"]

    @property
    def topics(self) -> frozenset[str]:
        """What authorities order, and what is done for them."""
        return frozenset(kind.TOPIC for kind in _CHANGES)

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Fold the batch onto the rows of its orders and accounts."""
        streams = rows.streams_of(batch)
        sheets = [Sheet[Any](connection, tables, table, streams) for table in _TABLES]
        keys = log.ring.opening([recorded.row.data_key for recorded in batch])
        for recorded in batch:
            key = keys[recorded.row.data_key]
            if recorded.event is not None and key is not None:
                _CHANGES[type(recorded.event)](_Desk(log, recorded, key, sheets), recorded.event)
        for sheet in sheets:
            sheet.write()

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what is under destroyed keys."""
        return rows.sweep(connection, tables, self.tables, since)


_TABLES: Final[tuple[Table[Any], ...]] = (_ORDERS, _SECRECY, _FREEZES, _ASSISTANCE)


class _Desk:
    """The rows of one event's stream, and its key."""

    def __init__(self, log: EventLog, recorded: Recorded, key: DataKey, sheets: Sequence[Sheet[Any]]) -> None:
        self.log, self._recorded, self._key = log, recorded, key
        self.head = (recorded.row.stream_id, recorded.row.version, recorded.row.data_key)
        self._sheets = sheets

    def of(self, table: Table[Any]) -> list[Any]:
        """The stream's rows in a table under this event's key: what other keys protect is not known."""
        return [row for row in self._rows(table) if row.data_key == self._recorded.row.data_key]

    def clear(self, table: Table[Any]) -> None:
        """The stream begins: what is left of an earlier one is disposed of."""
        self._rows(table).clear()

    def add(self, table: Table[Any], *values: Any) -> None:
        """A new row."""
        self.keep(table, table.kind(*self.head, *values))

    def keep(self, table: Table[Any], row: Row) -> None:
        """The same of a row that is made already."""
        self._rows(table).append(row)

    def seal(self, content: msgspec.Struct) -> bytes:
        """The encrypted cell of the event's row."""
        return rows.seal(self._key, self.head[0], self.head[1], content)

    def stream(self, kind: str, key: str) -> bytes:
        """The id of another stream."""
        return self.log.stream_id(StreamName(kind, key))

    def assist(self, kind: str, event: Event, order: bytes, act: Act, amount: Any = (None, None)) -> None:
        """Another assistance; in the account's stream it is about the account."""
        account = self.head[0] if type(event).STREAM == "account" else None
        self.add(_ASSISTANCE, order, account, kind, event.occurred_at, *amount, self.seal(act))

    def freeze(self, number: str) -> _Freeze | None:
        """The freeze of a number that was not released."""
        digest = freeze_digest(self.log, number)
        found: Iterable[_Freeze] = (one for one in self.of(_FREEZES) if one.number == digest)
        return next((one for one in found if one.released_at is None and one.noticed_at is None), None)

    def _rows(self, table: Table[Any]) -> list[Any]:
        rows_of: list[Any] = self._sheets[_TABLES.index(table)].rows[self._recorded.row.stream_id]
        return rows_of


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


def _received(desk: _Desk, event: o.OrderReceived) -> None:
    desk.clear(_ORDERS)
    papers = Papers(
        order=event.order, organ_name=event.organ_name, subject_name=event.subject_name,
        case_number=event.case_number, purpose=event.purpose, scope=event.scope, accounts=event.accounts,
    )  # fmt: skip
    desk.add(
        _ORDERS, order_digest(desk.log, event.order), event.action, event.organ, event.level, event.occurred_at,
        None, None, None, desk.stream("customer", event.customer) if event.customer else None,
        subject_digest(desk.log, event.subject_document) if event.subject_document else None,
        [desk.stream("account", account) for account in event.accounts], event.freeze_until, event.notify_after,
        None, 0, desk.seal(papers),
    )  # fmt: skip
    if event.secret:
        desk.add(_SECRECY, event.occurred_at, event.notify_after, None)


def _foreign(desk: _Desk, event: o.ForeignRequestReceived) -> None:
    desk.clear(_ORDERS)
    papers = Papers(order=event.order, organ_name=f"{event.authority}, {event.country}", purpose=event.demand)
    desk.add(
        _ORDERS, order_digest(desk.log, event.order), "query", "foreign", None, event.occurred_at, None, None, None,
        desk.stream("customer", event.customer) if event.customer else None, None, [], None, None, None, 0,
        desk.seal(papers),
    )  # fmt: skip


def _decides(decision: str, act: Callable[[Any], Act | None]) -> Callable[[_Desk, Any], None]:
    def change(desk: _Desk, event: Any) -> None:
        for order in desk.of(_ORDERS):
            order.decision, order.decided_at = decision, event.occurred_at
        done = act(event)
        if done is not None:
            desk.assist(decision, event, desk.head[0], done)

    return change


def _assists(kind: str, act: Callable[[Any], Act]) -> Callable[[_Desk, Any], None]:
    def change(desk: _Desk, event: Any) -> None:
        desk.assist(kind, event, desk.head[0], act(event))

    return change


def _fulfilled(desk: _Desk, event: o.OrderFulfilled) -> None:
    for order in desk.of(_ORDERS):
        order.fulfilled_at = event.occurred_at
    desk.assist("fulfilled", event, desk.head[0], Act(what=(event.result,), receipt=event.receipt))


def _imposed(desk: _Desk, event: o.SecrecyImposed) -> None:
    desk.add(_SECRECY, event.occurred_at, event.until, None)


def _released(desk: _Desk, event: o.SecrecyReleased) -> None:
    for secrecy in desk.of(_SECRECY):
        secrecy.released_at = secrecy.released_at or event.occurred_at


def _notified(desk: _Desk, event: o.CustomerNotified) -> None:
    for order in desk.of(_ORDERS):
        order.notified_at = event.occurred_at


def _objected(desk: _Desk, _: o.ObjectionLodged) -> None:
    for order in desk.of(_ORDERS):
        order.objections += 1


# --- accounts -------------------------------------------------------------------------------------------


def _begun(desk: _Desk, event: r.AccountFrozen | r.FreezeQueued, queued_at: datetime | None = None) -> _Freeze:
    """A new row of a freeze, not in force yet."""
    named = desk.seal(Named(freeze=event.id, order=event.order))
    freeze = _Freeze(
        *desk.head, number=freeze_digest(desk.log, event.id), order_id=desk.stream("order", event.order),
        organ=event.organ, amount=None, currency=None, fruits=False, queued_at=queued_at, frozen_at=None,
        said_at=[], ends=[], last_end=None, released_at=None, noticed_at=None, content=named,
    )  # fmt: skip
    desk.keep(_FREEZES, freeze)
    return freeze


def _frozen(desk: _Desk, event: r.AccountFrozen) -> None:
    freeze = desk.freeze(event.id)
    if freeze is None or freeze.frozen_at is not None:
        freeze = _begun(desk, event)
    freeze.amount, freeze.currency, freeze.fruits = event.amount, event.currency, event.covers_fruits
    freeze.frozen_at = event.occurred_at
    freeze.ends_at(event.occurred_at, event.until)
    desk.assist("frozen", event, freeze.order_id, Act(freeze=event.id), (event.amount, event.currency))


def _queued(desk: _Desk, event: r.FreezeQueued) -> None:
    freeze = _begun(desk, event, event.occurred_at)
    desk.assist("queued", event, freeze.order_id, Act(freeze=event.id))


def _renewed(desk: _Desk, event: r.FreezeRenewed) -> None:
    freeze = desk.freeze(event.id)
    if freeze is not None:
        freeze.ends_at(event.occurred_at, event.until)
    desk.assist("renewed", event, desk.stream("order", event.order), Act(freeze=event.id))


def _lifted(desk: _Desk, event: r.FreezeReleased) -> None:
    freeze = desk.freeze(event.id)
    if freeze is not None:
        freeze.released_at = event.occurred_at
        desk.assist("released", event, freeze.order_id, Act(freeze=event.id, what=(event.reason,)))


def _noticed(desk: _Desk, event: r.FreezeLapsed) -> None:
    freeze = desk.freeze(event.id)
    if freeze is not None:
        freeze.noticed_at = event.occurred_at


def _deducted(desk: _Desk, event: r.FundsDeducted) -> None:
    act = Act(to=event.destination, freeze=event.freeze or "", reference=event.reference)
    desk.assist("deducted", event, desk.stream("order", event.order), act, (event.amount, event.currency))


_CHANGES: Final[dict[type[Event], Callable[[_Desk, Any], None]]] = {
    o.OrderReceived: _received,
    o.ForeignRequestReceived: _foreign,
    o.OrderAccepted: _decides("accepted", lambda _: None),
    o.OrderRejected: _decides("rejected", lambda event: Act(what=event.reasons)),
    o.ForeignRequestApproved: _decides("accepted", lambda _: None),
    o.ForeignRequestRefused: _decides("rejected", lambda event: Act(to=event.reported_to, what=(event.reason,))),
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
