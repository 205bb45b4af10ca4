"""One transaction in full, from the events alone: every field of every leg, who recorded it where and when and on
which basis, the accounts and their holders as known then and now, their documents by hash, the place in the log.

Found by bounded reads: the claim of the reference leads to the first leg, the first leg names the accounts of the
others, and those are found in their postings by the moment of their common commit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from kyc.clock import from_datetime
from kyc.domain.document import DocumentCaptured
from kyc.domain.event import Image
from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.errors import DisposedError, NotFoundError
from kyc.evidence import merkle
from kyc.evidence.header import decode_context
from kyc.store.log import EventLog, Recorded
from kyc.store.records import StoredEvent, lane_of
from kyc.store.sealed import SealedLog
from replay import render
from replay.history import Known, Told, fold, known_dict, state_fields, told_dict

FOLLOWED_MAX: Final = 10_000
"""Postings of an account that are searched for what became of a booking: reversals, corrections, attachments."""
_SKEW: Final = 3_600_000_000
"""Microseconds by which two legs of one commit may differ where writers' clocks disagree; beyond it all is read."""
LEGS_MAX: Final = 100
"""Legs of one booking at most, as its schema says."""
_FOLLOWING: Final = "transaction."


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an event stands in the log; ``size`` 0 while it is not sealed."""

    index: int = 0
    size: int = 0
    root: bytes = b""
    hashes: tuple[bytes, ...] = ()
    """Inclusion proof, leaf to root."""
    checkpoint: str = ""
    """The signed note."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A captured document of a party, with its images."""

    told: Told
    images: tuple[tuple[Image, str], ...]
    """Each image with the SHA-256 of its content in hexadecimal, empty where it was disposed of."""


@dataclass(frozen=True, slots=True)
class Party:
    """A holder of one of the accounts."""

    known: Known
    roles: tuple[tuple[str, str], ...]
    """(account, role) as known then."""
    papers: tuple[Paper, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One leg with its account and its place in the log."""

    told: Told
    account: Known
    proof: Proof
    followed: tuple[Told, ...]
    """What was recorded about it afterwards, oldest first."""
    searched_all: bool
    """Whether the search for ``followed`` reached the present."""


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A transaction in full."""

    reference: str
    as_of: int
    """The recorded time at which the parties are described, in microseconds."""
    parts: tuple[Part, ...]
    parties: tuple[Party, ...]
    missing: tuple[str, ...]
    """Accounts whose leg cannot be shown, because its content was disposed of."""


def transaction(log: EventLog, sealed: SealedLog, reference: str, as_of: datetime | None = None) -> Reconstruction:
    """Everything about one transaction.

    Args:
        log: the event log.
        sealed: the sealed log.
        reference: the bank's transaction id.
        as_of: recorded time at which the parties are described; by default the moment of the booking.

    Raises:
        NotFoundError: no transaction has this reference.
        DisposedError: the leg that holds the reference was disposed of; names the event.
        CiphertextDamagedError: an event does not decrypt; names it.
    """
    claim = log.reader.claim("transaction", log.blinder.claim_key("transaction", reference))
    if claim is None:
        raise NotFoundError("no transaction has this reference", field="reference")
    stream_id, version = claim
    first = next(log.events(stream_id, after=version - 1, through=version), None)
    if first is None:
        raise NotFoundError("the event of this reference is gone", field=f"event {UUID(bytes=stream_id)}",
                            rule="a claim points to an event", remedy="kyc verify")  # fmt: skip
    if first.event is None:
        raise DisposedError(field=f"event {UUID(bytes=stream_id)} version {version}", rule="its key is destroyed")
    legs, missing = _legs(log, first, reference)
    at = first.row.recorded_at if as_of is None else from_datetime(as_of)
    parts = tuple(_part(log, sealed, leg, reference, at) for leg in legs)
    return Reconstruction(reference, at, parts, _parties(log, parts, at), missing)


# --- finding ------------------------------------------------------------------------------------------


def _legs(log: EventLog, first: Recorded, reference: str) -> tuple[list[Told], tuple[str, ...]]:
    """All legs in the order of the booking, and the accounts whose leg cannot be shown."""
    event = first.event
    if not isinstance(event, TransactionBooked):  # a rejected instruction: one event, one account
        return [Told(StreamName("postings", str(getattr(event, "account", ""))), first)], ()
    found: list[Told] = []
    missing: list[str] = []
    for account in dict.fromkeys(place.account for place in event.legs):
        stream = StreamName("postings", account)
        start = first.row.version if account == event.leg.account else None
        legs = _legs_in(log, log.stream_id(stream), reference, first.row.recorded_at, start)
        found += [Told(stream, leg) for leg in legs]
        if not legs:
            missing.append(account)
    return found, tuple(missing)


def _legs_in(log: EventLog, stream: bytes, reference: str, at: int, start: int | None) -> list[Recorded]:
    """The legs of a booking in one account's postings: neighbours, because they were committed together."""
    if start is not None:
        return list(_run(log, stream, reference, start))
    head = log.reader.heads([stream]).get(stream)
    if head is None:
        return []

    def recorded_at(version: int) -> int:
        return next(log.reader.stream(stream, after=version - 1, through=version)).recorded_at

    versions = range(1, head.version + 1)
    for skew in (0, _SKEW, None):
        low, high = 1, head.version
        if skew is not None:  # times never decrease within a stream
            low = bisect_left(versions, at - skew, key=recorded_at) + 1
            high = bisect_left(versions, at + skew + 1, key=recorded_at)
        legs = [leg for leg in log.events(stream, after=low - 1, through=high) if _is_leg(leg, reference)]
        if legs:
            return legs
    return []


def _run(log: EventLog, stream: bytes, reference: str, start: int) -> Iterator[Recorded]:
    for leg in log.events(stream, after=start - 1, through=start - 1 + LEGS_MAX):
        if not _is_leg(leg, reference):
            return
        yield leg


def _is_leg(recorded: Recorded, reference: str) -> bool:
    return isinstance(recorded.event, TransactionBooked) and recorded.event.reference == reference


def _part(log: EventLog, sealed: SealedLog, leg: Told, reference: str, at: int) -> Part:
    account = StreamName("account", leg.stream.key)
    own = list(log.events(account))
    row = leg.recorded.row
    followed = []
    searched = 0
    for recorded in log.reader.stream(row.stream_id, after=row.version, through=row.version + FOLLOWED_MAX):
        searched += 1
        told = _following(log, leg, recorded, reference)
        if told is not None:
            followed.append(told)
    return Part(
        leg,
        Known(account, fold("account", own, at), fold("account", own)),
        proof_of(sealed, row.lane, row.position),
        tuple(followed),
        searched < FOLLOWED_MAX,
    )


def _following(log: EventLog, leg: Told, row: StoredEvent, reference: str) -> Told | None:
    """A later event about this booking: the header says its kind, only those that may be about it are opened."""
    topic = decode_context(row.context).topic
    if not topic.startswith(_FOLLOWING) or topic == TransactionBooked.TOPIC:
        return None
    (recorded,) = log.reveal([row])
    return Told(leg.stream, recorded) if getattr(recorded.event, "reference", None) == reference else None


def proof_of(sealed: SealedLog, lane: int, position: int) -> Proof:
    """The proof that an event is in the newest signed log; empty while it is not sealed."""
    newest = sealed.checkpoint()
    index = sealed.index_of(lane, position)
    if newest is None or index is None or index >= newest.size:
        return Proof()
    hashes = merkle.inclusion_proof(index, newest.size, sealed)
    return Proof(index, newest.size, newest.root, tuple(hashes), newest.note)


def _parties(log: EventLog, parts: tuple[Part, ...], at: int) -> tuple[Party, ...]:
    roles: dict[str, list[tuple[str, str]]] = {}
    for part in parts:
        for holder in part.account.then.holders if part.account.then is not None else ():
            pair = (part.account.stream.key, holder.role)
            if pair not in roles.setdefault(holder.customer, []):
                roles[holder.customer].append(pair)
    parties = []
    for number, held in roles.items():
        name = StreamName("customer", number)
        events = list(log.events(name))
        known = Known(name, fold("customer", events, at), fold("customer", events))
        papers = [
            Paper(Told(name, recorded), tuple((image, _digest(log, recorded, image)) for image in event.images))
            for recorded in events
            if isinstance(event := recorded.event, DocumentCaptured) and recorded.row.recorded_at <= at
        ]
        parties.append(Party(known, tuple(held), tuple(papers)))
    return tuple(parties)


def _digest(log: EventLog, recorded: Recorded, image: Image) -> str:
    """The SHA-256 of a scan's content, checked against its commitment."""
    try:
        _, content = log.scan(image, lane_of(recorded.row.data_key, log.lanes))
    except DisposedError:
        return ""
    return sha256(content).hexdigest()


# --- rendering ------------------------------------------------------------------------------------------


def lines(found: Reconstruction, zone: tzinfo = render.ZONE) -> list[str]:
    """The reconstruction for a terminal."""
    text = [f"Transaction {found.reference}", f"parties as known on {render.moment(found.as_of, zone)}", ""]
    for number, part in enumerate(found.parts, 1):
        text += [f"Leg {number} of {len(found.parts)}: account {part.told.stream.key}"]
        text += [render.line(name, value) for name, value in render.fields(part.told.recorded.event).items()]
        text += _evidence_lines(part, zone)
        text += [f"  Account {part.account.stream.key} as known then"]
        if part.account.then is None:
            text.append("    nothing was known then")
        else:
            then, now = state_fields(part.account.then), state_fields(part.account.now)
            text += render.marked(then, now, indent=4)
        for told in part.followed:
            recorded = render.moment(told.recorded.row.recorded_at, zone)
            text.append(f"  Afterwards: {render.title(told.recorded.context.topic)}, recorded {recorded}")
            text += [render.line(name, value, 4) for name, value in render.fields(told.recorded.event).items()]
        if not part.searched_all:
            text.append(f"  Only the next {FOLLOWED_MAX} postings were searched for what was recorded afterwards")
        text.append("")
    for account in found.missing:
        text += [f"The leg on account {account} cannot be shown: its content was disposed of", ""]
    for party in found.parties:
        text += _party_lines(party, zone)
    return text


def _evidence_lines(part: Part, zone: tzinfo) -> list[str]:
    row, context, proof = part.told.recorded.row, part.told.recorded.context, part.proof
    place = f"index {proof.index} of {proof.size}, root {proof.root.hex()}"
    return [
        render.line("recorded", f"{render.moment(row.recorded_at, zone)} {render.origin(context)}"),
        render.line("event", f"{UUID(bytes=row.stream_id)} version {row.version}, lane {row.lane} #{row.position}"),
        render.line("commitment", row.commitment.hex()),
        render.line("hash", row.hash.hex()),
        render.line("in the signed log", place if proof.size else "not sealed yet"),
    ]


def _party_lines(party: Party, zone: tzinfo) -> list[str]:
    held = ", ".join(f"{role} of {account}" for account, role in party.roles)
    text = [f"Customer {party.known.stream.key}, {held}"]
    if party.known.then is None:
        text.append("  nothing was known then")
    else:
        text += render.marked(state_fields(party.known.then), state_fields(party.known.now))
    for paper in party.papers:
        row = paper.told.recorded.row
        text.append(f"  Document captured {render.moment(row.recorded_at, zone)}, event version {row.version}")
        for image, digest in paper.images:
            text.append(render.line(f"{image.name} ({image.media_type})", f"{image.size} bytes", 4))
            text.append(render.line("commitment", image.commitment, 6))
            text.append(render.line("SHA-256", digest or "disposed of", 6))
    return [*text, ""]


def as_dict(found: Reconstruction) -> dict[str, Any]:
    """The reconstruction for JSON."""
    return {
        "reference": found.reference,
        "as_of": render.exact(found.as_of),
        "legs": [_part_dict(part) for part in found.parts],
        "missing": list(found.missing),
        "parties": [
            known_dict(party.known)
            | {
                "roles": [{"account": account, "role": role} for account, role in party.roles],
                "documents": [
                    told_dict(paper.told)
                    | {"images": [render.plain(image) | {"sha256": digest} for image, digest in paper.images]}
                    for paper in party.papers
                ],
            }
            for party in found.parties
        ],
    }


def _part_dict(part: Part) -> dict[str, Any]:
    row, proof = part.told.recorded.row, part.proof
    return told_dict(part.told) | {
        "lane": row.lane,
        "position": row.position,
        "commitment": row.commitment.hex(),
        "previous": row.previous.hex(),
        "account": known_dict(part.account),
        "proof": None
        if not proof.size
        else {
            "index": proof.index,
            "size": proof.size,
            "root": proof.root.hex(),
            "hashes": [value.hex() for value in proof.hashes],
            "checkpoint": proof.checkpoint,
        },
        "followed": [told_dict(told) for told in part.followed],
        "followed_complete": part.searched_all,
    }
