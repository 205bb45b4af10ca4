"""Calendar arithmetic: ends of months and days, exact hours, working days with shifted weekends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.calendar import (
    Length,
    age_on,
    day_ends,
    lapses,
    later,
    length,
    local_day,
    parse_calendar,
    shipped_calendar,
    zone_of,
)
from kyc.errors import ConfigurationError

CN = shipped_calendar("cn")
CHINA = "Asia/Shanghai"
DAYS = st.dates(date(1990, 1, 1), date(2099, 12, 31))


def day(text: str) -> date:
    """A date."""
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "period", "declared", "end"),
    [
        ("2025-06-30", "P10Y", "28-feb", "2035-06-30"),
        ("2024-02-29", "P10Y", "28-feb", "2034-02-28"),
        ("2024-02-29", "P10Y", "1-mar", "2034-03-01"),
        ("2024-02-29", "P4Y", "1-mar", "2028-02-29"),
        ("2024-02-29", "P12M", "1-mar", "2025-03-01"),
        ("2024-02-29", "P1M", "1-mar", "2024-03-29"),
        ("2025-02-28", "P3Y", "1-mar", "2028-02-28"),
        ("2026-08-31", "P6M", "1-mar", "2027-02-28"),
        ("2026-01-31", "P1M", "28-feb", "2026-02-28"),
        ("2026-01-31", "P1M", "1-mar", "2026-02-28"),
        ("2025-12-15", "P1M", "28-feb", "2026-01-15"),
        ("2026-11-30", "P1Y2M3D", "28-feb", "2028-02-02"),
        ("2026-03-01", "P0D", "28-feb", "2026-03-01"),
        ("2026-02-20", "P30D", "28-feb", "2026-03-22"),
    ],
)
def test_later(start, period, declared, end) -> None:
    """Years and months on the calendar, to the month's last day where it has no such day; then days."""
    assert later(day(start), period, declared) == day(end)


@given(DAYS, st.integers(1, 60))
def test_years_keep_the_day(start, years) -> None:
    """A period of years ends on the same day of the year, but from a leap day; never 365 times their number."""
    end = later(start, f"P{years}Y")
    assert end.year - start.year == years
    assert (end.month, end.day) == (start.month, start.day) or (start.month, start.day) == (2, 29)


@pytest.mark.parametrize("text", ["", "P", "PT", "P5", "5Y", "P5Y ", "P1W", "PT1M", "P1DT1H", "P-1Y", "P1.5Y"])
def test_no_periods(text) -> None:
    """Anything but years, months and days, or hours alone, is refused."""
    with pytest.raises(ConfigurationError):
        length(text)


def test_length() -> None:
    """Periods are taken apart; a day is not exact enough for hours."""
    assert length("P2Y3M4D") == Length(27, 4, 0)
    assert length("PT48H") == Length(0, 0, 48)
    with pytest.raises(ConfigurationError, match="hours"):
        later(day("2026-01-01"), "PT48H")


def test_local_day() -> None:
    """The same instant is another day in another zone."""
    moment = datetime(2026, 3, 1, 20, 30, tzinfo=UTC)
    assert local_day(moment, CHINA) == day("2026-03-02")
    assert local_day(moment, "America/New_York") == day("2026-03-01")
    assert local_day(moment.astimezone(timezone(timedelta(hours=8))), "UTC") == day("2026-03-01")


@pytest.mark.parametrize(
    ("zone", "on", "ends", "hours"),
    [
        (CHINA, "2026-03-29", "2026-03-29T16:00:00+00:00", 24),
        ("Europe/Paris", "2026-03-29", "2026-03-29T22:00:00+00:00", 23),
        ("Europe/Paris", "2026-10-25", "2026-10-25T23:00:00+00:00", 25),
    ],
)
def test_day_ends(zone, on, ends, hours) -> None:
    """A day ends with the first instant of the next, also when the clocks change on it."""
    end = day_ends(day(on), zone)
    assert end == datetime.fromisoformat(ends)
    assert end - day_ends(day(on) - timedelta(days=1), zone) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("start", "period", "zone", "end"),
    [
        ("2026-03-31T10:00:00+08:00", "PT48H", CHINA, "2026-04-02T02:00:00+00:00"),
        ("2026-03-28T12:00:00+01:00", "PT48H", "Europe/Paris", "2026-03-30T11:00:00+00:00"),
        ("2026-03-31T10:00:00+08:00", "P6M", CHINA, "2026-09-30T16:00:00+00:00"),
        ("2026-03-31T10:00:00+08:00", "P1Y", CHINA, "2027-03-31T16:00:00+00:00"),
        ("2026-03-31T23:30:00+00:00", "P30D", CHINA, "2026-05-01T16:00:00+00:00"),
        ("2024-02-29T10:00:00+08:00", "P1Y", CHINA, "2025-02-28T16:00:00+00:00"),
    ],
)
def test_lapses(start, period, zone, end) -> None:
    """Hours are counted exactly, over a change of the clocks too; other periods end with their last local day."""
    assert lapses(datetime.fromisoformat(start), period, zone) == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("on", "age"), [("2026-02-28", 17), ("2026-03-01", 18), ("2028-02-28", 19), ("2028-02-29", 20)]
)
def test_age(on, age) -> None:
    """Born on a leap day: a year older from 1 March, in leap years from the day itself."""
    assert age_on(day("2008-02-29"), day(on)) == age


def test_unknown_zone() -> None:
    """A zone that is none is refused by its field."""
    for name in ("Asia/Atlantis", "../etc/passwd", ""):
        with pytest.raises(ConfigurationError) as refused:
            zone_of(name)
        assert refused.value.field == "zone"


@pytest.mark.parametrize(
    ("on", "worked"),
    [
        ("2026-02-13", True), ("2026-02-14", True), ("2026-02-15", False), ("2026-02-16", False),
        ("2026-02-23", False), ("2026-02-24", True), ("2026-02-28", True), ("2026-03-01", False),
        ("2026-09-20", True), ("2026-10-01", False), ("2026-10-08", True), ("2026-10-10", True),
        ("2025-01-26", True), ("2024-02-18", True), ("2007-10-06", False), ("2018-12-31", False),
    ],
)  # fmt: skip
def test_shifted_working_days(on, worked) -> None:
    """Spring Festival and National Day as announced, with the weekends worked instead (调休)."""
    assert CN.is_working(day(on)) is worked


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-02-12", 1, "2026-02-13"),
        ("2026-02-13", 1, "2026-02-14"),
        ("2026-02-13", 5, "2026-02-27"),
        ("2026-02-14", 5, "2026-02-28"),
        ("2026-09-30", 5, "2026-10-13"),
        ("2026-10-04", 1, "2026-10-08"),
        ("2026-10-04", 0, "2026-10-04"),
        ("2025-12-29", 5, "2026-01-06"),
    ],
)
def test_within_working_days(start, days, end) -> None:
    """Five working days over a holiday: the first day is not counted, shifted ones are."""
    assert CN.add(day(start), days) == day(end)
    assert CN.between(day(start), day(end)) == days


@given(st.dates(date(2007, 1, 1), date(2026, 10, 1)), st.integers(1, 40))
def test_adding_and_counting_agree(start, days) -> None:
    """The day so many working days later is a working day, and as many lie between."""
    end = CN.add(start, days)
    assert CN.is_working(end)
    assert CN.between(start, end) == days
    assert CN.next_working(end) == end


def test_years_not_announced() -> None:
    """Beyond the last notice nobody guesses: the file, its reach and the remedy are named."""
    for on in ("2006-12-31", "2027-01-01"):
        with pytest.raises(ConfigurationError) as refused:
            CN.is_working(day(on))
        assert "2007-01-01 to 2026-12-31" in (refused.value.rule or "")
    with pytest.raises(ConfigurationError):
        CN.add(day("2026-12-30"), 5)


FILE = """
calendar = "X"
source = "x"
[[year]]
year = 2025
off = ["01-01", "10-01/10-08"]
work = ["09-28"]
[[year]]
year = 2026
off = ["01-01/01-03"]
work = ["01-04"]
"""


@pytest.mark.parametrize(
    ("was", "becomes", "field"),
    [
        ("year = 2026", "year = 2027", "x.toml: year 2027"),
        ('"10-01/10-08"', '"10-08/10-01"', "x.toml: 2025 10-08/10-01"),
        ('"01-01"', '"02-29"', "x.toml: 2025 02-29"),
        ('work = ["09-28"]', 'work = ["09-29"]', "x.toml: work 2025-09-29"),
        ('work = ["09-28"]', 'work = ["10-04"]', "x.toml: work 2025-10-04"),
        ('"01-01"', '"1 January"', "x.toml: year[0].off[0]"),
        ('calendar = "X"', "", "x.toml: file"),
    ],
)
def test_bad_calendar(was, becomes, field) -> None:
    """Gaps, impossible days and shifts that are none are refused by their place."""
    assert parse_calendar(FILE, "x.toml").last == day("2026-12-31")
    with pytest.raises(ConfigurationError) as refused:
        parse_calendar(FILE.replace(was, becomes), "x.toml")
    assert refused.value.field == field


def test_unknown_calendar() -> None:
    """A jurisdiction without a calendar is refused with the files there are."""
    with pytest.raises(ConfigurationError) as refused:
        shipped_calendar("atlantis")
    assert "calendar-cn.toml" in (refused.value.rule or "")
