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
    assert json.loads(out) == {
        "adopted": ["authorities", "documents", "retention", "rulebook", "access", "calendar"]
    }
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
        ("authorities", 1), ("documents", 1), ("retention", 1), ("rulebook", 2), ("access", 1), ("calendar", 1),
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


FORM = """
[[form]]
name = "natural/2"
type = "natural"
mandatory = ["birth_date", "nationalities", "addresses", "occupation"]
optional = ["phones"]
effective_from = 2026-04-01
source = "head office"
mark = "D"
configurable = true
"""


def test_which_form_answers_on_a_day(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """The shipped form of the jurisdiction until the published one begins; a file's known forms are left alone."""
    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[0] == 0
    file = tmp_path / "forms.toml"
    file.write_text(FORM, encoding="utf-8")
    people = ("--actor", "HQ-1", "--approver", "HQ-2")
    assert call("law", "forms", str(file), "--actor", "HQ-1", "--approver", "HQ-1")[0] == 2
    for published in (["natural/2"], []):
        assert json.loads(call("law", "forms", str(file), *people)[1]) == {"published": published}
    file.write_text(FORM.replace('"phones"', '"email"'), encoding="utf-8")
    assert call("law", "forms", str(file), *people)[0] == 2  # a version is never edited
    found = {}
    for day, place in [("2026-03-31", "CN"), ("2026-04-01", "CN"), ("2027-07-09", "EU"), ("2027-07-10", "EU")]:
        asked = ("law", "ask", "template", "type=natural", "--on", day, "--jurisdiction", place)
        found[day] = json.loads(call(*asked)[1])["form"]
    assert [form["name"] for form in found.values()] == ["natural/1", "natural/2", "natural/2", "natural-eu/1"]
    assert found["2026-03-31"]["source"].startswith("O2-07 art. 33")
    assert call("law", "ask", "template", "--on", "2026-04-01")[0] == 2
    assert call("law", "ask", "template", "type=natural", "purpose=marketing")[0] == 4
    said = json.loads(call("law", "versions", "--on", "2026-04-01")[1])["forms"]
    assert {form["name"] for form in said if form["in_use"]} == {"natural/2", "legal/1", "sole-trader/1", "trust/1"}


def test_next_years_working_days_are_published(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """The year after the shipped calendar's last answers as soon as head office publishes its notice."""
    asked = ("law", "ask", "calendar", "after=5", "--on", "2026-12-28")
    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[0] == 0
    code, _, err = call(*asked)
    assert code != 0
    assert "2026-12-31" in err
    file = tmp_path / "calendar.toml"
    year = '\n[[year]]\nyear = 2027\noff = ["01-01/01-03"]\nwork = []\n'
    file.write_text(read("calendar-cn.toml") + year, encoding="utf-8")
    people = ("--actor", "HQ-1", "--approver", "HQ-2", "--reason", "notice for 2027")
    code, _, err = call("law", "publish", "calendar", str(file), "--start", "2026-11-20", *people)
    assert code == 0, err
    answer = json.loads(call(*asked)[1])
    assert (answer["version"], answer["working"], answer["after"]) == (2, True, "2027-01-05")
    file.write_text(read("calendar-cn.toml") + year.replace("2027", "2028"), encoding="utf-8")
    assert call("law", "publish", "calendar", str(file), "--start", "2026-11-20", *people)[0] == 2
    assert call("law", "ask", "calendar", "--on", "2026-03-02", "--jurisdiction", "UK")[0] == 0
