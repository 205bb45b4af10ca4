"""Freezing and deducting: as the order says, in turn, to the microsecond, by any number of processes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from fix_world_china import accepted, order, paid

from kyc.desk.clerk import Clerk
from kyc.desk.freezes import FreezeDesk
from kyc.domain.account import Holder
from kyc.domain.authority import Paper
from kyc.domain.restraint import FreezeReleased
from kyc.domain.transaction import BookTransaction, Leg
from kyc.errors import AccessDeniedError, RefusedError
from kyc.wiring import Service

PART = {"whole_account": False, "currency": "CNY"}


@pytest.fixture
def desk(service, clerk) -> FreezeDesk:
    """The desk, with T-1 at it."""
    return FreezeDesk(service, clerk)


def ordered(world, number: str, action: str = "freeze", account: str = "A1", **fields) -> None:
    """An accepted order about an account of C1."""
    world.record(order(world, number, action=action, customer="C1", **{"accounts": (account,)} | fields))
    world.record(accepted(world, number))


def standing(world, account: str = "A1") -> tuple[list[str], list[str]]:
    """The freezes on record as in force, and those in line."""
    restraints = world.state("account", account).restraints
    return [one.id for one in restraints.freezes], [one.id for one in restraints.queue]


def test_only_who_may_under_what_is_accepted(house, service, desk):
    """Without the right, without an accepted order, or for another account nothing is frozen; all is recorded."""
    house.record(order(house, "O1", action="freeze", customer="C1"))
    with pytest.raises(AccessDeniedError):
        desk.freeze("O1", "A1")
    house.record(accepted(house, "O1"))
    stranger = FreezeDesk(service, Clerk(id="T-9", roles=frozenset({"order-desk"}), reason="order"))
    with pytest.raises(AccessDeniedError):
        stranger.freeze("O1", "A1")
    with pytest.raises(RefusedError) as caught:
        desk.freeze("O1", "A2")
    assert caught.value.field in {"order", "amount"}
    assert not desk.freeze("O1", "A1").waits
    assert standing(house) == (["O1"], [])


def test_an_amount_over_all_accounts(house, desk):
    """An order of 100 freezes 60 on one account and no more than 40 on another; never more than it names."""
    ordered(house, "O1", **PART, amount=Decimal("100.00"), accounts=("A1", "A2"))
    assert desk.freeze("O1", "A1", Decimal("60.00")).amount == Decimal("60.00")
    with pytest.raises(RefusedError):
        desk.freeze("O1", "A2", Decimal("40.01"))
    assert desk.freeze("O1", "A2", Decimal("40.00")).amount == Decimal("40.00")


def test_the_share_of_a_joint_account(house, desk):
    """Half of what is there, where no shares are agreed; more than that is refused; unknown money is asked for."""
    ordered(house, "O1", account="A2")
    with pytest.raises(RefusedError) as caught:
        desk.freeze("O1", "A2")
    assert caught.value.rule == "the share of a known balance"
    leg = Leg(
        account="A2", direction="credit", amount=Decimal("100.01"), currency="CNY", balance_after=Decimal("100.01")
    )
    house.record(
        BookTransaction(
            occurred_at=house.now, reference="T1", kind="transfer", channel="counter", booked_at=house.now,
            value_date=house.today, legs=(leg,),
        )
    )  # fmt: skip
    house.record(paid(house, "T2", "A2", "1.00"))
    with pytest.raises(RefusedError):
        desk.freeze("O1", "A2", Decimal("50.01"))
    assert desk.freeze("O1", "A2").amount == Decimal("50.00")
    assert house.state("account", "A2").holders == (Holder(customer="C1"), Holder(customer="C2"))


def test_in_turn_at_the_exact_moment(house, desk):
    """A second order waits; when the first lapses the job says so and the second is in force from that moment."""
    end = house.now + timedelta(hours=48)
    ordered(
        house, "O1", organ="pboc-aml", level=5, approval=5, papers=(Paper(kind="freeze-notice"),),
        freeze_from=house.now, freeze_until=end,
    )  # fmt: skip
    ordered(house, "O2")
    assert desk.freeze("O1", "A1").until == end
    assert desk.freeze("O2", "A1").waits
    house.clock.us = house.clock.us + 48 * 3_600_000_000 - 1
    assert desk.lapse() == ([], []), "48 hours less a microsecond"
    house.clock.us += 1
    assert desk.lapse() == ([("A1", "O1")], [("A1", "O2")])
    assert standing(house) == (["O2"], [])
    assert house.state("account", "A1").restraints.freezes[0].since == end
    assert desk.lapse() == ([], [])


def test_the_job_twice_at_once(house, service, clerk, database, tmp_path):
    """Processes that notice the same lapse record it once, and put one order into force."""
    ordered(house, "O1")
    ordered(house, "O2", freeze_until=house.now + timedelta(days=200))
    first = FreezeDesk(service, clerk)
    first.freeze("O1", "A1")
    first.freeze("O2", "A1")
    house.today += timedelta(days=101)
    others = [Service(service.configuration, database, clock=house.clock) for _ in range(3)]
    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda opened: FreezeDesk(opened, clerk).lapse(), others))
    finally:
        for opened in others:
            opened.close()
    topics = house.topics("account", "A1")
    assert topics[-2:] == ["account.freeze_lapsed", "account.frozen"]
    assert topics.count("account.freeze_lapsed") == 1
    assert standing(house) == (["O2"], [])


def test_an_order_may_end_in_the_queue(house, desk):
    """Whose own term is over before its turn leaves the line, and the next is in force."""
    for number, days in (("O1", 90), ("O2", 80), ("O3", 100)):
        ordered(house, number, freeze_until=house.now + timedelta(days=days))
        desk.freeze(number, "A1")
    house.today += timedelta(days=95)
    assert desk.lapse().in_force == [("A1", "O3")]
    assert standing(house) == (["O3"], [])


def test_renewed_by_a_further_order(house, desk):
    """A renewal is an order of its own that says so; the freeze then lapses at its new end."""
    ordered(house, "O1")
    desk.freeze("O1", "A1")
    with pytest.raises(RefusedError) as caught:
        desk.renew("O1", "A1", "O1")
    assert caught.value.rule == "a renewal"
    end = house.now + timedelta(days=100)
    ordered(
        house, "O2", renewals=1, frozen_since=house.now, lapses_at=end, freeze_from=end,
        freeze_until=end + timedelta(days=50),
    )  # fmt: skip
    assert desk.renew("O2", "A1", "O1") == end + timedelta(days=50)
    house.today += timedelta(days=101)
    assert desk.lapse() == ([], [])


def test_lifted_on_paper_by_two(house, desk, second):
    """Two people saw the organ's paper; who waited is in force at once."""
    for number in ("O1", "O2"):
        ordered(house, number)
        desk.freeze(number, "A1")
    with pytest.raises(AccessDeniedError):
        desk.release("A1", "O1", "release notice 7", desk.clerk)
    assert desk.release("A1", "O1", "release notice 7", second) == ["O2"]
    (lifted,) = [one for one in house.events("account", "A1") if isinstance(one, FreezeReleased)]
    assert (lifted.reason, lifted.approver) == ("release notice 7", "T-2")
    alone = FreezeReleased(occurred_at=house.now, id="O2", reason="paper")
    assert house.refuse(alone, "A1").rule == "two people"
    assert house.refuse(msgspec.structs.replace(alone, approver="T-1"), "A1").rule == "two people"
    assert standing(house) == (["O2"], [])


def test_deducted_in_all_no_more_than_ordered(house, desk):
    """Out of its freeze, to where the order says; the booking follows; two deductions count together."""
    ordered(house, "O1")
    desk.freeze("O1", "A1")
    ordered(house, "O2", "deduct", **PART, amount=Decimal("10.00"))
    with pytest.raises(RefusedError) as caught:
        desk.deduct("O2", "A1", Decimal("6.00"), "T1")
    assert caught.value.rule == "taken from its own freeze"
    desk.deduct("O2", "A1", Decimal("6.00"), "T1", "O1")
    house.record(paid(house, "T1", "A1", "6.00"))
    with pytest.raises(RefusedError) as caught:
        desk.deduct("O2", "A1", Decimal("4.01"), "T2", "O1")
    assert caught.value.rule == "the order's amount, in all"
    desk.deduct("O2", "A1", Decimal("4.00"), "T2", "O1")
