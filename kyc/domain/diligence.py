"""Customer due diligence: why it was done, what was found, who decided, when it is due again.

In the customer's own stream, under the record class of due diligence. Verification and rating stand with the
customer (:mod:`kyc.domain.customer`). Serves AML24 art. 29-40, O2-07 art. 15-26, O11-25, O12-25, AMLR art. 20-26
and 62, FATF R.10 and R.12.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from kyc.domain.calendar import later
from kyc.domain.customer import (
    CUSTOMER,
    CustomerEvent,
    CustomerState,
    IdentityVerified,
    RelationshipEstablished,
    part,
    second_person,
)
from kyc.domain.dates import check_date, check_past
from kyc.domain.event import RecordClass
from kyc.domain.life import RelationshipReopened
from kyc.domain.policies import published
from kyc.domain.rulebook import Within
from kyc.domain.stream import POLICIES, Given, check, consults
from kyc.domain.values import Code, Line, Note, Text, Word
from kyc.errors import RefusedError


class CddEvent(CustomerEvent, frozen=True, kw_only=True):
    """An event of due diligence."""

    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.DUE_DILIGENCE


class CddStarted(CddEvent, frozen=True, kw_only=True):
    """Due diligence began, or began again (O2-07 art. 22: changes, abnormal behaviour, lists, doubts)."""

    TOPIC: ClassVar[str] = "cdd.started"

    trigger: Literal[
        "onboarding", "one-off-above-threshold", "name-changed", "document-changed", "capital-changed",
        "scope-changed", "representative-changed", "abnormal-behaviour", "watch-list", "inconsistent-information",
        "doubt", "suspicion", "review-due", "policy-change",
    ]  # fmt: skip
    note: Line = ""


class DiscrepancyRaised(CddEvent, frozen=True, kw_only=True):
    """What was said and what was found contradict each other (seed rule 10; PIPL art. 8)."""

    TOPIC: ClassVar[str] = "cdd.discrepancy_raised"

    id: Code
    field: Code
    sources: Annotated[tuple[Code, ...], msgspec.Meta(min_length=2, max_length=10)]
    note: Note = ""


class DiscrepancyResolved(CddEvent, frozen=True, kw_only=True):
    """A contradiction was cleared up."""

    TOPIC: ClassVar[str] = "cdd.discrepancy_resolved"

    id: Code
    outcome: Literal["form-wrong", "document-wrong", "registry-wrong", "both-right", "customer-refused"]
    note: Note = ""


class PepDetermined(CddEvent, frozen=True, kw_only=True):
    """Whether the customer or an owner is politically exposed (FATF R.12; AMLR art. 42)."""

    TOPIC: ClassVar[str] = "cdd.pep_determined"

    status: Literal["none", "domestic", "foreign", "international", "family", "associate", "former"]
    function: Line = ""
    country: Word = ""
    source: Line = ""


class SourceOfFundsRecorded(CddEvent, frozen=True, kw_only=True):
    """Where the money comes from (了解资产来源; seed rule 23)."""

    TOPIC: ClassVar[str] = "cdd.source_of_funds_recorded"

    kind: Literal["funds", "wealth"]
    statement: Text
    evidence: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)] = ()


class SeniorApprovalGranted(CddEvent, frozen=True, kw_only=True):
    """Senior management approved a high-risk or exposed relationship (O2-07 art. 18; FATF R.12)."""

    TOPIC: ClassVar[str] = "cdd.senior_approval_granted"

    approver: Code
    reason: Text


class ReviewScheduled(CddEvent, frozen=True, kw_only=True):
    """The next review, not later than the cycle of the customer's risk level allows (O2-07 art. 18)."""

    TOPIC: ClassVar[str] = "cdd.review_scheduled"

    due: date
    reason: Line = ""


class ReviewCompleted(CddEvent, frozen=True, kw_only=True):
    """A review is done."""

    TOPIC: ClassVar[str] = "cdd.review_completed"

    outcome: Literal["unchanged", "updated", "measures", "exit"]
    channel: Word = ""
    """Questionnaire, telephone, visit (seed rule 7)."""
    note: Note = ""


class ReviewOverdueMarked(CddEvent, frozen=True, kw_only=True):
    """The system noticed that a review was missed."""

    TOPIC: ClassVar[str] = "cdd.review_overdue"

    due: date


class EnhancedCddApplied(CddEvent, frozen=True, kw_only=True):
    """More than the standard was done (AML24 art. 30; AMLR art. 34)."""

    TOPIC: ClassVar[str] = "cdd.enhanced_applied"

    measures: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=20)]
    reason: Text


class SimplifiedCddApplied(CddEvent, frozen=True, kw_only=True):
    """Less than the standard was enough (AML24 art. 29; AMLR art. 33), never for a high risk."""

    TOPIC: ClassVar[str] = "cdd.simplified_applied"

    reason: Text


class CddFailed(CddEvent, frozen=True, kw_only=True):
    """Due diligence could not be completed: no relationship, or its end (AML24 art. 30; AMLR art. 21)."""

    TOPIC: ClassVar[str] = "cdd.failed"

    reason: Text
    report_considered: bool


class RiskMeasureApplied(CddEvent, frozen=True, kw_only=True):
    """Service is limited for risk (AML24 art. 30, 39)."""

    TOPIC: ClassVar[str] = "cdd.measure_applied"

    id: Code
    measure: Text
    reason: Text
    approver: Code


class RiskMeasureLifted(CddEvent, frozen=True, kw_only=True):
    """A limit is lifted."""

    TOPIC: ClassVar[str] = "cdd.measure_lifted"

    id: Code
    reason: Text


class ObjectionReceived(CddEvent, frozen=True, kw_only=True):
    """The customer objects to a measure; the answer is due within 15 days (AML24 art. 39)."""

    TOPIC: ClassVar[str] = "cdd.objection_received"

    id: Code
    measure: Code
    statement: Note


class ObjectionAnswered(CddEvent, frozen=True, kw_only=True):
    """The bank answered an objection and named the way to complain."""

    TOPIC: ClassVar[str] = "cdd.objection_answered"

    id: Code
    upheld: bool
    answer: Note
    complaint_route: Text


class ScreeningPerformed(CddEvent, frozen=True, kw_only=True):
    """Names were compared with a list, in the version named (AML24 art. 40)."""

    TOPIC: ClassVar[str] = "cdd.screening_performed"

    list: Code
    list_version: Code
    engine: Code
    hits: Annotated[tuple[Code, ...], msgspec.Meta(max_length=1_000)] = ()
    """Ids of the hits, to be decided one by one."""


class ScreeningHitDecided(CddEvent, frozen=True, kw_only=True):
    """A person decided whether a hit is the customer."""

    TOPIC: ClassVar[str] = "cdd.screening_hit_decided"

    hit: Code
    match: bool
    reason: Text
    decided_by: Code


class RelianceRecorded(CddEvent, frozen=True, kw_only=True):
    """Somebody else identified the customer; the liability stays ours (AML24 art. 32)."""

    TOPIC: ClassVar[str] = "cdd.reliance_recorded"

    third_party: Text
    agreement: Code
    assessment: Text
    received_on: date


# --- state ----------------------------------------------------------------------------------------------


def _without(items: tuple[str, ...], item: str) -> tuple[str, ...]:
    return tuple(known for known in items if known != item)


consults(POLICIES, ReviewScheduled)

part("diligence", CddStarted, lambda _, event: {"trigger": event.trigger, "failed": None})
part("diligence", DiscrepancyRaised, lambda d, event: {"discrepancies": (*d.discrepancies, event.id)})
part("diligence", DiscrepancyResolved, lambda d, event: {"discrepancies": _without(d.discrepancies, event.id)})
part("diligence", PepDetermined, lambda _, event: {"pep": event.status})
part("diligence", SourceOfFundsRecorded, lambda _, event: {"funds": event.occurred_at.date()})
part("diligence", SeniorApprovalGranted, lambda _, event: {"approved": event.occurred_at.date()})
part("diligence", ReviewScheduled, lambda _, event: {"review_due": event.due, "overdue": False})
part(
    "diligence", ReviewCompleted,
    lambda _, event: {
        "reviewed": event.occurred_at.date(), "review_due": None, "overdue": False, "trigger": "",
    },
)  # fmt: skip
part("diligence", ReviewOverdueMarked, lambda _, __: {"overdue": True})
part("diligence", EnhancedCddApplied, lambda _, __: {"enhanced": True})
part("diligence", SimplifiedCddApplied, lambda _, __: {"enhanced": False})
part("diligence", CddFailed, lambda _, event: {"failed": event.occurred_at.date(), "trigger": ""})
part("diligence", RiskMeasureApplied, lambda d, event: {"measures": (*d.measures, event.id)})
part("diligence", RiskMeasureLifted, lambda d, event: {"measures": _without(d.measures, event.id)})
part("diligence", ObjectionReceived, lambda d, event: {"objections": (*d.objections, event.id)})
part("diligence", ObjectionAnswered, lambda d, event: {"objections": _without(d.objections, event.id)})
part("diligence", ScreeningPerformed, lambda d, event: {"hits": (*d.hits, *event.hits)})
part("diligence", ScreeningHitDecided, lambda d, event: {"hits": _without(d.hits, event.hit)})


# --- rules ----------------------------------------------------------------------------------------------


@check(ReviewScheduled)
def _check_due(event: ReviewScheduled, _: date) -> None:
    check_date(event.due, "due")


@check(RelianceRecorded)
def _check_received(event: RelianceRecorded, today: date) -> None:
    check_past(event.received_on, today, "received_on")


def is_open(items: tuple[str, ...], item: str, field: str, rule: str) -> None:
    """Refuse a number under which nothing is open.

    Raises:
        RefusedError: names ``field``.
    """
    if item not in items:
        raise RefusedError("nothing open under that number", field=field, rule=rule)


def is_new(items: tuple[str, ...], item: str, rule: str) -> None:
    """Refuse a number that is in use.

    Raises:
        RefusedError: names ``id``.
    """
    if item in items:
        raise RefusedError("this number is in use", field="id", rule=rule, remedy="give it a number of its own")


@CUSTOMER.rule(DiscrepancyRaised)
def _new_discrepancy(state: CustomerState, event: DiscrepancyRaised, _: Given) -> None:
    is_new(state.diligence.discrepancies, event.id, "unique in the file")


@CUSTOMER.rule(DiscrepancyResolved)
def _open_discrepancy(state: CustomerState, event: DiscrepancyResolved, _: Given) -> None:
    is_open(state.diligence.discrepancies, event.id, "id", "raised before it is resolved")


@CUSTOMER.rule(IdentityVerified)
def _no_contradiction(state: CustomerState, _: IdentityVerified, __: Given) -> None:
    """Nobody is verified while a contradiction is open (seed rule 10)."""
    if state.diligence.discrepancies:
        raise RefusedError(
            "a discrepancy is open", field="stream", rule="cdd.discrepancy_raised", remedy="resolve it first"
        )


@CUSTOMER.rule(SeniorApprovalGranted)
def _by_a_senior(_: CustomerState, event: SeniorApprovalGranted, given: Given) -> None:
    second_person(event.approver, given, "approver")


@CUSTOMER.rule(RelationshipEstablished, RelationshipReopened)
def _diligence_first(state: CustomerState, _: CustomerEvent, __: Given) -> None:
    """No relationship before identity is verified; for high risk, not before funds and approval (seed rule 23)."""
    done = state.diligence
    if done.failed is not None:
        raise RefusedError("due diligence has failed", field="stream", rule="cdd.failed", remedy="start it again")
    if state.verified is None:
        raise RefusedError(
            "the identity is not verified", field="stream", rule="AML24 art. 29", remedy="verify it first"
        )
    if done.discrepancies or done.hits:
        raise RefusedError(
            "due diligence is not complete", field="stream", rule="no open discrepancy or screening hit",
            remedy="decide what is open",
        )  # fmt: skip
    if _is_high(state) and (done.funds is None or done.approved is None):
        raise RefusedError(
            "a high risk needs more", field="stream",
            rule="cdd.source_of_funds_recorded and cdd.senior_approval_granted", remedy="record both first",
        )  # fmt: skip


def _is_high(state: CustomerState) -> bool:
    exposed = state.diligence.pep not in {"", "none"}
    return exposed or (state.risk is not None and state.risk.level == "high")


@CUSTOMER.rule(SimplifiedCddApplied)
def _low_enough(state: CustomerState, _: SimplifiedCddApplied, __: Given) -> None:
    """Less is never enough for a high risk, nor while there is suspicion (FATF R.10; AMLR art. 33)."""
    if _is_high(state) or state.diligence.trigger == "suspicion":
        raise RefusedError(
            "less than the standard is not enough", field="stream",
            rule="no high risk, no exposed person, no suspicion", remedy="do what the standard asks for, or more",
        )  # fmt: skip


@CUSTOMER.rule(ReviewScheduled)
def _within_the_cycle(state: CustomerState, event: ReviewScheduled, given: Given) -> None:
    on = event.occurred_at.date()
    if event.due <= on:
        raise RefusedError("a review of the past", field="due", rule="after the day it is scheduled")
    if state.risk is None:
        return
    ruling = published(given).ruling("review.cycle", on, tier=state.risk.level)
    if ruling is not None and event.due > later(on, ruling.of(Within).period):
        raise RefusedError(
            "later than the cycle allows", field="due", rule=f"{ruling.of(Within).period}: {ruling.row.source}",
            remedy="set an earlier day",
        )  # fmt: skip


@CUSTOMER.rule(ReviewOverdueMarked)
def _was_missed(state: CustomerState, event: ReviewOverdueMarked, given: Given) -> None:
    if state.diligence.review_due != event.due:
        raise RefusedError("no review was due then", field="due", rule="as scheduled")
    if event.due >= given.today:
        raise RefusedError("it is not overdue", field="due", rule="before today")


@CUSTOMER.rule(RiskMeasureApplied)
def _new_measure(state: CustomerState, event: RiskMeasureApplied, given: Given) -> None:
    is_new(state.diligence.measures, event.id, "unique in the file")
    second_person(event.approver, given, "approver")


@CUSTOMER.rule(RiskMeasureLifted)
def _open_measure(state: CustomerState, event: RiskMeasureLifted, _: Given) -> None:
    is_open(state.diligence.measures, event.id, "id", "applied before it is lifted")


@CUSTOMER.rule(ObjectionReceived)
def _against_a_measure(state: CustomerState, event: ObjectionReceived, _: Given) -> None:
    is_open(state.diligence.measures, event.measure, "measure", "a measure in force")
    is_new(state.diligence.objections, event.id, "unique in the file")


@CUSTOMER.rule(ObjectionAnswered)
def _open_objection(state: CustomerState, event: ObjectionAnswered, _: Given) -> None:
    is_open(state.diligence.objections, event.id, "id", "received before it is answered")


@CUSTOMER.rule(ScreeningPerformed)
def _new_hits(state: CustomerState, event: ScreeningPerformed, _: Given) -> None:
    if len({*state.diligence.hits, *event.hits}) < len(state.diligence.hits) + len(event.hits):
        raise RefusedError("a hit's number is in use", field="hits", rule="unique in the file")


@CUSTOMER.rule(ScreeningHitDecided)
def _open_hit(state: CustomerState, event: ScreeningHitDecided, _: Given) -> None:
    is_open(state.diligence.hits, event.hit, "hit", "found before it is decided")
