"""docs/retention.md keeps its word: every row of its tables of examples is evaluated."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kyc.domain.retention_rules import shipped_set
from kyc.retention.clocks import Link, Record, evaluate

PAGE = Path(__file__).resolve().parents[3] / "docs" / "retention.md"
HEAD = ["class", "where", "facts", "asked", "keep through", "must delete by", "state"]


def _rows() -> list[list[str]]:
    """The rows of the tables of examples, cell by cell."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    return [row for row in cells if len(row) == len(HEAD) and row != HEAD and not row[0].startswith("-")]


def _link(text: str) -> Link:
    level, _, facts = text.strip().partition(":")
    return Link(
        level,
        tuple((fact.split()[0], date.fromisoformat(fact.split()[1])) for fact in facts.split(",") if fact.strip()),
    )


def test_all_examples_are_found() -> None:
    """The tables are read, not passed over."""
    assert len(_rows()) >= 25
    assert {row[-1] for row in _rows()} == {"running", "due", "conflict", "no-clock", "no-policy"}


@pytest.mark.parametrize("row", _rows(), ids=lambda row: "-".join(row[:4]))
def test_example(row: list[str]) -> None:
    """The dates and the state are what the page says."""
    record_class, where, facts, asked, *said = row
    record = Record(record_class, tuple(where.split()), tuple(_link(link) for link in facts.split(";")))
    answer = evaluate(record, shipped_set(), date.fromisoformat(asked))
    assert [str(answer.keep_through or "-"), str(answer.must_delete_by or "-"), answer.state] == said
