"""Row 6: what a branch has to follow up: reviews, documents that run out, missing fields, until done (后期跟踪)."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
from fix_world_china import onboard, passport, rated

from kyc.domain.customer import AttributeChanged
from kyc.domain.diligence import ReviewCompleted, ReviewScheduled
from kyc.domain.governance import TemplatePublished
from kyc.domain.life import BranchTransferred
from kyc.domain.templates import shipped_templates
from projections import customer_profile, data_quality, document_register, reviews


def tasks(world, branch: str, horizon: int = 30) -> list[tuple[date, str, str]]:
    """What a branch's customers need within so many days: due day, customer, what."""
    world.project()
    today, until = world.today, world.today + timedelta(days=horizon)
    policies = world.state("policies", "institution")
    found = (
        [
            (one.due_on, one.stream_id, "review")
            for one in reviews.due(world.log, today, policies, by=until, branch=branch)
        ]
        + [
            (one.expires_on, one.stream_id, "document")
            for one in document_register.due(world.log, today, policies.documents(today), branch=branch)
            if one.expires_on <= until
        ]
        + [
            (today, one.stream_id, field)
            for one in data_quality.listed(world.log, policies, today, branch=branch)
            for field in one.missing
        ]
    )
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


def test_a_field_is_missing_and_is_given(china):
    """Head office asks for the occupation from April on: a file without it is a task until she is asked."""
    onboard(china, "C1")
    onboard(china, "C2", occupation="baker")
    old = shipped_templates()["natural/1"]
    start = date(2026, 4, 1)
    form = msgspec.structs.replace(
        old, name="natural/2", effective_from=start, mandatory=(*old.mandatory, "occupation"),
        optional=tuple(name for name in old.optional if name != "occupation"),
    )  # fmt: skip
    china.record(TemplatePublished(occurred_at=china.now, form=form, approver="HQ-2"), actor="HQ-1", branch="HQ")
    assert tasks(china, "B-1") == []
    china.today = start
    assert tasks(china, "B-1") == [(start, "C1", "occupation")]
    china.record(
        AttributeChanged(occurred_at=china.now, attribute="occupation", now="cook", effective_from=start), "C1"
    )
    assert tasks(china, "B-1") == []


def test_a_task_goes_with_the_customer(china):
    """The branch that looks after the customer has to see to it, whichever did before."""
    onboard(china, "C1")
    china.record(rated(china, "high"), "C1")
    china.today = date(2026, 8, 20)
    due = date(2026, 9, 2)
    assert tasks(china, "B-1") == [(due, "C1", "review")]
    china.record(BranchTransferred(occurred_at=china.now, to="B-2"), "C1")
    assert (tasks(china, "B-1"), tasks(china, "B-2")) == ([], [(due, "C1", "review")])
