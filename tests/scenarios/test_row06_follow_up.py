"""Row 6: what a branch has to follow up: reviews due and documents that run out, until they are done (后期跟踪)."""

from __future__ import annotations

from datetime import date, timedelta

from fix_world_china import onboard, passport, rated

from kyc.domain.diligence import ReviewCompleted, ReviewScheduled
from projections import customer_profile, document_register, reviews


def tasks(world, branch: str, horizon: int = 30) -> list[tuple[date, str, str]]:
    """What a branch's customers need within so many days: due day, customer, what."""
    world.project()
    today, until = world.today, world.today + timedelta(days=horizon)
    policies = world.state("policies", "institution")
    found = [
        (one.due_on, one.stream_id, "review")
        for one in reviews.due(world.log, today, policies, by=until, branch=branch)
    ] + [
        (one.expires_on, one.stream_id, "document")
        for one in document_register.due(world.log, today, policies.documents(today), branch=branch)
        if one.expires_on <= until
    ]
    profiles = customer_profile.of_streams(world.log, [stream for _, stream, _ in found])
    names = {profile.stream_id: profile.state.customer for profile in profiles}
    return sorted((day, names[stream], what) for day, stream, what in found)


def test_a_review_falls_due_and_is_done(china):
    """High risk, due in half a year: it comes onto the branch's list with its day, and leaves it once done."""
    onboard(china, "C1")
    onboard(china, "C2")
    china.record(rated(china, "high"), "C1")
    due = date(2026, 9, 2)
    china.record(ReviewScheduled(occurred_at=china.now, due=due), "C1")
    assert tasks(china, "B-1") == []
    china.today = date(2026, 8, 20)
    assert tasks(china, "B-1") == [(due, "C1", "review")]
    assert tasks(china, "B-2") == []
    china.today = date(2026, 9, 10)
    assert tasks(china, "B-1") == [(due, "C1", "review")], "overdue, it stays"
    china.record(ReviewCompleted(occurred_at=china.now, outcome="updated", channel="telephone"), "C1")
    assert tasks(china, "B-1") == []


def test_a_document_runs_out_and_is_replaced(china):
    """Nobody records that a passport runs out: the day comes nearer, the task appears, a new passport ends it."""
    onboard(china, "C1")
    expires = china.state("customer", "C1").documents[0].expires_on
    assert tasks(china, "B-1") == []
    china.today = expires - timedelta(days=20)
    assert tasks(china, "B-1") == [(expires, "C1", "document")]
    china.record(passport("PASS-NEW", china), "C1")
    assert tasks(china, "B-1") == []
