"""Row 21: head office alone sets the rules; a mistake is corrected by the next version (总部统一要求)."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from fix_samples import SAMPLES
from fix_world_china import DOCUMENTS, passport, person, publish

from kyc.domain.governance import BranchClosed, BranchMerged, BranchOpened, PolicyPublished
from kyc.domain.policies import Policies, PolicyEdition
from kyc.domain.retention_rules import shipped_text


def test_a_branch_sets_no_rule(china):
    """A branch that publishes a policy is refused, and so is one person alone at head office."""
    event = msgspec.structs.replace(
        SAMPLES["policy.published"],
        occurred_at=china.now,
        approver="HQ-2",
        edition=PolicyEdition(rules="documents", version=2, effective_from=china.today, text=DOCUMENTS),
    )
    assert china.refuse(event).rule == "policies are head office's"
    assert china.refuse(event, actor="HQ-2", branch="HQ").rule == "two people"


def test_versions_follow_each_other(china):
    """No version is skipped or edited; of those that have begun the highest is in use."""
    publish(china, "documents", DOCUMENTS.replace('period = "P3M"', 'period = "P6M"'), 2, date(2026, 5, 1))
    for version in (2, 4):
        edition = PolicyEdition(rules="documents", version=version, effective_from=date(2026, 6, 1), text=DOCUMENTS)
        event = PolicyPublished(occurred_at=china.now, edition=edition, jurisdiction="CN", approver="HQ-2")
        assert china.refuse(event, actor="HQ-1", branch="HQ").rule == "3 comes next"
    policies: Policies = china.state("policies", "institution")
    terms = [
        policies.documents(day).kind_on("temporary-resident-id", day).valid_for[0].period
        for day in (date(2026, 4, 30), date(2026, 5, 1))
    ]
    assert terms == ["P3M", "P6M"]


@pytest.mark.parametrize(
    ("rules", "text", "rule"),
    [
        ("documents", "not TOML at all", "documents"),
        ("rulebook", DOCUMENTS, "rulebook"),
        ("authorities", "[[right]]\norgan = 1", "authorities"),
        ("retention", "", "retention: policy: at least one"),
        ("retention", '[[policy]]\npolicy_id = "X"', "retention: policy[0]"),
    ],
)
def test_rules_that_cannot_be_read_are_not_published(china, rules, text, rule):
    """A text that breaks its schema is refused with the place and the rule."""
    edition = PolicyEdition(
        rules=rules, version=china.state("policies", "institution").version(rules) + 1,
        effective_from=date(2026, 6, 1), text=text,
    )  # fmt: skip
    event = PolicyPublished(occurred_at=china.now, edition=edition, jurisdiction="CN", approver="HQ-2")
    refusal = china.refuse(event, actor="HQ-1", branch="HQ")
    assert refusal.field == "edition.text"
    assert str(refusal.rule).startswith(rule)


def test_retention_law_is_published_too(china):
    """The shipped table counts until head office publishes another, and each answers for the days it was in use."""
    before = china.state("policies", "institution").retention(china.today)
    publish(china, "retention", shipped_text(), 1, date(2026, 1, 1))
    longer = shipped_text().replace('min_len = "P10Y"', 'min_len = "P15Y"')
    publish(china, "retention", longer, 2, date(2026, 5, 1))
    policies: Policies = china.state("policies", "institution")
    answers = {}
    for day in (date(2026, 4, 30), date(2026, 5, 1)):
        law = policies.retention(day)
        (row,) = (row for row in law.in_force(day, "CN") if row.policy_id == "CN-ID-25")
        answers[law.version] = row.min_len
    assert answers == {1: "P10Y", 2: "P15Y"}
    assert policies.retention(date(2025, 12, 31)) == before


def test_branches_open_merge_and_close(china):
    """A branch is opened once and ends once; what it recorded stays its own."""

    def opened(code: str) -> BranchOpened:
        return BranchOpened(
            occurred_at=china.now, branch=code, on=date(2026, 1, 1), zone="Asia/Shanghai", jurisdiction="CN"
        )

    def merged(code: str, into: str, on: date = date(2026, 3, 1)) -> BranchMerged:
        return BranchMerged(occurred_at=china.now, branch=code, into=into, on=on)

    head = {"actor": "HQ-1", "branch": "HQ"}
    for code in ("B-1", "B-2"):
        china.record(opened(code), **head)
    assert china.refuse(opened("B-1"), **head).rule == "opened once"
    assert china.refuse(opened("B-3")).rule == "policies are head office's"
    assert china.refuse(merged("B-1", "B-1"), **head).rule == "another branch that is open"
    assert china.refuse(merged("B-9", "B-1"), **head).rule == "open before it ends"
    assert china.refuse(merged("B-1", "B-2", date(2025, 1, 1)), **head).rule == "not before it was opened"
    china.record(merged("B-1", "B-2"), **head)
    closed = BranchClosed(occurred_at=china.now, branch="B-1", on=date(2026, 3, 2))
    assert china.refuse(closed, **head).rule == "open before it ends"
    assert china.state("branches", "institution").get("B-1").into == "B-2"


def test_branches_go_by_one_rule(china):
    """The same papers at two branches get the same answer, before and after head office changes the rule."""

    def answers(days: int) -> list[str | None]:
        found = []
        for branch in ("B-1", "B-2"):
            number = f"{branch}-{days}"
            china.record(person(number, china), branch=branch)
            paper = passport(number, china, kind="temporary-resident-id", issuing_country="CHN")
            paper = msgspec.structs.replace(paper, expires_on=china.today + timedelta(days=days))
            found.append(china.refuse(paper, number, branch=branch).rule)
        return found

    before = answers(200)
    assert before[0] == before[1]
    publish(china, "documents", DOCUMENTS.replace('period = "P3M"', 'period = "P1M"'), 2, date(2026, 5, 1))
    china.today = date(2026, 5, 2)
    after = answers(201)
    assert after[0] == after[1] != before[0]
