"""Keeping and disposing: holds, clocks with a source of their own, proposals, approvals, destroyed keys.

One stream for each subject, holds and disposals together, so that a hold placed after an approval collides with the
destruction it forbids: both want the next version, and only one gets it. Deadlines are computed on the day they are
asked for (:mod:`kyc.retention`); here stands what was computed when somebody acted on it. Serves AML24 art. 34 and
54, O2-07 art. 29, PIPL art. 47, AMLR art. 77, ISO 15489-2 4.3.9.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from kyc.domain.customer import second_person
from kyc.domain.dates import check_date, check_past
from kyc.domain.event import Event, RecordClass
from kyc.domain.stream import Given, Stream, check
from kyc.domain.two_people import two_people
from kyc.domain.values import Code, Digest, Line, Note, Record, Text, Word
from kyc.errors import RefusedError

Classes = Annotated[tuple[RecordClass, ...], msgspec.Meta(max_length=20)]
_YEAR: Final = 4


class RetentionEvent(Event, frozen=True, kw_only=True):
    """An event about keeping one subject's records. Nothing personal stands in it: it outlives what it is about."""

    STREAM: ClassVar[str] = "retention"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.GOVERNANCE
    KEY: ClassVar[str] = "subject"
    BY_FIELD: ClassVar[bool] = True
    """A certificate shows what was decided and destroyed, and not of whom."""

    subject: Annotated[str, msgspec.Meta(pattern="^[a-z-]{1,32}/[!-~]{1,64}$")]
    """Kind and key of the subject's stream, such as ``customer/C000042``."""


class ClockStarted(RetentionEvent, frozen=True, kw_only=True):
    """A trigger that is no event of ours: imported records with a proof of when it was, or of not knowing it."""

    TOPIC: ClassVar[str] = "retention.clock_started"

    record_class: RecordClass
    trigger: Code
    on: date | None = None
    """None: unknown; then nothing runs and everything is kept."""
    source: Text


class ClockStopped(RetentionEvent, frozen=True, kw_only=True):
    """A trigger no longer holds: the customer came back. The old trigger stays recorded."""

    TOPIC: ClassVar[str] = "retention.clock_stopped"

    record_class: RecordClass
    on: date
    reason: Text


class ClockRestarted(RetentionEvent, frozen=True, kw_only=True):
    """A stopped clock runs again from a new trigger."""

    TOPIC: ClassVar[str] = "retention.clock_restarted"

    record_class: RecordClass
    trigger: Code
    on: date


Basis = Literal["aml-investigation", "order", "litigation", "complaint", "request", "audit", "error-found"]
"""What a hold rests on."""


class HoldPlaced(RetentionEvent, frozen=True, kw_only=True):
    """Nothing of the scope may be disposed of, also not what is recorded later (a hold beats any approval)."""

    TOPIC: ClassVar[str] = "hold.placed"

    hold: Code
    basis: Basis
    reference: Word = ""
    classes: Classes = ()
    """Empty: all."""
    since: date | None = None
    until: date | None = None
    """Period of the records, not of the hold; None: open."""


class HoldReleased(RetentionEvent, frozen=True, kw_only=True):
    """A hold ended; a second person agreed."""

    TOPIC: ClassVar[str] = "hold.released"

    hold: Code
    reason: Text
    approver: Code


class DeadlineComputed(RetentionEvent, frozen=True, kw_only=True):
    """What the rules in force said on a day, with all they went by."""

    TOPIC: ClassVar[str] = "retention.deadline_computed"

    record_class: RecordClass
    span: Word = ""
    """The clock period within the class, such as a year of booking."""
    evaluated_on: date
    policies: Annotated[tuple[Code, ...], msgspec.Meta(max_length=50)]
    inputs: Annotated[tuple[Text, ...], msgspec.Meta(max_length=200)] = ()
    earliest_disposal: date | None = None
    must_delete_by: date | None = None
    conflict: bool = False
    """Deletion is due before disposal is lawful: a person decides."""


class DisposalProposed(RetentionEvent, frozen=True, kw_only=True):
    """Records are eligible; who proposes does not approve."""

    TOPIC: ClassVar[str] = "disposal.proposed"

    disposal: Code
    record_class: RecordClass
    span: Word = ""
    policies: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=50)]
    earliest: date
    proposer: Code


class DisposalApproved(RetentionEvent, frozen=True, kw_only=True):
    """A second person approved."""

    TOPIC: ClassVar[str] = "disposal.approved"

    disposal: Code
    approver: Code


class DisposalRejected(RetentionEvent, frozen=True, kw_only=True):
    """A second person did not approve."""

    TOPIC: ClassVar[str] = "disposal.rejected"

    disposal: Code
    approver: Code
    reason: Text


class KeyDestroyed(RetentionEvent, frozen=True, kw_only=True):
    """The data key was destroyed: payloads and scans under it are unreadable, every proof stays."""

    TOPIC: ClassVar[str] = "disposal.key_destroyed"

    disposal: Code
    data_key: Code


class LinkedDisposed(RetentionEvent, frozen=True, kw_only=True):
    """Records of another subject, with whom this one is linked, were destroyed: no hold stood here against it.

    Recorded together with the destruction, so that a hold on whoever is linked collides with it as well.
    """

    TOPIC: ClassVar[str] = "disposal.linked"
    SUBMITTED: ClassVar[bool] = False

    disposal: Code
    other: Annotated[str, msgspec.Meta(pattern="^[a-z-]{1,32}/[!-~]{1,64}$")]
    """Kind and key of the subject whose records they were."""
    record_class: RecordClass
    span: Word = ""


class RecordDisposed(RetentionEvent, frozen=True, kw_only=True):
    """Nothing was found any more where it could have been; the certificate says where was looked."""

    TOPIC: ClassVar[str] = "disposal.completed"

    disposal: Code
    certificate: Digest
    places: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=50)]
    events: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    note: Line = ""


class ConflictDecided(RetentionEvent, frozen=True, kw_only=True):
    """A person decided between a duty to keep and a duty to delete."""

    TOPIC: ClassVar[str] = "retention.conflict_decided"

    record_class: RecordClass
    decision: Literal["keep", "delete"]
    reasons: Note
    approver: Code


def batch_of(disposal: str) -> str:
    """The batch of a disposal's number: what stands before its first full stop."""
    return disposal.partition(".")[0]


# --- state ----------------------------------------------------------------------------------------------


class Hold(Record, frozen=True, kw_only=True):
    """A hold in force."""

    hold: str
    basis: str
    classes: tuple[RecordClass, ...] = ()
    since: date | None = None
    until: date | None = None

    def covers(self, record_class: RecordClass, span: str) -> bool:
        """Whether it lies on records of a class and clock period; those of no year are inside every period."""
        if self.classes and record_class not in self.classes:
            return False
        if len(span) != _YEAR or not span.isdecimal():
            return True
        year = int(span)
        return (self.since is None or self.since.year <= year) and (self.until is None or self.until.year >= year)


class Disposal(Record, frozen=True, kw_only=True):
    """A disposal under way."""

    disposal: str
    record_class: RecordClass
    proposer: str
    earliest: date
    span: str = ""
    status: Literal["proposed", "approved", "rejected", "destroyed", "completed"] = "proposed"


class Retention(Record, frozen=True, kw_only=True):
    """What stands for and against disposing of one subject's records."""

    holds: tuple[Hold, ...] = ()
    disposals: tuple[Disposal, ...] = ()

    def held(self, record_class: RecordClass, span: str = "") -> bool:
        """Whether a hold covers a class and its clock period."""
        return any(hold.covers(record_class, span) for hold in self.holds)

    def disposal(self, number: str) -> Disposal:
        """The disposal of that number.

        Raises:
            RefusedError: there is none.
        """
        for known in self.disposals:
            if known.disposal == number:
                return known
        raise RefusedError("no such disposal", field="disposal", rule="proposed first")


RETENTION: Final = Stream("retention", Retention, empty=Retention())


@RETENTION.changes(HoldPlaced)
def _placed(state: Retention, event: HoldPlaced) -> Retention:
    hold = Hold(hold=event.hold, basis=event.basis, classes=event.classes, since=event.since, until=event.until)
    return msgspec.structs.replace(state, holds=(*state.holds, hold))


@RETENTION.changes(HoldReleased)
def _released(state: Retention, event: HoldReleased) -> Retention:
    return msgspec.structs.replace(state, holds=tuple(hold for hold in state.holds if hold.hold != event.hold))


@RETENTION.changes(DisposalProposed)
def _proposed(state: Retention, event: DisposalProposed) -> Retention:
    new = Disposal(
        disposal=event.disposal, record_class=event.record_class, proposer=event.proposer, earliest=event.earliest,
        span=event.span,
    )  # fmt: skip
    return msgspec.structs.replace(state, disposals=(*state.disposals, new))


def _becomes(event: type[Any], status: str) -> None:
    @RETENTION.changes(event)
    def fold(state: Retention, event: Any) -> Retention:
        disposals = tuple(
            msgspec.structs.replace(known, status=status) if known.disposal == event.disposal else known
            for known in state.disposals
        )
        return msgspec.structs.replace(state, disposals=disposals)


_becomes(DisposalApproved, "approved")
_becomes(DisposalRejected, "rejected")
_becomes(KeyDestroyed, "destroyed")
_becomes(RecordDisposed, "completed")


# --- rules ----------------------------------------------------------------------------------------------


@check(HoldPlaced)
def _check_hold(event: HoldPlaced, _: date) -> None:
    check_date(event.since, "since")
    check_date(event.until, "until")


@check(ClockStarted, ClockStopped, ClockRestarted)
def _check_on(event: ClockStarted | ClockStopped | ClockRestarted, today: date) -> None:
    check_past(event.on, today, "on")


@RETENTION.rule(HoldPlaced)
def _new_hold(state: Retention, event: HoldPlaced, _: Given) -> None:
    if any(hold.hold == event.hold for hold in state.holds):
        raise RefusedError("this hold is in force", field="hold", rule="placed once")


@RETENTION.rule(HoldReleased)
def _in_force(state: Retention, event: HoldReleased, given: Given) -> None:
    second_person(event.approver, given, "approver")
    if not any(hold.hold == event.hold for hold in state.holds):
        raise RefusedError("no such hold", field="hold", rule="placed before it is released")


@RETENTION.rule(DisposalProposed)
def _may_propose(state: Retention, event: DisposalProposed, given: Given) -> None:
    if event.proposer != given.origin.actor:
        raise RefusedError("who proposes submits", field="proposer", rule="the actor")
    if any(known.disposal == event.disposal for known in state.disposals):
        raise RefusedError("this number is in use", field="disposal", rule="unique for the subject")
    if event.earliest > given.today:
        raise RefusedError("the deadline is not over", field="earliest", rule="not after today")
    _free(state, event.record_class, event.span)


@RETENTION.rule(DisposalApproved, DisposalRejected)
def _by_another(state: Retention, event: DisposalApproved | DisposalRejected, given: Given) -> None:
    disposal = state.disposal(event.disposal)
    if disposal.status != "proposed":
        raise RefusedError("it was decided", field="disposal", rule="approved or rejected once")
    two_people(disposal.proposer, event.approver)
    if event.approver != given.origin.actor:
        raise RefusedError("who decides submits", field="approver", rule="the actor")
    if isinstance(event, DisposalApproved):
        _free(state, disposal.record_class, disposal.span)


@RETENTION.rule(KeyDestroyed)
def _may_destroy(state: Retention, event: KeyDestroyed, given: Given) -> None:
    disposal = state.disposal(event.disposal)
    if disposal.status != "approved":
        raise RefusedError("it is not approved", field="disposal", rule="disposal.approved")
    if disposal.earliest > given.today:
        raise RefusedError("the deadline is not over", field="disposal", rule="not after today")
    _free(state, disposal.record_class, disposal.span)


@RETENTION.rule(LinkedDisposed)
def _linked_free(state: Retention, event: LinkedDisposed, _: Given) -> None:
    _free(state, event.record_class, event.span)


@RETENTION.rule(RecordDisposed)
def _destroyed_before(state: Retention, event: RecordDisposed, _: Given) -> None:
    if state.disposal(event.disposal).status != "destroyed":
        raise RefusedError("its key is not destroyed", field="disposal", rule="disposal.key_destroyed")


@RETENTION.rule(ConflictDecided)
def _decided_by_two(_: Retention, event: ConflictDecided, given: Given) -> None:
    second_person(event.approver, given, "approver")


def _free(state: Retention, record_class: RecordClass, span: str) -> None:
    if state.held(record_class, span):
        raise RefusedError(
            "a hold forbids it", field="subject", rule="hold.placed", remedy="wait until the hold is released"
        )
