"""Where each transaction's legs are recorded, found by account, counterparty, amount, period and so on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

from psycopg import sql

from kyc.domain.submission import StreamName
from kyc.domain.transaction import CounterpartyCompleted, PaymentDetailed, TransactionBooked
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.parties import other_side, party_of
from projections.projection import SCHEMA, Tables, reading

_SQL: Final = load("projections", "transaction_index.sql")
_TYPES: Final = (
    "int2", "int8", "uuid", "int8", "uuid", "uuid", "uuid", "text", "uuid", "text", "numeric", "text", "numeric",
    "numeric", "bool", "bool", "timestamptz", "date", "text", "text", "text",
)  # fmt: skip
_BOOKED_AT: Final = 16
_DETAIL_TYPES: Final = (
    "int2", "int8", "uuid", "int8", "uuid", "uuid", "uuid", "text", "uuid", "numeric", "text",
)  # fmt: skip
FOUND: Final = 1_000
"""Most legs that a search answers with unless asked for more."""


_OTHER: Final = sql.SQL(
    "(counterparty = %s or (reference = any (%s) and (account, reference) in (select * from unnest(%s, %s))))"
)
"""Known by the leg, or one of the legs that were told of beside; an index for each of the two."""


class Place(NamedTuple):
    """Where one leg is recorded, and what it was found by. Ids and digests are 16 raw bytes."""

    postings: bytes
    version: int
    account: bytes
    reference: bytes
    counterparty: bytes | None
    direction: str
    amount: Decimal
    currency: str
    booked_at: datetime
    value_date: date
    branch: str
    channel: str
    kind: str
    lane: int
    position: int


class TransactionIndex:
    """One row for each leg, in a partition for each year of booking."""

    name = "transaction_index"
    version = 4
    topics = frozenset({TransactionBooked.TOPIC, PaymentDetailed.TOPIC, CounterpartyCompleted.TOPIC})
    tables = ("transaction_index", "transaction_detail")
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Add the legs of the batch, and who became known beside a booking; positions make them unique."""
        rows = list(_rows(log, batch))
        _make_years(connection, tables, {row[_BOOKED_AT].astimezone(UTC).year for row in rows})
        tables.copy(connection, self.name, _TYPES, rows)
        tables.copy(connection, "transaction_detail", _DETAIL_TYPES, _details(log, batch))

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove the legs, and what became known beside them, under destroyed keys."""
        return sum(
            connection.execute(tables.fill(_SQL[statement]), (since,)).rowcount
            for statement in ("sweep", "sweep_details")
        )


def _make_years(connection: Connection, tables: Tables, years: set[int]) -> None:
    """See that each year has a partition; whoever else makes one meanwhile is waited for."""
    wanted = sorted(years)
    if not connection.execute(tables.fill(_SQL["missing"]), (wanted,)).fetchall():
        return
    connection.execute(tables.fill(_SQL["lock"]))
    for (year,) in connection.execute(tables.fill(_SQL["missing"]), (wanted,)).fetchall():
        name = sql.Identifier(SCHEMA, f"transaction_index_b{tables.build}_y{year}")
        start, stop = (sql.Literal(datetime(one, 1, 1, tzinfo=UTC)) for one in (year, year + 1))
        for statement in ("partition", "attach"):
            made = sql.SQL(_SQL[statement].replace("{b}", f"_b{tables.build}")).format(
                year=name, start=start, stop=stop
            )
            connection.execute(made)


def _rows(log: EventLog, batch: Sequence[Recorded]) -> Iterator[tuple[Any, ...]]:
    claim_key, stream_id, blinder = log.blinder.claim_key, log.blinder.stream_id, log.blinder
    for recorded in batch:
        event, row = recorded.event, recorded.row
        if not isinstance(event, TransactionBooked):
            continue  # told beside one, or disposed of: it has left the index
        leg = event.leg
        yield (
            row.lane,
            row.position,
            row.stream_id,
            row.version,
            stream_id("account", leg.account),
            claim_key("transaction", event.reference),
            *other_side(blinder, event),
            row.data_key,
            leg.direction,
            leg.amount,
            leg.currency,
            _worth(event, "CNY"),
            _worth(event, "USD"),
            event.cash,
            event.cross_border,
            event.booked_at,
            event.value_date,
            recorded.context.branch,
            event.channel,
            event.kind,
        )


def _details(log: EventLog, batch: Sequence[Recorded]) -> Iterator[tuple[Any, ...]]:
    for recorded in batch:
        event, row = recorded.event, recorded.row
        if not isinstance(event, PaymentDetailed | CounterpartyCompleted) or event.counterparty is None:
            continue
        digest, known_by = party_of(log.blinder, event.counterparty)
        if digest is None:
            continue
        amount, currency = (event.amount, event.currency) if isinstance(event, PaymentDetailed) else (None, None)
        yield (
            row.lane, row.position, row.stream_id, row.version, log.stream_id(StreamName("account", event.account)),
            log.blinder.claim_key("transaction", event.reference), digest, known_by, row.data_key, amount, currency,
        )  # fmt: skip


def _worth(event: TransactionBooked, currency: str) -> Decimal | None:
    """The amount in a currency, by the rate in the event; None where it names none."""
    if event.leg.currency == currency:
        return event.leg.amount
    return next((one.amount for one in event.equivalents if one.currency == currency), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What legs are looked for; None means any."""

    accounts: Sequence[bytes] | None = None
    """Stream ids."""
    counterparty: str | None = None
    """Account number of the other side: of the leg, of a payment within it, or as completed later."""
    start: datetime | None = None
    """Booked from this moment on."""
    stop: datetime | None = None
    """Booked before this moment."""
    least: Decimal | None = None
    most: Decimal | None = None
    currency: str | None = None
    branch: str | None = None
    channel: str | None = None
    kind: str | None = None

    def conditions(self) -> list[tuple[LiteralString, Any]]:
        """Conditions on columns, with the value of each; the other side is looked for in two tables."""
        given: list[tuple[LiteralString, Any]] = [
            ("account = any ({})", None if self.accounts is None else pgbinary.uuids(self.accounts)),
            ("booked_at >= {}", self.start),
            ("booked_at < {}", self.stop),
            ("amount >= {}", self.least),
            ("amount <= {}", self.most),
            ("currency = {}", self.currency),
            ("branch = {}", self.branch),
            ("channel = {}", self.channel),
            ("kind = {}", self.kind),
        ]
        return [(condition, value) for condition, value in given if value is not None]


def search(
    log: EventLog, wanted: Wanted, limit: int = FOUND, *, after: tuple[Any, ...] | None = None
) -> list[Place]:
    """Legs that meet all conditions, oldest first; after a place (moment of booking, lane, position).

    Raises:
        NotFoundError: the read model is not built yet.
    """
    chosen = wanted.conditions()
    texts: list[sql.Composable] = [sql.SQL(text).format(sql.Placeholder()) for text, _ in chosen]
    values = [value for _, value in chosen]
    with reading(log) as connection:
        if wanted.counterparty is not None:
            digest = UUID(bytes=log.blinder.index("account", wanted.counterparty))
            told = connection.execute(_SQL["detailed"], (digest,), binary=True).fetchall()
            texts.append(_OTHER if told else sql.SQL("counterparty = %s"))
            accounts, references = ([pair[at] for pair in told] for at in (0, 1))
            packed = pgbinary.uuids(accounts), pgbinary.uuids(references)
            values += [digest, packed[1], *packed] if told else [digest]
        if after is not None:
            texts.append(sql.SQL("(booked_at, lane, position) > (%s, %s, %s)"))
            values += after
        conditions = sql.SQL(" and ").join([sql.SQL("true"), *texts])
        statement = sql.SQL(_SQL["search"]).format(conditions=conditions, limit=sql.Placeholder())
        found = connection.execute(statement, [*values, limit], binary=True).fetchall()
    return list(map(Place._make, found))


def of_account(
    log: EventLog, account: str, *, start: datetime | None = None, stop: datetime | None = None, limit: int = FOUND
) -> list[Place]:
    """Legs on an account, by its number, booked from ``start`` (inclusive) to ``stop`` (exclusive), oldest first.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    stream = log.stream_id(StreamName("account", account))
    return search(log, Wanted(accounts=[stream], start=start, stop=stop), limit)


def of_reference(log: EventLog, reference: str) -> list[Place]:
    """All legs of one transaction.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    digest = UUID(bytes=log.blinder.claim_key("transaction", reference))
    with reading(log) as connection:
        found = connection.execute(_SQL["of_reference"], (digest,), binary=True).fetchall()
    return list(map(Place._make, found))


def count(log: EventLog) -> int:
    """How many different transactions are indexed.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        row = connection.execute(_SQL["count"]).fetchone()
    return int(row[0]) if row else 0
