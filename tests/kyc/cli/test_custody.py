"""Custody handed over: a bundle that verifies, a log that a witness sees continued, and an event that says so."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fix_bank import household, moved
from fix_cli import Call, document

from kyc.simulate.submissions import wire


@pytest.fixture
def bank(call: Call, tmp_path: Path) -> Call:
    """The command line of a bank with two customers."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", str(source))[0] == 0
    return call


HAND = ("--receiver", "ARCHIVE-1", "--reason", "dissolution", "--actor", "HQ-1", "--witness", "HQ-2")


def test_handed_over(bank: Call, tmp_path: Path) -> None:
    """The receiver verifies records and log without the bank; later the log continues what was handed."""
    package = tmp_path / "package"
    told = document(bank("--json", "custody", "transfer", str(package), *HAND))
    with zipfile.ZipFile(package / "bundle.zip") as box:
        manifest = json.loads(box.read("manifest.json"))
        trailer = json.loads(box.read("trailer.json"))
        (tmp_path / "verify.py").write_bytes(box.read("verify.py"))
    assert (manifest["recipient"], manifest["purpose"], manifest["legal_basis"]) == (
        "ARCHIVE-1",
        "custody",
        "AML24-34",
    )
    assert {stream["key"] for stream in trailer["streams"]} == {"C1", "C2", "A1", "A2"}
    assert all(stream["through"] == stream["last"] and stream["unsealed"] == 0 for stream in trailer["streams"])
    keys = ("--log-key", told["log_key"], "--export-key", told["export_fingerprint"])
    command = [sys.executable, "-I", str(tmp_path / "verify.py"), str(package / "bundle.zip"), *keys]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (said.returncode, said.stdout.splitlines()[0]) == (0, "VERIFIED")

    witness = tmp_path / "witness"
    assert bank("witness", "init", str(witness), "--name", "archive.example/w1")[0] == 0
    assert bank("witness", "trust", str(witness), told["log_key"])[0] == 0
    code, out, err = bank("witness", "pull", str(witness), str(package / "log"))
    assert code == 0, out + err
    source = tmp_path / "more.ndjson"
    source.write_bytes(wire(moved("C1", "9 New Street")))
    assert bank("ingest", "ndjson", str(source))[0] == 0
    assert bank("seal")[0] == 0
    assert bank("publish", str(tmp_path / "continued"))[0] == 0
    assert bank("witness", "pull", str(witness), str(tmp_path / "continued"))[0] == 0
    assert bank("custody", "transfer", str(package), *HAND)[0] == 3


def test_it_is_on_record(bank: Call, database: str, tmp_path: Path) -> None:
    """Receiver, reason, the package's manifest and the second person are recorded, and sealed with the package."""
    from kyc.domain.operations import CustodyTransferred
    from kyc.domain.submission import StreamName
    from kyc.keys.file_provider import FileKeyProvider
    from kyc.store.database import Database
    from kyc.store.log import EventLog

    told = document(bank("--json", "custody", "transfer", str(tmp_path / "one"), *HAND, "--customer", "C1"))
    log = EventLog(Database(database), FileKeyProvider.open(tmp_path / "home" / "keys"))
    (event,) = [
        one.event for one in log.events(StreamName("operations", "custody"))
        if isinstance(one.event, CustodyTransferred)
    ]  # fmt: skip
    assert (event.receiver, event.reason, event.witness) == ("ARCHIVE-1", "dissolution", "HQ-2")
    assert (event.manifest, event.streams) == (told["manifest"], 3)
    assert told["log_size"] == sum(log.reader.positions().values())
    log.close()
