"""The ``ProjectionRunner`` of the eventsourcing library over events of a log of ours, as its manual shows it.

The same events are put into the library's own PostgreSQL recorder, in clear. Its projection inserts one row for
each leg of a transaction, in one transaction with the position of the event, which is how the library keeps them
exact.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from eventsourcing.application import Application
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from kyc.domain import codec
from kyc.domain.event import Event
from kyc.domain.transaction import TransactionBooked
from kyc.store.log import EventLog, context_of

_BATCH = 200
"""Events inserted at once; with thousands of this size the library's recorder waits for ever."""


class Decoder:
    """What the application uses for a mapper: our codec, on payloads in clear."""

    def to_domain_event(self, stored: StoredEvent) -> Event:
        """The event."""
        return codec.decode(stored.topic, 1, stored.state)


class Bank(Application[Any]):
    """The application whose events are projected."""

    def construct_mapper(self) -> Any:
        """Our decoder."""
        return Decoder()


class Legs(PostgresTrackingRecorder):
    """A table of legs beside the library's positions."""

    def __init__(self, datastore: Any, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.table = Identifier(self.datastore.schema, "library_legs")
        self.sql_create_statements.append(
            SQL(
                "create table if not exists {} (account text, reference text, direction text, amount numeric,"
                " currency text, booked_at timestamptz, value_date date, channel text, kind text)"
            ).format(self.table)
        )

    def add(self, event: TransactionBooked, tracking: Tracking) -> None:
        """Add a leg and move the position."""
        leg = event.leg
        row = (
            leg.account, event.reference, leg.direction, leg.amount, leg.currency, event.booked_at,
            event.value_date, event.channel, event.kind,
        )  # fmt: skip
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                SQL("insert into {} values (%s, %s, %s, %s, %s, %s, %s, %s, %s)").format(self.table), row
            )


class LegsOfTransactions(Projection[Legs]):
    """One row for each leg."""

    name = "legs"
    topics = (TransactionBooked.TOPIC,)

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Add the leg."""
        self.view.add(domain_event, tracking)


class Runner:
    """The library's runner over the first ``events`` transactions of a log; each run begins anew."""

    def __init__(self, log: EventLog, events: int) -> None:
        parts = conninfo_to_dict(log.database.dsn)
        self._environment = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(parts["dbname"]),
            "POSTGRES_HOST": str(parts["host"]),
            "POSTGRES_PORT": str(parts.get("port", 5432)),
            "POSTGRES_USER": str(parts["user"]),
            "POSTGRES_PASSWORD": Path(str(parts["passfile"])).read_text().strip().rsplit(":", 1)[1],
        }
        self._log = log
        with Bank(env=self._environment) as application:
            stored = islice(self._stored(), events)
            while batch := list(islice(stored, _BATCH)):
                application.recorder.insert_events(batch)
            self._events = application.recorder.max_notification_id() or 0

    def run(self) -> float:
        """Seconds for each event."""
        with psycopg.connect(self._log.database.dsn, autocommit=True) as owner:
            owner.execute("drop table if exists public.library_legs, public.legs_tracking")
        start = time.perf_counter()
        with ProjectionRunner(
            application_class=Bank, projection_class=LegsOfTransactions, view_class=Legs, env=self._environment
        ) as runner:
            runner.wait(self._events, timeout=600)
            return (time.perf_counter() - start) / self._events

    def _stored(self) -> Iterator[StoredEvent]:
        """Transactions of the log, decrypted, as the library stores events."""
        for lane in range(self._log.lanes):
            rows = [row for row in self._log.reader.lane(lane) if context_of(row).topic == TransactionBooked.TOPIC]
            for row, opened in zip(rows, self._log.openings(rows), strict=True):
                assert opened is not None, "nothing is disposed of here"
                yield StoredEvent(uuid.UUID(bytes=row.stream_id), row.version, TransactionBooked.TOPIC, opened[1])
