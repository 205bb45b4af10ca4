"""Row 15: records are kept as long as the law says; two people dispose of them, and any hold beats them."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from fix_world_china import onboard, open_account, paid, person

from kyc.domain.customer import RelationshipEnded
from kyc.domain.disposal import (
    ClockRestarted,
    ClockStarted,
    ClockStopped,
    ConflictDecided,
    DeadlineComputed,
    DisposalApproved,
    DisposalProposed,
    DisposalRejected,
    HoldPlaced,
    HoldReleased,
    KeyDestroyed,
    RecordDisposed,
)
from kyc.domain.event import RecordClass
from kyc.domain.life import CustomerDeceased, CustomersMerged, MergeReverted
from kyc.domain.submission import StreamName
from kyc.errors import VersionConflictError
from projections import retention_deadlines
from projections.retention_deadlines import Asked
from replay import reconstruct

SUBJECT = "customer/C1"


def proposed(world, number: str = "X1", **fields) -> DisposalProposed:
    """A proposal for identity records whose period ended in 2025."""
    values = {
        "occurred_at": world.now, "subject": SUBJECT, "disposal": number, "record_class": RecordClass.IDENTITY,
        "policies": ("CN-ID-25",), "earliest": date(2025, 12, 31), "proposer": "R-1",
    }  # fmt: skip
    return DisposalProposed(**values | fields)


def approved(world, number: str = "X1", approver: str = "R-2") -> DisposalApproved:
    """The approval."""
    return DisposalApproved(occurred_at=world.now, subject=SUBJECT, disposal=number, approver=approver)


def hold(world, **fields) -> HoldPlaced:
    """A hold for an investigation."""
    return HoldPlaced(occurred_at=world.now, subject=SUBJECT, hold="H1", basis="aml-investigation", **fields)


def destroyed(world) -> KeyDestroyed:
    """The destruction of the key."""
    return KeyDestroyed(occurred_at=world.now, subject=SUBJECT, disposal="X1", data_key="K-1")


def completed(world) -> RecordDisposed:
    """The certificate."""
    return RecordDisposed(
        occurred_at=world.now, subject=SUBJECT, disposal="X1", certificate="ab" * 32, places=("events",), events=7
    )


def test_proposed_approved_destroyed_certified(world):
    """Who proposes does not approve; the key goes after approval, the certificate after the key."""
    assert world.refuse(proposed(world), actor="R-2").rule == "the actor"
    world.record(proposed(world), actor="R-1")
    assert world.refuse(proposed(world), actor="R-1").rule == "unique for the subject"
    assert world.refuse(approved(world, approver="R-1"), actor="R-1").field == "approver"
    assert world.refuse(approved(world), actor="R-3").field == "approver"
    assert world.refuse(approved(world, "X9"), actor="R-2").rule == "proposed first"
    assert world.refuse(destroyed(world)).rule == "disposal.approved"
    world.record(approved(world), actor="R-2")
    assert world.refuse(approved(world), actor="R-2").rule == "approved or rejected once"
    assert world.refuse(completed(world)).rule == "disposal.key_destroyed"
    world.record(destroyed(world))
    world.record(completed(world))
    assert world.state("retention", SUBJECT).disposals[0].status == "completed"


def test_a_hold_placed_after_the_approval_wins(world):
    """Approval at ten, hold at one past ten: at two past ten nothing is destroyed, until the hold is released."""
    world.record(proposed(world), actor="R-1")
    world.record(approved(world), actor="R-2")
    world.record(hold(world))
    assert world.refuse(destroyed(world)).rule == "hold.placed"
    alone = HoldReleased(occurred_at=world.now, subject=SUBJECT, hold="H1", reason="closed", approver="T-1")
    assert world.refuse(alone).rule == "two people"
    world.record(HoldReleased(occurred_at=world.now, subject=SUBJECT, hold="H1", reason="closed", approver="T-2"))
    world.record(destroyed(world))


def test_a_hold_decided_at_the_same_time_collides(world):
    """A destruction decided before a hold was seen wants the hold's version, and only one of them gets it."""
    world.record(proposed(world), actor="R-1")
    world.record(approved(world), actor="R-2")
    world.record(hold(world), expected=2)
    other = HoldPlaced(occurred_at=world.now, subject=SUBJECT, hold="H2", basis="order")
    with pytest.raises(VersionConflictError):
        world.record(other, expected=2)


def test_holds_reach_classes_and_the_future(world):
    """A hold on transactions leaves identity free; one on everything covers what is recorded later as well."""
    world.record(hold(world, classes=(RecordClass.TRANSACTION,)))
    assert world.refuse(hold(world)).rule == "placed once"
    world.record(proposed(world), actor="R-1")
    held = proposed(world, "X2", record_class=RecordClass.TRANSACTION)
    assert world.refuse(held, actor="R-1").rule == "hold.placed"
    everything = HoldPlaced(occurred_at=world.now, subject=SUBJECT, hold="H2", basis="litigation")
    world.record(everything)
    assert world.refuse(approved(world), actor="R-2").rule == "hold.placed"
    unknown = HoldReleased(occurred_at=world.now, subject=SUBJECT, hold="H9", reason="r", approver="T-2")
    assert world.refuse(unknown).rule == "placed before it is released"


def test_nothing_goes_before_its_day(world):
    """A proposal before the deadline is refused; so is a destruction that an earlier clock had allowed."""
    early = proposed(world, earliest=date(2026, 6, 1))
    assert world.refuse(early, actor="R-1").rule == "not after today"
    world.record(proposed(world), actor="R-1")
    world.record(
        DisposalRejected(occurred_at=world.now, subject=SUBJECT, disposal="X1", approver="R-2", reason="doubt"),
        actor="R-2",
    )
    assert world.refuse(destroyed(world)).rule == "disposal.approved"


def test_a_clock_that_went_back_destroys_nothing(world):
    """What was approved when today was later is not destroyed while the deadline is still ahead."""
    world.record(proposed(world, earliest=world.today), actor="R-1")
    world.record(approved(world), actor="R-2")
    world.today = date(2026, 3, 1)
    assert world.refuse(destroyed(world)).rule == "not after today"


def test_a_conflict_is_decided_by_people(world):
    """Ten years in one country, deletion after five in the other: two people decide and say why."""
    world.record(
        DeadlineComputed(
            occurred_at=world.now, subject=SUBJECT, record_class=RecordClass.IDENTITY, evaluated_on=world.today,
            policies=("CN-ID-25", "EU-AMLR77"), earliest_disposal=date(2035, 6, 30),
            must_delete_by=date(2030, 6, 30), conflict=True,
        )
    )  # fmt: skip
    decision = ConflictDecided(
        occurred_at=world.now, subject=SUBJECT, record_class=RecordClass.IDENTITY, decision="keep",
        reasons="home law is stricter", approver="T-1",
    )  # fmt: skip
    assert world.refuse(decision).rule == "two people"
    world.record(decision, actor="R-1")


def dues(world, kind: str, key: str, on: date = date(2090, 1, 1), law: str = "CN") -> dict[tuple[str, str], str]:
    """What may become of somebody's records, long after."""
    world.project()
    found = retention_deadlines.deadlines(world.log, Asked(on, jurisdictions=(law,)), StreamName(kind, key))
    return {(due.record_class, due.period): due.deadline.state for due in found}


def test_one_goes_the_other_stays(china):
    """Two people on one transfer: the keys of one are destroyed, the other's evidence is whole and all verifies."""
    for number in ("1", "2"):
        onboard(china, f"C{number}")
        open_account(china, f"A{number}", f"C{number}")
    one, two = (paid(china, "T1", f"A{number}", "77.00").legs[0] for number in (1, 2))
    transfer = msgspec.structs.replace(
        paid(china, "T1", "A1", "77.00"), legs=(one, msgspec.structs.replace(two, direction="credit"))
    )
    china.record(transfer)
    china.seal()
    row = china.recorded("customer", "C1")[0].row
    assert china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    assert china.log.key_store.empty(row.data_key, [row.stream_id]).events
    found = reconstruct.transaction(china.log, china.sealed, "T1")
    assert [part.told.stream.key for part in found.parts] == ["A1", "A2"]
    names = {party.known.stream.key: party.known.then for party in found.parties}
    assert names["C1"] is None
    assert [name.text for name in names["C2"].names] == ["Person C2"]
    assert china.verify().ok


def test_files_of_one_person_go_together(china):
    """An absorbed file goes by the end of the surviving one, and a hold on either keeps both."""
    onboard(china, "C1")
    onboard(china, "C2")
    china.record(CustomersMerged(occurred_at=china.now, absorbed="C2", reason="same", approver="HQ-2"), "C1")
    assert dues(china, "customer", "C2")["identity", ""] == "no-clock"
    china.record(RelationshipEnded(occurred_at=china.now, on=china.today, reason="left"), "C1")
    assert {dues(china, "customer", number)["identity", ""] for number in ("C1", "C2")} == {"due"}
    china.record(hold(china, since=date(2020, 1, 1)))
    assert {dues(china, "customer", number)["identity", ""] for number in ("C1", "C2")} == {"held"}
    assert china.project().rebuild("retention_trigger").equal is True


def test_a_merger_that_was_wrong(china):
    """Once it is reverted each file has its own clock again."""
    onboard(china, "C1")
    onboard(china, "C2")
    china.record(CustomersMerged(occurred_at=china.now, absorbed="C2", reason="same", approver="HQ-2"), "C1")
    reverted = MergeReverted(occurred_at=china.now, absorbed="C2", reason="a namesake", approver="HQ-2")
    china.record(reverted, "C1")
    china.record(RelationshipEnded(occurred_at=china.now, on=china.today, reason="left"), "C1")
    assert dues(china, "customer", "C1")["identity", ""] == "due"
    assert dues(china, "customer", "C2")["identity", ""] == "no-clock"


def test_imported_without_a_trigger(china):
    """Old records of which nobody knows when the relationship ended come with their source, and are kept."""
    china.record(person("C1", china, source="archive"))
    unknown = ClockStarted(
        occurred_at=china.now, subject="customer/C1", record_class=RecordClass.IDENTITY,
        trigger="relationship-ended", source="archive of 1998, box 12",
    )  # fmt: skip
    china.record(unknown)
    assert dues(china, "customer", "C1")["identity", ""] == "no-clock"
    assert china.events("retention", "customer/C1")[0].source == "archive of 1998, box 12"


def started(world, trigger: str, on: date, subject: str = SUBJECT) -> ClockStarted:
    """A trigger of identity records that is no event of ours."""
    return ClockStarted(
        occurred_at=world.now, subject=subject, record_class=RecordClass.IDENTITY, trigger=trigger, on=on,
        source="letter of the notary",
    )  # fmt: skip


def test_an_estate_is_settled(china):
    """At death nothing runs; ten years run from the day the estate was settled, which the notary's letter tells."""
    onboard(china, "C1")
    china.record(CustomerDeceased(occurred_at=china.now, on=china.today, evidence="certificate"), "C1")
    assert dues(china, "customer", "C1")["identity", ""] == "no-clock"
    china.today = date(2026, 9, 1)
    china.record(started(china, "estate-settled", china.today))
    found = {on: dues(china, "customer", "C1", on)["identity", ""] for on in (date(2036, 9, 1), date(2036, 9, 2))}
    assert found == {date(2036, 9, 1): "running", date(2036, 9, 2): "due"}
    assert china.project().rebuild("retention_trigger").equal is True


def test_an_imported_end_and_a_return(china):
    """A relationship that ended before our time is said to have; the customer comes back, and leaves again."""
    china.record(person("C1", china, source="archive"))
    china.record(started(china, "relationship-ended", date(2020, 6, 30)))
    china.record(started(china, "something-else", date(2020, 6, 30)))
    assert dues(china, "customer", "C1")["identity", ""] == "due"
    back = ClockStopped(
        occurred_at=china.now, subject=SUBJECT, record_class=RecordClass.IDENTITY, on=china.today, reason="is back"
    )
    china.record(back)
    assert dues(china, "customer", "C1")["identity", ""] == "no-clock"
    china.today = date(2027, 1, 31)
    again = ClockRestarted(
        occurred_at=china.now, subject=SUBJECT, record_class=RecordClass.IDENTITY, trigger="relationship-ended",
        on=china.today,
    )  # fmt: skip
    china.record(again)
    assert dues(china, "customer", "C1", date(2037, 1, 31))["identity", ""] == "running"
    assert dues(china, "customer", "C1", date(2037, 2, 1))["identity", ""] == "due"
    assert china.project().rebuild("retention_trigger").equal is True


def test_a_card_lies_dormant(china):
    """That a card is used no more ends nothing in China, and starts the clock of identification in the US."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    said = ClockStarted(
        occurred_at=china.now, subject="account/A1", record_class=RecordClass.ACCOUNT, trigger="card-dormant",
        on=china.today, source="card system",
    )  # fmt: skip
    china.record(said)
    found = [dues(china, "customer", "C1", date(2031, 3, 3), law)["identity", ""] for law in ("CN", "US")]
    assert found == ["no-clock", "due"]
