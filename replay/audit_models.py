"""Step 9 of an audit: read models and search digests are what the log gives, row by row.

Each read model is filled anew from the log, up to where its live rows stand, in scratch tables of a transaction
that is rolled back; both are swept, so that keys destroyed meanwhile make no difference, and compared. Following
and rebuilding go on beside it. A row that differs is named by its table and key, which are digests and places.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from kyc.errors import StoreError
from kyc.store.database import Connection
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import builds, feed
from projections.builds import Build
from projections.feed import Damaged
from projections.projection import SCHEMA, Projection, Tables
from projections.registry import PROJECTIONS
from projections.runner import FAULTS, PAGE
from replay.findings import Kind, Place, Report

SQL: Final = load("replay", "audit_models.sql")
_MARGIN: Final = 3_600_000_000
"""Microseconds by which the sweep begins earlier than the last one: clocks differ."""
_SCRATCH: Final = 1_000_000_000
"""Builds from here on are nobody's: the number of the session makes them ours."""


def check_models(log: EventLog, report: Report) -> None:
    """Hold every read model against the log, and say which were compared."""
    for projection in PROJECTIONS:
        with _scratch(log) as connection:
            _Comparison(log, connection, report, projection).run()


@contextmanager
def _scratch(log: EventLog) -> Iterator[Connection]:
    """A transaction that sees one state of the rows, may write, and leaves nothing behind."""
    with log.database.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute(SQL["steady"])
        yield connection


class _Comparison:
    """One read model."""

    def __init__(self, log: EventLog, connection: Connection, report: Report, projection: Projection) -> None:
        self._log = log
        self._connection = connection
        self._report = report
        self._projection = projection

    def run(self) -> None:
        """Compare, or say why not."""
        name = self._projection.name
        live = next((one for one in builds.known(self._connection) if one.projection == name and one.live), None)
        if live is None or live.version != self._projection.version:
            self._report.not_proved.append(f"that read model {name} agrees with the log: it is not built")
            return
        (session,) = self._connection.execute(SQL["session"]).fetchone() or (0,)
        fresh, copy = Tables(_SCRATCH + session), Tables(_SCRATCH + session + 500_000_000)
        self._connection.execute(fresh.fill(self._projection.schema))
        try:
            read, behind = self._fill(live, fresh)
        except (StoreError, psycopg.Error):
            raise
        except FAULTS:
            self._report.not_proved.append(f"that read model {name} agrees with the log: an event cannot be opened")
            return
        self._copy(live, copy)
        if builds.digest(self._connection, self._projection, fresh.build) != builds.digest(
            self._connection, self._projection, copy.build
        ):
            for table in self._projection.tables:
                self._differences(table, fresh, copy)
        self._report.counts["models"] += 1
        self._report.counts["models_read"] += read
        if behind:
            self._report.not_proved.append(f"that read model {name} knows the newest {behind} events: it is behind")

    def _fill(self, live: Build, fresh: Tables) -> tuple[int, int]:
        """Apply what the live rows have read; (events read, events they have not read)."""
        found = self._connection.execute(SQL["positions"], (live.projection, live.build)).fetchall()
        positions, heads, read = dict(found), self._log.reader.positions(), 0
        for lane, position in sorted(positions.items()):
            for after in range(0, position, PAGE):
                page = feed.read(self._log, lane, after, min(PAGE, position - after), self._projection.topics)
                for recorded in page.events:
                    if isinstance(recorded, Damaged):
                        raise recorded.cause
                if page.events:
                    self._projection.apply(self._connection, self._log, fresh, page.events)
            read += position
        return read, sum(heads.values()) - read

    def _copy(self, live: Build, copy: Tables) -> None:
        """The live rows, without what destroyed keys protected."""
        for table in self._projection.tables:
            statement = sql.SQL("create table {} as select * from {}")
            self._connection.execute(statement.format(copy.name(table), Tables(live.build).name(table)))
        (since,) = self._connection.execute(SQL["swept_to"], (live.projection, live.build)).fetchone() or (0,)
        self._projection.sweep(self._connection, copy, max(0, since - _MARGIN))

    def _differences(self, table: str, fresh: Tables, copy: Tables) -> None:
        """Name the rows of a table that differ."""
        named = f"{SCHEMA}.{table}_b{fresh.build}"
        keys = [sql.Identifier(column) for (column,) in self._connection.execute(SQL["key"], (named,))]
        statement = sql.SQL(SQL["differences"]).format(
            key=sql.SQL(", ").join(keys), fresh=fresh.name(table), copy=copy.name(table)
        )
        for key, ours, theirs in self._connection.execute(statement, (self._report.limit,)):
            expected = "the row that the log gives" if ours else "no such row"
            found = "another row" if ours and theirs else "a row" if theirs else "nothing"
            self._report.add(Kind.MODEL_WRONG, Place(item=f"read model {table} row {key}"), expected, found)
