"""Verifying one customer: the chains of the customer's streams, and that each event lies in the signed log.

What costs the whole log is left out: other streams are not read, the tree is not built anew. Each event is proved
by the stored tiles, which must lead to the signed root. So what is shown of these events is what the whole
verification shows of them; whether the log holds another stream of the customer, only the whole one can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kyc.domain.submission import StreamName
from kyc.errors import LogMismatchError, NotFoundError
from kyc.evidence.checkpoint import Checkpoint, open_checkpoint
from kyc.evidence.note import Verifier
from kyc.store.log import EventLog
from kyc.store.read import Reader
from kyc.store.records import StoredEvent, lane_of
from kyc.store.sealed import SealedLog
from replay.audit import LIMIT
from replay.audit_events import Walk
from replay.audit_keys import OpeningCheck
from replay.audit_since import Start
from replay.audit_tree import check_signatures
from replay.findings import Kind, Place, Report
from replay.leaves import Leaves
from replay.proofs import Prover
from replay.scopes import Scope, resolve
from replay.signers import Outside, Signers, signers, told
from replay.snapshot import SQL, Snapshot, snapshot

_KINDS: Final = ("customer", "access", "retention", "large-value")
"""Kinds of streams of a customer besides those of the accounts."""


def audit_customer(
    log: EventLog,
    customer: str,
    *,
    verifier_keys: Sequence[Verifier],
    outside: Outside,
    trusted: Sequence[Checkpoint | str] = (),
    limit: int = LIMIT,
) -> Report:
    """Verify everything stored of a customer and of every account held.

    Raises:
        NotFoundError: nothing is recorded of this customer.
        StoreUnavailableError: the database cannot be reached.
    """
    sealed = SealedLog(log.database, Reader(log.database, log.lanes))
    plan = resolve(log, sealed, Scope(kind="customer", key=customer))
    names = [StreamName(kind, customer) for kind in _KINDS]
    names += [StreamName(kind, account) for account in plan.accounts for kind in ("account", "postings")]
    report = Report(limit=limit)
    with snapshot(log.database) as view, log.database.connection() as connection:
        fresh = Snapshot(connection, view.origin, view.lanes, log.database)
        believed = signers(view, verifier_keys, outside, report)
        openings = OpeningCheck(view, fresh, report, log.ring, log.blinder)
        largest = check_signatures(view, believed, report)
        _Streams(view, report, openings, _prover(sealed, believed, largest, report)).check(
            [log.stream_id(name) for name in names]
        )
        _trusted(sealed, trusted, believed, report)
    report.counts["through"] = largest
    _say(report, believed, len(plan.accounts))
    return report


def _prover(sealed: SealedLog, believed: Signers, size: int, report: Report) -> Prover | None:
    """Proves events under the newest checkpoint that is signed well."""
    newest = sealed.checkpoint(size) if size else None
    if newest is None:
        report.add(Kind.NOTHING_SEALED, Place(item="kyc.checkpoint"), "a signed checkpoint", "none")
        return None
    tree = open_checkpoint(newest.note, believed.verifiers).checkpoint
    try:
        return Prover(tree.size, tree.root, sealed)
    except LogMismatchError as fault:
        report.add(Kind.ROOT_WRONG, Place(item=f"checkpoint {size}"), tree.root.hex(), fault.message)
        return None


class _Streams:
    """The walk along some streams."""

    def __init__(self, view: Snapshot, report: Report, openings: OpeningCheck, prover: Prover | None) -> None:
        self._view = view
        self._report = report
        self._openings = openings
        self._prover = prover

    def check(self, streams: Sequence[bytes]) -> None:
        """All events of each stream."""
        leaves = Leaves(0)
        walk = Walk(self._view, self._report, leaves, self._openings, lambda _: None, Start())
        for stream in streams:
            rows = list(walk.stream(lane_of(stream, self._view.lanes), stream))
            self._report.counts["streams"] += bool(rows)
            self._openings.check([row for row, _ in rows])
            for row, leaf in rows:
                self._in_the_log(row, leaf)
        leaves.close()

    def _in_the_log(self, row: StoredEvent, leaf: bytes) -> None:
        found = self._view.rows(SQL["index_of"], (row.position, row.lane, row.position, row.position))
        if not found or self._prover is None:
            return
        index = int(found[0][0])
        try:
            self._prover.proof(index, leaf)
        except LogMismatchError as fault:
            place = Place(row.stream_id, row.version, row.lane, row.position, index)
            self._report.add(Kind.NOT_AS_SEALED, place, "the sealed leaf", fault.message)
            return
        self._report.counts["sealed"] += 1


def _trusted(sealed: SealedLog, trusted: Sequence[Checkpoint | str], believed: Signers, report: Report) -> None:
    """Whether the log has the roots that were kept elsewhere, as its stored tiles say."""
    for one in trusted:
        tree = open_checkpoint(one, believed.verifiers).checkpoint if isinstance(one, str) else one
        place = Place(item=f"checkpoint {tree.size}")
        try:
            Prover(tree.size, tree.root, sealed)
        except NotFoundError:
            report.add(Kind.ROLLED_BACK, place, f"{tree.size} leaves", "fewer")
        except LogMismatchError as fault:
            report.add(Kind.FORKED, place, tree.root.hex(), fault.message)


def _say(report: Report, believed: Signers, accounts: int) -> None:
    counts = report.counts
    if not counts["events"]:
        report.add(Kind.EMPTY_LOG, Place(item="kyc.event"), "at least one event", "none")
    if report.ok:
        report.proved += [
            f"{counts['events']} events in {counts['streams']} streams of the customer and {accounts} accounts",
            "every link of their chains, derived anew, and no version missing",
            f"{counts['sealed']} of them lie in the signed log, each proved by the stored tiles",
            f"{counts['opened']} payloads open their commitments",
            *told(believed),
        ]
    if unsealed := counts["events"] - counts["sealed"]:
        report.not_proved.append(f"that {unsealed} of the events are in the log: not sealed, or not as sealed")
    if counts["disposed"]:
        report.not_proved.append(f"what {counts['disposed']} events said: they were disposed of")
    report.not_proved.append("anything of others, and that no event behind the last of a stream was removed")
