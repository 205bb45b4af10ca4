"""What branches recorded: days of any zone, late entries, closings; reconciled with the log, disposed or not."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from fix_cli import Call, document
from fix_world_china import onboard, open_account, paid, person
from fix_world_ledger import Story

from kyc.domain.access_log import AccessDenied, BreakGlassUsed
from kyc.domain.diligence import ReviewScheduled
from kyc.domain.governance import BranchOpened
from kyc.domain.operations import DayClosed, MonthClosed
from kyc.domain.policies import NOTHING
from projections import branch_supervision
from projections.branch_supervision import month
from replay import supervised
from replay.day import day

pytestmark = pytest.mark.pg15
SHANGHAI, KATHMANDU = ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Kathmandu")
SECOND, THIRD = date(2026, 3, 2), date(2026, 3, 3)


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def book(world: Story, reference: str, at: datetime, **options: object) -> None:
    """A payment of a moment."""
    made = paid(world, reference, "A1", "10.00")
    world.record(msgspec.structs.replace(made, occurred_at=at, booked_at=at, value_date=at.date()), **options)


def busy(world: Story) -> None:
    """Branch B-1 on two days, some of it late; branch B-2 does little."""
    onboard(world, "C1")
    open_account(world, "A1", "C1")
    world.record(person("C2", world), branch="B-2")
    monday = world.now
    world.later(hours=5, minutes=50)  # 15:50 UTC: ten to midnight in Shanghai, past it in no zone to the west
    book(world, "T1", world.now - timedelta(minutes=1))
    world.later(minutes=25)  # 00:15 in Shanghai
    book(world, "T2", world.now - timedelta(minutes=20))
    world.later(hours=9)
    book(world, "T3", monday)
    denied = AccessDenied(occurred_at=world.now, operator="T-1", customer="C1", fields=("names",), code="no-ticket")
    world.record(denied)


def test_days_of_any_zone(china: Story) -> None:
    """Each event counts on its day in the zone asked for; late is what happened on an earlier day of that zone."""
    busy(china)
    engine = china.project()
    log = china.log
    for zone in (SHANGHAI, KATHMANDU, ZoneInfo("UTC"), ZoneInfo("America/New_York")):
        for branch in ("B-1", "B-2", "B-9"):
            found = branch_supervision.counted(log, branch, SECOND, THIRD, zone)
            raw = {on: day(log, branch, on, zone) for on in (SECOND, THIRD)}
            assert {on: one.topics for on, one in found.items()} == {
                on: dict(one.topics) for on, one in raw.items() if one.told
            }
            assert {on: one.late for on, one in found.items()} == {
                on: len(one.belated) for on, one in raw.items() if one.told
            }
    found = branch_supervision.counted(log, "B-1", SECOND, THIRD, SHANGHAI)
    assert [(one.recorded, one.late) for one in found.values()] == [(7, 0), (3, 2)]
    late = branch_supervision.late(log, "B-1", THIRD, THIRD, SHANGHAI)
    assert [one.topic for one in late] == ["transaction.booked"] * 2
    assert (
        branch_supervision.late(log, "B-1", THIRD, THIRD, KATHMANDU, limit=1)[0].occurred_at == late[1].occurred_at
    )
    assert engine.rebuild("branch_supervision").equal is True


def test_what_was_recorded_stays_counted(china: Story) -> None:
    """Disposing of an account's year takes its late entries away and no event from the count of a day."""
    busy(china)
    engine = china.project()
    before = branch_supervision.counted(china.log, "B-1", SECOND, THIRD, SHANGHAI)
    row = china.recorded("postings", "A1")[0].row
    china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    engine.sweep()
    after = branch_supervision.counted(china.log, "B-1", SECOND, THIRD, SHANGHAI)
    assert {on: one.topics for on, one in after.items()} == {on: one.topics for on, one in before.items()}
    assert branch_supervision.late(china.log, "B-1", SECOND, THIRD, SHANGHAI) == []
    assert engine.rebuild("branch_supervision").equal is True


def test_closed_and_reconciled(china: Story, call: Call) -> None:
    """A closing says what is counted, or it shows; the log itself gives the same counts; a month has its days."""
    china.record(
        BranchOpened(occurred_at=china.now, branch="B-1", on=SECOND, zone="Asia/Shanghai", jurisdiction="CN"),
        actor="HQ-1", branch="HQ",
    )  # fmt: skip
    busy(china)
    china.record(ReviewScheduled(occurred_at=china.now, due=china.today + timedelta(days=1)), "C1")
    told = {"occurred_at": china.now, "office": "B-1"}
    head = {"actor": "M-1", "branch": "HQ"}
    china.record(DayClosed(day=SECOND, recorded=7, late=0, **told), **head)
    china.record(DayClosed(day=THIRD, recorded=5, late=2, refused=1, explanation="flood", **told), **head)
    china.record(MonthClosed(month="2026-03", recorded=11, late=2, **told), **head)
    china.today += timedelta(days=30)
    engine = china.project()
    branches = china.state("branches", "institution")
    assert supervised.zone_of(branches, "B-1", KATHMANDU) == SHANGHAI
    assert supervised.zone_of(branches, "B-7", KATHMANDU) == supervised.zone_of(None, "B-1", KATHMANDU) == KATHMANDU
    second, third = (
        supervised.summary(china.log, "B-1", on, on, SHANGHAI, NOTHING, china.today, reconcile=True)
        for on in (SECOND, THIRD)
    )
    for one, agrees in ((second, True), (third, False)):
        closing = one.closed(one.first, one.last)
        assert closing is not None
        assert one.agrees(closing) is agrees
        assert one.reconciled is True
    assert (third.refused, third.came_late, third.recorded) == (1, 2, 4)
    assert third.raw == Counter(one.recorded.context.topic for one in day(china.log, "B-1", THIRD, SHANGHAI).told)
    said = document(call("--json", "branch", "summary", "B-1", "2026-03", "--reconcile"))
    assert (said["zone"], said["recorded"], said["late"], said["reconciled"]) == ("Asia/Shanghai", 11, 2, True)
    assert [one["agrees"] for one in said["closings"]] == [True, False, True]
    assert said["days"] == {
        "2026-03-02": {"recorded": 7, "late": 0}, "2026-03-03": {"recorded": 4, "late": 2},
    }  # fmt: skip
    assert said["undone"] == {
        "on": "2026-03-31", "overdue_reviews": 1, "missing_documents": 0, "incomplete_files": 0, "unrated": 1,
        "unreviewed_emergencies": 0,
    }  # fmt: skip
    text = call("branch", "summary", "B-1", "2026-03-03")[1]
    assert "Closed by M-1 with 5 events, 2 late, which is not what is counted now" in text
    assert "reviews overdue" in text
    assert "Not closed" in call("branch", "summary", "B-2", "2026-03")[1]
    assert "2 days closed of 2 with events" in call("branch", "summary", "B-1", "2026-03")[1]
    assert call("branch", "summary", "B-1", "yesterday")[0] == 2
    assert engine.rebuild("branch_supervision").equal is True


def test_emergencies_of_the_branch(china: Story) -> None:
    """Emergency accesses nobody has looked at count at the branch where they were used."""
    for use, branch in (("U-1", "B-2"), ("U-2", "B-1"), ("U-3", "B-2")):
        china.record(
            BreakGlassUsed(
                occurred_at=china.now, operator="T-9", use=use, reason="fire", until=china.now + timedelta(hours=2)
            ),
            actor="T-9", branch=branch,
        )  # fmt: skip
    china.project()
    waiting = {
        branch: supervised.summary(
            china.log, branch, SECOND, SECOND, SHANGHAI, NOTHING, china.today
        ).undone.unreviewed_emergencies
        for branch in ("B-1", "B-2", "B-3")
    }
    assert waiting == {"B-1": 1, "B-2": 2, "B-3": 0}


def test_a_difference_shows(china: Story) -> None:
    """A read model that does not say what the log says is found out."""
    busy(china)
    china.project()
    with china.log.database.connection() as connection:
        connection.execute("update kyc_read.branch_activity_b1 set events = events + 1 where branch = 'B-1'")
    found = supervised.summary(china.log, "B-1", SECOND, SECOND, SHANGHAI, NOTHING, china.today, reconcile=True)
    assert found.reconciled is False
    assert "The log itself says something else" in supervised.lines(found)


def test_months() -> None:
    """The first and last day of a month, also of a leap February and of December."""
    assert month("2028-02") == (date(2028, 2, 1), date(2028, 2, 29))
    assert month("2026-12") == (date(2026, 12, 1), date(2026, 12, 31))
    with pytest.raises(ValueError, match="month"):
        month("2026-13")
