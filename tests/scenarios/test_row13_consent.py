"""Row 13: consent per purpose; withdrawing it ends that purpose and no statutory duty (PIPL art. 13-16)."""

from __future__ import annotations

from fix_world_china import onboard, rated

from kyc.domain.privacy import ConsentGiven, ConsentWithdrawn
from kyc.domain.submission import StreamName
from projections import consents


def consent(world, purpose: str, **fields) -> ConsentGiven:
    """A consent given at the counter."""
    values = {"notice": "notice/3", "method": "signature"} | fields
    return ConsentGiven(occurred_at=world.now, purpose=purpose, **values)


def may_market(world) -> bool:
    """Whether C1 may be written to today."""
    world.project()
    stream = world.log.stream_id(StreamName("customer", "C1"))
    allowed = consents.may(world.log, stream, "marketing", world.today).allowed
    assert (stream in consents.consenting(world.log, "marketing", world.today)) == allowed
    return allowed


def test_marketing_stops_at_once_diligence_goes_on(china):
    """After withdrawal no consent for marketing is left; the bank still rates the customer, as the law demands."""
    onboard(china, "C1")
    china.record(consent(china, "marketing"), "C1")
    assert may_market(china)
    assert china.refuse(consent(china, "marketing"), "C1").rule == "once until withdrawn"
    withdrawn = ConsentWithdrawn(occurred_at=china.now, purpose="marketing", method="app")
    china.record(withdrawn, "C1")
    assert china.state("customer", "C1").privacy.consents == ()
    assert not may_market(china)
    assert china.refuse(withdrawn, "C1").rule == "given before it is withdrawn"
    china.record(rated(china, "low"), "C1")
    assert china.topics("customer", "C1")[-3:] == [
        "privacy.consent_given", "privacy.consent_withdrawn", "cdd.risk_rated",
    ]  # fmt: skip


def test_consent_to_what_one_was_told(china):
    """Nobody consents to a notice that was not presented; a recipient needs a consent of its own."""
    onboard(china, "C1")
    assert china.refuse(consent(china, "marketing", notice="notice/9"), "C1").rule == "PIPL art. 14"
    assert china.refuse(consent(china, "share:shop"), "C1").rule == "PIPL art. 23"
    china.record(consent(china, "share:shop", separate=True), "C1")


def test_nothing_optional_is_demanded(china):
    """No telephone, no e-mail, no occupation, no consent to anything: she becomes a customer all the same."""
    onboard(china, "C1", phones=(), email="", occupation="")
    known = china.state("customer", "C1")
    assert known.relationship_from == china.today
    assert known.privacy.consents == ()
