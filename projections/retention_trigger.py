"""What starts the retention clocks, per subject, record class and clock period: data, never frozen deadlines.

The deadline itself is computed when asked for, from these triggers and the policies in force on that day, because
law changes and holds come and go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.retention.clocks import Deadline, deadline
from kyc.retention.policies import Policy
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from projections.projection import Tables

_COLUMNS = 5
_DATED = {
    "customer.relationship_established": "relationship-established",
    "customer.relationship_ended": "relationship-ended",
    "account.closed": "account-closed",
}
_CLASSES = {"account.closed": "account"}


class Trigger(NamedTuple):
    """One trigger: what happened to a subject's records, and when."""

    subject: UUID
    record_class: str
    period: str
    trigger: str
    on: date


class RetentionTrigger:
    """One row for each trigger of a subject's record class and period, at its latest date."""

    name = "retention_trigger"
    version = 1
    topics = frozenset({"transaction.booked", *_DATED})

    def apply(self, connection: Connection, _: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Raise the dates of the triggers in the batch."""
        latest: dict[tuple[UUID, str, str, str], date] = {}
        for found in self._triggers(batch):
            key = found[:4]
            latest[key] = max(latest.get(key, found.on), found.on)
        columns = list(zip(*((*key, on) for key, on in latest.items()), strict=True)) or [()] * _COLUMNS
        connection.execute(
            tables.statement(
                "insert into {table} as t select * from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[],"
                " %s::date[]) on conflict (subject, record_class, period, trigger)"
                " do update set on_date = greatest(t.on_date, excluded.on_date)",
                self.name,
            ),
            [list(column) for column in columns],
        )

    def _triggers(self, batch: Sequence[Recorded]) -> Iterator[Trigger]:
        for recorded in batch:
            event = recorded.event
            if event is None:
                continue
            topic = recorded.context.topic
            if isinstance(event, TransactionBooked):
                # Postings share their account's key; the account's id begins like theirs, but is not theirs.
                yield Trigger(
                    UUID(bytes=recorded.row.stream_id), "transaction", event.period(), "transaction-booked",
                    event.booked_at.date(),
                )  # fmt: skip
            else:
                on: date = event.on  # type: ignore[attr-defined]
                yield Trigger(
                    UUID(bytes=recorded.row.stream_id), _CLASSES.get(topic, "identity"), "", _DATED[topic], on
                )


def triggers(log: EventLog, subject: StreamName | None = None) -> list[Trigger]:
    """The triggers of a stream, or of all."""
    chosen = None if subject is None else UUID(bytes=log.stream_id(subject))
    with log.database.connection() as connection:
        rows = connection.execute(
            "select subject, record_class, period, trigger, on_date from kyc_read.retention_trigger"
            " where %s::uuid is null or subject = %s order by 1, 2, 3, 4",
            (chosen, chosen),
        ).fetchall()
    return list(map(Trigger._make, rows))


class Due(NamedTuple):
    """The deadline of one subject's records of one class and period."""

    subject: UUID
    record_class: str
    period: str
    deadline: Deadline


def deadlines(log: EventLog, policies: Sequence[Policy], on: date, subject: StreamName | None = None) -> list[Due]:
    """Deadlines as of the day ``on``, computed from the triggers and the policies in force that day."""
    grouped: dict[tuple[UUID, str, str], dict[str, date]] = {}
    for found in triggers(log, subject):
        grouped.setdefault(found[:3], {})[found.trigger] = found.on
    return [Due(*key, deadline(key[1], started, policies, on)) for key, started in sorted(grouped.items())]
