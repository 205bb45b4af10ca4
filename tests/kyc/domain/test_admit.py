"""Admission: every rule refuses what it is for, by field and rule; what is allowed becomes the right unit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from fix_samples import CHINA, SAMPLES, booking
from fix_world import TODAY, World
from fix_world_admit import BOOKED, NAIVE, NOW, OPENED, PERSON, TOMORROW, VERIFIED, changed, leg, with_one_account

from kyc.domain.account import AccountClosed, Holder, HolderAdded, HolderRemoved
from kyc.domain.account import StandingOrderRegistered as StandingOrder
from kyc.domain.admit import STATEFUL, evolve, reads, shape
from kyc.domain.customer import (
    RelationshipEstablished,
)
from kyc.domain.stream import TRANSACTION
from kyc.domain.submission import ANY, Claim, StreamName
from kyc.domain.transaction import TransactionRejected, TransactionReversed
from kyc.domain.values import Counterparty, Equivalent, Name
from kyc.errors import ClaimConflictError, InputError, RefusedError


@pytest.fixture
def bank(world: World) -> World:
    """Customers C1, verified, and C2, and an account A1 of C1."""
    return with_one_account(world)


# --- accounts ---------------------------------------------------------------------------------------------

ACCOUNT = {
    "unknown currency": (changed(OPENED, account="A2", currency="ZZZ"), "", "currency", "ISO 4217"),
    "opened tomorrow": (changed(OPENED, account="A2", opened_on=TOMORROW), "", "opened_on", "not in the future"),
    "holder twice": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1"), Holder(customer="C1", role="agent"))),
        "", "holders", "each customer once",
    ),
    "nobody owns it": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1", role="agent"),)), "", "holders", "one owner",
    ),
    "more than the whole": (
        changed(
            OPENED, account="A2",
            holders=(Holder(customer="C1", share=Decimal(60)), Holder(customer="C2", share=Decimal(41))),
        ),
        "", "holders.share", "together at most 100",
    ),
    "no share at all": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1", share=Decimal(0)),)),
        "", "holders.share", "above 0",
    ),
    "share that is no number": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1", share=Decimal("NaN")),)),
        "", "holders.share", "a finite decimal",
    ),
    "unknown holder": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1"), Holder(customer="C9", role="joint"))),
        "", "holders[1].customer", "the customer is registered",
    ),
    "opened twice": (OPENED, "", "account", "begun once"),
    "two names for one stream": (changed(OPENED, account="A2"), "A3", "stream", "account"),
    "unknown account": (AccountClosed(occurred_at=NOW, on=TODAY, reason="r"), "A9", "stream", "registered"),
    "closed before it was opened": (
        AccountClosed(occurred_at=NOW, on=date(2025, 1, 1), reason="r"), "A1", "on", "not before opened_on",
    ),
    "joins twice": (
        HolderAdded(occurred_at=NOW, holder=Holder(customer="C1"), on=TODAY), "A1", "holder.customer",
        "each customer once",
    ),
    "stranger joins": (
        HolderAdded(occurred_at=NOW, holder=Holder(customer="C9"), on=TODAY), "A1", "holder.customer",
        "the customer is registered",
    ),
    "stranger leaves": (
        HolderRemoved(occurred_at=NOW, customer="C2", on=TODAY, reason="r"), "A1", "customer", "only holders",
    ),
    "last owner leaves": (
        HolderRemoved(occurred_at=NOW, customer="C1", on=TODAY, reason="r"), "A1", "customer", "at least one owner",
    ),
    "order over nothing": (
        StandingOrder(
            occurred_at=NOW, order="S1", amount=Decimal(0), currency="CNY", counterparty=Counterparty(name="X")
        ),
        "A1", "amount", "above zero",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(ACCOUNT))
def test_account_events_are_refused(bank: World, case: str):
    """An account that cannot be, or a change that does not fit it, is refused."""
    event, stream, field, rule = ACCOUNT[case]
    refusal = bank.refuse(event, stream)
    assert refusal.field == field
    assert rule in str(refusal.rule)


def test_holders_have_it_in_their_own_file(bank: World):
    """Opening, joining and leaving are recorded in the holders' streams too, in the same unit."""
    joined = bank.record(HolderAdded(occurred_at=NOW, holder=Holder(customer="C2", role="joint"), on=TODAY), "A1")
    assert [entry.stream.kind for entry in joined.entries] == ["account", "customer"]
    assert [held.account for held in bank.state("customer", "C2").accounts] == ["A1"]
    bank.record(HolderRemoved(occurred_at=NOW, customer="C1", on=TODAY, reason="r"), "A1")
    assert bank.state("customer", "C1").accounts == ()
    assert bank.topics("customer", "C1")[-2:] == ["customer.account_linked", "customer.account_unlinked"]


def test_closed_account_takes_nothing_more(bank: World):
    """After it is closed an account takes no event; bookings of the time before still arrive."""
    bank.record(AccountClosed(occurred_at=NOW, on=date(2026, 2, 1), reason="asked"), "A1")
    again = bank.refuse(AccountClosed(occurred_at=NOW, on=TODAY, reason="asked"), "A1")
    assert (again.field, again.rule) == ("stream", "not after closed_on")
    assert bank.refuse(BOOKED).rule == "not after closed_on"
    bank.record(changed(BOOKED, booked_at=NOW.replace(month=1)))


def test_links_are_not_submitted(bank: World):
    """What is recorded along with another event cannot be submitted alone."""
    refusal = bank.refuse(SAMPLES["customer.account_linked"], "C1")
    assert refusal.field == "topic"


# --- transactions -----------------------------------------------------------------------------------------

BOOKING = {
    "not a number": (leg(amount=Decimal("NaN")), "legs[0].amount", "a finite decimal"),
    "infinite": (leg(amount=Decimal("Infinity")), "legs[0].amount", "a finite decimal"),
    "huge": (leg(amount=Decimal("1E+400")), "legs[0].amount", "below 10^18"),
    "ten to the eighteen": (leg(amount=Decimal(10) ** 18), "legs[0].amount", "below 10^18"),
    "too fine": (leg(amount=Decimal("1.005")), "legs[0].amount", "CNY has 2"),
    "too fine by zeros": (leg(amount=Decimal("1.000")), "legs[0].amount", "CNY has 2"),
    "negative": (leg(amount=Decimal("-1.00")), "legs[0].amount", "above zero"),
    "zero": (leg(amount=Decimal("0.00")), "legs[0].amount", "above zero"),
    "unknown currency": (leg(currency="ZZZ"), "legs[0].currency", "ISO 4217"),
    "withdrawn currency": (leg(currency="HRK"), "legs[0].currency", "until 2023-01-14"),
    "infinite balance": (leg(balance_after=Decimal("-Infinity")), "legs[0].balance_after.amount", "finite"),
    "fine fee": (leg(fee=Decimal("0.001")), "legs[0].fee.amount", "CNY has 2"),
    "another currency": (leg(currency="USD"), "legs[0].currency", "CNY"),
    "unknown account": (leg(account="A9"), "legs[0].account", "the account is registered"),
    "before the account": (
        changed(BOOKED, booked_at=NOW.replace(year=2025, month=12), value_date=date(2025, 12, 2)),
        "booked_at", "not before opened_on",
    ),
    "booked tomorrow": (changed(BOOKED, booked_at=NOW + timedelta(days=2)), "booked_at", "not in the future"),
    "booked without offset": (changed(BOOKED, booked_at=NAIVE), "booked_at", "RFC 3339"),
    "far value date": (changed(BOOKED, value_date=date(2028, 3, 2)), "value_date", "366 days"),
    "authorised first": (
        changed(BOOKED, initiated_at=NOW, authorised_at=NOW - timedelta(hours=1)),
        "authorised_at", "not before initiated_at",
    ),
    "initiated tomorrow": (changed(BOOKED, initiated_at=NOW + timedelta(days=2)), "initiated_at", "future"),
    "reversal of nothing": (changed(BOOKED, reversal=True), "parent", "names the reversed transaction"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(BOOKING))
def test_bookings_are_refused(bank: World, case: str):
    """A booking with an amount, a time or an account that cannot be is refused."""
    event, field, rule = BOOKING[case]
    refusal = bank.refuse(event)
    assert refusal.field == field
    assert rule in str(refusal.rule)


EQUIVALENT = Equivalent(
    amount=Decimal("1.00"), currency="USD", rate=Decimal("7.1"), rate_source="SAFE", rate_date=TODAY
)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": Decimal("1.001")}, "equivalents[0].amount"),
        ({"rate": Decimal(0)}, "equivalents[0].rate"),
        ({"rate": Decimal("NaN")}, "equivalents[0].rate"),
        ({"rate": Decimal("1E-30")}, "equivalents[0].rate"),
        ({"rate_date": date(1700, 1, 1)}, "equivalents[0].rate_date"),
        ({"currency": "ZZZ"}, "equivalents[0].currency"),
    ],
)
def test_equivalents_are_refused(bank: World, fields: dict, field: str):
    """An equivalent needs an amount of its currency and a rate that can be."""
    assert bank.refuse(changed(BOOKED, equivalents=(changed(EQUIVALENT, **fields),))).field == field


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "100"), ("KWD", "1.234"), ("CLF", "1.2345"), ("CNY", "1")]
)
def test_scales_follow_the_currency(bank: World, currency: str, amount: str):
    """As many digits as ISO 4217 gives a currency are taken, one more is refused."""
    bank.record(changed(OPENED, account=currency, currency=currency))
    event = leg(account=currency, currency=currency, amount=Decimal(amount))
    bank.record(event)
    finer = leg(account=currency, currency=currency, amount=Decimal("1.11111"))
    assert bank.refuse(changed(finer, reference="other")).rule.startswith(currency)


def test_withdrawn_currency_in_its_time(bank: World):
    """A booking of the time when a currency was money is taken."""
    bank.record(changed(OPENED, account="K", currency="HRK", opened_on=date(2020, 1, 1)))
    then = NOW.replace(year=2022)
    bank.record(changed(leg(account="K", currency="HRK"), booked_at=then, value_date=then.date()))


def test_transfer_becomes_an_entry_for_each_account(bank: World):
    """Both accounts get a record complete in itself, each under its own account's key; the reference is claimed."""
    bank.record(changed(OPENED, account="A2", holders=(Holder(customer="C2"),)))
    bank.record(changed(BOOKED, reference="T0"))
    unit = bank.record(booking(reversal=False))
    assert [entry.stream for entry in unit.entries] == [StreamName("postings", "A1"), StreamName("postings", "A2")]
    assert [entry.subject for entry in unit.entries] == [entry.requires[0] for entry in unit.entries]
    assert {entry.expected for entry in unit.entries} == {ANY}
    assert unit.claims == (Claim("transaction", "T1"),)
    first, second = (entry.event for entry in unit.entries)
    assert first.legs == second.legs
    assert (first.leg, second.leg) == booking().legs
    assert first.period() == "2026"
    with pytest.raises(ClaimConflictError):
        bank.record(booking(reversal=False))


def test_year_of_booking_is_the_books_own(bank: World):
    """The period follows the date in the booking's own offset, not in UTC."""
    new_year = datetime(2026, 1, 1, 1, tzinfo=CHINA)
    unit = bank.record(changed(BOOKED, booked_at=new_year, value_date=new_year.date()))
    assert unit.entries[0].event.period() == "2026"


def test_postings_are_never_folded(bank: World):
    """Bookings read the states of their accounts, reversals what they take back besides, and nothing else."""
    accounts = (StreamName("account", "A1"), StreamName("account", "A2"))
    assert reads(bank.submission(booking(reversal=False))) == accounts
    assert reads(bank.submission(booking())) == (*accounts, StreamName(TRANSACTION, "T0"))
    assert "postings" not in STATEFUL


def test_rejected_and_reversed(bank: World):
    """What was not carried out, or taken back, stands in the account's postings; nothing is reversed twice."""
    rejected = TransactionRejected(
        occurred_at=NOW, reference="R1", account="A1", direction="debit", amount=Decimal("5.00"), currency="CNY",
        reason="limit",
    )  # fmt: skip
    assert bank.record(rejected).claims == (Claim("transaction", "R1"),)
    assert bank.refuse(changed(rejected, amount=Decimal(-5))).field == "amount"
    assert bank.refuse(changed(rejected, account="A9")).rule == "the account is registered"
    bank.record(changed(BOOKED, reference="T1"))
    bank.record(changed(leg(direction="credit"), reference="T2", reversal=True, parent="T1"))
    taken_back = TransactionReversed(
        occurred_at=NOW, reference="T1", account="A1", reversed_by="T2", reason="wrong"
    )
    bank.record(taken_back)
    with pytest.raises(ClaimConflictError):
        bank.record(changed(taken_back, reason="again"))
    assert bank.refuse(changed(taken_back, reversed_by="T1")).field == "reversed_by"


def test_correction_of_a_booking_takes_two(bank: World):
    """A booking's purpose is corrected by a second person; the booking stays as it was."""
    bank.record(changed(BOOKED, reference="T1"))
    correction = changed(SAMPLES["transaction.corrected"], occurred_at=NOW)
    assert bank.refuse(correction, actor="T-2").field == "approver"
    bank.record(correction, actor="T-1")


def test_nothing_unreadable_is_recorded(world: World):
    """An event built in this process that its own schema would refuse is refused before it is recorded."""
    for wrong in (
        changed(PERSON, employer="x" * 501),
        changed(PERSON, gender="unknown"),
        changed(PERSON, names=(Name(text="a\x00b"),)),
        changed(PERSON, nationalities=("Britain",)),
    ):
        assert world.refuse(wrong).message == "event does not fit its schema"


# --- the path ---------------------------------------------------------------------------------------------


def test_expected_version_is_the_callers(bank: World):
    """A caller's expected version is the entry's; without one the ledger fills in what it read."""
    event = RelationshipEstablished(occurred_at=NOW, on=TODAY)
    assert shape(bank.submission(event, "C2", expected=7), TODAY).entries[0].expected == 7
    assert shape(bank.submission(event, "C2"), TODAY).entries[0].expected == ANY


def test_reading_names_streams_without_raising(bank: World):
    """Streams are named before anything is checked, also for what will be refused."""
    for topic, sample in SAMPLES.items():
        for name in reads(bank.submission(sample, "X")):
            assert name.kind in {*STATEFUL, TRANSACTION}, topic
    assert reads(bank.submission(changed(OPENED, account="A2"), "A3"))[0] == StreamName("account", "A2")


def test_retry_asks_for_the_same_entries(bank: World):
    """The unit of a submission follows from the submission alone, so that a retry finds all its receipts."""
    submission = bank.submission(changed(OPENED, account="A7"))
    before = shape(submission, TODAY)
    bank.record(changed(OPENED, account="A7"))
    assert shape(submission, TODAY + timedelta(days=400)) == before


def test_unknown_streams_are_no_streams(bank: World):
    """An event that belongs to no stream cannot be submitted; an event out of place changes no state."""
    with pytest.raises(InputError):
        bank.record(VERIFIED, "")
    assert evolve("customer", None, VERIFIED) is None
    state = bank.state("account", "A1")
    assert evolve("account", state, VERIFIED) == state


def test_replay_gives_the_same_states(bank: World):
    """States folded from the recorded events are those that decisions were taken on."""
    bank.record(HolderAdded(occurred_at=NOW, holder=Holder(customer="C2", role="joint"), on=TODAY), "A1")
    assert bank.replayed() == bank.states


def test_refused_error_is_the_callers_fault(world: World):
    """Whatever admission refuses, the caller can mend."""
    assert isinstance(world.refuse(BOOKED), RefusedError)
    assert world.refuse(BOOKED).fault == "caller"
