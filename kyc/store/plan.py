"""What the writer knows and decides, without I/O: stream heads, lane positions, versions and chain hashes.

The planner turns batches into rows. What it remembers may be stale (another writer exists): the database's unique
keys have the last word, and after a collision the writer reloads and plans again. A batch may rely on streams it
does not write: where such a stream lies in a lane the batch writes, the position guards it, because whoever moved
the stream took a position there; of all others the plan names the version, for the database to check in the same
commit. Refusals blame only the batch at fault; the others are planned as if it had never come.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from kyc.domain.submission import ANY, EXISTS, NEW
from kyc.errors import KycError, NotFoundError, VersionConflictError
from kyc.evidence.chain import CHAIN_TAG, GENESIS
from kyc.evidence.header import FORMAT, pack_fixed
from kyc.store.records import Batch, ClaimRow, Draft, Head, ScanRow, StoredEvent

EMPTY = Head(0, GENESIS, 0)


@dataclass(slots=True)
class Plan:
    """Rows to be written in one commit, and the fate of each batch by its index."""

    rows: list[StoredEvent] = field(default_factory=list)
    claims: list[tuple[ClaimRow, bytes, int]] = field(default_factory=list)
    scans: list[ScanRow] = field(default_factory=list)
    accepted: list[tuple[int, int, int]] = field(default_factory=list)
    """(batch index, first row, past last row) in planning order, before rows are sorted for writing."""
    refused: list[tuple[int, KycError]] = field(default_factory=list)
    deferred: list[int] = field(default_factory=list)
    """Batches that use a key or claim of an earlier batch of this commit: decided after it is on disk."""
    heads: dict[bytes, Head] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)
    relied: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Stream id → (lane, version) of streams in lanes of others that must still stand there at the commit."""


class Planner:
    """The writer's memory. Not thread-safe: it belongs to one writer."""

    def __init__(self, heads_cached: int) -> None:
        self._heads: defaultdict[int, dict[bytes, Head]] = defaultdict(dict)
        """By lane."""
        self._next: dict[int, int] = {}
        self._heads_cached = heads_cached

    def set_positions(self, last: Mapping[int, int]) -> None:
        """Learn the last position of lanes. Heads of a lane in which somebody else wrote are dropped."""
        for lane, position in last.items():
            if self._next.get(lane) != position + 1:
                self._heads.pop(lane, None)
                self._next[lane] = position + 1

    def set_heads(self, asked: Mapping[bytes, int], found: Mapping[bytes, Head]) -> None:
        """Learn heads as loaded from the database (asked: id → lane); what was not found is empty.

        A commit may have been answered while they were being loaded: what is newer in memory stays.
        """
        for stream, lane in asked.items():
            head = found.get(stream, EMPTY)
            if head.version >= self._heads[lane].get(stream, EMPTY).version:
                self._heads[lane][stream] = head

    def unknown(self, batches: Sequence[Batch], pending: Sequence[int]) -> dict[bytes, int]:
        """Stream id → lane of heads that planning the pending batches needs and memory lacks."""
        heads = self._heads
        missing: dict[bytes, int] = {}
        for index in pending:
            batch = batches[index]
            for draft in batch.drafts:
                # A stream expected to be new is taken at its word; the primary key refuses a lie.
                if draft.stream_id not in heads[draft.lane] and draft.expected != NEW:
                    missing[draft.stream_id] = draft.lane
            for lane, stream, _ in batch.requires:
                if stream not in heads[lane]:
                    missing[stream] = lane
        return missing

    def plan(self, batches: Sequence[Batch], pending: Sequence[int], now: int) -> Plan:
        """Rows for the pending batches, in their order. ``now`` is UTC microseconds."""
        plan = Plan()
        keys: set[bytes] = set()
        claims: set[tuple[str, bytes]] = set()
        for index in pending:
            batch = batches[index]
            drafts = batch.drafts
            if len(drafts) == 1 and drafts[0].expected == ANY and not batch.claims and not batch.requires:
                draft = drafts[0]  # the common case: one fact, no condition
                if draft.key in keys:
                    plan.deferred.append(index)
                    continue
                keys.add(draft.key)
                first = len(plan.rows)
                plan.rows.append(self._row(draft, plan, now))
                plan.accepted.append((index, first, first + 1))
                plan.scans.extend(batch.scans)
                continue
            if self._repeats(batch, keys, claims):
                plan.deferred.append(index)
                continue
            refusal = self._refusal(batch, plan)
            if refusal is not None:
                plan.refused.append((index, refusal))
                continue
            first = len(plan.rows)
            if batch.requires:
                _rely(batch, plan)
            for draft in batch.drafts:
                plan.rows.append(self._row(draft, plan, now))
                keys.add(draft.key)
            plan.accepted.append((index, first, len(plan.rows)))
            for claim in batch.claims:
                holder = plan.rows[first + claim.holder]
                plan.claims.append((claim, holder.stream_id, holder.version))
                claims.add((claim.kind, claim.key))
            plan.scans.extend(batch.scans)
        return plan

    def committed(self, plan: Plan) -> None:
        """The plan is on disk: remember where streams and lanes stand."""
        if sum(map(len, self._heads.values())) + len(plan.heads) > self._heads_cached:
            self._heads.clear()
        for row in plan.rows:
            self._heads[row.lane][row.stream_id] = plan.heads[row.stream_id]
        self._next.update(plan.positions)

    def _repeats(self, batch: Batch, keys: set[bytes], claims: set[tuple[str, bytes]]) -> bool:
        for draft in batch.drafts:
            if draft.key in keys:
                return True
        return any((claim.kind, claim.key) in claims for claim in batch.claims)

    def _head(self, lane: int, stream: bytes, plan: Plan) -> Head:
        return plan.heads.get(stream) or self._heads[lane].get(stream) or EMPTY

    def _refusal(self, batch: Batch, plan: Plan) -> KycError | None:
        for lane, stream, version in batch.requires:
            found = self._head(lane, stream, plan).version
            if version == EXISTS:
                if found == 0:
                    return NotFoundError("the record refers to a stream that does not exist", rule="requires")
            elif found != version:
                return VersionConflictError(
                    "a stream that was relied on has moved", field="seen", rule=f"decided at {version}, is {found}",
                    remedy="read the stream again and decide anew",
                )  # fmt: skip
        ahead: dict[bytes, int] = {}
        for draft in batch.drafts:
            if draft.expected != ANY:
                version = self._head(draft.lane, draft.stream_id, plan).version + ahead.get(draft.stream_id, 0)
                if draft.expected == EXISTS:
                    if version == 0:
                        return NotFoundError("the stream does not exist", rule="exists")
                elif version != draft.expected:
                    return VersionConflictError(
                        "the stream is not at the expected version",
                        field="expected",
                        rule=f"expected {draft.expected}, is {version}",
                        remedy="read the stream again and decide anew",
                    )
            ahead[draft.stream_id] = ahead.get(draft.stream_id, 0) + 1
        return None

    def _row(self, draft: Draft, plan: Plan, now: int) -> StoredEvent:
        stream, lane = draft.stream_id, draft.lane
        head = plan.heads.get(stream) or self._heads[lane].get(stream) or EMPTY
        version, previous, last = head.version + 1, head.hash, head.recorded_at
        recorded_at = now if now > last else last  # never running backwards within a stream
        fixed = pack_fixed(FORMAT, stream, version, recorded_at, draft.key)
        link = sha256(CHAIN_TAG + previous + fixed + draft.context + draft.commitment).digest()
        position = plan.positions.get(lane) or self._next[lane]
        plan.positions[lane] = position + 1
        plan.heads[stream] = Head(version, link, recorded_at)
        return StoredEvent(
            position, version, recorded_at, lane, stream, draft.key, draft.data_key, previous,
            draft.commitment, link, draft.digest, draft.context, draft.state,
        )  # fmt: skip


def _rely(batch: Batch, plan: Plan) -> None:
    """Leave to the database what the positions of the batch's own lanes do not guard."""
    lanes = [draft.lane for draft in batch.drafts]
    for lane, stream, version in batch.requires:
        if version != EXISTS and lane not in lanes:
            plan.relied[stream] = (lane, version)
