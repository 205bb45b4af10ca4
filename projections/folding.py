"""Read models that show a stream's folded state: the stream is read up to the batch's last event and folded anew.

Short streams only (customers, accounts). The state of a row depends on nothing but the stream and a version, so it
comes out the same however events were cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kyc.domain.admit import evolve
from kyc.store.log import EventLog, Recorded


@dataclass(slots=True)
class Folded:
    """A stream's state at a version, and the first and last recorded events that made it."""

    stream_id: bytes
    state: Any
    version: int
    first: Recorded
    disposed: bool = False


def fold(log: EventLog, kind: str, batch: Sequence[Recorded]) -> list[Folded]:
    """The states of the streams a batch touches, as of the last event of each in the batch."""
    last = {recorded.row.stream_id: recorded.row.version for recorded in batch}
    rows = [row for row in log.reader.streams(list(last)) if row.version <= last[row.stream_id]]
    folded: dict[bytes, Folded] = {}
    for recorded in log.reveal(rows):
        stream = recorded.row.stream_id
        known = folded.get(stream)
        if known is None:
            known = folded[stream] = Folded(stream, None, 0, recorded)
        known.version = recorded.row.version
        if recorded.event is None:
            known.disposed = True
        else:
            known.state = evolve(kind, known.state, recorded.event)
    return list(folded.values())
