"""Verify the whole log from what is stored: the numbered steps of docs/verification.md, in one snapshot.

1. Lanes, positions and versions are dense, each event in the lane of its stream.
2. Every link of every chain is that of its row.
3. Time never runs backwards within a stream.
4. Every ciphertext is what was written (unchained digest).
5. Segments cover the lanes; leaves, tiles and the root of every checkpoint are those of the events.
6. Every checkpoint is signed by the expected key, which the caller brings: one out of the database proves nothing.
7. Payloads, scans and claims are what was committed to, as far as there are keys; what is empty is lawfully empty.
8. The log continues a checkpoint that the caller has kept, so nobody cut off its tail or rewrote it since.
9. Read models and search digests are those that the log gives, where the caller asks for it.
10. Renewals under another hash algorithm cover what is stored; what rests on a broken one alone is named.

The steps live beside this file: :mod:`replay.audit_events` (1 to 4), :mod:`replay.audit_tree` (5, 6, 8),
:mod:`replay.audit_keys` (7), :mod:`replay.audit_models` (9), :mod:`replay.renewals` (10). One bad place never hides
another, and nothing is ever repaired. Memory is constant but for the heads of one lane's streams; the leaves go
through a temporary file of 32 bytes each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kyc.clock import to_datetime
from kyc.errors import InputError, LogMismatchError
from kyc.evidence.checkpoint import Checkpoint, open_checkpoint
from kyc.evidence.note import Verifier
from kyc.keys.blind import Blinder
from kyc.keys.ring import KeyRing
from kyc.store.database import Database
from kyc.store.log import EventLog
from kyc.store.read import Reader
from kyc.store.sealed import SealedLog
from replay.audit_crew import Hands, shared
from replay.audit_events import Walk
from replay.audit_keys import OpeningCheck
from replay.audit_models import check_models
from replay.audit_since import Start, Verified
from replay.audit_tree import TreeCheck, check_cosigned, check_segments, check_signatures
from replay.findings import Kind, Place, Report
from replay.leaves import Leaves
from replay.renewals import check_renewals
from replay.signers import Outside, Signers, signers, told
from replay.snapshot import SQL, Snapshot, snapshot


@dataclass(frozen=True, slots=True)
class How:
    """How much is verified, and by how many."""

    models: bool = False
    """Compare read models with the log too; the source must be the log."""
    since: Verified | None = None
    """Only what was added since the last time."""
    hands: Hands | None = None
    """Other processes that take lanes of their own."""


LIMIT = 100
"""Findings of one kind that are kept; the rest are counted."""


_NOBODY: Final = Outside()
_WHOLE: Final = How()


def audit(
    source: EventLog | Database,
    *,
    verifier_keys: Sequence[Verifier | str],
    keys: KeyRing | None = None,
    trusted: Checkpoint | str | Sequence[Checkpoint | str] | None = None,
    outside: Outside = _NOBODY,
    how: How = _WHOLE,
    progress: Callable[[int, int], None] | None = None,
    limit: int = LIMIT,
) -> Report:
    """Verify everything that is stored.

    Args:
        source: the log, or only its database; claims are compared with payloads only where it is the log.
        verifier_keys: the log's public keys (vkeys), got from its owner and not from the database; one is enough,
            statements signed by it lead to its successors and predecessors.
        keys: data keys; without them commitments are not opened.
        trusted: earlier checkpoints of this log that the caller or a witness kept, as signed notes or opened.
        how: from where on, with how many processes, and whether read models are compared.
        outside: who else is believed: timestamp authorities and witnesses.
        progress: called with (events looked at, events in all).
        limit: findings kept of each kind.

    Raises:
        InputError: no verifier key.
        SignatureError, FormatError: ``trusted`` itself is not signed by one of ``verifier_keys``.
        StoreUnavailableError: the database cannot be reached, or went away.
        ConfigurationError: the database is not that of a log.
    """
    verifiers = [key if isinstance(key, Verifier) else Verifier.parse(key) for key in verifier_keys]
    if not verifiers:
        raise InputError("no key to verify with", field="verifier_keys", remedy="ask the log's owner for its vkey")
    database = source if isinstance(source, Database) else source.database
    blinder = source.blinder if isinstance(source, EventLog) and keys is not None else None
    given = [trusted] if isinstance(trusted, Checkpoint | str) else trusted or []
    report = Report(limit=limit)
    with snapshot(database) as view, database.connection() as connection:
        fresh = Snapshot(connection, view.origin, view.lanes, database)
        believed = signers(view, verifiers, outside, report)
        kept = [
            open_checkpoint(one, believed.verifiers, origin=view.origin).checkpoint if isinstance(one, str) else one
            for one in given
        ]
        start = _start(database, view, believed, how.since, report)
        _Audit(view, fresh, report, believed, start, how.hands, progress).run(keys, blinder, kept)
    if how.models and isinstance(source, EventLog):
        check_models(source, report)
        say_models(report)
    if isinstance(source, EventLog) and keys is not None:
        sealed = SealedLog(database, source.reader)
        check_renewals(source, sealed, believed.verifiers, outside, report)
    return report


def _start(database: Database, view: Snapshot, signers: Signers, since: Verified | None, report: Report) -> Start:
    """Where to begin: behind what was verified before, if the stored log still continues it."""
    if since is None:
        return Start()
    tree = signers.open(since.checkpoint, view.origin)[0].checkpoint
    sealed = SealedLog(database, Reader(database, view.lanes))
    try:
        start = Start.behind(view, sealed, tree)
    except LogMismatchError as fault:
        report.add(Kind.FORKED, Place(item=f"checkpoint {tree.size}"), tree.root.hex(), fault.message)
        return Start()
    report.not_proved.append(
        f"the first {tree.size} events again: they were verified on {to_datetime(since.at).isoformat()}"
    )
    return start


class _Audit:
    """The order of the steps, and what may be said after them."""

    def __init__(
        self,
        view: Snapshot,
        fresh: Snapshot,
        report: Report,
        signers: Signers,
        start: Start,
        hands: Hands | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._start = start
        self._hands = hands
        self._view = view
        self._fresh = fresh
        self._report = report
        self._signers = signers
        self._progress = progress

    def run(self, keys: KeyRing | None, blinder: Blinder | None, trusted: Sequence[Checkpoint]) -> None:
        """All steps."""
        failed: list[str] = []
        counts: dict[int, int] = {}
        leaves_said = largest = 0
        attempt = self._view.attempt
        self._view.export()
        with attempt(failed, "events"):
            counts = dict(self._view.rows(SQL["lane_counts"]))
        with attempt(failed, "checkpoints"):
            largest = check_signatures(self._view, self._signers, self._report)
        with attempt(failed, "cosigned checkpoints"):
            check_cosigned(self._view, self._signers, self._report)
        with attempt(failed, "segments"):
            leaves_said = check_segments(self._view, self._report)
        openings = OpeningCheck(self._view, self._fresh, self._report, keys, blinder)
        leaves = Leaves(largest or sum(counts.values()))
        try:
            with attempt(failed, "events of a lane"):
                self._walk(counts, leaves, openings)
            tree = TreeCheck(self._view, leaves, self._signers, self._report, leaves_said, self._start.edge)
            with attempt(failed, "tiles"):
                tree.run(trusted)
            self._report.counts["through"] = tree.size
        finally:
            leaves.close()
        if self._start.size:
            self._report.not_proved.append("that every scan opens and every claim points to its event, again")
        else:
            with attempt(failed, "scans"):
                openings.check_scans()
            with attempt(failed, "claims"):
                openings.check_claims()
        for what in failed:
            self._report.add(Kind.UNREADABLE, Place(item=what))
        self._say_nothing_of_nothing(largest)
        _Verdict(self._report, self._signers).say(tree, keyed=keys is not None, claimed=blinder is not None)
        _say_trusted(self._report, trusted, tree.continued)

    def _walk(self, counts: dict[int, int], leaves: Leaves, openings: OpeningCheck) -> None:
        total = sum(counts.values())

        def told(done: int) -> None:
            if self._progress is not None:
                self._progress(done, total)

        # A lane without events may still have segments, and an event may stand in a lane that does not exist.
        lanes = {lane: counts.get(lane, 0) for lane in {*range(self._view.lanes), *counts}}
        hands = None if self._start.size else self._hands  # what was added since is soon read
        with shared(hands, self._view, leaves, self._report, lanes, told) as (ours, tell):
            Walk(self._view, self._report, leaves, openings, tell, self._start).lanes(ours)

    def _say_nothing_of_nothing(self, largest: int) -> None:
        """Green needs something that was verified."""
        if self._start.size:
            return  # what was verified before is not nothing
        if not self._report.counts["events"]:
            self._report.add(Kind.EMPTY_LOG, Place(item="kyc.event"), "at least one event", "none")
        elif not largest or not self._report.counts["sealed"]:
            self._report.add(Kind.NOTHING_SEALED, Place(item="kyc.checkpoint"), "a signed checkpoint", "none")


class _Verdict:
    """Turns counts and findings into sentences: what was proved, and what was not."""

    def __init__(self, report: Report, signers: Signers) -> None:
        self._report = report
        self._counts = report.counts
        self._signers = signers
        self._names = ", ".join(str(verifier) for verifier in signers.verifiers)

    def say(self, tree: TreeCheck, *, keyed: bool, claimed: bool) -> None:
        """Write the sentences into the report."""
        counts = self._counts
        readable = not self._report.has(0)
        self._say(
            readable and not self._report.has(1, 2, 3),
            f"{counts['events']} events in {counts['streams']} streams: no position and no version missing, every "
            "link of every chain derived anew, time in order",
        )
        self._say(
            readable and not self._report.has(4), f"{counts['events']} ciphertexts are those that were written"
        )
        self._say(
            readable and not self._report.has(5) and not counts["roots_unknown"],
            f"{counts['sealed']} events are the leaves of the log, computed anew: {_many(tree.compared, 'tile')}, "
            f"{_many(tree.roots, 'root')}",
        )
        self._say(
            readable and not self._report.has(6),
            f"{_many(counts['checkpoints'], 'checkpoint')} signed by {self._names}",
        )
        self._say_keys()
        unsealed = counts["events"] - counts["sealed"]
        if unsealed:
            self._report.not_proved.append(
                f"{unsealed} events are not sealed yet: whether others were recorded after the newest checkpoint "
                "and removed, only their receipts can tell"
            )
        self._say_openings(keyed=keyed, claimed=claimed)

    def _say_keys(self) -> None:
        counts = self._counts
        self._report.proved += told(self._signers)
        if counts["anchors_checked"]:
            self._report.proved.append(
                f"{_many(counts['anchors_checked'], 'timestamp')} of {counts['anchors']} by an authority you trust"
            )
        elif counts["anchors"]:
            self._report.not_proved.append(f"{_many(counts['anchors'], 'timestamp')}: no authority was given")

    def _say_openings(self, *, keyed: bool, claimed: bool) -> None:
        counts = self._counts
        good = not self._report.has(0, 7)
        if keyed:
            self._say(
                good,
                f"{counts['opened']} payloads and {counts['scans_opened']} scans open their commitments"
                + (f"; {counts['claims']} claims agree with their events" if claimed else ""),
            )
        else:
            self._report.not_proved.append("that ciphertexts hold what was committed to: no data keys were given")
        if not claimed:
            self._report.not_proved.append("that claims agree with payloads: that takes the log's keys")
        if counts["disposed"]:
            text = f"{counts['disposed']} records were emptied after their keys were destroyed: their hashes are"
            self._report.not_proved.append(f"{text} proved, their content is gone")
        if counts["to_be_emptied"]:
            self._report.not_proved.append(
                f"{counts['to_be_emptied']} records whose key is destroyed still hold ciphertext nobody can open"
            )

    def _say(self, holds: object, text: str) -> None:
        (self._report.proved if holds else self._report.not_proved).append(text)


def say_models(report: Report) -> None:
    """What was compared of read models."""
    compared = report.counts["models"]
    if compared and not report.has(9):
        report.proved.append(
            f"{_many(compared, 'read model')}, search digests included: row by row those of the log"
        )


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _say_trusted(report: Report, trusted: Sequence[Checkpoint], continued: Sequence[Checkpoint]) -> None:
    if not trusted:
        report.not_proved.append(
            "that this is the log others have seen: compare it with a checkpoint kept elsewhere, or a witness's"
        )
    for one in trusted:
        if one in continued:
            report.proved.append(f"the log continues the trusted checkpoint of {one.size} leaves")
        else:
            report.not_proved.append(f"that the log continues the trusted checkpoint of {one.size} leaves")
