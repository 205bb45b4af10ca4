"""Row 29: a partner gets what is necessary, listed and agreed to, and not a field more."""

from __future__ import annotations

from fix_world_china import onboard

from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.governance import AllowancePublished
from kyc.domain.policies import Allowance
from kyc.domain.privacy import ConsentGiven, ConsentWithdrawn


def given(world, *fields: str, recipient: str = "shop") -> DisclosureRecorded:
    """Some fields leave for a partner."""
    return DisclosureRecorded(
        occurred_at=world.now, customer="C1", recipient=recipient, kind="partner", fields=fields,
        permitted_purpose="payment", digest="ab" * 32,
    )  # fmt: skip


def agreed(world, recipient: str = "shop", **fields) -> ConsentGiven:
    """The customer agrees to one recipient."""
    values = {"separate": True, "method": "app", "notice": "notice/3"} | fields
    return ConsentGiven(occurred_at=world.now, purpose=f"share:{recipient}", **values)


def test_a_partner_gets_what_is_listed_and_agreed(china):
    """Without consent nothing, with it the listed fields only, after withdrawal nothing again."""
    onboard(china, "C1")
    assert china.refuse(given(china, "name")).rule == "PIPL art. 23"
    assert china.refuse(agreed(china, separate=False), "C1").rule == "PIPL art. 23"
    china.record(agreed(china), "C1")
    china.record(given(china, "name", "phone"))
    assert china.refuse(given(china, "name", "income")).rule == "the published allowance"
    china.record(ConsentWithdrawn(occurred_at=china.now, purpose="share:shop", method="app"), "C1")
    assert china.refuse(given(china, "name")).rule == "PIPL art. 23"
    assert china.topics("access", "C1") == ["access.disclosed"]


def test_one_partners_consent_is_no_others(china):
    """She agreed to the shop. An insurer that nobody listed, and that she never heard of, gets nothing."""
    onboard(china, "C1")
    china.record(agreed(china), "C1")
    assert china.refuse(given(china, "name", recipient="insurer")).rule == "PIPL art. 23"
    china.record(agreed(china, "insurer"), "C1")
    assert china.refuse(given(china, "name", recipient="insurer")).rule == "the published allowance"


def test_head_office_narrows_the_list(china):
    """The shop no longer needs the telephone number: from the next disclosure on it does not get it."""
    onboard(china, "C1")
    china.record(agreed(china), "C1")
    china.record(given(china, "name", "phone"))
    narrow = AllowancePublished(
        occurred_at=china.now, allowance=Allowance(recipient="shop", purpose="payment", fields=("name",)),
        approver="HQ-2",
    )  # fmt: skip
    assert china.refuse(narrow).rule == "policies are head office's"
    china.record(narrow, actor="HQ-1", branch="HQ")
    assert china.refuse(given(china, "name", "phone")).rule == "the published allowance"
    china.record(given(china, "name"))
