"""Where a moment lies in a stream: recorded times never decrease within one, so halving finds it in a few reads."""

from __future__ import annotations

from bisect import bisect_right

from kyc.store.log import EventLog


def length(log: EventLog, stream: bytes) -> int:
    """The number of events in a stream."""
    head = log.reader.heads([stream]).get(stream)
    return head.version if head is not None else 0


def until(log: EventLog, stream: bytes, moment: int, last: int) -> int:
    """The last version among 1 … ``last`` that was recorded at ``moment`` (microseconds) or before; 0 for none."""

    def recorded_at(version: int) -> int:
        return next(log.reader.stream(stream, after=version - 1, through=version)).recorded_at

    return bisect_right(range(1, last + 1), moment, key=recorded_at)
