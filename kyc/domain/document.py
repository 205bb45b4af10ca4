"""Identity documents of a customer: captured with their scans, verified, in the customer's own stream.

Serves RO285 art. 5-7, O2-07 art. 33, 31 CFR 1010.430. Expiry is a computed state, no event arrives for it.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from kyc.domain import customer
from kyc.domain.customer import CustomerState
from kyc.domain.event import Event, RecordClass, Scanned
from kyc.domain.values import Code, Country


class DocumentCaptured(Scanned, frozen=True, kw_only=True):
    """A document was taken in, with images of its sides (RO285 art. 7; AML24 art. 29)."""

    TOPIC: ClassVar[str] = "document.captured"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    kind: Code
    """``resident-id``, ``passport``, ``business-licence`` …; which are accepted is policy."""
    number: Code
    issuing_country: Country
    issuing_authority: str = ""
    name_as_printed: str = ""
    issued_on: date | None = None
    valid_from: date | None = None
    expires_on: date | None = None
    no_expiry: bool = False
    """Long-term documents say so; no date stands for never."""
    mrz: tuple[str, ...] = ()
    form: Literal["original", "copy", "certified-copy"] = "original"
    channel: str = ""


class DocumentVerified(Event, frozen=True, kw_only=True):
    """A document was checked: method, result and reference of the check (O2-07 art. 33)."""

    TOPIC: ClassVar[str] = "document.verified"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    kind: Code
    number: Code
    method: Code
    """``chip``, ``citizen-id-check``, ``visual``, ``video`` …"""
    result: Literal["match", "no-match", "unavailable"]
    reference: str = ""
    checked_by: Code


def current(state: CustomerState, on: date) -> tuple[DocumentCaptured, ...]:
    """The customer's documents that are valid on a day."""
    return tuple(
        document
        for document in state.documents
        if document.no_expiry or (document.expires_on is not None and document.expires_on >= on)
    )


customer.changes(DocumentCaptured, lambda state, event: {"documents": (*state.documents, event)})
