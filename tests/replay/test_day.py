"""A day at a branch: what was recorded there, and what was booked there and came later."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from fix_log import noted, opened
from fix_replay import ORIGIN, START, Bank

from kyc.clock import to_datetime
from kyc.domain.customer import NameChanged
from kyc.domain.submission import Entry, Origin, StreamName, Unit
from kyc.domain.values import Name
from kyc.errors import NotFoundError
from projections.engine import Engine
from replay import day, seek
from replay.day import Sum

pytestmark = pytest.mark.pg15
FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 3)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def days(bank: Bank) -> Bank:
    """The bank of the other tests, projected; another branch works on the same days."""
    other = Origin(actor="T-9", branch="310-002", purpose="account-service", legal_basis="AML24-29")
    (answer,) = bank.log.append([Unit("elsewhere", other, (noted("N1", "x"),))])
    assert isinstance(answer, tuple)
    Engine(bank.log).catch_up()
    return bank


def test_what_was_recorded_there(days: Bank) -> None:
    """Every event of that branch and that day is told by name, in order; none of another branch or day."""
    first = day.day(days.log, ORIGIN.branch, FIRST, SHANGHAI)
    assert first.topics == {
        "customer.registered": 3, "document.captured": 3, "cdd.identity_verified": 3, "account.opened": 3,
        "customer.account_linked": 4, "transaction.booked": 2,
    }  # fmt: skip
    assert first.actors == {"T-0417": 18}
    assert {one.stream.key for one in first.told} == {"C1", "C2", "C3", "A1", "A2", "A3"}
    times = [one.recorded.row.recorded_at for one in first.told]
    assert times == sorted(times)
    second = day.day(days.log, ORIGIN.branch, SECOND, SHANGHAI)
    assert second.topics == {"transaction.booked": 5, "customer.name_changed": 1}
    assert day.day(days.log, ORIGIN.branch, FIRST - timedelta(days=1), SHANGHAI).told == ()
    assert day.day(days.log, "310", FIRST, SHANGHAI).told == ()


def test_sums_of_the_day(days: Bank) -> None:
    """What was booked is added up by kind, direction and currency."""
    assert day.day(days.log, ORIGIN.branch, FIRST, SHANGHAI).sums == [
        Sum("transfer", "credit", "CNY", 1, Decimal("100.50")),
        Sum("transfer", "debit", "CNY", 1, Decimal("100.50")),
    ]  # fmt: skip


def test_the_day_is_the_institutions(days: Bank) -> None:
    """A day begins at midnight of the zone: the bookings of 14:00 UTC are those of the next day in Auckland."""
    auckland = day.day(days.log, ORIGIN.branch, SECOND, ZoneInfo("Pacific/Auckland"))
    assert auckland.topics["transaction.booked"] == 2
    assert "account.opened" in auckland.topics


def test_recorded_later(days: Bank) -> None:
    """What was booked that day and recorded afterwards is told apart, until the moment that is asked about."""
    before = days.now
    days.clock.advance(3 * 86_400_000_000)
    now, days.clock.us = days.clock.us, days.clock.us - 4 * 86_400_000_000
    at = days.now
    days.clock.us = now
    days.book("T-late", "3.00", ("A3", "credit"), occurred_at=at, booked_at=at, value_date=at.date())
    Engine(days.log).catch_up()
    found = day.day(days.log, ORIGIN.branch, FIRST, SHANGHAI)
    assert [one.recorded.event.reference for one in found.late] == ["T-late"]
    assert found.late[0].stream == StreamName("postings", "A3")
    assert Sum("transfer", "credit", "CNY", 2, Decimal("103.50")) in found.sums
    assert day.day(days.log, ORIGIN.branch, FIRST, SHANGHAI, as_of=before).late == ()
    entered = day.day(days.log, ORIGIN.branch, date(2026, 3, 6), SHANGHAI)
    assert [one.recorded.event.reference for one in entered.belated] == ["T-late"]
    assert any(text.strip().startswith("happened on an earlier day: 2026-03-02") for text in day.lines(entered))


def test_as_of_a_moment_of_the_day(days: Bank) -> None:
    """What was recorded later that day is left out where an earlier moment is asked about."""
    noon = START + timedelta(hours=3)
    found = day.day(days.log, ORIGIN.branch, FIRST, SHANGHAI, as_of=noon)
    assert "transaction.booked" not in found.topics
    assert found.topics["customer.registered"] == 3


def test_clock_of_one_stream_ran_ahead(days: Bank) -> None:
    """One stream whose times are ahead hides nothing of the day from the search."""
    renamed = NameChanged(occurred_at=days.now, names=(Name(text="Z"),), evidence="e", effective_from=SECOND)
    name = StreamName("customer", "C3")
    days.clock.advance(30 * 86_400_000_000)
    days.record(Entry(name, name, renamed))
    days.clock.advance(-30 * 86_400_000_000)
    for number in range(20):
        days.later()
        days.rename("C2", f"Name {number}")
        days.rename("C3", f"Name {number}")
    Engine(days.log).catch_up()
    names = [
        day.day(days.log, ORIGIN.branch, on, SHANGHAI).topics["customer.name_changed"]
        for on in (SECOND, SECOND + timedelta(days=1))
    ]
    assert sum(names) == 1 + 20


def test_disposed_events_keep_their_place(days: Bank) -> None:
    """What was disposed of is counted and told with its certificate; a stream without a name keeps its id."""
    days.dispose("postings", "A1", "X1", "ab" * 32)
    days.dispose("customer", "C2", "X2", "cd" * 32)
    Engine(days.log).catch_up()
    found = day.day(days.log, ORIGIN.branch, FIRST, SHANGHAI)
    assert found.topics["transaction.booked"] == 2
    gone = [one for one in found.told if one.recorded.event is None]
    assert {one.stream.kind for one in gone} == {"customer", "postings"}
    assert {len(one.stream.key) for one in gone} == {36}
    assert {one.disposal for one in gone} == {("X1", "ab" * 32), ("X2", "cd" * 32)}


def test_only_the_branch_is_opened(days: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of other branches and days are not decrypted."""
    days.fill(200)
    counts = opened(days.log, monkeypatch)
    found = day.day(days.log, "310-002", SECOND, SHANGHAI)
    assert (len(found.told), sum(counts)) == (1, 2)  # the event, and the first of its stream for the name


def test_read_models_are_needed(bank: Bank) -> None:
    """Without the transaction index an answer would miss what came late: it is refused."""
    with pytest.raises(NotFoundError):
        day.day(bank.log, ORIGIN.branch, FIRST, SHANGHAI)


def test_positions_of_a_moment(days: Bank) -> None:
    """In every lane the events before the position are earlier, those after it are not."""
    heads = days.log.reader.positions()
    for moment in (0, days.moments["first day"], days.moments["second day"] + 1, 2**60):
        for lane, position in seek.lanes(days.log, moment, heads).items():
            for row in days.log.reader.lane(lane):
                assert (row.recorded_at < moment) == (row.position <= position)


def test_json_and_text(days: Bank) -> None:
    """The day is plain JSON, and readable."""
    found = day.day(days.log, ORIGIN.branch, FIRST, SHANGHAI, to_datetime(days.moments["second day"]))
    parsed = json.loads(json.dumps(day.as_dict(found)))
    assert (parsed["start"], parsed["stop"]) == ("2026-03-01T16:00:00.000000Z", "2026-03-02T15:59:59.999999Z")
    assert parsed["sums"][0] == {
        "kind": "transfer", "direction": "credit", "currency": "CNY", "legs": 1, "amount": "100.50",
    }  # fmt: skip
    assert len(parsed["events"]) == 18
    shown = [" ".join(text.split()) for text in day.lines(found)]
    assert "Recorded that day: 18 events" in shown
    assert "transfer credit 1 legs 100.50 CNY" in shown
