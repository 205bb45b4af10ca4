"""Several processes over one run: the rows of one process, whichever of them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from multiprocessing import active_children
from pathlib import Path

import psycopg
import pytest
from fix_bank import booked, receipts
from fix_embedded import state_of, wait_until
from fix_projections import Napping, Tally, digests, fill

from kyc.errors import StoreError
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from projections import crew, transaction_index
from projections.crew import Crew
from projections.engine import Engine
from projections.registry import PROJECTIONS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("eager")]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are started for however few events."""
    monkeypatch.setattr(crew, "WORTHWHILE", 0)
    monkeypatch.setattr(crew, "AHEAD", 0)


@pytest.fixture
def hands(provider: FileKeyProvider) -> Crew:
    """Two processes."""
    return Crew(2, f"file:{provider._directory}")


def test_division() -> None:
    """Every lane is in one part, parts have about as many events, and none is empty."""
    left = dict(enumerate([90, 10, 30, 20, 50, 1, 0, 40]))
    for parts in (1, 2, 3, 20):
        groups = crew.divided(left, parts)
        assert sorted(lane for group in groups for lane in group) == list(left)
        assert all(groups)
        assert len(groups) == min(parts, len(left))
    loads = [sum(left[lane] for lane in group) for group in crew.divided(left, 2)]
    assert max(loads) - min(loads) <= 1
    ours, theirs = (sum(left[lane] for lane in group) for group in crew.divided(left, 2, ahead=60))
    assert 50 <= ours - theirs <= 70


def test_two_processes_do_what_one_does(ledger: Ledger, hands: Crew) -> None:
    """Catching up and rebuilding in two processes give the rows of one, and progress reaches the total."""
    events = len(fill(ledger))
    told: list[tuple[int, int]] = []
    engine = Engine(ledger.log, hands=hands)
    assert engine.catch_up(lambda done, total: told.append((done, total))) == events
    assert told[-1] == (events, events)
    assert told == sorted(told)
    assert {(one.behind, one.failure) for one in engine.status()} == {(0, None)}
    rebuilt = [engine.rebuild(projection.name) for projection in PROJECTIONS]
    assert all(one.equal for one in rebuilt)
    alone = Engine(ledger.log)
    assert [alone.rebuild(one.name).digest for one in rebuilt] == [one.digest for one in rebuilt]
    assert not active_children()


def test_rebuild_in_two_processes_while_events_arrive(ledger: Ledger, hands: Crew) -> None:
    """With a writer and a follower at work, a rebuild by two processes is equal at the moment of its swap."""
    fill(ledger, 20)
    Engine(ledger.log).catch_up()
    stop = threading.Event()

    def write() -> int:
        for n in count(1):
            receipts(ledger.record([booked(f"W{n}", ("A1", "debit", "2.00"), ("A2", "credit", "2.00"))])[0])
            Engine(ledger.log).run_once()
            if stop.is_set():
                break
        return n

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            assert Engine(ledger.log, hands=hands).rebuild("transaction_index").equal is True
        finally:
            stop.set()
        written = writer.result()
    Engine(ledger.log).catch_up()
    assert transaction_index.count(ledger.log) == 21 + written


def test_little_is_done_alone(ledger: Ledger, hands: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started for what is done before it would be awake."""
    monkeypatch.setattr(crew, "WORTHWHILE", 1_000)
    monkeypatch.setattr(crew, "get_context", None)
    events = len(fill(ledger, 3))
    assert Engine(ledger.log, hands=hands).catch_up() == events


def test_what_stops_a_process_stops_the_run(ledger: Ledger, hands: Crew) -> None:
    """An error of another process arrives as itself, and no process is left."""
    fill(ledger, 3)
    with psycopg.connect(ledger.log.database.dsn, autocommit=True) as owner:
        owner.execute("alter table kyc.event disable trigger all")
        owner.execute("delete from kyc.event where position = 1")
    with pytest.raises(StoreError, match="missing"):
        Engine(ledger.log, hands=hands).catch_up()
    assert not active_children()


def test_one_of_the_processes_is_killed(ledger: Ledger, hands: Crew, tmp_path: Path) -> None:
    """The run says so and can be run again; what the others had done stays, nothing is done twice."""
    events = len(fill(ledger, 30))
    topics = "transaction.booked", "customer.registered"
    Engine(ledger.log, [Tally(*topics)]).catch_up()

    napping = Napping(tmp_path, *topics)

    def kill() -> None:
        wait_until(lambda: napping.asleep)
        os.kill(napping.asleep[0], signal.SIGKILL)

    with ThreadPoolExecutor(1) as pool:
        killer = pool.submit(kill)
        with pytest.raises(StoreError, match="died"):
            Engine(ledger.log, [napping], hands).rebuild("tally")
        killer.result()
    assert not active_children()
    assert Engine(ledger.log, [Tally(*topics)]).status()[0].rebuilding
    read: list[int] = []
    engine = Engine(ledger.log, [Tally(*topics)], hands)
    assert engine.rebuild("tally", lambda done, _: read.append(done)).equal is True
    assert read[-1] <= events
    assert not engine.status()[0].rebuilding


CALLER = """
import sys
from pathlib import Path
from fix_projections import Napping
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.database import Database
from kyc.store.log import EventLog
from projections import crew
from projections.crew import Crew
from projections.engine import Engine

if __name__ == "__main__":
    dsn, keys, folder, *topics = sys.argv[1:]
    crew.WORTHWHILE = crew.AHEAD = 0
    log = EventLog(Database(dsn), FileKeyProvider.open(keys))
    Engine(log, [Napping(Path(folder), *topics)], Crew(3, f"file:{keys}")).catch_up()
"""


def test_the_caller_is_killed(ledger: Ledger, provider: FileKeyProvider, tmp_path: Path) -> None:
    """Its processes end by themselves; the next run does the rest, and every event is applied once."""
    events = len(fill(ledger, 30))
    program = tmp_path / "caller.py"
    program.write_text(CALLER)
    keys = str(provider._directory)
    topics = "transaction.booked", "customer.registered"
    napping = Napping(tmp_path, *topics)
    with subprocess.Popen(
        [sys.executable, str(program), ledger.log.database.dsn, keys, str(tmp_path), *topics],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as caller:
        wait_until(lambda: len(napping.asleep) == 2)
        caller.kill()
    napping.wake()
    wait_until(lambda: all(state_of(pid) in {"", "Z"} for pid in napping.asleep))
    engine = Engine(ledger.log, [Tally(*topics)])
    assert engine.catch_up() <= events
    assert engine.status()[0].behind == 0
    with ledger.log.database.connection() as connection:
        assert connection.execute("select sum(events) from kyc_read.tally").fetchone() == (2 + 2 * 31,)


def test_read_models_are_equal_after_all(ledger: Ledger, hands: Crew) -> None:
    """Events that arrive between runs of one and of two processes leave the rows of a clean run."""
    fill(ledger, 10)
    Engine(ledger.log).catch_up()
    receipts(ledger.record([booked("later", ("A1", "debit", "1.00"))])[0])
    Engine(ledger.log, hands=hands).catch_up()
    before = digests(Engine(ledger.log))
    assert {name: Engine(ledger.log).rebuild(name).digest for name in before} == before
