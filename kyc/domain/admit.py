"""Admission: a submission becomes a unit of entries, or is refused with field, rule and remedy. Pure.

Three steps, so that the caller can answer a retry before any rule about the present is asked: :func:`reads` names
the streams whose states the rules need, :func:`shape` checks what the submission says of itself, :func:`check`
holds it against those states and adds the natural keys it uses up. The rules stand with their streams
(:mod:`kyc.domain.stream`); only bookings, which are many and touch several streams, have a path of their own.
Nothing here performs I/O or reads a clock.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

from kyc.domain import catalogue, codec
from kyc.domain.citing import decide_reversal
from kyc.domain.dates import check_moment
from kyc.domain.document import document_claim
from kyc.domain.event import Event, Scanned
from kyc.domain.fact import SCANS_MAX, Submission
from kyc.domain.frozen import decide_frozen
from kyc.domain.stream import (
    CHECKS,
    CITES,
    CLAIMS,
    COMPANIONS,
    CONSULTS,
    MENTIONS,
    TRANSACTION,
    Given,
    States,
    Stream,
)
from kyc.domain.submission import ANY, NEW, Claim, Entry, Scan, StreamName, Unit
from kyc.domain.transaction import BookTransaction, TransactionBooked, decide_booking, postings
from kyc.errors import InputError, RefusedError
from kyc.settings import SCAN_MAX

__all__ = [
    "HEAD_OFFICE", "STATEFUL", "STREAMS", "State", "check", "document_claim", "evolve", "reads", "shape",
    "subject_of",
]  # fmt: skip

State = Any
"""The folded state of a stream: ``CustomerState``, ``AccountState`` … as its kind says."""

STREAMS: Final = catalogue.STREAMS
STATEFUL: Final = frozenset(kind for kind, stream in STREAMS.items() if stream.state is not None)
"""Kinds of streams that are folded for decisions; postings and the rest are never loaded."""

HEAD_OFFICE: Final = "HQ"
"""The branch code of head office, which alone publishes policies and templates."""


def evolve(kind: str, state: State | None, event: Event) -> State | None:
    """The state of a stream of that kind after an event."""
    return STREAMS[kind].evolve(state, event)


def reads(submission: Submission) -> tuple[StreamName, ...]:
    """What :func:`check` needs for this submission: states of streams, and transactions it cites (TRANSACTION)."""
    data = submission.data
    kind = type(data)
    if kind is BookTransaction:
        accounts = tuple([StreamName("account", leg.account) for leg in data.legs])  # type: ignore[attr-defined]
        return (*accounts, *_cited(data)) if data.reversal else accounts  # type: ignore[attr-defined]
    stream = STREAMS.get(data.STREAM)
    if stream is None:
        return ()
    own = () if stream.state is None else (StreamName(data.STREAM, _key(submission)),)
    return (*own, *_mentioned(data), *CONSULTS.get(kind, ()), *_cited(data))


def shape(submission: Submission, today: date) -> Unit:
    """The unit a submission asks for, checked for what it says of itself.

    Raises:
        RefusedError: a field breaks a rule.
    """
    data = submission.data
    check_moment(data.occurred_at, today, "occurred_at")
    for rule in CHECKS.get(type(data), ()):
        rule(data, today)
    if isinstance(data, BookTransaction):
        return _booking(submission, data)
    stream = _stream_of(submission)
    codec.checked(data)  # who built it in this process may have built what could never be read again
    _check_scans(data, submission.scans)
    name = StreamName(stream.kind, _key(submission))
    if submission.stream not in {"", name.key}:
        raise InputError(
            "the event belongs to another stream", field="stream", rule=data.KEY, remedy="leave it out"
        )
    if not name.key:
        raise InputError(
            "the stream is missing", field="stream", rule=f"the number of the {stream.kind}", remedy="name it"
        )
    begins = type(data) in stream.initial
    expected = submission.expected if submission.expected is not None else NEW if begins else ANY
    entry = Entry(name, subject_of(name), data, expected, _mentioned(data), submission.scans)
    along = COMPANIONS.get(type(data))
    entries = (entry,) if along is None else (entry, *along(name, data))
    return Unit(submission.key, submission.origin, entries)


def check(unit: Unit, states: States, today: date) -> Unit:
    """The unit as it may be recorded, held against the states it depends on.

    Raises:
        RefusedError: a state forbids it.
    """
    first = unit.entries[0]
    event = first.event
    kind = type(event)
    if isinstance(event, TransactionBooked):
        legs = [(entry.event.leg, states.get(entry.subject)) for entry in unit.entries]  # type: ignore[attr-defined]
        decide_booking(event.booked_at.date(), legs)
        decide_frozen(event, legs)
        if not event.reversal:
            return unit
        booked: tuple[Any, ...] = tuple(entry.event for entry in unit.entries)
        return replace(unit, claims=(*unit.claims, *decide_reversal(event, booked, states)))
    stream = STREAMS[first.stream.kind]
    state = states.get(first.stream)
    given = Given(first.stream, unit.origin, states, today)
    stream.decide(state, event, given)
    for name in first.requires:
        given.state(name.kind, name.key, name.kind)
    claimed = CLAIMS.get(kind)
    return unit if claimed is None else replace(unit, claims=claimed(state, event))


def subject_of(name: StreamName) -> StreamName:
    """Whose data key protects the events of a stream: postings are the account's, all others their own."""
    return StreamName("account", name.key) if name.kind == "postings" else name


def _booking(submission: Submission, data: BookTransaction) -> Unit:
    entries = []
    for event in postings(data):
        number = event.leg.account
        account = StreamName("account", number)
        entries.append(Entry(StreamName("postings", number), account, event, ANY, (account,)))
    if submission.scans:
        raise InputError(
            "a booking carries no scans", field="scans", rule="transaction.document_attached",
            remedy="attach them to the booking afterwards",
        )  # fmt: skip
    return Unit(submission.key, submission.origin, tuple(entries), (Claim("transaction", data.reference),))


def _stream_of(submission: Submission) -> Stream[Any]:
    data = submission.data
    stream = STREAMS.get(data.STREAM)
    if stream is None or not data.SUBMITTED:
        raise InputError(
            "this event cannot be submitted", field="topic", rule="a topic of the catalogue",
            remedy="see: kyc schema",
        )  # fmt: skip
    if stream.head_office and submission.origin.branch != HEAD_OFFICE:
        raise RefusedError(
            "only head office may do this", field="origin.branch", rule="policies are head office's",
            remedy="ask head office to publish it",
        )  # fmt: skip
    return stream


def _key(submission: Submission) -> str:
    """The key of the stream an event belongs to: its own word, else the submission's."""
    data = submission.data
    if data.KEY:
        return str(getattr(data, data.KEY))
    stream = STREAMS.get(data.STREAM)
    return submission.stream if stream is None else stream.key or submission.stream


def _mentioned(data: Event) -> tuple[StreamName, ...]:
    mentioned = MENTIONS.get(type(data))
    named = () if mentioned is None else mentioned(data)
    if data.STREAM == "postings" and data.KEY:
        return (StreamName("account", getattr(data, data.KEY)), *named)
    return named


def _cited(data: Event) -> tuple[StreamName, ...]:
    """What holds the references the event speaks of; not streams, but found like them."""
    named = CITES.get(type(data))
    return () if named is None else tuple([StreamName(TRANSACTION, reference) for reference in named(data)])


def _check_scans(data: Event, scans: tuple[Scan, ...]) -> None:
    if isinstance(data, Scanned):
        if data.images:
            raise InputError(
                "images are filled in by the log", field="images", rule="empty when submitted",
                remedy="send the scans beside the event",
            )  # fmt: skip
    elif scans:
        raise InputError("this event carries no scans", field="scans", rule=data.TOPIC, remedy="leave them out")
    if len(scans) > SCANS_MAX:
        raise InputError("too many scans", field="scans", rule=f"at most {SCANS_MAX}")
    if len({scan.name for scan in scans}) < len(scans):
        raise InputError("two scans have one name", field="scans.name", rule="unique within the event")
    for scan in scans:
        if not 0 < len(scan.content) <= SCAN_MAX:
            raise RefusedError("scan too large or empty", field="scans.content", rule=f"1 to {SCAN_MAX} bytes")
