"""A hold and the shredder at the same time, on the real database: whoever is recorded first wins, never both."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import pytest
from fix_world_ledger import Story
from fix_world_retired import Desk

from kyc import disposals
from kyc.domain.disposal import HoldPlaced, KeyDestroyed, RecordDisposed
from kyc.domain.submission import Origin, StreamName
from kyc.ledger import Ledger
from kyc.retention import disposal
from kyc.retention.disposal import place_hold, standing
from kyc.store.database import Database
from kyc.store.log import EventLog

OFFICER = Origin(actor="M-1", branch="HQ", purpose="investigation", legal_basis="AML24-43")
SUBJECTS = ("customer/C1", "account/A1")
"""Whose identity records go, and an account they are linked with: a hold on either keeps them."""


def officer(story: Story) -> Ledger:
    """Another process's ledger."""
    log = EventLog(Database(story.log.database.dsn), story.log.provider, clock=story.clock)
    return Ledger(log, ZoneInfo("UTC"))


def hold(story: Story, subject: str, number: str = "H1") -> HoldPlaced:
    """A hold on everything of a subject."""
    return HoldPlaced(occurred_at=story.now, subject=subject, hold=number, basis="aml-investigation")


def interrupted(monkeypatch: pytest.MonkeyPatch, where: str, act: Callable[[], None]) -> None:
    """Let something happen in the first destruction: once it is decided, just before it is written."""
    done = threading.Event()
    original = getattr(disposal, where)

    def stopped(*arguments: object) -> object:
        if not done.is_set() and where == "destroy":
            done.set()
            act()
        result = original(*arguments)
        if not done.is_set():
            done.set()
            act()
        return result

    monkeypatch.setattr(disposal, where, stopped)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("where", ["_decided", "destroy"])
def test_a_hold_between_decision_and_destruction(
    story: Story, desk: Desk, monkeypatch: pytest.MonkeyPatch, subject: str, where: str
) -> None:
    """The shredder found no hold and is about to write: a hold recorded now wins, nothing is destroyed."""
    ledger = officer(story)
    desk.approved(subject=StreamName("customer", "C1"))
    interrupted(monkeypatch, where, lambda: place_hold(ledger, hold(story, subject), OFFICER))
    (refused,) = desk.run().outcomes
    assert (refused.result, refused.reason) == ("refused", "a hold forbids it: hold.placed")
    assert len(story.events("customer", "C1")) == 6
    assert desk.register.entries() == []
    assert not [one for one in story.events("retention", "customer/C1") if isinstance(one, KeyDestroyed)]
    ledger.log.close()


def test_a_hold_after_the_instant(story: Story, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the key is destroyed a hold keeps what is recorded from now on; the disposal is finished."""
    ledger = officer(story)
    desk.approved(subject=StreamName("customer", "C1"))
    original = disposal.destroy

    def destroyed(*arguments: object) -> int:
        at = original(*arguments)  # type: ignore[arg-type]
        place_hold(ledger, hold(story, "customer/C1"), OFFICER)
        return at

    monkeypatch.setattr(disposal, "destroy", destroyed)
    (done,) = desk.run().outcomes
    assert done.result == "completed"
    kinds = [type(one) for one in story.events("retention", "customer/C1")]
    assert kinds[2:] == [KeyDestroyed, HoldPlaced, RecordDisposed]
    assert story.events("customer", "C1") == []
    ledger.log.close()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_both_at_once(story: Story, desk: Desk, subject: str) -> None:
    """Again and again together: either the hold was first and the records are there, or it came after they went."""
    ledger = officer(story)
    number = StreamName("customer", "C1")
    desk.approved("B0", subject=number)
    story.project()
    (one,) = desk.at().proposals("B0", "approved")
    task = desk.at().task(one)
    barrier = threading.Barrier(2)
    rounds: Counter[str] = Counter()

    def shred() -> object:
        barrier.wait()
        try:
            return disposal._destroy(story.ledger, task, disposals.origin("R-3"))
        except disposal.RefusedError as refusal:
            return refusal

    def stop(turn: int) -> None:
        barrier.wait()
        place_hold(ledger, hold(story, subject, f"H{turn}"), OFFICER)

    with ThreadPoolExecutor(2) as pool:
        for turn in range(12):
            shredded, held = pool.submit(shred), pool.submit(stop, turn)
            held.result(timeout=60)
            refusal = shredded.result(timeout=60)
            there = len(story.events("customer", "C1")) == 6
            _, state = standing(story.log, task.retention)
            assert there == (state.disposal("B0.identity").status == "approved")
            rounds["hold" if there else "shredder"] += 1
            if not there:
                break
            assert isinstance(refusal, disposal.RefusedError)
            released = disposal.HoldReleased(
                occurred_at=story.now, subject=subject, hold=f"H{turn}", reason="again", approver="M-2"
            )
            disposal.release_hold(ledger, released, OFFICER)
    assert sum(rounds.values())
    if rounds["shredder"]:
        events = [one.event for one in story.recorded("retention", subject)]
        assert isinstance(events[-1], HoldPlaced)  # acknowledged, and not before the records went
    ledger.log.close()


def test_two_shredders(story: Story, desk: Desk) -> None:
    """Two processes carry out one batch at once: every key is destroyed once, every disposal completed once."""
    desk.approved()
    other = officer(story)
    desks = [desk.at(), disposals.Disposals(other, desk.register, desk.at().asked)]
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda one: one.execute("B1", "R-3"), desks))
    assert {one.result for run in runs for one in run.outcomes} == {"completed"}
    for subject in ("customer/C1", "account/A1", "account/A2"):
        kinds = Counter(type(one) for one in story.events("retention", subject))
        assert kinds[KeyDestroyed] == kinds[RecordDisposed] > 0
    assert len({one.data_key for one in desk.register.entries()}) == len(desk.register.entries())
    other.log.close()
