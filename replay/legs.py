"""The legs of one transaction and what else its account's postings say about it, found by bounded reads.

The claim of the reference leads to the first leg, the first leg names the accounts of the others, and those are
found in their postings by the moment of their common commit. Where the first leg was disposed of, the transaction
index names a living one. What is about a booking stands near it: before it instructions and authorisations, after
it corrections, reversals, documents; headers say which events may be, and only those are opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.errors import DisposedError, NotFoundError
from kyc.store import statements
from kyc.store.log import EventLog, Recorded
from kyc.store.records import StoredEvent
from projections import transaction_index
from replay import disposed, names, seek
from replay.disposed import Disposal
from replay.history import Told

FOLLOWED_MAX: Final = 10_000
"""Postings of an account that are searched for what became of a booking: reversals, corrections, attachments."""
PRECEDED_MAX: Final = 1_000
"""Postings of an account that are searched for what led to a booking: instruction, authorisation."""
LEGS_MAX: Final = 100
"""Legs of one booking at most, as its schema says."""
_SKEW: Final = 3_600_000_000
"""Microseconds by which two legs of one commit may differ where writers' clocks disagree; beyond it all is read."""
_SQL: Final = statements.load("replay", "reconstruct.sql")
_TOPIC: Final = TransactionBooked.TOPIC.encode()
_BOOKED: Final = bytes((len(_TOPIC),)) + _TOPIC


@dataclass(frozen=True, slots=True)
class Missing:
    """A leg that cannot be shown, because its content was disposed of."""

    account: str
    disposal: Disposal | None


@dataclass(frozen=True, slots=True)
class Around:
    """What the postings of an account say about a booking besides its legs, each in the order of recording."""

    before: tuple[Told, ...]
    after: tuple[Told, ...]
    complete: bool
    """Whether the search reached the present."""


def first(log: EventLog, reference: str) -> Recorded:
    """The leg that holds the reference, or another one where that was disposed of.

    Raises:
        NotFoundError: no transaction has this reference.
        DisposedError: no leg can be read any more; names event and certificate.
    """
    claim = log.reader.claim("transaction", log.blinder.claim_key("transaction", reference))
    if claim is None:
        raise NotFoundError("no transaction has this reference", field="reference")
    stream_id, version = claim
    event = f"event {UUID(bytes=stream_id)}"
    found = next(log.events(stream_id, after=version - 1, through=version), None)
    if found is None:
        raise NotFoundError("the event of this reference is gone", field=event,
                            rule="a claim points to an event", remedy="kyc verify")  # fmt: skip
    if found.event is not None:
        return found
    with suppress(NotFoundError):  # read models that were never built know no other leg
        places = transaction_index.of_reference(log, reference)
        for other in log.at((place.postings, place.version) for place in places).values():
            if other.event is not None:
                return other
    disposal = disposed.of_keys(log, [found.row.data_key]).get(found.row.data_key)
    said = str(disposal) if disposal else "no disposal is recorded for its key"
    raise DisposedError(field=f"{event} version {version}", rule=said)


def of(log: EventLog, found: Recorded, reference: str) -> tuple[list[Told], tuple[Missing, ...]]:
    """All legs in the order of the booking, and those that cannot be shown."""
    event = found.event
    if not isinstance(event, TransactionBooked):  # a rejected instruction, a one-off service: one event
        return [Told(names.of(log, [found])[found.row.stream_id], found)], ()
    shown: list[Told] = []
    missing: list[Missing] = []
    for account in dict.fromkeys(place.account for place in event.legs):
        stream = StreamName("postings", account)
        here = found.row.version if account == event.leg.account else None
        legs, gone = _legs_in(log, log.stream_id(stream), reference, found.row.recorded_at, here)
        shown += [Told(stream, leg) for leg in legs]
        if not legs:
            disposals = disposed.of_stream(log, stream) if gone else {}
            known = [disposals[leg.row.data_key] for leg in gone if leg.row.data_key in disposals]
            missing.append(Missing(account, known[0] if known else None))
    return shown, tuple(missing)


def around(log: EventLog, leg: Told, reference: str) -> Around:
    """What led to a booking on this account and what became of it."""
    row = leg.recorded.row
    found: list[Told] = []
    with log.database.connection() as connection:
        rows = connection.execute(
            _SQL["about_bookings"],
            (
                row.lane, UUID(bytes=row.stream_id), max(0, row.version - 1 - PRECEDED_MAX),
                row.version + FOLLOWED_MAX, _BOOKED, _BOOKED,
            ),
            binary=True,
        ).fetchall()  # fmt: skip
    for recorded in log.reveal([StoredEvent._make(one) for one in rows]):
        if getattr(recorded.event, "reference", None) == reference and recorded.row.version != row.version:
            found.append(Told(leg.stream, recorded))
    last = seek.length(log, row.stream_id)
    return Around(
        tuple(told for told in found if told.recorded.row.version < row.version),
        tuple(told for told in found if told.recorded.row.version > row.version),
        last <= row.version + FOLLOWED_MAX,
    )


def _legs_in(
    log: EventLog, stream: bytes, reference: str, at: int, here: int | None
) -> tuple[list[Recorded], list[Recorded]]:
    """The legs of a booking in one account's postings, neighbours because they were committed together.

    ``here`` is the version of one of them, where it is known. Also the disposed events of the same moment: where no
    leg is found, it was one of them.
    """
    if here is not None:
        before = list(_run(log, stream, reference, here - 1, -1))
        return [*reversed(before), *_run(log, stream, reference, here, 1)], []
    last = seek.length(log, stream)
    gone: list[Recorded] = []
    for skew in (0, _SKEW, None):
        low, high = 0, last
        if skew is not None:
            low, high = (seek.until(log, stream, moment, last) for moment in (at - skew - 1, at + skew))
        events = list(log.events(stream, after=low, through=high))
        legs = [leg for leg in events if _is_leg(leg, reference)]
        if legs:
            return legs, []
        gone = gone or [event for event in events if event.event is None]
    return [], gone


def _run(log: EventLog, stream: bytes, reference: str, start: int, step: int) -> Iterator[Recorded]:
    """The neighbouring legs from a version on, upwards or downwards."""
    for version in range(start, start + step * LEGS_MAX, step):
        leg = next(log.events(stream, after=version - 1, through=version), None) if version > 0 else None
        if leg is None or not _is_leg(leg, reference):
            return
        yield leg


def _is_leg(recorded: Recorded, reference: str) -> bool:
    return isinstance(recorded.event, TransactionBooked) and recorded.event.reference == reference
