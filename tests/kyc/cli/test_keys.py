"""Signing keys over the years, from the command line: handed over, stolen, stamped; and what still verifies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from fix_bank import household
from fix_cli import Call, document
from fix_tsa import TimestampAuthority

from kyc.cli.main import service
from kyc.clock import SystemClock, to_datetime
from kyc.domain.operations import CheckpointAnchored, SigningKeyCompromised, SigningKeySucceeded
from kyc.domain.submission import StreamName
from kyc.errors import ConfigurationError
from kyc.evidence import checkpoint, key_history, note
from kyc.keys.file_provider import FileKeyProvider
from kyc.simulate.submissions import wire
from kyc.witness.state import State
from replay import verifier

pytestmark = pytest.mark.pg15


@pytest.fixture
def bank(call: Call, tmp_path: Path, tsa: TimestampAuthority) -> dict[str, str]:
    """A household, taken in and sealed; its keys as they were told at the beginning."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("seal")[0] == 0
    (tmp_path / "tsa.pem").write_bytes(tsa.ca_pem)
    return dict(document(call("--json", "keys", "show")))


def note_more(call: Call, tmp_path: Path, name: str) -> None:
    """One more event in the log, sealed."""
    register(call, tmp_path, name)
    assert call("seal")[0] == 0


def register(call: Call, tmp_path: Path, name: str, *options: str) -> None:
    """One more event, not sealed yet."""
    line = wire(household()[0]).decode().replace('"C1"', f'"{name}"').replace('"key":"', f'"key":"{name}')
    (tmp_path / f"{name}.ndjson").write_text(line, encoding="utf-8")
    assert call("ingest", "ndjson", f"{name}.ndjson", *options)[0] == 0


def verified(call: Call, *options: str) -> dict[str, object]:
    """What a verification says, whatever its outcome."""
    _, out, err = call("--json", "verify", *options)
    assert out, err
    return dict(json.loads(out))


def kinds(report: dict[str, object]) -> list[tuple[str, str]]:
    """Kind and severity of each finding."""
    return [(one["kind"], one["severity"]) for one in report["findings"]]  # type: ignore[attr-defined]


def export(call: Call, out: Path, *options: str) -> None:
    """An export of the first customer."""
    answer = call("export", "--customer", "C1", "--recipient", "court", "--no-report", "--out", str(out), *options)
    assert answer[0] == 0, answer[2]


def refused(*arguments: object) -> str:
    """Why the stand-alone verifier refuses."""
    with pytest.raises(verifier.Refused) as why:
        verifier.verify(*arguments)  # type: ignore[arg-type]
    return str(why.value)


def test_the_log_is_verified_under_either_key(call: Call, bank: dict[str, str], tmp_path: Path) -> None:
    """After a hand-over the log verifies for whoever was told the old key, or the new one, and for nobody else."""
    said = document(call("--json", "keys", "rotate", "--signing", "log", "--actor", "A-1"))
    now = document(call("--json", "keys", "show"))
    assert (said["old"], said["new"]) == (bank["log_key"], now["log_key"])
    note_more(call, tmp_path, "C9")
    for key in (bank["log_key"], now["log_key"]):
        report = verified(call, "--log-key", key)
        assert (report["ok"], report["findings"]) == (True, [])
        assert any(text.endswith(f"to {said['size']}") for text in report["proved"])  # type: ignore[attr-defined]
    stranger = FileKeyProvider.open(tmp_path / "other").signing_key("log")
    other = str(note.Signer(now["log_key"].split("+")[0], stranger).verifier)
    assert ("nothing_sealed", "error") in kinds(verified(call, "--log-key", other))
    with service() as opened:
        (recorded,) = [one.event for one in opened.log.events(StreamName("operations", "evidence"))]
        newest = opened.sealed.checkpoint()
    assert isinstance(recorded, SigningKeySucceeded)
    assert (recorded.old, recorded.new, recorded.size) == (said["old"], said["new"], said["size"])
    assert newest is not None
    checkpoint.open_checkpoint(newest.note, note.Verifier.parse(now["log_key"]))


def test_an_interrupted_hand_over_is_finished(
    call: Call, bank: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between statement and new key, the old key signs nothing more; rotating again finishes it."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FileKeyProvider, "succeed_signing_key", dies)
        with pytest.raises(SystemExit):
            call("keys", "rotate", "--signing", "log")
    register(call, tmp_path, "C8")
    code, _, err = call("seal")
    assert (code, "handed over" in err) == (ConfigurationError.exit_code, True)
    assert document(call("--json", "keys", "rotate", "--signing", "log"))["old"] == bank["log_key"]
    note_more(call, tmp_path, "C9")
    assert len(document(call("--json", "keys", "history"))["keys"]) == 4
    assert verified(call, "--log-key", bank["log_key"])["ok"]


def test_the_old_key_signs_nothing_more(call: Call, bank: dict[str, str], tmp_path: Path) -> None:
    """A checkpoint that the old key signs after it was handed over is named, and one of the new key before."""
    old = FileKeyProvider.open(tmp_path / "home" / "keys").signing_key("log")
    said = document(call("--json", "keys", "rotate", "--signing", "log"))
    new = FileKeyProvider.open(tmp_path / "home" / "keys").signing_key("log")
    with service() as opened:
        origin = opened.log.database.origin()
        newest, first = opened.sealed.checkpoint(), opened.sealed.checkpoint(said["size"])
        dsn = opened.dsn
    for row, key in ((newest, old), (first, new)):
        assert row is not None
        forged = checkpoint.sign(checkpoint.Checkpoint(origin, row.size, row.root), note.Signer(origin, key))
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute("set session_replication_role = replica")
            owner.execute("update kyc.checkpoint set note = %s where size = %s", (forged, row.size))
        named = verified(call, "--log-key", bank["log_key"])["findings"]
        assert ("key_out_of_period", f"checkpoint {row.size}") in [
            (one["kind"], one["place"]) for one in named  # type: ignore[attr-defined]
        ]  # fmt: skip


def test_a_stolen_key(call: Call, bank: dict[str, str], tmp_path: Path, tsa_url: str) -> None:
    """What was stamped before the theft stays good, what came after is named; a successor's word covers it."""
    stamp = ["--timestamp", tsa_url, "--timestamp-ca", "tsa.pem"]
    anchored = document(call("--json", "anchor", *stamp, "--out", "anchored"))["size"]
    command = "openssl ts -verify -data anchored/checkpoint -in anchored/checkpoint.tst -token_in -CAfile tsa.pem"
    assert subprocess.run(command.split(), cwd=tmp_path, check=False, capture_output=True).returncode == 0
    note_more(call, tmp_path, "C8")
    early = to_datetime(0).isoformat()
    assert call("keys", "compromised", bank["log_key"], "--from", early)[0] == 2, "it is in use"
    said = document(call("--json", "keys", "rotate", "--signing", "log", *stamp))
    theft = to_datetime(SystemClock().now_us()).isoformat()
    assert call("keys", "compromised", bank["log_key"], "--from", theft)[0] == 0
    report = verified(call, "--tsa", "tsa.pem")
    assert report["ok"]
    named = [one["place"] for one in report["findings"]]  # type: ignore[attr-defined]
    assert named == [f"checkpoint {said['size']}"], f"and not that of {anchored}"
    assert kinds(report) == [("key_compromised", "warning")]
    assert len(kinds(verified(call))) > 1, "without the authority nothing is shown to be older"
    told = ["--log-key", bank["log_key"]]
    assert verified(call, *told, "--tsa", "tsa.pem")["ok"], "the hand-over was stamped in time"
    report = verified(call, *told)
    assert not report["ok"], "who was told the stolen key only cannot tell the bank from the thief"
    assert call("keys", "compromised", bank["log_key"], "--from", early)[0] == 0
    assert {severity for _, severity in kinds(verified(call, "--tsa", "tsa.pem"))} == {"warning"}
    with service() as opened:
        events = [one.event for one in opened.log.events(StreamName("operations", "evidence"))]
    assert [type(one) for one in events] == [
        CheckpointAnchored, SigningKeySucceeded, SigningKeyCompromised, SigningKeyCompromised,
    ]  # fmt: skip


def test_exports_before_and_after(call: Call, bank: dict[str, str], tmp_path: Path) -> None:
    """An old export verifies under the new keys, a new one under the old keys, by the statements between them."""
    told = [bank["log_key"]], [bank["export_fingerprint"]]
    export(call, tmp_path / "old")
    for role in ("log", "export"):
        assert call("keys", "rotate", "--signing", role)[0] == 0
    export(call, tmp_path / "new")
    assert call("keys", "history", "--out", "keys.ndjson")[0] == 0
    now = document(call("--json", "keys", "show"))
    today = [now["log_key"]], [now["export_fingerprint"]]
    history = str(tmp_path / "keys.ndjson")
    assert verifier.verify(str(tmp_path / "old"), *told).anchored
    found = verifier.verify(str(tmp_path / "new"), *told)
    assert any("tied by signed statements" in text for text in found.proved)
    assert verifier.verify(str(tmp_path / "new"), *today).anchored
    assert "not the expected key" in refused(str(tmp_path / "old"), *today)
    assert verifier.verify(str(tmp_path / "old"), *today, [], [history]).anchored
    command = [sys.executable, "-P", str(tmp_path / "new" / "verify.py"), str(tmp_path / "old"), "--keys", history]
    command += ["--log-key", now["log_key"], "--export-key", now["export_fingerprint"]]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_exports_of_a_stolen_key(call: Call, bank: dict[str, str], tmp_path: Path, tsa_url: str) -> None:
    """Of two exports signed by a stolen key the stamped one stays good, the other is refused."""
    stamp = ["--timestamp", tsa_url, "--timestamp-ca", "tsa.pem"]
    export(call, tmp_path / "plain")
    export(call, tmp_path / "stamped", *stamp)
    for role in ("log", "export"):
        assert call("keys", "rotate", "--signing", role, *stamp)[0] == 0
    theft = to_datetime(SystemClock().now_us()).isoformat()
    for key in [one["key"] for one in document(call("--json", "keys", "history"))["keys"] if one["until"]]:
        assert call("keys", "compromised", key, "--from", theft)[0] == 0
    assert call("keys", "history", "--out", "keys.ndjson")[0] == 0
    authority = document(call("--json", "keys", "show"))
    trusted = x509.load_pem_x509_certificate((tmp_path / "tsa.pem").read_bytes()).fingerprint(SHA256()).hex()
    told = [bank["log_key"]], [bank["export_fingerprint"]], [], [str(tmp_path / "keys.ndjson")]
    now = [authority["log_key"]], [authority["export_fingerprint"]], [], [str(tmp_path / "keys.ndjson")]
    assert "declared compromised" in refused(str(tmp_path / "plain"), *told, [trusted])
    assert "declared compromised" in refused(str(tmp_path / "stamped"), *told), "no authority was told"
    for keys in (told, now):
        found = verifier.verify(str(tmp_path / "stamped"), *keys, [trusted])
        assert sum("was declared compromised later" in text for text in found.proved) == 2
    assert "not the expected CA" in refused(str(tmp_path / "stamped"), *told, ["00" * 32])


def test_receipts_and_witnesses_follow(call: Call, bank: dict[str, str], tmp_path: Path) -> None:
    """A branch with old receipts and an auditor who was told the first keys follow what the log publishes."""
    register(call, tmp_path, "C7", "--receipts", "receipts")
    assert call("seal")[0] == 0
    assert call("publish", "log")[0] == 0
    assert call("witness", "init", "witness", "--name", "auditor.example/w")[0] == 0
    assert call("witness", "trust", "witness", bank["log_key"])[0] == 0
    assert call("witness", "pull", "witness", "log", "--mirror")[0] == 0
    for role in ("log", "receipt"):
        assert call("keys", "rotate", "--signing", role)[0] == 0
    assert call("seal")[0] == 0
    assert call("publish", "log")[0] == 0
    now = document(call("--json", "keys", "show"))
    for keys in (bank, now):
        check = ["receipt", "check", "receipts", "--log", "log", "--log-key", keys["log_key"]]
        assert call(*check, "--receipt-key", keys["receipt_key"])[0] == 0
    assert call("witness", "pull", "witness", "log", "--mirror")[0] == 0
    assert [str(key) for key in State(tmp_path / "witness").log(now["log_key"].split("+")[0]).keys] == [
        bank["log_key"], now["log_key"],
    ]  # fmt: skip


def test_statements_are_not_believed_for_standing_there(call: Call, bank: dict[str, str], tmp_path: Path) -> None:
    """Statements and stamps edited in the database are named; a removed statement leaves the new key a stranger."""
    assert call("keys", "rotate", "--signing", "log")[0] == 0
    with service() as opened:
        dsn = opened.dsn
        ((_, good),) = opened.sealed.key_statements()

    def edit(statement: str, *arguments: object) -> None:
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute("set session_replication_role = replica")
            assert owner.execute(statement.encode(), arguments).rowcount == 1

    edit("update kyc.key_statement set note = %s", good.replace("size ", "size 1"))
    assert ("key_history_wrong", "error") in kinds(verified(call, "--log-key", bank["log_key"]))
    edit("update kyc.key_statement set note = %s", good)
    assert verified(call, "--log-key", bank["log_key"])["ok"]
    edit("insert into kyc.anchor values ('key', 1, 1, 'token', 'nobody')")
    assert ("anchor_wrong", "error") in kinds(verified(call, "--tsa", "tsa.pem"))
    edit("delete from kyc.anchor")
    old, new, thief = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
    origin = bank["log_key"].split("+")[0]
    signers = [note.Signer(origin, key) for key in (old, new, thief)]
    for number, (one, other) in enumerate(((0, 1), (0, 2)), 2):
        said = key_history.Succession(origin, "log", 1, 1, signers[one].verifier, signers[other].verifier)
        text = key_history.sign(said, signers[one], signers[other])
        edit("insert into kyc.key_statement values (%s, 1, '', %s)", number, text)
    assert ("key_history_wrong", "error") in kinds(verified(call, "--log-key", str(signers[0].verifier)))
    edit("delete from kyc.key_statement where number = 1")
    named = kinds(verified(call, "--log-key", bank["log_key"]))
    assert {("signature_wrong", "error"), ("key_statement_missing", "error")} <= set(named)
