"""How streams are called: ids are keyed digests, so the first event of a stream says its name.

Where that was disposed of, the disposal that destroyed its key names the subject, which is a number of the bank's
own. Read models know ids only; lists for people come through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from kyc.domain.disposal import KeyDestroyed
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from kyc.store import pgbinary
from kyc.store.log import EventLog, Recorded
from kyc.store.records import StoredEvent, lane_of
from kyc.store.statements import load
from projections import disposal_register
from replay.scopes import key_of

_SQL: Final = load("replay", "named.sql")


def names(log: EventLog, streams: Sequence[bytes]) -> dict[bytes, StreamName]:
    """Stream id → name; a stream that is not known, or whose name went with its content, is left out."""
    wanted = list(dict.fromkeys(streams))
    arguments = (pgbinary.int2s([lane_of(one, log.lanes) for one in wanted]), pgbinary.uuids(wanted))
    with log.database.connection() as connection:
        rows = list(map(StoredEvent._make, connection.execute(_SQL["firsts"], arguments, binary=True)))
    found: dict[bytes, StreamName] = {}
    gone: list[StoredEvent] = []
    for recorded in log.reveal(rows):
        name = _name(recorded)
        if name is not None:
            found[recorded.row.stream_id] = name
        elif recorded.event is None:
            gone.append(recorded.row)
    return found | _disposed(log, gone)


def _name(recorded: Recorded) -> StreamName | None:
    event = recorded.event
    key = key_of(event) if event is not None else ""
    return StreamName(type(event).STREAM, key) if event is not None and key else None


def _disposed(log: EventLog, rows: Sequence[StoredEvent]) -> dict[bytes, StreamName]:
    """The names that the disposals of the first events' keys give, for streams that are their own subjects."""
    found: dict[bytes, StreamName] = {}
    by_key = {row.data_key: row.stream_id for row in rows}
    with suppress(NotFoundError):
        places = disposal_register.of_keys(log, list(by_key)) if rows else []
        events = log.at((place.retention, place.destroyed) for place in places)
        for place in places:
            event = events[place.retention, place.destroyed].event
            if isinstance(event, KeyDestroyed):
                kind, _, key = event.subject.partition("/")
                name, stream = StreamName(kind, key), by_key[place.data_key]
                if log.stream_id(name) == stream:
                    found[stream] = name
    return found
