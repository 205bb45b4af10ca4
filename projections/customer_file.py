"""What is told of a customer's file in clear: where it stands, which fields are filled in, what contradicts itself.

Words of the form and codes, never a value: columns of :mod:`projections.customer_profile`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from kyc.domain import templates
from kyc.domain.customer import CustomerRegistered, CustomerState
from kyc.domain.document import DocumentCaptured, bare
from kyc.domain.identifiers import resident_id_valid
from kyc.domain.papers import RESIDENT_ID
from projections import names

_FIELDS: Final = tuple(name for name in CustomerRegistered.__struct_fields__ if name not in templates.ALWAYS)
_EMPTY: Final = ("", None, ())


def status(state: CustomerState) -> str:
    """``registered``, ``verified``, ``active``, ``ended``, ``deceased`` or ``merged``."""
    if state.life.merged_into:
        return "merged"
    if state.life.deceased_on is not None:
        return "deceased"
    if state.relationship_to is not None:
        return "ended"
    if state.relationship_from is not None:
        return "active"
    return "verified" if state.verified is not None else "registered"


def filled(state: CustomerState) -> list[str]:
    """The fields of the form that hold something now, in the order of the form."""
    now = {
        "addresses": state.addresses,
        "phones": state.phones,
        "email": state.email,
        "parties": state.registered.parties or state.life.relations,
    }
    return [name for name in _FIELDS if now.get(name, getattr(state.registered, name)) not in _EMPTY]


def findings(state: CustomerState) -> list[str]:
    """What contradicts itself in the file (seed rule 10; PIPL art. 8), and open doubts that it is one person's."""
    return [*dict.fromkeys(_findings(state))]


def _findings(state: CustomerState) -> Iterator[str]:
    if state.life.suspected:
        yield "duplicate-suspected"
    for document in state.documents:
        if bare(document.number) not in state.papers.void:
            yield from _against(document, state)


def _against(document: DocumentCaptured, state: CustomerState) -> Iterator[str]:
    printed = names.Query(names.words(document.name_as_printed))
    if printed.words and not any(names.matches(printed, name.text) for name in state.names):
        yield "document-name-differs"
    number = bare(document.number)
    if document.kind == RESIDENT_ID and resident_id_valid(number):
        born, gender = state.registered.birth_date, state.registered.gender
        if born is not None and date.fromisoformat(number[6:14]) != born:
            yield "birth-date-differs"
        if gender in _SEXES and gender != _SEXES[int(number[16]) % 2]:
            yield "gender-differs"


_SEXES: Final = ("female", "male")
"""By the last digit of the sequence in a resident identity number (GB 11643): even, odd."""
