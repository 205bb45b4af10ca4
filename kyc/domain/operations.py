"""What the institution does with its own records: days closed, checks, exports, keys, hand-overs.

Recorded per branch or office and never folded. Serves seed rules 5, 28, 34 and 35.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from kyc.domain.codec import upcast
from kyc.domain.dates import check_past
from kyc.domain.event import Event, Instant, RecordClass
from kyc.domain.stream import Given, Stream, check
from kyc.domain.two_people import two_people
from kyc.domain.values import Code, Digest, Line, Note, Text, Word
from kyc.errors import RefusedError

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class OperationEvent(Event, frozen=True, kw_only=True):
    """Something the institution or this program did with the records; recorded per office."""

    STREAM: ClassVar[str] = "operations"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.GOVERNANCE
    KEY: ClassVar[str] = "office"

    office: Code
    """A branch, or the part of the service that speaks."""


class DayClosed(OperationEvent, frozen=True, kw_only=True):
    """A branch's day is complete (每日汇总; seed rule 5); what arrives later is listed as late."""

    TOPIC: ClassVar[str] = "day.closed"
    SCHEMA: ClassVar[int] = 2

    day: date
    recorded: Count
    """Events recorded that day in the branch's own zone."""
    late: Count
    """Of these, events that happened on an earlier day."""
    refused: Count = 0
    explanation: Line = ""
    """Why they came late."""


@upcast(DayClosed.TOPIC, 1)
def _unexplained(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 asked for no reason."""
    return payload


class MonthClosed(OperationEvent, frozen=True, kw_only=True):
    """A branch's month is complete and was analysed (月底分析)."""

    TOPIC: ClassVar[str] = "month.closed"

    month: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$")]
    recorded: Count
    late: Count
    analysis: Line = ""


class CheckpointAnchored(OperationEvent, frozen=True, kw_only=True):
    """A checkpoint was handed to somebody outside, who can hold us to it."""

    TOPIC: ClassVar[str] = "integrity.checkpoint_anchored"

    size: Count
    root: Digest
    where: Text
    """Witness, timestamp authority or custodian."""
    receipt: Line = ""


class IntegrityVerified(OperationEvent, frozen=True, kw_only=True):
    """A verification found nothing wrong (seed rule 35: one for every day)."""

    TOPIC: ClassVar[str] = "integrity.verified"

    scope: Code
    size: Count
    root: Digest
    steps: Annotated[tuple[Code, ...], msgspec.Meta(max_length=50)] = ()


class IntegrityViolationDetected(OperationEvent, frozen=True, kw_only=True):
    """A verification found a bad place; the place is named, its content is not."""

    TOPIC: ClassVar[str] = "integrity.violation_detected"

    step: Code
    place: Text
    found: Line = ""


class ProjectionRebuilt(OperationEvent, frozen=True, kw_only=True):
    """A read model was rebuilt; equal digests say that nothing changed (seed rule 3)."""

    TOPIC: ClassVar[str] = "projection.rebuilt"

    projection: Code
    version: Count
    digest: Digest
    events: Count


class ExportSigned(OperationEvent, frozen=True, kw_only=True):
    """An export left the house, signed for a recipient and a purpose (seed rules 28 and 34)."""

    TOPIC: ClassVar[str] = "export.signed"

    recipient: Code
    permitted_purpose: Code
    """What the recipient may use it for (AML24 art. 7)."""
    manifest: Digest
    key: Word
    events: Count
    encrypted: bool = False


class ClockSkewObserved(OperationEvent, frozen=True, kw_only=True):
    """A branch's clock and ours disagreed by more than they may."""

    TOPIC: ClassVar[str] = "clock.skew_observed"

    branch: Code
    milliseconds: Annotated[int, msgspec.Meta(ge=-(2**53) + 1, le=2**53 - 1)]
    """Theirs minus ours."""


class RiskAssessmentRecorded(OperationEvent, frozen=True, kw_only=True):
    """The periodic assessment of information security or money-laundering risk (seed rule 35; AML24 art. 30)."""

    TOPIC: ClassVar[str] = "institution.risk_assessed"

    kind: Literal["information-security", "money-laundering", "product", "group"]
    span: Code
    """The time it covers, such as ``2026-Q1``."""
    findings: Count
    digest: Digest
    approver: Code


class SigningKeySucceeded(OperationEvent, frozen=True, kw_only=True):
    """Another key signs from here on; both keys have signed the statement (docs/format.md, Key history)."""

    TOPIC: ClassVar[str] = "key.succeeded"

    role: Literal["log", "receipt", "export"]
    old: Text
    new: Text
    size: Count
    """Leaves of the log when the key was handed over."""
    statement: Note
    """The signed note."""


class SigningKeyCompromised(OperationEvent, frozen=True, kw_only=True):
    """From a moment on others may have signed with a key; what is shown to be older stays good."""

    TOPIC: ClassVar[str] = "key.compromised"

    role: Literal["log", "receipt", "export"]
    key: Text
    since: Instant
    statement: Note
    """The signed note."""


class DisposalsReapplied(OperationEvent, frozen=True, kw_only=True):
    """A restored backup had brought destroyed keys back; they are destroyed again (PIPL art. 47)."""

    TOPIC: ClassVar[str] = "disposal.reapplied"

    keys: Count
    register: Digest
    """SHA-256 of the register of destroyed keys that was applied."""


class ArchiveRenewed(OperationEvent, frozen=True, kw_only=True):
    """Events and their evidence were hashed anew and stamped before an algorithm is broken (RFC 4998)."""

    TOPIC: ClassVar[str] = "archive.renewed"

    number: Count
    size: Count
    algorithm: Code
    record: Note
    """The signed record (docs/format.md, Renewal)."""


class CustodyTransferred(OperationEvent, frozen=True, kw_only=True):
    """Records were handed to the body the State Council names, on dissolution (AML24 art. 34)."""

    TOPIC: ClassVar[str] = "custody.transferred"

    receiver: Code
    reason: Literal["dissolution", "revocation", "bankruptcy", "sale", "succession"]
    manifest: Digest
    streams: Count
    witness: Code


# --- stream and rules -----------------------------------------------------------------------------------

OPERATIONS: Final = Stream[None]("operations")


@check(DayClosed)
def _check_day(event: DayClosed, today: date) -> None:
    check_past(event.day, today, "day")
    if event.late and not event.explanation:
        raise RefusedError(
            "late entries without a reason", field="explanation", rule="given where anything came late",
            remedy="say why",
        )  # fmt: skip


@OPERATIONS.rule(CustodyTransferred)
def _witnessed(_: None, event: CustodyTransferred, given: Given) -> None:
    two_people(given.origin.actor, event.witness, field="witness")
