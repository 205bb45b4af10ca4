"""Connections of the service: every one gives up the owner's power and speaks our binary forms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from kyc.store import pgbinary, statements
from kyc.store.errors_pg import translated

Connection = psycopg.Connection[Any]


class Database:
    """A bounded pool of service connections, all autocommit. Opened lazily; thread-safe."""

    def __init__(self, dsn: str, *, connections: int = 8) -> None:
        self.dsn = dsn
        self._pool = ConnectionPool(
            dsn,
            min_size=0,
            max_size=connections,
            kwargs={"autocommit": True},
            configure=_configure,
            check=ConnectionPool.check_connection,  # a restarted server costs a round trip, not an error
            open=False,
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection of the service's role.

        Raises:
            StoreUnavailableError: no connection within the pool's timeout.
            StoreError: the database refused a statement inside the block.
        """
        with translated():
            if self._pool.closed:
                self._pool.open()
            with self._pool.connection() as connection:
                yield connection

    def close(self) -> None:
        """Return all connections."""
        self._pool.close()

    def lanes(self) -> int:
        """The number of lanes of this log, chosen when it was created."""
        return int(self._constant("select lanes from kyc.log"))

    def origin(self) -> str:
        """The origin line of this log's checkpoints."""
        return str(self._constant("select origin from kyc.log"))

    def _constant(self, query: Any) -> Any:
        with self.connection() as connection:
            row = connection.execute(query).fetchone()
        assert row is not None, "migrate() writes the row"
        return row[0]


def _configure(connection: Connection) -> None:
    pgbinary.register(connection)
    connection.execute(statements.SERVICE_ROLE)
