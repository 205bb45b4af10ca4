"""Committed events for projections: read by lane and position, decrypted once for all who want them.

Only events whose topic somebody wants are decrypted: the topic stands in the clear context. Nothing here writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

from kyc.errors import KycError, StoreError
from kyc.evidence.header import Context
from kyc.store.log import EventLog, Recorded, context_of
from kyc.store.records import StoredEvent


@dataclass(frozen=True, slots=True)
class Page:
    """A run of positions of one lane: all after ``after`` through ``through``; the wanted ones revealed."""

    lane: int
    after: int
    through: int
    events: tuple[Recorded, ...]
    topics: tuple[str, ...]
    """Of each event."""

    def of(self, topics: frozenset[str]) -> list[Recorded]:
        """The events of some topics; every projection asks, so what it costs to pass over one counts."""
        return list(compress(self.events, map(topics.__contains__, self.topics)))


class Damaged(Recorded):
    """An event that could not be revealed, and why: never to be taken for a disposed one."""

    cause: KycError

    def __init__(self, row: StoredEvent, context: Context, cause: KycError) -> None:
        super().__init__(row, context, None)
        object.__setattr__(self, "cause", cause)


def read(log: EventLog, lane: int, after: int, count: int, topics: frozenset[str]) -> Page:
    """The next ``count`` events of a lane, all of them committed; a damaged one is marked and hinders no other.

    Raises:
        StoreError: the database does not answer, or the lane has a hole: nothing is walked over.
    """
    rows = log.reader.page(lane, after, count)
    if len(rows) != count:
        raise StoreError("events of a lane are missing", field="lane", rule="dense", remedy="kyc verify")
    chosen = [row for row in rows if context_of(row).topic in topics]
    events = tuple(_revealed(log, chosen))
    return Page(lane, after, after + count, events, tuple([one.context.topic for one in events]))


def _revealed(log: EventLog, rows: list[StoredEvent]) -> list[Recorded]:
    try:
        return log.reveal(rows)
    except StoreError:
        raise
    except KycError as cause:
        if len(rows) == 1:
            return [Damaged(rows[0], context_of(rows[0]), cause)]
        half = len(rows) // 2
        return _revealed(log, rows[:half]) + _revealed(log, rows[half:])
