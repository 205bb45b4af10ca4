"""A bank whose customers left ten years ago: what they left behind is due, and a desk disposes of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from fix_world_china import open_account, paid, passport, person, verified
from fix_world_ledger import Story

from kyc.disposals import Disposals, Run
from kyc.domain.account import AccountClosed
from kyc.domain.customer import RelationshipEnded, RelationshipEstablished
from kyc.domain.submission import Scan
from kyc.retention.disposal import Place
from kyc.retention.register import destroyed_keys
from projections.retention_deadlines import Asked

LATER = date(2036, 3, 9)
"""Ten years and a week after everybody left."""


def leave(story: Story, number: str, *accounts: str) -> None:
    """The customer's accounts are closed and the relationship ends."""
    for account in accounts:
        story.record(AccountClosed(occurred_at=story.now, on=story.today, reason="asked"), account)
    story.record(RelationshipEnded(occurred_at=story.now, on=story.today, reason="left", accounts=accounts), number)


def settle(story: Story, number: str, account: str) -> None:
    """A customer with a scanned passport, an account and a payment."""
    scan = Scan(name="front", media_type="image/png", content=f"the face of {number}".encode() * 20)
    story.record(person(number, story))
    story.record(passport(f"PASS-{number}", story), number, scans=(scan,))
    story.record(verified(story), number)
    story.record(RelationshipEstablished(occurred_at=story.now, on=story.today), number)
    open_account(story, account, number)
    story.record(paid(story, f"T-{account}", account, "77.00"))


class Desk:
    """Two people and their files, on the bank's today."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story = story
        self.register = destroyed_keys(folder)

    def at(self, *places: Place) -> Disposals:
        """The desk of today."""
        return Disposals(self.story.ledger, self.register, Asked(self.story.today), places)

    def approved(self, batch: str = "B1", **chosen: object) -> list[str]:
        """What is due is proposed by one and approved by another; the numbers."""
        numbers = self.at().propose(batch, "R-1", **chosen)  # type: ignore[arg-type]
        assert self.at().decide(batch, "R-2") == len(numbers)
        return numbers

    def run(self, batch: str = "B1", *places: Place) -> Run:
        """What was approved is carried out."""
        return self.at(*places).execute(batch, "R-3")


@pytest.fixture
def desk(story: Story, tmp_path: Path) -> Desk:
    """Customers C1, who left in March 2026, and C2, who stayed; today is ten years and a week later."""
    settle(story, "C1", "A1")
    settle(story, "C2", "A2")
    leave(story, "C1", "A1")
    story.today = LATER
    return Desk(story, tmp_path)
