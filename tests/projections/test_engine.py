"""Following the log: exactly once, failures stop one projection in one lane, several engines, waiting, status."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from fix_bank import booked, moved, receipts, registered
from fix_embedded import wait_until
from fix_projections import Tally, another, digests, fill

from kyc.clock import FixedClock
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError, StoreError
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.store.database import Connection, Database
from kyc.store.log import EventLog, Recorded
from projections import customer_profile, runner, transaction_index
from projections import engine as engine_module
from projections.engine import Engine
from projections.projection import Tables
from projections.registry import PROJECTIONS

pytestmark = pytest.mark.pg15


def rows(log: EventLog, query: str) -> list[Any]:
    """What a query over the read models gives."""
    with log.database.connection() as connection:
        return connection.execute(query.encode()).fetchall()


def test_catching_up_twice_changes_nothing(ledger: Ledger, engine: Engine) -> None:
    """What is applied is not applied again, also by another engine."""
    fill(ledger)
    assert engine.catch_up() == sum(ledger.log.reader.positions().values())
    before = digests(engine)
    assert engine.catch_up() == Engine(ledger.log).catch_up() == 0
    assert digests(engine) == before


def test_position_vector(ledger: Ledger, engine: Engine) -> None:
    """Every projection stands at the head of every lane, also of lanes without an event it wants."""
    fill(ledger)
    engine.catch_up()
    heads = ledger.log.reader.positions()
    for projection in PROJECTIONS:
        vector = rows(
            ledger.log,
            "select p.lane, p.position from kyc_read.position p join kyc_read.build b using (projection, build)"
            f" where b.live and projection = '{projection.name}'",
        )
        assert dict(vector) == heads


def test_steps(ledger: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of one batch each come to the same rows as one catching up, and end when nothing is left."""
    monkeypatch.setattr(runner, "PAGE", 7)
    tally = Tally("transaction.booked", "customer.registered")
    engine = Engine(ledger.log, [*PROJECTIONS, tally])
    events = len(fill(ledger))
    steps = list(iter(engine.run_once, 0))
    assert sum(steps) == events
    assert max(steps) <= 7
    assert max(tally.applied) <= 7
    assert dict(rows(ledger.log, "select events, count(*) from kyc_read.tally group by 1")) == {1: 2, 61: 2}
    stepped = digests(engine)
    monkeypatch.undo()
    for projection in PROJECTIONS:
        rebuilt = engine.rebuild(projection.name)
        assert rebuilt.equal is True
        assert rebuilt.digest == stepped[projection.name]


def test_one_read_and_one_decryption_for_all(
    ledger: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many read models want an event, it is read once and decrypted once; what nobody wants, never."""
    events = len(fill(ledger))
    read: list[int] = []
    opened: list[bytes] = []
    page, reveal = ledger.log.reader.page, ledger.log.reveal

    def counted_page(lane, after, count):
        rows = page(lane, after, count)
        read.append(len(rows))
        return rows

    def counted_reveal(rows):
        opened.extend(row.hash for row in rows)
        return reveal(rows)

    monkeypatch.setattr(ledger.log.reader, "page", counted_page)
    monkeypatch.setattr(ledger.log, "reveal", counted_reveal)
    engine.catch_up()
    assert sum(read) == events
    assert len(opened) == len(set(opened)) <= events
    read.clear()
    opened.clear()
    Engine(ledger.log, [Tally("customer.registered")]).catch_up()
    assert (sum(read), len(opened)) == (events, 2)


def test_one_process_per_part_of_the_lanes(ledger: Ledger, engine: Engine) -> None:
    """Engines with lanes of their own share the work: each reads its part, together they read all."""
    events = len(fill(ledger))
    lanes = range(ledger.log.lanes)
    parts = [Engine(ledger.log).catch_up(lanes=[lane for lane in lanes if lane % 2 == part]) for part in (0, 1)]
    assert sum(parts) == events
    assert engine.catch_up() == 0
    assert all(engine.rebuild(projection.name).equal for projection in PROJECTIONS)


def test_progress_is_told(ledger: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress grows to its total."""
    monkeypatch.setattr(runner, "PAGE", 20)
    events = len(fill(ledger))
    told: list[tuple[int, int]] = []
    engine.catch_up(lambda done, total: told.append((done, total)))
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == (events, events)


def test_waiting_for_ones_own_writes(ledger: Ledger, engine: Engine) -> None:
    """A caller waits for its receipts, or for a vector, and is told when time runs out."""
    fill(ledger, 0)
    assert not engine.wait_for({0: 0}, timeout=0)  # nothing was ever built
    engine.catch_up()
    (receipt,) = receipts(ledger.record([moved("C1", "2 New Street")])[0])
    assert not engine.wait_for([receipt], timeout=0)
    timer = threading.Timer(0.2, Engine(ledger.log).catch_up)
    timer.start()
    assert engine.wait_for([receipt], timeout=60)
    assert engine.wait_for({receipt.lane: receipt.position}, timeout=0, names=["customer_profile"])
    assert not engine.wait_for({receipt.lane: receipt.position + 1}, timeout=0.01)
    timer.join()
    (profile,) = customer_profile.find(ledger.log, number="C1")
    assert profile.state is not None
    assert profile.state.addresses[0].lines == ("2 New Street",)
    with pytest.raises(NotFoundError):
        engine.wait_for([receipt], names=["nothing"])


def test_status_counts_what_is_behind(database: str, provider: FileKeyProvider) -> None:
    """Events behind, and since when the oldest of them waits; before the first build nothing is read."""
    clock = FixedClock(1_772_500_000_000_000)
    log = EventLog(Database(database), provider, clock=clock)
    try:
        engine = Engine(log)
        log_ledger = Ledger(log, ZoneInfo("UTC"))
        assert {(one.built, one.events, one.behind, one.lag) for one in engine.status()} == {(0, 0, 0, 0)}
        receipts(log_ledger.record([registered("C1")])[0])
        clock.advance(5_000_000)
        receipts(log_ledger.record([registered("C2")])[0])
        clock.advance(2_000_000)
        assert {(one.events, one.behind, one.lag) for one in engine.status()} == {(0, 2, 7_000_000)}
        engine.catch_up()
        (first, *_) = engine.status()
        assert first.as_dict() == {
            "name": "customer_profile", "version": first.version, "built": first.version, "events": 2, "behind": 0,
            "lag": 0, "failure": None, "rebuilding": False,
        }  # fmt: skip
    finally:
        log.close()


def test_following(ledger: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower applies what comes, also into a build swapped in meanwhile, until it is told to stop."""
    monkeypatch.setattr(engine_module, "_ROUND", 0.2)
    fill(ledger, 3)
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool, another(ledger.log) as log:
        follower = pool.submit(Engine(log).follow, stop)
        try:
            for n in range(8):
                answer = receipts(ledger.record([booked(f"F{n}", ("A1", "debit", "1.00"))])[0])
                assert engine.wait_for(answer, timeout=60)
                if n == 4:
                    assert engine.rebuild("transaction_index").equal is True
        finally:
            stop.set()
        assert follower.result() > 8
    assert transaction_index.count(ledger.log) == 4 + 8


def test_follower_does_not_hammer_on_a_failure(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed waits for the next round; everything else goes on at once."""
    monkeypatch.setattr(engine_module, "_ROUND", 3_600.0)
    tally = Tally("transaction.booked")
    fill(ledger, 3)
    tally.refuses = {ledger.log.stream_id(StreamName("postings", "A1"))}
    follower = Engine(ledger.log, [tally])
    follower.catch_up(lanes=[])  # makes the tables that are looked at below
    stop = threading.Event()
    thread = threading.Thread(target=follower.follow, args=(stop,))
    thread.start()
    try:
        for n in range(5):
            receipts(ledger.record([booked(f"F{n}", ("A2", "debit", "1.00"))])[0])
        wait_until(
            lambda: (
                rows(ledger.log, "select events from kyc_read.tally") == [(4 + 5,)]
                and rows(ledger.log, "select from kyc_read.failure")
            )
        )
        tried = len(tally.applied)
        time.sleep(0.5)
        assert len(tally.applied) == tried
    finally:
        stop.set()
        thread.join()


# --- failures -------------------------------------------------------------------------------------------


def test_failing_event_stops_only_its_projection(ledger: Ledger) -> None:
    """It stops before the event, which is named without its values; others go on; mended, it resumes."""
    tally = Tally("customer.registered", "customer.address_changed")
    engine = Engine(ledger.log, [PROJECTIONS[0], tally])
    lines = [registered(f"C{n}") for n in range(30)]
    lines += [moved(f"C{n}", f"street {m}") for m in range(3) for n in range(30)]
    for answer in ledger.record(lines):
        receipts(answer)
    bad = ledger.log.stream_id(StreamName("customer", "C5"))
    tally.refuses = {bad}
    engine.catch_up()
    profile, stopped = engine.status()
    assert (profile.behind, profile.failure) == (0, None)
    assert stopped.failure is not None
    assert "SECRET" not in stopped.failure
    assert f"{bad.hex()}" in stopped.failure.replace("-", "")
    assert "cannot take this: customer.registered" in stopped.failure
    before = Counter(row.stream_id for row in ledger.log.reader.lane(_lane(ledger, bad)) if row.stream_id != bad)
    counted = dict(rows(ledger.log, "select replace(stream_id::text, '-', ''), events from kyc_read.tally"))
    lane = _lane(ledger, bad)
    first = next(row.position for row in ledger.log.reader.lane(lane) if row.stream_id == bad)
    head = ledger.log.reader.positions()[lane]
    assert stopped.behind == head - (first - 1)
    assert bad.hex() not in counted
    assert len(counted) >= 30 - len(before) - 1
    engine.catch_up()
    assert engine.status()[1].failure == stopped.failure
    tally.refuses = set()
    engine.catch_up()
    assert [status.failure for status in engine.status()] == [None, None]
    assert [status.behind for status in engine.status()] == [0, 0]
    assert rows(ledger.log, "select distinct events from kyc_read.tally") == [(4,)]


def _lane(ledger: Ledger, stream: bytes) -> int:
    return next(iter(ledger.log.reader.stream(stream))).lane


def test_culprit_in_the_middle_of_a_stream(ledger: Ledger) -> None:
    """What comes before the culprit in the same batch is applied once, what comes after waits."""

    class Late(Tally):
        """Fails from a version of a stream on."""

        highest = 7

        def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
            """Count, then fail where a version is too high."""
            super().apply(connection, log, tables, batch)
            if any(recorded.row.version > self.highest for recorded in batch):
                raise ZeroDivisionError

    late = Late("customer.registered", "customer.address_changed")
    engine = Engine(ledger.log, [late])
    ledger.record([registered("C1"), *(moved("C1", f"street {n}") for n in range(12))])
    engine.catch_up()
    assert rows(ledger.log, "select events, last from kyc_read.tally") == [(7, 7)]
    (status,) = engine.status()
    assert status.failure is not None
    assert status.failure.startswith("ZeroDivisionError: customer.address_changed, event ")
    assert "version 8," in status.failure
    assert status.behind == 6
    late.highest = 100
    engine.catch_up()
    assert rows(ledger.log, "select events, last from kyc_read.tally") == [(13, 13)]


def test_damaged_event_stops_those_that_want_it(ledger: Ledger, engine: Engine) -> None:
    """A ciphertext that does not decrypt is never taken for a disposed one: its readers stop and name it."""
    fill(ledger, 3)
    with psycopg.connect(ledger.log.database.dsn, autocommit=True) as owner:
        owner.execute("alter table kyc.event disable trigger all")
        owner.execute(
            "update kyc.event set state = set_byte(state, 40, get_byte(state, 40) # 1)"
            " where stream_id = %s and version = 2",
            (ledger.log.stream_id(StreamName("postings", "A1")).hex(),),
        )
    engine.catch_up()
    failures = {status.name: status.failure for status in engine.status()}
    assert failures["customer_profile"] is failures["account_register"] is None
    assert failures["transaction_index"]
    assert failures["retention_trigger"]
    assert "version 2," in failures["transaction_index"]
    assert len(transaction_index.of_account(ledger.log, "A1")) == 1


def test_lost_server_is_nobodys_fault(ledger: Ledger, engine: Engine) -> None:
    """A connection that breaks within a batch ends the run with an error, blames no event and loses nothing."""

    class Breaking(Tally):
        """Ends its own session, once."""

        def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
            """Count, then end the session."""
            super().apply(connection, log, tables, batch)
            if len(self.applied) == 1:
                with psycopg.connect(log.database.dsn, autocommit=True) as owner:
                    owner.execute("select pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
                connection.execute("select 1")

    events = len(fill(ledger, 5))
    breaking = Breaking("transaction.booked")
    engine = Engine(ledger.log, [breaking])
    with pytest.raises(StoreError):
        engine.catch_up()
    assert [(status.events, status.failure) for status in engine.status()] == [(0, None)]
    assert engine.catch_up() == events
    assert rows(ledger.log, "select sum(events) from kyc_read.tally") == [(12,)]


def test_missing_events_are_not_skipped(ledger: Ledger, engine: Engine) -> None:
    """A lane with a hole is an error for whoever verifies, not something to walk over."""
    fill(ledger, 3)
    lane = _lane(ledger, ledger.log.stream_id(StreamName("postings", "A1")))
    with psycopg.connect(ledger.log.database.dsn, autocommit=True) as owner:
        owner.execute("alter table kyc.event disable trigger all")
        owner.execute("delete from kyc.event where lane = %s and position = 2", (lane,))
    with pytest.raises(StoreError, match="missing"):
        engine.catch_up()


# --- several at once ------------------------------------------------------------------------------------


def test_two_engines_at_once(ledger: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines over the same log apply every event once between them, while events arrive."""
    monkeypatch.setattr(runner, "PAGE", 11)
    fill(ledger, 30)
    stop = threading.Event()

    def follow() -> None:
        with another(ledger.log) as log:
            mine = Engine(log)
            while not stop.is_set():
                mine.catch_up()

    with ThreadPoolExecutor(3) as pool:
        followers = [pool.submit(follow) for _ in range(3)]
        for n in range(25):
            receipts(ledger.record([booked(f"X{n}", ("A1", "debit", "1.00"), ("A2", "credit", "1.00"))])[0])
        stop.set()
        for follower in followers:
            follower.result()
    engine.catch_up()
    assert transaction_index.count(ledger.log) == 1 + 30 + 25
    assert len(transaction_index.of_account(ledger.log, "A2")) == 56
    assert all(engine.rebuild(projection.name).equal for projection in PROJECTIONS)


def test_first_engines_of_a_database(ledger: Ledger) -> None:
    """Engines that start together on an empty database make each table once."""
    fill(ledger, 3)
    start = threading.Barrier(4)

    def begin() -> None:
        with another(ledger.log) as log:
            start.wait()
            Engine(log).catch_up()

    with ThreadPoolExecutor(4) as pool:
        for first in [pool.submit(begin) for _ in range(4)]:
            first.result()
    assert len(rows(ledger.log, "select 1 from kyc_read.build")) == len(PROJECTIONS)
    assert transaction_index.count(ledger.log) == 4
