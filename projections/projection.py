"""What a read model is: the topics it wants, the tables it fills, and how a batch of events changes them.

A projection writes through :class:`Tables`, which names the tables of one build: those being read, or those of a
rebuild that is filled beside them. It keeps no state of its own, opens no transaction and reads no clock. Which
events it gets, and when, is the engine's business (:mod:`projections.engine`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString, Protocol

from psycopg import sql
from psycopg.types.string import BytesBinaryDumper

from kyc.errors import NotFoundError, StoreError
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded

SCHEMA: Final = "kyc_read"
_UNDEFINED_TABLE: Final = "42P01"


_ON_THE_WIRE: Final = {"uuid": "bytea", "uuid[]": "bytea"}
"""Raw and packed bytes go out as they are: the driver knows how to do that for bytea."""


class Tables:
    """The tables of one build of a read model."""

    def __init__(self, build: int) -> None:
        self.build = build
        self._suffix = f"_b{build}"

    def name(self, table: str) -> sql.Identifier:
        """The qualified name of a table."""
        return sql.Identifier(SCHEMA, table + self._suffix)

    def fill(self, text: LiteralString) -> bytes:
        """A statement with ``{b}`` behind the names of its tables filled in."""
        return text.replace("{b}", self._suffix).encode()

    def copy(self, connection: Connection, table: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert rows, columns as in the table, uuids as 16 raw bytes, uuid[] packed; of none nothing."""
        rows = iter(rows)
        first = next(rows, None)
        if first is None:
            return
        cursor = connection.cursor()
        cursor.adapters.register_dumper(bytes, BytesBinaryDumper)
        statement = sql.SQL("copy {} from stdin (format binary)").format(self.name(table))
        with cursor.copy(statement) as copy:
            copy.set_types([_ON_THE_WIRE.get(kind, kind) for kind in types])
            copy.write_row(first)
            for row in rows:
                copy.write_row(row)


class Projection(Protocol):
    """A read model."""

    @property
    def name(self) -> str:
        """Stable name; also the name of the view on its main table."""
        ...

    @property
    def version(self) -> int:
        """Raised whenever the same events would give other rows: a deploy then rebuilds."""
        ...

    @property
    def topics(self) -> frozenset[str]:
        """Topics it wants; others are not even decrypted for it."""
        ...

    @property
    def tables(self) -> Sequence[str]:
        """Its tables; each has a view of its name."""
        ...

    @property
    def schema(self) -> LiteralString:
        """The DDL of its tables, with ``{b}`` behind every name of a table or index."""
        ...

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Write what a batch changes, set-based, inside the caller's transaction.

        Events of a lane come in order, each once. A disposed one has ``event`` None. Rows belong to streams: what
        an event changes must not depend on events of other lanes, nor on how events were cut into batches.
        """
        ...

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what keys destroyed from ``since`` on (microseconds) protected; the number of rows changed.

        Afterwards rows are what a rebuild would make of the same log. Sweeping twice is harmless.
        """
        ...


@contextmanager
def reading(log: EventLog) -> Iterator[Connection]:
    """A connection for queries on read models.

    Raises:
        NotFoundError: the read model was never built; an empty answer would be a lie.
        StoreError: the database refuses.
    """
    try:
        with log.database.connection() as connection:
            yield connection
    except StoreError as error:
        if error.rule == _UNDEFINED_TABLE:
            raise NotFoundError("this read model is not built yet", remedy="kyc project") from error
        raise
