"""`kyc branch put|run|send|status|refused|drop|receipts`: as a branch uses it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from fix_bank import opened, registered
from fix_cli import Call, document
from fix_embedded import wait_until
from fix_service import Provider, Running, wire

from kyc.evidence.note import Verifier
from kyc.evidence.receipt import open_receipt


@pytest.fixture
def token(tmp_path: Path, oidc: Provider) -> str:
    """The file of the branch's token."""
    path = tmp_path / "token"
    path.write_text(oidc.token())
    return str(path)


def captured(path: Path, *submissions: object) -> str:
    """A file of submissions."""
    path.write_bytes(b"\n".join(msgspec.json.encode(wire(one)) for one in submissions) + b"\n")
    return str(path)


def test_a_day_at_a_branch(call: Call, running: Running, token: str, tmp_path: Path) -> None:
    """Captured, sent, refused and corrected, with receipts that verify."""
    spool = str(tmp_path / "spool")
    day = captured(tmp_path / "day.ndjson", registered("C1"), opened("A1", "C9"), registered("C2"))
    assert document(call("--json", "branch", "put", spool, day)) == {"captured": 3, "waiting": 3}
    assert document(call("--json", "branch", "put", spool, day)) == {"captured": 0, "waiting": 3}
    where = ("--url", running.url, "--token", token, "--receipt-key", running.service.receipt_verifier_key)
    code, out, _ = call("branch", "send", spool, *where)
    assert code == 2
    assert "recorded  2 by the ledger" in out
    (refused,) = document(call("--json", "branch", "refused", spool))
    assert refused["problem"]["field"] == "holders[0].customer"
    standing = document(call("--json", "branch", "status", spool, registered("C1").key))
    assert (standing["state"], standing["recorded"][0]["version"]) == ("recorded", 1)
    assert document(call("--json", "branch", "drop", spool, refused["key"])) == {"dropped": refused["key"]}
    assert call("branch", "drop", spool, refused["key"])[0] == 4
    assert call("branch", "drop", spool)[0] == 2
    assert document(call("--json", "branch", "drop", spool, "--older-than", "30")) == {"dropped": 0}
    assert document(call("--json", "branch", "receipts", spool, str(tmp_path / "receipts"))) == {"written": 1}
    assert document(call("--json", "branch", "receipts", spool, str(tmp_path / "receipts"))) == {"written": 0}
    key = Verifier.parse(running.service.receipt_verifier_key)
    (path,) = (tmp_path / "receipts").iterdir()
    assert len(open_receipt(path.read_bytes(), key, running.service.log.database.origin()).events) == 2


def test_what_cannot_work(call: Call, token: str, tmp_path: Path) -> None:
    """A line that is none, a spool that is none and a service that is away are told apart."""
    spool = str(tmp_path / "spool")
    code, _, err = call("branch", "status", spool)
    assert (code, "no spool" in err) == (4, True)
    (tmp_path / "bad.ndjson").write_text('{"key": "k"}\n')
    code, _, err = call("branch", "put", spool, str(tmp_path / "bad.ndjson"))
    assert code == 2
    assert "line 1" in err
    assert call("branch", "put", spool, str(tmp_path / "none.ndjson"))[0] == 4
    good = captured(tmp_path / "good.ndjson", registered("C1"))
    assert call("branch", "put", spool, good)[0] == 0
    assert call("branch", "status", spool, "unknown")[0] == 4
    code, out, err = call(
        "branch", "send", spool, "--url", "http://127.0.0.1:9", "--token", token, "--seconds", "0.5"
    )
    assert code == 1
    assert "1 on this disk" in out
    assert "cannot be reached" in err
    assert call("branch", "send", spool, "--url", "http://127.0.0.1:9", "--cert", "a.pem")[0] == 5


@pytest.mark.slow
def test_the_daemon(running: Running, token: str, tmp_path: Path) -> None:
    """It sends what another process captures, writes its numbers, and ends in order when told."""
    spool, numbers = str(tmp_path / "spool"), tmp_path / "numbers.prom"
    run = ["branch", "run", spool, "--url", running.url, "--token", token, "--metrics", str(numbers)]
    kyc = [sys.executable, "-m", "kyc", "--json"]
    with subprocess.Popen([*kyc, *run], stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        assert json.loads(daemon.stdout.readline())["url"] == running.url
        good = captured(tmp_path / "good.ndjson", registered("C1"), registered("C2"))
        subprocess.run([*kyc, "branch", "put", spool, good], check=True, capture_output=True)
        wait_until(lambda: numbers.exists() and "kyc_branch_recorded_total 2" in numbers.read_text())
        second = subprocess.run([*kyc, *run], check=False, capture_output=True, text=True)
        assert "somebody else sends this spool" in second.stderr
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0
    assert "kyc_branch_captured 0" in numbers.read_text()
