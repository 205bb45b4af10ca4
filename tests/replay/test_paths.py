"""Paths between customers through transactions: shortest, bounded, and as money flows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from fix_log import opened
from fix_replay import START, Bank

from kyc.domain.submission import Claim, Entry, StreamName
from kyc.domain.transaction import BookTransaction, Leg, postings
from kyc.domain.values import Counterparty
from kyc.errors import InputError, NotFoundError
from projections.engine import Engine
from replay import paths, paths_told
from replay.paths import Wanted

pytestmark = pytest.mark.pg15


@pytest.fixture
def town(empty_bank: Bank) -> Iterator[Bank]:
    """Six customers with an account each, C6 with two; nothing was paid yet."""
    for number in range(1, 7):
        empty_bank.register(f"C{number}", f"Person {number}")
        empty_bank.open(f"A{number}", f"C{number}")
    empty_bank.open("A66", "C6")
    return empty_bank


def pay(bank: Bank, reference: str, source: str, target: str, day: int = 0, *, both: bool = True) -> None:
    """A transfer, as two legs where both accounts are ours and ``both``, else as one that names the other side."""
    at = START + timedelta(days=day)
    sides = [(source, "debit", target), (target, "credit", source)]
    ours = [side for side in sides if side[0].startswith("A")][: 2 if both else 1]
    legs = tuple(
        Leg(
            account=account, direction=direction, amount=Decimal("7.00"), currency="CNY",  # type: ignore[arg-type]
            counterparty=Counterparty(name=f"Holder of {other}", account=other),
        )
        for account, direction, other in ours
    )  # fmt: skip
    booking = BookTransaction(
        occurred_at=at, reference=reference, kind="transfer", channel="mobile", booked_at=at,
        value_date=at.date(), legs=legs,
    )  # fmt: skip
    entries = [
        Entry(StreamName("postings", event.leg.account), StreamName("account", event.leg.account), event)
        for event in postings(booking)
    ]
    bank.record(*entries, claims=(Claim("transaction", reference),))


def found(bank: Bank, first: str, second: str, **wanted: object) -> list[list[str]]:
    """The paths between two customers, each as the accounts on it."""
    Engine(bank.log).catch_up()
    told = paths_told.between(bank.log, first, second, Wanted(**wanted))  # type: ignore[arg-type]
    return [[hops[0].source.account, *(hop.target.account for hop in hops)] for hops in told.paths]


def test_shortest_of_several(town: Bank) -> None:
    """Of all paths those of the least number of transactions are told, whichever way money went."""
    pay(town, "T1", "A1", "A2")
    pay(town, "T2", "A3", "A2")
    pay(town, "T3", "A3", "A4")
    pay(town, "T4", "A4", "A5")
    pay(town, "T5", "A3", "A5")
    assert found(town, "C1", "C2") == [["A1", "A2"]]
    assert found(town, "C1", "C3") == [["A1", "A2", "A3"]]
    assert found(town, "C1", "C5") == [["A1", "A2", "A3", "A5"]]
    assert found(town, "C5", "C1") == [["A5", "A3", "A2", "A1"]]
    assert found(town, "C1", "C5", steps=2) == []
    assert found(town, "C1", "C6") == []


def test_through_accounts_elsewhere(town: Bank) -> None:
    """Two customers who paid the same account of another bank are two steps apart."""
    pay(town, "T1", "A1", "X-77")
    pay(town, "T2", "A2", "X-77")
    assert found(town, "C1", "C2") == [["A1", "X-77", "A2"]]
    told = paths_told.between(town.log, "C1", "C2")
    ((first, second),) = told.paths
    assert first.target == paths_told.Side("X-77", ours=False, holders=("Holder of X-77",))
    assert (first.outgoing, second.outgoing) == (True, False)


def test_counterparty_that_is_ours(town: Bank) -> None:
    """A leg that names one of our accounts as the other side leads to it, also where that side has no leg."""
    pay(town, "T1", "A1", "A2", both=False)
    assert found(town, "C1", "C2") == found(town, "C1", "C2", follow=True) == [["A1", "A2"]]
    assert found(town, "C2", "C1") == [["A2", "A1"]]
    assert found(town, "C2", "C1", follow=True) == []


def test_between_accounts_of_one_holder(town: Bank) -> None:
    """From one account to another of the same holder costs no transaction, and is said."""
    pay(town, "T1", "A1", "A6")
    pay(town, "T2", "A66", "A2")
    assert found(town, "C1", "C2", steps=2) == [["A1", "A6", "A66", "A2"]]
    told = paths_told.between(town.log, "C1", "C2")
    assert [hop.told is None for hop in told.paths[0]] == [False, True, False]
    assert "  account A6 (C6) and account A66 (C6): the same holder" in paths_told.lines(told)


def test_money_never_goes_back_in_time(town: Bank) -> None:
    """Followed, each payment is from payer to payee and none is earlier than the one before."""
    pay(town, "T1", "A1", "A2", day=5)
    pay(town, "T2", "A2", "A3", day=4)
    assert found(town, "C1", "C3") == [["A1", "A2", "A3"]]
    assert found(town, "C1", "C3", follow=True) == []
    pay(town, "T3", "A1", "A4", day=1)
    pay(town, "T4", "A4", "A5", day=2)
    pay(town, "T5", "A5", "A2", day=3)  # a longer way that arrives in time
    assert found(town, "C1", "C3", follow=True) == [["A1", "A4", "A5", "A2", "A3"]]
    told = paths_told.between(town.log, "C1", "C3", Wanted(follow=True))
    booked: list[datetime] = [hop.told.recorded.event.booked_at for hop in told.paths[0]]  # type: ignore[union-attr]
    assert booked == sorted(booked)
    assert found(town, "C3", "C1", follow=True) == []


def test_span_of_time(town: Bank) -> None:
    """Only transactions booked in the span count."""
    pay(town, "T1", "A1", "A2", day=5)
    assert found(town, "C1", "C2", since=START + timedelta(days=6)) == []
    assert found(town, "C1", "C2", until=START + timedelta(days=5)) == []
    assert found(town, "C1", "C2", since=START + timedelta(days=5), until=START + timedelta(days=6)) == [
        ["A1", "A2"]
    ]


def test_shared_account(town: Bank) -> None:
    """Who holds an account together needs no transaction."""
    town.open("A12", "C1", "C2")
    Engine(town.log).catch_up()
    told = paths_told.between(town.log, "C1", "C2")
    assert told.paths == ((),)
    assert [side.account for side in told.shared] == ["A12"]
    assert "They share account A12" in paths_told.lines(told)


def test_bounds_are_owned_up_to(town: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was cut off is said: a path that was not found may be there all the same."""
    for number in range(6):
        pay(town, f"T{number}", "A1", f"X-{number}", day=number)
    pay(town, "T9", "A1", "A2", day=9, both=False)
    Engine(town.log).catch_up()
    assert paths_told.between(town.log, "C1", "C2").complete
    monkeypatch.setattr(paths, "LEGS_MAX", 6)
    told = paths_told.between(town.log, "C1", "C2")
    assert (told.paths, told.complete) == ((), False)
    assert paths_told.lines(told)[-1].endswith("not all within reach")
    monkeypatch.undo()
    monkeypatch.setattr(paths, "ACCOUNTS_MAX", 0)
    assert not paths_told.between(town.log, "C1", "C2").complete


def test_only_what_is_told_is_opened(town: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many transactions are searched, only those on the path are decrypted, and who is on it."""
    for number in range(60):
        pay(town, f"O{number}", "A1", f"X-{number}")
        pay(town, f"P{number}", "A2", f"Y-{number}")
    pay(town, "T1", "A1", "A3")
    pay(town, "T2", "A3", "A2")
    Engine(town.log).catch_up()
    counts = opened(town.log, monkeypatch)
    told = paths_told.between(town.log, "C1", "C2")
    assert [len(hops) for hops in told.paths] == [2]
    assert sum(counts) == 2 + 3 + 3  # transactions, accounts, customers


def test_disposed_registration(town: Bank) -> None:
    """An account or customer whose registration was disposed of keeps an id; disposed transactions lead nowhere."""
    pay(town, "T1", "A1", "A3")
    pay(town, "T2", "A3", "A2")
    Engine(town.log).catch_up()
    town.dispose("customer", "C3", "X1", "ab" * 32)
    ((first, _),) = paths_told.between(town.log, "C1", "C2").paths
    assert first.target.account == "A3"
    assert len(first.target.holders[0]) == 36  # the stream id
    town.dispose("postings", "A3")
    town.dispose("postings", "A1")
    Engine(town.log).catch_up()
    assert paths_told.between(town.log, "C1", "C2").paths == ()


def test_what_cannot_be_searched(town: Bank) -> None:
    """The same customer twice, too many steps, a customer without account, read models never built."""
    with pytest.raises(NotFoundError):
        paths.search(town.log, "C1", "C2")
    Engine(town.log).catch_up()
    town.register("C9", "Nobody")
    for first, second, wanted, error in (
        ("C1", "C1", Wanted(), InputError),
        ("C1", "C2", Wanted(steps=9), InputError),
        ("C1", "C9", Wanted(), NotFoundError),
    ):
        with pytest.raises(error):
            paths.search(town.log, first, second, wanted)


def test_json_and_text(town: Bank) -> None:
    """The answer is plain JSON, and readable."""
    pay(town, "T1", "A1", "A2")
    Engine(town.log).catch_up()
    told = paths_told.between(town.log, "C1", "C2")
    parsed = json.loads(json.dumps(paths_told.as_dict(told)))
    ((hop,),) = parsed["paths"]
    assert hop["source"] == {"account": "A1", "ours": True, "holders": ["C1"]}
    assert hop["transaction"]["event"]["reference"] == "T1"
    shown = paths_told.lines(told)
    assert shown[0] == "From customer C1 to customer C2, in either direction, in any order"
    assert "  account A1 (C1) → account A2 (C2)" in shown
