"""Rights of persons at the command line: from the request to the answer, the correction and the refusal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fix_cli import Call, document
from fix_world_china import onboard, open_account
from fix_world_ledger import Story

from kyc.clock import SystemClock

T5 = ("--actor", "T-5")


@pytest.fixture
def world(story: Story) -> Story:
    """An empty bank today, which the command line finds."""
    story.clock.us = SystemClock().now_us()
    return story


@pytest.fixture
def desk(call: Call, china: Story) -> Call:
    """A bank with a customer and an account."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    return call


def test_asked_and_answered(desk: Call, tmp_path: Path):
    """Received with its day, answered into a new folder, in the register; answered once, corrected by two."""
    due = document(desk("--json", "request", "receive", "Q1", "access", "C1", *T5, "--proof", "passport"))["due"]
    assert due
    given = document(desk("--json", "request", "answer", "Q1", *T5, "--out", "q1"))
    assert json.loads((tmp_path / "q1" / "answer.json").read_text(encoding="utf-8"))["held"]["customer"] == "C1"
    assert desk("request", "answer", "Q1", *T5, "--out", "q1b")[0] == 2
    assert desk("project")[0] == 0
    assert given["digest"] in desk("--json", "disclosures", "--customer", "C1")[1]
    assert desk("request", "receive", "Q2", "correction", "C1", *T5, "--proof", "passport")[0] == 0
    wrong = (
        "request", "correct", "Q2", *T5, "--target", "1", "--attribute", "birth_date", "--was", "1990-05-17",
        "--now", "1990-05-18", "--evidence", "passport",
    )  # fmt: skip
    assert desk(*wrong, "--approver", "T-5")[0] == 7
    assert desk(*wrong, "--approver", "T-6")[0] == 0
    assert desk("request", "receive", "Q3", "transfer", "C1", *T5, "--proof", "passport")[0] == 0
    refused = desk("request", "refuse", "Q3", *T5, "--law", "PIPL art. 45", "--answer", "not met")[1]
    assert "court: people's court" in refused
    assert desk("request", "fulfil", "Q3", *T5, "--answer", "done")[0] == 2


def test_deletion_restriction_and_consent(desk: Call):
    """Deletion is refused with law, complaint and court, the data only stored; consents come and go by purpose."""
    assert desk("request", "notice", "C1", "notice/3", *T5, "--channel", "app")[0] == 0
    agree = ("request", "consent", "C1", "marketing", *T5, "--notice", "notice/3", "--method", "app")
    assert desk(*agree)[0] == 0
    assert "ended: marketing" in desk("request", "withdraw", "C1", *T5, "--method", "app")[1]
    assert desk("request", "receive", "Q1", "deletion", "C1", *T5, "--proof", "passport")[0] == 0
    told = desk("request", "delete", "Q1", *T5)[1]
    assert "refused: AML24 art. 34" in told
    assert "a day that cannot be named yet" in told
    assert "complaint:" in told
    assert "1 persons asked" in desk("request", "dispose")[1]
    assert "0 disposals proposed" in desk("request", "dispose", "--now")[1]
    assert desk(*agree)[0] == 2
    assert desk("request", "restore", "C1", *T5, "--reason", "withdrawn")[0] == 0
    assert desk(*agree)[0] == 0
    assert desk("request", "receive", "Q2", "restriction", "C1", *T5, "--proof", "passport")[0] == 0
    assert desk("request", "restrict", "Q2", *T5, "--reason", "disputed")[0] == 0
    assert desk(*agree)[0] == 2
