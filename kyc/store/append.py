"""The only INSERT of events: group commit over one connection.

Callers queue; the writer drains whatever has come while the last commit was on its way to disk, writes it in one
commit, and answers each caller. Nobody waits for company. One commit is in flight at a time, so positions and heads
are handed out from memory. The database has the last word: a stale or second writer collides with a unique key,
reloads what it believed, and tries again; after a lost connection the keys tell what was committed.

asyncio inside (:class:`GroupWriter`), a thread-safe synchronous face outside (:class:`Writer`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from secrets import randbelow
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncConnection
from psycopg import errors as pg

from kyc.clock import Clock, SystemClock
from kyc.errors import ClaimConflictError, KycError, StoreError
from kyc.settings import WriterLimits
from kyc.store import pgbinary, statements
from kyc.store.errors_pg import is_lost, translate
from kyc.store.plan import Plan, Planner
from kyc.store.records import Batch, Head, ScanRow, StoredEvent

_SLICE = 500
"""Rows packed at a time, about half a megabyte."""


class Outcome(NamedTuple):
    """The rows of one batch, in the order of its drafts."""

    rows: tuple[StoredEvent, ...]
    found: bool = False
    """True where rows under these keys were there before: the caller compares their content. Fewer rows than
    drafts means that the keys were used for something else."""


class _Request(NamedTuple):
    batches: Sequence[Batch]
    events: int
    answer: asyncio.Future[list[Outcome | KycError]]


class GroupWriter:
    """The writer itself; lives in one event loop."""

    def __init__(
        self, dsn: str, lanes: int, *, clock: Clock | None = None, limits: WriterLimits | None = None
    ) -> None:
        self._dsn = dsn
        self._lanes = lanes
        self._clock = clock or SystemClock()
        self._limits = limits or WriterLimits()
        self._planner = Planner(self._limits.heads_cached)
        self._connection: AsyncConnection[Any] | None = None
        self._queue: deque[_Request] = deque()
        self._queued = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False
        self._cautious = False
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and start.

        Raises:
            StoreUnavailableError: the database cannot be reached.
        """
        await self._connect()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Finish what is queued, then disconnect."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._connection is not None:
            await self._connection.close()

    async def append(self, batches: Sequence[Batch]) -> list[Outcome | KycError]:
        """Record batches; one outcome or error each, in their order. Waits while the queue is full.

        Raises:
            StoreUnavailableError: the database stayed out of reach; nothing is known to be recorded.
        """
        events = sum([len(batch.drafts) for batch in batches])
        while self._queued > self._limits.queue_events:
            self._room.clear()
            await self._room.wait()
        if self._closing:
            raise StoreError("the writer is closed")
        answer: asyncio.Future[list[Outcome | KycError]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Request(batches, events, answer))
        self._queued += events
        self._wake.set()
        return await answer

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            requests = self._drain()
            try:
                outcomes = await self._settle([batch for request in requests for batch in request.batches])
            except (KycError, psycopg.Error) as cause:
                error = translate(cause) if isinstance(cause, psycopg.Error) else cause
                for request in requests:
                    if not request.answer.done():
                        request.answer.set_exception(error)
                continue
            at = 0
            for request in requests:
                if not request.answer.done():
                    request.answer.set_result(outcomes[at : at + len(request.batches)])
                at += len(request.batches)

    def _drain(self) -> list[_Request]:
        requests = [self._queue.popleft()]
        events = requests[0].events
        while self._queue and events + self._queue[0].events <= self._limits.events_per_commit:
            requests.append(self._queue.popleft())
            events += requests[-1].events
        self._queued -= events
        self._room.set()
        return requests

    async def _settle(self, batches: list[Batch]) -> list[Outcome | KycError]:
        """Write until every batch has its outcome."""
        outcomes: dict[int, Outcome | KycError] = {}
        pending: Sequence[int] = range(len(batches))
        doubt = self._cautious
        found = False
        for attempt in range(self._limits.attempts):
            try:
                if doubt:
                    known = await self._resolve(batches, pending)
                    found = found or bool(known)
                    outcomes.update(known)
                    pending = [index for index in pending if index not in known]
                await self._load_heads([batches[index] for index in pending])
                plan = self._planner.plan(batches, pending, self._clock.now_us())
                if plan.refused and not doubt:
                    doubt = True  # what memory refuses may be stale: look before saying no
                    continue
                if plan.rows:
                    await self._write(plan)
            except (pg.UniqueViolation, pg.DeadlockDetected, pg.SerializationFailure):
                doubt = True
                if attempt:
                    await asyncio.sleep(randbelow(1 + 1_000 * attempt) / 1e6)
                continue
            except psycopg.OperationalError as cause:
                if not is_lost(cause) or attempt + 1 == self._limits.attempts:
                    raise
                await self._reconnect(attempt)
                doubt = True
                continue
            self._planner.committed(plan)
            for index, first, past in plan.accepted:
                outcomes[index] = Outcome(tuple(plan.rows[first:past]))
            outcomes.update(plan.refused)
            pending, doubt = plan.deferred, True
            if not pending:
                self._cautious = found
                return [outcomes[index] for index in range(len(batches))]
        raise StoreError("too many collisions with other writers", rule=f"{self._limits.attempts} attempts")

    async def _write(self, plan: Plan) -> None:
        rows = sorted(plan.rows)  # by position; ascending lanes keep two writers from deadlock
        rows.sort(key=_lane)
        if len(rows) >= self._limits.copy_from_events or len(plan.scans) > 2:
            await self._copy(plan, rows)
        else:
            await self._insert(plan, rows)

    async def _insert(self, plan: Plan, rows: list[StoredEvent]) -> None:
        columns = list(zip(*rows, strict=True))
        arguments: list[Any] = [
            pgbinary.int8s(columns[0]), pgbinary.int8s(columns[1]), pgbinary.int8s(columns[2]),
            pgbinary.int2s(columns[3]), pgbinary.uuids(columns[4]), pgbinary.uuids(columns[5]),
            pgbinary.uuids(columns[6]), *(pgbinary.byteas(column) for column in columns[7:]),
        ]  # fmt: skip
        statement = statements.INSERT_EVENTS
        if plan.claims or plan.scans:
            statement = statements.INSERT_ALL
            arguments += [
                pgbinary.int2s([claim.lane for claim, _, _ in plan.claims]),
                pgbinary.texts([claim.kind for claim, _, _ in plan.claims]),
                pgbinary.uuids([claim.key for claim, _, _ in plan.claims]),
                pgbinary.uuids([stream for _, stream, _ in plan.claims]),
                pgbinary.int8s([version for _, _, version in plan.claims]),
                *_scan_arrays(plan.scans),
            ]
        await self._live().execute(statement, arguments, prepare=True)

    async def _copy(self, plan: Plan, rows: list[StoredEvent]) -> None:
        connection = self._live()
        claims = [pgbinary.claim_row(*claim) for claim in plan.claims]
        async with connection.transaction():
            async with connection.cursor().copy(statements.COPY_EVENTS) as copy:
                await copy.write(pgbinary.COPY_SIGNATURE)
                for at in range(0, len(rows), _SLICE):  # the server takes one slice while we pack the next
                    await copy.write(b"".join(pgbinary.event_rows(rows[at : at + _SLICE])))
                await copy.write(pgbinary.COPY_TRAILER)
            if claims:
                async with connection.cursor().copy(statements.COPY_CLAIMS) as copy:
                    await copy.write(b"".join((pgbinary.COPY_SIGNATURE, *claims, pgbinary.COPY_TRAILER)))
            if plan.scans:
                await connection.execute(statements.INSERT_SCANS, _scan_arrays(plan.scans))

    async def _resolve(self, batches: list[Batch], pending: Sequence[int]) -> dict[int, Outcome | KycError]:
        """Which pending batches are recorded already or hold a taken claim; reload heads and positions."""
        connection = self._live()
        drafts = [draft for index in pending for draft in batches[index].drafts]
        cursor = await connection.execute(
            statements.EVENTS_BY_KEY,
            [pgbinary.int2s([d.lane for d in drafts]), pgbinary.uuids([d.key for d in drafts])],
            binary=True,
        )
        stored = {row.key: row for row in map(StoredEvent._make, await cursor.fetchall())}
        claims = [claim for index in pending for claim in batches[index].claims]
        taken: set[tuple[str, bytes]] = set()
        if claims:
            cursor = await connection.execute(
                statements.CLAIMS_TAKEN,
                [
                    pgbinary.int2s([claim.lane for claim in claims]),
                    pgbinary.texts([claim.kind for claim in claims]),
                    pgbinary.uuids([claim.key for claim in claims]),
                ],
                binary=True,
            )
            taken = {(kind, key) for kind, key in await cursor.fetchall()}
        self._planner.forget([draft.stream_id for draft in drafts])
        await self._load_positions()
        await self._load_heads([batches[index] for index in pending], also_new=True)
        known: dict[int, Outcome | KycError] = {}
        for index in pending:
            outcome = _known(batches[index], stored, taken)
            if outcome is not None:
                known[index] = outcome
        return known

    async def _load_heads(self, batches: Sequence[Batch], *, also_new: bool = False) -> None:
        missing = self._planner.unknown(batches)
        if also_new:
            missing.update({draft.stream_id: draft.lane for batch in batches for draft in batch.drafts})
        if not missing:
            return
        cursor = await self._live().execute(
            statements.HEADS,
            [pgbinary.int2s(list(missing.values())), pgbinary.uuids(list(missing))],
            binary=True,
        )
        rows = await cursor.fetchall()
        self._planner.set_heads({row[0]: Head(row[1], row[2], row[3]) for row in rows})

    async def _load_positions(self) -> None:
        cursor = await self._live().execute(statements.LAST_POSITIONS, [self._lanes], binary=True)
        self._planner.set_positions(dict(await cursor.fetchall()))

    async def _connect(self) -> None:
        try:
            self._connection = await AsyncConnection.connect(self._dsn, autocommit=True)
            pgbinary.register(self._connection)
            await self._connection.execute(statements.SERVICE_ROLE)
            await self._load_positions()
        except psycopg.Error as cause:
            raise translate(cause) from cause

    async def _reconnect(self, attempt: int) -> None:
        if self._connection is not None:
            await self._connection.close()
        await asyncio.sleep(min(2.0, 0.05 * 2**attempt))
        try:
            await self._connect()
        except StoreError:
            return  # the next attempt finds the connection closed and comes here again

    def _live(self) -> AsyncConnection[Any]:
        assert self._connection is not None, "the writer was not opened"
        return self._connection


def _lane(row: StoredEvent) -> int:
    return row.lane


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


def _scan_arrays(scans: Sequence[ScanRow]) -> list[Any]:
    return [
        pgbinary.int2s([scan.lane for scan in scans]),
        pgbinary.byteas([scan.commitment for scan in scans]),
        pgbinary.uuids([scan.data_key for scan in scans]),
        pgbinary.byteas([scan.digest for scan in scans]),
        pgbinary.byteas([scan.state for scan in scans]),
    ]


class Writer:
    """The synchronous face: a thread with an event loop around one :class:`GroupWriter`. Thread-safe."""

    def __init__(
        self, dsn: str, lanes: int, *, clock: Clock | None = None, limits: WriterLimits | None = None
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kyc-writer", daemon=True)
        self._thread.start()
        self._limits = limits or WriterLimits()
        try:
            self._writer = self._wait(_made(dsn, lanes, clock, self._limits))
        except BaseException:
            self._stop()
            raise

    def append(self, batches: Sequence[Batch]) -> list[Outcome | KycError]:
        """Record batches and wait; one outcome or error each, in their order."""
        return self.submit(batches).result()

    def submit(self, batches: Sequence[Batch]) -> Future[list[Outcome | KycError]]:
        """Record batches in the background. At most ``events_per_commit`` events belong into one call."""
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


async def _made(dsn: str, lanes: int, clock: Clock | None, limits: WriterLimits) -> GroupWriter:
    writer = GroupWriter(dsn, lanes, clock=clock, limits=limits)
    await writer.open()
    return writer
