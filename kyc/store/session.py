"""One connection of the writer and what it says to the database. Knows statements, not policy.

Small commits go out as one prepared statement straight through libpq, one statement for each number of rows: the
driver's general path costs more than the work of a lone event. Large ones are copied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from kyc.store import pgbinary, statements
from kyc.store.plan import Plan
from kyc.store.records import ClaimRow, Draft, Head, ScanRow, StoredEvent

_SLICE: Final = 500
"""Rows packed at a time, about half a megabyte: the server takes one slice while we pack the next."""


class Session:
    """An autocommit connection of the service's role. Errors are psycopg's own: the writer judges them."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._prepared: set[bytes] = set()
        self._answer: asyncio.Future[None] | None = None
        """What waits for the server to say something."""
        self._watched: int | None = None
        """The socket, where the loop watches it for us; a lost connection forgets its number."""
        self._lost: psycopg.OperationalError | None = None

    @classmethod
    async def open(cls, dsn: str) -> Session:
        """Connect and give up the owner's power."""
        connection = await AsyncConnection.connect(dsn, autocommit=True)
        pgbinary.register(connection)
        await connection.execute(statements.SERVICE_ROLE)
        return cls(connection)

    async def close(self) -> None:
        """Disconnect."""
        await self._driver().close()

    async def insert(self, plan: Plan, rows: Sequence[StoredEvent]) -> bool:
        """One statement, one commit, one round trip. False: a stream relied on has moved, nothing was written."""
        if not plan.claims and not plan.scans and not plan.relied:
            await self._insert_rows(rows)
            return True
        columns = list(zip(*rows, strict=True))
        events = [
            pgbinary.int8s(columns[0]), pgbinary.int8s(columns[1]), pgbinary.int8s(columns[2]),
            pgbinary.int2s(columns[3]), pgbinary.uuids(columns[4]), pgbinary.uuids(columns[5]),
            pgbinary.uuids(columns[6]), *(pgbinary.byteas(column) for column in columns[7:]),
        ]  # fmt: skip
        claims = [
            pgbinary.int2s([claim.lane for claim, _, _ in plan.claims]),
            pgbinary.texts([claim.kind for claim, _, _ in plan.claims]),
            pgbinary.uuids([claim.key for claim, _, _ in plan.claims]),
            pgbinary.uuids([stream for _, stream, _ in plan.claims]),
            pgbinary.int8s([version for _, _, version in plan.claims]),
        ]
        cursor = await self._driver().execute(
            statements.INSERT_ALL,
            [*events, *_relied_arrays(plan.relied), *claims, *_scan_arrays(plan.scans)],
            prepare=True,
        )
        written = await cursor.fetchone()
        return written is not None and written[0] == len(rows)

    async def copy(self, plan: Plan, rows: Sequence[StoredEvent]) -> bool:
        """One transaction of COPY: the bulk path. False: a stream relied on has moved, nothing was written."""
        claims = [pgbinary.claim_row(*claim) for claim in plan.claims]
        async with self._driver().transaction():
            if plan.relied and await self._fetch(statements.MOVED, _relied_arrays(plan.relied)):
                return False
            async with self._connection.cursor().copy(statements.COPY_EVENTS) as copy:
                await copy.write(pgbinary.COPY_SIGNATURE)
                for at in range(0, len(rows), _SLICE):
                    await copy.write(b"".join(pgbinary.event_rows(rows[at : at + _SLICE])))
                await copy.write(pgbinary.COPY_TRAILER)
            if claims:
                async with self._connection.cursor().copy(statements.COPY_CLAIMS) as copy:
                    await copy.write(b"".join((pgbinary.COPY_SIGNATURE, *claims, pgbinary.COPY_TRAILER)))
            if plan.scans:
                await self._driver().execute(statements.INSERT_SCANS, _scan_arrays(plan.scans))
        return True

    async def stored(self, drafts: Sequence[Draft]) -> dict[bytes, StoredEvent]:
        """Idempotency key → the event that was recorded under it."""
        rows = await self._fetch(
            statements.EVENTS_BY_KEY,
            [pgbinary.int2s([draft.lane for draft in drafts]), pgbinary.uuids([draft.key for draft in drafts])],
        )
        return {row.key: row for row in map(StoredEvent._make, rows)}

    async def taken(self, claims: Sequence[ClaimRow]) -> set[tuple[str, bytes]]:
        """(kind, key) of the claims that are taken."""
        if not claims:
            return set()
        rows = await self._fetch(
            statements.CLAIMS_TAKEN,
            [
                pgbinary.int2s([claim.lane for claim in claims]),
                pgbinary.texts([claim.kind for claim in claims]),
                pgbinary.uuids([claim.key for claim in claims]),
            ],
        )
        return {(kind, key) for kind, key in rows}

    async def heads(self, streams: Mapping[bytes, int]) -> dict[bytes, Head]:
        """Heads of streams (id → lane); streams without events are left out."""
        rows = await self._fetch(
            statements.HEADS, [pgbinary.int2s(list(streams.values())), pgbinary.uuids(list(streams))]
        )
        return {row[0]: Head(row[1], row[2], row[3]) for row in rows}

    async def positions(self, lanes: int) -> dict[int, int]:
        """Lane → its last position."""
        return dict(await self._fetch(statements.LAST_POSITIONS, [lanes]))

    async def _fetch(self, statement: Any, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        cursor = await self._driver().execute(statement, arguments, binary=True)
        return await cursor.fetchall()

    async def _insert_rows(self, rows: Sequence[StoredEvent]) -> None:
        pgconn, statement = self._connection.pgconn, statements.insert_of(len(rows))
        if statement.name not in self._prepared:
            pgconn.send_prepare(statement.name, statement.text, statement.types)
            await self._result()
            self._prepared.add(statement.name)
        pgconn.send_query_prepared(statement.name, pgbinary.event_parameters(rows), statement.formats)
        await self._result()

    async def _result(self) -> None:
        """Wait for the answer of what was sent.

        The driver's waiter makes a task and a timer for each wait, which costs more than a lone event's own work.
        """
        pgconn, loop = self._connection.pgconn, asyncio.get_running_loop()
        while pgconn.flush():
            await _writable(pgconn.socket)
        while pgconn.is_busy():
            if self._watched is None:  # and go on watching: a commit's two system calls are saved
                self._watched = pgconn.socket
                loop.add_reader(self._watched, self._readable)
            self._answer = loop.create_future()
            await self._answer
            if self._lost is not None:
                raise self._lost
        error: psycopg.Error | None = None
        while (result := pgconn.get_result()) is not None:  # to the end, or the next statement would find it busy
            if result.status == ExecStatus.FATAL_ERROR:
                error = error_from_result(result)
        if error is not None:
            raise error
        if self._connection.closed:
            raise psycopg.OperationalError("the connection is lost")

    def _driver(self) -> AsyncConnection[Any]:
        """The connection for what the driver says and waits for by itself: it watches the socket on its own."""
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None
        return self._connection

    def _readable(self) -> None:
        """Take what came, or the socket would be readable for ever."""
        try:
            self._connection.pgconn.consume_input()
        except psycopg.OperationalError as cause:
            self._lost = cause
            self._driver()
        if self._answer is not None:
            _settle(self._answer)


async def _writable(socket: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(socket, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_writer(socket)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _relied_arrays(relied: Mapping[bytes, tuple[int, int]]) -> list[Any]:
    return [
        pgbinary.int2s([lane for lane, _ in relied.values()]),
        pgbinary.uuids(list(relied)),
        pgbinary.int8s([version for _, version in relied.values()]),
    ]


def _scan_arrays(scans: Sequence[ScanRow]) -> list[Any]:
    return [
        pgbinary.int2s([scan.lane for scan in scans]),
        pgbinary.byteas([scan.commitment for scan in scans]),
        pgbinary.uuids([scan.data_key for scan in scans]),
        pgbinary.byteas([scan.digest for scan in scans]),
        pgbinary.byteas([scan.state for scan in scans]),
    ]
