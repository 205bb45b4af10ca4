"""Row 33: what the organ keeps secret stays secret; once released, the customer may be told."""

from __future__ import annotations

from datetime import date

from fix_world_china import onboard, order

from kyc.domain.authority import CustomerNotified, ObjectionLodged, SecrecyImposed, SecrecyReleased


def test_the_customer_learns_nothing_before_release(china):
    """No word of a secret order stands in the customer's own stream, and no notice goes out before its day."""
    onboard(china, "C1")
    before = china.topics("customer", "C1")
    china.record(order(china, "O1", customer="C1", secret=True, notify_after=date(2026, 4, 1)))
    told = CustomerNotified(occurred_at=china.now, order="O1", channel="letter")
    assert china.refuse(told).rule == "secrecy is released first"
    china.record(SecrecyReleased(occurred_at=china.now, order="O1", reference="R-1"))
    assert china.refuse(SecrecyReleased(occurred_at=china.now, order="O1")).rule == "secret before it is released"
    assert china.refuse(told).rule == "notify_after"
    china.today = date(2026, 4, 1)
    china.record(CustomerNotified(occurred_at=china.now, order="O1", channel="letter"))
    assert china.state("order", "O1").notified
    assert china.topics("customer", "C1") == before


def test_secrecy_may_come_later(china):
    """An open order may become secret; an objection is recorded whatever its state."""
    china.record(order(china, "O1"))
    china.record(SecrecyImposed(occurred_at=china.now, order="O1"))
    assert china.state("order", "O1").secret
    china.record(ObjectionLodged(occurred_at=china.now, order="O1", by="bank", statement="wrong account"))
