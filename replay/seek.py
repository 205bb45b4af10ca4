"""Where a moment lies in a stream or in the lanes, found by halving in a few reads: recorded times never decrease
within a stream, and hardly within a lane.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

from kyc.store import statements
from kyc.store.log import EventLog

_SQL: Final = statements.load("replay", "finding.sql")


def length(log: EventLog, stream: bytes) -> int:
    """The number of events in a stream."""
    head = log.reader.heads([stream]).get(stream)
    return head.version if head is not None else 0


def until(log: EventLog, stream: bytes, moment: int, last: int) -> int:
    """The last version among 1 … ``last`` that was recorded at ``moment`` (microseconds) or before; 0 for none."""

    def recorded_at(version: int) -> int:
        return next(log.reader.stream(stream, after=version - 1, through=version)).recorded_at

    return bisect_right(range(1, last + 1), moment, key=recorded_at)


def lanes(log: EventLog, moment: int, heads: Mapping[int, int]) -> dict[int, int]:
    """Lane → position before which everything was recorded earlier than ``moment`` (microseconds), give or take.

    Recorded times of a lane are in order but for the clocks of its writers; leave a margin and look at each event.
    All lanes are searched together: as many round trips as the longest lane has binary digits.
    """
    low, high = dict.fromkeys(heads, 0), dict(heads)
    while open_ := [lane for lane in heads if low[lane] < high[lane]]:
        middles = [(low[lane] + high[lane]) // 2 for lane in open_]
        with log.database.connection() as connection:
            found = connection.execute(_SQL["earliest"], (open_, middles)).fetchall()
        for lane, middle, (earliest,) in zip(open_, middles, found, strict=True):
            if earliest is None or earliest >= moment:
                high[lane] = middle
            else:
                low[lane] = middle + 1
    return low
