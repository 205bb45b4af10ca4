"""Personal data in read models: nothing in clear in a dump, nothing left after a key is destroyed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fix_bank import (
    AT,
    TELLER,
    moved,
    receipts,
)
from fix_projections import another, fill

from kyc.domain.submission import Entry, StreamName, Unit
from kyc.domain.transaction import BookTransaction, Leg, postings
from kyc.errors import CiphertextDamagedError
from kyc.keys.ring import KeyName
from kyc.ledger import Ledger
from kyc.store.log import EventLog
from projections import account_register, customer_profile, retention_trigger, transaction_index
from projections.cells import decrypt, encrypt
from projections.engine import Engine
from projections.registry import PROJECTIONS

pytestmark = pytest.mark.pg15


def destroy(log: EventLog, kind: str, key: str) -> None:
    """Destroy the data key of a stream's first event, as disposal does."""
    row = next(iter(log.events(StreamName(kind, key)))).row
    assert log.key_store.destroy(row.data_key)
    log.ring.forget(row.data_key)


def test_destroyed_customer(ledger: Ledger, engine: Engine) -> None:
    """Unreadable at once; swept, the row says disposed and nothing else; a rebuild gives the same."""
    fill(ledger, 3)
    engine.catch_up()
    log = ledger.log
    stream = log.stream_id(StreamName("customer", "C1"))
    destroy(log, "customer", "C1")
    (gone,) = customer_profile.find(log, number="C1")
    assert (gone.state, gone.fields, gone.status) == (None, None, "disposed")
    assert engine.sweep() > 1
    assert customer_profile.find(log, number="C1") == customer_profile.find(log, name="Ada Lovelace") == []
    (left,) = customer_profile.of_streams(log, [stream])
    assert (left.type, left.branch, left.status, left.version) == (None, None, "disposed", 5)
    assert not [fact for fact in retention_trigger.facts(log, [stream]) if fact.record_class == "identity"]
    assert customer_profile.find(log, number="C2")[0].state is not None
    for projection in PROJECTIONS:
        assert engine.rebuild(projection.name).equal is True
    assert engine.sweep() == 0
    assert customer_profile.of_streams(log, [stream]) == [left]
    destroy(log, "customer", "C2")
    for projection in PROJECTIONS:  # a rebuild compares what is left, not what a sweep had not reached yet
        assert engine.rebuild(projection.name).equal is True


def test_events_after_the_key_was_destroyed(ledger: Ledger, engine: Engine) -> None:
    """What is recorded under the subject's next key does not bring back what was disposed of."""
    fill(ledger, 0)
    engine.catch_up()
    log = ledger.log
    row = next(iter(log.events(StreamName("customer", "C1")))).row
    assert log.key_store.destroy(row.data_key)  # the engine's own cache still has the key
    late = moved("C1", "9 Last Street")
    name = StreamName("customer", "C1")
    with another(log) as fresh:  # below the rules, to which a customer without readable events is unknown
        receipts(fresh.append([Unit(late.key, late.origin, (Entry(name, name, late.data),))])[0])
    engine.catch_up()
    (profile,) = customer_profile.of_streams(log, [row.stream_id])
    assert (profile.status, profile.state, profile.version) == ("disposed", None, 6)
    log.ring.forget(row.data_key)
    assert engine.rebuild("customer_profile").equal is True


def test_destroyed_year_of_an_account(ledger: Ledger, engine: Engine) -> None:
    """The legs of that year leave the index, those of other years and of other accounts stay."""
    fill(ledger, 4)
    log = ledger.log
    early = AT.replace(year=2025)
    leg = Leg(account="A1", direction="debit", amount=Decimal(5), currency="EUR")
    (data,) = postings(
        BookTransaction(
            occurred_at=early, reference="OLD", kind="fee", channel="counter", booked_at=early,
            value_date=early.date(), legs=(leg,),
        )
    )  # fmt: skip
    stream, account = StreamName("postings", "A1"), StreamName("account", "A1")
    log.append(
        [Unit("OLD", TELLER, (Entry(stream, account, data),))]
    )  # before the account was opened, by the rules
    engine.catch_up()
    assert len(transaction_index.of_account(log, "A1")) == 6
    destroy(log, "postings", "A1")
    engine.sweep()
    assert [place.booked_at for place in transaction_index.of_account(log, "A1")] == [early]
    assert len(transaction_index.of_account(log, "A2")) == 5
    left = retention_trigger.facts(log, [log.stream_id(account)])
    assert {(fact.record_class, fact.period) for fact in left} == {("account", ""), ("transaction", "2025")}
    assert engine.rebuild("transaction_index").equal is True
    assert engine.rebuild("retention_trigger").equal is True


def test_destroyed_account(ledger: Ledger, engine: Engine) -> None:
    """The register keeps that there was an account, not whose."""
    fill(ledger, 0)
    engine.catch_up()
    log = ledger.log
    destroy(log, "account", "A1")
    engine.catch_up()
    assert account_register.find(log, "A1") is None
    (left,) = account_register.of_streams(log, [log.stream_id(StreamName("account", "A1"))])
    assert left.disposed
    assert left.holders == left.former == ()
    assert left.currency is left.opened_on is None
    assert account_register.held_by(log, log.stream_id(StreamName("customer", "C1"))) == []
    assert engine.rebuild("account_register").equal is True


def test_cells(log: EventLog) -> None:
    """The same content in the same row gives the same bytes; in another row it gives others and does not open."""
    name = KeyName(bytes(16), "identity", "")
    key = log.ring.sealing([name])[name]
    cell = encrypt(key, b"row 1", b"content")
    assert cell == encrypt(key, b"row 1", b"content")
    assert cell[:12] != encrypt(key, b"row 2", b"content")[:12]
    assert cell[:12] != encrypt(key, b"row 1", b"content!")[:12]
    assert decrypt(key, b"row 1", cell) == b"content"
    for context, damaged in ((b"row 2", cell), (b"row 1", cell[:-1]), (b"row 1", b"")):
        with pytest.raises(CiphertextDamagedError):
            decrypt(key, context, damaged)
