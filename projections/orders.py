"""Questions about orders of authorities: where they, freezes and secrecy stood at an instant, and what is due.

The read model is :mod:`projections.order_register`. Who may be told of a secret order is not decided here: every
answer says whether one is, and can be asked for those that are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypedDict, Unpack
from uuid import UUID

from psycopg import sql

from kyc.domain.submission import StreamName
from kyc.store import pgbinary
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import account_register, rows
from projections.order_register import Act, Named, Papers, order_digest, subject_digest
from projections.projection import reading

_SQL: Final = load("projections", "order_register.sql")
Status = Literal["received", "accepted", "rejected", "fulfilled"]
State = Literal["queued", "in-force", "lapsed", "released"]
FOUND: Final = 1_000
"""Most rows that a list answers with, unless asked for more."""
_NOBODY: Final = UUID(int=0)
_BEFORE_ALL: Final = datetime(1, 1, 2, tzinfo=UTC)


class Order(NamedTuple):
    """An order and where it stood; ``papers`` None: its key is destroyed."""

    stream_id: bytes
    version: int
    action: str
    organ: str
    """Kind of organ; ``foreign``: nothing goes to it directly."""
    level: int | None
    status: Status
    received_at: datetime
    accounts: list[bytes]
    customer: bytes | None
    freeze_until: datetime | None
    """When a freeze under it lapses at the latest."""
    secret: bool
    notify_after: date | None
    notified_at: datetime | None
    objections: int
    papers: Papers | None


class Freeze(NamedTuple):
    """A freeze and where it stood; ``named`` None: its key is destroyed."""

    stream_id: bytes
    """Of the account."""
    version: int
    order_id: bytes
    """Stream of the order."""
    organ: str
    amount: Decimal | None
    """None: the whole account, or not in force yet."""
    currency: str | None
    fruits: bool
    queued_at: datetime | None
    frozen_at: datetime | None
    until: datetime | None
    """The moment it lapses by itself, renewals included; None: until released."""
    state: State
    place: int | None
    """Its place in the queue of the account, from 1."""
    in_force: int
    """How many freezes of the account are in force."""
    released_at: datetime | None
    named: Named | None


class Notice(NamedTuple):
    """A customer to be told of an order."""

    order_id: bytes
    notify_after: date | None
    released_at: datetime | None
    """When secrecy was released, where there was any."""
    customer: bytes


class Assistance(NamedTuple):
    """One thing that was done for an authority; ``act`` None: its key is destroyed."""

    stream_id: bytes
    version: int
    order_id: bytes
    customer: bytes | None
    """Whom the order names."""
    account: bytes | None
    kind: str
    """``disclosed``, ``sealed``, ``fulfilled``, ``rejected``, ``escalated``, ``frozen``, ``queued``, ``renewed``,
    ``released`` or ``deducted``."""
    at: datetime
    amount: Decimal | None
    currency: str | None
    act: Act | None


class Due(NamedTuple):
    """What an order desk has to see to."""

    lapsing: list[Freeze]
    """In force, and lapsing by the moment asked about unless renewed."""
    next_in_line: list[Freeze]
    """First in a queue although nothing is in force any more: to be put into force (轮候)."""
    notices: list[Notice]


class Chosen(TypedDict, total=False):
    """Whose orders and freezes; every part that is given must fit."""

    number: str | None
    """Of the order."""
    customer: str | None
    """Customer number: orders that name the customer or an account ever held."""
    account: str | None
    organ: str | None


def find(
    log: EventLog, at: datetime, *, status: Status | None = None, secret: bool | None = None,
    subject: str | None = None, after: Order | None = None, limit: int = FOUND, **chosen: Unpack[Chosen],
) -> list[Order]:  # fmt: skip
    """Orders received by an instant and where each stood then, in the order they came, from ``after`` on.

    Args:
        log: the event log.
        at: the instant.
        status: only these.
        secret: only those that were secret at the instant, or only those that were not.
        subject: the document number of whom they are about.
        after: the last one of the page before.
        limit: orders at most.
        chosen: whose.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    number = chosen.get("number")
    arguments = _whose(log, chosen) | {
        "at": at, "status": status, "secret": secret,
        "number": UUID(bytes=order_digest(log, number)) if number else None,
        "subject": UUID(bytes=subject_digest(log, subject)) if subject else None, "limit": limit,
        "after_at": after.received_at if after else _BEFORE_ALL,
        "after": UUID(bytes=after.stream_id) if after else _NOBODY,
    }  # fmt: skip
    found = _asked(log, "orders", arguments)
    papers = rows.unseal(log, Papers, [(*row[:2], *row[-2:]) for row in found])
    return [Order._make((*row[:-2], cell)) for row, cell in zip(found, papers, strict=True)]


def freezes(
    log: EventLog, at: datetime, *, state: State | None = None, by: datetime | None = None, limit: int = FOUND,
    **chosen: Unpack[Chosen],
) -> list[Freeze]:  # fmt: skip
    """Freezes known at an instant and where each stood then, to the microsecond, by the moment they lapse.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    return _freezes(log, at, _whose(log, chosen), state, by, limit)


def due(log: EventLog, at: datetime, by: datetime, day: date, limit: int = FOUND) -> Due:
    """What is to be seen to: freezes lapsing from ``at`` to ``by``, first ones in queues, customers to be told.

    Args:
        log: the event log.
        at: the instant that is asked about.
        by: until when freezes lapse.
        day: the day of ``at`` in the institution's zone.
        limit: of each at most.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    lapsing = _freezes(log, at, _whose(log, {}) | {"ends": at}, "in-force", by, limit)
    waiting = [row[0] for row in _asked(log, "next_in_line", {"at": at})]
    queued = _freezes(log, at, _whose(log, {}) | {"accounts": pgbinary.uuids(waiting)}, "queued", None, limit)
    notices = _asked(log, "to_notify", {"at": at, "day": day, "limit": limit})
    first = [freeze for freeze in queued if freeze.place == 1 and not freeze.in_force]
    return Due(lapsing, first, [Notice._make(row) for row in notices])


def to_settle(log: EventLog, at: datetime) -> list[bytes]:
    """The accounts (stream ids) where a freeze has lapsed and nobody recorded it, or where somebody waits.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    lapsed = (row[0] for row in _asked(log, "unnoticed", {"at": at}))
    return list(dict.fromkeys((*lapsed, *(row[0] for row in _asked(log, "next_in_line", {"at": at})))))


def assistance(
    log: EventLog, at: datetime, *, since: datetime = _BEFORE_ALL, orders: Sequence[bytes] | None = None,
    limit: int = FOUND,
) -> list[Assistance]:  # fmt: skip
    """The register of every assistance between two instants, under some orders (stream ids) or all.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    among = None if orders is None else pgbinary.uuids(orders)
    found = _asked(log, "assistance", {"orders": among, "since": since, "at": at, "limit": limit})
    acts = rows.unseal(log, Act, [(*row[:2], *row[-2:]) for row in found])
    return [Assistance._make((*row[:-2], cell)) for row, cell in zip(found, acts, strict=True)]


def _freezes(
    log: EventLog, at: datetime, whose: dict[str, Any], state: State | None, by: datetime | None, limit: int
) -> list[Freeze]:
    found = _asked(log, "freezes", whose | {"at": at, "state": state, "by": by, "limit": limit})
    names = rows.unseal(log, Named, [(*row[:2], *row[-2:]) for row in found])
    return [Freeze._make((*row[:-2], cell)) for row, cell in zip(found, names, strict=True)]


def _whose(log: EventLog, chosen: Chosen) -> dict[str, Any]:
    number, customer, account = chosen.get("number"), chosen.get("customer"), chosen.get("account")
    person = log.stream_id(StreamName("customer", customer)) if customer else None
    held = [one.stream_id for one in account_register.ever_held_by(log, person)] if person else None
    if account:
        named = log.stream_id(StreamName("account", account))
        held = [named] if held is None or named in held else []
    return {
        "accounts": None if held is None else pgbinary.uuids(held),
        "customer": UUID(bytes=person) if person and not account else None,
        "order": UUID(bytes=log.stream_id(StreamName("order", number))) if number else None,
        "organ": chosen.get("organ"),
        "ends": None,
    }


def _asked(log: EventLog, statement: str, arguments: dict[str, Any]) -> list[tuple[Any, ...]]:
    with reading(log) as connection:
        return connection.execute(_composed(statement), arguments, binary=True).fetchall()


def _composed(statement: str) -> sql.Composed:
    parts = {part: sql.SQL(_SQL[part]) for part in ("secret", "status", "end_at", "chosen")}
    return sql.SQL(_SQL[statement]).format(**parts)
