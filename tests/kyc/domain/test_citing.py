"""What is said of another transaction: it is on record, on that account; a reversal turns round what was booked."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from fix_samples import SAMPLES
from fix_world import World
from fix_world_china import onboard, open_account, paid

from kyc.domain.event import Event
from kyc.domain.stream import Cited
from kyc.domain.transaction import BookTransaction, Leg, PaymentDetailed, TransactionRejected, TransactionReversed
from kyc.errors import ClaimConflictError

LATER = (
    "transaction.corrected", "transaction.detailed", "transaction.counterparty_completed",
    "transaction.document_attached",
)  # fmt: skip


@pytest.fixture
def bank(world: World) -> World:
    """Two customers with an account each; T1 is a transfer of 77 from A1 to A2."""
    for number in "12":
        onboard(world, f"C{number}")
        open_account(world, f"A{number}", f"C{number}")
    world.record(transfer(world, "T1", "77.00", "77.00"))
    return world


def transfer(
    world: World, reference: str, gone: str, come: str, *accounts: str, **fields: object
) -> BookTransaction:
    """A booking out of one account into another, A1 into A2 if nothing else is said."""
    source, target = accounts or ("A1", "A2")
    legs = (
        Leg(account=source, direction="debit", amount=Decimal(gone), currency="CNY"),
        Leg(account=target, direction="credit", amount=Decimal(come), currency="CNY"),
    )
    return msgspec.structs.replace(paid(world, reference, "A1", "1"), legs=legs, **fields)


def later(world: World, topic: str, **fields: object) -> Event:
    """Something that is said of T1 on A1 afterwards."""
    said = {"account": "A1", "reference": "T1"} | fields
    if topic == "transaction.detailed":
        return PaymentDetailed(occurred_at=world.now, direction="debit", source="camt.054", **said)  # type: ignore[arg-type]
    event = msgspec.structs.replace(SAMPLES[topic], occurred_at=world.now, **said)
    return msgspec.structs.replace(event, images=()) if topic.endswith("attached") else event


def noted(world: World, by: str, **fields: str) -> TransactionReversed:
    """The note that T1 was taken back."""
    values = {"account": "A1", "reference": "T1", "reason": "twice"} | fields
    return TransactionReversed(occurred_at=world.now, reversed_by=by, **values)


@pytest.mark.parametrize("topic", LATER)
def test_what_is_said_later_is_of_a_booking(bank: World, topic: str) -> None:
    """Whatever is said later is of a booking on that account, or it is refused."""
    bank.record(later(bank, topic))
    bank.record(later(bank, topic, account="A2"))
    assert bank.refuse(later(bank, topic, reference="T9")).field == "reference"
    onboard(bank, "C3")
    open_account(bank, "A3", "C3")
    assert bank.refuse(later(bank, topic, account="A3")).rule == "a leg on this account"
    bank.cited["T1"] = Cited(None)
    bank.record(later(bank, topic, account="A3"))  # of what was disposed of, only that it was there is known


def test_a_rejection_has_papers_but_is_not_corrected(bank: World) -> None:
    """Papers and details may belong to an instruction that was not carried out; fields of it are not corrected."""
    rejected = TransactionRejected(
        occurred_at=bank.now, reference="R1", account="A1", direction="debit", amount=Decimal(5), currency="CNY",
        reason="limit",
    )  # fmt: skip
    bank.record(rejected)
    for topic in LATER[2:]:
        bank.record(later(bank, topic, reference="R1"))
        assert bank.refuse(later(bank, topic, reference="R1", account="A2")).rule == "the reference of a booking"
    for topic in LATER[:2]:
        assert bank.refuse(later(bank, topic, reference="R1")).rule == "the reference of a booking"
    back = transfer(bank, "T2", "5", "5", "A2", "A1", reversal=True, parent="R1")
    assert (bank.refuse(back).field, bank.refuse(back).message) == ("parent", "only a booking is reversed")


def test_a_reversal_takes_back_what_was_booked_once(bank: World) -> None:
    """Other accounts, amounts or directions are no reversal; the right one is booked once."""
    for wrong in (
        transfer(bank, "T2", "77", "77", reversal=True, parent="T1"),
        transfer(bank, "T2", "76", "76", "A2", "A1", reversal=True, parent="T1"),
        transfer(bank, "T2", "77", "76", "A2", "A1", reversal=True, parent="T1"),
        msgspec.structs.replace(paid(bank, "T2", "A2", "77"), reversal=True, parent="T1"),
    ):
        assert bank.refuse(wrong).message == "not what was booked"
    bank.record(transfer(bank, "T2", "77", "77", "A2", "A1", reversal=True, parent="T1"))
    with pytest.raises(ClaimConflictError):
        bank.record(transfer(bank, "T3", "77", "77", "A2", "A1", reversal=True, parent="T1"))


def test_legs_of_several_amounts_are_taken_back_as_they_were(bank: World) -> None:
    """Each leg names the amounts of the others where they differ, and a reversal has to have all of them."""
    bank.record(transfer(bank, "T2", "100", "97.50"))
    assert [place.amount for place in bank.events("postings", "A1")[-1].legs] == [Decimal(100), Decimal("97.50")]
    assert [place.amount for place in bank.events("postings", "A1")[0].legs] == [None, None]
    wrong = transfer(bank, "T3", "100", "100", "A2", "A1", reversal=True, parent="T2")
    assert bank.refuse(wrong).field == "legs"
    bank.record(transfer(bank, "T3", "97.50", "100", "A2", "A1", reversal=True, parent="T2"))


def test_a_reversal_of_what_others_booked_is_kept(bank: World) -> None:
    """A statement may take back what nobody here recorded: it is a fact, and claims nothing of ours."""
    unit = bank.record(transfer(bank, "T2", "5", "5", reversal=True, parent="E2E-of-another-bank"))
    assert [claim.kind for claim in unit.claims] == ["transaction"]


def test_what_was_disposed_of_is_reversed_unseen(bank: World) -> None:
    """Of an original whose key is destroyed nothing is compared, but it is still reversed once."""
    bank.cited["T1"] = Cited(None)
    bank.record(transfer(bank, "T2", "5", "5", reversal=True, parent="T1"))
    with pytest.raises(ClaimConflictError):
        bank.record(transfer(bank, "T3", "77", "77", "A2", "A1", reversal=True, parent="T1"))


def test_the_note_names_the_reversal(bank: World) -> None:
    """That a booking was taken back is noted only with the booking that did it."""
    bank.record(transfer(bank, "T2", "77", "77", "A2", "A1"))
    bank.record(transfer(bank, "T3", "77", "77", "A2", "A1", reversal=True, parent="T1"))
    assert bank.refuse(noted(bank, "T9")).field == "reversed_by"
    assert bank.refuse(noted(bank, "T2")).message == "that booking takes back another, or none"
    assert bank.refuse(noted(bank, "T3", reference="T9")).field == "reference"
    bank.record(noted(bank, "T3"))
    bank.record(noted(bank, "T3", account="A2"))
