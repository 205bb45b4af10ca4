"""Row 23: a high risk is taken on only with the source of the money and an approval (了解资产来源)."""

from __future__ import annotations

import pytest
from fix_world_china import approved, funds, onboard, passport, person, rated, verified

from kyc.domain.customer import RelationshipEstablished
from kyc.domain.diligence import (
    CddFailed,
    CddStarted,
    EnhancedCddApplied,
    ObjectionAnswered,
    ObjectionReceived,
    PepDetermined,
    ReviewCompleted,
    RiskMeasureApplied,
    RiskMeasureLifted,
    ScreeningHitDecided,
    ScreeningPerformed,
    SimplifiedCddApplied,
)

AGAIN = (
    "name-changed", "document-changed", "capital-changed", "scope-changed", "representative-changed",
    "abnormal-behaviour", "watch-list", "inconsistent-information", "doubt", "suspicion", "review-due",
    "policy-change",
)  # fmt: skip
"""What starts due diligence again: O2-07 art. 22, and the bank's own calendar and policy."""


def established(world) -> RelationshipEstablished:
    """The beginning of the relationship, today."""
    return RelationshipEstablished(occurred_at=world.now, on=world.today)


def prepared(world, number: str) -> None:
    """A verified person without a relationship."""
    world.record(person(number, world))
    assert world.refuse(established(world), number).rule == "AML24 art. 29"
    world.record(passport(f"PASS-{number}", world), number)
    world.record(verified(world), number)


def test_high_risk(china):
    """Rated high: no relationship before funds and approval; one person alone approves nothing."""
    prepared(china, "C1")
    china.record(rated(china, "high"), "C1")
    assert "source_of_funds" in china.refuse(established(china), "C1").rule
    china.record(funds(china), "C1")
    assert "senior_approval" in china.refuse(established(china), "C1").rule
    assert china.refuse(approved(china), "C1", actor="M-1").rule == "two people"
    china.record(approved(china), "C1")
    china.record(established(china), "C1")


def test_politically_exposed(china):
    """An exposed person needs the same, whatever the rating says."""
    prepared(china, "C1")
    china.record(rated(china, "low"), "C1")
    china.record(PepDetermined(occurred_at=china.now, status="foreign", country="GBR"), "C1")
    assert "source_of_funds" in china.refuse(established(china), "C1").rule
    china.record(funds(china), "C1")
    assert "senior_approval" in china.refuse(established(china), "C1").rule
    china.record(approved(china), "C1")
    china.record(established(china), "C1")


def test_a_hit_is_decided_by_a_person(china):
    """A name on a list, in a version that is named, stands in the way until somebody has decided."""
    prepared(china, "C1")
    screened = ScreeningPerformed(
        occurred_at=china.now, list="UN", list_version="2026-03-01", engine="names/4", hits=("H1",)
    )
    china.record(screened, "C1")
    assert china.refuse(screened, "C1").rule == "unique in the file"
    assert china.refuse(established(china), "C1").rule == "no open discrepancy or screening hit"
    decided = ScreeningHitDecided(
        occurred_at=china.now, hit="H1", match=False, reason="other birth date", decided_by="A-1"
    )
    china.record(decided, "C1")
    assert china.refuse(decided, "C1").rule == "found before it is decided"
    china.record(established(china), "C1")


def test_failed_diligence_ends_it(china):
    """Where diligence fails there is no relationship, until it is started and done again."""
    prepared(china, "C1")
    china.record(CddFailed(occurred_at=china.now, reason="no answer", report_considered=True), "C1")
    assert china.refuse(established(china), "C1").rule == "cdd.failed"
    china.record(CddStarted(occurred_at=china.now, trigger="doubt"), "C1")
    china.record(established(china), "C1")


@pytest.mark.parametrize("trigger", AGAIN)
def test_what_starts_diligence_again(world, trigger):
    """Each change, doubt or list stands in the file as what has to be looked into, until the review is done."""
    onboard(world, "C1")
    world.record(CddStarted(occurred_at=world.now, trigger=trigger), "C1")
    assert world.state("customer", "C1").diligence.trigger == trigger
    world.record(ReviewCompleted(occurred_at=world.now, outcome="updated"), "C1")
    assert world.state("customer", "C1").diligence.trigger == ""


def test_less_and_more_than_the_standard(china):
    """Less is not enough for a high risk, an exposed person, or under suspicion; more is for anybody."""
    less = SimplifiedCddApplied(occurred_at=china.now, reason="a pension, small sums")
    risks = {"C2": rated(china, "high"), "C3": PepDetermined(occurred_at=china.now, status="domestic")}
    risks["C4"] = CddStarted(occurred_at=china.now, trigger="suspicion")
    for number in ("C1", *risks):
        prepared(china, number)
        china.record(less, number)
        china.record(EnhancedCddApplied(occurred_at=china.now, measures=("visit",), reason="a tip"), number)
        assert china.state("customer", number).diligence.enhanced
    china.record(less, "C1")
    assert not china.state("customer", "C1").diligence.enhanced
    for number, risk in risks.items():
        china.record(risk, number)
        assert china.refuse(less, number).rule == "no high risk, no exposed person, no suspicion"


def test_a_customer_objects(china):
    """A measure needs two people; the objection is to a measure in force and answered once."""
    onboard(china, "C1")
    measure = RiskMeasureApplied(
        occurred_at=china.now, id="M1", measure="no online payments", reason="unusual", approver="M-1"
    )
    assert china.refuse(measure, "C1", actor="M-1").rule == "two people"
    objection = ObjectionReceived(occurred_at=china.now, id="O1", measure="M1", statement="my salary")
    assert china.refuse(objection, "C1").rule == "a measure in force"
    china.record(measure, "C1")
    assert china.refuse(measure, "C1").rule == "unique in the file"
    china.record(objection, "C1")
    answer = ObjectionAnswered(
        occurred_at=china.now, id="O1", upheld=True, answer="lifted", complaint_route="PBOC branch"
    )
    china.record(answer, "C1")
    assert china.refuse(answer, "C1").rule == "received before it is answered"
    lifted = RiskMeasureLifted(occurred_at=china.now, id="M1", reason="objection upheld")
    china.record(lifted, "C1")
    assert china.refuse(lifted, "C1").rule == "applied before it is lifted"
