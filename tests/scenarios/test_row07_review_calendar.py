"""Row 7: customers are reviewed by a calendar that follows their risk (定期更新)."""

from __future__ import annotations

from datetime import date

from fix_world_china import RULEBOOK, onboard, publish, rated

from kyc.domain.diligence import ReviewCompleted, ReviewOverdueMarked, ReviewScheduled
from kyc.domain.policies import Policies
from projections import reviews


def schedule(world, due: date) -> ReviewScheduled:
    """A review on a day."""
    return ReviewScheduled(occurred_at=world.now, due=due)


def standing(world) -> list[str]:
    """Where the reviews on today's list stand."""
    world.project()
    return [one.state for one in reviews.due(world.log, world.today, world.state("policies", "institution"))]


def test_highest_risk_is_due_in_six_months(china):
    """High risk: at most six months ahead. Missed, it is overdue; done, the calendar starts anew."""
    onboard(china, "C1")
    china.record(rated(china, "high"), "C1")
    assert china.refuse(schedule(china, date(2026, 9, 3)), "C1").rule.startswith("P6M: O2-07 art. 18")
    assert china.refuse(schedule(china, china.today), "C1").rule == "after the day it is scheduled"
    china.record(schedule(china, date(2026, 9, 2)), "C1")

    overdue = ReviewOverdueMarked(occurred_at=china.now, due=date(2026, 9, 2))
    assert china.refuse(overdue, "C1").rule == "before today"
    china.today = date(2026, 9, 10)
    assert standing(china) == ["overdue"]
    wrong = ReviewOverdueMarked(occurred_at=china.now, due=date(2026, 9, 1))
    assert china.refuse(wrong, "C1").rule == "as scheduled"
    china.record(ReviewOverdueMarked(occurred_at=china.now, due=date(2026, 9, 2)), "C1")
    assert china.state("customer", "C1").diligence.overdue

    china.record(ReviewCompleted(occurred_at=china.now, outcome="updated", channel="telephone"), "C1")
    done = china.state("customer", "C1").diligence
    assert (done.overdue, done.review_due, done.reviewed) == (False, None, date(2026, 9, 10))
    assert standing(china) == []


def test_nobody_has_to_schedule_it(china):
    """Put into the highest tier and left alone: due in six months, and overdue the day after."""
    onboard(china, "C1")
    china.record(rated(china, "high"), "C1")
    china.today = date(2026, 9, 1)
    assert standing(china) == []
    china.today = date(2026, 9, 2)
    assert standing(china) == ["due"]
    china.today = date(2026, 9, 3)
    assert standing(china) == ["overdue"]


def test_a_cycle_is_changed_by_its_next_version(china):
    """A stricter cycle applies from its day; which one applied on a day is answered by the publications."""
    onboard(china, "C1")
    china.record(rated(china, "medium"), "C1")
    china.record(schedule(china, date(2027, 3, 2)), "C1")
    medium = 'tier = "medium" }\nvalue = { kind = "Within", period = '
    stricter = RULEBOOK.replace(f'{medium}"P1Y"', f'{medium}"P3M"')
    publish(china, "rulebook", stricter, version=2, start=date(2026, 4, 1))
    china.today = date(2026, 4, 2)
    assert china.refuse(schedule(china, date(2026, 8, 1)), "C1").rule.startswith("P3M: PBOC risk guideline")
    policies = china.state("policies", "institution")
    assert isinstance(policies, Policies)
    assert policies.version("rulebook") == 2
    before = policies.ruling("review.cycle", date(2026, 3, 31), tier="medium")
    after = policies.ruling("review.cycle", china.today, tier="medium")
    assert before is not None
    assert after is not None
    assert (before.version, after.version) == (1, 2)
