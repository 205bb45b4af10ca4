"""Orders, freezes and secrecy at any instant: lapsing to the microsecond without an event, and every assistance."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from fix_world_china import accepted, onboard, open_account, order
from fix_world_ledger import Story

from kyc.domain import authority as o
from kyc.domain import restraint as r
from kyc.domain.admit import evolve
from kyc.domain.authority import Paper
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError, RefusedError
from projections import orders
from projections.order_register import Named

pytestmark = pytest.mark.pg15
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


@pytest.fixture
def bank(china: Story) -> Story:
    """An account A1 of C1, and accepted orders of two courts to freeze it."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    for number in ("O1", "O2"):
        china.record(order(china, number, action="freeze"))
        china.record(accepted(china, number))
    return china


def frozen(world: Story, number: str, by: str, until: datetime | None, **fields: Any) -> None:
    """A freeze of A1."""
    values = {"organ": "court"} | fields
    event = r.AccountFrozen(occurred_at=world.now, id=number, order=by, until=until, **values)
    world.record(event, "A1")


def stood(world: Story, at: datetime, **chosen: Any) -> dict[str, str]:
    """Freeze → where it stood, as known now."""
    found = orders.freezes(world.log, at, **chosen)
    return {one.named.freeze: one.state for one in found if one.named is not None}


def test_hours_are_hours(china: Story) -> None:
    """The central bank's freeze of 48 hours lapses at its microsecond, and nobody records it."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    china.later(hours=3, minutes=7)
    start, end = china.now, china.now + timedelta(hours=48)
    hours = {
        "action": "freeze", "organ": "pboc-aml", "level": 5, "approval": 5,
        "papers": (Paper(kind="freeze-notice"),),
    }  # fmt: skip
    china.record(order(china, "O1", **hours, freeze_from=start, freeze_until=end))
    china.record(accepted(china, "O1"))
    frozen(china, "F1", "O1", end, organ="pboc-aml")
    china.project()
    for at, state in ((start, "in-force"), (end - MOMENT, "in-force"), (end, "lapsed")):
        assert stood(china, at) == {"F1": state}
    assert stood(china, start - MOMENT) == {}
    day = end.date()
    assert [one.until for one in orders.due(china.log, start, end, day).lapsing] == [end]
    assert orders.due(china.log, start, end - MOMENT, day).lapsing == []
    assert orders.due(china.log, end, end + timedelta(days=9), day).lapsing == []
    assert [one.until for one in orders.freezes(china.log, end, state="lapsed", organ="pboc-aml")] == [end]


def test_the_queue_of_an_account(bank: Story) -> None:
    """The second waits its turn; once the first has lapsed it is to be put into force, and then is; released."""
    start, end = bank.now, bank.now + timedelta(days=10)
    frozen(bank, "F1", "O1", end)
    bank.later(hours=1)
    bank.record(r.FreezeQueued(occurred_at=bank.now, id="F2", order="O2", organ="court"), "A1")
    engine = bank.project()
    assert stood(bank, start) == {"F1": "in-force"}
    assert stood(bank, bank.now) == {"F1": "in-force", "F2": "queued"}
    (waits,) = orders.freezes(bank.log, bank.now, state="queued")
    assert (waits.place, waits.in_force, waits.until, waits.named) == (1, 1, None, Named(freeze="F2", order="O2"))
    assert orders.due(bank.log, end - MOMENT, end - MOMENT, end.date()).next_in_line == []
    (first,) = orders.due(bank.log, end, end, end.date()).next_in_line
    assert first.named == Named(freeze="F2", order="O2")
    bank.today = end.date()
    bank.later(hours=2)
    bank.record(r.FreezeLapsed(occurred_at=bank.now, id="F1", at=end), "A1")
    turn = bank.now
    frozen(bank, "F2", "O2", bank.now + timedelta(days=5), amount=Decimal("70.50"), currency="CNY")
    bank.later(hours=2)
    bank.record(r.FreezeReleased(occurred_at=bank.now, id="F2", reason="paid", approver="T-2"), "A1")
    engine.catch_up()
    assert stood(bank, turn - MOMENT) == {"F1": "lapsed", "F2": "queued"}
    assert stood(bank, turn) == {"F1": "lapsed", "F2": "in-force"}
    assert stood(bank, bank.now) == stood(bank, bank.now + timedelta(days=50)) == {"F1": "lapsed", "F2": "released"}
    assert orders.due(bank.log, bank.now, bank.now, end.date()).next_in_line == []
    (part,) = orders.freezes(bank.log, turn, number="O2")
    assert (part.amount, part.currency) == (Decimal("70.50"), "CNY")
    assert engine.rebuild("order_register").equal is True


def test_renewed_before_it_lapses(bank: Story) -> None:
    """A renewal moves the end from when it was said; as known before, the earlier end stands."""
    first = bank.now + timedelta(days=100)
    frozen(bank, "F1", "O1", first)
    bank.today += timedelta(days=90)
    second = first + timedelta(days=100)
    renewal = order(
        bank, "O7", action="freeze", renewals=1, frozen_since=bank.now, lapses_at=first, freeze_from=first,
        freeze_until=second,
    )  # fmt: skip
    bank.record(renewal)
    bank.record(accepted(bank, "O7"))
    bank.record(r.FreezeRenewed(occurred_at=bank.now, id="F1", order="O7", until=second), "A1")
    engine = bank.project()
    (known,) = orders.freezes(bank.log, bank.now)
    assert known.until == second
    (before,) = orders.due(bank.log, bank.now - MOMENT, first, first.date()).lapsing
    assert before.until == first
    assert orders.due(bank.log, bank.now, first, first.date()).lapsing == []
    assert stood(bank, first) == {"F1": "in-force"}
    assert stood(bank, second) == {"F1": "lapsed"}
    assert engine.rebuild("order_register").equal is True


def test_orders_by_everything(bank: Story) -> None:
    """By number, customer, account, organ, subject, status, page by page; each as it stood at the instant."""
    onboard(bank, "C2")
    bank.later(hours=1)
    bank.record(order(bank, "O3", organ="police", subject_document="p-9", customer="C2", accounts=()))
    bank.later(hours=1)
    bank.record(o.OrderRejected(occurred_at=bank.now, order="O3", reasons=("no-right",)))
    foreign = o.ForeignRequestReceived(
        occurred_at=bank.now, order="X1", authority="Abroad", country="USA", demand="all", customer="C2"
    )
    bank.record(foreign)
    bank.record(o.ForeignRequestEscalated(occurred_at=bank.now, order="X1", to="Ministry"))
    bank.record(o.ForeignRequestRefused(occurred_at=bank.now, order="X1", reason="DSL art. 36", reported_to="M"))
    bank.record(o.ObjectionLodged(occurred_at=bank.now, order="O1", by="bank", statement="wrong account"))
    bank.project()

    def numbers(at: datetime = bank.now, **asked: Any) -> list[str]:
        return [one.papers.order for one in orders.find(bank.log, at, **asked) if one.papers is not None]

    assert sorted(numbers()) == ["O1", "O2", "O3", "X1"]
    assert numbers(number="O3") == numbers(subject=" P-9") == numbers(organ="police") == ["O3"]
    assert sorted(numbers(customer="C1")) == sorted(numbers(account="A1")) == ["O1", "O2"]
    assert numbers(customer="C2", account="A1") == numbers(number="O9") == []
    assert sorted(numbers(customer="C2")) == sorted(numbers(status="rejected")) == ["O3", "X1"]
    assert numbers(bank.now - timedelta(hours=1), organ="police", status="received") == ["O3"]
    assert "O3" not in numbers(bank.now - timedelta(hours=1, microseconds=1))
    (first,) = orders.find(bank.log, bank.now, limit=1)
    assert len(orders.find(bank.log, bank.now, after=first)) == 3
    assert [one.objections for one in orders.find(bank.log, bank.now, number="O1")] == [1]
    acts = orders.assistance(bank.log, bank.now)
    assert sorted((one.kind, one.act and one.act.what) for one in acts if one.kind == "rejected") == [
        ("rejected", ("DSL art. 36",)), ("rejected", ("no-right",)),
    ]  # fmt: skip


def test_secrecy_and_telling_the_customer(bank: Story) -> None:
    """Secret until released, at every instant; then, from the day the organ named, the customer is to be told."""
    bank.record(order(bank, "O5", customer="C1", secret=True, notify_after=bank.today + timedelta(days=5)))
    bank.record(accepted(bank, "O5"))
    bank.later(hours=3)
    bank.record(o.SecrecyReleased(occurred_at=bank.now, order="O5"))
    engine = bank.project()
    released, named = bank.now, bank.today + timedelta(days=5)

    def secret(at: datetime) -> bool:
        return orders.find(bank.log, at, number="O5")[0].secret

    assert secret(released - MOMENT)
    assert not secret(released)
    assert orders.find(bank.log, released - MOMENT, number="O5", secret=False) == []
    assert orders.due(bank.log, released, released, bank.today).notices == []
    (told,) = orders.due(bank.log, released, released, named).notices
    assert (told.notify_after, told.released_at) == (named, released)
    bank.today = named
    bank.record(o.SecrecyImposed(occurred_at=bank.now, order="O5", until=named + timedelta(days=9)))
    engine.catch_up()
    assert secret(bank.now)
    assert orders.due(bank.log, bank.now, bank.now, named).notices == []
    bank.later(hours=1)
    bank.record(o.SecrecyReleased(occurred_at=bank.now, order="O5"))
    bank.record(o.CustomerNotified(occurred_at=bank.now, order="O5", channel="letter"))
    engine.catch_up()
    assert orders.due(bank.log, bank.now, bank.now, named).notices == []
    assert not secret(released), "as it was between"
    assert engine.rebuild("order_register").equal is True


def test_every_assistance_is_kept(bank: Story) -> None:
    """What left, what was sealed, frozen, deducted and fulfilled, under which order, with digest and amount."""
    bank.record(order(bank, "O3", customer="C1"))
    bank.record(accepted(bank, "O3"))
    bank.record(order(bank, "O4", action="deduct"))
    bank.record(accepted(bank, "O4"))
    frozen(bank, "F1", "O1", bank.now + timedelta(days=1), amount=Decimal("9.00"), currency="CNY")
    deducted = r.FundsDeducted(
        occurred_at=bank.now, order="O4", amount=Decimal("9.00"), currency="CNY", freeze="F1",
        destination="court account", reference="T1",
    )  # fmt: skip
    bank.record(deducted, "A1")
    at = {"occurred_at": bank.now, "order": "O3"}
    bank.record(o.DataDisclosed(**at, recipient="court", fields=("names",), digest="ab" * 32, receipt="R-1"))
    bank.record(o.EvidenceSealed(**at, items=("voucher 1",), counterpart="Qian Er"))
    bank.record(o.OrderFulfilled(**at, result="answered"))
    engine = bank.project()
    found = orders.assistance(bank.log, bank.now)
    assert sorted(one.kind for one in found) == ["deducted", "disclosed", "frozen", "fulfilled", "sealed"]
    own = [bank.log.stream_id(StreamName("order", "O3"))]
    left = next(one for one in orders.assistance(bank.log, bank.now, orders=own) if one.kind == "disclosed")
    assert left.act is not None
    assert (left.act.digest, left.act.what, left.act.receipt, left.account) == ("ab" * 32, ("names",), "R-1", None)
    taken = next(one for one in found if one.kind == "deducted")
    assert (taken.amount, taken.account) == (Decimal("9.00"), bank.log.stream_id(StreamName("account", "A1")))
    assert orders.assistance(bank.log, bank.now, since=bank.now + MOMENT) == []
    key = bank.recorded("account", "A1")[0].row.data_key
    bank.log.key_store.destroy(key)
    bank.log.ring.forget(key)
    assert [one.act for one in orders.assistance(bank.log, bank.now) if one.account] == [None, None]
    assert [one.named for one in orders.freezes(bank.log, bank.now)] == [None]
    engine.sweep()
    assert stood(bank, bank.now) == {}
    assert {one.kind for one in orders.assistance(bank.log, bank.now)} == {"disclosed", "fulfilled", "sealed"}
    assert engine.rebuild("order_register").equal is True


def test_the_register_agrees_with_the_rules(bank: Story) -> None:
    """Frozen, queued, renewed, released or lapsed unnoticed: at any instant it stands as admission sees it."""
    chance, start = Random(8), bank.now
    numbers = ["F1", "F2", "F3"]
    for _ in range(30):
        bank.later(minutes=chance.randrange(1, 600))
        at, number = {"occurred_at": bank.now, "id": chance.choice(numbers)}, chance.choice(["O1", "O2"])
        end = bank.now + timedelta(minutes=chance.randrange(1, 4_000))
        event = chance.choice(
            [
                r.FreezeQueued(**at, order=number, organ="court"),
                r.AccountFrozen(**at, order=number, organ="court", until=end),
                r.FreezeQueued(**at, order=number, organ="court"),
                r.FreezeRenewed(**at, order=number, until=end + timedelta(days=1)),
                r.FreezeReleased(**at, reason="paid"),
            ]
        )
        with suppress(RefusedError):
            bank.record(event, "A1")
    engine = bank.project()
    recorded = bank.events("account", "A1")
    assert len({type(event) for event in recorded}) == 5, "opened, frozen, queued, renewed, released"
    for _ in range(60):
        instant = start + (bank.now - start) * chance.random()
        state = None
        for event in recorded:
            if event.occurred_at <= instant:
                state = evolve("account", state, event)
        assert state is not None
        asked = r.FreezeReleased(occurred_at=instant, id="", reason="x")
        in_force = [known.id for known in r.in_force(state.restraints, asked)]
        found = orders.freezes(bank.log, instant)
        told = {
            (one.state, one.place or 0, one.named.freeze) for one in found
            if one.named is not None and one.state in {"in-force", "queued"}
        }  # fmt: skip
        queued = {("queued", place, known.id) for place, known in enumerate(state.restraints.queue, 1)}
        assert told == {("in-force", 0, known) for known in in_force} | queued, instant
    assert engine.rebuild("order_register").equal is True


def test_read_through_indexes(china: Story) -> None:
    """Orders by number or account, and freezes that lapse, are found without reading all."""
    with pytest.raises(NotFoundError):
        orders.find(china.log, datetime(2026, 3, 2, tzinfo=UTC))
    china.project()
    freeze = {
        "accounts": None,
        "order": None,
        "organ": None,
        "state": None,
        "by": None,
        "limit": 5,
        "at": china.now,
    }
    one = {
        "at": china.now, "number": "0" * 32, "subject": None, "accounts": None, "customer": None, "organ": None,
        "status": None, "secret": None, "after_at": china.now, "after": "0" * 32, "limit": 5,
    }  # fmt: skip
    with china.log.database.connection() as connection:
        connection.execute("set enable_seqscan = off")
        for statement, arguments, index in (
            ("orders", one, "order_register_b1_number"),
            ("freezes", freeze | {"ends": china.now}, "order_freeze_b1_end"),
        ):
            asked = b"explain " + orders._composed(statement).as_bytes(connection)
            plan = "\n".join(line for (line,) in connection.execute(asked, arguments).fetchall())
            assert index in plan, plan
            assert "Seq Scan" not in plan, plan
