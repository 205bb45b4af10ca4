"""Projecting against the floor of the same run: read, decrypt and decode the same events in one process.

A bank from the simulator is in the log: customers with documents and accounts, transactions. Each round projects it
all from nothing; making tables and throwing them away is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.simulate.submissions import simulate
from kyc.store.database import Database
from kyc.store.log import EventLog
from projections.engine import Engine
from projections.projection import Projection
from projections.registry import PROJECTIONS

CUSTOMERS, TRANSACTIONS = 1_500, 20_000
PAGE = 5_000


@pytest.fixture
def bank(log: EventLog) -> EventLog:
    """A log with a simulated bank in it."""
    lines = simulate(7, CUSTOMERS, TRANSACTIONS, date(2024, 1, 1), 365, scans=False, note=lambda _: None)
    ledger = Ledger(log, ZoneInfo("Asia/Shanghai"))
    while batch := list(islice(lines, 2_000)):
        ledger.record(batch)
    with psycopg.connect(log.database.dsn, autocommit=True) as owner:
        owner.execute("vacuum analyze")
    return log


def events(log: EventLog) -> int:
    """Events in the log."""
    return sum(log.reader.positions().values())


def floor(log: EventLog) -> Callable[[], None]:
    """Read, decrypt and decode everything, page by page."""

    def read() -> None:
        for lane, head in log.reader.positions().items():
            for after in range(0, head, PAGE):
                log.reveal(log.reader.page(lane, after, min(PAGE, head - after)))

    return read


def forget(log: EventLog) -> None:
    """As if nothing had ever been projected."""
    with psycopg.connect(log.database.dsn, autocommit=True) as owner:
        for kind, catalogue in (("view", "pg_views"), ("table", "pg_tables")):
            found = owner.execute(
                f"select {kind}name from {catalogue} where schemaname = 'kyc_read'"
                f" and ('{kind}' = 'view' or {kind}name ~ '_b[0-9]+$')".encode()
            ).fetchall()
            for (name,) in found:
                owner.execute(f"drop {kind} kyc_read.{name}".encode())
        owner.execute("truncate kyc_read.build, kyc_read.position, kyc_read.failure")


def projecting(log: EventLog, projections: Sequence[Projection]) -> Callable[[], float]:
    """Catch up from nothing; the seconds of applying alone."""

    def run() -> float:
        forget(log)
        engine = Engine(log, projections)
        engine.catch_up(lanes=[])  # makes the tables
        start = time.perf_counter()
        engine.catch_up()
        seconds = time.perf_counter() - start
        assert {(one.behind, one.failure) for one in engine.status()} == {(0, None)}
        return seconds

    return run


def bench_all_projections(bank: EventLog, ratio: Callable[..., float]) -> None:
    """Catching up with all projections on: at least a tenth of the floor, aim a quarter."""
    assert (
        ratio(projecting(bank, PROJECTIONS), floor(bank), events(bank), rounds=4, goal=">= 0.10, aim 0.25") >= 0.10
    )


def bench_transaction_index(bank: EventLog, ratio: Callable[..., float]) -> None:
    """The transaction index alone: at least three tenths of the floor."""
    index = [one for one in PROJECTIONS if one.name == "transaction_index"]
    assert ratio(projecting(bank, index), floor(bank), events(bank), rounds=4, goal=">= 0.30") >= 0.30


def _part(place: tuple[str, str], lanes: Collection[int]) -> None:
    dsn, keys = place
    log = EventLog(Database(dsn), FileKeyProvider.open(keys))
    try:
        Engine(log).catch_up(lanes=lanes)
    finally:
        log.close()


def bench_two_processes(bank: EventLog, tmp_path: Path, ratio: Callable[..., float]) -> None:
    """Half of the lanes in each of two processes, against one process; the server takes its part of the cores."""
    place = bank.database.dsn, str(tmp_path / "keys")
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_part, [place] * 2, [[], []]))  # started and imported

        def halves() -> float:
            forget(bank)
            Engine(bank).catch_up(lanes=[])
            start = time.perf_counter()
            list(pool.map(_part, [place] * 2, [range(0, bank.lanes, 2), range(1, bank.lanes, 2)]))
            return time.perf_counter() - start

        ratio(halves, projecting(bank, PROJECTIONS), events(bank), rounds=4, goal="aim 1.7 with idle cores")
