"""Beneficial owners: the natural persons behind a body, on which basis and by which path.

Serves BO-24, O12-25, AMLR art. 22 and 62. From which share on somebody is one is policy, and differs with the risk.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from kyc.domain.currencies import check_number
from kyc.domain.customer import CUSTOMER, CustomerState, part
from kyc.domain.dates import check_past
from kyc.domain.diligence import CddEvent, is_new, is_open
from kyc.domain.facets import Diligence, Owner
from kyc.domain.policies import published
from kyc.domain.rulebook import Share
from kyc.domain.stream import POLICIES, Given, check, consults
from kyc.domain.values import Code, Line, Note, Party, Text, Word
from kyc.errors import RefusedError


class BeneficialOwnerIdentified(CddEvent, frozen=True, kw_only=True):
    """A natural person behind the customer (O12-25; AMLR art. 62), or nobody found and who stands in."""

    TOPIC: ClassVar[str] = "cdd.beneficial_owner_identified"

    id: Code
    owner: Party
    basis: Literal["shares", "income", "voting", "control", "joint-control", "senior-manager", "trust-role"]
    path: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)] = ()
    """Bodies between customer and owner, from the customer up; empty: direct."""
    formed_on: date | None = None
    evidence: Line = ""
    registry: Literal["", "same", "different", "absent"] = ""
    steps: Note = ""
    """What was tried, where a senior manager stands in (AMLR art. 22(2))."""


class BeneficialOwnerChanged(CddEvent, frozen=True, kw_only=True):
    """An owner's share, basis or details became others."""

    TOPIC: ClassVar[str] = "cdd.beneficial_owner_changed"

    id: Code
    owner: Party
    basis: Literal["shares", "income", "voting", "control", "joint-control", "senior-manager", "trust-role"]
    path: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)] = ()
    changed_on: date
    evidence: Line = ""


class BeneficialOwnerEnded(CddEvent, frozen=True, kw_only=True):
    """A person is no longer a beneficial owner."""

    TOPIC: ClassVar[str] = "cdd.beneficial_owner_ended"

    id: Code
    on: date
    reason: Text


class RegistryDifferenceReported(CddEvent, frozen=True, kw_only=True):
    """The register says something else; the material difference was reported within 30 working days (BO-24)."""

    TOPIC: ClassVar[str] = "cdd.registry_difference_reported"

    owner: Code
    difference: Text
    reference: Word = ""


# --- state ----------------------------------------------------------------------------------------------


consults(POLICIES, BeneficialOwnerIdentified, BeneficialOwnerChanged)


def _owner(event: BeneficialOwnerIdentified | BeneficialOwnerChanged) -> Owner:
    return Owner(id=event.id, name=event.owner.name, basis=event.basis)


def _others(state: Diligence, owner: str) -> tuple[Owner, ...]:
    return tuple(known for known in state.owners if known.id != owner)


for _kind in (BeneficialOwnerIdentified, BeneficialOwnerChanged):
    part("diligence", _kind, lambda d, event: {"owners": (*_others(d, event.id), _owner(event))})
part("diligence", BeneficialOwnerEnded, lambda d, event: {"owners": _others(d, event.id)})


# --- rules ----------------------------------------------------------------------------------------------


@check(BeneficialOwnerIdentified, BeneficialOwnerChanged)
def _check_owner(event: BeneficialOwnerIdentified | BeneficialOwnerChanged, today: date) -> None:
    share = event.owner.percentage
    if share is not None:
        check_number(share, "owner.percentage")
        if not 0 < share <= _WHOLE:
            raise RefusedError("impossible share", field="owner.percentage", rule="above 0, at most 100")
    check_past(event.formed_on if isinstance(event, BeneficialOwnerIdentified) else event.changed_on, today, "on")
    if isinstance(event, BeneficialOwnerIdentified) and event.basis == "senior-manager" and not event.steps:
        raise RefusedError(
            "a manager stands in without steps taken", field="steps", rule="AMLR art. 22(2)",
            remedy="say what was tried to find the owner",
        )  # fmt: skip


@check(BeneficialOwnerEnded)
def _check_ended(event: BeneficialOwnerEnded, today: date) -> None:
    check_past(event.on, today, "on")


@CUSTOMER.rule(BeneficialOwnerIdentified)
def _new_owner(state: CustomerState, event: BeneficialOwnerIdentified, given: Given) -> None:
    if state.type == "natural":
        raise RefusedError("a person has no owner", field="stream", rule="bodies, sole traders and trusts")
    is_new(tuple(owner.id for owner in state.diligence.owners), event.id, "unique in the file")
    _above_threshold(state, event, given)


@CUSTOMER.rule(BeneficialOwnerChanged)
def _known_owner(state: CustomerState, event: BeneficialOwnerChanged, given: Given) -> None:
    is_open(tuple(owner.id for owner in state.diligence.owners), event.id, "id", "identified before")
    _above_threshold(state, event, given)


def _above_threshold(
    state: CustomerState, event: BeneficialOwnerIdentified | BeneficialOwnerChanged, given: Given
) -> None:
    """Who owns less than the threshold is no beneficial owner by shares: then control has to be shown."""
    share = event.owner.percentage
    if event.basis not in {"shares", "income", "voting"}:
        return
    level = state.risk.level if state.risk is not None else "low"
    ruling = published(given).ruling("owner.share", event.occurred_at.date(), risk=level)
    if ruling is None:
        return
    least = ruling.of(Share).percent
    if share is None or share < least:
        raise RefusedError(
            "below the threshold", field="owner.percentage", rule=f"from {least} percent: {ruling.row.source}",
            remedy="name the basis of control, or leave the person out",
        )  # fmt: skip


@CUSTOMER.rule(BeneficialOwnerEnded)
def _owner_ends(state: CustomerState, event: BeneficialOwnerEnded, _: Given) -> None:
    is_open(tuple(owner.id for owner in state.diligence.owners), event.id, "id", "identified before it ends")


@CUSTOMER.rule(RegistryDifferenceReported)
def _owner_differs(state: CustomerState, event: RegistryDifferenceReported, _: Given) -> None:
    is_open(tuple(owner.id for owner in state.diligence.owners), event.owner, "owner", "identified before")


_WHOLE: Final = Decimal(100)
