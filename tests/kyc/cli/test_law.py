"""Head office adopts the shipped rules: once, by two people, and then admission goes by them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fix_bank import registered, submission
from fix_world import World
from fix_world_china import passport

from kyc.cli.main import main
from kyc.simulate.submissions import wire


def test_rules_are_adopted_once(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person alone adopts nothing; adopted, a library card identifies nobody; again changes nothing."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["--home", str(tmp_path / "home"), "--database", database, "--json", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-1")[0] == 2
    code, out, err = call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")
    assert code == 0, err
    assert json.loads(out) == {"adopted": ["authorities", "documents", "rulebook"]}
    assert json.loads(call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[1]) == {"adopted": []}

    card = submission("card", passport("X-1", World(), kind="library-card"), "C1")
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, [registered("C1"), card])))
    code, out, err = call("ingest", "ndjson", str(source), "--rejects", str(tmp_path / "rejects"))
    (reject,) = map(json.loads, (tmp_path / "rejects").read_text().splitlines())
    assert (reject["field"], reject["line"]) == ("kind", 2)
