"""Row 21: head office alone sets the rules; a mistake is corrected by the next version (总部统一要求)."""

from __future__ import annotations

from datetime import date

import msgspec
from fix_samples import SAMPLES
from fix_world_china import publish

from kyc.domain.governance import BranchClosed, BranchMerged, BranchOpened, PolicyPublished
from kyc.domain.policies import Policies, ReviewCycle


def test_a_branch_sets_no_rule(china):
    """A branch that publishes a policy is refused, and so is one person alone at head office."""
    event = msgspec.structs.replace(SAMPLES["policy.published"], occurred_at=china.now, approver="HQ-2")
    assert china.refuse(event).rule == "policies are head office's"
    assert china.refuse(event, actor="HQ-2", branch="HQ").rule == "two people"


def test_versions_follow_each_other(china):
    """No version is skipped or edited; the latest one of each policy is the rule."""
    body = ReviewCycle(level="high", months=5)
    publish(china, "CN-REVIEW-HIGH", date(2026, 1, 1), None, body, version=2)
    for version in (2, 4):
        known = china.events("policies", "institution")[-1].policy
        policy = msgspec.structs.replace(known, version=version)
        event = PolicyPublished(occurred_at=china.now, policy=policy, approver="HQ-2")
        assert china.refuse(event, actor="HQ-1", branch="HQ").rule == "3 comes next"
    policies: Policies = china.state("policies", "institution")
    assert [rule.months for _, rule in policies.rules(ReviewCycle, china.today) if rule.level == "high"] == [5]
    backwards = msgspec.structs.replace(known, version=3, effective_to=date(2020, 1, 1))
    event = PolicyPublished(occurred_at=china.now, policy=backwards, approver="HQ-2")
    assert china.refuse(event, actor="HQ-1", branch="HQ").field == "policy.effective_to"


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
