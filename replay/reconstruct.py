"""One transaction in full, from the events alone: every field of every leg, who recorded it where and when and on
which basis; instruction, vouchers, corrections and what else became of it; the accounts and their holders, their
documents by hash and the legal orders in force, as known then and as known now; the place in the log.

Found by bounded reads (:mod:`replay.legs`); who and what stood behind it says :mod:`replay.parties`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from threading import Lock
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from kyc.clock import from_datetime
from kyc.domain.submission import StreamName
from kyc.domain.transaction import SupportingDocumentAttached, TransactionCorrected
from kyc.evidence import leaf
from kyc.store.log import EventLog
from kyc.store.records import StoredEvent
from kyc.store.sealed import SealedLog
from replay import disposed, legs, parties, render
from replay.history import Known, Told, known_dict, known_of, state_lines, told_dict, told_lines
from replay.legs import FOLLOWED_MAX, Missing
from replay.parties import Order, Paper, Party
from replay.proofs import Prover

_PROVERS: Final[WeakKeyDictionary[SealedLog, tuple[int, Prover]]] = WeakKeyDictionary()
"""For each sealed log its size and what proves in it: the tiles at the edge are hashed once for each checkpoint."""
_PROVING: Final = Lock()


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
class Part:
    """One leg with its account and its place in the log."""

    told: Told
    account: Known | None
    """None: business without an account of ours."""
    proof: Proof
    preceded: tuple[Told, ...]
    """What led to it on this account: instruction, authorisation."""
    followed: tuple[Told, ...]
    """What was recorded about it afterwards, oldest first; vouchers stand apart."""
    vouchers: tuple[Paper, ...]
    """Documents that were attached to it, with their images."""
    orders: tuple[Order, ...]
    """Legal orders on the account at the moment of the booking."""
    searched_all: bool
    """Whether the search for ``followed`` and ``vouchers`` reached the present."""

    @property
    def corrected(self) -> dict[str, str]:
        """The fields as they were recorded, with what corrections made of them."""
        values = render.fields(self.told.recorded.event)
        for told in self.followed:
            if isinstance(told.recorded.event, TransactionCorrected):
                values |= {change.field: change.now for change in told.recorded.event.corrections}
        return values


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A transaction in full."""

    reference: str
    as_of: int
    """The recorded time at which the parties are described, in microseconds."""
    parts: tuple[Part, ...]
    parties: tuple[Party, ...]
    missing: tuple[Missing, ...]
    """Legs that cannot be shown, because their content was disposed of."""


def transaction(log: EventLog, sealed: SealedLog, reference: str, as_of: datetime | None = None) -> Reconstruction:
    """Everything about one transaction.

    Args:
        log: the event log.
        sealed: the sealed log.
        reference: the bank's transaction id.
        as_of: recorded time at which the parties are described; by default the moment of the booking.

    Raises:
        NotFoundError: no transaction has this reference.
        DisposedError: every leg was disposed of; names the event that holds the reference, and the certificate.
        CiphertextDamagedError: an event does not decrypt; names it.
    """
    first = legs.first(log, reference)
    shown, missing = legs.of(log, first, reference)
    at = first.row.recorded_at if as_of is None else from_datetime(as_of)
    parts = tuple(_part(log, sealed, leg, reference, at) for leg in shown)
    accounts = {part.account.stream: part.account for part in parts if part.account is not None}
    return Reconstruction(reference, at, parts, parties.parties(log, accounts.values(), at), missing)


def _part(log: EventLog, sealed: SealedLog, leg: Told, reference: str, at: int) -> Part:
    event, row = leg.recorded.event, leg.recorded.row
    assert event is not None, "legs that are shown can be read"
    booked = getattr(event, "booked_at", event.occurred_at)
    around = legs.around(log, leg, reference)
    attached = [told for told in around.after if isinstance(told.recorded.event, SupportingDocumentAttached)]
    account: Known | None = None
    orders: tuple[Order, ...] = ()
    if leg.stream.kind == "postings":
        name = StreamName("account", leg.stream.key)
        own = list(log.events(name))
        account = known_of(log, name, own, at)
        orders = parties.orders(log, name, own, at, booked, reference)
    return Part(
        leg,
        account,
        proof_of(sealed, row),
        around.before,
        tuple(told for told in around.after if told not in attached),
        tuple(parties.paper(log, told, at) for told in attached),
        orders,
        around.complete,
    )


def proof_of(sealed: SealedLog, row: StoredEvent) -> Proof:
    """The proof that an event is in the newest signed log; empty while it is not sealed.

    Raises:
        LogMismatchError: the log has something else at its place.
    """
    newest = sealed.published()
    index = sealed.index_of(row.lane, row.position)
    if newest is None or index is None or index >= newest.size:
        return Proof()
    with _PROVING:
        known = _PROVERS.get(sealed)
        if known is None or known[0] != newest.size:
            known = _PROVERS[sealed] = newest.size, Prover(newest.size, newest.root, sealed)
        hashes = known[1].proof(index, leaf.leaf_hash(leaf.entry(row.stream_id, row.version, row.hash)))
    return Proof(index, newest.size, newest.root, tuple(hashes), newest.note)


# --- rendering ------------------------------------------------------------------------------------------


def lines(found: Reconstruction, zone: tzinfo = render.ZONE) -> list[str]:
    """The reconstruction for a terminal."""
    text = [f"Transaction {found.reference}", f"parties as known on {render.moment(found.as_of, zone)}", ""]
    for number, part in enumerate(found.parts, 1):
        where = "account" if part.account is not None else part.told.stream.kind
        text += [f"Leg {number} of {len(found.parts)}: {where} {part.told.stream.key}", *_part_lines(part, zone)]
    for leg in found.missing:
        text += [f"The leg on account {leg.account} cannot be shown: {disposed.words(leg.disposal)}", ""]
    for party in found.parties:
        text += _party_lines(party, zone)
    return text


def _part_lines(part: Part, zone: tzinfo) -> list[str]:
    text = render.marked(render.fields(part.told.recorded.event), part.corrected)
    text += _evidence_lines(part, zone)
    if part.account is not None:
        heading = f"Account {part.account.stream.key} as known then"
        text += [f"  {one}" for one in state_lines(heading, part.account)[:-1]]
    for order in part.orders:
        text.append(f"  Legal order {order.known.stream.key}: {order.effect} when it was booked")
        text += [render.line(name, value, 4) for name, value in render.fields(order.terms).items()]
        text += [f"  {one}" for one in state_lines("The order as known then", order.known)[:-1]]
    for title, some in (("Before", part.preceded), ("Afterwards", part.followed)):
        for told in some:
            recorded = render.moment(told.recorded.row.recorded_at, zone)
            text.append(f"  {title}: {render.title(told.recorded.context.topic)}, recorded {recorded}")
            text += [render.line(name, value, 4) for name, value in render.fields(told.recorded.event).items()]
    for paper in part.vouchers:
        text += _paper_lines(paper, zone)
    if not part.searched_all:
        text.append(f"  Only the next {FOLLOWED_MAX} postings were searched for what was recorded afterwards")
    return [*text, ""]


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
    text = state_lines(f"Customer {party.known.stream.key}, {held}", party.known)[:-1]
    for paper in party.papers:
        text += _paper_lines(paper, zone)
    for told in party.screened:
        text += told_lines(told, zone, named=False)
    return [*text, ""]


def _paper_lines(paper: Paper, zone: tzinfo) -> list[str]:
    row, context = paper.told.recorded.row, paper.told.recorded.context
    since = "" if paper.then else "   >> not known then"
    recorded = render.moment(row.recorded_at, zone)
    text = [f"  {render.title(context.topic).capitalize()} {recorded}, event version {row.version}{since}"]
    if paper.told.recorded.event is None:
        return [*text, f"    {disposed.words(paper.told.disposal)}"]
    for image, digest in paper.images:
        text.append(render.line(f"{image.name} ({image.media_type})", f"{image.size} bytes", 4))
        text.append(render.line("commitment", image.commitment, 6))
        text.append(render.line("SHA-256", digest or "disposed of", 6))
    return text


def as_dict(found: Reconstruction) -> dict[str, Any]:
    """The reconstruction for JSON."""
    return {
        "reference": found.reference,
        "as_of": render.exact(found.as_of),
        "legs": [_part_dict(part) for part in found.parts],
        "missing": [
            {"account": leg.account, "disposal": leg.disposal._asdict() if leg.disposal else None}
            for leg in found.missing
        ],
        "parties": [
            known_dict(party.known)
            | {
                "roles": [{"account": account, "role": role} for account, role in party.roles],
                "documents": [_paper_dict(paper) for paper in party.papers],
                "screening": [told_dict(told) for told in party.screened],
            }
            for party in found.parties
        ],
    }


def _paper_dict(paper: Paper) -> dict[str, Any]:
    images = [render.plain(image) | {"sha256": digest} for image, digest in paper.images]
    return told_dict(paper.told) | {"known_then": paper.then, "images": images}


def _part_dict(part: Part) -> dict[str, Any]:
    row, proof = part.told.recorded.row, part.proof
    recorded = render.fields(part.told.recorded.event)
    return told_dict(part.told) | {
        "lane": row.lane,
        "position": row.position,
        "commitment": row.commitment.hex(),
        "previous": row.previous.hex(),
        "account": None if part.account is None else known_dict(part.account),
        "corrected": [difference._asdict() for difference in render.differences(recorded, part.corrected)],
        "orders": [
            known_dict(order.known) | {"effect": order.effect, "terms": render.plain(order.terms)}
            for order in part.orders
        ],
        "vouchers": [_paper_dict(paper) for paper in part.vouchers],
        "proof": None
        if not proof.size
        else {
            "index": proof.index,
            "size": proof.size,
            "root": proof.root.hex(),
            "hashes": [value.hex() for value in proof.hashes],
            "checkpoint": proof.checkpoint,
        },
        "preceded": [told_dict(told) for told in part.preceded],
        "followed": [told_dict(told) for told in part.followed],
        "followed_complete": part.searched_all,
    }
