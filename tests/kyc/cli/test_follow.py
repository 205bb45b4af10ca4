"""``kyc project --follow`` as a process of its own: it keeps up, and ends when it is told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fix_bank import household, moved
from fix_cli import Call, document

from kyc.simulate.submissions import wire

pytestmark = pytest.mark.slow


def test_follow_until_terminated(call: Call, database: str, tmp_path: Path) -> None:
    """What is recorded while it runs is projected; SIGTERM ends it with an answer and exit code 0."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", str(source))[0] == 0
    follower = subprocess.Popen(
        [sys.executable, "-m", "kyc", "--home", str(tmp_path / "home"), "--database", database, "--json",
         "project", "--follow"], stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        for line in ("2 New Street", "3 New Street"):
            source.write_bytes(wire(moved("C1", line)))
            assert call("ingest", "ndjson", str(source))[0] == 0
            deadline = time.monotonic() + 60
            while {one["behind"] for one in document(call("--json", "status"))["projections"].values()} != {0}:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        follower.send_signal(signal.SIGTERM)
        out, _ = follower.communicate(timeout=60)
    finally:
        follower.kill()
    answer = json.loads(out)
    assert follower.returncode == 0
    assert answer["stopped"] == {}
    assert answer["events"] == document(call("--json", "status"))["events"]
