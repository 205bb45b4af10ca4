"""The command line on a real server: answers, JSON, exit codes, errors that help and leak nothing."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from fix_bank import booked, household, moved
from fix_cli import Call, document
from fix_samples import PRODUCT

from kyc.cli.main import main
from kyc.simulate.submissions import wire
from projections import crew


@pytest.fixture
def bank(call: Call, tmp_path: Path) -> Path:
    """A file of a household, taken in, sealed and projected."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("seal")[0] == 0
    assert call("project")[0] == 0
    return source


def test_ingest_and_status(call: Call, bank: Path) -> None:
    """What was taken in is counted, sealed and projected; again it is known."""
    status = document(call("--json", "status"))
    assert status["events"] == status["sealed"] > 12
    assert status["transactions"] == 1
    assert {one["behind"] for one in status["projections"].values()} == {0}
    again = document(call("--json", "ingest", "ndjson", str(bank)))
    assert (again["recorded"], again["replayed"], again["refused"]) == (0, 11, 0)


def test_read_models_by_several_processes(call: Call, bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projecting and rebuilding may be shared by processes; the status says where each read model stands."""
    monkeypatch.setattr(crew, "WORTHWHILE", 0)
    change = bank.with_name("change.ndjson")
    change.write_bytes(wire(moved("C1", "2 New Street")))
    assert call("ingest", "ndjson", str(change))[0] == 0
    (behind, *_) = document(call("--json", "status"))["projections"].values()
    assert (behind["behind"], behind["failure"], behind["rebuilding"]) == (1, None, False)
    assert behind["lag_seconds"] >= 0
    assert document(call("--json", "project", "--processes", "2")) == {"events": 1, "stopped": {}}
    assert document(call("--json", "rebuild", "transaction_index", "--processes", "2"))["equal"] is True
    assert call("project", "--processes", "0")[0] == 64


def test_dry_run_records_nothing(call: Call, tmp_path: Path) -> None:
    """A dry run says what would be recorded."""
    source = tmp_path / "in.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    answer = document(call("--json", "ingest", "ndjson", str(source), "--dry-run"))
    assert (answer["recorded"], answer["dry_run"]) == (11, True)
    assert document(call("--json", "status"))["events"] == 0


def test_rejects(call: Call, bank: Path, tmp_path: Path) -> None:
    """Refused lines give exit code 2 and a reject file; the summary names the reasons."""
    bad = tmp_path / "bad.ndjson"
    bad.write_bytes(wire(booked("T9", ("A404", "debit", "1.00"))) + b"{\n" + wire(moved("C1", "new")))
    code, out, _ = call("ingest", "ndjson", str(bad), "--rejects", str(tmp_path / "rejects"))
    assert code == 2
    assert "1 recorded" in out
    rejects = [json.loads(line) for line in (tmp_path / "rejects").read_text().splitlines()]
    assert [entry["line"] for entry in rejects] == [2, 1]


def test_customer_then_and_now(call: Call, bank: Path, tmp_path: Path) -> None:
    """A customer as of a moment differs from the present where it changed since."""
    before = document(call("--json", "customer", "history", "C1"))["events"][-1]["recorded_at"]
    change = tmp_path / "change.ndjson"
    change.write_bytes(wire(moved("C1", "2 New Street")))
    assert call("ingest", "ndjson", str(change))[0] == 0
    code, out, _ = call("customer", "show", "C1", "--as-of", before)
    assert code == 0
    assert "1 Old Street" in out
    assert "now: 2 New Street" in out
    assert "2 New Street" in call("customer", "show", "C1")[1]
    about = document(call("--json", "customer", "show", "C1", "--as-of", before, "--about", "2026-03-02"))["known"]
    assert about["corrections"] == [{"name": "addresses.lines", "then": "1 Old Street", "now": "2 New Street"}]
    part = document(call("--json", "customer", "history", "C1", "--since", "2026-01-01", "--no-postings"))
    assert {event["kind"] for event in part["events"]} == {"customer", "account"}
    assert document(call("--json", "customer", "history", "C1", "--since", "2099-01-01"))["events"] == []
    assert "Ada Lovelace" in call("customer", "history", "C1", "--as-of", "2099-01-01")[1]


def test_transaction_in_full(call: Call, bank: Path) -> None:
    """A transaction shows both legs, the parties and its place in the log."""
    code, out, _ = call("transaction", "show", "T1")
    assert code == 0
    for text in ("Leg 1 of 2", "rent for March", "Ada Lovelace", "Grace Hopper", "in the signed log", "T-1"):
        assert text in out
    assert document(call("--json", "transaction", "show", "T1"))


def test_verify_and_doctor(call: Call, bank: Path) -> None:
    """The log verifies, the doctor finds nothing failing but the test server's fsync."""
    assert document(call("--json", "verify"))["ok"] is True
    assert document(call("--json", "verify", "--keyless"))["ok"] is True
    code, out, _ = call("--json", "doctor", "--tamper-drill")
    verdicts = {one["what"]: one["verdict"] for one in json.loads(out)}
    for setting in ("fsync", "full_page_writes"):
        assert verdicts.pop(setting) == "fail"  # switched off in tests, and the doctor says so
    assert {name for name, verdict in verdicts.items() if verdict != "ok"} == set()
    assert verdicts["tamper drill"] == "ok"
    assert code == 1


def test_doctor_names_the_event_that_stopped_a_read_model(call: Call, bank: Path, database: str) -> None:
    """A damaged event is named by the doctor and the status, without its content; mended, projecting goes on."""
    assert call("rebuild", "customer_profile")[0] == 0
    more = bank.with_name("more.ndjson")
    more.write_bytes(wire(booked("T2", ("A1", "debit", "1.00"))))
    assert call("ingest", "ndjson", str(more))[0] == 0

    def flip() -> None:
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("set session_replication_role = replica")
            owner.execute(
                "update kyc.event set state = set_byte(state, 40, get_byte(state, 40) # 1)"
                " where (stream_id, version) = (select stream_id, version from kyc.claim where kind = 'transaction'"
                "    and version = (select max(version) from kyc.claim where kind = 'transaction'))"
            )

    flip()
    code, out, _ = call("--json", "project")
    assert code == 1
    assert "transaction_index" in json.loads(out)["stopped"]
    found = {one["what"]: one for one in json.loads(call("--json", "doctor")[1])}
    stopped = found["projection transaction_index"]
    assert (stopped["verdict"], stopped["remedy"]) == ("fail", "kyc project")
    assert "transaction.booked, event " in stopped["found"]
    assert found["projection customer_profile"]["verdict"] == "ok"
    flip()
    assert call("project")[0] == 0
    assert {one["failure"] for one in document(call("--json", "status"))["projections"].values()} == {None}


def test_seal_gives_the_checkpoint(call: Call, bank: Path) -> None:
    """Sealing again seals nothing and shows the newest checkpoint, which opens a later verification."""
    answer = document(call("--json", "seal"))
    assert answer["sealed"] == 0
    kept = bank.with_name("checkpoint")
    kept.write_text(answer["checkpoint"])
    assert document(call("--json", "verify", "--trusted", str(kept)))["ok"] is True


def test_what_is_given_out(call: Call, bank: Path, tmp_path: Path) -> None:
    """Receipts, a proof file and the static log come from the command line."""
    more = tmp_path / "more.ndjson"
    more.write_bytes(wire(booked("T2", ("A1", "debit", "1.00"))))
    assert call("ingest", "ndjson", str(more), "--receipts", str(tmp_path / "receipts"))[0] == 0
    assert len(list((tmp_path / "receipts").glob("*.receipt"))) == 1
    assert call("transaction", "prove", "T2", "--out", str(tmp_path / "T2.tlog-proof"))[0] == 4
    assert call("seal")[0] == 0
    assert call("transaction", "prove", "T2", "--out", str(tmp_path / "T2.tlog-proof"))[0] == 0
    assert document(call("--json", "publish", str(tmp_path / "log")))["size"] > 12
    assert (tmp_path / "log" / "checkpoint").is_file()


def test_rebuild(call: Call, bank: Path) -> None:
    """A read model is rebuilt and equal."""
    assert document(call("--json", "rebuild", "customer_profile"))["equal"] is True
    both = document(call("--json", "rebuild", "customer_profile", "account_register"))
    assert [(one["name"], one["equal"]) for one in both] == [("customer_profile", True), ("account_register", True)]
    assert {one["equal"] for one in document(call("--json", "rebuild", "all", "--processes", "2"))} == {True}


def test_keys(call: Call, bank: Path) -> None:
    """Keys are shown and rotated; nobody destroys one by hand."""
    shown = document(call("--json", "keys", "show"))
    assert "PUBLIC KEY" in shown["export_key"]
    assert document(call("--json", "keys", "rotate"))["kek"] != shown["kek"]
    assert call("keys", "destroy", "C1")[0] == 64


def test_schema(call: Call) -> None:
    """Every event is described as JSON Schema, field by field; unknown topics are named with the known ones."""
    schema = document(call("--json", "schema", "customer.registered"))
    assert schema["customer.registered"]["x-schema-version"] == 2
    everything = document(call("--json", "schema"))
    for topic, kind in PRODUCT.items():
        described = everything[topic]["$defs"][kind.__name__]
        assert set(described["properties"]) == set(kind.__struct_fields__), topic
    assert call("schema", "no.such")[0] == 4


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("customer", "show", "nobody"), 4, "no such customer"),
        (("transaction", "show", "nothing"), 4, "nothing"),
        (("customer", "show", "C1", "--as-of", "yesterday"), 2, "2026-03-01"),
        (("ingest", "csv", "x.csv"), 5, "docs/ingest.md"),
        (("ingest", "amlsim", "nowhere"), 2, "nodes.csv.gz"),
        (("frobnicate",), 64, "kyc --help"),
        (("ingest", "excel", "x"), 64, "kyc --help"),
        (("rebuild", "nothing"), 4, "customer_profile"),
    ],
)
def test_errors_help(call: Call, arguments: tuple[str, ...], code: int, says: str) -> None:
    """Errors go to stderr with what to do about them, and stdout stays empty."""
    got, out, err = call(*arguments)
    assert got == code, err
    assert out == ""
    assert says in err or says == "nothing"


def test_unreachable_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database that is not there is named as such, as JSON where asked."""
    code = main(["--home", str(tmp_path), "--database", "host=/nonexistent", "--json", "status"])
    said = capsys.readouterr()
    assert code == 1
    assert said.out == ""
    assert json.loads(said.err)["kind"] == "StoreUnavailableError"


def test_foreign_database_needs_migrations(
    empty_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database of one's own is never changed unasked: the error names the command, which then does it."""
    options = ["--home", str(tmp_path), "--database", empty_database]
    assert main([*options, "status"]) == 1
    assert "kyc migrate" in capsys.readouterr().err
    assert main([*options, "migrate"]) == 0
    assert main([*options, "status"]) == 0
