"""Row 5: a branch's day adds up to the events recorded on it; what came late is listed as late (每日填报、汇总)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from fix_world_china import onboard, open_account, paid, person

from kyc.domain.operations import DayClosed, MonthClosed
from replay.day import day

SHANGHAI = ZoneInfo("Asia/Shanghai")


def booked(world, reference: str, amount: str, at: datetime):
    """A payment out of account A1, booked and happened at a moment."""
    return msgspec.structs.replace(
        paid(world, reference, "A1", amount), occurred_at=at, booked_at=at, value_date=at.date()
    )


def test_the_day_adds_up(china):
    """Every event of the day is counted once, in the branch's own time, and the closing carries the counts."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    china.record(person("C2", china), branch="B-2")
    china.later(hours=5, minutes=50)  # 15:50 UTC: ten to midnight in Shanghai
    china.record(booked(china, "T1", "10.00", china.now))
    china.later(minutes=20)
    china.record(booked(china, "T2", "99.00", china.now))
    china.project()
    second = day(china.log, "B-1", date(2026, 3, 2), SHANGHAI)
    assert second.topics["transaction.booked"] == 1
    assert sum(second.topics.values()) == len(second.told) == 7
    assert [(found.legs, str(found.amount)) for found in second.sums] == [(1, "10.00")]
    third = day(china.log, "B-1", date(2026, 3, 3), SHANGHAI)
    assert [one.recorded.event.reference for one in third.told] == ["T2"]
    closed = DayClosed(
        occurred_at=china.now, office="B-1", day=date(2026, 3, 2), recorded=len(second.told),
        late=len(second.belated),
    )  # fmt: skip
    china.record(closed)
    china.record(MonthClosed(occurred_at=china.now, office="B-1", month="2026-02", recorded=0, late=0))
    assert china.topics("operations", "B-1") == ["day.closed", "month.closed"]


def test_what_was_entered_late(china):
    """Booked on Monday, entered on Wednesday: it stands on Wednesday as late, and on Monday as recorded later."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    monday = datetime(2026, 3, 2, 4, tzinfo=UTC)
    china.today += timedelta(days=2)
    china.record(booked(china, "T1", "10.00", monday))
    china.record(booked(china, "T2", "5.00", china.now))
    china.project()
    wednesday = day(china.log, "B-1", date(2026, 3, 4), SHANGHAI)
    assert [one.recorded.event.reference for one in wednesday.belated] == ["T1"]
    assert [str(found.amount) for found in wednesday.sums] == ["5.00"]
    closed = DayClosed(occurred_at=china.now, office="B-1", day=date(2026, 3, 4), recorded=2, late=1)
    assert china.refuse(closed).field == "explanation", "nobody enters late without a reason"
    china.record(msgspec.structs.replace(closed, explanation="the line was down since Monday noon"))
    looked_back = day(china.log, "B-1", date(2026, 3, 2), SHANGHAI)
    assert [one.recorded.event.reference for one in looked_back.late] == ["T1"]
    assert [str(found.amount) for found in looked_back.sums] == ["10.00"]
