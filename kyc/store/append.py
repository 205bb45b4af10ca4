"""The only writer of events: group commit with one commit in flight per lane.

Callers queue; a writer drains whatever has come while the last commit was on its way to disk, writes it in one
commit, and answers each caller. Nobody waits for company. The lanes are shared out among a few connections, so that
the server works on one commit while we prepare the next; what touches lanes of several takes them all. Positions
and heads are handed out from memory; the database has the last word: a stale or second writer collides with a
unique key, reloads what it believed, and tries again; after a lost connection the keys tell what was committed.

asyncio inside (:class:`GroupWriter`), a thread-safe synchronous face outside (:class:`Writer`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from secrets import randbelow
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import errors as pg

from kyc.clock import Clock, SystemClock
from kyc.errors import ClaimConflictError, KycError, StoreError
from kyc.logs import logger
from kyc.settings import WriterLimits
from kyc.store.direct import ROWS_MAX, DirectSession, ShareLock
from kyc.store.errors_pg import is_lost, translate
from kyc.store.plan import Plan, Planner
from kyc.store.records import Batch, StoredEvent
from kyc.store.session import Session

_log = logger("writer")


class Outcome(Struct, frozen=True):
    """The rows of one batch, in the order of its drafts."""

    rows: tuple[StoredEvent, ...]
    found: bool = False
    """True where rows under these keys were there before: the caller compares their content. Fewer rows than
    drafts means that the keys were used for something else."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop a writer runs best in: uvloop where there is one (a tenth more commits), else Python's own."""
    try:
        from uvloop import new_event_loop as made
    except ImportError:
        return asyncio.new_event_loop()
    return made()


class _Request(Struct):
    batches: Sequence[Batch]
    events: int
    answer: asyncio.Future[list[Outcome | KycError]]


class GroupWriter:
    """The writer itself; lives in one event loop."""

    def __init__(
        self, dsn: str, lanes: int, *, clock: Clock | None = None, limits: WriterLimits | None = None
    ) -> None:
        self._limits = limits or WriterLimits()
        self._shares = min(lanes, self._limits.connections)
        self._board = _Board(dsn, lanes, self._shares, clock or SystemClock(), self._limits)
        every = range(self._shares)
        self._sharers = [_Sharer(self._board, [share]) for share in every]
        self._whole = _Sharer(self._board, every) if self._shares > 1 else self._sharers[0]
        self._closing = False
        self._direct = DirectSession(dsn)
        self._direct_busy = threading.Lock()

    async def open(self) -> None:
        """Connect and start.

        Raises:
            StoreUnavailableError: the database cannot be reached.
        """
        for sharer in {id(sharer): sharer for sharer in (*self._sharers, self._whole)}.values():
            await sharer.open()

    async def close(self) -> None:
        """Finish what is queued, then disconnect."""
        self._closing = True
        for sharer in {id(sharer): sharer for sharer in (*self._sharers, self._whole)}.values():
            await sharer.close()
        with self._direct_busy:  # a caller may be at it; it is done within one commit
            self._direct.close()

    async def append(self, batches: Sequence[Batch]) -> list[Outcome | KycError]:
        """Record batches; one outcome or error each, in their order. Waits while the queue is full.

        Raises:
            StoreUnavailableError: the database stayed out of reach; nothing is known to be recorded.
        """
        events, share = self._reach(batches)
        board = self._board
        while board.queued > self._limits.queue_events:
            board.room.clear()
            await board.room.wait()
        if self._closing:
            raise StoreError("the writer is closed")
        answer: asyncio.Future[list[Outcome | KycError]] = asyncio.get_running_loop().create_future()
        sharer = self._whole if share == self._shares else self._sharers[share]
        sharer.queue.append(_Request(batches, events, answer))
        board.queued += events
        sharer.wake.set()
        return await answer

    def append_here(self, batches: Sequence[Batch]) -> list[Outcome | KycError] | None:
        """Record a few events on the calling thread, whichever it is; None where the queue has to do it."""
        if len(batches) > ROWS_MAX:
            return None
        events, share = self._reach(batches)
        if not 0 < events <= ROWS_MAX or share == self._shares or self._closing:
            return None
        sharer, lock = self._sharers[share], self._board.locks[share]
        if sharer.queue or sharer.cautious or not self._direct_busy.acquire(blocking=False):
            return None
        try:
            if not lock.try_acquire():
                return None
            try:
                return self._write_here(batches)
            finally:
                lock.release()
        finally:
            self._direct_busy.release()

    def _write_here(self, batches: Sequence[Batch]) -> list[Outcome | KycError] | None:
        planner, every = self._board.planner, range(len(batches))
        if planner.unknown(batches, every):
            return None
        plan = planner.plan(batches, every, self._board.clock.now_us())
        if plan.refused or plan.deferred or plan.claims or plan.scans or plan.relied:
            return None
        if not self._direct.insert(plan.rows):
            return None
        planner.committed(plan)
        return [Outcome(tuple(plan.rows[first:past])) for _, first, past in plan.accepted]

    def _reach(self, batches: Sequence[Batch]) -> tuple[int, int]:
        """How many events, and the share they lie in; the number of shares where they lie in several."""
        events, share = 0, -1
        for batch in batches:
            for draft in batch.drafts:
                events += 1
                its = draft.lane % self._shares
                share = its if share in (-1, its) else self._shares
        return events, share


class _Board:
    """What the sharers have in common: the planner's memory, the locks of the lanes, the length of the queues."""

    def __init__(self, dsn: str, lanes: int, shares: int, clock: Clock, limits: WriterLimits) -> None:
        self.dsn = dsn
        self.lanes = lanes
        self.clock = clock
        self.limits = limits
        self.planner = Planner(limits.heads_cached)
        self.locks = [ShareLock() for _ in range(shares)]
        self.queued = 0
        self.room = asyncio.Event()
        self.room.set()


class _Sharer:
    """One connection that writes some shares of the lanes (those with ``lane % shares`` in ``mine``)."""

    def __init__(self, board: _Board, mine: Sequence[int]) -> None:
        self._board = board
        self._mine = mine
        self._session: Session | None = None
        self.cautious = False
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.queue: deque[_Request] = deque()
        self.wake = asyncio.Event()

    async def open(self) -> None:
        await self._connect()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        self._closing = True
        self.wake.set()
        if self._task is not None:
            await self._task
        if self._session is not None:
            await self._session.close()

    async def _run(self) -> None:
        while True:
            if not self.queue:
                if self._closing:
                    return
                self.wake.clear()
                await self.wake.wait()
                continue
            locks = [self._board.locks[share] for share in self._mine]
            for lock in locks:  # ascending, so that nobody waits for a waiter
                await lock.acquire()
            try:
                await self._serve(self._drain())
            finally:
                for lock in locks:
                    lock.release()
            await asyncio.sleep(0)  # whom we just answered may have more: one turn of the loop, no timer

    async def _serve(self, requests: list[_Request]) -> None:
        try:
            outcomes = await self._settle([batch for request in requests for batch in request.batches])
        except (KycError, psycopg.Error) as cause:
            error = translate(cause) if isinstance(cause, psycopg.Error) else cause
            for request in requests:
                if not request.answer.done():
                    request.answer.set_exception(error)
            return
        at = 0
        for request in requests:
            if not request.answer.done():
                request.answer.set_result(outcomes[at : at + len(request.batches)])
            at += len(request.batches)

    def _drain(self) -> list[_Request]:
        board, limit = self._board, self._board.limits.events_per_commit
        requests = [self.queue.popleft()]
        events = requests[0].events
        while self.queue and events + self.queue[0].events <= limit:
            requests.append(self.queue.popleft())
            events += requests[-1].events
        board.queued -= events
        board.room.set()
        return requests

    async def _settle(self, batches: list[Batch]) -> list[Outcome | KycError]:
        """Write until every batch has its outcome."""
        board = self._board
        outcomes: dict[int, Outcome | KycError] = {}
        pending: Sequence[int] = range(len(batches))
        doubt = self.cautious
        found = False
        for attempt in range(board.limits.attempts):
            try:
                if doubt:
                    known = await self._resolve(batches, pending)
                    found = found or bool(known)
                    outcomes.update(known)
                    pending = [index for index in pending if index not in known]
                missing = board.planner.unknown(batches, pending)
                if missing:
                    board.planner.set_heads(missing, await self._live().heads(missing))
                plan = board.planner.plan(batches, pending, board.clock.now_us())
                if plan.refused and not doubt:
                    doubt = True  # what memory refuses may be stale: look before saying no
                    continue
                if plan.rows and not await self._write(plan):
                    doubt = True  # what somebody relied on has moved: the heads that are loaded now say whose
                    continue
            except (pg.UniqueViolation, pg.DeadlockDetected, pg.SerializationFailure) as cause:
                _log.debug("collision", rule=cause.sqlstate, field=cause.diag.constraint_name, attempt=attempt)
                doubt = True
                if attempt:
                    await asyncio.sleep(randbelow(1 + 1_000 * attempt) / 1e6)
                continue
            except psycopg.OperationalError as cause:
                if not is_lost(cause) or attempt + 1 == board.limits.attempts:
                    raise
                await self._reconnect(attempt)
                doubt = True
                continue
            board.planner.committed(plan)
            for index, first, past in plan.accepted:
                outcomes[index] = Outcome(tuple(plan.rows[first:past]))
            outcomes.update(plan.refused)
            pending, doubt = plan.deferred, True
            if not pending:
                self.cautious = found
                return [outcomes[index] for index in range(len(batches))]
        raise StoreError("too many collisions with other writers", rule=f"{board.limits.attempts} attempts")

    async def _write(self, plan: Plan) -> bool:
        rows = plan.rows
        if len(rows) > 1:
            rows = sorted(rows, key=_place)  # ascending lanes keep two writers from deadlock
        if len(rows) >= self._board.limits.copy_from_events:
            return await self._live().copy(plan, rows)
        return await self._live().insert(plan, rows)

    async def _resolve(self, batches: list[Batch], pending: Sequence[int]) -> dict[int, Outcome | KycError]:
        """Which pending batches are recorded already or hold a taken claim; reload heads and positions."""
        session, planner = self._live(), self._board.planner
        drafts = [draft for index in pending for draft in batches[index].drafts]
        stored = await session.stored(drafts)
        taken = await session.taken([claim for index in pending for claim in batches[index].claims])
        await self._load_positions()
        streams = {draft.stream_id: draft.lane for draft in drafts}
        streams |= {stream: lane for index in pending for lane, stream, _ in batches[index].requires}
        planner.set_heads(streams, await session.heads(streams))
        known: dict[int, Outcome | KycError] = {}
        for index in pending:
            outcome = _known(batches[index], stored, taken)
            if outcome is not None:
                known[index] = outcome
        return known

    async def _load_positions(self) -> None:
        last = await self._live().positions(self._board.lanes)
        shares = len(self._board.locks)  # other shares may have a commit in flight: theirs is not ours to reload
        mine = {lane: position for lane, position in last.items() if lane % shares in self._mine}
        self._board.planner.set_positions(mine)

    async def _connect(self) -> None:
        try:
            self._session = await Session.open(self._board.dsn)
            await self._load_positions()
        except psycopg.Error as cause:
            raise translate(cause) from cause

    async def _reconnect(self, attempt: int) -> None:
        _log.warning("connection lost", attempt=attempt)
        await self._live().close()
        await asyncio.sleep(min(2.0, 0.05 * 2**attempt))
        try:
            await self._connect()
        except StoreError:
            return  # the next attempt finds the connection closed and comes here again

    def _live(self) -> Session:
        assert self._session is not None, "the writer was not opened"
        return self._session


def _place(row: StoredEvent) -> tuple[int, int]:
    return row.lane, row.position


def _known(
    batch: Batch, stored: dict[bytes, StoredEvent], taken: set[tuple[str, bytes]]
) -> Outcome | KycError | None:
    rows = tuple(stored[draft.key] for draft in batch.drafts if draft.key in stored)
    if rows:
        ours = len(rows) == len(batch.drafts) and all(
            row.commitment == draft.commitment for row, draft in zip(rows, batch.drafts, strict=True)
        )
        return Outcome(rows, found=not ours)  # ours: committed, but the acknowledgement was lost
    for claim in batch.claims:
        if (claim.kind, claim.key) in taken:
            return ClaimConflictError(
                f"this {claim.kind} reference is already taken by another record",
                field=claim.kind,
                rule="a reference is used once",
                remedy="correct the reference, or submit with the key of the first record to get its receipt",
            )
    return None


class Writer:
    """The synchronous face: a thread with an event loop around one :class:`GroupWriter`. Thread-safe."""

    def __init__(
        self, dsn: str, lanes: int, *, clock: Clock | None = None, limits: WriterLimits | None = None
    ) -> None:
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kyc-writer", daemon=True)
        self._thread.start()
        try:
            self._writer = self._wait(_opened(dsn, lanes, clock, limits))
        except BaseException:
            self._stop()
            raise

    def append(self, batches: Sequence[Batch]) -> list[Outcome | KycError]:
        """Record batches and wait; one outcome or error each, in their order."""
        return self.submit(batches).result()

    def submit(self, batches: Sequence[Batch]) -> Future[list[Outcome | KycError]]:
        """Record batches in the background; a few events of a lone caller at once, on its own thread.

        At most ``events_per_commit`` events belong into one call.
        """
        outcomes = self._writer.append_here(batches)
        if outcomes is not None:
            done: Future[list[Outcome | KycError]] = Future()
            done.set_result(outcomes)
            return done
        return asyncio.run_coroutine_threadsafe(self._writer.append(batches), self._loop)

    def close(self) -> None:
        """Finish what is queued and stop the thread."""
        self._wait(self._writer.close())
        self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _opened(dsn: str, lanes: int, clock: Clock | None, limits: WriterLimits | None) -> GroupWriter:
    writer = GroupWriter(dsn, lanes, clock=clock, limits=limits)
    try:
        await writer.open()
    except BaseException:
        await writer.close()
        raise
    return writer
