"""Rows 25, 26 and 32, freezes: by an accepted order, in turn, for its lawful term, lapsing at the exact moment."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from fix_samples import SAMPLES
from fix_world_china import accepted, onboard, open_account, order, paid

from kyc.domain.account import AccountClosed, AccountOpened, Holder
from kyc.domain.authority import Paper
from kyc.domain.restraint import (
    AccountDormant,
    AccountFrozen,
    AccountResumed,
    AccountSuspended,
    AgentAuthorised,
    AgentRevoked,
    FreezeLapsed,
    FreezeQueued,
    FreezeReleased,
    FreezeRenewed,
    FundsDeducted,
)
from kyc.domain.transaction import BookTransaction, Leg

HOURS = {
    "action": "freeze", "organ": "pboc-aml", "level": 5, "approval": 5, "papers": (Paper(kind="freeze-notice"),),
}  # fmt: skip


@pytest.fixture
def bank(china):
    """An account A1 and accepted orders: two courts to freeze, one to deduct, the central bank for 48 hours."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    for number, fields in {
        "O1": {"action": "freeze", "accounts": ("A1",)},
        "O2": {"action": "freeze", "accounts": ("A1", "A2")},
        "O3": {"action": "deduct"},
        "O4": HOURS | {"freeze_from": china.now, "freeze_until": china.now + timedelta(hours=48)},
        "O5": {"action": "freeze", "accounts": ("A7",)},
    }.items():
        china.record(order(china, number, **fields))
        china.record(accepted(china, number))
    china.record(order(china, "O6", action="freeze"))
    return china


def frozen(world, id_: str, by: str, days: int = 100, **fields) -> AccountFrozen:
    """A freeze of the whole account."""
    values = {"organ": "court", "until": world.now + timedelta(days=days)} | fields
    return AccountFrozen(occurred_at=world.now, id=id_, order=by, **values)


def test_no_freeze_without_an_accepted_order(bank):
    """An order that is unknown, not accepted, about something else or other accounts freezes nothing."""
    assert bank.refuse(frozen(bank, "F1", "O9"), "A1").rule == "the order is registered"
    assert bank.refuse(frozen(bank, "F1", "O6"), "A1").rule == "an accepted order to freeze"
    assert bank.refuse(frozen(bank, "F1", "O3"), "A1").rule == "an accepted order to freeze"
    assert bank.refuse(frozen(bank, "F1", "O5"), "A1").rule == "its accounts only"


def test_first_come_first(bank):
    """A second order waits; when the first is released the one that waited longest comes next."""
    queued = FreezeQueued(occurred_at=bank.now, id="F2", order="O2", organ="court")
    assert bank.refuse(queued, "A1").rule == "queued behind a freeze"
    bank.record(frozen(bank, "F1", "O1"), "A1")
    assert bank.refuse(frozen(bank, "F1", "O1"), "A1").rule == "unique on the account"
    assert bank.refuse(frozen(bank, "F2", "O2"), "A1").remedy == "queue it"
    bank.record(queued, "A1")
    assert bank.refuse(queued, "A1").rule == "unique on the account"
    bank.record(FreezeReleased(occurred_at=bank.now, id="F1", reason="paid", approver="T-2"), "A1")
    assert bank.refuse(frozen(bank, "F9", "O1"), "A1").rule == "first come first"
    bank.record(frozen(bank, "F2", "O2"), "A1")
    state = bank.state("account", "A1").restraints
    assert ([known.id for known in state.freezes], state.queue) == (["F2"], ())


def test_hours_are_hours(bank):
    """The central bank's freeze holds 48 hours, not a second more; it lapses at its moment and not before."""
    end = bank.now + timedelta(hours=48)
    later = end + timedelta(seconds=1)
    bank.record(order(bank, "O9", **HOURS, freeze_from=bank.now, freeze_until=later))
    assert bank.refuse(accepted(bank, "O9")).rule == "term"
    long = frozen(bank, "F1", "O4", organ="pboc-aml", until=later)
    assert bank.refuse(long, "A1").rule == "the order's term"
    bank.record(frozen(bank, "F1", "O4", organ="pboc-aml", until=end), "A1")
    early = FreezeLapsed(occurred_at=end - timedelta(seconds=1), id="F1", at=end)
    bank.today += timedelta(days=2)
    assert bank.refuse(early, "A1").rule == "not before its moment"
    assert bank.refuse(FreezeLapsed(occurred_at=end, id="F1", at=bank.now + timedelta(1)), "A1").field == "at"
    bank.record(FreezeLapsed(occurred_at=end, id="F1", at=end), "A1")
    assert bank.state("account", "A1").restraints.freezes == ()


def test_renewed_before_it_lapses(bank):
    """A renewal is a further order: in time, longer than what it renews, within its own term."""
    bank.record(frozen(bank, "F1", "O1"), "A1")
    end = bank.now + timedelta(days=100)
    bank.record(
        order(
            bank, "O7", action="freeze", renewals=1, frozen_since=bank.now, lapses_at=end,
            freeze_from=end, freeze_until=end + timedelta(days=200),
        )
    )  # fmt: skip
    bank.record(accepted(bank, "O7"))

    def renewed(days: int, id_: str = "F1", by: str = "O7") -> FreezeRenewed:
        return FreezeRenewed(occurred_at=bank.now, id=id_, order=by, until=bank.now + timedelta(days=days))

    assert bank.refuse(renewed(99), "A1").rule == "after the present end"
    assert bank.refuse(renewed(301), "A1").rule == "the order's term"
    assert bank.refuse(renewed(200, by="O1"), "A1").rule == "the order's term"
    assert bank.refuse(renewed(200, "F9"), "A1").rule == "a freeze of this account"
    bank.record(renewed(300), "A1")
    bank.today += timedelta(days=301)
    assert bank.refuse(renewed(-1), "A1").rule == "renewed before it lapses"
    bank.record(frozen_again(bank), "A1")


def frozen_again(world) -> AccountFrozen:
    """A freeze under a new order, after the first has lapsed."""
    world.record(order(world, "O8", action="freeze"))
    world.record(accepted(world, "O8"))
    return frozen(world, "F3", "O8")


def test_deductions(bank):
    """Money is taken by an order to deduct, in the account's currency, no more than was frozen."""
    part = frozen(bank, "F1", "O1", amount=Decimal("100.00"), currency="CNY")
    assert bank.refuse(frozen(bank, "F1", "O1", amount=Decimal("1.00")), "A1").rule == "both or neither"
    assert bank.refuse(frozen(bank, "F1", "O1", amount=Decimal("1.00"), currency="USD"), "A1").rule == "CNY"
    assert bank.refuse(frozen(bank, "F1", "O1", until=bank.now), "A1").rule == "after occurred_at"
    bank.record(part, "A1")

    def deducted(amount: str, **fields) -> FundsDeducted:
        values = {"order": "O3", "currency": "CNY", "freeze": "F1", "reference": "T1"}
        values |= {"destination": "court account"}
        return FundsDeducted(occurred_at=bank.now, amount=Decimal(amount), **values | fields)

    assert bank.refuse(deducted("100.00", order="O1"), "A1").rule == "an accepted order to deduct"
    assert bank.refuse(deducted("100.01"), "A1").rule == "the amount of the freeze"
    assert bank.refuse(deducted("1.00", currency="USD"), "A1").rule == "CNY"
    assert bank.refuse(deducted("0.00"), "A1").rule == "above zero"
    bank.record(deducted("100.00"), "A1")


def test_no_debit_past_a_freeze(bank):
    """A frozen account takes money in; what leaves it is refused unless an order, or its breach, is named."""
    bank.record(paid(bank, "T0", "A1", "1.00"))
    bank.later(hours=1)
    bank.record(frozen(bank, "F1", "O1", days=99), "A1")
    bank.record(booked(bank, "T1", "5.00", "credit"))
    refused = bank.refuse(paid(bank, "T2", "A1", "1.00"))
    assert (refused.field, refused.rule) == ("legs[0]", "no debit past a freeze: CBL art. 30")
    assert bank.refuse(paid(bank, "T2", "A1", "1.00", documents=("O3",))).field == "legs[0]", "another order"
    bank.record(msgspec.structs.replace(paid(bank, "T3", "A1", "1.00"), booked_at=bank.now - timedelta(hours=1)))
    bank.record(paid(bank, "T2", "A1", "1.00", documents=("invoice", "O1")))
    taken = FundsDeducted(
        occurred_at=bank.now, order="O3", amount=Decimal("2.00"), currency="CNY", destination="court account",
        freeze="F1", reference="T4",
    )  # fmt: skip
    bank.record(taken, "A1")
    bank.record(paid(bank, "T4", "A1", "2.00"))
    close = AccountClosed(occurred_at=bank.now, on=bank.today, reason="asked")
    assert bank.refuse(close, "A1").rule == "no closing under a freeze"
    assert bank.refuse(FreezeReleased(occurred_at=bank.now, id="F9", reason="r"), "A1").field == "id"
    bank.today += timedelta(days=100)
    bank.later(hours=1)
    bank.record(paid(bank, "T5", "A1", "1.00"))


def test_an_amount_is_left(bank):
    """Under a freeze of an amount money may leave as long as that much is left; a queued freeze holds nothing."""
    part = {"amount": Decimal("100.00"), "currency": "CNY"}
    bank.record(frozen(bank, "F1", "O1", **part), "A1")
    bank.record(FreezeQueued(occurred_at=bank.now, id="F2", order="O2", organ="court"), "A1")
    bank.record(booked(bank, "T1", "10.00", "debit", "100.00"))
    assert bank.refuse(booked(bank, "T2", "0.01", "debit", "99.99")).field == "legs[0]"
    bank.record(booked(bank, "T3", "0.01", "debit", None))
    taken = FundsDeducted(
        occurred_at=bank.now, order="O3", amount=Decimal("40.00"), currency="CNY", destination="court account",
        freeze="F1", reference="T4",
    )  # fmt: skip
    bank.record(taken, "A1")
    bank.record(booked(bank, "T4", "40.00", "debit", "60.00"))
    assert bank.refuse(booked(bank, "T5", "0.01", "debit", "59.99")).field == "legs[0]"


def booked(world, reference: str, amount: str, direction: str, left: str | None = None) -> BookTransaction:
    """A booking on A1 that says what it leaves."""
    leg = Leg(
        account="A1", direction=direction, amount=Decimal(amount), currency="CNY",
        balance_after=Decimal(left) if left else None,
    )  # fmt: skip
    return msgspec.structs.replace(paid(world, reference, "A1", amount), legs=(leg,))


def test_no_more_than_the_order_names(bank):
    """Neither more money, nor fruits it does not cover, nor the part of somebody else who holds the account."""
    onboard(bank, "C2")
    open_account(bank, "A3", "C1", "C2")
    amount = {"whole_account": False, "amount": Decimal("50.00"), "currency": "CNY", "fruits": "not-covered"}
    bank.record(order(bank, "O7", action="freeze", accounts=("A1",), **amount))
    bank.record(order(bank, "O8", action="freeze", accounts=("A3",), customer="C1"))
    bank.record(order(bank, "O9", action="deduct", **amount))
    for number in ("O7", "O8", "O9"):
        bank.record(accepted(bank, number))
    money = {"amount": Decimal("50.00"), "currency": "CNY"}
    assert bank.refuse(frozen(bank, "F1", "O7"), "A1").rule == "the order's amount"
    assert bank.refuse(frozen(bank, "F1", "O7", amount=Decimal("50.01"), currency="CNY"), "A1").field == "amount"
    assert bank.refuse(frozen(bank, "F1", "O7", **money, covers_fruits=True), "A1").field == "covers_fruits"
    assert bank.refuse(frozen(bank, "F1", "O8"), "A3").rule == "the holder's share: civil code art. 308-309"
    bank.record(frozen(bank, "F1", "O8", **money), "A3")
    taken = FundsDeducted(
        occurred_at=bank.now, order="O9", amount=Decimal("50.01"), currency="CNY", destination="court account",
        reference="T1",
    )  # fmt: skip
    assert bank.refuse(taken, "A1").rule == "the order's amount"
    elsewhere = msgspec.structs.replace(taken, amount=Decimal("50.00"), destination="my own")
    assert bank.refuse(elsewhere, "A1").field == "destination"


def test_taken_from_its_own_freeze(bank):
    """A deduction goes past no other freeze: it names one in force, of the same organ, and takes it once."""
    bank.record(frozen(bank, "F1", "O1", amount=Decimal("10.00"), currency="CNY"), "A1")
    until = bank.now + timedelta(hours=48)
    bank.record(frozen(bank, "F2", "O4", organ="pboc-aml", until=until), "A1")

    def taken(freeze: str | None, amount: str = "6.00") -> FundsDeducted:
        return FundsDeducted(
            occurred_at=bank.now, order="O3", amount=Decimal(amount), currency="CNY", freeze=freeze,
            destination="court account", reference="T1",
        )  # fmt: skip

    assert bank.refuse(taken(None), "A1").rule == "taken from its own freeze"
    assert bank.refuse(taken("F2"), "A1").rule == "a freeze of the same organ"
    bank.record(taken("F1"), "A1")
    assert bank.refuse(taken("F1"), "A1").rule == "the amount of the freeze"
    bank.today += timedelta(days=101)
    assert bank.refuse(taken("F1", "1.00"), "A1").rule == "a freeze in force"


def test_agents_and_the_banks_own_limits(bank):
    """Mandates are numbered, given and taken back; the bank's own limits are lifted where there are any."""
    person = SAMPLES["account.agent_authorised"].agent
    agent = AgentAuthorised(
        occurred_at=bank.now, id="G1", agent=person, scope="withdrawals", since=bank.today, proof="letter"
    )
    past = AgentAuthorised(
        occurred_at=bank.now, id="G1", agent=person, scope="x", since=bank.today, proof="letter",
        until=bank.today - timedelta(days=1),
    )  # fmt: skip
    assert bank.refuse(past, "A1").rule == "not before since"
    bank.record(agent, "A1")
    assert bank.refuse(agent, "A1").rule == "unique on the account"
    bank.record(AgentRevoked(occurred_at=bank.now, id="G1"), "A1")
    assert bank.refuse(AgentRevoked(occurred_at=bank.now, id="G1"), "A1").rule == "given before it is revoked"
    assert bank.refuse(AccountResumed(occurred_at=bank.now), "A1").rule == "suspended or dormant"
    for limit in (
        AccountSuspended(occurred_at=bank.now, reason="documents"),
        AccountDormant(occurred_at=bank.now, since=bank.today),
    ):
        bank.record(limit, "A1")
        bank.record(AccountResumed(occurred_at=bank.now), "A1")


def test_a_share_of_a_joint_account(bank):
    """Of an account held sixty to forty a court freezes what is one holder's; the order names no other."""
    onboard(bank, "C2")
    shares = (Holder(customer="C1", share=Decimal(60)), Holder(customer="C2", role="joint", share=Decimal(40)))
    bank.record(
        AccountOpened(
            occurred_at=bank.now, account="A2", currency="CNY", product="current", opened_on=bank.today,
            holders=shares,
        )
    )  # fmt: skip
    bank.record(frozen(bank, "F1", "O2", amount=Decimal("400.00"), currency="CNY"), "A2")
    (freeze,) = bank.state("account", "A2").restraints.freezes
    assert freeze.amount == Decimal("400.00"), "not the whole account"
    assert bank.state("account", "A2").holders[1].share == Decimal(40)
