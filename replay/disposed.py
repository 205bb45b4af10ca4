"""Under which certificate what cannot be read any more was disposed of.

Said by the retention stream of the subject, which outlives what it is about. Where not even the subject is known,
because its name went with the content, a read model finds the stream by the destroyed key. What happened outside of
a recorded disposal is said to be so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Final, NamedTuple
from uuid import UUID

from kyc.domain.disposal import KeyDestroyed, RecordDisposed
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from kyc.store.log import EventLog, Recorded
from projections import disposal_register

_SUBJECTS: Final = {"postings": "account"}
"""Kinds of streams whose records belong to a subject of another kind."""


class Disposal(NamedTuple):
    """A disposal that destroyed a key."""

    number: str
    certificate: str
    """SHA-256 in hexadecimal; empty until it is issued."""

    def __str__(self) -> str:
        if self.certificate:
            return f"under certificate {self.certificate} (disposal {self.number})"
        return f"under disposal {self.number}, whose certificate is not issued yet"


def words(disposal: Disposal | None) -> str:
    """What is said of an event whose key is destroyed."""
    return f"disposed of {disposal}" if disposal else "disposed of; no disposal is recorded for its key"


def of_stream(log: EventLog, stream: StreamName) -> dict[bytes, Disposal]:
    """Data key id → the disposal that destroyed it, for the keys that protect a stream's events."""
    subject = f"{_SUBJECTS.get(stream.kind, stream.kind)}/{stream.key}"
    return _disposals(log.events(StreamName("retention", subject)))


def of_keys(log: EventLog, keys: Collection[bytes]) -> dict[bytes, Disposal]:
    """Data key id → the disposal that destroyed it, as far as the read models have got."""
    found: dict[bytes, Disposal] = {}
    with suppress(NotFoundError):
        disposals = disposal_register.of_keys(log, keys)
        both = ((place.retention, one) for place in disposals for one in (place.destroyed, place.certified) if one)
        events = log.at(both)
        for place in disposals:
            versions = (place.destroyed, place.certified)
            told = (events.get((place.retention, one)) for one in versions if one)
            found |= _disposals(one for one in told if one is not None)
    return found


def _disposals(events: Iterable[Recorded]) -> dict[bytes, Disposal]:
    keys: dict[str, list[bytes]] = {}
    certificates: dict[str, str] = {}
    for recorded in events:
        event = recorded.event
        if isinstance(event, KeyDestroyed):
            with suppress(ValueError):  # an older way of naming keys names none of ours
                keys.setdefault(event.disposal, []).append(UUID(event.data_key).bytes)
        elif isinstance(event, RecordDisposed):
            certificates[event.disposal] = event.certificate
    return {key: Disposal(number, certificates.get(number, "")) for number, some in keys.items() for key in some}
