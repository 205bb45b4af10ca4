"""A closed day's large values are recorded once, one-off business included; what no report covers is due."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from fix_samples import SAMPLES
from fix_world_china import onboard, open_account, paid
from fix_world_ledger import Story

from kyc import large_values
from kyc.domain.monitoring import LargeValueDetected, ReportFiled
from kyc.domain.occasional import OneOffCompleted
from kyc.domain.policies import Policies
from kyc.domain.stream import POLICIES
from kyc.domain.submission import StreamName
from kyc.domain.values import Party
from kyc.errors import ConfigurationError, InputError
from kyc.large_values import Made

pytestmark = pytest.mark.pg15
SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 2)  # a Monday


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


@pytest.fixture
def bank(china: Story) -> Story:
    """C1 splits a deposit over two branches, C2 stays below; a stranger changes money twice, C2 once."""
    for number in "12":
        onboard(china, f"C{number}")
        open_account(china, f"A{number}", f"C{number}")
    for at, (account, amount) in enumerate([("A1", "30000.00"), ("A1", "20000.00"), ("A2", "49999.00")]):
        china.record(deposit(china, f"D{at}", account, amount), branch=f"B-{at}")
    for at in range(2):
        china.later(minutes=1)
        china.record(one_off(china, f"O{at}", "30000.00", Party(name="Zhang San", role="customer", **paper("P 1"))))
    china.record(
        one_off(china, "O9", "2000.00", Party(name="Li Si", role="customer", customer="C2", **paper("P9")))
    )
    return china


def paper(number: str) -> dict[str, str]:
    """The document of somebody."""
    return {"document_kind": "passport", "document_number": number}


def deposit(world: Story, reference: str, account: str, amount: str) -> object:
    """Cash paid in."""
    booking = paid(world, reference, account, amount, cash=True)
    leg = msgspec.structs.replace(booking.legs[0], direction="credit")
    return msgspec.structs.replace(booking, legs=(leg,))


def one_off(world: Story, reference: str, amount: str, person: Party) -> OneOffCompleted:
    """Cash changed by somebody without an account."""
    return OneOffCompleted(
        occurred_at=world.now, reference=reference, person=person, kind="currency-exchange", amount=Decimal(amount),
        currency="CNY", verified_by="visual",
    )  # fmt: skip


def policies(world: Story) -> Policies:
    """What head office has published."""
    found = world.ledger.state(POLICIES)
    assert isinstance(found, Policies)
    return found


def record(world: Story, on: date = DAY) -> Made:
    """Record a day."""
    world.project()
    made = large_values.record(world.ledger, on, policies(world), SHANGHAI, "AML-1")
    world.project()
    return made


def detected(world: Story, customer: str) -> list[LargeValueDetected]:
    """What was detected of a customer."""
    events = [one.event for one in world.log.events(StreamName("large-value", customer))]
    assert all(isinstance(event, LargeValueDetected) for event in events)
    return events  # type: ignore[return-value]


def test_a_closed_day_is_recorded_once(bank: Story) -> None:
    """Not before it is over; each sum with its transactions and rule; again nothing, unless a sum has changed."""
    bank.project()
    with pytest.raises(InputError, match="not over"):
        record(bank)
    bank.today = DAY + timedelta(days=1)
    assert record(bank) == Made(recorded=3, known=0, gone=0)
    assert record(bank) == Made(recorded=0, known=3, gone=0)
    (of_one,) = detected(bank, "C1")
    assert (of_one.direction, of_one.feature, of_one.amount) == ("receipts", "cash", Decimal("50000.00"))
    assert of_one.transactions == ("D0", "D1")
    assert (of_one.policy, of_one.policy_version, of_one.day) == ("large-value.report", 1, DAY)
    (of_two,) = detected(bank, "C2")  # what the account took, and what was changed without it
    assert (of_two.amount, of_two.transactions, of_two.without_file) == (Decimal("51999.00"), ("D2", "O9"), False)
    (of_nobody,) = detected(bank, "O0")
    assert (of_nobody.amount, of_nobody.transactions, of_nobody.without_file) == (
        Decimal("60000.00"), ("O0", "O1"), True,
    )  # fmt: skip


def test_a_report_is_due_in_working_days(bank: Story) -> None:
    """Five working days, counted by the calendar; what a report covers is due no more, another day's is."""
    bank.today = DAY + timedelta(days=1)
    record(bank)
    law = policies(bank)
    found = large_values.due(bank.log, DAY, law)
    assert {(one.due, one.late) for one in found} == {(date(2026, 3, 9), False)}
    assert {one.customer for one in found} == {"C1", "C2", "O0"}
    bank.today = date(2026, 3, 9)
    for report, customers, days in [("R1", ("C1",), (date(2026, 3, 1),)), ("R2", ("C2", "O0"), (DAY,))]:
        sample = SAMPLES["report.filed"]
        assert isinstance(sample, ReportFiled)
        filed = msgspec.structs.replace(
            sample, occurred_at=bank.now, report=report, kind="large-value", case="", customers=customers,
            filed_on=bank.today, days=days, follows="",
        )  # fmt: skip
        bank.record(filed, branch="HQ")
    engine = bank.project()
    assert large_values.due(bank.log, date(2026, 3, 8), law) == found
    (left,) = large_values.due(bank.log, date(2026, 3, 9), law)
    assert (left.customer, left.late, left.transactions) == ("C1", False, 2)
    assert large_values.due(bank.log, date(2026, 3, 10), law)[0].late
    everything = msgspec.structs.replace(
        filed, report="R3", customers=("C1",), days=(), occurred_at=bank.now + timedelta(seconds=1)
    )
    bank.record(everything, branch="HQ")
    engine = bank.project()
    assert large_values.due(bank.log, date(2026, 3, 10), law) == []
    assert engine.rebuild("large_value_register").equal


def test_terms_are_never_guessed(bank: Story) -> None:
    """Where the calendar does not reach, the term is refused; where no rule says when, there is none."""
    bank.today = DAY + timedelta(days=1)
    record(bank)
    elsewhere = msgspec.structs.replace(policies(bank), jurisdiction="US")
    assert {one.due for one in large_values.due(bank.log, DAY, elsewhere)} == {None}
    short = "calendar = 'CN'\nsource = 'x'\n[[year]]\nyear = 2025\noff = []\nwork = []\n"
    law = policies(bank)
    edition = msgspec.structs.replace(law.editions[0], rules="calendar", version=1, text=short)
    with pytest.raises(ConfigurationError, match="does not reach"):
        large_values.due(bank.log, DAY, msgspec.structs.replace(law, editions=(*law.editions, edition)))
