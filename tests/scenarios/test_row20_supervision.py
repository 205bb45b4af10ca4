"""Row 20: head office sees what its branches did and left undone, and it adds up to the events (监督管理)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
from fix_world_china import onboard, open_account, paid, person, rated

from kyc.domain.access_log import AccessDenied
from kyc.domain.diligence import ReviewOverdueMarked, ReviewScheduled
from replay.day import day


def test_two_branches_compared(china):
    """One branch enters late, misses a review and is refused a look, the other does nothing wrong: it shows."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    china.record(rated(china, "high"), "C1")
    china.record(ReviewScheduled(occurred_at=china.now, due=date(2026, 9, 2)), "C1")
    china.today = date(2026, 9, 10)
    old = datetime(2026, 9, 4, 4, tzinfo=UTC)
    late = msgspec.structs.replace(paid(china, "T1", "A1", "10.00"), occurred_at=old, booked_at=old)
    china.record(late)
    china.record(ReviewOverdueMarked(occurred_at=china.now, due=date(2026, 9, 2)), "C1")
    china.record(
        AccessDenied(occurred_at=china.now, operator="T-1", customer="C1", fields=("names",), code="no-ticket")
    )
    china.record(person("C2", china), branch="B-2")
    china.project()
    first, second = (day(china.log, branch, china.today) for branch in ("B-1", "B-2"))
    counted = [
        (len(one.belated), one.topics["cdd.review_overdue"], one.topics["access.denied"]) for one in (first, second)
    ]
    assert counted == [(1, 1, 1), (0, 0, 0)]
    raw = [
        (recorded.context.branch, recorded.context.topic)
        for kind, key in (("customer", "C1"), ("customer", "C2"), ("postings", "A1"), ("refusals", "T-1"))
        for recorded in china.recorded(kind, key)
        if recorded.row.recorded_at >= first.start
    ]
    told = [(branch.branch, topic) for branch in (first, second) for topic in branch.topics.elements()]
    assert sorted(raw) == sorted(told), "what is told is what was recorded"
