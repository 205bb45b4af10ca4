"""SIGKILL at arbitrary moments of carrying out disposals, then run again: everything is finished exactly once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from fix_world_ledger import Story
from fix_world_retired import LATER, leave, settle

from kyc.disposals import Disposals
from kyc.domain.disposal import KeyDestroyed, LinkedDisposed, RecordDisposed
from kyc.retention.register import destroyed_keys
from projections import customer_profile
from projections.engine import Engine
from projections.retention_deadlines import Asked

pytestmark = pytest.mark.slow

CHILD = """
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
from datetime import date
from kyc.clock import FixedClock
from kyc.disposals import Disposals
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.retention.register import destroyed_keys
from kyc.store.database import Database
from kyc.store.log import EventLog
from projections.retention_deadlines import Asked

dsn, keys, register, now = sys.argv[1:]
log = EventLog(Database(dsn), FileKeyProvider.open(keys), clock=FixedClock(int(now)))
ledger = Ledger(log, ZoneInfo("UTC"))
desk = Disposals(ledger, destroyed_keys(Path(register)), Asked(ledger.today()))
def step(done, total):
    print("step", flush=True)
    sys.stdin.readline()
run = desk.execute("B1", "R-3", progress=step)
print(sorted({one.result for one in run.outcomes}), flush=True)
log.close()
"""
PEOPLE = 12


def killed(command: list[str], steps: int, pause: float) -> bool:
    """Whether a run was killed within its step after `steps`, `pause` seconds into it, before it ended."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for _ in range(steps):
            # The run waits for an answer at each step, so it cannot end while nobody looks.
            if child.stdout.readline() != b"step\n":
                return False
            child.stdin.write(b"\n")
        time.sleep(pause)
        child.kill()
    return child.returncode == -signal.SIGKILL


def test_killed_and_run_again(story: Story, tmp_path: Path) -> None:
    """Killed again and again and then left alone: each key destroyed once, each disposal certified once."""
    for n in range(PEOPLE):
        settle(story, f"C{n}", f"A{n}")
        leave(story, f"C{n}", f"A{n}")
    story.today = LATER
    register = destroyed_keys(tmp_path)
    desk = Disposals(story.ledger, register, Asked(story.today))
    assert len(desk.propose("B1", "R-1")) == 3 * PEOPLE
    assert desk.decide("B1", "R-2") == 3 * PEOPLE
    keys = str(tmp_path / "home" / "keys")
    command = [sys.executable, "-c", CHILD, story.log.database.dsn, keys, str(tmp_path), str(story.clock.us)]
    chance = Random(7)
    stages = set()
    for steps in (3, 8, 12, 3 * PEOPLE - 2, 3 * PEOPLE + 2, 3 * PEOPLE + 7, 3 * PEOPLE + 9):
        assert killed(command, steps, chance.uniform(0, 0.05)), "the run was over before it could be killed"
        story.project()
        stages.add(tuple(sorted({one.status for one in desk.proposals("B1")})))
    assert len(stages) > 1, "no kill came in between"
    run = subprocess.run(command, check=True, capture_output=True, text=True, input="\n" * 200)
    assert run.stdout.splitlines()[-1] == "['completed']"
    story.project()
    assert {one.status for one in desk.proposals("B1")} == {"completed"}
    seen: Counter[type] = Counter()
    for n in range(PEOPLE):
        for subject in (f"customer/C{n}", f"account/A{n}"):
            seen.update(type(one) for one in story.events("retention", subject))
        for kind, key in (("customer", f"C{n}"), ("account", f"A{n}"), ("postings", f"A{n}")):
            assert {one.row.state for one in story.recorded(kind, key)} == {b""}
    assert seen[KeyDestroyed] == seen[RecordDisposed] == 3 * PEOPLE
    assert seen[LinkedDisposed] == 3 * PEOPLE
    assert len(register.entries()) == 3 * PEOPLE
    assert customer_profile.find(story.log, number="C0") == []
    story.seal()
    assert story.verify().ok
    assert Engine(story.log).rebuild("disposal_register").equal is True
