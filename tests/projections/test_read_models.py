"""The read models: what is found by what, folded on event by event, and the deadlines computed from triggers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from fix_bank import (
    AT,
    booked,
    captured,
    closed,
    established,
    moved,
    opened,
    receipts,
    registered,
    submission,
    verified,
)  # fmt: skip
from fix_projections import fill

from kyc.domain.account import Holder as AccountHolder
from kyc.domain.account import HolderAdded, HolderRemoved
from kyc.domain.customer import NameChanged, RelationshipEnded
from kyc.domain.disposal import HoldPlaced, HoldReleased
from kyc.domain.event import RecordClass
from kyc.domain.submission import StreamName
from kyc.domain.values import Name, Phone
from kyc.errors import NotFoundError
from kyc.ledger import Ledger
from projections import account_register, customer_profile, retention_deadlines, transaction_index
from projections.engine import Engine
from projections.retention_deadlines import Asked
from projections.transaction_index import Wanted

pytestmark = pytest.mark.pg15


def record(ledger: Ledger, *lines: object) -> None:
    """Record submissions that must not be refused."""
    for answer in ledger.record(lines):  # type: ignore[arg-type]
        receipts(answer)


def test_nothing_is_answered_before_the_first_build(ledger: Ledger) -> None:
    """A read model that was never built says so: an empty answer would be a lie."""
    for ask in (
        lambda: customer_profile.find(ledger.log, number="C1"),
        lambda: account_register.find(ledger.log, "A1"),
        lambda: transaction_index.count(ledger.log),
        lambda: list(retention_deadlines.deadlines(ledger.log, Asked(date(2026, 6, 1)))),
    ):
        with pytest.raises(NotFoundError) as refused:
            ask()
        assert refused.value.remedy == "kyc project"


# --- customer_profile -----------------------------------------------------------------------------------


def test_profile_is_found(ledger: Ledger, engine: Engine) -> None:
    """By number, document, name in any script, telephone, stream and branch, however they are written."""
    fill(ledger, 0)
    zhang = (Name(text="张 伟", script="Hans"), Name(text="Zhang Wei", kind="romanised", script="Latn"))
    change = NameChanged(occurred_at=AT, names=zhang, evidence="card", effective_from=AT.date())
    record(
        ledger,
        registered("C3", phones=(Phone(number="+44 20 7946 0000"),)),
        submission("C3/renamed", change, "C3"),
    )
    engine.catch_up()
    log = ledger.log
    (ada,) = customer_profile.find(log, number="C1")
    assert (ada.type, ada.status, ada.branch, ada.version) == ("natural", "active", "B-1", 5)
    assert ada.state is not None
    assert ada.state.names[0].text == "Ada Lovelace"
    assert ada.state.documents[0].number == "P1"
    assert ada.fields is not None
    assert ada.fields["names"][0]["text"] == "Ada Lovelace"
    assert customer_profile.find(log, document=" p1") == [ada]
    assert customer_profile.find(log, name="ADA  lovelace") == [ada]
    for name in ("张 伟", "zhang wei", "\uff3ahang Wei"):
        (found,) = customer_profile.find(log, name=name)
        assert found.state is not None
        assert found.state.customer == "C3"
    assert customer_profile.find(log, phone="+442079460000") == [found]
    assert customer_profile.find(log, number="C9") == customer_profile.find(log, name="zhank") == []
    assert customer_profile.of_streams(log, [StreamName("customer", "C1")]) == [ada]
    everybody = customer_profile.of_branch(log, "B-1")
    assert len(everybody) == 3
    assert customer_profile.of_branch(log, "B-1", after=everybody[0].stream_id, limit=1) == everybody[1:2]
    assert customer_profile.of_branch(log, "B-1", status="registered") == [found]
    assert customer_profile.of_branch(log, "B-2") == []


def test_profile_follows_each_change(ledger: Ledger, engine: Engine) -> None:
    """Folded on from its row event by event, a profile is what folding the whole stream at once gives."""
    for line in (
        registered("C1"), captured("C1", "P1"), verified("C1"), moved("C1", "2 New Street"), established("C1"),
    ):  # fmt: skip
        record(ledger, line)
        engine.catch_up()
    (profile,) = customer_profile.find(ledger.log, number="C1")
    whole = ledger.state(StreamName("customer", "C1"))
    assert whole is not None
    assert profile.state is not None
    assert profile.state.addresses == whole.addresses
    assert profile.state.documents == whole.documents
    assert profile.state.relationship_from == whole.relationship_from
    assert profile.version == 5
    assert engine.rebuild("customer_profile").equal is True


def test_old_name_finds_nobody(ledger: Ledger, engine: Engine) -> None:
    """Search is over what is known now; what was known then is history's."""
    record(ledger, registered("C1", "Ada Byron"))
    engine.catch_up()
    assert len(customer_profile.find(ledger.log, name="Ada Byron")) == 1
    change = NameChanged(
        occurred_at=AT, names=(Name(text="Ada Lovelace"),), evidence="marriage", effective_from=AT.date()
    )
    record(ledger, submission("C1/married", change, "C1"))
    engine.catch_up()
    assert customer_profile.find(ledger.log, name="Ada Byron") == []
    assert len(customer_profile.find(ledger.log, name="Ada Lovelace")) == 1


# --- account_register -----------------------------------------------------------------------------------


def test_accounts_and_holders(ledger: Ledger, engine: Engine) -> None:
    """Holders come and go, the account closes; it is found by number and by holder."""
    fill(ledger, 0)
    log = ledger.log
    one, two = (log.stream_id(StreamName("customer", number)) for number in ("C1", "C2"))
    engine.catch_up()
    joined = HolderAdded(occurred_at=AT, holder=AccountHolder(customer="C2", role="joint"), on=AT.date())
    record(ledger, submission("A1/joined", joined, "A1"))
    engine.catch_up()
    account = account_register.find(log, "A1")
    assert account is not None
    assert account.holders == ((one, "owner"), (two, "joint"))
    assert (account.currency, account.product, account.branch) == ("EUR", "current", "B-1")
    assert {held.stream_id for held in account_register.held_by(log, two)} == {
        log.stream_id(StreamName("account", number)) for number in ("A1", "A2")
    }
    left = HolderRemoved(occurred_at=AT, customer="C1", on=AT.date(), reason="divorce")
    record(ledger, submission("A1/left", left, "A1"), closed("A1", AT.date()))
    engine.catch_up()
    account = account_register.find(log, "A1")
    assert account is not None
    assert account.holders == ((two, "joint"),)
    assert account.former == (one,)
    assert account.closed_on == AT.date()
    assert account_register.held_by(log, one) == []
    assert account_register.ever_held_by(log, one) == account_register.of_streams(log, [account.stream_id])
    assert account_register.find(log, "A9") is None
    assert engine.rebuild("account_register").equal is True


# --- transaction_index ----------------------------------------------------------------------------------


def test_transactions_are_found(ledger: Ledger, engine: Engine) -> None:
    """By account, period, amount, branch, channel, kind, counterparty and reference, alone and together."""
    fill(ledger, 9)
    engine.catch_up()
    log = ledger.log
    assert transaction_index.count(log) == 10
    places = transaction_index.of_account(log, "A1")
    assert len(places) == 10
    assert {place.direction for place in places} == {"debit"}
    assert places[0].booked_at == AT
    pair = transaction_index.of_reference(log, "N3")
    assert sorted((place.direction, place.amount) for place in pair) == [
        ("credit", Decimal("4.00")), ("debit", Decimal("4.00")),
    ]  # fmt: skip
    a1 = [log.stream_id(StreamName("account", "A1"))]
    assert [place.amount for place in transaction_index.search(log, Wanted(accounts=a1, least=Decimal(9)))] == [
        Decimal("12.50"), Decimal("9.00"),
    ]  # fmt: skip
    everything = Wanted(
        accounts=a1, start=AT, stop=datetime(2026, 3, 2, tzinfo=UTC), least=Decimal("3.00"), most=Decimal("3.00"),
        currency="EUR", branch="B-1", channel="counter", kind="transfer",
    )  # fmt: skip
    (place,) = transaction_index.search(log, everything)
    (recorded,) = log.events(place.postings, after=place.version - 1, through=place.version)
    assert recorded.event.reference == "N2"  # type: ignore[union-attr]
    for nothing in (
        Wanted(stop=AT), Wanted(branch="B-2"), Wanted(currency="USD"), Wanted(channel="atm"), Wanted(kind="fee"),
        Wanted(counterparty="9-1"), Wanted(most=Decimal("0.01")), Wanted(accounts=[]),
    ):  # fmt: skip
        assert transaction_index.search(log, nothing) == []
    assert len(transaction_index.search(log, Wanted(), limit=3)) == 3


# --- retention ------------------------------------------------------------------------------------------


def deadlines(ledger: Ledger, kind: str, key: str, on: date = date(2026, 6, 1)) -> dict[tuple[str, str], object]:
    """(class, period) → (state, last day it must exist) of a subject's units."""
    return {
        (due.record_class, due.period): (due.deadline.state, due.deadline.keep_through)
        for due in retention_deadlines.deadlines(ledger.log, Asked(on), StreamName(kind, key))
    }


def test_deadlines(ledger: Ledger, engine: Engine) -> None:
    """Transactions run from their booking; identity runs only once the relationship has ended, from that day."""
    fill(ledger, 2)
    engine.catch_up()
    account = deadlines(ledger, "account", "A1")
    assert account["transaction", "2026"] == ("running", date(2036, 3, 1))
    assert account["account", ""] == ("no-clock", None)
    assert deadlines(ledger, "customer", "C1")["identity", ""] == ("no-clock", None)
    ended = RelationshipEnded(occurred_at=AT, on=AT.date(), reason="moved away", accounts=("A1",))
    record(ledger, closed("A1", AT.date()), submission("C1/ended", ended, "C1"))
    engine.catch_up()
    assert deadlines(ledger, "customer", "C1")["identity", ""] == ("running", date(2036, 3, 1))
    assert deadlines(ledger, "customer", "C1", date(2036, 3, 2))["identity", ""] == ("due", date(2036, 3, 1))
    assert deadlines(ledger, "customer", "C2")["identity", ""] == ("no-clock", None)
    everybody = list(retention_deadlines.deadlines(ledger.log, Asked(date(2026, 6, 1))))
    assert len({due.subject for due in everybody}) == 4
    assert engine.rebuild("retention_trigger").equal is True


def test_a_hold_leaves_no_date(ledger: Ledger, engine: Engine) -> None:
    """A hold on a customer lies on what is linked with it too, of its classes, until it is released."""
    fill(ledger, 2)
    placed = HoldPlaced(
        occurred_at=AT,
        subject="customer/C1",
        hold="H-1",
        basis="aml-investigation",
        classes=(RecordClass.TRANSACTION,),
    )  # fmt: skip
    record(ledger, submission("H-1", placed))
    engine.catch_up()
    assert deadlines(ledger, "account", "A1")["transaction", "2026"] == ("held", None)
    assert deadlines(ledger, "account", "A2")["transaction", "2026"] == ("running", date(2036, 3, 1))
    assert deadlines(ledger, "customer", "C1")["identity", ""] == ("no-clock", None)
    released = HoldReleased(occurred_at=AT, subject="customer/C1", hold="H-1", reason="case closed", approver="T-2")
    record(ledger, submission("H-1/released", released))
    engine.catch_up()
    assert deadlines(ledger, "account", "A1")["transaction", "2026"] == ("running", date(2036, 3, 1))
    assert engine.rebuild("retention_trigger").equal is True


def test_unused_accounts_and_new_customers_are_kept(ledger: Ledger, engine: Engine) -> None:
    """What has no clock has no date."""
    record(ledger, registered("C7"), opened("A7", "C7"), booked("T7", ("A7", "credit", "1.00")))
    engine.catch_up()
    assert deadlines(ledger, "customer", "C7")["identity", ""] == ("no-clock", None)
