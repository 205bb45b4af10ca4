"""Row 12: nothing is collected without a notice in force (PIPL art. 7 and 17)."""

from __future__ import annotations

from datetime import date

from fix_world_china import onboard, person

from kyc.domain.governance import NoticePublished
from kyc.domain.policies import Notice
from kyc.domain.privacy import NoticePresented


def test_registration_names_a_notice_in_force(china):
    """An unknown notice, or one that was not in force on the day of collection, is refused."""
    assert china.refuse(person("C1", china, notice="notice/9")).rule == "a published notice in force"
    china.today = date(2025, 10, 1)
    early = person("C1", china)
    china.today = date(2026, 3, 2)
    assert china.refuse(early).rule == "a published notice in force"
    china.record(person("C1", china))


def test_a_new_notice_is_presented(china):
    """A later version is published by two people, presented to the customer, and known from then on."""
    onboard(china, "C1")
    notice = Notice(name="notice/4", effective_from=date(2026, 4, 1))
    published = NoticePublished(occurred_at=china.now, notice=notice, approver="HQ-2")
    assert china.refuse(published, actor="HQ-2", branch="HQ").rule == "two people"
    assert china.refuse(published).rule == "policies are head office's"
    presented = NoticePresented(occurred_at=china.now, notice="notice/4", channel="app")
    assert china.refuse(presented, "C1").rule == "a published notice"
    china.record(published, actor="HQ-1", branch="HQ")
    assert china.refuse(published, actor="HQ-1", branch="HQ").rule == "published once"
    china.record(presented, "C1")
    assert china.state("customer", "C1").privacy.notices == ("notice/4",)
