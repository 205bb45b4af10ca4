"""Projecting: against the floor of the same run, against the library's own runner, growth, memory, processes, lag.

The floor is reading, decrypting and decoding the same events in one process. A bank from the simulator is in the
log: customers with documents and accounts, transactions. Each round projects it all from nothing; making tables and
throwing them away is not counted. `--events N` sets how large the large log is.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import memory
import pairs
import psycopg
import pytest
from library_runner import Runner as LibraryRunner
from simulated import Bank

from kyc.domain.submission import Receipt
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.database import Database
from kyc.store.log import EventLog
from projections import crew
from projections.crew import Crew
from projections.engine import Engine
from projections.projection import Projection
from projections.registry import PROJECTIONS

SMALL = 10_000
PAGE = 5_000
LIBRARY_EVENTS = 1_500
"""The library's runner takes one commit for each event: more would only take longer."""
LOAD_SECONDS, LOAD_STEP, LOAD_LINES = 12, 0.1, 20
"""Steady load: so many transactions, twice so many events, in each step of so many seconds."""
INDEX = [one for one in PROJECTIONS if one.name == "transaction_index"]


@pytest.fixture
def bank(log: EventLog) -> EventLog:
    """A log with a simulated bank of about 50,000 events in it."""
    Bank(log, 50_000).grow()
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


def projecting(
    log: EventLog, projections: Sequence[Projection] = PROJECTIONS, hands: Crew | None = None
) -> Callable[[], float]:
    """Catch up from nothing; the seconds of applying alone."""

    def run() -> float:
        forget(log)
        engine = Engine(log, projections, hands)
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
    assert ratio(projecting(bank, INDEX), floor(bank), events(bank), rounds=4, goal=">= 0.30") >= 0.30


def bench_rebuild(bank: EventLog, ratio: Callable[..., float]) -> None:
    """Rebuilding them all together, digests and swaps included: at least a tenth of the floor, aim a quarter."""
    engine = Engine(bank)
    engine.catch_up()

    def rebuild() -> None:
        assert all(one.equal for one in engine.rebuild_together([projection.name for projection in PROJECTIONS]))

    assert ratio(rebuild, floor(bank), events(bank), rounds=3, goal=">= 0.10, aim 0.25") >= 0.10


@pytest.fixture
def collected_rarely() -> Iterator[None]:
    """The garbage collector as the command line and its processes set it."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collected_rarely")
@pytest.mark.parametrize("work", ["catch_up", "rebuild"])
def bench_two_processes(log: EventLog, tmp_path: Path, ratio: Callable[..., float], scale: int, work: str) -> None:
    """Two processes against one, their start included; the server takes its part of the cores."""
    Bank(log, scale).grow()
    crew.WORTHWHILE = 0
    hands = Crew(2, f"file:{tmp_path / 'keys'}")
    if work == "catch_up":
        ours, alone = projecting(log, hands=hands), projecting(log)
    else:
        Engine(log).catch_up()

        def ours() -> float:
            return _rebuilding(Engine(log, hands=hands))

        def alone() -> float:
            return _rebuilding(Engine(log))

    ratio(ours, alone, events(log), rounds=3, goal=">= 1.7, or what bench_two_processes_at_best says")


@pytest.mark.parametrize("work", ["hash_alone", "copy_decrypted"])
def bench_two_processes_at_best(
    log: EventLog, tmp_path: Path, ratio: Callable[..., float], scale: int, work: str
) -> None:
    """What any two processes reach here against one: the ceiling of what sharing can bring."""
    if work == "hash_alone":
        both: list[pairs.Part] = [(pairs.HASHES // 2,)] * 2
        one: list[pairs.Part] = [(pairs.HASHES,)]
        units = pairs.HASHES
    else:
        Bank(log, scale).grow()
        where, heads = (log.database.dsn, str(tmp_path / "keys")), log.reader.positions()
        both = [(*where, lanes) for lanes in crew.divided(heads, 2)]
        one, units = [(*where, sorted(heads))], events(log)
    task = getattr(pairs, work)
    ratio(lambda: pairs.seconds(task, both), lambda: pairs.seconds(task, one), units, rounds=3, goal="the ceiling")


def _rebuilding(engine: Engine) -> float:
    start = time.perf_counter()
    assert engine.rebuild("transaction_index").equal is True
    return time.perf_counter() - start


def bench_growth(log: EventLog, ratio: Callable[..., float], scale: int) -> None:
    """Time per event in the large log against that in one of 10,000 events: within 1.2 times."""
    bank = Bank(log, scale)
    few = bank.grow(SMALL)
    small = min(projecting(log)() for _ in range(3)) / few
    many = bank.grow()

    def ours() -> float:
        return projecting(log)() / many

    ratio(ours, lambda: small, 1, rounds=2, goal=f">= 0.83 from {few:,} to {many:,} events")


def bench_memory(log: EventLog, tmp_path: Path, ratio: Callable[..., float], scale: int) -> None:
    """The most memory a process takes for a log of 10,000 events against that for the large one, in MiB."""
    bank = Bank(log, scale)
    few = bank.grow(SMALL)
    small = _memory(log, tmp_path)
    many = bank.grow()

    def ours() -> float:
        return _memory(log, tmp_path)

    ratio(ours, lambda: small, 1, rounds=1, goal=f">= 0.83 from {few:,} to {many:,} events")


def _memory(log: EventLog, tmp_path: Path) -> float:
    """MiB at most of a process that catches up from nothing and rebuilds."""
    forget(log)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_catch_up_and_tell, args=(theirs, log.database.dsn, str(tmp_path / "keys")))
    process.start()
    theirs.close()
    peak = float(ours.recv())
    process.join()
    return peak


def _catch_up_and_tell(tell: Any, dsn: str, keys: str) -> None:
    log = EventLog(Database(dsn), FileKeyProvider.open(keys))
    engine = Engine(log)
    engine.catch_up()
    engine.rebuild("transaction_index")
    log.close()
    tell.send(memory.peak() / 2**20)


def bench_against_the_library(bank: EventLog, ratio: Callable[..., float]) -> None:
    """One row for each leg, by us and by the ``ProjectionRunner`` of eventsourcing over the same events.

    The library gets the payloads in clear, ours are decrypted; both keep rows and position exact.
    """
    mine, theirs = projecting(bank, INDEX), LibraryRunner(bank, LIBRARY_EVENTS).run
    mine()
    with bank.database.connection() as connection:
        (legs,) = connection.execute("select count(*) from kyc_read.transaction_index").fetchone()
    # Ours reads the other events, too; only legs count.
    assert ratio(lambda: mine() / legs, theirs, 1, rounds=2, goal=">= 20 x ProjectionRunner") >= 20


def bench_lag(log: EventLog, tmp_path: Path, latency: Callable[..., float]) -> None:
    """From the acknowledgement of an append until all read models show it, under a steady load."""
    steps = int(LOAD_SECONDS / LOAD_STEP)
    bank = Bank(log, 8 * LOAD_LINES * steps)
    bank.grow(SMALL)
    engine = Engine(log)
    engine.catch_up()
    stop = multiprocessing.get_context("spawn").Event()
    follower = multiprocessing.get_context("spawn").Process(
        target=_follow, args=(log.database.dsn, str(tmp_path / "keys"), stop)
    )
    follower.start()
    (receipt,) = bank.step(1)[-1:]
    assert engine.wait_for([receipt], timeout=60)
    due = time.perf_counter()

    def one(_: int) -> float:
        nonlocal due
        due += LOAD_STEP
        time.sleep(max(0.0, due - time.perf_counter()))
        found: list[Receipt] = bank.step(LOAD_LINES)
        start = time.perf_counter()
        while not engine.wait_for(found, timeout=0):
            time.sleep(0.002)
        return time.perf_counter() - start

    try:
        latency(one, range(steps), f"{LOAD_LINES / LOAD_STEP:.0f} transactions a second", warm=10)
    finally:
        stop.set()
        follower.join()


def _follow(dsn: str, keys: str, stop: Any) -> None:
    log = EventLog(Database(dsn), FileKeyProvider.open(keys))
    Engine(log).follow(stop)
    log.close()
