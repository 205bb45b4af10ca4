"""The only reader of time. Instants are UTC microseconds since 1970-01-01T00:00:00Z, as int.

Evidence times are never settable in production; tests inject a :class:`FixedClock`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """A source of the present instant."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC. May stand still or jump; callers keep their own monotony."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000


class FixedClock:
    """A clock for tests: stands at ``us`` and moves only when told."""

    def __init__(self, us: int) -> None:
        self.us = us

    def now_us(self) -> int:
        return self.us

    def advance(self, us: int) -> None:
        self.us += us


def to_datetime(us: int) -> datetime:
    """The aware UTC datetime of ``us`` microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=us)


def from_datetime(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime.

    Raises:
        ValueError: the datetime is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no instant: give it a zone")
    return (moment - EPOCH) // _MICROSECOND
