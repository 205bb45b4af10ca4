"""Calendar arithmetic in the institution's zone: periods, ends of days, working days with shifted ones. Pure.

Periods are ISO 8601 texts such as ``P10Y``, ``P6M`` or ``PT48H``, which PostgreSQL reads as intervals too. Years
and months are counted on the calendar, never in days; hours are counted exactly. Which period a law prescribes,
and from which day, is for others to say.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from kyc.domain.rulefile import parse, read, refuse
from kyc.errors import ConfigurationError

Feb29 = Literal["28-feb", "1-mar"]
"""Where a period from 29 February ends in a common year; the institution declares it once."""

_DATE_PART: Final = "P(?=[0-9])(?:([0-9]{1,3})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,5})D)?"
DatePeriod = Annotated[str, msgspec.Meta(pattern=f"^{_DATE_PART}$")]
"""Years, months and days, ISO 8601."""
Period = Annotated[str, msgspec.Meta(pattern=f"^(?:{_DATE_PART}|PT[0-9]{{1,4}}H)$")]
"""Years, months and days; or hours alone, ISO 8601."""

_DAY: Final = timedelta(days=1)
_MONTHS: Final = 12
_SATURDAY: Final = 5
_PARSED: Final = re.compile(f"{_DATE_PART}|PT([0-9]{{1,4}})H")


class Length(NamedTuple):
    """A period taken apart."""

    months: int
    days: int
    hours: int


@lru_cache(maxsize=1024)
def length(period: str) -> Length:
    """A period's months (years included), days and hours.

    Raises:
        ConfigurationError: not a period of this form.
    """
    match = _PARSED.fullmatch(period)
    if match is None:
        raise ConfigurationError("not a period", field="period", rule="ISO 8601: P5Y, P6M, P30D or PT48H")
    years, months, days, hours = (int(part or 0) for part in match.groups())
    return Length(years * _MONTHS + months, days, hours)


def later(start: date, period: str, feb29: Feb29 = "28-feb") -> date:
    """The day a period after ``start``; ``start`` itself is not counted.

    A day the month does not have becomes the month's last day. Only from 29 February, whole years (or months) on
    to a February without one, ``feb29`` decides.

    Raises:
        ConfigurationError: the period is counted in hours: a day is not exact enough.
    """
    months, days, hours = length(period)
    if hours:
        raise ConfigurationError("hours are not counted in days", field="period", rule="a period of years to days")
    years, month = divmod(start.month - 1 + months, _MONTHS)
    year, month = start.year + years, month + 1
    last = monthrange(year, month)[1]
    end = date(year, month, min(start.day, last))
    if (start.month, start.day) == (2, 29) and month == 2 and last == 28 and feb29 == "1-mar":
        end += _DAY
    return end + timedelta(days=days)


def age_on(born_on: date, on: date) -> int:
    """Full years of age; who was born on 29 February completes a year on 1 March."""
    return on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day))


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name.

    Raises:
        ConfigurationError: no such zone on this machine.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(
            "unknown time zone",
            field="zone",
            rule="an IANA name",
            remedy="correct it, or install the tzdata package",
        ) from None


def local_day(moment: datetime, zone: str) -> date:
    """The day an aware moment falls on in a zone."""
    assert moment.tzinfo is not None, "a naive moment has no day"
    return moment.astimezone(zone_of(zone)).date()


def day_ends(day: date, zone: str) -> datetime:
    """The instant, in UTC, at which a local day is over: the first instant of the next."""
    return datetime.combine(day + _DAY, time(), zone_of(zone)).astimezone(UTC)


def lapses(start: datetime, period: str, zone: str, feb29: Feb29 = "28-feb") -> datetime:
    """The instant, in UTC, at which a period from an aware moment is over.

    Hours are counted exactly, also over a change of the clocks; other periods end with the end of their last day.
    """
    assert start.tzinfo is not None, "a naive moment is no start"
    hours = length(period).hours
    if hours:
        return start.astimezone(UTC) + timedelta(hours=hours)
    return day_ends(later(local_day(start, zone), period, feb29), zone)


# --- working days ----------------------------------------------------------------------------------------

_Span = Annotated[str, msgspec.Meta(pattern="^[0-9]{2}-[0-9]{2}(/[0-9]{2}-[0-9]{2})?$")]


class _Year(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One year as its notice says it: spans of days off, and days of weekends that are worked instead (调休)."""

    year: int
    off: tuple[_Span, ...]
    work: tuple[_Span, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    calendar: str
    source: str
    year: Annotated[tuple[_Year, ...], msgspec.Meta(min_length=1)]


class WorkCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """Which days are worked: Monday to Friday, less holidays, plus weekend days shifted to work."""

    name: str
    first: date
    """First day that is known."""
    last: date
    """Last day that is known: next year's notice appears in the autumn before."""
    off: frozenset[date] = frozenset()
    shifted: frozenset[date] = frozenset()

    def is_working(self, day: date) -> bool:
        """Whether a day is worked.

        Raises:
            ConfigurationError: no notice covers the day; a guess would move deadlines.
        """
        if not self.first <= day <= self.last:
            raise ConfigurationError(
                "the working-day calendar does not reach that day",
                field=f"calendar {self.name}",
                rule=f"{self.first} to {self.last}",
                remedy="publish the calendar with that year's notice: kyc law publish calendar",
            )
        return day in self.shifted or (day.weekday() < _SATURDAY and day not in self.off)

    def next_working(self, day: date) -> date:
        """The day itself where it is worked, or else the next that is."""
        while not self.is_working(day):
            day += _DAY
        return day

    def add(self, day: date, working_days: int) -> date:
        """The last of so many working days after a day, which is itself not counted, whether worked or not."""
        assert working_days >= 0, working_days
        for _ in range(working_days):
            day = self.next_working(day + _DAY)
        return day

    def between(self, day: date, end: date) -> int:
        """How many working days lie after ``day``, up to and with ``end``."""
        return sum(self.is_working(day + timedelta(days=n)) for n in range(1, (end - day).days + 1))


def parse_calendar(text: str, name: str) -> WorkCalendar:
    """The calendar in a file's text.

    Raises:
        ConfigurationError: names file, year and what is wrong with it.
    """
    file = parse(text, name, _File)
    off: set[date] = set()
    shifted: set[date] = set()
    for before, year in zip((None, *file.year), file.year, strict=False):
        if before is not None and year.year != before.year + 1:
            raise refuse(name, f"year {year.year}", "years follow each other without a gap")
        off |= _days(year.year, year.off, name)
        shifted |= _days(year.year, year.work, name)
    for day in sorted(shifted):
        if day.weekday() < _SATURDAY or day in off:
            raise refuse(name, f"work {day}", "a day shifted to work is a Saturday or Sunday that is not off")
    first, last = date(file.year[0].year, 1, 1), date(file.year[-1].year, 12, 31)
    return WorkCalendar(name=file.calendar, first=first, last=last, off=frozenset(off), shifted=frozenset(shifted))


def _days(year: int, spans: tuple[str, ...], name: str) -> set[date]:
    days = set()
    for span in spans:
        start, _, end = span.partition("/")
        try:
            first, last = (date.fromisoformat(f"{year}-{day}") for day in (start, end or start))
        except ValueError:
            raise refuse(name, f"{year} {span}", "days that exist") from None
        if last < first:
            raise refuse(name, f"{year} {span}", "a span ends after it begins")
        days |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return days


@lru_cache
def shipped_calendar(jurisdiction: str) -> WorkCalendar:
    """The working days of a jurisdiction, as shipped: ``cn``.

    Raises:
        ConfigurationError: none shipped.
    """
    name = f"calendar-{jurisdiction.lower()}.toml"
    return parse_calendar(read(name), name)
