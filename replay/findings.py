"""What an audit finds: one finding per bad place, by step and kind, with what was expected and what is there.

The audit itself is :mod:`replay.audit`. Findings never hold personal values: they name lanes, positions, stream
ids, versions, hashes and sizes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal
from uuid import UUID

from kyc.errors import (
    ChainBrokenError,
    CiphertextDamagedError,
    CommitmentMismatchError,
    FormatError,
    IntegrityError,
    LogMismatchError,
    SignatureError,
)

Severity = Literal["error", "warning"]

STEPS: Final = {
    0: "there is something to verify",
    1: "lanes, positions and versions are dense",
    2: "every link of every chain is that of its row",
    3: "time never runs backwards within a stream",
    4: "every ciphertext is what was written",
    5: "segments, leaves, tiles and roots are those of the events",
    6: "every checkpoint is signed by the expected key",
    7: "payloads, scans and claims are what was committed to",
    8: "the log continues the trusted checkpoint",
    9: "read models and search digests are those of the log",
    10: "renewals cover what was renewed",
}
"""The numbered steps of an audit."""


class Kind(Enum):
    """A kind of finding: its step, the error it amounts to, and what it means."""

    EMPTY_LOG = (0, IntegrityError, "there are no events: nothing was verified")
    NOTHING_SEALED = (0, LogMismatchError, "no checkpoint covers any event: nothing can be shown to an outsider")
    UNREADABLE = (0, IntegrityError, "a table could not be read")

    LANE_WRONG = (1, ChainBrokenError, "an event is not in the lane of its stream")
    POSITION_MISSING = (1, ChainBrokenError, "positions of a lane are missing")
    POSITION_REPEATED = (1, ChainBrokenError, "a position of a lane is there twice")
    VERSION_WRONG = (1, ChainBrokenError, "the versions of a stream are not 1, 2, 3 …")
    ROW_MALFORMED = (2, FormatError, "a column is missing or has a wrong length")
    CONTEXT_MALFORMED = (2, FormatError, "the context does not read as docs/format.md says")
    HASH_WRONG = (2, ChainBrokenError, "the stored hash is not the hash of its row")
    LINK_BROKEN = (2, ChainBrokenError, "an event does not continue the one before it")
    TIME_BACKWARDS = (3, ChainBrokenError, "an event was recorded before the one it follows")
    CIPHERTEXT_CHANGED = (4, CiphertextDamagedError, "a ciphertext does not match its digest")
    SCAN_CHANGED = (4, CiphertextDamagedError, "the ciphertext of a scan does not match its digest")

    SEGMENT_WRONG = (5, LogMismatchError, "segments leave a gap or overlap")
    SEALED_MISSING = (5, LogMismatchError, "a sealed event is gone")
    NOT_AS_SEALED = (5, LogMismatchError, "an event is not the one that was sealed")
    TILE_MISSING = (5, LogMismatchError, "a finished tile is gone")
    TILE_WRONG = (5, LogMismatchError, "a tile does not hold the hashes of the log")
    TILE_EXTRA = (5, LogMismatchError, "there is a tile the log does not have")
    ROOT_WRONG = (5, LogMismatchError, "the events do not give the root of a checkpoint")
    SIGNATURE_WRONG = (6, SignatureError, "a checkpoint is not signed by the expected key")
    CHECKPOINT_DIFFERS = (6, LogMismatchError, "a checkpoint is stored with another size or root than was signed")
    KEY_OUT_OF_PERIOD = (6, SignatureError, "a key signed a checkpoint outside its period")
    KEY_COMPROMISED = (6, SignatureError, "signed by a key declared compromised, and not shown to be older")
    KEY_HISTORY_WRONG = (6, SignatureError, "the history of signing keys does not hold together")
    ANCHOR_WRONG = (6, SignatureError, "a timestamp is not about what it stands beside, or not of the authority")

    PAYLOAD_WRONG = (7, CommitmentMismatchError, "a payload does not open its commitment")
    PAYLOAD_UNREADABLE = (7, FormatError, "a payload no longer reads as its schema says")
    KEY_MISSING = (7, CiphertextDamagedError, "the data key of a ciphertext is gone without being destroyed")
    KEY_UNUSABLE = (7, CiphertextDamagedError, "a data key does not unwrap")
    EMPTIED_UNLAWFULLY = (7, CiphertextDamagedError, "a ciphertext was emptied though its key was not destroyed")
    SCAN_WRONG = (7, CommitmentMismatchError, "a scan does not open its commitment")
    SCAN_MISSING = (7, CommitmentMismatchError, "a scan that an event refers to is gone")
    KEY_STATEMENT_MISSING = (7, IntegrityError, "a recorded statement about a signing key is gone")
    CLAIM_DANGLING = (7, IntegrityError, "a claim points to an event that does not exist")
    CLAIM_WRONG = (7, IntegrityError, "a claim points to an event of another reference")
    CLAIM_MISSING = (7, IntegrityError, "the claim of an event's reference is gone")

    MODEL_WRONG = (9, IntegrityError, "a row of a read model is not what the log gives")

    RENEWAL_WRONG = (10, CommitmentMismatchError, "a renewal does not cover what is stored")
    ALGORITHM_RETIRED = (10, LogMismatchError, "rests on a hash algorithm declared broken, and was not renewed")

    ROLLED_BACK = (8, LogMismatchError, "the log is shorter than the trusted checkpoint: its tail was cut off")
    FORKED = (8, LogMismatchError, "the log does not continue the trusted checkpoint: history was rewritten")

    @property
    def step(self) -> int:
        """The step of the audit, a key of :data:`STEPS`."""
        return int(self.value[0])

    @property
    def error(self) -> type[IntegrityError]:
        """The error that a finding of this kind amounts to."""
        error: type[IntegrityError] = self.value[1]
        return error

    @property
    def meaning(self) -> str:
        """One sentence for a person."""
        return str(self.value[2])


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is wrong, as exactly as it is known."""

    stream: bytes | None = None
    """Stream id."""
    version: int | None = None
    lane: int | None = None
    position: int | None = None
    index: int | None = None
    """Global index in the log, from 0."""
    item: str = ""
    """What is no event, such as ``checkpoint 300`` or ``tile 0/2``."""

    def __str__(self) -> str:
        event = ""
        if self.stream is not None:
            name = UUID(bytes=self.stream) if len(self.stream) == 16 else self.stream.hex()
            event = f"event {name} version {self.version}"
        spots = [
            f"{label} {value}"
            for label, value in (("lane", self.lane), ("position", self.position), ("log index", self.index))
            if value is not None
        ]
        words = [word for word in (event, self.item) if word]
        if not words:
            return ", ".join(spots)
        return " ".join(words) + (f" ({', '.join(spots)})" if spots else "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One bad place."""

    kind: Kind
    place: Place
    expected: str = ""
    found: str = ""
    severity: Severity = "error"

    @property
    def step(self) -> int:
        """The step that found it."""
        return self.kind.step

    def __str__(self) -> str:
        details = "; ".join(
            f"{label} {value}" for label, value in (("expected", self.expected), ("found", self.found)) if value
        )
        return f"step {self.step}: {self.place}: {self.kind.meaning}" + (f" ({details})" if details else "")

    def as_dict(self) -> dict[str, Any]:
        """The finding for JSON."""
        place = self.place
        return {
            "step": self.step,
            "kind": self.kind.name.lower(),
            "meaning": self.kind.meaning,
            "severity": self.severity,
            "place": str(place),
            "stream": str(UUID(bytes=place.stream)) if place.stream and len(place.stream) == 16 else None,
            "version": place.version,
            "lane": place.lane,
            "position": place.position,
            "index": place.index,
            "expected": self.expected,
            "found": self.found,
        }


_WORDS: Final[dict[Severity, str]] = {"error": "found", "warning": "mind"}


@dataclass(slots=True)
class Report:
    """What an audit proved, what it did not, and every bad place it kept."""

    findings: list[Finding] = field(default_factory=list)
    """Bad places in the order they were found, at most ``limit`` of each kind."""
    proved: list[str] = field(default_factory=list)
    not_proved: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """How many of each thing were looked at; ``findings`` counts those beyond the limit too."""
    limit: int = 100

    @property
    def ok(self) -> bool:
        """Whether something was verified and nothing was wrong."""
        return not any(finding.severity == "error" for finding in self.findings)

    def add(
        self, kind: Kind, place: Place, expected: str = "", found: str = "", severity: Severity = "error"
    ) -> None:
        """Keep a bad place; beyond the limit of its kind it is only counted."""
        self.counts["findings"] += 1
        self.counts[kind.name] += 1
        if self.counts[kind.name] <= self.limit:
            self.findings.append(Finding(kind, place, expected, found, severity))

    def merge(self, other: Report) -> None:
        """Take over what another process found."""
        before = Counter(self.counts)
        self.counts.update(other.counts)
        for finding in other.findings:
            before[finding.kind.name] += 1
            if before[finding.kind.name] <= self.limit:
                self.findings.append(finding)
        self.not_proved += other.not_proved

    def has(self, *steps: int) -> bool:
        """Whether any of these steps found an error."""
        return any(finding.step in steps and finding.severity == "error" for finding in self.findings)

    def check(self) -> None:
        """Raise the first bad place as the error it amounts to.

        Raises:
            IntegrityError: of the class that :attr:`Kind.error` names.
        """
        for finding in self.findings:
            if finding.severity == "error":
                raise finding.kind.error(
                    finding.kind.meaning,
                    field=str(finding.place),
                    rule=f"step {finding.step}: {STEPS[finding.step]}",
                    remedy="keep the database as it is, and compare it with a backup and a witness's checkpoint",
                )

    def lines(self) -> list[str]:
        """The report for a terminal."""
        verdict = "verified" if self.ok else "NOT VERIFIED"
        lines = [f"{verdict}: {self.counts['events']} events, {self.counts['sealed']} of them sealed"]
        lines += [f"  {_WORDS[finding.severity]:<7} {finding}" for finding in self.findings]
        unseen = self.counts["findings"] - len(self.findings)
        if unseen > 0:
            lines.append(f"  found   {unseen} more of the same kinds")
        lines += [f"  proved  {text}" for text in self.proved]
        lines += [f"  not     {text}" for text in self.not_proved]
        return lines

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return {
            "ok": self.ok,
            "findings": [finding.as_dict() for finding in self.findings],
            "proved": self.proved,
            "not_proved": self.not_proved,
            "counts": dict(self.counts),
        }
