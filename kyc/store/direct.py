"""The lone caller's path: a small append of one thread goes to the database on that thread, at once.

Two hops between threads cost a lone caller more than the database does. So where nobody is queued and nobody writes
the same lanes, the caller plans and writes by itself, under the same locks and with the same memory as the queue.
Whatever is not plain sailing (heads to load, a claim, a collision, a lost connection) is left to the queue, which
finds by the keys what was committed. Nothing here decides anything the queue does not decide alike.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg.pq import ConnStatus, ExecStatus

from kyc.logs import logger
from kyc.store import pgbinary, statements
from kyc.store.records import StoredEvent

ROWS_MAX: Final = 8
"""Larger appends gain nothing: the work outweighs the hops."""

_log = logger("writer")


class ShareLock:
    """Who may write a share of the lanes: tasks of one event loop wait for it, other threads only try."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[asyncio.Future[None]] = deque()

    def try_acquire(self) -> bool:
        """Take it if it is free; from any thread."""
        return self._lock.acquire(blocking=False)

    async def acquire(self) -> None:
        """Take it, waiting while another has it."""
        while not self.try_acquire():
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            if self.try_acquire():  # released before it could know of us
                return
            await waiter

    def release(self) -> None:
        """Give it back; from any thread."""
        self._lock.release()
        while self._waiting:
            waiter = self._waiting.popleft()
            waiter.get_loop().call_soon_threadsafe(_settle, waiter)


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class DirectSession:
    """A connection that one thread at a time writes a few rows through; connects when first used."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[Any] | None = None
        self._prepared: set[bytes] = set()

    def insert(self, rows: Sequence[StoredEvent]) -> bool:
        """One statement, one commit. False: not known to be recorded, ask the queue."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._dsn, autocommit=True)
                self._connection.execute(statements.SERVICE_ROLE)
            pgconn, statement = self._connection.pgconn, statements.insert_of(len(rows))
            if statement.name not in self._prepared:
                done = pgconn.prepare(statement.name, statement.text, statement.types)
                if done.status != ExecStatus.COMMAND_OK:
                    return self._left()
                self._prepared.add(statement.name)
            result = pgconn.exec_prepared(statement.name, pgbinary.event_parameters(rows), statement.formats)
        except psycopg.Error:
            return self._left()
        return result.status == ExecStatus.COMMAND_OK or self._left()

    def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._prepared.clear()

    def _left(self) -> bool:
        _log.debug("a direct append is left to the queue")
        if self._connection is not None and self._connection.pgconn.status != ConnStatus.OK:
            self.close()
        return False
