"""Row 14: a person may ask; a refusal names the law and where to complain, and the data is then only stored."""

from __future__ import annotations

from datetime import date

import msgspec
from fix_samples import SAMPLES
from fix_world_china import onboard

from kyc.domain.privacy import (
    ConsentGiven,
    ProcessingRestored,
    ProcessingRestricted,
    RightsRequestFulfilled,
    RightsRequestReceived,
    RightsRequestRefused,
)


def asked(world, number: str, kind: str = "deletion", customer: str = "C1") -> RightsRequestReceived:
    """A request at the counter."""
    return RightsRequestReceived(
        occurred_at=world.now, request=number, kind=kind, customer=customer, requester="person", proof="passport",
        due=date(2026, 4, 1),
    )  # fmt: skip


def test_deletion_within_the_period_is_refused_and_restricts(china):
    """Within ten years deletion is refused with law, complaint and court; the data is then only stored."""
    onboard(china, "C1")
    china.record(asked(china, "Q1"))
    refusal = RightsRequestRefused(
        occurred_at=china.now, request="Q1", law="AML24 art. 34", policies=("CN-ID-25",),
        complaint_route="PBOC branch", court_route="people's court", answer="kept until ten years after the end",
    )  # fmt: skip
    china.record(refusal)
    assert china.refuse(refusal).rule == "once"
    restricted = ProcessingRestricted(occurred_at=china.now, request="Q1", reason="retention")
    china.record(restricted, "C1")
    consent = ConsentGiven(occurred_at=china.now, purpose="marketing", method="app", notice="notice/3")
    assert china.refuse(consent, "C1").rule == "PIPL art. 47"
    abroad = msgspec.structs.replace(SAMPLES["privacy.cross_border_approved"], occurred_at=china.now)
    assert china.refuse(abroad, "C1").rule == "PIPL art. 47"
    china.record(ProcessingRestored(occurred_at=china.now, reason="request withdrawn"), "C1")
    china.record(consent, "C1")
    again = ProcessingRestored(occurred_at=china.now, reason="r")
    assert china.refuse(again, "C1").rule == "restricted before it is restored"


def test_requests_are_about_somebody(china):
    """A request names a customer of ours; it is answered once and restricts nobody else."""
    onboard(china, "C1")
    onboard(china, "C2")
    assert china.refuse(asked(china, "Q1", customer="C9")).rule == "the customer is registered"
    china.record(asked(china, "Q1", "access"))
    other = ProcessingRestricted(occurred_at=china.now, request="Q1", reason="r")
    assert china.refuse(other, "C2").rule == "of this customer"
    china.record(RightsRequestFulfilled(occurred_at=china.now, request="Q1", answer="copy handed over"))
    late = RightsRequestFulfilled(occurred_at=china.now, request="Q1", answer="again")
    assert china.refuse(late).rule == "once"
    missing = RightsRequestFulfilled(occurred_at=china.now, request="Q9", answer="x")
    assert china.refuse(missing).rule == "the request is registered"
