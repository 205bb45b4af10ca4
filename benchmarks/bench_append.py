"""Appending: everything included (canonical bytes, commitment, encryption, chain, lanes, idempotency, CHECK)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent as LibraryEvent
from eventsourcing.postgres import PostgresAggregateRecorder, PostgresApplicationRecorder, PostgresDatastore
from floors import RawCopy, pgbench, shifted
from psycopg.conninfo import conninfo_to_dict
from work import Feed, Transfer

from kyc.domain import codec
from kyc.domain.submission import Unit
from kyc.store.append import GroupWriter, Outcome, new_event_loop
from kyc.store.log import EventLog
from kyc.store.records import Batch

SECONDS = 2
UNITS_A_SECOND = 60_000
"""More than any machine records."""


class Callers:
    """Coroutines that each append one event after the other, durably, through one writer that stays open.

    What they submit is made beforehand, as the floor's client makes nothing and sends one payload again and again;
    protecting it is part of the work. The writer knows the heads of all streams, as one that has been running does.
    """

    def __init__(self, log: EventLog, feed: Feed) -> None:
        self._log, self._feed = log, feed
        self._runner = asyncio.Runner(loop_factory=new_event_loop)
        self._writer = self._runner.run(self._opened())

    def run(self, callers: int, seconds: float) -> float:
        """Seconds an event, of as many as ``callers`` record in ``seconds``."""
        units = iter(self._feed.decoded(int(seconds * UNITS_A_SECOND)))
        return self._runner.run(self._round(callers, seconds, units))

    def close(self) -> None:
        """Disconnect."""
        self._runner.run(self._writer.close())
        self._runner.close()

    async def _opened(self) -> GroupWriter:
        writer = GroupWriter(self._log.database.dsn, self._log.lanes)
        await writer.open()
        for unit in self._feed.every_stream():
            await writer.append(self._protected(unit))
        return writer

    async def _round(self, callers: int, seconds: float, units: Iterator[Unit]) -> float:
        done, start = 0, time.perf_counter()
        stop = start + seconds

        async def caller() -> None:
            nonlocal done
            while time.perf_counter() < stop:
                (outcome,) = await self._writer.append(self._protected(next(units)))
                assert isinstance(outcome, Outcome)
                done += 1

        await asyncio.gather(*[caller() for _ in range(callers)])
        return (time.perf_counter() - start) / done

    def _protected(self, unit: Unit) -> list[Batch]:
        (batch,) = self._log.protect([unit])
        assert isinstance(batch, Batch)
        return [batch]


@pytest.fixture
def callers(log: EventLog, feed: Feed) -> Iterator[Callers]:
    """Callers on a running writer."""
    running = Callers(log, feed)
    yield running
    running.close()


@pytest.fixture
def feed(log: EventLog) -> Feed:
    """A feed whose data keys exist and are cached, as in a running service."""
    feed = Feed()
    log.append(feed.every_stream())
    return feed


@pytest.mark.parametrize(("number", "goal"), [(1, "≥ 0.50"), (4, "≥ 0.65"), (32, "≥ 1.2"), (128, "≥ 2.0")])
def bench_single_appends(
    log: EventLog, callers: Callers, ratio: Callable[..., float], tmp_path: Path, number: int, goal: str
) -> None:
    """One event per call from many callers, against one-row-per-commit pgbench with as many clients."""

    def floor() -> float:
        return 1_000 / pgbench(log.database.dsn, min(number, 64), SECONDS, tmp_path)[0]

    ratio(lambda: callers.run(number, SECONDS) * 1_000, floor, 1_000, goal=f"{goal} × pgbench")


def bench_against_stock_recorder(log: EventLog, feed: Feed, callers: Callers, ratio: Callable[..., float]) -> None:
    """The same single appends, 32 callers, against eventsourcing's own PostgreSQL recorder with 32 threads."""
    recorder = stock_recorder(log.database.dsn)
    ratio(
        lambda: callers.run(32, SECONDS) * 1_000, lambda: stock_singles(recorder, feed, 32) * 1_000, 1_000,
        rounds=3, goal="≥ 15 × stock recorder",
    )  # fmt: skip


def bench_following_reader(log: EventLog, feed: Feed, ratio: Callable[..., float]) -> None:
    """Eight threads write while a reader follows: it sees every event. Floor: one thread that nobody follows."""
    at, followed, written = dict.fromkeys(range(log.lanes), 0), 0, 0

    def follow() -> int:
        found = 0
        for lane in at:
            for row in log.reader.page(lane, at[lane], 500):
                assert row.position == at[lane] + 1, "a gap"
                at[lane], found = row.position, found + 1
        return found

    def write(units: list[Unit]) -> int:
        return sum(isinstance(log.append([unit])[0], tuple) for unit in units)

    def both() -> float:
        nonlocal followed, written
        shares = [feed.units(500) for _ in range(8)]
        start = time.perf_counter()
        with ThreadPoolExecutor(len(shares)) as crew:
            writers = [crew.submit(write, share) for share in shares]
            while not all(writer.done() for writer in writers):
                followed += follow()
        took = time.perf_counter() - start
        while found := follow():
            followed += found
        written += sum(writer.result() for writer in writers)
        return took

    def alone() -> float:
        nonlocal written
        units = feed.units(4_000)
        start = time.perf_counter()
        written += write(units)
        return time.perf_counter() - start

    while found := follow():
        written += found
        followed += found
    ratio(both, alone, 4_000, rounds=3, goal="0 missed")
    while found := follow():
        followed += found
    assert followed == written, f"{written - followed} missed of {written}"


def stock_recorder(dsn: str) -> PostgresApplicationRecorder:
    """The library's recorder over the same server."""
    parts = conninfo_to_dict(dsn)
    password = Path(str(parts["passfile"])).read_text().strip().rsplit(":", 1)[1]
    datastore = PostgresDatastore(
        dbname=str(parts["dbname"]), host=str(parts["host"]), port=str(parts.get("port", 5432)),
        user=str(parts["user"]), password=password, pool_size=40, max_overflow=0,
    )  # fmt: skip
    recorder = PostgresApplicationRecorder(datastore, events_table_name="stock_events")
    recorder.create_table()
    return recorder


def stock_singles(recorder: PostgresAggregateRecorder, feed: Feed, threads: int) -> float:
    """Seconds per event of one-event inserts by threads."""
    import threading
    import uuid

    stop, counts = time.perf_counter() + SECONDS, [0] * threads

    def caller(number: int) -> None:
        while time.perf_counter() < stop:
            payload = codec.encode(feed.unit().entries[0].event)
            recorder.insert_events([LibraryEvent(uuid.uuid4(), 1, Transfer.TOPIC, payload)])
            counts[number] += 1

    start = time.perf_counter()
    running = [threading.Thread(target=caller, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return (time.perf_counter() - start) / sum(counts)


@pytest.fixture
def raw(log: EventLog) -> Iterator[RawCopy]:
    """The COPY floor on the same database."""
    floor = RawCopy(log.database.dsn)
    yield floor
    floor.close()


def bench_bulk(log: EventLog, feed: Feed, raw: RawCopy, ratio: Callable[..., float]) -> None:
    """10,000 events a commit through the whole path, against COPY of the same bytes by a waiting client."""
    commits, size = 4, 10_000
    log.append(feed.units(size))
    rows = [row for lane in range(log.lanes) for row in log.reader.lane(lane)][:size]
    used = 0

    def ours() -> float:
        work = [feed.units(size) for _ in range(commits)]
        start = time.perf_counter()
        waiting = []
        for units in work:  # the next batch is protected while the server takes the last
            waiting.append(log.submit(units))
            if len(waiting) > 2:
                log.settle(*waiting.pop(0))
        for pair in waiting:
            assert all(isinstance(answer, tuple) for answer in log.settle(*pair))
        return time.perf_counter() - start

    def floor() -> float:
        nonlocal used
        prebuilt = []
        for _ in range(commits):
            used += 1_000_000
            prebuilt.append(shifted(rows, used))
        start = time.perf_counter()
        for batch in prebuilt:
            raw.run(batch)
        return time.perf_counter() - start

    ratio(ours, floor, commits * size, goal="≥ 0.45 × raw COPY, aim 0.75")


def bench_bulk_against_stock_recorder(log: EventLog, feed: Feed, ratio: Callable[..., float]) -> None:
    """10,000 events a commit against eventsourcing's recorder with batches of 10,000."""
    import uuid

    recorder, size = stock_recorder(log.database.dsn), 10_000

    def ours() -> float:
        units = feed.units(size)
        start = time.perf_counter()
        log.append(units)
        return time.perf_counter() - start

    def floor() -> float:
        events = [entry.event for unit in feed.units(size) for entry in unit.entries]
        start = time.perf_counter()
        recorder.insert_events(
            [LibraryEvent(uuid.uuid4(), 1, event.TOPIC, codec.encode(event)) for event in events]
        )
        return time.perf_counter() - start

    ratio(ours, floor, size, goal="≥ 4 × stock recorder")


@pytest.mark.parametrize("length", [10_000, 200_000])
def bench_long_streams(log: EventLog, ratio: Callable[..., float], length: int) -> None:
    """Appending to a stream of many events costs what appending to one of ten does: ratio at least 1 / 1.2."""
    short, long = Feed(streams=1, seed=1), Feed(streams=1, seed=2)
    log.append(short.units(10))
    for _ in range(0, length, 10_000):
        log.append(long.units(10_000))

    def singles(feed: Feed) -> float:
        units = [[feed.unit()] for _ in range(200)]
        start = time.perf_counter()
        for one in units:
            log.append(one)
        return time.perf_counter() - start

    ratio(lambda: singles(long), lambda: singles(short), 200, goal="≥ 0.83 × a stream of 10 events")


def bench_lone_caller(log: EventLog, feed: Feed, ratio: Callable[..., float], tmp_path: Path) -> None:
    """A lone synchronous caller's latency against pgbench's with one client: at most twice."""

    def ours() -> float:
        units = [[feed.unit()] for _ in range(1_000)]
        start = time.perf_counter()
        for one in units:
            log.append(one)
        return time.perf_counter() - start

    ratio(ours, lambda: pgbench(log.database.dsn, 1, 2, tmp_path)[1], 1_000, goal="≥ 0.5 × pgbench latency")


def bench_bytes_on_disk(log: EventLog, feed: Feed, raw: RawCopy, ratio: Callable[..., float]) -> None:
    """Table and indexes per event, against the raw table of PERFORMANCE: payload in clear and a hash."""
    for _ in range(5):
        log.append(feed.units(10_000))
    with psycopg.connect(log.database.dsn, autocommit=True) as owner:
        owner.execute("vacuum kyc.event")
        owner.execute(
            "create table public.plain (stream uuid not null, version bigint not null, topic text not null,"
            " data bytea not null, hash bytea not null, id bigserial not null, primary key (stream, version),"
            " unique (id))"
        )
        again = Feed()
        with owner.cursor().copy("copy public.plain (stream, version, topic, data, hash) from stdin") as copy:
            for version, unit in enumerate(again.units(50_000)):
                (entry,) = unit.entries
                stream = log.stream_id(entry.stream).hex()
                copy.write_row((stream, version, Transfer.TOPIC, codec.encode(entry.event), bytes(32)))
        owner.execute("vacuum public.plain")
        row = owner.execute(
            "select pg_total_relation_size('kyc.event')::float8 / (select count(*) from kyc.event),"
            " pg_total_relation_size('public.plain')::float8 / (select count(*) from public.plain)"
        ).fetchone()
    assert row is not None
    ratio(lambda: row[0], lambda: row[1], 1_000_000, rounds=1, goal="≥ 0.77 (at most 1.3 × the raw table)")
