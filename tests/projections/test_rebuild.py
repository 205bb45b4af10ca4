"""Rebuilding beside the live one: equal row for row while appends go on, resumed, swapped, deployed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import psycopg
import pytest
from fix_bank import booked, moved, receipts
from fix_log import opened
from fix_projections import Tally, digests, fill

from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError, StoreError
from kyc.ledger import Ledger
from kyc.store.log import EventLog
from projections import customer_profile, runner, transaction_index
from projections.engine import Engine
from projections.registry import PROJECTIONS
from projections.runner import Runner, Running

pytestmark = pytest.mark.pg15


def builds(log: EventLog, name: str) -> list[Any]:
    """(build, live) of a projection."""
    with log.database.connection() as connection:
        return connection.execute(
            "select build, live from kyc_read.build where projection = %s order by build", (name,)
        ).fetchall()


def tables(log: EventLog) -> set[str]:
    """The tables of all builds."""
    with log.database.connection() as connection:
        found = connection.execute(
            "select tablename from pg_tables where schemaname = 'kyc_read' and tablename ~ '_b[0-9]+$'"
        ).fetchall()
    return {name for (name,) in found}


def test_rebuild_equals_live(ledger: Ledger, engine: Engine) -> None:
    """A rebuilt projection equals the live one row for row, however the events were cut into batches."""
    fill(ledger)
    for n in range(3):
        engine.catch_up()
        receipts(ledger.record([moved("C1", f"street {n}")])[0])
    engine.catch_up()
    before = digests(engine)
    for projection in PROJECTIONS:
        rebuilt = engine.rebuild(projection.name)
        assert rebuilt.equal is True
        assert rebuilt.digest == before[projection.name]
        assert builds(ledger.log, projection.name) == [(2, True)]
    assert digests(engine) == before
    assert {name.rpartition("_")[2] for name in tables(ledger.log)} == {"b2"}
    receipts(ledger.record([moved("C2", "after the swap")])[0])
    assert engine.catch_up() == 1
    assert customer_profile.find(ledger.log, number="C2")[0].version == 6


def test_rebuild_tells_a_difference(ledger: Ledger, engine: Engine) -> None:
    """Rows that were changed behind the engine's back are found, and gone after the swap."""
    fill(ledger)
    engine.catch_up()
    with ledger.log.database.connection() as connection:
        connection.execute(
            "update kyc_read.transaction_index_b1 set amount = amount + 1"
            " where (lane, position) in (select lane, position from kyc_read.transaction_index_b1 limit 1)"
        )
    assert engine.rebuild("transaction_index").equal is False
    assert engine.rebuild("transaction_index").equal is True


def test_rebuild_while_appends_and_readers_go_on(
    ledger: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a writer, a follower and a reader at work, each rebuild is equal at the moment of its swap."""
    monkeypatch.setattr(runner, "PAGE", 16)
    fill(ledger, 40)
    engine.catch_up()
    stop = threading.Event()

    def write() -> int:
        for n in count(1):
            receipts(ledger.record([booked(f"W{n}", ("A1", "debit", "2.00"), ("A2", "credit", "2.00"))])[0])
            receipts(ledger.record([moved("C1", f"street {n}")])[0])
            if stop.wait(0.02):
                break
        return n

    def follow() -> None:
        while not stop.is_set():
            Engine(ledger.log).catch_up()

    def look() -> int:
        seen = 0
        while not stop.is_set():
            found = transaction_index.count(ledger.log)
            assert found >= seen, "a swap never goes back"
            seen = found
            assert customer_profile.find(ledger.log, number="C1")
        return seen

    with ThreadPoolExecutor(3) as pool:
        writer, *others = [pool.submit(work) for work in (write, follow, look)]
        try:
            names = [projection.name for projection in PROJECTIONS]
            rebuilt = [one for _ in range(2) for one in engine.rebuild_together(names)]
        finally:
            stop.set()
        written = writer.result()
        for one in others:
            one.result()
    assert [one.equal for one in rebuilt] == [True] * len(rebuilt)
    engine.catch_up()
    assert transaction_index.count(ledger.log) == 41 + written


def test_rebuild_goes_on_where_it_was_killed(ledger: Ledger, engine: Engine) -> None:
    """A rebuild that died half-way is finished by the next one from where it stood, while the live one went on."""
    fill(ledger)
    engine.catch_up()
    index = PROJECTIONS[2]
    beside = Running(index, engine._prepare(index))
    dying = Runner(ledger.log, [beside])
    dying.heads = {lane: head // 2 for lane, head in dying.heads.items()}
    half = dying.run()
    assert half
    status = {one.name: one for one in engine.status()}
    assert status["transaction_index"].rebuilding
    assert status["transaction_index"].behind == 0
    receipts(ledger.record([booked("N-late", ("A1", "debit", "7.00"))])[0])
    engine.catch_up()
    told: list[tuple[int, int]] = []
    assert engine.rebuild("transaction_index", lambda done, total: told.append((done, total))).equal is True
    assert told[-1][0] == sum(ledger.log.reader.positions().values()) - half
    assert builds(ledger.log, "transaction_index") == [(beside.build, True)]


def test_rebuilt_together(ledger: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several are filled by one read and one decryption of the log, each equal to its live one."""
    events = len(fill(ledger))
    engine.catch_up()
    before = digests(engine)
    counts = opened(ledger.log, monkeypatch)
    rebuilt = engine.rebuild_together(list(before))
    assert {one.name: one.digest for one in rebuilt} == before
    assert all(one.equal for one in rebuilt)
    assert sum(counts) <= events
    assert {name.rpartition("_")[2] for name in tables(ledger.log)} == {"b2"}


def test_one_of_several_fails(ledger: Ledger) -> None:
    """The others are swapped in all the same; the failure is told."""
    tally, index = Tally("transaction.booked"), PROJECTIONS[2]
    engine = Engine(ledger.log, [tally, index])
    fill(ledger, 5)
    engine.catch_up()
    tally.refuses = {ledger.log.stream_id(StreamName("postings", "A1"))}
    with pytest.raises(StoreError, match="the rebuild stopped"):
        engine.rebuild_together(["tally", index.name])
    assert builds(ledger.log, index.name) == [(2, True)]
    assert builds(ledger.log, "tally") == [(1, True), (2, False)]


def test_two_rebuilds_at_once(ledger: Ledger, engine: Engine) -> None:
    """Two that rebuild the same projection fill one build between them, or one after the other."""
    fill(ledger)
    engine.catch_up()
    before = engine.digest("transaction_index")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(Engine(ledger.log).rebuild, "transaction_index") for _ in range(2)]
        assert {one.result().digest for one in both} == {before}
    assert len(builds(ledger.log, "transaction_index")) == 1
    assert engine.digest("transaction_index") == before


def test_failed_rebuild_leaves_the_live_one(ledger: Ledger) -> None:
    """A projection that cannot take an event is not swapped in; mended, the rebuild goes on."""
    tally = Tally("transaction.booked")
    engine = Engine(ledger.log, [tally])
    fill(ledger, 5)
    engine.catch_up()
    before = engine.digest("tally")
    tally.refuses = {ledger.log.stream_id(StreamName("postings", "A1"))}
    with pytest.raises(StoreError) as stopped:
        engine.rebuild("tally")
    assert "transaction.booked" in (stopped.value.rule or "")
    assert engine.digest("tally") == before
    assert [(one.failure, one.behind) for one in engine.status()] == [(None, 0)]
    tally.refuses = set()
    assert engine.rebuild("tally").equal is True


def test_rebuild_of_a_stopped_projection(ledger: Ledger) -> None:
    """A live build that stands before a failure is replaced; there is nothing to compare."""
    tally = Tally("transaction.booked")
    engine = Engine(ledger.log, [tally])
    fill(ledger, 5)
    tally.refuses = {ledger.log.stream_id(StreamName("postings", "A1"))}
    engine.catch_up()
    assert engine.status()[0].failure
    tally.refuses = set()
    assert engine.rebuild("tally").equal is None
    assert [(one.failure, one.behind) for one in engine.status()] == [(None, 0)]


def test_new_version_is_rebuilt_on_deploy(ledger: Ledger, engine: Engine) -> None:
    """A raised version is rebuilt first, with other tables; the program of the version before leaves it alone."""
    old, new = Tally("transaction.booked"), Tally("transaction.booked", "customer.registered")
    fill(ledger, 3)
    Engine(ledger.log, [old]).catch_up()
    new.version = 2
    new.tables = ("tally", "tally_more")
    new.schema += "; create table kyc_read.tally_more{b} (one int)"
    assert [one.built for one in Engine(ledger.log, [new]).status()] == [1]
    Engine(ledger.log, [new]).catch_up()
    assert tables(ledger.log) == {"tally_b2", "tally_more_b2"}
    with ledger.log.database.connection() as connection:
        assert connection.execute("select count(*) from kyc_read.tally").fetchone() == (4,)
    receipts(ledger.record([booked("after", ("A1", "debit", "7.00"))])[0])
    assert Engine(ledger.log, [old]).catch_up() == 0
    assert [(one.built, one.behind) for one in Engine(ledger.log, [old]).status()] == [(2, 1)]
    assert Engine(ledger.log, [new]).catch_up() == 1


def test_views_are_what_readers_may_see(ledger: Ledger, engine: Engine) -> None:
    """The service owns its read models and nothing of the log."""
    fill(ledger, 0)
    engine.catch_up()
    with psycopg.connect(ledger.log.database.dsn) as owner:
        found = owner.execute(
            "select distinct tableowner from pg_tables where schemaname = 'kyc_read' and tablename ~ '_b[0-9]+$'"
            " union all select distinct tableowner from pg_tables where schemaname = 'kyc'"
        ).fetchall()
    assert found == [("kyc_service",), ("kyc_owner",)]


def test_unknown_projection(engine: Engine) -> None:
    """A projection nobody wrote is refused with the names of those that exist."""
    for ask in (engine.rebuild, engine.digest):
        with pytest.raises(NotFoundError) as refused:
            ask("nothing")
        assert "customer_profile" in (refused.value.rule or "")
