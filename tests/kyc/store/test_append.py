"""The writer: dense positions, idempotency, conflicts, two writers on the same lanes, lost acknowledgements."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest
from fix_log import ORIGIN, customer, noted, unit

from kyc.clock import FixedClock
from kyc.domain.submission import EXISTS, NEW, Claim, Entry, Unit
from kyc.errors import (
    ClaimConflictError,
    ConflictError,
    KycError,
    NotFoundError,
    StoreUnavailableError,
    VersionConflictError,
)
from kyc.evidence import chain, header
from kyc.settings import WriterLimits
from kyc.store.append import GroupWriter, Outcome, Writer, _Sharer
from kyc.store.database import Database
from kyc.store.direct import DirectSession
from kyc.store.log import EventLog
from kyc.store.records import Batch, StoredEvent

pytestmark = pytest.mark.pg15


def receipts(answer: object) -> tuple:
    """The receipts of an answer that must not be an error."""
    assert isinstance(answer, tuple), answer
    return answer


def batches(log: EventLog, units: list[Unit]) -> list[Batch]:
    """Protected batches of units that are all in order."""
    made = log.protect(units)
    assert all(isinstance(batch, Batch) for batch in made)
    return made  # type: ignore[return-value]


def check_lanes(log: EventLog) -> int:
    """Positions are dense, versions follow each other, every hash continues its stream; returns the events."""
    count = 0
    heads: dict[bytes, tuple[int, bytes, int]] = defaultdict(lambda: (0, chain.GENESIS, 0))
    for lane in range(log.lanes):
        for position, row in enumerate(log.reader.lane(lane), start=1):
            version, previous, at = heads[row.stream_id]
            assert (row.position, row.version, row.previous) == (position, version + 1, previous)
            assert row.recorded_at >= at
            fixed = header.pack_fixed(header.FORMAT, row.stream_id, row.version, row.recorded_at, row.key)
            assert row.hash == chain.link(row.previous, fixed + row.context, row.commitment)
            heads[row.stream_id] = (row.version, row.hash, row.recorded_at)
            count += 1
    return count


def test_first_append(log: EventLog) -> None:
    """A first event gets version 1, position 1 of its lane, and comes back as it was."""
    (receipt,) = receipts(log.append([unit("k", noted("C1", "hello"))])[0])
    assert (receipt.version, receipt.position, receipt.replayed) == (1, 1, False)
    assert receipt.stream_id == UUID(bytes=log.stream_id(customer("C1")))
    (recorded,) = log.events(customer("C1"))
    assert recorded.event.text == "hello"
    assert recorded.context[2:] == (ORIGIN.actor, ORIGIN.branch, ORIGIN.purpose, ORIGIN.legal_basis)
    assert b"hello" not in recorded.row.state


def test_many_streams_in_one_commit(log: EventLog) -> None:
    """Bulk and small commits write the same log: dense lanes, unbroken chains."""
    for size in (1, 10, 300):
        answers = log.append([unit(f"{size}-{n}", noted(f"C{n % 7}", "x")) for n in range(size)])
        assert all(isinstance(answer, tuple) for answer in answers)
    assert check_lanes(log) == 311


def test_same_key_same_content(log: EventLog) -> None:
    """A retry gets the first receipt, marked as replayed, and records nothing."""
    first = receipts(log.append([unit("k", noted("C1", "a"))])[0])
    again = receipts(log.append([unit("k", noted("C1", "a"))])[0])
    assert again[0].replayed
    assert again[0].hash == first[0].hash
    assert check_lanes(log) == 1


def test_same_key_other_content(log: EventLog) -> None:
    """The same key with other content is a conflict, and names the key."""
    log.append([unit("k", noted("C1", "a"))])
    (answer,) = log.append([unit("k", noted("C1", "b"))])
    assert isinstance(answer, ConflictError)
    assert answer.field == "key"
    assert check_lanes(log) == 1


def test_same_key_other_shape(log: EventLog) -> None:
    """A key that recorded one event does not answer for two."""
    log.append([unit("k", noted("C1", "a"))])
    (answer,) = log.append([unit("k", noted("C1", "a"), noted("C1", "b"))])
    assert isinstance(answer, ConflictError)


def test_repeats_within_one_call(log: EventLog) -> None:
    """Repeated keys of one call are decided one after the other: one write, replays, a conflict."""
    same, other = unit("k", noted("C1", "a")), unit("k", noted("C1", "b"))
    first, second, third, fourth = log.append([same, same, other, unit("l", noted("C1", "c"))])
    assert [receipts(first)[0].replayed, receipts(second)[0].replayed] == [False, True]
    assert isinstance(third, ConflictError)
    assert receipts(fourth)[0].version == 2
    assert check_lanes(log) == 2


def test_expected_versions(log: EventLog) -> None:
    """Expected versions are kept; a refusal blames only its own unit and names what is the case."""
    answers = log.append(
        [
            unit("1", noted("C1", "a", expected=NEW)),
            unit("2", noted("C1", "b", expected=1)),
            unit("3", noted("C1", "c", expected=1)),
            unit("4", noted("C1", "d", expected=NEW)),
            unit("5", noted("C1", "e", expected=EXISTS)),
            unit("6", noted("C2", "f", expected=EXISTS)),
        ]
    )
    kinds = [type(answer) for answer in answers]
    assert kinds == [tuple, tuple, VersionConflictError, VersionConflictError, tuple, NotFoundError]
    assert answers[2].rule == "expected 1, is 2"  # type: ignore[union-attr]
    assert check_lanes(log) == 3


def test_new_stream_is_taken_at_its_word_only_once(log: EventLog) -> None:
    """NEW is believed without a look, and the primary key refuses the lie of a forgetful writer."""
    log.append([unit("1", noted("C1", "a"))])
    forgetful = Writer(log.database.dsn, log.lanes)
    try:
        (outcome,) = forgetful.append(batches(log, [unit("2", noted("C1", "b", expected=NEW))]))
    finally:
        forgetful.close()
    assert isinstance(outcome, VersionConflictError)


def test_units_are_atomic(log: EventLog) -> None:
    """Of a unit with one impossible entry nothing is recorded."""
    (answer,) = log.append([unit("k", noted("C1", "a"), noted("C2", "b", expected=5))])
    assert isinstance(answer, VersionConflictError)
    assert check_lanes(log) == 0


def test_requires(log: EventLog) -> None:
    """An entry may demand that another stream exists, also one created earlier in the same call."""
    name = customer("P1")
    lonely = Entry(name, name, noted("P1", "x").event, requires=(customer("A1"),))
    (refused,) = log.append([Unit("1", ORIGIN, (lonely,))])
    assert isinstance(refused, NotFoundError)
    answers = log.append([unit("2", noted("A1", "opened")), Unit("3", ORIGIN, (lonely,))])
    assert all(isinstance(answer, tuple) for answer in answers)


def test_claims(log: EventLog) -> None:
    """A natural key is taken once, across streams and calls; the claim leads to its event."""
    claim = Claim("transaction", "T-1")
    first, second = log.append(
        [unit("1", noted("C1", "a"), claims=(claim,)), unit("2", noted("C2", "b"), claims=(claim,))]
    )
    assert receipts(first)
    assert isinstance(second, ClaimConflictError)
    assert second.field == "transaction"
    found = log.reader.claim("transaction", log.blinder.claim_key("transaction", "T-1"))
    assert found == (log.stream_id(customer("C1")), 1)
    (again,) = log.append([unit("1", noted("C1", "a"), claims=(claim,))])
    assert receipts(again)[0].replayed
    (third,) = log.append([unit("3", noted("C3", "c"), claims=(claim,))])
    assert isinstance(third, ClaimConflictError)
    assert check_lanes(log) == 1


def test_bulk_with_claims_and_duplicates(log: EventLog) -> None:
    """Running the same bulk again answers every unit with its first receipt."""
    units = [unit(f"{n}", noted(f"C{n % 20}", f"{n}"), claims=(Claim("transaction", f"{n}"),)) for n in range(500)]
    first = [receipts(answer)[0] for answer in log.append(units)]
    again = [receipts(answer)[0] for answer in log.append(units)]
    assert [receipt.hash for receipt in first] == [receipt.hash for receipt in again]
    assert all(receipt.replayed for receipt in again)
    assert check_lanes(log) == 500


def test_two_writers_on_the_same_lanes(log: EventLog) -> None:
    """Two writers that fight over the same streams lose nothing, double nothing and keep every lane dense."""
    writers = [Writer(log.database.dsn, log.lanes) for _ in range(2)]
    failures: list[object] = []

    def work(number: int) -> None:
        for round_ in range(25):
            units = [unit(f"{number}-{round_}-{n}", noted(f"C{n}", "x")) for n in range(3)]
            outcomes = writers[number].append(batches(log, units))
            failures.extend(outcome for outcome in outcomes if not isinstance(outcome, Outcome))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.close()
    assert failures == []
    assert check_lanes(log) == 150


def test_a_collision_keeps_the_connection(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers that take turns on one stream collide each time, and neither connects anew."""
    lost: list[int] = []
    reconnect = _Sharer._reconnect

    async def counted(self: _Sharer, attempt: int) -> None:
        lost.append(attempt)
        await reconnect(self, attempt)

    monkeypatch.setattr(_Sharer, "_reconnect", counted)

    async def run() -> None:
        writers = [GroupWriter(log.database.dsn, log.lanes) for _ in range(2)]
        for writer in writers:
            await writer.open()
        for turn in range(6):
            (outcome,) = await writers[turn % 2].append(batches(log, [unit(f"k{turn}", noted("C1", "x"))]))
            assert isinstance(outcome, Outcome)
        for writer in writers:
            await writer.close()

    asyncio.run(run())
    assert [recorded.row.version for recorded in log.events(customer("C1"))] == [1, 2, 3, 4, 5, 6]
    assert lost == []


def test_eight_writers_and_a_following_reader(log: EventLog) -> None:
    """A reader that follows the lanes under eight writing threads misses no event."""
    done = threading.Event()
    seen: set[tuple[int, int]] = set()

    def follow() -> None:
        at = dict.fromkeys(range(log.lanes), 0)
        while True:
            last_round = done.is_set()
            for lane in at:
                for row in log.reader.page(lane, at[lane], 500):
                    assert row.position == at[lane] + 1
                    at[lane] = row.position
                    seen.add((lane, row.position))
            if last_round:
                return

    def write(number: int) -> None:
        for n in range(20):
            receipts(log.append([unit(f"{number}-{n}", noted(f"C{number}-{n % 3}", "x"))])[0])

    reader = threading.Thread(target=follow)
    reader.start()
    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert len(seen) == check_lanes(log) == 160


def test_callers_share_commits(log: EventLog) -> None:
    """Callers that queue during a commit are written together: far fewer transactions than callers."""

    async def run() -> int:
        writer = GroupWriter(log.database.dsn, log.lanes)
        await writer.open()
        singles = [batches(log, [unit(f"{n}", noted(f"C{n}", "x"))]) for n in range(64)]
        before = transactions(log)
        await asyncio.gather(*[writer.append(single) for single in singles])
        after = transactions(log)
        await writer.close()
        return after - before

    assert asyncio.run(run()) < 20
    assert check_lanes(log) == 64


def transactions(log: EventLog) -> int:
    """Transaction ids handed out so far: reads take none."""
    with log.database.connection() as connection:
        row = connection.execute("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone()
    assert row is not None
    return int(row[0])


def test_lost_acknowledgement(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit whose answer was lost is found again by its keys: recorded once, answered as recorded."""
    real = _Sharer._write

    async def lose(self: _Sharer, plan: object) -> None:
        monkeypatch.setattr(_Sharer, "_write", real)
        await real(self, plan)  # type: ignore[arg-type]
        await self._live().close()
        raise psycopg.OperationalError("connection lost after the commit")

    assert log.writer is log.writer
    monkeypatch.setattr(_Sharer, "_write", lose)
    (receipt,) = receipts(log.append([unit("k", noted("C1", "a"))])[0])
    assert (receipt.version, receipt.replayed) == (1, False)
    assert check_lanes(log) == 1


def test_lost_before_the_commit(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection lost before the commit leads to one write on a new connection."""
    real = _Sharer._write

    async def lose(self: _Sharer, plan: object) -> None:
        monkeypatch.setattr(_Sharer, "_write", real)
        await self._live().close()
        await real(self, plan)  # type: ignore[arg-type]

    assert log.writer is log.writer
    monkeypatch.setattr(_Sharer, "_write", lose)
    receipts(log.append([unit("k", noted("C1", "a"))])[0])
    assert check_lanes(log) == 1


def test_lone_caller_writes_on_its_own_thread(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few events of a lone caller whose streams are known never reach the queue, and are recorded alike."""
    log.append([unit(f"first {n}", noted(f"C{n}", "a")) for n in range(3)])

    async def never(self: GroupWriter, _: object) -> None:
        raise AssertionError("queued")

    monkeypatch.setattr(GroupWriter, "append", never)
    for n in range(20):
        (receipt,) = receipts(log.append([unit(f"then {n}", noted(f"C{n % 3}", "b"))])[0])
        assert receipt.version == 2 + n // 3
    assert check_lanes(log) == 23


def test_direct_and_queued_callers_mix(log: EventLog) -> None:
    """Threads that append one by one and many at a time meet on the same streams: nothing lost, nothing doubled."""

    def caller(number: int, size: int) -> None:
        for turn in range(12):
            units = [unit(f"{number} {turn} {n}", noted(f"C{n % 5}", "x")) for n in range(size)]
            for answer in log.append(units):
                receipts(answer)

    threads = [threading.Thread(target=caller, args=(number, 1 if number % 2 else 20)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert check_lanes(log) == 12 * (3 + 3 * 20)


def test_direct_answer_lost(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A direct commit whose answer was lost is found by the queue: recorded once, answered as recorded."""
    log.append([unit("1", noted("C1", "a"))])
    real = DirectSession.insert

    def lose(self: DirectSession, rows: Sequence[StoredEvent]) -> bool:
        assert real(self, rows)
        self.close()
        return False

    monkeypatch.setattr(DirectSession, "insert", lose)
    (receipt,) = receipts(log.append([unit("2", noted("C1", "b"))])[0])
    assert (receipt.version, receipt.replayed) == (2, False)
    assert check_lanes(log) == 2


def test_backend_killed(log: EventLog) -> None:
    """The writer outlives its server process: the next append reconnects."""
    log.append([unit("1", noted("C1", "a"))])
    with psycopg.connect(log.database.dsn, autocommit=True) as owner:
        owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid()"
        )
    receipts(log.append([unit("2", noted("C1", "b"))])[0])
    assert check_lanes(log) == 2


def test_time_never_runs_backwards_in_a_stream(database: str, provider: object) -> None:
    """When the clock is set back, events keep the time of the one before."""
    clock = FixedClock(1_000_000)
    log = EventLog(Database(database), provider, clock=clock)  # type: ignore[arg-type]
    try:
        log.append([unit("1", noted("C1", "a"))])
        clock.us = 5
        log.append([unit("2", noted("C1", "b")), unit("3", noted("C2", "c"))])
        assert [r.row.recorded_at for r in log.events(customer("C1"))] == [1_000_000, 1_000_000]
        assert [r.row.recorded_at for r in log.events(customer("C2"))] == [5]
    finally:
        log.close()


def test_no_database(log: EventLog) -> None:
    """An unreachable database is named as such."""
    with pytest.raises(StoreUnavailableError):
        Writer("host=/nonexistent dbname=none", 4)


def test_queue_is_bounded(log: EventLog) -> None:
    """Callers wait while the queue is full, and all are served in the end."""

    async def run() -> list[list[Outcome | KycError]]:
        writer = GroupWriter(log.database.dsn, log.lanes, limits=WriterLimits(queue_events=2, events_per_commit=2))
        await writer.open()
        singles = [batches(log, [unit(f"{n}", noted(f"C{n}", "x"))]) for n in range(20)]
        answers = await asyncio.gather(*[writer.append(single) for single in singles])
        await writer.close()
        return answers

    assert all(isinstance(answer[0], Outcome) for answer in asyncio.run(run()))
    assert check_lanes(log) == 20
