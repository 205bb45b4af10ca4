"""Who deals with whom: counts and sums, exact for any period; other sides by account, leg, document and name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from fix_cli import Call, document
from fix_world_china import onboard, open_account
from fix_world_ledger import Story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc.domain.account import AccountOpened, Holder, HolderRemoved
from kyc.domain.submission import StreamName
from kyc.domain.transaction import BookTransaction, CounterpartyCompleted, Leg, PaymentDetailed
from kyc.domain.values import Counterparty
from projections import counterparty_edge, runner, transaction_index
from projections.counterparty_edge import Edge

pytestmark = pytest.mark.pg15
SHANGHAI = ZoneInfo("Asia/Shanghai")
SHOP = Counterparty(name="Corner Shop", account="9-1", institution="Other Bank", country="CHN")


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def leg(account: str, way: str, amount: str, party: Counterparty | None = None, currency: str = "CNY") -> Leg:
    """One side of a transaction."""
    return Leg(account=account, direction=way, amount=Decimal(amount), currency=currency, counterparty=party)  # type: ignore[arg-type]


def book(world: Story, reference: str, *legs: Leg, at: datetime | None = None) -> None:
    """Book a transaction of a moment."""
    at = at or world.now
    booking = BookTransaction(
        occurred_at=at, reference=reference, kind="transfer", channel="mobile", booked_at=at, value_date=at.date(),
        legs=legs,
    )  # fmt: skip
    world.record(booking)


def edges(world: Story, number: str, **options: object) -> list[Edge]:
    """With whom a customer dealt."""
    return counterparty_edge.of_customer(world.log, number, SHANGHAI, **options)  # type: ignore[arg-type]


def told(found: Sequence[Edge]) -> list[tuple[str, str, int, str, str]]:
    """(known by, direction, transactions, sum, name)."""
    return [
        (one.known_by, one.direction, one.legs, str(one.amount), one.party.name if one.party else "")
        for one in found
    ]


def test_the_other_side_however_it_is_known(china: Story, call: Call) -> None:
    """By account, by the other leg, by document and by name; receipts and payments apart, largest sums first."""
    onboard(china, "C1")
    onboard(china, "C2")
    open_account(china, "A1", "C1")
    open_account(china, "A2", "C2")
    for n in range(3):
        book(china, f"S{n}", leg("A1", "debit", f"{n + 1}0.00", SHOP))
    book(china, "S9", leg("A1", "credit", "7.50", SHOP))
    book(china, "L1", leg("A1", "debit", "500.00"), leg("A2", "credit", "500.00"))
    paper = Counterparty(name="Zhao Liu", document_kind="passport", document_number="P 77")
    book(china, "P1", leg("A1", "credit", "3.00", paper))
    for n, name in enumerate(("CORNER  shop", "Corner Shop")):
        book(china, f"N{n}", leg("A1", "debit", "1.00", Counterparty(name=name)))
    book(china, "X1", leg("A1", "debit", "99.00"))
    engine = china.project()
    found = edges(china, "C1")
    assert told(found) == [
        ("leg", "debit", 1, "500.00", ""), ("account", "debit", 3, "60.00", "Corner Shop"),
        ("account", "credit", 1, "7.50", "Corner Shop"), ("document", "credit", 1, "3.00", "Zhao Liu"),
        ("name", "debit", 2, "2.00", "Corner Shop"),
    ]  # fmt: skip
    assert found[0].holders == [china.log.stream_id(StreamName("customer", "C2"))]
    assert found[0].account == china.log.stream_id(StreamName("account", "A2"))
    assert found[1].party == SHOP
    assert [one.legs for one in edges(china, "C1", by="count")] == [3, 2, 1, 1, 1]
    assert told(edges(china, "C2")) == [("leg", "credit", 1, "500.00", "")]
    assert len(edges(china, "C1", limit=2)) == 2
    dealt = counterparty_edge.of_counterparty(china.log, "9-1")
    assert [(one.direction, one.legs, str(one.amount)) for one in dealt] == [
        ("debit", 3, "60.00"), ("credit", 1, "7.50"),
    ]  # fmt: skip
    assert {holder for one in dealt for holder in one.holders} == {
        china.log.stream_id(StreamName("customer", "C1"))
    }
    said = document(call("--json", "customer", "counterparties", "C1"))["counterparties"]
    assert [(one["amount"], one["legs"]) for one in said[:2]] == [("500.00", 1), ("60.00", 3)]
    assert said[0]["holders"] == [{"customer": "C2", "name": "Person C2"}]
    text = call("customer", "counterparties", "C1", "--by", "count")[1]
    assert "Corner Shop; 9-1; Other Bank" in text
    assert "known by name only" in text
    assert engine.rebuild("counterparty_edge").equal is True


def test_several_other_sides_each_say_their_part(china: Story) -> None:
    """Wages: one payer, two payees of ours; the payer's edges have the sums of each, not the whole twice."""
    for number in ("C1", "C2", "C3"):
        onboard(china, number)
        open_account(china, f"A-{number}", number)
    wages = leg("A-C2", "credit", "40.00"), leg("A-C3", "credit", "60.00")
    book(china, "W1", leg("A-C1", "debit", "100.00"), *wages)
    book(china, "W2", leg("A-C1", "debit", "100.00"), *wages)
    china.project()
    assert told(edges(china, "C1")) == [("leg", "debit", 2, "120.00", ""), ("leg", "debit", 2, "80.00", "")]
    assert told(edges(china, "C3")) == [("leg", "credit", 2, "120.00", "")]


def test_currencies_are_ranked_apart_and_holders_by_their_days(china: Story) -> None:
    """Yen do not crowd out dollars; who has left an account dealt with nobody through it afterwards."""
    onboard(china, "C1")
    onboard(china, "C2")
    for account, currency in (("J1", "JPY"), ("U1", "USD")):
        china.record(
            AccountOpened(
                occurred_at=china.now, account=account, currency=currency, product="current", opened_on=china.today,
                holders=(Holder(customer="C1", role="joint"), Holder(customer="C2", role="joint")),
            )
        )  # fmt: skip
    for n in range(3):
        other = Counterparty(account=f"9-{n}")
        book(china, f"J{n}", leg("J1", "debit", f"{n + 1}000", other, "JPY"))
        book(china, f"U{n}", leg("U1", "debit", f"{n + 1}.00", other, "USD"))
    assert china.project()
    assert [(one.currency, str(one.amount)) for one in edges(china, "C1", limit=2)] == [
        ("JPY", "3000"), ("JPY", "2000"), ("USD", "3.00"), ("USD", "2.00"),
    ]  # fmt: skip
    china.today += timedelta(days=2)
    china.record(HolderRemoved(occurred_at=china.now, customer="C1", on=china.today, reason="divorce"), "U1")
    book(china, "U9", leg("U1", "debit", "10.00", Counterparty(account="9-2"), "USD"))
    china.project()
    other = Counterparty(account="9-2")
    ours, theirs = (
        {str(one.amount) for one in edges(china, number) if (one.currency, one.party) == ("USD", other)}
        for number in ("C1", "C2")
    )
    assert (ours, theirs) == ({"3.00"}, {"13.00"})
    assert sum(one.legs for one in edges(china, "C1")) == 6


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=3, deadline=None)
@given(st.data())
def test_exact_for_any_period(china: Story, monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    """Whatever span is asked for, counts and sums are those of the single legs, however they came in batches."""
    if not china.named("account"):
        monkeypatch.setattr(runner, "PAGE", 7)
        onboard(china, "C1")
        china.record(
            AccountOpened(
                occurred_at=china.now, account="A1", currency="CNY", product="current",
                opened_on=datetime(2023, 1, 1, tzinfo=UTC).date(), holders=(Holder(customer="C1"),),
            )
        )  # fmt: skip
        for n in range(60):
            at = datetime(2024, 11, 1, tzinfo=UTC) + timedelta(days=n * 3, hours=n)
            way = "debit" if n % 3 else "credit"
            book(china, f"T{n}", leg("A1", way, f"{n + 1}.00", Counterparty(account=f"9-{n % 4}")), at=at)
        engine = china.project()
        assert engine.rebuild("counterparty_edge").equal is True
    moments = st.datetimes(datetime(2024, 10, 1), datetime(2025, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001
    for _ in range(15):
        start, stop = sorted((data.draw(moments), data.draw(moments)))
        legs = transaction_index.of_account(china.log, "A1", start=start, stop=stop)
        expected: dict[tuple[bytes | None, str], list[Decimal]] = {}
        for place in legs:
            expected.setdefault((place.counterparty, place.direction), []).append(place.amount)
        found = edges(china, "C1", start=start, stop=stop)
        assert {(one.counterparty, one.direction): (one.legs, one.amount) for one in found} == {
            key: (len(amounts), sum(amounts)) for key, amounts in expected.items()
        }
        assert all(start <= one.first_at <= one.last_at < stop for one in found)


def test_edges_go_with_their_keys(china: Story) -> None:
    """A destroyed year leaves neither edges nor names; the other year stays."""
    onboard(china, "C1")
    china.record(
        AccountOpened(
            occurred_at=china.now, account="A1", currency="CNY", product="current",
            opened_on=datetime(2024, 1, 1, tzinfo=UTC).date(), holders=(Holder(customer="C1"),),
        )
    )  # fmt: skip
    book(china, "T1", leg("A1", "debit", "1.00", SHOP), at=datetime(2025, 5, 1, tzinfo=UTC))
    book(china, "T2", leg("A1", "debit", "2.00", Counterparty(account="9-1")))
    engine = china.project()
    (both,) = edges(china, "C1")
    assert (both.legs, both.amount, both.party) == (2, Decimal("3.00"), Counterparty(account="9-1"))
    row = china.recorded("postings", "A1")[1].row
    china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    (unread,) = edges(china, "C1", start=datetime(2026, 1, 1, tzinfo=UTC))
    assert unread.party is None
    engine.sweep()
    (left,) = edges(china, "C1")
    assert (left.legs, left.party) == (1, SHOP)
    assert engine.rebuild("counterparty_edge").equal is True


def beside(world: Story, topic: str, account: str, reference: str, party: Counterparty, **fields: object) -> None:
    """Tell of somebody beside a booking: a payment within it, or who it was with."""
    kind = PaymentDetailed if topic == "detailed" else CounterpartyCompleted
    said = {"direction": "debit", "source": "camt.054"} if topic == "detailed" else {"source": "inquiry"}
    if "amount" in fields:
        said |= {"currency": "CNY"}
    world.record(
        kind(occurred_at=world.now, account=account, reference=reference, counterparty=party, **said, **fields)  # type: ignore[arg-type]
    )


def test_payments_of_a_batch_and_what_was_completed_later(china: Story) -> None:
    """Each other side says its part of a booking, once and never more than all of it; the leg's own counts once."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    yard = Counterparty(name="Ship Yard", account="9-2")
    book(china, "B1", leg("A1", "debit", "100.00"))
    beside(china, "detailed", "A1", "B1", SHOP, amount=Decimal("30.00"), end_to_end="E1")
    beside(china, "detailed", "A1", "B1", SHOP, amount=Decimal("20.00"), end_to_end="E2")
    beside(china, "detailed", "A1", "B1", yard, amount=Decimal("50.00"))
    book(china, "B2", leg("A1", "credit", "7.00"))
    beside(china, "completed", "A1", "B2", yard)
    book(china, "B3", leg("A1", "debit", "3.00", SHOP))
    beside(china, "detailed", "A1", "B3", SHOP, amount=Decimal("3.00"))  # told again, with more
    book(china, "B4", leg("A1", "debit", "10.00"))
    for end in ("E3", "E4"):  # two messages about one payment
        beside(china, "detailed", "A1", "B4", SHOP, amount=Decimal("10.00"), end_to_end=end)
    engine = china.project()
    assert told(edges(china, "C1")) == [
        ("account", "debit", 3, "63.00", "Corner Shop"),
        ("account", "debit", 1, "50.00", "Ship Yard"),
        ("account", "credit", 1, "7.00", "Ship Yard"),
    ]
    log = china.log
    dealt = counterparty_edge.of_counterparty(log, "9-2")
    assert [(one.direction, one.legs, str(one.amount)) for one in dealt] == [
        ("credit", 1, "7.00"), ("debit", 1, "50.00"),
    ]  # fmt: skip
    shop = transaction_index.search(log, transaction_index.Wanted(counterparty="9-1"))
    assert sorted(str(place.amount) for place in shop) == ["10.00", "100.00", "3.00"]
    yards = transaction_index.search(log, transaction_index.Wanted(counterparty="9-2"))
    assert [place.amount for place in yards] == [
        Decimal("100.00"), Decimal("7.00"),
    ]  # fmt: skip
    assert transaction_index.search(log, transaction_index.Wanted(counterparty="9-9")) == []
    assert edges(china, "C1", start=china.now + timedelta(seconds=1)) == []
    assert engine.rebuild("transaction_index").equal


def test_what_was_told_beside_goes_with_its_key(china: Story) -> None:
    """Other sides told of beside a booking leave with the key of the account's year."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    book(china, "B1", leg("A1", "debit", "100.00"))
    beside(china, "detailed", "A1", "B1", SHOP, amount=Decimal("30.00"))
    engine = china.project()
    assert len(edges(china, "C1")) == 1
    row = china.recorded("postings", "A1")[1].row
    china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    engine.sweep()
    assert edges(china, "C1") == []
    with china.log.database.connection() as connection:
        assert connection.execute("select count(*) from kyc_read.transaction_detail").fetchone() == (0,)
