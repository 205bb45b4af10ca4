"""Whose signature counts on a checkpoint, and how far: key history, timestamps, cosignatures (step 6 of an audit).

The caller brings one key of the log, told on another way; statements signed by it or its successors lead to the
others. What the database says of keys is believed only as far as it is signed, and a timestamp only under an
authority that the caller brings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.x509 import Certificate

from kyc.clock import from_datetime
from kyc.errors import FormatError, SignatureError
from kyc.evidence import key_history
from kyc.evidence.checkpoint import SignedCheckpoint, open_checkpoint
from kyc.evidence.key_history import Kept, Period
from kyc.evidence.note import Verifier
from replay.findings import Kind, Place, Report
from replay.snapshot import SQL, Snapshot
from replay.verifier_base import Refused
from replay.verifier_seals import check_timestamp

_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Retired:
    """A hash algorithm that is declared broken from a moment on (microseconds)."""

    algorithm: str
    since: int


@dataclass(frozen=True, slots=True)
class Outside:
    """What is believed besides the log's key: what others saw before a key or an algorithm broke stays good."""

    authorities: Sequence[Certificate] = ()
    """The CAs of timestamp authorities."""
    witnesses: Sequence[Verifier] = ()
    retired: Sequence[Retired] = ()
    """Hash algorithms that are declared broken."""


@dataclass(slots=True)
class Signers:
    """The keys of the log and their periods; and which checkpoints somebody outside saw, and when."""

    periods: list[Period]
    seen: dict[int, int] = field(default_factory=dict)
    """Size of a checkpoint → microsecond at which it is shown to have existed."""

    @property
    def verifiers(self) -> list[Verifier]:
        """Every key that may have signed."""
        return [period.key for period in self.periods]

    def open(self, note: str, origin: str) -> tuple[SignedCheckpoint, Period]:
        """A checkpoint and the period of the key that signed it.

        Raises:
            FormatError, SignatureError: none of the log, or not signed by one of its keys.
        """
        opened = open_checkpoint(note, self.verifiers, origin=origin)
        signed = [period for period in self.periods if opened.note.signed_by(period.key)]
        within = [period for period in signed if period.covers(opened.checkpoint.size)]
        return opened, (within or signed)[0]

    def anchored(self, period: Period) -> int:
        """The size up to which a compromised key's checkpoints are shown to be older than the compromise.

        Every checkpoint below an anchored one is part of it: the roots of all are computed from one tree.
        """
        limit = period.compromised
        assert limit is not None, "asked of compromised keys only"
        return max((size for size, at in self.seen.items() if at < limit and period.covers(size)), default=-1)


def signers(
    view: Snapshot,
    trusted: Sequence[Verifier],
    outside: Outside,
    report: Report,
) -> Signers:
    """Whose signature counts, from what is stored and what the caller brings."""
    stamps = _stamps(view, outside.authorities, report)
    kept = []
    for number, note in view.rows(SQL["key_statements"]):
        try:
            statement = key_history.open_statement(note)
        except (FormatError, SignatureError) as fault:
            report.add(
                Kind.KEY_HISTORY_WRONG, Place(item=f"key statement {number}"), fault.rule or "", fault.message
            )
            continue
        report.counts["key_statements"] += 1
        if statement.origin == view.origin:
            kept.append(Kept(statement, stamps.get(("key", number))))
    try:
        periods = key_history.line(trusted, kept)
    except SignatureError as fault:
        report.add(Kind.KEY_HISTORY_WRONG, Place(item=fault.field or ""), fault.rule or "", fault.message)
        periods = [Period(key) for key in trusted]
    found = Signers(periods, {size: at for (kind, size), at in stamps.items() if kind == "checkpoint"})
    _cosigned(view, found, outside.witnesses)
    return found


def _stamps(view: Snapshot, authorities: Sequence[Certificate], report: Report) -> dict[tuple[str, int], int]:
    """(kind, number) → when it is shown to have existed, by an authority that the caller trusts."""
    found: dict[tuple[str, int], int] = {}
    for kind, number, token, _, note in view.stream(SQL["anchors"]):
        place = Place(item=f"timestamp of {kind} {number}")
        report.counts["anchors"] += 1
        at = stamped(token or b"", (note or "").encode(), authorities)
        if isinstance(at, datetime):
            report.counts["anchors_checked"] += 1
            us = from_datetime(at)
            found[kind, number] = min(us, found.get((kind, number), us))
        elif authorities:
            report.add(Kind.ANCHOR_WRONG, place, "a timestamp of an authority you trust", at)
    return found


def stamped(token: bytes, content: bytes, authorities: Iterable[Certificate]) -> datetime | str:
    """When one of these authorities stamped the content, or why none did."""
    why = "no authority was given"
    for authority in authorities:
        try:
            return check_timestamp(token, content, authority, "timestamp")
        except Refused as refusal:
            why = str(refusal)
    return why


def _cosigned(view: Snapshot, found: Signers, witnesses: Sequence[Verifier]) -> None:
    """What witnesses saw is as good as a timestamp: their time, under a key that the caller brings."""
    if not witnesses:
        return
    for _, _, note in view.stream(SQL["all_cosigned"]):
        try:
            opened = open_checkpoint(note or "", found.verifiers, witnesses, origin=view.origin)
        except (FormatError, SignatureError):
            continue  # step 6 says so
        size = opened.checkpoint.size
        for _, signature in opened.cosignatures:
            us = signature.time * _SECOND
            found.seen[size] = min(us, found.seen.get(size, us))


def told(found: Signers) -> list[str]:
    """Who signs how far, a sentence for each key where there is more than one."""
    if len(found.periods) < 2:
        return []
    return [
        f"key {period.key} signs "
        + (f"from {period.after} leaves" if period.after is not None else "from the beginning")
        + (f" to {period.through}" if period.through is not None else " on")
        for period in found.periods
    ]
