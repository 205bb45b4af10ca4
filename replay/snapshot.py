"""One unchanging view of a log's database for a long read, streamed with constant memory.

A table that cannot be read is said so once and skipped: an audit must get through a mutilated database.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from kyc.errors import ConfigurationError, StoreError, StoreUnavailableError
from kyc.store import statements
from kyc.store.database import Connection, Database

SQL: Final = statements.load("replay", "audit.sql")
ROWS_PER_FETCH: Final = 1_000
"""Rows per round trip of a streamed query; about 1 MB of events."""
_HEADER_LENGTH: Final = 19
"""Of a binary COPY: signature, flags, no extension; it comes with the first row, each other one comes alone."""
_TRAILER: Final = b"\xff\xff"
"""After the last row of a COPY: a column count of -1."""


class Snapshot:
    """A read-only transaction in which nothing changes."""

    def __init__(
        self, connection: Connection, origin: str, lanes: int, database: Database, exported: str = ""
    ) -> None:
        self.dsn = database.dsn
        self._database = database
        self._connection = connection
        self._cursors = 0
        self._exported = exported
        self.origin = origin
        self.lanes = lanes

    def stream(
        self, query: LiteralString, arguments: Sequence[Any] = (), rows_per_fetch: int = ROWS_PER_FETCH
    ) -> Generator[tuple[Any, ...], None, None]:
        """The rows of a query, a page in memory at a time."""
        self._cursors += 1
        with self._connection.cursor(f"audit_{self._cursors}") as cursor:
            cursor.itersize = rows_per_fetch
            cursor.execute(query, arguments, binary=True)
            yield from cursor

    def copied(self, query: LiteralString, arguments: Sequence[Any] = ()) -> Iterator[list[bytes]]:
        """The rows of a binary COPY, a page at a time; nothing else can be asked for here meanwhile.

        The server goes on reading while its rows are looked at, so the two cost no more time than the slower one.
        """
        with self._connection.cursor().copy(query, arguments) as copy:
            messages = map(bytes, copy)
            rows = chain((next(messages)[_HEADER_LENGTH:],), messages)
            while page := list(islice(rows, ROWS_PER_FETCH)):
                if page[-1] == _TRAILER:
                    page.pop()
                yield page

    @contextmanager
    def beside(self) -> Iterator[Snapshot]:
        """The same state over a connection of its own; exported before any attempt."""
        with snapshot(self._database, self.export()) as other:
            yield other

    def export(self) -> str:
        """A name by which other processes see the same, as long as this snapshot lives; not inside an attempt."""
        if not self._exported:
            self._exported = str(self.rows(SQL["export"])[0][0])
        return self._exported

    def rows(self, query: LiteralString, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        return self._connection.execute(query, arguments, binary=True).fetchall()

    @contextmanager
    def attempt(self, failed: list[str], what: str) -> Iterator[None]:
        """Note down ``what`` and the SQLSTATE where the database refuses a read; the snapshot lives on."""
        try:
            with self._connection.transaction():
                yield
        except (psycopg.Error, StoreError) as fault:
            cause = fault.__cause__ if isinstance(fault, StoreError) else fault  # translated: of a view beside
            lost = self._connection.closed or isinstance(fault, StoreUnavailableError)
            if lost or not isinstance(cause, psycopg.Error):
                raise
            failed.append(f"{what}: {cause.sqlstate or type(cause).__name__}")


@contextmanager
def snapshot(database: Database, exported: str = "") -> Iterator[Snapshot]:
    """A snapshot of the log; with a name the one that another process has exported.

    Raises:
        StoreUnavailableError: the database cannot be reached, or goes away.
        ConfigurationError: this is not the database of a log.
    """
    with database.connection() as connection, connection.transaction():
        connection.execute(SQL["snapshot"])
        if exported:
            connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(exported)))
        try:
            with connection.transaction():
                row = connection.execute(SQL["constants"]).fetchone()
        except psycopg.errors.UndefinedTable:
            row = None
        if row is None or not row[0] or not 1 <= row[1] <= 1024:
            raise ConfigurationError(
                "the database does not say which log it holds", field="kyc.log", remedy="name another database"
            )
        yield Snapshot(connection, row[0], row[1], database, exported)
