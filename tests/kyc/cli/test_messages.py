"""Messages by the command line: counts, exit codes, reject files of several sources, who submits."""

from __future__ import annotations

import json
from pathlib import Path

from fix_bank import household, opened
from fix_cli import Call, document
from fix_messages import OURS, entry, payment, statement

from kyc.simulate.submissions import wire

MT940 = f":20:S\n:25:{OURS}\n:28C:1\n:60F:C260301EUR0,\n:61:260303C1,NTRFX//B1\n:62F:C260303EUR2,\n-\n"


def test_messages(call: Call, tmp_path: Path, monkeypatch) -> None:
    """Several files of messages are recorded once; what does not add up is told, and fails only where asked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bank.ndjson").write_bytes(b"".join(map(wire, [*household(), opened("A9", "C1")])))
    assert call("ingest", "ndjson", "bank.ndjson")[0] == 0
    (tmp_path / "one.xml").write_text(statement(entry(details=payment())))
    (tmp_path / "two.xml").write_text(statement(entry(reference="R2"), account="UNKNOWN1"))
    (tmp_path / "in.sta").write_text(MT940)
    (tmp_path / "names.csv").write_text(f"{OURS},A9\n")
    files, names = ("one.xml", "two.xml"), ("--accounts", "names.csv", "--branch", "B-7")
    code, out, _ = call("--json", "ingest", "iso20022", *files, *names, "--rejects", "rejects")
    answer = json.loads(out)
    assert (code, answer["recorded"], answer["refused"], answer["transactions"]) == (2, 1, 1, 1)
    assert json.loads(Path("rejects").read_text())["file"] == "two.xml"
    again = document(call("--json", "ingest", "iso20022", "one.xml", *names))
    assert (again["recorded"], again["replayed"]) == (0, 1)
    code, out, _ = call("ingest", "mt", "in.sta", *names)
    assert code == 0
    assert "the balances do not agree" in out
    assert json.loads(Path("in.sta.rejects.ndjson").read_text())["severity"] == "check"
    assert call("ingest", "mt", "in.sta", *names, "--strict")[0] == 2
    for wrong, field in (
        (("--branch", "a b"), "branch"),
        (("--encoding", "x"), "encoding"),
        (("--accounts", "in.sta"), "in.sta"),
    ):
        code, _, err = call("ingest", "mt", "in.sta", *wrong)
        assert (code, field in err) == (2, True)
    assert call("ingest", "mt", "nowhere.sta")[0] == 4
