"""``kyc witness`` as an auditor calls it: no database, own keys, a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fix_bank import household
from fix_cli import Call, document
from fix_liar import GROWN, ORIGIN, SEEN, Files, forged_tail, grown, honest

from kyc.cli.main import main
from kyc.clock import SystemClock
from kyc.evidence import checkpoint, note
from kyc.evidence.checkpoint import Checkpoint
from kyc.keys.file_provider import FileKeyProvider
from kyc.simulate.submissions import wire
from kyc.witness import protocol
from kyc.witness.protocol import Request
from kyc.witness.server import WitnessServer
from kyc.witness.state import State
from kyc.witness.witness import Witness


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A witness that watches the log."""
    made = str(tmp_path / "witness")
    assert main(["witness", "init", made, "--name", "witness.example/w1"]) == 0
    assert main(["witness", "show", made]) == 2
    assert main(["witness", "trust", made, honest().vkey]) == 0
    capsys.readouterr()
    return made


def published(path: Path, files: Files) -> str:
    """The files of a log in a folder."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Exit code and document of a command."""
    code = main(["--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_auditor_pulls(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An auditor looks twice, copies, and is shown a forged history the third time: named, kept, exit code 10."""
    first = published(tmp_path / "first", honest().files)
    code, said = run(capsys, "witness", "pull", folder, first)
    assert (code, said) == (0, {"origin": ORIGIN, "size": SEEN, "cosigned": True})
    second = published(tmp_path / "second", grown().files)
    assert run(capsys, "witness", "pull", folder, second, "--mirror")[1]["mirrored"] == GROWN
    assert run(capsys, "witness", "show", folder)[0] == 0
    code, said = run(capsys, "witness", "pull", folder, published(tmp_path / "third", forged_tail()))
    assert (code, said["refused"].split(":")[0]) == (10, "forked")
    code, said = run(capsys, "witness", "show", folder)
    assert code == 10
    (log,) = said["logs"]
    assert (log["size"], [one["kind"] for one in log["misbehaviour"]]) == (GROWN, ["forked"])
    main(["witness", "show", folder])
    assert "two different trees of one size" in capsys.readouterr().out


def test_witness_serves(folder: str) -> None:
    """`kyc witness serve` is a process of its own that answers add-checkpoint and ends on a signal."""
    command = [sys.executable, "-m", "kyc", "--json", "witness", "serve", folder, "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        connection = HTTPConnection(said["url"].removeprefix("http://"), timeout=60)
        connection.request("POST", "/add-checkpoint", protocol.format(Request(0, (), honest().signed)))
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:3]) == (200, "—".encode())
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


@pytest.fixture
def witness(folder: str) -> Iterator[WitnessServer]:
    """The same witness, serving."""
    state = State(Path(folder))
    with WitnessServer("127.0.0.1", 0, state, Witness(state, SystemClock())) as served:
        thread = Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def sealed(call: Call, tmp_path: Path) -> Checkpoint:
    """A bank taken in and sealed: its newest checkpoint."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", str(source))[0] == 0
    return checkpoint.parse(note.parse(document(call("--json", "seal"))["checkpoint"]).text)


def policy(tmp_path: Path, witness: WitnessServer) -> str:
    """A policy file whose quorum is this witness."""
    file = tmp_path / "policy"
    file.write_text(f"witness one {witness.state.verifier} {witness.url}\nquorum one\n")
    return str(file)


def test_verify_asks_the_witnesses(call: Call, witness: WitnessServer, sealed: Checkpoint, tmp_path: Path) -> None:
    """A log others have seen more of, or another one of, is named; a witness that does not answer is said."""
    file = policy(tmp_path, witness)
    signer = note.Signer(sealed.origin, FileKeyProvider.open(tmp_path / "home" / "keys").signing_key("log"))
    witness.state.trust(str(signer.verifier))
    report = document(call("--json", "verify", "--policy", file))
    assert any("cosigned nothing" in said for said in report["not_proved"])
    for size, root, found in (
        (sealed.size, sealed.root, None),
        (sealed.size + 1, bytes(32), "rolled_back"),
        (sealed.size, bytes(32), "forked"),
    ):
        log = witness.state.log(sealed.origin)
        signed = checkpoint.sign(Checkpoint(sealed.origin, size, root), signer)
        log.record(note.add_signatures(signed, witness.state.cosigner(1).signature(note.parse(signed).text)), size)
        code, out, _ = call("--json", "verify", "--policy", file)
        report = json.loads(out)
        assert [one["kind"] for one in report["findings"]] == ([found] if found else [])
        assert code == (10 if found else 0)
    witness.server_close()
    witness.shutdown()
    report = document(call("--json", "verify", "--policy", file))
    assert any("cannot be reached" in said for said in report["not_proved"])


def test_nothing_leaves_before_the_policy_holds(
    call: Call, witness: WitnessServer, sealed: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under KYC_POLICY sealing goes on, but files, proofs and exports wait for the witness; then they carry it."""
    monkeypatch.setenv("KYC_POLICY", policy(tmp_path, witness))
    order = ("--recipient", "NFRA", "--purpose", "inspection", "--legal-basis", "AML24-45", "--actor", "A-1")
    export = ("export", "--customer", "C1", *order, "--out", str(tmp_path / "bundle"))
    assert call("seal")[0] == 10  # the witness does not know the log yet
    assert call("publish", str(tmp_path / "log"))[0] == 10
    assert call(*export)[0] == 4
    keys = document(call("--json", "keys", "show"))
    witness.state.trust(keys["log_key"])
    assert call("seal")[0] == 0
    assert document(call("--json", "publish", str(tmp_path / "log")))["size"] == sealed.size
    assert call(*export)[0] == 0
    for file in (tmp_path / "log" / "checkpoint", tmp_path / "bundle" / "checkpoint"):
        opened = checkpoint.open_checkpoint(
            file.read_bytes(), note.Verifier.parse(keys["log_key"]), [witness.state.verifier]
        )
        assert len(opened.cosignatures) == 1
    program = [sys.executable, str(tmp_path / "bundle" / "verify.py"), str(tmp_path / "bundle")]
    told = ["--log-key", keys["log_key"], "--export-key", keys["export_fingerprint"]]
    said = subprocess.run([*program, *told], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert document(call("--json", "verify"))["ok"]
