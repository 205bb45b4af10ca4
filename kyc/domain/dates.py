"""Which dates and moments can be: nothing before 1850, nothing that already happened in the future. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from kyc.errors import RefusedError

EARLIEST: Final = date(1850, 1, 1)
"""Earlier dates are mistakes."""
LATEST: Final = date(2200, 1, 1)
"""So are later ones; what never ends says so in a field of its own."""
AHEAD: Final = timedelta(days=1)
"""How far a branch's clock, or its zone, may run ahead."""


def check_date(day: date | None, field: str) -> None:
    """Refuse a day outside of what a bank can mean; None passes.

    Raises:
        RefusedError: names ``field``.
    """
    if day is not None and not EARLIEST < day < LATEST:
        raise RefusedError("impossible date", field=field, rule=f"after {EARLIEST}, before {LATEST}")


def check_past(day: date | None, today: date, field: str) -> None:
    """Refuse a day that has not come yet or lies before all records; None passes.

    Raises:
        RefusedError: names ``field``.
    """
    if day is not None and not EARLIEST < day <= today + AHEAD:
        raise RefusedError("impossible date", field=field, rule=f"after {EARLIEST}, not in the future")


def check_moment(moment: datetime | None, today: date, field: str) -> None:
    """Refuse a moment without offset, before all records or ahead of the clock; None passes.

    Raises:
        RefusedError: names ``field``.
    """
    if moment is None:
        return
    if moment.tzinfo is None:
        raise RefusedError("a time without offset", field=field, rule="RFC 3339 with offset", remedy="add it")
    if not EARLIEST < moment.date() <= today + AHEAD:
        raise RefusedError("impossible time", field=field, rule=f"after {EARLIEST}, not in the future")
