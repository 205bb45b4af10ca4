"""What a stream is called: its id is a keyed hash, its name stands in its events."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from kyc.domain import catalogue
from kyc.domain.event import Event, event_type
from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.store import pgbinary, statements
from kyc.store.log import EventLog, Recorded
from kyc.store.records import StoredEvent, lane_of

_SQL: Final = statements.load("replay", "finding.sql")


def firsts(log: EventLog, streams: Collection[bytes]) -> dict[bytes, Recorded]:
    """The first event of each of some streams, in one round trip; streams without events are left out."""
    ids = list(dict.fromkeys(streams))
    arguments = (pgbinary.int2s([lane_of(one, log.lanes) for one in ids]), pgbinary.uuids(ids))
    with log.database.connection() as connection:
        rows = connection.execute(_SQL["firsts"], arguments, binary=True).fetchall()
    return {one.row.stream_id: one for one in log.reveal([StoredEvent._make(row) for row in rows])}


def of(log: EventLog, events: Collection[Recorded]) -> dict[bytes, StreamName]:
    """The names of the streams that some events are in: said by themselves, else by how their streams begin.

    Where that was disposed of, the id stands in for the name.
    """
    names: dict[bytes, StreamName] = {}
    unsaid: dict[bytes, str] = {}
    for one in events:
        kind = event_type(one.context.topic).STREAM
        key = said(one.event) or (catalogue.STREAMS[kind].key if kind in catalogue.STREAMS else "")
        if key:
            names[one.row.stream_id] = StreamName(kind, key)
        else:
            unsaid[one.row.stream_id] = kind
    for stream in names:
        unsaid.pop(stream, None)
    begins = firsts(log, unsaid) if unsaid else {}
    for stream, kind in unsaid.items():
        first = begins.get(stream)
        names[stream] = StreamName(kind, (said(first.event) if first else "") or str(UUID(bytes=stream)))
    return names


def said(event: Event | None) -> str:
    """The key of its stream as an event says it; empty where it does not."""
    if isinstance(event, TransactionBooked):
        return event.leg.account
    return str(getattr(event, event.KEY)) if event is not None and event.KEY else ""
