"""Customers' files at the command line: merged, parted and corrected by two people."""

from __future__ import annotations

import pytest
from fix_cli import Call
from fix_world_china import onboard
from fix_world_ledger import Story

from kyc.clock import SystemClock

WHY = ("--actor", "T-5", "--reason", "same passport")


@pytest.fixture
def world(story: Story) -> Story:
    """An empty bank today, which the command line finds."""
    story.clock.us = SystemClock().now_us()
    return story


def test_merged_parted_corrected(call: Call, china: Story) -> None:
    """Nobody does it alone, nothing is done twice, and an attribute there is not is named."""
    for number in ("C1", "C2"):
        onboard(china, number)
    wrong = (
        "customer", "correct", "C1", *WHY, "--target", "1", "--was", "1990-05-17", "--now", "1990-05-18",
        "--evidence", "passport", "--attribute",
    )  # fmt: skip
    for command, topic in (
        (("customer", "merge", "C1", "C2", *WHY), "customer.merged"),
        (("customer", "unmerge", "C1", "C2", *WHY), "customer.merge_reverted"),
        ((*wrong, "birth_date"), "customer.attribute_corrected"),
    ):
        answers = [call(*command, "--approver", approver) for approver in ("T-5", "T-6", "T-6")]
        assert [code for code, _, __ in answers] == [7, 0, 2], answers
        assert china.topics("customer", "C1").count(topic) == 1
    code, _, said = call(*wrong, "shoe_size", "--approver", "T-6")
    assert (code, "attribute" in said) == (2, True)
