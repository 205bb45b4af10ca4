"""SIGKILL at arbitrary moments of following and rebuilding under load: every event applied exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from random import Random

import pytest
from fix_bank import booked, moved, opened, receipts, registered
from fix_projections import digests

from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.store.log import EventLog
from projections import transaction_index
from projections.engine import Engine
from projections.registry import PROJECTIONS

pytestmark = pytest.mark.slow

CHILD = """
import sys
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.database import Database
from kyc.store.log import EventLog
from projections import crew, engine as engines, runner
from projections.crew import Crew
from projections.engine import Engine
from projections.registry import PROJECTIONS

dsn, keys, what = sys.argv[1:]
runner.PAGE = 23
crew.WORTHWHILE = crew.AHEAD = 0
engines.BULK = 200  # the first fill and each rebuild get their indexes when they are full
log = EventLog(Database(dsn), FileKeyProvider.open(keys))
engine = Engine(log, hands=Crew(2, f"file:{keys}") if what == "together" else None)
print("ready", flush=True)
while True:
    engine.catch_up()
    if what == "follow":
        continue
    names = [projection.name for projection in PROJECTIONS]
    for some in [names] if what == "together" else [[name] for name in names]:
        for one in engine.rebuild_together(some):
            if one.equal is not True:
                print("DIFFERENT", one.name, flush=True)
"""


def killed(dsn: str, keys: str, what: str, seconds: float, meanwhile: Callable[[], None]) -> list[bytes]:
    """Run the child for a while, doing something meanwhile, kill it, and return what it said."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, dsn, keys, what], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        child.stdout.readline()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            meanwhile()
        assert child.poll() is None, "the child ended by itself"
        os.kill(child.pid, signal.SIGKILL)
        said = child.stdout.readlines()
    child.wait()
    return said


@pytest.mark.parametrize(("what", "seconds"), [("follow", 0.4), ("rebuild", 0.4), ("together", 1.5)])
def test_killed_under_load(
    ledger: Ledger, engine: Engine, provider: FileKeyProvider, what: str, seconds: float
) -> None:
    """Killed again and again while events arrive, then left alone: the rows of one clean run.

    Together means all read models at once, in two processes, of which the one that was called is killed.
    """
    log = ledger.log
    for n in range(20):
        for answer in ledger.record([registered(f"C{n}"), opened(f"A{n}", f"C{n}")]):
            receipts(answer)
    numbers = count()

    def write() -> None:
        at = next(numbers)
        lines = [booked(f"T{at}-{n}", (f"A{n}", "debit", f"{n + 1}.00")) for n in range(20)]
        for answer in ledger.record([moved(f"C{at % 20}", f"street {at}"), *lines]):
            receipts(answer)

    chance = Random(7)
    said: list[bytes] = []
    caught = 0
    for _ in range(8):
        write()
        said += killed(log.database.dsn, str(provider._directory), what, chance.uniform(0.02, seconds), write)
        caught += any(one.behind or one.rebuilding for one in engine.status())
    assert said == []
    assert caught, "no kill came while there was work"
    engine.catch_up()
    assert {(one.behind, one.failure) for one in engine.status()} == {(0, None)}
    assert transaction_index.count(log) == 20 * next(numbers)
    live = digests(engine)
    _start_again(log)
    Engine(log).catch_up()
    assert digests(engine) == live
    assert not _strays(log)


def _start_again(log: EventLog) -> None:
    """Forget every build, as if nothing had ever been projected."""
    with log.database.connection() as connection, connection.transaction():
        for projection in PROJECTIONS:
            for table in projection.tables:
                connection.execute(f"drop view kyc_read.{table}".encode())
        found = connection.execute(
            "select tablename from pg_tables where schemaname = 'kyc_read' and tablename ~ '_b[0-9]+$'"
        ).fetchall()
        for (table,) in found:
            connection.execute(f"drop table kyc_read.{table}".encode())
        for table in ("build", "position", "failure"):
            connection.execute(f"delete from kyc_read.{table}".encode())


def _strays(log: EventLog) -> list[object]:
    """Positions or tables of builds that are not there."""
    with log.database.connection() as connection:
        return connection.execute(
            "select projection, build from kyc_read.position except select projection, build from kyc_read.build"
        ).fetchall()
