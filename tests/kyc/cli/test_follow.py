"""``kyc project --follow`` and ``kyc seal --follow`` as processes: they keep up, and end when they are told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fix_bank import household, moved
from fix_cli import Call, document
from fix_embedded import wait_until

from kyc.simulate.submissions import wire

pytestmark = pytest.mark.slow


def test_seal_until_terminated(call: Call, database: str, tmp_path: Path) -> None:
    """Two sealers take turns: everything is sealed once and by one of them, and SIGTERM ends both with code 0."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    command = [sys.executable, "-m", "kyc", "--home", str(tmp_path / "home"), "--database", database, "--json"]
    assert call("status")[0] == 0  # makes the keys
    sealers = [
        subprocess.Popen([*command, "seal", "--follow", "--every", "1"], stdout=subprocess.PIPE) for _ in range(2)
    ]
    try:
        for line in ("2 New Street", "3 New Street"):
            assert call("ingest", "ndjson", str(source))[0] == 0
            wait_until(lambda: (told := document(call("--json", "status")))["sealed"] == told["events"])
            source.write_bytes(wire(moved("C1", line)))
        wait_until(lambda: all(map(_heeds_sigterm, sealers)))
        for one in sealers:
            one.send_signal(signal.SIGTERM)
        answers = [json.loads(one.communicate(timeout=60)[0]) for one in sealers]
    finally:
        for one in sealers:
            one.kill()
    assert [one.returncode for one in sealers] == [0, 0]
    assert sum(one["sealed"] for one in answers) == document(call("--json", "status"))["sealed"] > 0
    assert call("verify")[0] == 0


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
            wait_until(
                lambda: {one["behind"] for one in document(call("--json", "status"))["projections"].values()} == {0}
            )
        follower.send_signal(signal.SIGTERM)
        out, _ = follower.communicate(timeout=60)
    finally:
        follower.kill()
    answer = json.loads(out)
    assert follower.returncode == 0
    assert answer["stopped"] == {}
    assert answer["events"] == document(call("--json", "status"))["events"]


def _heeds_sigterm(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has come so far that it catches the signal; before that, the signal just ends it."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
