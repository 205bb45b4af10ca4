"""SIGKILL at arbitrary moments of ingest and sealing, then run again: the same state as one clean run."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fix_bank import booked, captured, established, opened, registered, verified

from kyc.keys.file_provider import FileKeyProvider
from kyc.simulate.submissions import wire
from kyc.store.database import Database
from kyc.store.log import EventLog
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog

pytestmark = pytest.mark.slow

CHILD = """
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
from kyc import intake
from kyc.ingest.readers import ndjson
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.settings import SealerLimits
from kyc.store.database import Database
from kyc.store.log import EventLog
from kyc.store.seal import Sealer

dsn, keys, source = sys.argv[1:]
intake.BATCH = 50
log = EventLog(Database(dsn), FileKeyProvider.open(keys))
limits = SealerLimits(events_per_step=40, lease_seconds=0)
sealer = Sealer(log.database, log.provider.signing_key("log"), limits=limits)
def step(tally):
    sealer.seal()
    print("step", flush=True)
    sys.stdin.readline()
intake.take_in(Ledger(log, ZoneInfo("UTC")), ndjson.submissions(Path(source)), progress=step)
sealer.seal()
log.close()
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of forty customers with papers and accounts and four hundred transfers."""
    lines = []
    for n in range(40):
        number = f"C{n}"
        lines += [registered(number), captured(number, f"P{n}"), verified(number), established(number)]
        lines.append(opened(f"A{n}", number))
    for n in range(400):
        legs = ((f"A{n % 40}", "debit", f"{n}.01"), (f"A{(n * 7 + 1) % 40}", "credit", f"{n}.01"))
        lines.append(booked(f"T{n}", *(legs if legs[0][0] != legs[1][0] else legs[:1])))
    path = tmp_path / "bank.ndjson"
    path.write_bytes(b"".join(map(wire, lines)))
    return path


def content(log: EventLog) -> list[tuple[str, int, bytes]]:
    """Every event as (topic, version, payload) in an order that does not depend on the run."""
    rows = [row for lane in range(log.lanes) for row in log.reader.lane(lane)]
    payloads = log.openings(rows)
    facts = []
    for row, opening in zip(rows, payloads, strict=True):
        assert opening is not None
        # A scan's commitment is salted by a key that each database made for itself.
        facts.append((row.stream_id.hex(), row.version, re.sub(rb'"commitment":"[0-9a-f]+"', b"", opening[1])))
    return sorted(facts)


def killed(command: list[str], steps: int, pause: float) -> bool:
    """Whether a run was killed within its step after `steps`, `pause` seconds into it, before it ended."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for _ in range(steps):
            # The run waits for an answer after each step, so it cannot end while nobody looks.
            if not child.stdout.readline():
                return False
            child.stdin.write(b"\n")
        time.sleep(pause)
        child.kill()
    return child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("pace", [0.0, 0.004, 0.02])
def test_killed_and_run_again(
    database_factory: Callable[[], str], tmp_path: Path, source: Path, pace: float
) -> None:
    """Killed again and again and then left alone, the run ends as if nothing had happened."""
    keys = tmp_path / "keys"
    FileKeyProvider.open(keys).secret("blind")
    hurt, clean = database_factory(), database_factory()
    command = [sys.executable, "-c", CHILD, hurt, str(keys), str(source)]
    kills = sum(killed(command, steps, pace * steps) for steps in (1, 2, 4, 6))
    assert kills == 4, "the run was over before it could be killed"
    for dsn in (hurt, clean):
        again = [sys.executable, "-c", CHILD, dsn, str(keys), str(source)]
        subprocess.run(again, check=True, capture_output=True, input=b"\n" * 99)
    logs = [EventLog(Database(dsn), FileKeyProvider.open(keys)) for dsn in (hurt, clean)]
    try:
        after, once = map(content, logs)
        assert after == once
        sealed = SealedLog(logs[0].database, logs[0].reader)
        assert [index for index, _ in sealed.rows(0, len(after))] == list(range(len(after)))
        newest = sealed.checkpoint()
        assert newest is not None
        assert newest.size == len(after)
        assert Sealer(logs[0].database, logs[0].provider.signing_key("log")).seal().events == 0
    finally:
        for log in logs:
            log.close()
