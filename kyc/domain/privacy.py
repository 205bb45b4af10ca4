"""What the person knows, agreed to and asked for: notices, consents, requests, restriction, transfers abroad.

Notices, consents and restriction stand in the customer's stream; a request has its own. Withdrawing a consent ends
every purpose that rests on it and no statutory one (PIPL art. 13, 15, 16). A refusal names the law, the complaint
and the court, or it is no answer (GDPR art. 12(4); PIPL art. 50). Serves PIPL art. 13-17, 23, 29, 38-41, 44-50,
55-57.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from kyc.domain.customer import CUSTOMER, CustomerState, part
from kyc.domain.dates import check_date
from kyc.domain.event import Event, RecordClass
from kyc.domain.operations import OperationEvent
from kyc.domain.policies import published
from kyc.domain.stream import POLICIES, Given, Stream, check, consults, mentions
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Digest, Note, Record, Text, Word
from kyc.errors import RefusedError


class PrivacyEvent(Event, frozen=True, kw_only=True):
    """An event about what the person knows of and agreed to."""

    STREAM: ClassVar[str] = "customer"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.PRIVACY


class NoticePresented(PrivacyEvent, frozen=True, kw_only=True):
    """The person was told what is done with the data (PIPL art. 17; seed rule 12)."""

    TOPIC: ClassVar[str] = "privacy.notice_presented"

    notice: Code
    channel: Code
    language: Word = ""


class ConsentGiven(PrivacyEvent, frozen=True, kw_only=True):
    """The person agreed to one purpose; recipients need a separate consent (PIPL art. 23, 29)."""

    TOPIC: ClassVar[str] = "privacy.consent_given"

    purpose: Code
    """``marketing``, ``share:<recipient>`` …; what the law demands rests on no consent."""
    scope: Annotated[tuple[Code, ...], msgspec.Meta(max_length=100)] = ()
    separate: bool = False
    method: Code
    notice: Code


class ConsentWithdrawn(PrivacyEvent, frozen=True, kw_only=True):
    """The person withdrew; the purpose ends at once, statutory duties go on (PIPL art. 15)."""

    TOPIC: ClassVar[str] = "privacy.consent_withdrawn"

    purpose: Code
    method: Code


class ProcessingRestricted(PrivacyEvent, frozen=True, kw_only=True):
    """Storage and security only, because deletion is not lawful yet (PIPL art. 47; GDPR art. 18)."""

    TOPIC: ClassVar[str] = "privacy.processing_restricted"

    request: Code
    reason: Text


class ProcessingRestored(PrivacyEvent, frozen=True, kw_only=True):
    """The restriction is lifted."""

    TOPIC: ClassVar[str] = "privacy.processing_restored"

    reason: Text


class CrossBorderTransferApproved(PrivacyEvent, frozen=True, kw_only=True):
    """Data of the person may go to a recipient abroad, on a named basis (PIPL art. 38-39)."""

    TOPIC: ClassVar[str] = "privacy.cross_border_approved"

    recipient: Text
    country: Word
    basis: Literal["security-assessment", "certification", "standard-contract", "treaty", "law"]
    fields: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=200)]
    separate_consent: bool = False
    reference: Word = ""


class RequestEvent(Event, frozen=True, kw_only=True):
    """An event of one request of a person."""

    STREAM: ClassVar[str] = "request"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.PRIVACY
    KEY: ClassVar[str] = "request"

    request: Code


class RightsRequestReceived(RequestEvent, frozen=True, kw_only=True):
    """Somebody asks to see, correct, move or delete data, for themselves or as heir or guardian (PIPL 44-50)."""

    TOPIC: ClassVar[str] = "request.received"

    kind: Literal[
        "access", "copy", "correction", "deletion", "restriction", "transfer", "explanation", "withdrawal"
    ]
    customer: Code
    requester: Literal["person", "agent", "guardian", "near-relative"]
    proof: Text
    due: date
    detail: Note = ""


class RightsRequestFulfilled(RequestEvent, frozen=True, kw_only=True):
    """The request was done."""

    TOPIC: ClassVar[str] = "request.fulfilled"

    answer: Note
    digest: Word = ""
    """Of what was handed over."""


class RightsRequestRefused(RequestEvent, frozen=True, kw_only=True):
    """The request was refused: by which law, and where to complain (seed rule 14)."""

    TOPIC: ClassVar[str] = "request.refused"

    law: Text
    policies: Annotated[tuple[Code, ...], msgspec.Meta(max_length=20)] = ()
    complaint_route: Text
    court_route: Text
    answer: Note


class BreachNotified(OperationEvent, frozen=True, kw_only=True):
    """A leak was told to the authority, and to the persons where they may be harmed (PIPL art. 57)."""

    TOPIC: ClassVar[str] = "breach.notified"

    breach: Code
    authority: Text
    persons: Annotated[int, msgspec.Meta(ge=0, le=10**10)]
    persons_told: bool
    categories: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=50)]
    measures: Note


class ImpactAssessmentRecorded(OperationEvent, frozen=True, kw_only=True):
    """A protection impact assessment, kept three years (PIPL art. 55-56)."""

    TOPIC: ClassVar[str] = "impact.assessed"

    subject: Text
    outcome: Literal["proceed", "proceed-with-measures", "stop"]
    digest: Digest
    approver: Code


# --- state ----------------------------------------------------------------------------------------------


class RequestState(Record, frozen=True, kw_only=True):
    """Where a request stands."""

    request: str
    kind: str
    customer: str
    due: date
    requester: str = ""
    answered: bool = False


REQUEST: Final = Stream("request", RequestState)
consults(POLICIES, NoticePresented)


@REQUEST.begins(RightsRequestReceived)
def _received(event: RightsRequestReceived) -> RequestState:
    return RequestState(
        request=event.request, kind=event.kind, customer=event.customer, due=event.due, requester=event.requester
    )  # fmt: skip


@REQUEST.changes(RightsRequestFulfilled)
def _fulfilled(state: RequestState, _: RightsRequestFulfilled) -> RequestState:
    return msgspec.structs.replace(state, answered=True)


@REQUEST.changes(RightsRequestRefused)
def _refused(state: RequestState, _: RightsRequestRefused) -> RequestState:
    return msgspec.structs.replace(state, answered=True)


part("privacy", NoticePresented, lambda p, event: {"notices": (*p.notices, event.notice)})
part("privacy", ConsentGiven, lambda p, event: {"consents": (*p.consents, event.purpose)})
part(
    "privacy", ConsentWithdrawn,
    lambda p, event: {"consents": tuple(known for known in p.consents if known != event.purpose)},
)  # fmt: skip
part("privacy", ProcessingRestricted, lambda _, event: {"restricted": True, "restriction": event.request})
part("privacy", ProcessingRestored, lambda _, __: {"restricted": False, "restriction": ""})


# --- rules ----------------------------------------------------------------------------------------------


@check(RightsRequestReceived)
def _check_due(event: RightsRequestReceived, _: date) -> None:
    check_date(event.due, "due")


@mentions(RightsRequestReceived)
def _about(event: RightsRequestReceived) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.customer),)


@mentions(ProcessingRestricted)
def _for_a_request(event: ProcessingRestricted) -> tuple[StreamName, ...]:
    return (StreamName("request", event.request),)


@CUSTOMER.rule(NoticePresented)
def _is_published(_: CustomerState, event: NoticePresented, given: Given) -> None:
    notices = published(given).notices
    if notices and event.notice not in {known.name for known in notices}:
        raise RefusedError("no such notice", field="notice", rule="a published notice")


@CUSTOMER.rule(ConsentGiven)
def _informed(state: CustomerState, event: ConsentGiven, _: Given) -> None:
    """Consent to what one was told of (PIPL art. 14); a purpose is consented to once until it is withdrawn."""
    if event.notice not in {state.registered.notice, *state.privacy.notices}:
        raise RefusedError(
            "the notice was not presented", field="notice", rule="PIPL art. 14", remedy="present it first"
        )
    if event.purpose in state.privacy.consents:
        raise RefusedError("consented to already", field="purpose", rule="once until withdrawn")
    if event.purpose.startswith("share:") and not event.separate:
        raise RefusedError("a recipient needs a separate consent", field="separate", rule="PIPL art. 23")


@CUSTOMER.rule(ConsentWithdrawn)
def _was_given(state: CustomerState, event: ConsentWithdrawn, _: Given) -> None:
    if event.purpose not in state.privacy.consents:
        raise RefusedError("no such consent", field="purpose", rule="given before it is withdrawn")


@CUSTOMER.rule(ProcessingRestricted)
def _own_request(state: CustomerState, event: ProcessingRestricted, given: Given) -> None:
    if given.state("request", event.request, "request").customer != state.customer:
        raise RefusedError("another person's request", field="request", rule="of this customer")


@CUSTOMER.rule(ProcessingRestored)
def _was_restricted(state: CustomerState, _: ProcessingRestored, __: Given) -> None:
    if not state.privacy.restricted:
        raise RefusedError("processing is not restricted", field="stream", rule="restricted before it is restored")


@CUSTOMER.rule(ConsentGiven, CrossBorderTransferApproved)
def _not_restricted(state: CustomerState, _: Event, __: Given) -> None:
    if state.privacy.restricted:
        raise RefusedError("storage and security only", field="stream", rule="PIPL art. 47")


@REQUEST.rule(RightsRequestFulfilled, RightsRequestRefused)
def _answered_once(state: RequestState, _: Event, __: Given) -> None:
    if state.answered:
        raise RefusedError("the request was answered", field="request", rule="once")
