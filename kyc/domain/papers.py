"""What documents must hold and what becomes of them: replaced, lost, run out, and what service is suspended for it.

That a document has run out is computed for any day; events record what was done about it: the reminder's grace
granted, the service suspended after it, the service resumed. How long a reasonable period is, is policy. Serves
O2-07 art. 19 and 22, AML24 art. 30: incoming payments and basic services stay open, which is the core system's
business; here it is recorded.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from kyc.domain import codec, identifiers
from kyc.domain.customer import CUSTOMER, CustomerEvent, CustomerState, IdentityVerified, part
from kyc.domain.dates import check_date, check_past
from kyc.domain.document import DocumentCaptured, DocumentVerified, bare, current, document_claim
from kyc.domain.document_rules import Presented
from kyc.domain.policies import published
from kyc.domain.stream import POLICIES, Given, check, claims, consults, mentions
from kyc.domain.submission import Claim, StreamName
from kyc.domain.values import Code, Line, Text
from kyc.errors import InputError, RefusedError


class PaperEvent(CustomerEvent, frozen=True, kw_only=True):
    """An event about one captured document."""

    kind: Code
    number: Code


class VerificationFailed(PaperEvent, frozen=True, kw_only=True):
    """A check could not be carried through: the service was down, the chip unreadable (``tb_lwhc_log``)."""

    TOPIC: ClassVar[str] = "document.verification_failed"

    method: Code
    reason: Text
    reference: Code


class DocumentExpired(PaperEvent, frozen=True, kw_only=True):
    """The system noticed that a document had run out and set a task."""

    TOPIC: ClassVar[str] = "document.expired"

    expired_on: date


class GraceStarted(PaperEvent, frozen=True, kw_only=True):
    """The customer got a reasonable period to show a valid document, and gave a reason or none."""

    TOPIC: ClassVar[str] = "document.grace_started"

    until: date
    reason: Line = ""


class GraceEnded(PaperEvent, frozen=True, kw_only=True):
    """The period is over."""

    TOPIC: ClassVar[str] = "document.grace_ended"

    outcome: Literal["renewed", "lapsed"]


class DocumentSuperseded(PaperEvent, frozen=True, kw_only=True):
    """A newer document took the place of this one; both stay."""

    TOPIC: ClassVar[str] = "document.superseded"

    by_kind: Code
    by_number: Code


class DocumentInvalidated(PaperEvent, frozen=True, kw_only=True):
    """A document identifies nobody any more."""

    TOPIC: ClassVar[str] = "document.invalidated"

    reason: Literal["lost", "stolen", "forged", "revoked", "error"]
    evidence: Line = ""


class ServiceSuspended(CustomerEvent, frozen=True, kw_only=True):
    """Service is suspended for want of a valid document (中止办理业务)."""

    TOPIC: ClassVar[str] = "document.service_suspended"
    SCHEMA: ClassVar[int] = 2

    exempt: Annotated[tuple[Code, ...], msgspec.Meta(max_length=20)] = (
        "incoming",
        "medical",
        "social-security",
        "utilities",
    )
    """What stays open: payments in, and the basic services of AML24 art. 30."""
    reason: Line = ""


class ServiceResumed(CustomerEvent, frozen=True, kw_only=True):
    """A valid document was shown: service goes on."""

    TOPIC: ClassVar[str] = "document.service_resumed"


@CUSTOMER.changes(DocumentCaptured)
def _captured(state: CustomerState, event: DocumentCaptured) -> CustomerState:
    return msgspec.structs.replace(state, documents=(*state.documents, event))


@CUSTOMER.changes(DocumentVerified)
def _checked(state: CustomerState, event: DocumentVerified) -> CustomerState:
    return msgspec.structs.replace(state, checks=(*state.checks, event))


_ABOUT = (VerificationFailed, DocumentExpired, GraceStarted, GraceEnded, DocumentSuperseded, DocumentInvalidated)
consults(POLICIES, DocumentCaptured, ServiceSuspended)

for _kind in (DocumentSuperseded, DocumentInvalidated):
    part("papers", _kind, lambda papers, event: {"void": (*papers.void, bare(event.number))})
part(
    "papers", GraceStarted,
    lambda papers, event: {"graced": (*papers.graced, bare(event.number)), "graced_until": event.until},
)  # fmt: skip
part(
    "papers", GraceEnded,
    lambda papers, event: {"graced": tuple(number for number in papers.graced if number != bare(event.number))},
)  # fmt: skip
part("papers", ServiceSuspended, lambda _, __: {"suspended": True})
part("papers", ServiceResumed, lambda _, __: {"suspended": False})


# --- rules ----------------------------------------------------------------------------------------------


@check(DocumentCaptured)
def _check_number(event: DocumentCaptured, _: date) -> None:
    """Check digits by kind: a wrong number is refused before it is recorded."""
    if event.kind == RESIDENT_ID and not identifiers.resident_id_valid(event.number):
        raise RefusedError("check digit does not fit", field="number", rule="GB 11643-1999", remedy="read it again")
    if event.kind in BUSINESS_LICENCES and len(event.number) == _USCC and not identifiers.uscc_valid(event.number):
        raise RefusedError("check digit does not fit", field="number", rule="GB 32100-2015", remedy="read it again")
    if event.mrz and bare(_zone(event.mrz).number) != bare(event.number):
        raise RefusedError(
            "the machine-readable zone names another document", field="mrz", rule="ICAO 9303: number",
            remedy="read both again",
        )  # fmt: skip


def _zone(lines: tuple[str, ...]) -> identifiers.Mrz:
    try:
        return identifiers.parse_mrz(lines)
    except InputError as cause:
        raise RefusedError(
            "the machine-readable zone cannot be", field="mrz", rule=f"ICAO 9303: {cause.rule}",
            remedy="read it again, or leave it out",
        ) from None  # fmt: skip


@check(DocumentCaptured)
def _check_validity(event: DocumentCaptured, today: date) -> None:
    if event.no_expiry == (event.expires_on is not None):
        raise RefusedError(
            "a document either expires or says that it does not", field="expires_on", rule="expires_on or no_expiry"
        )
    check_past(event.issued_on, today, "issued_on")
    check_date(event.valid_from, "valid_from")
    check_date(event.expires_on, "expires_on")
    begins = event.valid_from or event.issued_on
    if event.expires_on is not None and begins is not None and event.expires_on < begins:
        raise RefusedError("expires before it was issued", field="expires_on", rule="not before issued_on")


@mentions(DocumentCaptured)
def _holder(event: DocumentCaptured) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.held_by),) if event.held_by else ()


@claims(DocumentCaptured)
def _one_holder(state: CustomerState, event: DocumentCaptured) -> tuple[Claim, ...]:
    """A document is claimed once; captured again, or known as another's, it is claimed already."""
    claim = document_claim(event)
    known = any(document_claim(document) == claim for document in state.documents)
    return () if known or event.held_by else (claim,)


@CUSTOMER.rule(DocumentCaptured)
def _held(_: CustomerState, event: DocumentCaptured, given: Given) -> None:
    if not event.held_by:
        return
    other = given.state("customer", event.held_by, "held_by")
    if document_claim(event) not in map(document_claim, other.documents):
        raise RefusedError(
            "that customer does not hold this document", field="held_by", rule="captured there before",
            remedy="leave it empty, or name the customer who does",
        )  # fmt: skip


@CUSTOMER.rule(DocumentVerified)
def _was_captured(state: CustomerState, event: DocumentVerified, _: Given) -> None:
    if not any(d.kind == event.kind and bare(d.number) == bare(event.number) for d in state.documents):
        raise RefusedError(
            "no such document", field="number", rule="captured before it is verified", remedy="capture it first"
        )


@CUSTOMER.rule(IdentityVerified)
def _against_a_document(state: CustomerState, event: IdentityVerified, _: Given) -> None:
    """A profile is verified only against a valid document that no check has contradicted (seed rule 22)."""
    on = event.occurred_at.date()  # history is loaded after some of its documents ran out
    valid = [document for document in current(state, on) if document.kind == event.document_kind]
    if not valid:
        raise RefusedError(
            "no valid document of this kind", field="document_kind", rule="verified against a valid document",
            remedy="capture a valid document first",
        )  # fmt: skip
    last = [check for check in state.checks if bare(check.number) == bare(valid[-1].number)][-1:]
    if last and last[0].result == "no-match":
        raise RefusedError(
            "the last check of the document did not match", field="document_kind", rule="document.verified",
            remedy="check it again, or capture another document",
        )  # fmt: skip


@check(GraceStarted)
def _check_until(event: GraceStarted, _: date) -> None:
    check_date(event.until, "until")


@CUSTOMER.rule(*_ABOUT)
def _was_taken_in(state: CustomerState, event: PaperEvent, _: Given) -> None:
    _find(state, event.kind, event.number, "number")


@CUSTOMER.rule(DocumentExpired)
def _ran_out(state: CustomerState, event: DocumentExpired, given: Given) -> None:
    document = _find(state, event.kind, event.number, "number")
    if document.expires_on is None or document.expires_on != event.expired_on:
        raise RefusedError("not its day of expiry", field="expired_on", rule="as captured")
    if document.expires_on >= given.today:
        raise RefusedError("it has not run out", field="expired_on", rule="before today")


@CUSTOMER.rule(DocumentSuperseded)
def _by_another(state: CustomerState, event: DocumentSuperseded, _: Given) -> None:
    _find(state, event.by_kind, event.by_number, "by_number")
    if bare(event.by_number) == bare(event.number) and event.by_kind == event.kind:
        raise RefusedError("a document cannot replace itself", field="by_number", rule="another document")


@CUSTOMER.rule(DocumentSuperseded, DocumentInvalidated)
def _still_valid(state: CustomerState, event: DocumentSuperseded | DocumentInvalidated, _: Given) -> None:
    if bare(event.number) in state.papers.void:
        raise RefusedError("it identifies nobody already", field="number", rule="invalidated once")


@CUSTOMER.rule(GraceEnded)
def _in_grace(state: CustomerState, event: GraceEnded, _: Given) -> None:
    if bare(event.number) not in state.papers.graced:
        raise RefusedError("no such period is running", field="number", rule="started before it ends")


@CUSTOMER.rule(DocumentCaptured)
def _accepted(state: CustomerState, event: DocumentCaptured, given: Given) -> None:
    """Kinds, holders and validity are policy (RO285 art. 5), once a set of rules has been published."""
    on = event.occurred_at.date()
    rules = published(given).documents(on)
    if rules is None:
        return
    presented = Presented(
        kind=event.kind, issuing_country=event.issuing_country, customer_type=state.type, issued_on=event.issued_on,
        expires_on=event.expires_on, no_expiry=event.no_expiry, born_on=state.registered.birth_date,
    )  # fmt: skip
    for defect in rules.defects(presented, on):
        raise RefusedError(
            "this document does not identify", field=defect.field, rule=f"{defect.code}: {defect.rule}",
            remedy="capture a document that identifies this customer",
        )  # fmt: skip


@CUSTOMER.rule(IdentityVerified)
def _not_void(state: CustomerState, event: IdentityVerified, _: Given) -> None:
    valid = [d for d in current(state, event.occurred_at.date()) if d.kind == event.document_kind]
    if valid and all(bare(document.number) in state.papers.void for document in valid):
        raise RefusedError(
            "the document was invalidated", field="document_kind", rule="document.invalidated",
            remedy="capture another document",
        )  # fmt: skip


@CUSTOMER.rule(DocumentVerified)
def _not_of_a_void_one(state: CustomerState, event: DocumentVerified, _: Given) -> None:
    if event.result == "match" and bare(event.number) in state.papers.void:
        raise RefusedError("the document was invalidated", field="number", rule="document.invalidated")


@CUSTOMER.rule(ServiceSuspended)
def _grace_is_over(state: CustomerState, event: ServiceSuspended, given: Given) -> None:
    """Service is suspended only where no document is valid and the reasonable period is over (O2-07 art. 19)."""
    on = event.occurred_at.date()
    if state.papers.suspended:
        raise RefusedError("service is suspended already", field="stream", rule="once")
    if usable(state, on):
        raise RefusedError("a document is valid", field="stream", rule="no valid document")
    rules = published(given).documents(on)
    graced = state.papers.graced_until
    for document in state.documents if rules is not None else ():
        if document.expires_on is None or bare(document.number) in state.papers.void:
            continue
        assert rules is not None
        if rules.expiry_on(document.expires_on, on, extended_to=graced).state != "suspended":
            raise RefusedError(
                "the reasonable period is not over", field="occurred_at", rule="expiry and grace of the policy",
                remedy="remind the customer",
            )  # fmt: skip


@CUSTOMER.rule(ServiceResumed)
def _valid_again(state: CustomerState, event: ServiceResumed, _: Given) -> None:
    if not state.papers.suspended:
        raise RefusedError("service is not suspended", field="stream", rule="suspended before it resumes")
    if not usable(state, event.occurred_at.date()):
        raise RefusedError(
            "no document is valid", field="stream", rule="a valid document", remedy="capture a valid document first"
        )


def usable(state: CustomerState, on: date) -> tuple[DocumentCaptured, ...]:
    """The customer's documents that are valid on a day and were not invalidated."""
    return tuple(document for document in current(state, on) if bare(document.number) not in state.papers.void)


def _find(state: CustomerState, kind: str, number: str, field: str) -> DocumentCaptured:
    for document in state.documents:
        if document.kind == kind and bare(document.number) == bare(number):
            assert isinstance(document, DocumentCaptured)
            return document
    raise RefusedError(
        "no such document",
        field=field,
        rule="captured in this file",
        remedy="capture it first, or correct the number",
    )


RESIDENT_ID: Final = "resident-id"
BUSINESS_LICENCES: Final = frozenset({"business-licence", "registration-certificate"})
_USCC: Final = 18
"""Digits of a unified social credit code; older licences have 13 or 15 and no common check digit."""


@codec.upcast("document.service_suspended", 1)
def _without_utilities(payload: dict[str, Any]) -> dict[str, Any]:
    """In schema 1 an absent list did not mean utilities (公用事业); what was suspended then stays what it was."""
    return {"exempt": ["incoming", "medical", "social-security"]} | payload
