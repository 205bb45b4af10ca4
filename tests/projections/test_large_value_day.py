"""Large-value days: over all accounts, branches and channels; by the zone, the rules and the rates of the day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from fix_cli import Call, document
from fix_world_china import RULEBOOK, company, onboard, open_account, paid, publish
from fix_world_ledger import Story

from kyc.domain.account import AccountOpened, Holder, HolderAdded, HolderRemoved
from kyc.domain.policies import NOTHING, Policies
from kyc.domain.stream import POLICIES
from kyc.domain.submission import StreamName
from kyc.domain.values import Equivalent
from projections import large_value_day
from projections.large_value_day import Reached

pytestmark = pytest.mark.pg15
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def book(
    world: Story, reference: str, account: str, amount: str, way: str = "credit", *, at: datetime | None = None,
    branch: str = "B-1", channel: str = "counter", currency: str = "CNY", kind: str = "transfer", **fields: object,
) -> None:  # fmt: skip
    """Book one leg of a moment."""
    at = at or world.now
    made = paid(world, reference, account, amount, **fields)
    leg = msgspec.structs.replace(made.legs[0], direction=way, currency=currency)
    booking = msgspec.structs.replace(
        made, occurred_at=at, booked_at=at, value_date=at.date(), legs=(leg,), channel=channel, kind=kind
    )
    world.record(booking, branch=branch)


def reached(world: Story, on: date | None = None, **options: object) -> list[Reached]:
    """Whose day reaches a threshold."""
    policies = world.ledger.state(POLICIES)
    assert isinstance(policies, Policies)
    on = on or world.today
    return large_value_day.reached(world.log, on, policies, SHANGHAI, **options)  # type: ignore[arg-type]


def told(found: list[Reached]) -> list[tuple[str, str, str, str, str]]:
    """Direction, means, reach, total and currency."""
    return [(one.direction, one.means, one.reach, str(one.total), one.currency) for one in found]


def test_split_over_branches_channels_and_accounts(china: Story, call: Call) -> None:
    """Deposits just under the threshold at three branches are one day above it; payments are another sum."""
    onboard(china, "C1")
    onboard(china, "C2")
    for account in ("A1", "A2"):
        open_account(china, account, "C1")
    open_account(china, "A3", "C2")
    for at, (branch, channel, account) in enumerate(
        [("B-1", "counter", "A1"), ("B-2", "counter", "A2"), ("B-3", "atm", "A1")]
    ):
        book(china, f"D{at}", account, "16666.67", cash=True, branch=branch, channel=channel)
    book(china, "P1", "A1", "49999.99", "debit", cash=True)
    book(china, "D9", "A3", "49999.99", cash=True)
    china.project()
    (day,) = reached(china)
    assert day.customer == china.log.stream_id(StreamName("customer", "C1"))
    assert told([day]) == [("credit", "cash", "*", "50000.01", "CNY")]
    assert (day.legs, day.accounts, day.branches, day.channels) == (
        3, 2, ("B-1", "B-2", "B-3"), ("atm", "counter"),
    )  # fmt: skip
    assert day.split
    assert "O3-16 art. 5" in day.ruling.explain()
    near = reached(china, share=Decimal("0.9"))
    assert [(str(one.total), one.reached, one.split) for one in near] == [
        ("50000.01", True, True), ("49999.99", False, False), ("49999.99", False, False),
    ]  # fmt: skip
    assert reached(china, customer="C2") == []
    assert len(reached(china, customer="C2", share=Decimal("0.9"))) == 1
    said = document(call("--json", "large-value", str(china.today), "--split"))
    assert [(one["customer"], one["total"], one["split"]) for one in said["reached"]] == [("C1", "50000.01", True)]
    assert "C1 Person C1: receipts, cash, all: 50,000.01 CNY" in call("large-value", str(china.today))[1]
    text = call("large-value", str(china.today), "--customer", "C2", "--near", "90")[1]
    assert "below the threshold" in text
    assert "49,999.99 CNY in 1 at B-1" in text


def test_inclusive_by_means_reach_and_kind_of_customer(china: Story) -> None:
    """Exactly the threshold reaches it; persons and companies, domestic and cross-border have their own."""
    onboard(china, "C1")
    china.record(company("K1", china))
    open_account(china, "A1", "C1")
    open_account(china, "A2", "K1")
    book(china, "T1", "A1", "500000.00", "debit")
    book(china, "T2", "A1", "200000.00", "debit", cross_border=True)
    book(china, "T3", "A2", "1500000.00")
    book(china, "T4", "A2", "500000.00", cross_border=True)
    book(china, "T5", "A2", "900000.00", kind="interest-and-fees")
    china.project()
    assert sorted(told(reached(china))) == [
        ("credit", "transfer", "*", "2000000.00", "CNY"),
        ("debit", "transfer", "cross-border", "200000.00", "CNY"),
        ("debit", "transfer", "domestic", "500000.00", "CNY"),
    ]
    assert not any(one.split for one in reached(china) if one.direction == "debit")
    assert reached(china, china.today + timedelta(days=1)) == []
    assert large_value_day.reached(china.log, china.today, NOTHING, SHANGHAI) == []


def test_other_currencies_by_the_rates_in_the_events(china: Story) -> None:
    """Foreign legs are held in US dollars against the threshold in dollars; without a rate they count apart."""
    onboard(china, "C1")
    for account, currency in (("U1", "USD"), ("E1", "EUR")):
        china.record(
            AccountOpened(
                occurred_at=china.now, account=account, currency=currency, product="current",
                opened_on=china.today, holders=(Holder(customer="C1"),),
            )
        )  # fmt: skip
    worth = Equivalent(
        amount=Decimal("6000.00"), currency="USD", rate=Decimal("1.2"), rate_source="SAFE", rate_date=china.today
    )
    book(china, "T1", "U1", "4000.00", currency="USD", cash=True)
    book(china, "T2", "E1", "5000.00", currency="EUR", cash=True, equivalents=(worth,))
    book(china, "T3", "E1", "77.00", currency="EUR", cash=True)
    china.project()
    (day,) = reached(china)
    assert told([day]) == [("credit", "cash", "*", "10000.00", "USD")]
    assert (day.legs, day.unconverted, str(day.largest)) == (3, 1, "6000.00")
    policies = china.ledger.state(POLICIES)
    assert isinstance(policies, Policies)
    assert large_value_day.unconverted(china.log, china.today, policies, SHANGHAI) == 1
    euros, dollars = large_value_day.totals(china.log, "C1", china.today, SHANGHAI)
    assert (euros.currency, euros.legs, euros.amount, euros.usd, euros.without_usd) == (
        "EUR", 2, Decimal("5077.00"), Decimal("6000.00"), 1,
    )  # fmt: skip
    assert (dollars.usd, dollars.cny, dollars.without_cny) == (Decimal("4000.00"), None, 1)
    behind = [one.event for one in large_value_day.legs(china.log, "C1", china.today, SHANGHAI)]
    assert {event.reference for event in behind} == {"T1", "T2", "T3"}  # type: ignore[union-attr]
    assert (worth,) in [event.equivalents for event in behind]  # type: ignore[union-attr]


def test_the_day_is_that_of_the_zone_and_of_the_holders(china: Story) -> None:
    """A day ends at midnight in Shanghai; whoever held the account that day is meant, before and after not."""
    onboard(china, "C1")
    onboard(china, "C2")
    open_account(china, "A1", "C1")
    second = china.today
    at = datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC)
    china.today += timedelta(days=3)
    book(china, "T1", "A1", "50000.00", cash=True, at=at)
    book(china, "T2", "A1", "50000.00", cash=True, at=at + timedelta(seconds=1))
    china.record(
        HolderAdded(occurred_at=china.now, holder=Holder(customer="C2", role="joint"), on=date(2026, 3, 3)), "A1"
    )
    gone = HolderRemoved(occurred_at=china.now, customer="C1", on=date(2026, 3, 4), reason="divorce")
    china.project()
    china.record(gone, "A1")
    book(china, "T3", "A1", "50000.00", cash=True, at=at + timedelta(days=2))
    engine = china.project()
    one, two = (china.log.stream_id(StreamName("customer", number)) for number in ("C1", "C2"))
    for day, customers in ((second, {one}), (date(2026, 3, 3), {one, two}), (date(2026, 3, 4), {two})):
        found = reached(china, day)
        assert {each.customer for each in found} == customers
        assert {each.total for each in found} == {Decimal("50000.00")}
    for name in ("account_register", "transaction_index"):
        assert engine.rebuild(name).equal is True
    assert len(reached(china, date(2026, 3, 3))) == 2
    row = china.recorded("account", "A1")[0].row
    china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    engine.sweep()
    assert reached(china, date(2026, 3, 3)) == []
    assert engine.rebuild("account_register").equal is True


def test_the_rules_of_the_day(china: Story) -> None:
    """Head office publishes lower thresholds from a day on: that day is held against them, the one before not."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    lower = RULEBOOK.replace('amount = "50000"', 'amount = "20000"')
    publish(china, "rulebook", lower, 2, china.today + timedelta(days=1))
    for _ in range(2):
        book(china, f"T{china.today}", "A1", "30000.00", cash=True)
        china.today += timedelta(days=1)
    china.project()
    assert reached(china, china.today - timedelta(days=2)) == []
    (day,) = reached(china, china.today - timedelta(days=1))
    assert (day.threshold.amount, day.ruling.version, day.split) == (20000, 2, False)


def test_recorded_and_due_at_the_command_line(china: Story, call: Call) -> None:
    """A day that is over is recorded once; what is due is listed with its last day, and who is late alone."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    book(china, "D1", "A1", "50000.00", cash=True)
    day = str(china.today)
    for made in (1, 0):
        said = document(call("--json", "large-value", day, "--record", "--actor", "AML-1"))
        assert (said["recorded"], said["known"]) == (made, 1 - made)
    (due,) = document(call("--json", "large-value", "due", "--on", "2026-03-09"))["due"]
    assert (due["due"], due["late"], due["customer"], due["amount"]) == ("2026-03-09", False, "C1", "50000.00")
    assert "LATE: C1 on 2026-03-02, receipts, cash" in call("large-value", "due", "--on", "2026-03-10", "--late")[1]
    assert call("large-value", "2999-01-01", "--record")[0] == 2
