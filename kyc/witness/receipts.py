"""Whether a log kept what its receipts promised, by anybody who can read what it publishes.

1. A receipt counts once its signature under the receipt key is checked.
2. Where there is a proof file of an event, it is verified and the promise is not looked at: proof beats promise.
3. Otherwise every entry up to the newest checkpoint is read and the root computed anew from them, so that what was
   not found is proved not to be there.
4. Found: the event gets its proof file. Found with another hash: the log contradicts its own receipt. Not found:
   pending before the promised time; after it a breach, provable to others where a witness's cosignature says that
   this was the log at a later time, else overdue: seen by nobody but the caller.

Reading receipts and writing proof files is left to the command (:mod:`kyc.cli.receipts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from kyc.errors import IntegrityError, LogMismatchError
from kyc.evidence import leaf, merkle, tlog_proof
from kyc.evidence.checkpoint import SignedCheckpoint
from kyc.evidence.edge import TILE_WIDTH, Edge
from kyc.evidence.note import Verifier
from kyc.evidence.policy import Policy
from kyc.evidence.receipt import Receipt, ReceiptedEvent
from kyc.evidence.tiles import Fetch, TileReader
from kyc.evidence.tlog_proof import TlogProof
from kyc.witness.ask import published

_CHUNK: Final = 64 * TILE_WIDTH
_SECOND: Final = 1_000_000
Progress = Callable[[int, int], None]
Proofs = Callable[[ReceiptedEvent], TlogProof | None]
"""The proof file of an event, unverified, or None."""


class Verdict(Enum):
    """What became of a promise, and what that means."""

    INCLUDED = "the event is in the signed log"
    PENDING = "not in the log yet, and not due yet"
    OVERDUE = "due, and not in what the log shows; no witness has cosigned a checkpoint made since"
    BREACHED = "due, and not in a checkpoint that a witness cosigned afterwards: receipt and checkpoint prove it"
    CONTRADICTED = "the log holds another event in its place: receipt and checkpoint prove it"

    @property
    def kept(self) -> bool:
        """Whether the promise is kept so far."""
        return self in {Verdict.INCLUDED, Verdict.PENDING}


@dataclass(frozen=True, slots=True)
class Promise:
    """One event of a receipt, and by when it is due (microseconds since 1970-01-01T00:00:00Z)."""

    event: ReceiptedEvent
    due: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one promise; ``proof`` where the event is included."""

    promise: Promise
    verdict: Verdict
    proof: TlogProof | None = None


@dataclass(slots=True)
class _Found:
    """What the entries of the log say of the events looked for."""

    index: dict[bytes, int] = field(default_factory=dict)
    """Entry → its index."""
    others: set[tuple[bytes, int]] = field(default_factory=set)
    """(stream, version) of entries that have another hash than the receipt."""


def promises(receipt: Receipt) -> list[Promise]:
    """What a checked receipt promises."""
    return [Promise(event, receipt.due(event)) for event in receipt.events]


def check(
    given: Sequence[Promise], fetch: Fetch, policy: Policy, log: Sequence[Verifier], now: int, *,
    proofs: Proofs = lambda _: None, progress: Progress | None = None,
) -> list[Outcome]:  # fmt: skip
    """What became of each promise, in their order; nothing of the log is read where all have proofs.

    Args:
        given: promises of checked receipts.
        fetch: reads the published log.
        policy: whose cosignatures count, and how many; ``quorum none`` where there are no witnesses.
        log: the log's key, or its keys where they were replaced.
        now: the caller's clock, microseconds since 1970-01-01T00:00:00Z.
        proofs: proof files at hand; one that does not verify is as good as none.
        progress: called with (entries read, entries in all).

    Raises:
        LogMismatchError: the log's files do not give its signed root.
        SignatureError, FormatError: its checkpoint is not signed as the policy asks.
        NotFoundError, UnreachableError: files are missing, or cannot be had.
    """
    outcomes: dict[Promise, Outcome] = {}
    for promise in given:
        proof = _good(proofs(promise.event), promise.event, policy, log)
        if proof is not None:
            outcomes[promise] = Outcome(promise, Verdict.INCLUDED, proof)
    missing = [promise for promise in given if promise not in outcomes]
    if missing:
        signed = published(fetch)
        opened = policy.open(signed, log)
        found = _scan(missing, opened, TileReader(fetch), progress)
        for promise in missing:
            outcomes[promise] = _judge(promise, found, opened, signed, TileReader(fetch), now)
    return [outcomes[promise] for promise in given]


def _good(
    proof: TlogProof | None, event: ReceiptedEvent, policy: Policy, log: Sequence[Verifier]
) -> TlogProof | None:
    if proof is None:
        return None
    try:
        policy.open(proof.checkpoint, log)
        tlog_proof.verify(proof, event.entry, [party.verifier for party in policy.logs] or log)
    except IntegrityError:
        return None
    return proof


def _scan(
    missing: Sequence[Promise], opened: SignedCheckpoint, reader: TileReader, progress: Progress | None
) -> _Found:
    """Read all entries; the tree made of them must be the signed one, or nothing was shown."""
    wanted = {(one.event.stream_id, one.event.version) for one in missing}
    entries = {one.event.entry for one in missing}
    found, edge, size = _Found(), Edge(), opened.checkpoint.size
    while edge.size < size:
        start, stop = edge.size, min(edge.size + _CHUNK, size)
        hashes = []
        for index, entry in enumerate(reader.read_entries(start, stop, size), start):
            hashes.append(leaf.leaf_hash(entry))
            if entry in entries:
                found.index[entry] = index
            elif len(entry) == leaf.ENTRY_LENGTH and _place(entry) in wanted:
                found.others.add(_place(entry))
        edge.append(hashes)
        if progress is not None:
            progress(edge.size, size)
    if edge.root() != opened.checkpoint.root:
        raise LogMismatchError("the entries of the log do not give its signed root", rule="RFC 6962 §2.1")
    return found


def _place(entry: bytes) -> tuple[bytes, int]:
    stream, version, _ = leaf.parse_entry(entry)
    return stream, version


def _judge(
    promise: Promise, found: _Found, opened: SignedCheckpoint, signed: str, reader: TileReader, now: int
) -> Outcome:
    event, size = promise.event, opened.checkpoint.size
    index = found.index.get(event.entry)
    if index is not None:
        hashes = merkle.inclusion_proof(index, size, reader)
        proof = tlog_proof.for_event(event.entry, index, hashes, signed)
        merkle.verify_inclusion(index, size, leaf.leaf_hash(event.entry), hashes, opened.checkpoint.root)
        return Outcome(promise, Verdict.INCLUDED, proof)
    if (event.stream_id, event.version) in found.others:
        return Outcome(promise, Verdict.CONTRADICTED)
    if max((signature.time for _, signature in opened.cosignatures), default=-1) * _SECOND >= promise.due:
        return Outcome(promise, Verdict.BREACHED)
    return Outcome(promise, Verdict.OVERDUE if now >= promise.due else Verdict.PENDING)
