"""Row 8: outdated data is superseded, never overwritten; a correction shows what was wrong (清理无效信息)."""

from __future__ import annotations

from datetime import date

from fix_samples import HOME
from fix_world_china import onboard

from kyc.domain.customer import AddressChanged, AttributeChanged, AttributeCorrected
from kyc.domain.values import Address


def test_an_earlier_address_stays_readable(china):
    """After she moved, her file says where she lives now, and her stream where she lived before."""
    onboard(china, "C1")
    new = Address(lines=("9 New Road",), country="CHN")
    china.record(AddressChanged(occurred_at=china.now, addresses=(new,), effective_from=date(2026, 3, 1)), "C1")
    assert china.state("customer", "C1").addresses == (new,)
    assert china.events("customer", "C1")[0].addresses == (HOME,)


def test_a_correction_names_what_was_wrong(china):
    """A wrong date of birth is corrected by two people against the passport; both values stay in the stream."""
    onboard(china, "C1")
    correction = AttributeCorrected(
        occurred_at=china.now, target=1, attribute="birth_date", was="1990-05-17", now="1990-05-11",
        reason="typing error", evidence="passport", approver="HQ-2",
    )  # fmt: skip
    china.record(correction, "C1")
    assert china.state("customer", "C1").registered.birth_date == date(1990, 5, 11)
    assert [event.TOPIC for event in china.events("customer", "C1")].count("customer.registered") == 1
    assert china.refuse(correction, "C1").field == "was"


def test_the_world_changes_too(china):
    """A new occupation is no correction: the world changed from a day on."""
    onboard(china, "C1", occupation="baker")
    china.record(
        AttributeChanged(
            occurred_at=china.now, attribute="occupation", now="cook", effective_from=date(2026, 3, 1)
        ),
        "C1",
    )
    assert china.state("customer", "C1").registered.occupation == "cook"
    assert china.events("customer", "C1")[0].occupation == "baker"
