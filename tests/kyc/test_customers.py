"""Customers as an eventsourcing application: the same streams as the ledger, snapshots, an old schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import IntegrityError
from fix_bank import TELLER, captured, established, moved, registered, verified

from kyc.customers import Customers, CustomerSnapshot
from kyc.domain.submission import StreamName
from kyc.ledger import Ledger
from kyc.store.recorders import LedgerEvent

pytestmark = [pytest.mark.pg15, pytest.mark.filterwarnings("ignore:'save\\(\\)':DeprecationWarning")]


@pytest.fixture
def customers(database: str, ledger: Ledger, tmp_path: Path) -> Iterator[Customers]:
    """The application over the same database and keys as the ledger."""
    with Customers(env={"KYC_DATABASE_URL": database, "KYC_KEYS": f"file:{tmp_path / 'keys'}"}) as opened:
        yield opened


def test_both_doors_lead_to_the_same_stream(customers: Customers, ledger: Ledger) -> None:
    """What the application records the ledger knows, and the other way round."""
    version = customers.record("C1", registered("C1").data, origin=TELLER)
    ledger.record([captured("C1", "P1"), verified("C1"), established("C1")])
    customer = customers.get("C1")
    assert (version, customer.version) == (1, 4)
    assert customer.state.verified is not None
    assert customers.record("C1", moved("C1", "2 New Street").data, after=4) == 5
    state = ledger.state(StreamName("customer", "C1"))
    assert state.addresses[0].lines == ("2 New Street",)
    assert customers.get("C1", version=4).state.addresses[0].lines == ("1 Old Street",)
    first, *_ = ledger.log.events(StreamName("customer", "C1"))
    assert first.context.actor == TELLER.actor


def test_stale_version_is_refused(customers: Customers) -> None:
    """A decision on an older version collides."""
    customers.record("C1", registered("C1").data)
    with pytest.raises(IntegrityError):
        customers.record("C1", moved("C1", "x").data, after=0)
    with pytest.raises(AggregateNotFoundError):
        customers.get("C2")


def test_snapshot_is_encrypted_and_stands_on_its_event(customers: Customers, ledger: Ledger, database: str) -> None:
    """A snapshot shortens the reading, holds nothing in clear, and is left out when it stands on nothing."""
    customers.record("C1", registered("C1").data, moved("C1", "2 New Street").data)
    customers.snapshot("C1")
    customers.record("C1", moved("C1", "3 Third Street").data, after=2)
    assert customers.snapshots is not None
    (kept,) = customers.snapshots.get(customers.customer_id("C1"))
    assert isinstance(kept, CustomerSnapshot)
    assert kept.state == customers.get("C1", version=2).state
    assert customers.get("C1").state.addresses[0].lines == ("3 Third Street",)
    with pytest.raises(IntegrityError):
        customers.snapshots.put([kept])
    with psycopg.connect(database, autocommit=True) as owner:
        dump = str(owner.execute("select t::text from kyc.snapshot t").fetchall())
        assert b"Lovelace".hex() not in dump
        owner.execute("update kyc.snapshot set hash = sha256(hash)")
    assert list(customers.snapshots.get(customers.customer_id("C1"))) == []
    assert customers.get("C1").version == 3


def test_destroyed_key_ends_the_snapshot_too(customers: Customers, ledger: Ledger) -> None:
    """With the key of the customer the snapshot is gone, and the facts read as disposed of."""
    customers.record("C1", registered("C1").data)
    customers.snapshot("C1")
    (row,) = ledger.log.reader.stream(customers.customer_id("C1").bytes)
    ledger.log.key_store.destroy(row.data_key)
    for log in (ledger.log, customers.factory.log):
        log.ring.forget(row.data_key)
    assert list(customers.snapshots.get(customers.customer_id("C1"))) == []
    (fact,) = customers.events.get(customers.customer_id("C1"))
    assert fact.event is None
    with pytest.raises(AggregateNotFoundError):
        customers.get("C1")


def test_old_schema_is_read_as_the_new(customers: Customers) -> None:
    """An event recorded in schema 1, with its single name, reads in the shape of schema 2."""
    golden = Path(__file__).resolve().parents[1] / "golden" / "events" / "customer.registered.v1.json"
    stored = LedgerEvent(
        customers.customer_id("OLD"), 1, "customer.registered", golden.read_bytes().strip(), schema=1
    )
    customers.recorder.insert_events([stored])
    customer = customers.get("OLD")
    assert len(customer.state.names) == 1
    assert customer.state.names[0].text
