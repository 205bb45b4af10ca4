"""The engine: exactly once, a failing event stops one projection, rebuild beside and swap, two engines at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date

import psycopg
import pytest
from fix_bank import booked, closed, established, household, moved, receipts, registered

from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError, RefusedError
from kyc.ledger import Ledger
from kyc.retention.policies import shipped
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from projections import account_register, customer_profile, retention_trigger, transaction_index
from projections.engine import BESIDE, Engine
from projections.projection import Tables
from projections.registry import PROJECTIONS

pytestmark = pytest.mark.pg15


@pytest.fixture
def engine(log: EventLog) -> Engine:
    """An engine of all projections."""
    return Engine(log)


def fill(ledger: Ledger, transfers: int = 60) -> None:
    """A household and some transfers."""
    for answer in ledger.record(household()):
        receipts(answer)
    lines = [
        booked(f"N{n}", ("A1", "debit", f"{n + 1}.00"), ("A2", "credit", f"{n + 1}.00")) for n in range(transfers)
    ]
    for answer in ledger.record(lines):
        receipts(answer)


def digests(engine: Engine) -> dict[str, str]:
    """The digest of every live read model."""
    return {projection.name: engine.digest(projection.name) for projection in PROJECTIONS}


def test_read_models(ledger: Ledger, engine: Engine) -> None:
    """Customers, accounts, transactions and retention triggers are found by what one knows of them."""
    fill(ledger)
    log = ledger.log
    assert engine.catch_up() == sum(log.reader.positions().values()) > 12 + 120
    (profile,) = customer_profile.find(log, number="C1")
    assert (profile.type, profile.status, profile.branch) == ("natural", "active", "B-1")
    assert profile.fields is not None
    assert profile.fields["names"][0]["text"] == "Ada Lovelace"
    assert customer_profile.find(log, document=" p1")[0].stream_id == profile.stream_id
    assert customer_profile.find(log, number="C9") == []
    assert account_register.accounts_of(log, profile.stream_id) == [log.stream_id(StreamName("account", "A1"))]
    places = transaction_index.of_account(log, "A1")
    assert len(places) == 61
    assert {place.direction for place in places} == {"debit"}
    assert transaction_index.count(log) == 61
    due = retention_trigger.deadlines(log, shipped("cn"), date(2026, 6, 1), StreamName("postings", "A1"))
    assert [one.deadline.keep_through for one in due] == [date(2036, 3, 1)]
    started = retention_trigger.deadlines(log, shipped("cn"), date(2026, 6, 1), StreamName("customer", "C1"))
    assert [one.deadline.keep_through for one in started] == [None]
    assert all(status.behind == 0 and status.failure is None for status in engine.status())


def test_catching_up_twice_changes_nothing(ledger: Ledger, engine: Engine) -> None:
    """What is applied is not applied again, also by another engine."""
    fill(ledger)
    engine.catch_up()
    before = digests(engine)
    assert engine.catch_up() == Engine(ledger.log).catch_up() == 0
    assert digests(engine) == before


def test_profile_follows_changes(ledger: Ledger, engine: Engine) -> None:
    """A change of address is in the profile once it is read, and only then."""
    fill(ledger, 0)
    engine.catch_up()
    (receipt,) = receipts(ledger.record([moved("C1", "2 New Street")])[0])
    assert not engine.wait_for([receipt], timeout=0)
    engine.catch_up()
    assert engine.wait_for([receipt], timeout=0)
    (profile,) = customer_profile.find(ledger.log, number="C1")
    assert profile.fields is not None
    assert profile.fields["addresses"][0]["lines"] == ["2 New Street"]


def test_rebuild_equals_live(ledger: Ledger, engine: Engine) -> None:
    """A rebuilt projection equals the live one row for row, however the events were cut into batches."""
    fill(ledger)
    for _ in range(3):
        engine.catch_up()
        receipts(ledger.record([moved("C1", f"street {_}")])[0])
    engine.catch_up()
    before = digests(engine)
    for projection in PROJECTIONS:
        rebuilt = engine.rebuild(projection.name)
        assert rebuilt.equal is True
        assert rebuilt.digest == before[projection.name]
    assert digests(engine) == before
    receipts(ledger.record([moved("C2", "after the swap")])[0])
    assert engine.catch_up() == 1


def test_rebuild_goes_on_where_it_was_killed(ledger: Ledger, engine: Engine) -> None:
    """A rebuild that died half-way is finished by the next one, while the live one goes on."""
    fill(ledger)
    engine.catch_up()
    half = EventLog(ledger.log.database, ledger.log.provider)
    dying = Engine(half)
    projection = PROJECTIONS[2]
    with psycopg.connect(ledger.log.database.dsn, autocommit=True) as owner:
        dying._prepare(owner, projection)
    lanes = [lane for lane, head in ledger.log.reader.positions().items() if head]
    rows = ledger.log.reader.page(lanes[0], 0, 5)
    dying._apply(
        {f"{projection.name}{BESIDE}": projection},
        Tables(BESIDE),
        lanes[0],
        rows,
        {f"{projection.name}{BESIDE}": {}},
    )
    receipts(ledger.record([booked("N-late", ("A1", "debit", "7.00"))])[0])
    engine.catch_up()
    assert engine.rebuild(projection.name).equal is True


def test_unknown_projection(engine: Engine) -> None:
    """A projection nobody wrote is refused with the names of those that exist."""
    with pytest.raises(NotFoundError) as refused:
        engine.rebuild("nothing")
    assert "customer_profile" in (refused.value.rule or "")


class Picky:
    """A projection that cannot take one customer's registration."""

    name = "account_register"
    version = 1
    topics = frozenset({"customer.registered"})

    def __init__(self) -> None:
        self.broken = True

    def apply(self, _: Connection, __: EventLog, ___: Tables, batch: Sequence[Recorded]) -> None:
        """Fail on customer C5."""
        for recorded in batch:
            if self.broken and recorded.event.customer == "C5":
                raise RefusedError("cannot take this", field="C5-SECRET")


def test_failing_event_stops_only_its_projection(ledger: Ledger) -> None:
    """The projection stops before the event, which is named; the others go on; after the mend it resumes."""
    picky = Picky()
    engine = Engine(ledger.log, [PROJECTIONS[0], picky])
    ledger.record([registered(f"C{n}") for n in range(10)])
    engine.catch_up()
    profile, stopped = engine.status()
    assert (profile.behind, profile.failure) == (0, None)
    assert stopped.behind > 0
    stream = next(iter(ledger.log.events(StreamName("customer", "C5")))).row.stream_id.hex()
    assert stopped.failure is not None
    assert stream in stopped.failure.replace("-", "")
    assert "SECRET" not in stopped.failure
    picky.broken = False
    engine.catch_up()
    assert [status.failure for status in engine.status()] == [None, None]
    assert [status.behind for status in engine.status()] == [0, 0]


def test_damaged_event_stops_those_that_want_it(ledger: Ledger, engine: Engine) -> None:
    """A ciphertext that does not decrypt is never taken for a disposed one: its readers stop and name it."""
    fill(ledger, 3)
    with psycopg.connect(ledger.log.database.dsn, autocommit=True) as owner:
        owner.execute("alter table kyc.event disable trigger all")
        owner.execute(
            "update kyc.event set state = set_byte(state, 40, get_byte(state, 40) # 1) where stream_id = %s",
            (ledger.log.stream_id(StreamName("postings", "A1")).hex(),),
        )
    engine.catch_up()
    failures = {status.name: status.failure for status in engine.status()}
    assert failures["customer_profile"] is failures["account_register"] is None
    assert failures["transaction_index"]
    assert failures["retention_trigger"]


def test_two_engines_at_once(ledger: Ledger, engine: Engine) -> None:
    """Two engines over the same log apply every event once between them, while events arrive."""
    fill(ledger, 30)
    stop = threading.Event()

    def follow() -> None:
        mine = Engine(ledger.log)
        while not stop.is_set():
            mine.catch_up()

    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(15):
        receipts(ledger.record([booked(f"X{n}", ("A1", "debit", "1.00"), ("A2", "credit", "1.00"))])[0])
    stop.set()
    for thread in threads:
        thread.join()
    engine.catch_up()
    assert transaction_index.count(ledger.log) == 1 + 30 + 15
    assert len(transaction_index.of_account(ledger.log, "A2")) == 46
    assert engine.rebuild("transaction_index").equal is True


def test_new_version_is_rebuilt_on_deploy(ledger: Ledger, engine: Engine) -> None:
    """A projection whose version was raised is rebuilt before anything else."""
    fill(ledger, 3)
    engine.catch_up()
    with psycopg.connect(ledger.log.database.dsn, autocommit=True) as owner:
        owner.execute("update kyc_read.version set version = 0")
        owner.execute("delete from kyc_read.customer_profile")
    engine.catch_up()
    assert customer_profile.find(ledger.log, number="C1")
    assert Engine(ledger.log).catch_up() == 0


def test_disposed_customer_leaves_no_profile(ledger: Ledger, engine: Engine) -> None:
    """A destroyed key makes the profile unreadable at once; a rebuild leaves nothing of it."""
    fill(ledger, 3)
    engine.catch_up()
    log = ledger.log
    row = next(iter(log.events(StreamName("customer", "C1")))).row
    log.key_store.destroy(row.data_key)
    log.ring.forget(row.data_key)
    assert customer_profile.find(log, number="C1")[0].fields is None
    engine.rebuild("customer_profile")
    assert customer_profile.find(log, number="C1") == []
    assert customer_profile.find(log, number="C2")[0].fields is not None


def test_nothing_personal_in_clear(ledger: Ledger, engine: Engine) -> None:
    """No read model holds a name, number, address or remittance in clear."""
    fill(ledger, 2)
    ledger.record([closed("A2"), established("C1")])
    engine.catch_up()
    with psycopg.connect(ledger.log.database.dsn) as owner:
        tables = owner.execute("select tablename from pg_tables where schemaname = 'kyc_read'").fetchall()
        dump = "".join(
            str(owner.execute(f"select t::text from kyc_read.{table} t".encode()).fetchall()) for (table,) in tables
        )
    for secret in ("Lovelace", "Hopper", "Old Street", "Babbage", "rent for March"):
        assert secret not in dump
        assert secret.encode().hex() not in dump
