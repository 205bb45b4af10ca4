"""Investigating from the command line: two moments, paths, a branch's day."""

from __future__ import annotations

from pathlib import Path

import pytest
from fix_bank import household, moved
from fix_cli import Call, document

from kyc.simulate.submissions import wire


@pytest.fixture
def bank(call: Call, tmp_path: Path) -> Path:
    """A file of a household, taken in and projected."""
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("project")[0] == 0
    return source


def test_investigation(call: Call, bank: Path) -> None:
    """Two moments, paths and a branch's day come from the command line, as text and as JSON."""
    change = bank.with_name("change.ndjson")
    before = document(call("--json", "customer", "history", "C1"))["events"][-1]["recorded_at"]
    change.write_bytes(wire(moved("C1", "2 New Street")))
    assert call("ingest", "ndjson", str(change))[0] == 0
    compared = document(call("--json", "customer", "compare", "C1", "--first", before))
    assert [event["topic"] for event in compared["events"]] == ["customer.address_changed"]
    assert "1 Old Street   >> 2 New Street" in call("customer", "compare", "C1", "--first", before)[1]
    assert call("customer", "compare", "C1", "--first", "2099-01-01")[0] == 2
    for options, count in (
        ((), 1),
        (("--follow",), 1),
        (("--until", "2025-01-01"), 0),
        (("--since", "2026-01-01"), 1),
    ):
        found = document(call("--json", "customer", "paths", "C1", "C2", *options))
        assert (len(found["paths"]), found["complete"]) == (count, True)
    assert "account A1 (C1) → account A2 (C2)" in call("customer", "paths", "C1", "C2")[1]
    assert document(call("--json", "customer", "paths", "C2", "C1", "--follow"))["paths"] == []
    assert call("customer", "paths", "C1", "C2", "--steps", "9")[0] == 64
    today = compared["events"][0]["recorded_at"][:10]
    told = document(call("--json", "branch", "day", "B-1", today))
    assert sum(told["topics"].values()) == len(told["events"])
    assert f"Branch B-1 on {today}" in call("branch", "day", "B-1", today)[1]
    assert document(call("--json", "branch", "day", "B-1", "2026-03-01"))["late"][0]["event"]["reference"] == "T1"
    assert call("branch", "day", "B-1", "yesterday")[0] == 2
