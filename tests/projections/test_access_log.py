"""The log of accesses: by customer, by reader, counted by the hour; flags and emergencies; gone with its keys."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from fix_world_china import onboard
from fix_world_ledger import Story

from kyc.domain.access_log import (
    AccessAnomalyFlagged,
    AccessDenied,
    BreakGlassReviewed,
    BreakGlassUsed,
    DisclosureRecorded,
    RecordRead,
    RecordsListed,
)
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from projections import access_log

pytestmark = pytest.mark.pg15


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def look(world: Story, number: str, actor: str, **options: object) -> None:
    """Somebody looks at a file."""
    read = RecordRead(occurred_at=world.now, customer=number, fields=("names",), reason="serving", ticket="S-1")
    world.record(read, actor=actor, **options)


def listed(world: Story, actor: str, *numbers: str) -> None:
    """Somebody is told of several at once."""
    page = RecordsListed(
        occurred_at=world.now, operator=actor, action="list", customers=numbers, fields=("task",), reason="due"
    )
    world.record(page, actor=actor)


def refused(world: Story, number: str, actor: str) -> None:
    """Somebody is refused a look."""
    denied = AccessDenied(
        occurred_at=world.now, operator=actor, customer=number, fields=("names", "phones"), code="no-ticket"
    )  # fmt: skip
    world.record(denied, actor=actor)


def test_by_customer_and_by_reader(china: Story) -> None:
    """Who looked at a customer, what somebody looked at, the latest first, in a span of time and of a kind."""
    onboard(china, "C1")
    look(china, "C1", "T-1")
    china.later(minutes=10)
    since = china.now
    refused(china, "C1", "T-2")
    refused(china, "C9", "T-2")
    china.later(seconds=1)
    gone = DisclosureRecorded(
        occurred_at=china.now, customer="C1", recipient="auditor", kind="auditor", fields=("names",),
        permitted_purpose="audit", digest="ab" * 32,
    )  # fmt: skip
    china.record(gone, actor="T-1", branch="HQ", basis="AML24-52")
    engine = china.project()
    seen = access_log.of_customer(china.log, "C1")
    assert [(one.kind, one.reader, one.branch) for one in seen] == [
        ("disclosed", "T-1", "HQ"), ("refused", "T-2", "B-1"), ("read", "T-1", "B-1"),
    ]  # fmt: skip
    assert seen[0].legal_basis == "AML24-52"
    assert (seen[1].fields, seen[1].code, seen[2].masked) == (["names", "phones"], "no-ticket", True)
    assert access_log.of_customer(china.log, "C1", start=since) == seen[:2]
    assert access_log.of_customer(china.log, "C1", stop=since, kinds=["read"]) == seen[2:]
    by_second = access_log.of_reader(china.log, "T-2")
    assert {one.customer for one in by_second} == {
        china.log.stream_id(StreamName("customer", number)) for number in ("C1", "C9")
    }
    assert access_log.of_reader(china.log, "T-1", kinds=["disclosed"]) == seen[:1]
    assert access_log.of_reader(china.log, "T-9") == access_log.of_customer(china.log, "C8") == []
    (event,) = [one.event for one in china.log.events(seen[2].stream_id, through=seen[2].version)]
    assert isinstance(event, RecordRead)
    assert event.ticket == "S-1", "the row leads to the event, which says why"
    assert engine.rebuild("access_log").equal is True


def test_counted_by_the_hour(china: Story) -> None:
    """What a limit of reads per hour is held against: reads, customers, refusals; who was busiest in which hour."""
    for number in ("C1", "C2"):
        onboard(china, number)
    start = china.now
    for number in ("C1", "C2", "C1"):
        look(china, number, "T-9")
    refused(china, "C3", "T-9")
    look(china, "C1", "T-1")
    china.later(hours=1)
    look(china, "C2", "T-9")
    china.project()
    log = china.log
    assert access_log.counted(log, "T-9", start) == (4, 0, 2, 1, 0)
    assert access_log.counted(log, "T-9", start, china.now) == (3, 0, 2, 1, 0)
    assert access_log.counted(log, "T-9", china.now) == (1, 0, 1, 0, 0)
    assert access_log.counted(log, "nobody", start) == (0, 0, 0, 0, 0)
    busy = access_log.hours(log, start, start + timedelta(hours=2))
    assert [(one.reader, one.hour, one.reads, one.customers, one.refused) for one in busy] == [
        ("T-9", start, 3, 2, 1), ("T-1", start, 1, 1, 0), ("T-9", china.now, 1, 1, 0),
    ]  # fmt: skip
    assert access_log.hours(log, start, start + timedelta(hours=2), least=2) == busy[:1]
    assert access_log.hours(log, start, start + timedelta(hours=2), reader="T-1") == busy[1:2]


def test_pages_of_lists(china: Story) -> None:
    """Who was on a page is told with whoever looked; a page counts once; its rows go with its key."""
    many = [f"C{at}" for at in range(1_000)]
    listed(china, "M-1", *many)
    listed(china, "M-1", "C1", "C2")
    listed(china, "M-1")
    look(china, "C1", "M-1")
    engine = china.project()
    seen = access_log.of_customer(china.log, "C1")
    assert sorted((one.kind, one.reader, one.masked) for one in seen) == [
        ("listed", "M-1", True), ("listed", "M-1", True), ("read", "M-1", True),
    ]  # fmt: skip
    assert len(access_log.of_customer(china.log, "C999", kinds=["listed"])) == 1
    told = access_log.of_reader(china.log, "M-1", limit=2_000)
    assert len(told) == 1_003
    paged, after = list(told[:0]), None
    while some := access_log.of_reader(china.log, "M-1", after=after, limit=400):
        paged += some
        last = some[-1]
        after = last.at, UUID(bytes=last.stream_id), last.version, UUID(bytes=last.customer)
    assert paged == told, "nobody of a page of a list is missed where pages of the answer part it"
    assert access_log.counted(china.log, "M-1", access_log.FIRST) == (1, 2, 1_000, 0, 0)
    (hour,) = access_log.hours(china.log, access_log.FIRST, access_log.LAST, least=3)
    assert (hour.reads, hour.pages, hour.customers) == (1, 2, 1_000)
    assert access_log.hours(china.log, access_log.FIRST, access_log.LAST, least=4) == []
    assert engine.rebuild("access_log").equal is True
    assert china.log.key_store.destroy(china.recorded("lookups", "M-1")[0].row.data_key)
    china.log.ring.forget(china.recorded("lookups", "M-1")[0].row.data_key)
    assert engine.sweep()
    assert [one.kind for one in access_log.of_customer(china.log, "C1")] == ["read"]
    assert engine.rebuild("access_log").equal is True


def test_flags_and_emergencies(china: Story) -> None:
    """Flags are listed for the supervisor; an emergency access stays listed until somebody else has looked."""
    flagged = AccessAnomalyFlagged(
        occurred_at=china.now, operator="T-9", kind="bulk-read", count=100, since=china.now,
        until=china.now + timedelta(hours=1),
    )  # fmt: skip
    china.record(flagged, actor="M-1")
    for use in ("U-1", "U-2"):
        used = BreakGlassUsed(
            occurred_at=china.now, operator="T-9", use=use, reason="fire", until=china.now + timedelta(hours=2)
        )
        china.record(used, actor="T-9")
    china.project()
    (flag,) = access_log.flags(china.log)
    assert (flag.operator, flag.kind, flag.number, flag.actor) == ("T-9", "bulk-read", 100, "M-1")
    assert access_log.flags(china.log, operator="T-1") == access_log.flags(china.log, stop=flag.at) == []
    assert [one.version for one in access_log.unreviewed(china.log)] == [2, 3]
    china.record(
        BreakGlassReviewed(occurred_at=china.now, operator="T-9", use="U-1", finding="justified"), actor="M-1"
    )
    engine = china.project()
    (left,) = access_log.unreviewed(china.log)
    assert (left.version, left.operator, left.until - left.at) == (3, "T-9", timedelta(hours=2))
    used = BreakGlassUsed(
        occurred_at=china.now, operator="T-8", use="U-3", reason="fire", until=china.now + timedelta(hours=2)
    )
    china.record(used, actor="T-8", branch="B-2")
    china.project()
    for asked in ({"operator": "T-8"}, {"branch": "B-2"}):
        assert [one.operator for one in access_log.unreviewed(china.log, limit=1, **asked)] == ["T-8"]
    assert {one.operator for one in access_log.unreviewed(china.log, limit=None)} == {"T-9", "T-8"}
    assert engine.rebuild("access_log").equal is True


def test_the_log_goes_with_its_keys(china: Story) -> None:
    """Destroying the key of a year's accesses, or of an operator's record, leaves nothing of them."""
    with pytest.raises(NotFoundError):
        access_log.of_customer(china.log, "C1")
    onboard(china, "C1")
    look(china, "C1", "T-1")
    refused(china, "C9", "T-1")
    used = BreakGlassUsed(
        occurred_at=china.now, operator="T-1", use="U-1", reason="fire", until=china.now + timedelta(hours=2)
    )
    china.record(used, actor="T-1")
    engine = china.project()
    for kind, key in (("access", "C1"), ("operator", "T-1")):
        row = china.recorded(kind, key)[0].row
        assert china.log.key_store.destroy(row.data_key)
        china.log.ring.forget(row.data_key)
    assert engine.sweep()
    assert access_log.of_customer(china.log, "C1") == access_log.unreviewed(china.log) == []
    assert len(access_log.of_reader(china.log, "T-1")) == 1
    assert engine.rebuild("access_log").equal is True
