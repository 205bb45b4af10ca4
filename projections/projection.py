"""What a read model is: the topics it wants, the tables it fills, and how a batch of events changes them.

A projection writes through a :class:`Tables`, which names its tables: the live ones, or those of a rebuild that is
filled beside them. It keeps no state of its own, opens no transaction and reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from psycopg import sql

from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded

SCHEMA = "kyc_read"


class Tables:
    """The tables of one projection, live or beside."""

    def __init__(self, suffix: str = "") -> None:
        self.suffix = suffix

    def name(self, table: str) -> sql.Identifier:
        """The qualified name of a table."""
        return sql.Identifier(SCHEMA, f"{table}{self.suffix}")

    def statement(self, text: str, table: str) -> sql.Composed:
        """A statement with its table filled in at ``{table}``."""
        return sql.SQL(text).format(table=self.name(table))

    def copy(self, connection: Connection, table: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert many rows, columns in the order of the table."""
        statement = self.statement("copy {table} from stdin (format binary)", table)
        with connection.cursor().copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


class Projection(Protocol):
    """A read model."""

    @property
    def name(self) -> str:
        """Stable name; also the name of its main table."""
        ...

    @property
    def version(self) -> int:
        """Raised whenever the same events would give other rows: a deploy then rebuilds."""
        ...

    @property
    def topics(self) -> frozenset[str]:
        """Topics it wants; others are not even decrypted for it."""
        ...

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Write what a batch changes, set-based, inside the caller's transaction.

        Events of a lane come in order. A disposed one has ``event`` None. Applied twice to fresh tables, the same
        events give the same rows.
        """
        ...
