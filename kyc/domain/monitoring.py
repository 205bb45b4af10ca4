"""Monitoring and reports: what was noticed, who looked at it, what was reported and what was not, and why.

Alerts, cases and reports have streams of their own, so that nothing of them stands in a customer's file (AML24
art. 35: no tipping off). Serves AML24 art. 35-40, O3-16 art. 5-15, AMLR art. 69 and 73, 31 CFR 1020.320.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from kyc.domain.codec import upcast
from kyc.domain.currencies import check_positive
from kyc.domain.customer import second_person
from kyc.domain.dates import check_date, check_past
from kyc.domain.event import Event, RecordClass
from kyc.domain.stream import Given, Stream, check, mentions
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Currency, Digest, Equivalent, Line, Note, Record, Text, Word
from kyc.errors import RefusedError

Codes = Annotated[tuple[Code, ...], msgspec.Meta(max_length=10_000)]
Customers = Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=1_000)]


class MonitoringEvent(Event, frozen=True, kw_only=True):
    """An event of monitoring; nobody outside of it may see that it exists."""

    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.MONITORING


class LargeValueDetected(MonitoringEvent, frozen=True, kw_only=True):
    """A customer's day reached a threshold, all branches together, receipts and payments apart (O3-16 art. 5)."""

    TOPIC: ClassVar[str] = "large_value.detected"
    SCHEMA: ClassVar[int] = 2
    STREAM: ClassVar[str] = "large-value"
    KEY: ClassVar[str] = "customer"

    customer: Code
    day: date
    direction: Literal["receipts", "payments"]
    feature: Code
    """LCT feature code; a transaction that meets two is reported under each."""
    policy: Code
    policy_version: Annotated[int, msgspec.Meta(ge=1)]
    amount: Decimal
    currency: Currency
    equivalents: Annotated[tuple[Equivalent, ...], msgspec.Meta(max_length=10)] = ()
    transactions: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=10_000)]
    without_file: bool = False
    """One-off business of somebody who is no customer: ``customer`` is the reference of the first of it."""


@upcast(LargeValueDetected.TOPIC, 1)
def _of_customers_only(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had detections of customers only."""
    return payload


class AlertEvent(MonitoringEvent, frozen=True, kw_only=True):
    """An event of one alert."""

    STREAM: ClassVar[str] = "alert"
    KEY: ClassVar[str] = "alert"

    alert: Code


class AlertRaised(AlertEvent, frozen=True, kw_only=True):
    """A rule or a person noticed something."""

    TOPIC: ClassVar[str] = "alert.raised"

    customers: Customers
    rule: Code
    rule_version: Code
    score: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    transactions: Codes = ()
    note: Note = ""


class AlertDismissed(AlertEvent, frozen=True, kw_only=True):
    """The alert came to nothing, for a reason that is kept whether reported or not (AMLR art. 77)."""

    TOPIC: ClassVar[str] = "alert.dismissed"

    reason: Note
    reviewer: Code


class AlertEscalated(AlertEvent, frozen=True, kw_only=True):
    """The alert became part of a case."""

    TOPIC: ClassVar[str] = "alert.escalated"

    case: Code


class CaseEvent(MonitoringEvent, frozen=True, kw_only=True):
    """An event of one case."""

    STREAM: ClassVar[str] = "case"
    KEY: ClassVar[str] = "case"

    case: Code


class CaseOpened(CaseEvent, frozen=True, kw_only=True):
    """Somebody investigates; what touches the case is kept until it is closed."""

    TOPIC: ClassVar[str] = "case.opened"

    customers: Customers
    trigger: Literal["model", "law-enforcement", "regulator", "internal-case", "public-opinion", "staff", "other"]
    """TPTR 01-06, 99."""
    alerts: Codes = ()
    note: Note = ""


class CaseCustomerAdded(CaseEvent, frozen=True, kw_only=True):
    """The case reaches one customer more."""

    TOPIC: ClassVar[str] = "case.customer_added"

    customer: Code
    reason: Text


class CaseNoteAdded(CaseEvent, frozen=True, kw_only=True):
    """What was found or thought."""

    TOPIC: ClassVar[str] = "case.note_added"

    note: Note
    digests: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=100)] = ()


class StrConfirmed(CaseEvent, frozen=True, kw_only=True):
    """A second person confirmed the suspicion; from now the time to report runs (O3-16 art. 11-15)."""

    TOPIC: ClassVar[str] = "case.str_confirmed"

    confirmer: Code
    subjects: Customers
    transactions: Codes = ()
    urgent: bool = False
    """DETR 02."""
    direction: Literal["fiu", "fiu-and-branch", "fiu-and-police", "all"] = "fiu"
    """DORP."""
    behaviour: Note
    """STCB: money and behaviour."""
    analysis: Note
    """AOSP."""
    predicate: Line = ""
    """TOSC: suspected predicate offence."""
    features: Annotated[tuple[Code, ...], msgspec.Meta(max_length=50)] = ()
    """STCR."""


class FiuInfoRequested(CaseEvent, frozen=True, kw_only=True):
    """The intelligence unit asks for more (AML24 art. 16; AMLR art. 69: five working days)."""

    TOPIC: ClassVar[str] = "case.fiu_requested"

    reference: Code
    due: date
    demand: Note


class FiuInfoProvided(CaseEvent, frozen=True, kw_only=True):
    """The intelligence unit got its answer."""

    TOPIC: ClassVar[str] = "case.fiu_provided"

    reference: Code
    digest: Digest


class CaseClosed(CaseEvent, frozen=True, kw_only=True):
    """The case is closed, with reasons where nothing was reported."""

    TOPIC: ClassVar[str] = "case.closed"

    outcome: Literal["reported", "not-reported"]
    reason: Note


class ReportEvent(MonitoringEvent, frozen=True, kw_only=True):
    """An event of one report."""

    STREAM: ClassVar[str] = "report"
    KEY: ClassVar[str] = "report"

    report: Code


class ReportFiled(ReportEvent, frozen=True, kw_only=True):
    """A report went to the unit and was receipted."""

    TOPIC: ClassVar[str] = "report.filed"
    SCHEMA: ClassVar[int] = 2

    kind: Literal["large-value", "suspicious", "activity", "cross-border", "other"]
    case: Word = ""
    """The case a suspicious report comes from."""
    customers: Customers
    reporting_institution: Code
    preparer: Code
    filed_on: date
    digest: Digest
    """Of the file as sent."""
    receipt: Line = ""
    follows: Word = ""
    """The report it follows up."""
    days: Annotated[tuple[date, ...], msgspec.Meta(max_length=366)] = ()
    """The days a large-value report is about; none named: all up to that of filing."""


@upcast(ReportFiled.TOPIC, 1)
def _without_days(payload: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 did not say which days a report is about."""
    return payload


class ReportCorrected(ReportEvent, frozen=True, kw_only=True):
    """A correction was sent (MIRS)."""

    TOPIC: ClassVar[str] = "report.corrected"

    reason: Text
    digest: Digest
    receipt: Line = ""


class ReportAcknowledged(ReportEvent, frozen=True, kw_only=True):
    """The unit answered: accepted, or asks for a correction."""

    TOPIC: ClassVar[str] = "report.acknowledged"

    accepted: bool
    reference: Line = ""


class FollowUpDue(ReportEvent, frozen=True, kw_only=True):
    """While suspicion lasts, a follow-up is due every three months."""

    TOPIC: ClassVar[str] = "report.follow_up_due"

    due: date


# --- state ----------------------------------------------------------------------------------------------


class AlertState(Record, frozen=True, kw_only=True):
    """Where an alert stands."""

    alert: str
    customers: tuple[str, ...]
    done: bool = False


class CaseState(Record, frozen=True, kw_only=True):
    """Where a case stands."""

    case: str
    customers: tuple[str, ...]
    confirmed: bool = False
    asked: tuple[str, ...] = ()
    """Requests of the unit without an answer."""
    closed: bool = False


class ReportState(Record, frozen=True, kw_only=True):
    """Where a report stands."""

    report: str
    kind: str
    filed_on: date
    accepted: bool | None = None


LARGE_VALUE: Final = Stream[None]("large-value")
ALERT: Final = Stream("alert", AlertState)
CASE: Final = Stream("case", CaseState)
REPORT: Final = Stream("report", ReportState)


@ALERT.begins(AlertRaised)
def _raised(event: AlertRaised) -> AlertState:
    return AlertState(alert=event.alert, customers=event.customers)


@CASE.begins(CaseOpened)
def _opened(event: CaseOpened) -> CaseState:
    return CaseState(case=event.case, customers=event.customers)


@REPORT.begins(ReportFiled)
def _filed(event: ReportFiled) -> ReportState:
    return ReportState(report=event.report, kind=event.kind, filed_on=event.filed_on)


def _folds(stream: Stream[Any], event: type[Event], change: Any) -> None:
    @stream.changes(event)
    def fold(state: Any, event: Event) -> Any:
        return msgspec.structs.replace(state, **change(state, event))


_folds(ALERT, AlertDismissed, lambda _, __: {"done": True})
_folds(ALERT, AlertEscalated, lambda _, __: {"done": True})
_folds(CASE, CaseCustomerAdded, lambda case, event: {"customers": (*case.customers, event.customer)})
_folds(CASE, StrConfirmed, lambda _, __: {"confirmed": True})
_folds(CASE, FiuInfoRequested, lambda case, event: {"asked": (*case.asked, event.reference)})
_folds(
    CASE, FiuInfoProvided,
    lambda case, event: {"asked": tuple(known for known in case.asked if known != event.reference)},
)  # fmt: skip
_folds(CASE, CaseClosed, lambda _, __: {"closed": True})
_folds(REPORT, ReportAcknowledged, lambda _, event: {"accepted": event.accepted})


# --- rules ----------------------------------------------------------------------------------------------


@check(LargeValueDetected)
def _check_aggregate(event: LargeValueDetected, today: date) -> None:
    check_past(event.day, today, "day")
    check_positive(event.amount, event.currency, "")


@check(ReportFiled)
def _check_report(event: ReportFiled, today: date) -> None:
    check_past(event.filed_on, today, "filed_on")
    if event.kind == "suspicious" and not event.case:
        raise RefusedError("a suspicious report comes from a case", field="case", rule="case.str_confirmed")


@check(FiuInfoRequested, FollowUpDue)
def _check_due(event: FiuInfoRequested | FollowUpDue, _: date) -> None:
    check_date(event.due, "due")


@mentions(LargeValueDetected)
def _of_a_customer(event: LargeValueDetected) -> tuple[StreamName, ...]:
    return () if event.without_file else (StreamName("customer", event.customer),)


@mentions(AlertRaised)
def _alerted(event: AlertRaised) -> tuple[StreamName, ...]:
    return tuple(StreamName("customer", number) for number in event.customers)


@mentions(CaseOpened)
def _of_customers(event: CaseOpened) -> tuple[StreamName, ...]:
    return tuple(StreamName("customer", number) for number in event.customers)


@mentions(AlertEscalated)
def _into_a_case(event: AlertEscalated) -> tuple[StreamName, ...]:
    return (StreamName("case", event.case),)


@mentions(CaseCustomerAdded)
def _added(event: CaseCustomerAdded) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.customer),)


@mentions(ReportFiled)
def _from_a_case(event: ReportFiled) -> tuple[StreamName, ...]:
    return (
        *((StreamName("case", event.case),) if event.case else ()),
        *((StreamName("report", event.follows),) if event.follows else ()),
    )


@ALERT.rule(AlertDismissed, AlertEscalated)
def _decided_once(state: AlertState, _: Event, __: Given) -> None:
    if state.done:
        raise RefusedError("the alert was decided", field="alert", rule="dismissed or escalated once")


@ALERT.rule(AlertEscalated)
def _case_is_open(_: AlertState, event: AlertEscalated, given: Given) -> None:
    if given.state("case", event.case, "case").closed:
        raise RefusedError("the case is closed", field="case", rule="an open case")


@ALERT.rule(AlertDismissed)
def _reviewed(_: AlertState, event: AlertDismissed, given: Given) -> None:
    second_person(event.reviewer, given, "reviewer")


@CASE.always
def _case_open(state: CaseState, _: Event, __: Given) -> None:
    if state.closed:
        raise RefusedError("the case is closed", field="case", rule="an open case", remedy="open a new case")


@CASE.rule(StrConfirmed)
def _by_a_second(state: CaseState, event: StrConfirmed, given: Given) -> None:
    second_person(event.confirmer, given, "confirmer")
    if set(event.subjects) - set(state.customers):
        raise RefusedError("a subject is not in the case", field="subjects", rule="customers of the case")


@CASE.rule(FiuInfoProvided)
def _was_asked(state: CaseState, event: FiuInfoProvided, _: Given) -> None:
    if event.reference not in state.asked:
        raise RefusedError("nobody asked for that", field="reference", rule="an open request")


@CASE.rule(CaseClosed)
def _may_close(state: CaseState, event: CaseClosed, _: Given) -> None:
    if state.asked:
        raise RefusedError("a request is open", field="case", rule="answered before it is closed")
    if (event.outcome == "reported") != state.confirmed:
        raise RefusedError("not the outcome of this case", field="outcome", rule="reported if confirmed, else not")


@REPORT.rule(ReportFiled)
def _is_confirmed(_: ReportState, event: ReportFiled, given: Given) -> None:
    if event.kind == "suspicious" and not given.state("case", event.case, "case").confirmed:
        raise RefusedError(
            "the suspicion is not confirmed", field="case", rule="case.str_confirmed",
            remedy="have a second person confirm it",
        )  # fmt: skip
    if event.follows and given.state("report", event.follows, "follows").kind != event.kind:
        raise RefusedError("a follow-up is of the same kind", field="follows", rule="kind")
