"""Row 16: whoever may ask gets a full answer about ten years, in time, and can check it (及时准确配合)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
from fix_cli import Call, document
from fix_world_china import onboard, open_account, paid

from kyc.domain.monitoring import LargeValueDetected
from kyc.domain.rulebook import Threshold
from kyc.domain.values import Counterparty
from projections import account_register, customer_profile, transaction_index
from projections.transaction_index import Wanted
from replay import verifier

YEARS = range(2016, 2026)


def booked(world, reference: str, account: str, amount: str, at: datetime, direction: str = "debit", **fields):
    """A booking of a moment, with a counterparty elsewhere."""
    made = paid(world, reference, account, amount, **fields)
    leg = msgspec.structs.replace(made.legs[0], direction=direction, counterparty=Counterparty(account="9-99"))
    return msgspec.structs.replace(made, occurred_at=at, booked_at=at, value_date=at.date(), legs=(leg,))


def decade(world) -> None:
    """A customer with an account since 2016 and one payment every June, out of it."""
    world.today = date(2016, 1, 4)
    onboard(world, "C1")
    open_account(world, "A1", "C1")
    for year in YEARS:
        world.today = date(year, 6, 1)
        world.record(booked(world, f"T-{year}", "A1", f"{year}.00", world.now))
    world.today = date(2026, 3, 2)


def test_ten_years_in_full(world, call: Call, tmp_path: Path):
    """Found by name, document, account, counterparty, amount and period: all ten years, and each can be proved."""
    decade(world)
    world.seal()
    world.project()
    log = world.log
    (found,) = customer_profile.find(log, document="PASS-C1")
    (account,) = account_register.held_by(log, found.stream_id)
    everything = transaction_index.search(log, Wanted(accounts=[account.stream_id]))
    assert [place.amount for place in everything] == [Decimal(year) for year in YEARS]
    assert transaction_index.search(log, Wanted(counterparty="9-99")) == everything
    assert [p.amount for p in transaction_index.search(log, Wanted(least=Decimal("2024.00")))] == [2024, 2025]
    of_2019 = Wanted(start=datetime(2019, 1, 1, tzinfo=UTC), stop=datetime(2020, 1, 1, tzinfo=UTC))
    assert [place.amount for place in transaction_index.search(log, of_2019)] == [2019]

    answer = ("--recipient", "PBOC", "--legal-basis", "AML24-22", "--out", str(tmp_path / "answer.zip"))
    exported = document(call("--json", "export", "--customer", "C1", *answer))
    keys = [exported["log_key"]], [exported["export_fingerprint"]]
    assert verifier.verify(str(tmp_path / "answer.zip"), *keys).anchored
    assert document(call("--json", "customer", "history", "C1", "--as-of", "2020-12-31"))["later"] == 5


def threshold_of(world) -> Threshold:
    """From what sum of a day on cash of a person is reported, by the published rules."""
    ruling = world.state("policies", "institution").ruling(
        "large-value.report", world.today, currency="CNY", subject="natural", reach="domestic", means="cash"
    )
    return ruling.of(Threshold)


def test_split_over_branches_and_channels(china):
    """Four deposits below the threshold at four places: together they are one customer's day above it."""
    onboard(china, "C1")
    for account in ("A1", "A2"):
        open_account(china, account, "C1")
    places = [("B-1", "counter", "A1"), ("B-2", "counter", "A2"), ("B-3", "atm", "A1"), ("B-1", "mobile", "A2")]
    for at, (branch, channel, account) in enumerate(places):
        deposit = booked(china, f"D{at}", account, "19000.00", china.now, "credit", cash=True)
        china.record(msgspec.structs.replace(deposit, channel=channel), branch=branch)
    china.record(booked(china, "P1", "A1", "30000.00", china.now, cash=True))
    china.project()
    (found,) = customer_profile.find(china.log, number="C1")
    accounts = [account.stream_id for account in account_register.held_by(china.log, found.stream_id)]
    day = transaction_index.search(china.log, Wanted(accounts=accounts))
    received = [place for place in day if place.direction == "credit"]
    total = sum((place.amount for place in received), Decimal(0))
    threshold = threshold_of(china)
    assert not any(threshold.reached(place.amount) for place in day)
    assert threshold.reached(total)
    assert {place.branch for place in received} == {"B-1", "B-2", "B-3"}
    detected = LargeValueDetected(
        occurred_at=china.now, customer="C1", day=china.today, direction="receipts", feature="0501",
        policy="large-value", policy_version=1, amount=total, currency="CNY",
        transactions=tuple(f"D{at}" for at in range(4)),
    )  # fmt: skip
    china.record(detected, branch="HQ")
    assert china.topics("large-value", "C1") == ["large_value.detected"]
    assert china.topics("customer", "C1").count("large_value.detected") == 0
