"""``kyc receipt check`` from taking in to proof or breach."""

from __future__ import annotations

import json
from pathlib import Path

from fix_bank import booked, household
from fix_cli import Call, document

from kyc.evidence import leaf, note, receipt, tlog_proof
from kyc.evidence.receipt import Receipt, ReceiptedEvent
from kyc.keys.file_provider import FileKeyProvider
from kyc.simulate.submissions import wire


def test_receipts_become_proofs(call: Call, tmp_path: Path) -> None:
    """Pending before the seal, included after it with a proof file each; the proofs then stand in for the log."""
    source, more = tmp_path / "bank.ndjson", tmp_path / "more.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    more.write_bytes(wire(booked("T2", ("A1", "debit", "1.00"))))
    folder, proofs, log = (str(tmp_path / name) for name in ("receipts", "proofs", "log"))
    assert call("ingest", "ndjson", str(source), "--receipts", folder)[0] == 0
    assert call("seal")[0] == call("publish", log)[0] == 0
    assert call("ingest", "ndjson", str(more), "--receipts", folder)[0] == 0
    keys = document(call("--json", "keys", "show"))
    told = ("--log-key", keys["log_key"], "--receipt-key", keys["receipt_key"])
    early = document(call("--json", "receipt", "check", folder, "--log", log, *told))
    assert (early["pending"], early["broken"]) == (1, [])
    assert early["included"] > 12
    assert call("seal")[0] == call("publish", log)[0] == 0
    said = document(call("--json", "receipt", "check", folder, "--log", log, *told, "--proofs", proofs))
    assert (said["pending"], said["included"]) == (0, early["included"] + 1)
    files = list(Path(proofs).iterdir())
    assert len(files) == said["included"]
    tlog_proof.parse(files[0].read_bytes())
    again = call("--json", "receipt", "check", folder, "--log", "/nowhere", *told, "--proofs", proofs)
    assert document(again)["included"] == said["included"]


def test_breach(call: Call, tmp_path: Path) -> None:
    """A receipt of an event that the log never had, long due, is named; a forged receipt is refused."""
    log = str(tmp_path / "log")
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", str(source))[0] == call("seal")[0] == call("publish", log)[0] == 0
    keys = document(call("--json", "keys", "show"))
    origin = note.Verifier.parse(keys["log_key"]).name
    provider = FileKeyProvider.open(tmp_path / "home" / "keys")
    lost = ReceiptedEvent(bytes(16), 1, bytes(leaf.CHAIN_HASH_LENGTH), 0, 1, 1)
    for name, verdict in (("receipt", 10), ("log", 10)):
        text = receipt.sign(Receipt(origin, 60, (lost,)), receipt.signer(origin, provider.signing_key(name)))
        file = tmp_path / f"{name}.receipt"
        file.write_text(text)
        told = ("--log", log, "--log-key", keys["log_key"], "--receipt-key", keys["receipt_key"])
        code, out, err = call("--json", "receipt", "check", str(file), *told)
        assert code == verdict
        if name == "receipt":
            assert json.loads(out)["broken"] == [
                {"event": "00000000-0000-0000-0000-000000000000 version 1", "verdict": "overdue"}
            ]
        else:
            assert "no signature of a trusted key" in err
    assert call("receipt", "check", str(tmp_path / "log"), *told)[0] == 2
