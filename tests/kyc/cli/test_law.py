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
from kyc.clock import SystemClock, to_datetime
from kyc.domain.rulebook import FILES
from kyc.domain.rulefile import read
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
    assert json.loads(out) == {"adopted": ["authorities", "documents", "retention", "rulebook", "access"]}
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


def test_which_rule_answers_on_a_day(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """Value, version, source and days; a next version answers from its day on, and not as known before."""
    assert call("law", "ask", "review.cycle", "tier=high")[0] == 4
    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[0] == 0
    ask = ("law", "ask", "review.cycle", "tier=high", "--on", "2026-06-01")
    before = json.loads(call(*ask)[1])
    assert (before["value"]["period"], before["version"], before["mark"]) == ("P6M", 1, "S/D")
    assert "O11-25" in before["source"]
    moment = to_datetime(SystemClock().now_us()).isoformat()

    book = tmp_path / "rulebook.toml"
    book.write_text("\n".join(map(read, FILES)).replace('"P6M"', '"P3M"'), encoding="utf-8")
    people = ("--actor", "HQ-1", "--approver", "HQ-2", "--reason", "stricter")
    code, out, err = call("law", "publish", "rulebook", str(book), "--start", "2026-05-01", *people)
    assert (code, json.loads(out)["version"]) == (0, 2), err
    assert json.loads(call(*ask)[1])["value"]["period"] == "P3M"
    assert json.loads(call(*ask, "--as-of", moment)[1])["value"]["period"] == "P6M"
    assert json.loads(call("law", "ask", "review.cycle", "tier=high", "--on", "2026-04-30")[1])["version"] == 1
    assert call("law", "ask", "review.cycle", "high")[0] == 2
    used = [
        one for one in json.loads(call("law", "versions", "--on", "2026-06-01")[1])["versions"] if one["in_use"]
    ]
    assert {(one["rules"], one["version"]) for one in used} == {
        ("authorities", 1), ("documents", 1), ("retention", 1), ("rulebook", 2),
    }  # fmt: skip


def test_which_retention_law_applies(call: Callable[..., tuple[int, str, str]]) -> None:
    """Every row about a class, and why it applies on that day or not; shipped law before any is adopted."""
    rows = {}
    for day in ("2024-12-31", "2025-01-01"):
        said = json.loads(call("law", "retention", "identity", "--on", day, "--jurisdiction", "CN")[1])
        rows[day] = {row["policy"]: (row["applies"], row["because"]) for row in said["rows"] if row["keep"]}
    assert rows["2024-12-31"]["CN-ID-07"] == (True, "law since 2007-08-01")
    assert rows["2024-12-31"]["CN-ID-25"] == (False, "not law before 2025-01-01")
    assert rows["2025-01-01"]["CN-ID-07"] == (False, "not law after 2024-12-31")
    assert rows["2025-01-01"]["CN-ID-25"][0]
