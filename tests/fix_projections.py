"""Projections under test: an engine over a filled ledger, a projection of our own, and what tables hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from fix_bank import booked, household, receipts
from fix_embedded import wait_until

from kyc.domain.submission import Receipt
from kyc.errors import RefusedError
from kyc.ledger import Ledger
from kyc.store.database import Connection, Database
from kyc.store.log import EventLog, Recorded
from projections.engine import Engine
from projections.projection import Tables
from projections.registry import PROJECTIONS


class Tally:
    """A projection that counts events by stream, and cannot take some of them."""

    name = "tally"
    version = 1
    tables = ("tally",)
    schema = (
        "create table kyc_read.tally{b} (stream_id uuid primary key, events int not null, last bigint not null)"
    )

    def __init__(self, *topics: str) -> None:
        self.topics = frozenset(topics)
        self.refuses: set[bytes] = set()
        """Streams whose events it cannot take."""
        self.applied: list[int] = []
        """Sizes of the batches it was given."""

    def apply(self, connection: Connection, _: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Count, then fail if one of the refused streams is among them."""
        self.applied.append(len(batch))
        with connection.cursor() as cursor:
            cursor.executemany(
                tables.fill(
                    "insert into kyc_read.tally{b} as t values (%s, 1, %s)"
                    " on conflict (stream_id) do update set events = t.events + 1, last = excluded.last"
                ),
                [(recorded.row.stream_id.hex(), recorded.row.version) for recorded in batch],
            )
        for recorded in batch:
            if recorded.row.stream_id in self.refuses:
                raise RefusedError("cannot take this", field="SECRET value")

    def sweep(self, _: Connection, __: Tables, ___: int) -> int:
        """Nothing is kept of what keys protect."""
        return 0


class Napping(Tally):
    """A tally that sleeps over every batch in any process but ours until it is woken, so that a test can act."""

    def __init__(self, folder: Path, *topics: str) -> None:
        super().__init__(*topics)
        self.awake = os.getpid()
        self.folder = folder

    @property
    def asleep(self) -> list[int]:
        """The processes that have come to sleep."""
        return [int(path.name) for path in self.folder.glob("[0-9]*")]

    def wake(self) -> None:
        """Let all of them go on."""
        (self.folder / "awake").touch()

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Count, then sleep within the transaction."""
        super().apply(connection, log, tables, batch)
        if os.getpid() != self.awake:
            (self.folder / str(os.getpid())).touch()
            wait_until(self.folder.joinpath("awake").exists)


@contextmanager
def another(log: EventLog) -> Iterator[EventLog]:
    """The same log as another process sees it."""
    opened = EventLog(Database(log.database.dsn), log.provider)
    try:
        yield opened
    finally:
        opened.close()


def fill(ledger: Ledger, transfers: int = 60) -> list[Receipt]:
    """A household and some transfers; the receipts of all."""
    lines = household() + [
        booked(f"N{n}", ("A1", "debit", f"{n + 1}.00"), ("A2", "credit", f"{n + 1}.00")) for n in range(transfers)
    ]
    return [receipt for answer in ledger.record(lines) for receipt in receipts(answer)]


def digests(engine: Engine) -> dict[str, str]:
    """The digest of every live read model."""
    return {projection.name: engine.digest(projection.name) for projection in PROJECTIONS}


@pytest.fixture
def engine(log: EventLog) -> Engine:
    """An engine of all projections."""
    return Engine(log)
