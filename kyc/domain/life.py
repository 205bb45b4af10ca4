"""What happens in a customer's life: people who act for them, duplicates and mergers, death, majority, return.

All in the customer's own stream; a merger is recorded in both. Serves O2-07 art. 20-23, AML24 art. 31-34, PIPL
art. 31 and 49, AMLR art. 21 and 77. Clocks of earlier relationships are not touched by a return: they are computed.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from kyc.domain.account import ACCOUNT, AccountOpened, AccountState, HolderAdded
from kyc.domain.calendar import age_on
from kyc.domain.currencies import check_number
from kyc.domain.customer import CUSTOMER, CustomerEvent, CustomerState, changes, part, second_person
from kyc.domain.dates import check_date, check_past
from kyc.domain.event import Event, RecordClass
from kyc.domain.facets import Relation
from kyc.domain.stream import Given, Stream, check, companions, mentions
from kyc.domain.submission import Entry, StreamName
from kyc.domain.values import Code, Country, Line, Name, Party, Record, Text, Word
from kyc.errors import RefusedError


class PartyAdded(CustomerEvent, frozen=True, kw_only=True):
    """Somebody may act for, owns or belongs to the customer (AML24 art. 31; RO285 art. 7)."""

    TOPIC: ClassVar[str] = "customer.party_added"

    id: Code
    """Of this relation, unique in the customer's file."""
    party: Party
    kind: Literal[
        "agent", "guardian", "legal-representative", "responsible-person", "controller", "signatory", "relative",
        "settlor", "trustee", "protector", "beneficiary", "nominee",
    ]  # fmt: skip
    since: date
    until: date | None = None
    """Last day, where the mandate was given for a time."""
    proof: Text
    """Power of attorney, court decision, household register …"""
    scope: Line = ""


class PartyEnded(CustomerEvent, frozen=True, kw_only=True):
    """Somebody no longer acts for, owns or belongs to the customer."""

    TOPIC: ClassVar[str] = "customer.party_ended"

    id: Code
    on: date
    reason: Text


class GuardianshipEnded(CustomerEvent, frozen=True, kw_only=True):
    """The ward came of age: rights pass to the person (PIPL art. 31; civil code: 18)."""

    TOPIC: ClassVar[str] = "customer.guardianship_ended"

    id: Code
    on: date


class DuplicateSuspected(CustomerEvent, frozen=True, kw_only=True):
    """Two files may be about one person; a person decides (seed rule 1)."""

    TOPIC: ClassVar[str] = "customer.duplicate_suspected"

    other: Code
    why: Text


class CustomersMerged(CustomerEvent, frozen=True, kw_only=True):
    """Two files are about one person: this one survives, the other stays readable and takes nothing more."""

    TOPIC: ClassVar[str] = "customer.merged"

    absorbed: Code
    reason: Text
    approver: Code
    """The second person."""


class CustomerAbsorbed(CustomerEvent, frozen=True, kw_only=True):
    """This file belongs to a surviving one; recorded with the merger."""

    TOPIC: ClassVar[str] = "customer.absorbed"
    SUBMITTED: ClassVar[bool] = False

    survivor: Code


class MergeReverted(CustomerEvent, frozen=True, kw_only=True):
    """The merger was wrong: both files stand alone again, with what each took meanwhile."""

    TOPIC: ClassVar[str] = "customer.merge_reverted"

    absorbed: Code
    reason: Text
    approver: Code


class CustomerRestored(CustomerEvent, frozen=True, kw_only=True):
    """This file stands alone again; recorded with the reverted merger."""

    TOPIC: ClassVar[str] = "customer.restored"
    SUBMITTED: ClassVar[bool] = False

    survivor: Code


class CustomerDeceased(CustomerEvent, frozen=True, kw_only=True):
    """The person died. Accounts stay until they are settled, and no clock starts before (PIPL art. 49)."""

    TOPIC: ClassVar[str] = "customer.deceased"

    on: date
    evidence: Text


class RelationshipReopened(CustomerEvent, frozen=True, kw_only=True):
    """A former customer came back: the clock of the present file stops, the earlier end stays recorded."""

    TOPIC: ClassVar[str] = "customer.relationship_reopened"

    on: date
    previous_end: date


class BranchTransferred(CustomerEvent, frozen=True, kw_only=True):
    """Another branch looks after the customer; the history stays where it is."""

    TOPIC: ClassVar[str] = "customer.branch_transferred"

    to: Code
    """Branch code."""
    reason: Line = ""


class ProspectRefused(Event, frozen=True, kw_only=True):
    """Somebody was not taken as a customer; the attempt is a record with a clock of its own (AMLR art. 21, 77)."""

    TOPIC: ClassVar[str] = "prospect.refused"
    STREAM: ClassVar[str] = "prospect"
    KEY: ClassVar[str] = "prospect"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.DUE_DILIGENCE

    prospect: Code
    names: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=20)]
    birth_date: date | None = None
    nationalities: Annotated[tuple[Country, ...], msgspec.Meta(max_length=10)] = ()
    document_kind: Word = ""
    document_number: Word = ""
    reason: Text
    cdd_reference: Word = ""
    report_considered: bool
    """Whether a suspicious report was considered, whatever the answer."""
    on: date


class Prospect(Record, frozen=True, kw_only=True):
    """Somebody who was refused."""

    prospect: str
    on: date


PROSPECT: Final = Stream("prospect", Prospect)
MAJORITY: Final = 18
"""Years; full civil capacity (civil code art. 17-18)."""


@PROSPECT.begins(ProspectRefused)
def _prospect(event: ProspectRefused) -> Prospect:
    return Prospect(prospect=event.prospect, on=event.on)


part(
    "life", PartyAdded,
    lambda life, event: {
        "relations": (
            *life.relations,
            Relation(
                id=event.id, party=msgspec.structs.replace(event.party, role=event.kind), since=event.since,
                until=event.until,
            ),
        )
    },
)  # fmt: skip
for _kind in (PartyEnded, GuardianshipEnded):
    part(
        "life", _kind,
        lambda life, event: {"relations": tuple(known for known in life.relations if known.id != event.id)},
    )  # fmt: skip
part("life", DuplicateSuspected, lambda life, event: {"suspected": (*life.suspected, event.other)})
part(
    "life", CustomersMerged,
    lambda life, event: {
        "absorbed": (*life.absorbed, event.absorbed),
        "suspected": tuple(other for other in life.suspected if other != event.absorbed),
    },
)  # fmt: skip
part("life", CustomerAbsorbed, lambda _, event: {"merged_into": event.survivor})
part(
    "life", MergeReverted,
    lambda life, event: {"absorbed": tuple(other for other in life.absorbed if other != event.absorbed)},
)  # fmt: skip
part("life", CustomerRestored, lambda _, __: {"merged_into": ""})
part("life", CustomerDeceased, lambda _, event: {"deceased_on": event.on})
part("life", BranchTransferred, lambda _, event: {"branch": event.to})
changes(
    RelationshipReopened,
    lambda state, event: {
        "relationship_from": event.on,
        "relationship_to": None,
        "life": msgspec.structs.replace(
            state.life,
            former=(*state.life.former, (state.relationship_from or event.previous_end, event.previous_end)),
        ),
    },
)


# --- rules ----------------------------------------------------------------------------------------------


@check(PartyAdded)
def _check_party(event: PartyAdded, _: date) -> None:
    check_date(event.since, "since")
    check_date(event.until, "until")
    if event.until is not None and event.until < event.since:
        raise RefusedError("ends before it begins", field="until", rule="not before since")
    if event.party.percentage is not None:
        check_number(event.party.percentage, "party.percentage")


@check(PartyEnded, GuardianshipEnded, CustomerDeceased, RelationshipReopened, ProspectRefused)
def _check_on(
    event: PartyEnded | GuardianshipEnded | CustomerDeceased | RelationshipReopened | ProspectRefused, today: date
) -> None:
    check_past(event.on, today, "on")


@CUSTOMER.always
def _not_absorbed(state: CustomerState, _: Event, __: Given) -> None:
    if state.life.merged_into:
        raise RefusedError(
            "this file was merged into another", field="stream", rule="customer.merged",
            remedy="record it with the surviving customer, or revert the merger",
        )  # fmt: skip


@CUSTOMER.rule(PartyAdded)
def _new_relation(state: CustomerState, event: PartyAdded, _: Given) -> None:
    if any(known.id == event.id for known in state.life.relations):
        raise RefusedError("this relation exists", field="id", rule="unique in the file", remedy="end it first")


@CUSTOMER.rule(PartyEnded, GuardianshipEnded)
def _known_relation(state: CustomerState, event: PartyEnded | GuardianshipEnded, _: Given) -> None:
    relation = next((known for known in state.life.relations if known.id == event.id), None)
    if relation is None:
        raise RefusedError("no such relation", field="id", rule="added before it ends")
    if event.on < relation.since:
        raise RefusedError("ends before it began", field="on", rule="not before since")
    if isinstance(event, GuardianshipEnded):
        _came_of_age(state, event, relation)


def _came_of_age(state: CustomerState, event: GuardianshipEnded, relation: Relation) -> None:
    if relation.party.role != "guardian":
        raise RefusedError("this is no guardian", field="id", rule="a relation of kind guardian")
    birth = state.registered.birth_date
    if birth is None or age_on(birth, event.on) < MAJORITY:
        raise RefusedError("the ward is not of age", field="on", rule=f"{MAJORITY} years")


@mentions(DuplicateSuspected)
def _suspected(event: DuplicateSuspected) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.other),)


@mentions(CustomersMerged)
def _merged(event: CustomersMerged) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.absorbed),)


@mentions(MergeReverted)
def _reverted(event: MergeReverted) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.absorbed),)


@CUSTOMER.rule(DuplicateSuspected)
def _another(state: CustomerState, event: DuplicateSuspected, given: Given) -> None:
    given.state("customer", event.other, "other")
    if event.other == state.customer:
        raise RefusedError("a file is no duplicate of itself", field="other", rule="another customer")


@CUSTOMER.rule(CustomersMerged)
def _may_merge(state: CustomerState, event: CustomersMerged, given: Given) -> None:
    second_person(event.approver, given, "approver")
    other: CustomerState = given.state("customer", event.absorbed, "absorbed")
    if event.absorbed == state.customer:
        raise RefusedError("a file cannot absorb itself", field="absorbed", rule="another customer")
    if other.life.merged_into:
        raise RefusedError("that file was merged already", field="absorbed", rule="absorbed once")
    if other.life.absorbed:
        raise RefusedError(
            "that file has absorbed others", field="absorbed", rule="one level", remedy="merge those first"
        )
    if (other.type == "natural") != (state.type == "natural"):
        raise RefusedError("a person and a body are not one", field="absorbed", rule="customers of one nature")


@CUSTOMER.rule(MergeReverted)
def _may_revert(state: CustomerState, event: MergeReverted, given: Given) -> None:
    second_person(event.approver, given, "approver")
    if event.absorbed not in state.life.absorbed:
        raise RefusedError("that file was not merged into this one", field="absorbed", rule="merged before")


@companions(CustomersMerged)
def _absorb(survivor: StreamName, event: CustomersMerged) -> tuple[Entry, ...]:
    name = StreamName("customer", event.absorbed)
    return (Entry(name, name, CustomerAbsorbed(occurred_at=event.occurred_at, survivor=survivor.key)),)


@companions(MergeReverted)
def _restore(survivor: StreamName, event: MergeReverted) -> tuple[Entry, ...]:
    name = StreamName("customer", event.absorbed)
    return (Entry(name, name, CustomerRestored(occurred_at=event.occurred_at, survivor=survivor.key)),)


@CUSTOMER.rule(CustomerDeceased)
def _dies_once(state: CustomerState, event: CustomerDeceased, _: Given) -> None:
    if state.type not in {"natural", "sole-trader"}:
        raise RefusedError("only a person dies", field="stream", rule="a natural person")
    if state.life.deceased_on is not None:
        raise RefusedError("the death is recorded", field="on", rule="once", remedy="correct it by a new event")
    birth = state.registered.birth_date
    if birth is not None and event.on < birth:
        raise RefusedError("died before birth", field="on", rule="not before birth_date")


@CUSTOMER.rule(RelationshipReopened)
def _returns(state: CustomerState, event: RelationshipReopened, _: Given) -> None:
    if state.relationship_to is None:
        raise RefusedError("the relationship has not ended", field="on", rule="ended before it is reopened")
    if event.previous_end != state.relationship_to or event.on < event.previous_end:
        raise RefusedError(
            "not the recorded end", field="previous_end", rule="as recorded, and not after the return",
            remedy="read the file again",
        )  # fmt: skip


@ACCOUNT.rule(AccountOpened)
def _living_holders(_: AccountState, event: AccountOpened, given: Given) -> None:
    for at, holder in enumerate(event.holders):
        _living(given.state("customer", holder.customer, f"holders[{at}].customer"), f"holders[{at}].customer")


@ACCOUNT.rule(HolderAdded)
def _living_holder(_: AccountState, event: HolderAdded, given: Given) -> None:
    _living(given.state("customer", event.holder.customer, "holder.customer"), "holder.customer")


def _living(state: CustomerState, field: str) -> None:
    if state.life.deceased_on is not None:
        raise RefusedError("the customer has died", field=field, rule="no new accounts after death")
    if state.life.merged_into:
        raise RefusedError(
            "that file was merged into another", field=field, rule="customer.merged",
            remedy="name the surviving customer",
        )  # fmt: skip
