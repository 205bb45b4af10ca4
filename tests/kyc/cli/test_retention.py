"""Deadlines from the command line: what may go, what is in conflict and why, and what another law would move."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fix_bank import AT, booked, closed, household, receipts, submission
from fix_cli import Call, document

from kyc.clock import SystemClock
from kyc.domain.customer import RelationshipEnded
from kyc.domain.retention_rules import shipped_text
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.store.database import Database
from kyc.store.log import EventLog


@pytest.fixture
def bank(call: Call, database: str, tmp_path: Path) -> Call:
    """The command line of a bank that one of two customers has left."""
    log = EventLog(Database(database), FileKeyProvider.open(tmp_path / "home" / "keys"), clock=SystemClock())
    ended = RelationshipEnded(occurred_at=AT, on=AT.date(), reason="moved away", accounts=("A1",))
    lines = [*household(), booked("T2", ("A1", "debit", "1.00")), closed("A1"), submission("end", ended, "C1")]
    for answer in Ledger(log, ZoneInfo("Europe/London")).record(lines):
        receipts(answer)
    log.close()
    assert call("project")[0] == 0
    return call


def test_due_on_a_day(bank: Call) -> None:
    """What may go on a day is named with its day; today nothing may."""
    assert document(bank("--json", "retention", "due"))["units"] == []
    asked = ("--json", "retention", "due", "--on", "2036-03-02", "--record-class", "identity")
    (unit,) = document(bank(*asked))["units"]
    assert (unit["subject"], unit["keep_through"], unit["kind"]) == ("customer/C1", "2036-03-01", "customer")
    assert "customer/C1  identity   B-1  from 2036-03-02" in bank("retention", "due", "--on", "2036-03-02")[1]
    code, _, err = bank("retention", "due", "--on", "someday")
    assert (code, "2026-03-01" in err) == (2, True)


def test_conflicts_say_why(bank: Call) -> None:
    """Home law keeps what host law wants deleted: each unit with the rules of both, and the facts they go by."""
    asked = ("--jurisdiction", "CN", "--jurisdiction", "EU", "--on", "2032-01-01")
    units = document(bank("--json", "retention", "conflicts", *asked, "--record-class", "identity"))["units"]
    (unit,) = units
    assert (unit["keep_through"], unit["must_delete_by"]) == ("2036-03-01", "2031-03-02")
    why = "\n".join(unit["why"])
    assert "CN-ID-25 (AML24 art. 34" in why
    assert "EU-AMLR77 (AMLR art. 77; C): from 2026-03-01" in why
    assert "customer: relationship-ended 2026-03-01" in why
    assert "EU-AMLR77" in bank("retention", "conflicts", *asked)[1]


def test_one_subject_explained(bank: Call) -> None:
    """Each unit of a subject with its rules and facts; whom nobody knows is not found."""
    identity = document(bank("--json", "retention", "show", "customer/C1"))[0]
    assert identity["policies"] == ["CN-ID-25", "CN-CDD-26", "CN-PIPL-MAX"]
    assert "transaction 2026: running" in bank("retention", "show", "account/A1")[1]
    assert bank("retention", "show", "customer/nobody")[0] == 4
    assert bank("retention", "show", "nobody")[0] == 2


def test_totals(bank: Call) -> None:
    """Counts by class, branch and state."""
    found = document(bank("--json", "retention", "totals", "--on", "2036-03-02"))["totals"]
    counts = {(one["record_class"], one["branch"], one["state"]): one["units"] for one in found}
    assert counts["identity", "B-1", "due"] == 1
    assert counts["identity", "B-1", "no-clock"] == 1
    assert counts["transaction", "B-1", "due"] == 2


def test_what_another_law_would_move(bank: Call, tmp_path: Path) -> None:
    """Fifteen years instead of ten: shown before it is published, class by class and unit by unit."""
    rules = tmp_path / "retention.toml"
    rules.write_text(shipped_text())
    assert document(bank("--json", "retention", "preview", str(rules)))["moved"] == []
    assert "no deadline moves" in bank("retention", "preview", str(rules))[1]
    rules.write_text(shipped_text().replace('min_len = "P10Y"', 'min_len = "P15Y"'))
    told = document(bank("--json", "retention", "preview", str(rules), "--on", "2036-03-02"))
    sums = {(one["record_class"], one["state"], one["new_state"]): one for one in told["totals"]}
    assert (sums["identity", "due", "running"]["units"], sums["identity", "due", "running"]["later"]) == (1, 1)
    moved = {(one["subject"], one["record_class"]): one for one in told["moved"]}
    identity = moved["customer/C1", "identity"]
    assert (identity["keep_through"], identity["new_keep_through"]) == ("2036-03-01", "2041-03-01")
    assert "keep through 2036-03-01 → 2041-03-01" in bank("retention", "preview", str(rules))[1]
    rules.write_text("policy = 3")
    assert bank("retention", "preview", str(rules))[0] == 5
    assert bank("retention", "preview", str(tmp_path / "nothing"))[0] == 2
