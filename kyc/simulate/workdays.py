"""How busy a day is: weekends, the fixed and the lunar holidays of China, shopping festivals, month ends."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

_LUNAR_NEW_YEARS: Final = {
    2020: (1, 25), 2021: (2, 12), 2022: (2, 1), 2023: (1, 22), 2024: (2, 10), 2025: (1, 29), 2026: (2, 17),
    2027: (2, 6), 2028: (1, 26), 2029: (2, 13), 2030: (2, 3), 2031: (1, 23), 2032: (2, 11), 2033: (1, 31),
    2034: (2, 19), 2035: (2, 8),
}  # fmt: skip
"""First day of the first lunar month; other years know no Spring Festival here."""
_FIXED_HOLIDAYS: Final = frozenset(
    {(1, 1), (4, 5), (5, 1), (5, 2), (5, 3)} | {(10, day) for day in range(1, 8)}
)  # the days off moved about by each year's notice are left out
_FESTIVALS: Final = {(6, 18): 1_600, (11, 11): 1_800, (12, 12): 1_300}
PER_MILLE: Final = 1_000


def spring_festival(day: date) -> int | None:
    """Days since the lunar new year of that calendar year (negative before it), or None where it is far."""
    month_day = _LUNAR_NEW_YEARS.get(day.year)
    if month_day is None:
        return None
    distance = (day - date(day.year, *month_day)).days
    return distance if -20 <= distance <= 15 else None


def is_holiday(day: date) -> bool:
    """Whether counters are closed and no salaries are paid: Sundays and public holidays."""
    festival = spring_festival(day)
    return (
        day.weekday() == 6
        or (day.month, day.day) in _FIXED_HOLIDAYS
        or (festival is not None and -1 <= festival <= 6)
    )


def weight(day: date) -> int:
    """How many transactions that day sees, in thousandths of an ordinary weekday."""
    value = _FESTIVALS.get(
        (day.month, day.day), (PER_MILLE, PER_MILLE, PER_MILLE, PER_MILLE, 1_100, 950, 800)[day.weekday()]
    )
    festival = spring_festival(day)
    if festival is not None and festival <= 6:
        value = value * (1_250 if festival < -1 else 650) // PER_MILLE  # the rush before, the quiet after
    if (day + timedelta(days=1)).day == 1:
        value = value * 1_150 // PER_MILLE
    return value


def previous_workday(day: date) -> date:
    """``day``, or the last day before it that is no holiday and no Saturday."""
    while is_holiday(day) or day.weekday() == 5:
        day -= timedelta(days=1)
    return day


def shares(start: date, days: int, total: int) -> list[int]:
    """``total`` split over ``days`` days from ``start`` by weight; the parts add up exactly."""
    weights = [weight(start + timedelta(days=offset)) for offset in range(days)]
    whole, seen, given, parts = sum(weights), 0, 0, []
    for value in weights:
        seen += value
        upto = total * seen // whole
        parts.append(upto - given)
        given = upto
    return parts
