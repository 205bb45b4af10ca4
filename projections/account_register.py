"""Accounts with their holders, found by keyed digest of the account number or by holder; who held them when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from kyc.domain.account import AccountClosed, AccountOpened, AccountReopened, Holder, HolderAdded, HolderRemoved
from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.projection import Tables, reading

_SQL: Final = load("projections", "account_register.sql")
_TYPES: Final = (
    "uuid", "uuid", "text", "text", "text", "date", "date", "uuid[]", "text[]", "uuid[]", "int8", "uuid",
)  # fmt: skip
_HOLDING_TYPES: Final = ("uuid", "int8", "int2", "uuid", "text", "date", "date", "uuid")


@dataclass(frozen=True, slots=True)
class Account:
    """An account as of now; ``disposed``: its key is destroyed, and the rest is empty."""

    stream_id: bytes
    currency: str | None
    product: str | None
    branch: str | None
    """Where it was opened."""
    opened_on: date | None
    closed_on: date | None
    holders: tuple[tuple[bytes, str], ...]
    """(customer stream id, role) of those who hold it now."""
    former: tuple[bytes, ...]
    version: int
    disposed: bool

    @property
    def ever_held_by(self) -> tuple[bytes, ...]:
        """The customers who hold or held it, stream ids."""
        return (*(holder for holder, _ in self.holders), *self.former)


@dataclass(slots=True)
class _Row:
    """A row under way; ``data_key`` None: disposed of."""

    stream_id: bytes
    number: bytes | None = None
    currency: str | None = None
    product: str | None = None
    branch: str | None = None
    opened_on: date | None = None
    closed_on: date | None = None
    holders: list[bytes] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    former: list[bytes] = field(default_factory=list)
    version: int = 0
    data_key: bytes | None = None

    def join(self, log: EventLog, holder: Holder) -> None:
        """A holder joins."""
        self.holders.append(_customer(log, holder.customer))
        self.roles.append(holder.role)

    def leave(self, log: EventLog, customer: str) -> None:
        """A holder leaves."""
        gone = _customer(log, customer)
        if gone in self.holders:
            at = self.holders.index(gone)
            del self.holders[at], self.roles[at]
            self.former.append(gone)

    def cells(self) -> tuple[object, ...]:
        """The row as it is stored."""
        return (
            self.stream_id, self.number, self.currency, self.product, self.branch, self.opened_on, self.closed_on,
            pgbinary.uuids(self.holders), self.roles, pgbinary.uuids(self.former), self.version, self.data_key,
        )  # fmt: skip


def _opened(row: _Row, log: EventLog, recorded: Recorded, event: AccountOpened) -> None:
    row.number = log.blinder.index("account", event.account)
    row.currency, row.product, row.opened_on = event.currency, event.product, event.opened_on
    row.branch = recorded.context.branch
    row.data_key = recorded.row.data_key
    for holder in event.holders:
        row.join(log, holder)


def _added(row: _Row, log: EventLog, _: Recorded, event: HolderAdded) -> None:
    row.join(log, event.holder)


def _removed(row: _Row, log: EventLog, _: Recorded, event: HolderRemoved) -> None:
    row.leave(log, event.customer)


def _closed(row: _Row, _: EventLog, __: Recorded, event: AccountClosed) -> None:
    row.closed_on = event.on


def _reopened(row: _Row, _: EventLog, __: Recorded, ___: AccountReopened) -> None:
    row.closed_on = None


_CHANGES: Final[dict[type[Event], Callable[..., None]]] = {
    AccountOpened: _opened,
    HolderAdded: _added,
    HolderRemoved: _removed,
    AccountClosed: _closed,
    AccountReopened: _reopened,
}


class AccountRegister:
    """One row for each account; one for each holding."""

    name = "account_register"
    version = 3
    topics = frozenset(kind.TOPIC for kind in _CHANGES)
    tables = ("account_register", "account_holding")
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Fold the batch onto the rows of its accounts."""
        streams = pgbinary.uuids(list(dict.fromkeys(recorded.row.stream_id for recorded in batch)))
        found = connection.execute(tables.fill(_SQL["current"]), (streams,), binary=True).fetchall()
        rows = {row[0]: _Row(*row) for row in found}
        for recorded in batch:
            stream = recorded.row.stream_id
            row = rows.get(stream)
            if row is None:
                row = rows[stream] = _Row(stream)
            row.version = recorded.row.version
            if recorded.event is None:
                rows[stream] = _Row(stream, version=row.version)
            elif row.data_key is not None or isinstance(recorded.event, AccountOpened):
                _CHANGES[type(recorded.event)](row, log, recorded, recorded.event)
        connection.execute(tables.fill(_SQL["delete"]), (streams,))
        tables.copy(connection, self.name, _TYPES, [row.cells() for row in rows.values()])
        _hold(connection, log, tables, batch)

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Empty the rows of destroyed keys."""
        return sum(
            connection.execute(tables.fill(_SQL[statement]), (since,)).rowcount
            for statement in ("sweep", "sweep_holdings")
        )


def _hold(connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
    """Holdings that begin and end in the batch."""
    begun: list[list[Any]] = []
    for recorded in batch:
        event, row = recorded.event, recorded.row
        joined: list[tuple[Holder, date]] = []
        if isinstance(event, AccountOpened):
            joined = [(holder, event.opened_on) for holder in event.holders]
        elif isinstance(event, HolderAdded):
            joined = [(event.holder, event.on)]
        elif isinstance(event, HolderRemoved):
            customer = _customer(log, event.customer)
            for one in begun:
                if (one[0], one[3], one[6]) == (row.stream_id, customer, None):
                    one[6] = event.on
            arguments = (event.on, UUID(bytes=row.stream_id), UUID(bytes=customer))
            connection.execute(tables.fill(_SQL["leave"]), arguments)
        begun += [
            [row.stream_id, row.version, at, _customer(log, holder.customer), holder.role, on, None, row.data_key]
            for at, (holder, on) in enumerate(joined)
        ]
    tables.copy(connection, "account_holding", _HOLDING_TYPES, begun)


def find(log: EventLog, number: str) -> Account | None:
    """The account of a number, or None.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    digest = UUID(bytes=log.blinder.index("account", number))
    with reading(log) as connection:
        row = connection.execute(_SQL["by_number"], (digest,), binary=True).fetchone()
    return None if row is None else _account(row)


def of_streams(log: EventLog, streams: Iterable[bytes]) -> list[Account]:
    """The accounts of some streams; unknown ones are left out.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        found = connection.execute(_SQL["by_stream"], (pgbinary.uuids(list(streams)),), binary=True).fetchall()
    return list(map(_account, found))


def held_by(log: EventLog, *customers: bytes) -> list[Account]:
    """The accounts that any of these customers (stream ids) holds now.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        found = connection.execute(_SQL["by_holder"], (pgbinary.uuids(customers),), binary=True).fetchall()
    return list(map(_account, found))


def ever_held_by(log: EventLog, *customers: bytes) -> list[Account]:
    """The accounts that any of these customers (stream ids) holds or held.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    ids = pgbinary.uuids(customers)
    with reading(log) as connection:
        return list(map(_account, connection.execute(_SQL["by_anybody"], (ids, ids), binary=True).fetchall()))


def _account(row: Sequence[Any]) -> Account:
    stream, currency, product, branch, opened_on, closed_on, holders, roles, former, version, disposed = row
    return Account(
        stream, currency, product, branch, opened_on, closed_on, tuple(zip(holders, roles, strict=True)),
        tuple(former), version, disposed,
    )  # fmt: skip


def _customer(log: EventLog, number: str) -> bytes:
    return log.stream_id(StreamName("customer", number))
