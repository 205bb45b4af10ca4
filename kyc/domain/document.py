"""Identity documents of a customer: captured with their scans, verified, in the customer's own stream.

Serves RO285 art. 5-7, O2-07 art. 33, 31 CFR 1010.430. Expiry is a computed state, no event arrives for it.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from kyc.domain import identifiers
from kyc.domain.customer import CUSTOMER, CustomerEvent, CustomerState, IdentityVerified
from kyc.domain.dates import check_date, check_past
from kyc.domain.event import RecordClass, Scanned
from kyc.domain.stream import Given, check, claims, mentions
from kyc.domain.submission import Claim, StreamName
from kyc.domain.values import Code, Country, Line, Word
from kyc.errors import InputError, RefusedError


class DocumentCaptured(Scanned, frozen=True, kw_only=True):
    """A document was taken in, with images of its sides (RO285 art. 7; AML24 art. 29)."""

    TOPIC: ClassVar[str] = "document.captured"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY
    STREAM: ClassVar[str] = "customer"

    kind: Code
    """``resident-id``, ``passport``, ``business-licence`` …; which are accepted is policy."""
    number: Code
    issuing_country: Country
    issuing_authority: Line = ""
    name_as_printed: Line = ""
    issued_on: date | None = None
    valid_from: date | None = None
    expires_on: date | None = None
    no_expiry: bool = False
    """Long-term documents say so; no date stands for never."""
    mrz: Annotated[tuple[Code, ...], msgspec.Meta(max_length=3)] = ()
    """Lines of the machine-readable zone (ICAO 9303)."""
    form: Literal["original", "copy", "certified-copy"] = "original"
    channel: Word = ""
    held_by: Word = ""
    """The customer under whose number this document is known already: a suspected or merged duplicate."""


class DocumentVerified(CustomerEvent, frozen=True, kw_only=True):
    """A document was checked: method, result and reference of the check (O2-07 art. 33)."""

    TOPIC: ClassVar[str] = "document.verified"

    kind: Code
    number: Code
    method: Code
    """``chip``, ``citizen-id-check``, ``visual``, ``video`` …"""
    result: Literal["match", "no-match", "unavailable"]
    reference: Word = ""
    checked_by: Code


# --- state ----------------------------------------------------------------------------------------------


def current(state: CustomerState, on: date) -> tuple[DocumentCaptured, ...]:
    """The customer's documents that are valid on a day."""
    return tuple(document for document in state.documents if is_valid(document, on))


def is_valid(document: DocumentCaptured, on: date) -> bool:
    """Whether a document is valid on a day, going by what is printed on it."""
    if document.valid_from is not None and document.valid_from > on:
        return False
    return document.no_expiry or (document.expires_on is not None and document.expires_on >= on)


def document_claim(document: DocumentCaptured) -> Claim:
    """One document belongs to one customer: the natural key that says so."""
    return Claim("document", f"{document.issuing_country}|{document.kind}|{bare(document.number)}")


def bare(number: str) -> str:
    """A document number as it is compared: without blanks, in capitals."""
    return "".join(number.split()).upper()


@CUSTOMER.changes(DocumentCaptured)
def _captured(state: CustomerState, event: DocumentCaptured) -> CustomerState:
    return msgspec.structs.replace(state, documents=(*state.documents, event))


@CUSTOMER.changes(DocumentVerified)
def _checked(state: CustomerState, event: DocumentVerified) -> CustomerState:
    return msgspec.structs.replace(state, checks=(*state.checks, event))


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


RESIDENT_ID: Final = "resident-id"
BUSINESS_LICENCES: Final = frozenset({"business-licence", "registration-certificate"})
_USCC: Final = 18
"""Digits of a unified social credit code; older licences have 13 or 15 and no common check digit."""
