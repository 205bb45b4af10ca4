"""Identity documents of a customer: captured with their scans, verified, in the customer's own stream.

What they must hold, and what becomes of them, stands in :mod:`kyc.domain.papers`. Serves RO285 art. 5-7, O2-07
art. 33, 31 CFR 1010.430. Expiry is a computed state, no event arrives for it.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal, Protocol

import msgspec

from kyc.domain.event import Event, RecordClass, Scanned
from kyc.domain.submission import Claim
from kyc.domain.values import Code, Country, Line, Word


class DocumentCaptured(Scanned, frozen=True, kw_only=True):
    """A document was taken in, with images of its sides (RO285 art. 7; AML24 art. 29)."""

    TOPIC: ClassVar[str] = "document.captured"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY
    STREAM: ClassVar[str] = "customer"
    BY_FIELD: ClassVar[bool] = True

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


class DocumentVerified(Event, frozen=True, kw_only=True):
    """A document was checked: method, result and reference of the check (O2-07 art. 33)."""

    TOPIC: ClassVar[str] = "document.verified"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY
    STREAM: ClassVar[str] = "customer"

    kind: Code
    number: Code
    method: Code
    """``chip``, ``citizen-id-check``, ``visual``, ``video`` …"""
    result: Literal["match", "no-match", "unavailable"]
    reference: Word = ""
    checked_by: Code


class Documented(Protocol):
    """Somebody whose documents were captured: the state of a customer."""

    @property
    def documents(self) -> tuple[DocumentCaptured, ...]: ...


def current(state: Documented, on: date) -> tuple[DocumentCaptured, ...]:
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
