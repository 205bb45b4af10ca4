"""Head office adopts the shipped rules: once, by two people, and then admission goes by them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from fix_bank import registered, submission
from fix_world import World
from fix_world_china import passport

from kyc.cli.main import main
from kyc.simulate.submissions import simulate, wire


@pytest.fixture
def call(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """The command line over a fresh database: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--home", str(tmp_path / "home"), "--database", database, "--json", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_rules_are_adopted_once(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """One person alone adopts nothing; adopted, a library card identifies nobody; again changes nothing."""
    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-1")[0] == 2
    code, out, err = call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")
    assert code == 0, err
    assert json.loads(out) == {"adopted": ["authorities", "documents", "retention", "rulebook"]}
    assert json.loads(call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[1]) == {"adopted": []}

    card = submission("card", passport("X-1", World(), kind="library-card"), "C1")
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, [registered("C1"), card])))
    code, out, err = call("ingest", "ndjson", str(source), "--rejects", str(tmp_path / "rejects"))
    (reject,) = map(json.loads, (tmp_path / "rejects").read_text().splitlines())
    assert (reject["field"], reject["line"]) == ("kind", 2)


def test_a_simulated_bank_is_taken_whole(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """Once the shipped rules are adopted, not one record of a whole simulated bank is refused."""
    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[0] == 0
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, simulate(7, 600, 1_000, date(2024, 1, 1), 90, scans=False))))
    code, out, err = call("ingest", "ndjson", str(source), "--rejects", str(tmp_path / "rejects"))
    assert (code, json.loads(out)["refused"]) == (0, 0), err
