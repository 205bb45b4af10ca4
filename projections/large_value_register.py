"""One-off business without an account, large values as they were detected, and the reports that were filed of them.

The index of transactions has only legs on accounts; cash that somebody without one brought or took on a day counts
all the same (O3-16 art. 5), summed by the document that was shown. Which detections no report covers yet is asked
for a day (art. 8: within five working days). What was detected of whom stands with monitoring, never in a
customer's file (AML24 art. 35).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from kyc.domain.monitoring import LargeValueDetected, ReportFiled
from kyc.domain.occasional import OneOffCompleted
from kyc.domain.submission import StreamName
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections import customer_search
from projections.projection import Tables, reading

_SQL: Final = load("projections", "large_value_register.sql")
_ONE_OFF: Final = (
    "uuid", "int8", "uuid", "uuid", "uuid", "text", "bool", "text", "numeric", "text", "timestamptz", "text",
)  # fmt: skip
_DETECTED: Final = ("uuid", "int8", "uuid", "date", "text", "text", "numeric", "text")
_FILED: Final = ("uuid", "int8", "uuid", "uuid", "date", "date")
_PAID_OUT: Final = frozenset({"cash-withdrawal", "bill"})
_ANY_DAY: Final = date.max
FOUND: Final = 10_000
"""Most detections that a list answers with, unless asked for more."""


class Open(NamedTuple):
    """A sum of a day that was detected and is in no report."""

    day: date
    stream_id: bytes
    """Of what was detected of the customer."""
    version: int
    direction: str
    feature: str
    amount: Decimal
    currency: str


class LargeValueRegister:
    """A row for each one-off service, each detection, and each day of a customer that a report is about."""

    name = "large_value_register"
    version = 1
    topics = frozenset({OneOffCompleted.TOPIC, LargeValueDetected.TOPIC, ReportFiled.TOPIC})
    tables = ("one_off_service", "large_value_detected", "large_value_filed")
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Add the rows of the batch."""
        tables.copy(connection, "one_off_service", _ONE_OFF, _one_offs(log, batch))
        tables.copy(connection, "large_value_detected", _DETECTED, _detected(batch))
        tables.copy(connection, "large_value_filed", _FILED, _filed(log, batch))

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what stands under destroyed keys."""
        return sum(
            connection.execute(tables.fill(_SQL[f"sweep_{table}"]), (since,)).rowcount for table in self.tables
        )


def _one_offs(log: EventLog, batch: Sequence[Recorded]) -> Iterator[tuple[Any, ...]]:
    for recorded in batch:
        event, row = recorded.event, recorded.row
        if not isinstance(event, OneOffCompleted):
            continue
        number, customer = event.person.document_number, event.person.customer
        yield (
            row.stream_id, row.version, row.data_key,
            log.blinder.index("document", customer_search.normal("document", number)) if number else row.stream_id,
            log.stream_id(StreamName("customer", customer)) if customer else None,
            way(event)[0], way(event)[1] == "cash", event.kind, event.amount, event.currency, event.occurred_at,
            recorded.context.branch,
        )  # fmt: skip


def way(event: OneOffCompleted) -> tuple[str, str]:
    """Direction (``credit``: handed in) and means of a one-off service; all but ``other`` is cash."""
    return "debit" if event.kind in _PAID_OUT else "credit", "transfer" if event.kind == "other" else "cash"


def _detected(batch: Sequence[Recorded]) -> Iterator[tuple[Any, ...]]:
    for recorded in batch:
        event, row = recorded.event, recorded.row
        if isinstance(event, LargeValueDetected):
            yield (
                row.stream_id, row.version, row.data_key, event.day, event.direction, event.feature, event.amount,
                event.currency,
            )  # fmt: skip


def _filed(log: EventLog, batch: Sequence[Recorded]) -> Iterator[tuple[Any, ...]]:
    for recorded in batch:
        event, row = recorded.event, recorded.row
        if not isinstance(event, ReportFiled) or event.kind != "large-value":
            continue
        for customer in dict.fromkeys(event.customers):
            stream = log.stream_id(StreamName(LargeValueDetected.STREAM, customer))
            for day in dict.fromkeys(event.days or (_ANY_DAY,)):
                yield row.stream_id, row.version, row.data_key, stream, day, event.filed_on


def one_offs(log: EventLog, customer: bytes, on: date, zone: tzinfo, limit: int = FOUND) -> list[Recorded]:
    """One-off business of a day, of a customer (stream id) or of whom a document's digest names, oldest first.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    start, stop = (datetime.combine(day, time.min, zone) for day in (on, on + timedelta(days=1)))
    asked = {"customer": UUID(bytes=customer), "start": start, "stop": stop, "limit": limit}
    with reading(log) as connection:
        places = connection.execute(_SQL["one_offs"], asked, binary=True).fetchall()
    return list(log.at(places).values())


def unreported(log: EventLog, on: date, limit: int = FOUND) -> list[Open]:
    """What was detected of days up to ``on`` and stands in no report filed by then, oldest day first.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        rows = connection.execute(_SQL["open"], {"on": on, "limit": limit}, binary=True).fetchall()
    return [Open(*row) for row in rows]
