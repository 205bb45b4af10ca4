"""Rows that belong to streams, each under one data key: read for a batch, changed in memory, written back.

What an event changes depends on its own stream's rows alone, so it does not matter how events were cut into
batches; and a row is gone with its key. Which rows there are is each read model's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar, Final, Generic, LiteralString, NamedTuple, TypeVar

import msgspec
from psycopg import sql

from kyc.domain.calendar import Feb29, later, length
from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.keys.ring import DataKey
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.cells import decrypt, encrypt
from projections.projection import Tables

_SQL: Final = load("projections", "rows.sql")
_MONTH: Final = 31
"""Days of the longest."""


@dataclass(slots=True)
class Row:
    """A row under way; its fields are the columns of its table, in their order."""

    stream_id: bytes
    version: int
    """Of the event that made it."""
    data_key: bytes


R = TypeVar("R", bound=Row)
S = TypeVar("S", bound=msgspec.Struct)


class Table(NamedTuple, Generic[R]):
    """A table of such rows."""

    name: str
    kind: type[R]
    types: Sequence[str]
    """PostgreSQL's, of the columns."""


class Sheet(Generic[R]):
    """The rows of a batch's streams in one table."""

    def __init__(self, connection: Connection, tables: Tables, table: Table[R], streams: Sequence[bytes]) -> None:
        self._connection, self._tables, self._table = connection, tables, table
        self._streams = pgbinary.uuids(streams)
        statement = sql.SQL(_SQL["of_streams"]).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns(table.kind))), table=tables.name(table.name)
        )
        self.rows: dict[bytes, list[R]] = defaultdict(list)
        for found in connection.execute(statement, (self._streams,), binary=True).fetchall():
            self.rows[found[0]].append(table.kind(*found))
        self._read = bool(self.rows)

    def write(self) -> None:
        """Store the rows instead of those that were read."""
        if self._read:
            statement = sql.SQL(_SQL["forget"]).format(table=self._tables.name(self._table.name))
            self._connection.execute(statement, (self._streams,))
        names, arrays = columns(self._table.kind), [kind == "uuid[]" for kind in self._table.types]
        written = (
            [
                pgbinary.uuids(value) if packed else value
                for packed, value in zip(arrays, (getattr(row, name) for name in names), strict=True)
            ]
            for rows in self.rows.values()
            for row in rows
        )
        self._tables.copy(self._connection, self._table.name, self._table.types, written)


def columns(kind: type[Row]) -> tuple[str, ...]:
    """The names of a row's columns in their order."""
    return tuple(kind.__dataclass_fields__)


def streams_of(batch: Iterable[Recorded]) -> list[bytes]:
    """The streams of a batch, each once."""
    return list(dict.fromkeys(recorded.row.stream_id for recorded in batch))


def sweep(connection: Connection, tables: Tables, names: Iterable[str], since: int) -> int:
    """Remove the rows of some tables whose keys were destroyed from ``since`` on; how many."""
    statements = [sql.SQL(_SQL["sweep"]).format(table=tables.name(name)) for name in names]
    return sum(connection.execute(statement, (since,)).rowcount for statement in statements)


# --- registers: each event changes rows of its own stream, one after the other --------------------------


class Desk:
    """What one event may change: the rows of its stream, under its own key."""

    def __init__(self, log: EventLog, recorded: Recorded, key: DataKey, sheets: Mapping[str, Sheet[Any]]) -> None:
        self.log, self.row, self._key, self._sheets = log, recorded.row, key, sheets

    def of(self, table: Table[R]) -> list[R]:
        """The stream's rows in a table under this event's key: what other keys protect is not known."""
        return [row for row in self._rows(table) if row.data_key == self.row.data_key]

    def add(self, table: Table[R], *values: Any) -> R:
        """A new row, which the caller may go on filling."""
        row = table.kind(self.row.stream_id, self.row.version, self.row.data_key, *values)
        self._rows(table).append(row)
        return row

    def begin(self, table: Table[R], *values: Any) -> R:
        """The only row of a stream; what is left of an earlier one is disposed of."""
        self._rows(table).clear()
        return self.add(table, *values)

    def drop(self, table: Table[R], which: Callable[[R], bool]) -> None:
        """Some rows of the stream are no more."""
        rows = self._rows(table)
        rows[:] = [row for row in rows if not which(row)]

    def seal(self, content: msgspec.Struct, part: int = 0) -> bytes:
        """The encrypted cell of a row that this event makes."""
        return seal(self._key, self.row.stream_id, self.row.version, content, part)

    def stream(self, kind: str, key: str) -> bytes:
        """The id of another stream."""
        return self.log.stream_id(StreamName(kind, key))

    def _rows(self, table: Table[R]) -> list[R]:
        rows: list[R] = self._sheets[table.name].rows[self.row.stream_id]
        return rows


class Register:
    """A read model that is nothing but such rows."""

    schema: ClassVar[LiteralString]
    sheets: ClassVar[tuple[Table[Any], ...]]
    changes: ClassVar[Mapping[type[Event], Callable[[Desk, Any], object]]]

    @property
    def tables(self) -> tuple[str, ...]:
        """Its tables, the main one first."""
        return tuple(table.name for table in self.sheets)

    @property
    def topics(self) -> frozenset[str]:
        """The events that change a row."""
        return frozenset(kind.TOPIC for kind in self.changes)

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Fold the batch onto the rows of its streams; what a destroyed key protected leaves with the sweep."""
        streams = streams_of(batch)
        sheets = {table.name: Sheet(connection, tables, table, streams) for table in self.sheets}
        keys = log.ring.opening([recorded.row.data_key for recorded in batch])
        for recorded in batch:
            key = keys[recorded.row.data_key]
            if recorded.event is not None and key is not None:
                self.changes[type(recorded.event)](Desk(log, recorded, key, sheets), recorded.event)
        for sheet in sheets.values():
            sheet.write()

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove the rows under destroyed keys."""
        return sweep(connection, tables, self.tables, since)


# --- encrypted cells ------------------------------------------------------------------------------------


def seal(key: DataKey, stream: bytes, version: int, content: msgspec.Struct, part: int = 0) -> bytes:
    """The encrypted cell of a row, or of one of several that an event makes."""
    return encrypt(key, _context(stream, version, part), _encode(content))


def unseal(
    log: EventLog,
    kind: type[S],
    cells: Sequence[tuple[bytes, int, bytes, bytes]],
    parts: Sequence[int] | None = None,
) -> list[S | None]:
    """The contents of cells, given as (stream, version, data key, cell); None where the key is destroyed."""
    keys = log.ring.opening([cell[2] for cell in cells])
    decode = msgspec.json.Decoder(kind).decode
    found: list[S | None] = []
    for (stream, version, data_key, cell), part in zip(cells, parts or [0] * len(cells), strict=True):
        key = keys[data_key]
        found.append(None if key is None else decode(decrypt(key, _context(stream, version, part), cell)))
    return found


def _context(stream: bytes, version: int, part: int) -> bytes:
    return stream + version.to_bytes(8, "big") + (part.to_bytes(2, "big") if part else b"")


_encode: Final = msgspec.json.Encoder(order="sorted", decimal_format="string").encode


# --- terms ----------------------------------------------------------------------------------------------


class Term(NamedTuple):
    """A period as SQL adds it to a day; months None: no such rule, and no day."""

    months: int | None
    days: int

    @classmethod
    def of(cls, period: str | None) -> Term:
        """The term of a period of years to days."""
        if period is None:
            return cls(None, 0)
        found = length(period)
        return cls(found.months, found.days)


def last_start(on: date, period: str | None, feb29: Feb29 = "28-feb") -> date | None:
    """The last day from which a period is over by ``on``: where an index is read up to."""
    if period is None:
        return None
    term = length(period)
    start = on - timedelta(days=term.months * _MONTH + term.days + 1)
    while later(start + timedelta(days=1), period, feb29) <= on:
        start += timedelta(days=1)
    return start


def later_sql(start: str, months: str, days: str, leap: str) -> sql.Composed:
    """The expression for the day a term after ``start``; its parts are columns or ``%(named)s`` parameters."""
    parts = {"start": start, "months": months, "days": days, "leap": leap}
    return sql.SQL(_SQL["later"]).format(**{name: sql.SQL(part) for name, part in parts.items()})
