"""The engine: batches in lane order, exactly once, one read and one decryption for all projections.

Rows and position move in one transaction that first locks the position rows, so a crash repeats nothing and two
engines cannot both apply a batch. A projection that fails is stopped, its event is named in ``kyc_read.failure``,
and the others go on. Readers' positions are dense lane positions; nothing here locks or waits for writers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from kyc.domain.submission import Receipt
from kyc.errors import KycError, NotFoundError, StoreError
from kyc.evidence.header import Context
from kyc.logs import logger
from kyc.store.database import Connection
from kyc.store.errors_pg import translated
from kyc.store.log import EventLog, Recorded, context_of
from kyc.store.records import StoredEvent
from projections.projection import Projection, Tables
from projections.registry import PROJECTIONS

PAGE: Final = 5_000
"""Events of a lane applied in one transaction."""
BESIDE: Final = "__beside"
"""Suffix of tables and positions of a rebuild under way."""
_log = logger("projections")
Progress = Callable[[int, int], None]
_FAULTS: Final = (KycError, psycopg.Error, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
"""What a projection's own code may raise on an event it cannot take."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a projection stands: events behind the log, and why it stopped if it did."""

    name: str
    version: int
    events: int
    behind: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A finished rebuild. ``equal``: whether its rows were those of the replaced tables, row for row.

    None where the two stood at different positions and cannot be compared.
    """

    name: str
    digest: str
    equal: bool | None


class Engine:
    """Runs projections over one log."""

    def __init__(self, log: EventLog, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self._log = log
        self._projections = {projection.name: projection for projection in projections}
        self._tables = Tables()

    def catch_up(self, progress: Progress | None = None) -> int:
        """Apply everything that is committed now; the number of events read. Stopped projections are tried again.

        ``progress(done, total)`` is told after each batch. Projections of another version are rebuilt first.
        """
        for name in self._outdated():
            self.rebuild(name)
        with self._log.database.connection() as connection:
            connection.execute("delete from kyc_read.failure")
        return self._follow(self._projections, self._tables, progress)

    def rebuild(self, name: str, progress: Progress | None = None) -> Rebuilt:
        """Fill a projection anew beside the live one and swap.

        Appends and reads go on meanwhile. The digest covers every row and column, whatever their order.

        Raises:
            NotFoundError: no such projection.
            StoreError: the rebuild failed; the live tables are untouched.
        """
        projection = self._projections.get(name)
        if projection is None:
            raise NotFoundError("no such projection", field="name", rule=", ".join(sorted(self._projections)))
        beside = Tables(BESIDE)
        with translated(), psycopg.connect(self._log.database.dsn, autocommit=True) as owner:
            self._prepare(owner, projection)
        self._follow({f"{name}{BESIDE}": projection}, beside, progress)
        with self._log.database.connection() as connection:
            failed = connection.execute(
                "select error, field from kyc_read.failure where projection = %s", (f"{name}{BESIDE}",)
            ).fetchone()
        if failed is not None:
            raise StoreError(f"the rebuild stopped: {failed[0]}", field=failed[1], remedy="kyc doctor")
        with translated(), psycopg.connect(self._log.database.dsn) as owner:
            return self._swap(owner, projection)

    def digest(self, name: str) -> str:
        """The digest of the live rows of a projection."""
        with self._log.database.connection() as connection:
            return _digest(connection, self._projections[name].name, self._tables)

    def status(self) -> list[Status]:
        """Where every projection stands."""
        heads = self._log.reader.positions()
        with self._log.database.connection() as connection:
            failures = dict(
                connection.execute("select projection, error || coalesce(': ' || field, '') from kyc_read.failure")
                .fetchall()
            )  # fmt: skip
            positions = {name: _positions(connection, name) for name in self._projections}
        return [
            Status(
                name, projection.version, sum(positions[name].values()),
                sum(heads.values()) - sum(positions[name].values()), failures.get(name),
            )
            for name, projection in self._projections.items()
        ]  # fmt: skip

    def wait_for(self, receipts: Sequence[Receipt], timeout: float = 10.0) -> bool:
        """Whether every projection has seen these events within ``timeout`` seconds: read your writes."""
        deadline = time.monotonic() + timeout
        while True:
            with self._log.database.connection() as connection:
                seen = [_positions(connection, name) for name in self._projections]
            if all(at.get(receipt.lane, 0) >= receipt.position for at in seen for receipt in receipts):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)

    def _follow(self, running: Mapping[str, Projection], tables: Tables, progress: Progress | None) -> int:
        running = dict(running)
        heads = self._log.reader.positions()
        with self._log.database.connection() as connection:
            at = {name: _positions(connection, name) for name in running}
        total = sum(heads.values()) - min((sum(vector.values()) for vector in at.values()), default=0)
        done = 0
        for lane, head in heads.items():
            while running and (start := min(at[name].get(lane, 0) for name in running)) < head:
                rows = self._log.reader.page(lane, start, min(PAGE, head - start))
                self._apply(running, tables, lane, rows, at)
                done += len(rows)
                if progress is not None:
                    progress(done, total)
        return done

    def _apply(
        self,
        running: dict[str, Projection],
        tables: Tables,
        lane: int,
        rows: Sequence[StoredEvent],
        at: dict[str, dict[int, int]],
    ) -> None:
        """Apply a page to all running projections; one that fails is taken out and the page tried again."""
        wanted = frozenset().union(*(projection.topics for projection in running.values()))
        chosen = [row for row in rows if context_of(row).topic in wanted]
        revealed = self._revealed(chosen)
        while running:
            try:
                with self._log.database.connection() as connection, connection.transaction():
                    for name in sorted(running):
                        at[name][lane] = _claim(connection, name, lane)
                    for name, projection in running.items():
                        self._one(connection, name, projection, tables, revealed, at[name][lane])
                    for name in running:
                        at[name][lane] = max(at[name][lane], rows[-1].position)
                        connection.execute(
                            "update kyc_read.position set position = %s where projection = %s and lane = %s",
                            (at[name][lane], name, lane),
                        )
                return
            except _StoppedError as stopped:
                del running[stopped.name]
                self._note(stopped, lane)

    def _one(
        self,
        connection: Connection,
        name: str,
        projection: Projection,
        tables: Tables,
        revealed: Sequence[Recorded],
        position: int,
    ) -> None:
        batch = [
            recorded
            for recorded in revealed
            if recorded.row.position > position and recorded.context.topic in projection.topics
        ]
        for recorded in batch:
            if isinstance(recorded, _Damaged):
                raise _StoppedError(name, recorded.row, recorded.cause) from recorded.cause
        if not batch:
            return
        try:
            projection.apply(connection, self._log, tables, batch)
        except _FAULTS as cause:
            raise _StoppedError(name, self._culprit(projection, tables, batch), cause) from cause

    def _culprit(self, projection: Projection, tables: Tables, batch: Sequence[Recorded]) -> StoredEvent:
        """The first event that cannot be applied: found by trying them one by one in a transaction rolled back."""
        with self._log.database.connection() as probe:
            for recorded in batch:
                try:
                    with probe.transaction(force_rollback=True):
                        projection.apply(probe, self._log, tables, [recorded])
                except _FAULTS:
                    return recorded.row
        return batch[0].row

    def _revealed(self, rows: Sequence[StoredEvent]) -> list[Recorded]:
        """Typed events; a damaged one is marked, so that only the projections that want it stop."""
        try:
            return self._log.reveal(rows)
        except KycError:
            result: list[Recorded] = []
            for row in rows:
                try:
                    result += self._log.reveal([row])
                except KycError as cause:
                    result.append(_Damaged(row, context_of(row), cause))
            return result

    def _note(self, stopped: _StoppedError, lane: int) -> None:
        cause = stopped.cause
        message = cause.message if isinstance(cause, KycError) else type(cause).__name__
        _log.error("stopped", projection=stopped.name, error=message, lane=lane, position=stopped.row.position)
        place = f"event {UUID(bytes=stopped.row.stream_id)} version {stopped.row.version}"
        with self._log.database.connection() as connection:
            connection.execute(
                "insert into kyc_read.failure values (%s, %s, %s, %s, %s, %s) on conflict (projection) do update"
                " set lane = excluded.lane, position = excluded.position, error = excluded.error,"
                " field = excluded.field, failed_at = excluded.failed_at",
                (stopped.name, lane, stopped.row.position, message, place, self._log.clock.now_us()),
            )

    def _outdated(self) -> list[str]:
        with self._log.database.connection() as connection:
            known = dict(connection.execute("select projection, version from kyc_read.version").fetchall())
            for name, projection in self._projections.items():
                if name not in known:
                    connection.execute(
                        "insert into kyc_read.version values (%s, %s) on conflict do nothing",
                        (name, projection.version),
                    )
        return [name for name, p in self._projections.items() if known.get(name, p.version) != p.version]

    def _prepare(self, owner: Connection, projection: Projection) -> None:
        live, beside = self._tables.name(projection.name), Tables(BESIDE).name(projection.name)
        owner.execute("delete from kyc_read.failure where projection = %s", (f"{projection.name}{BESIDE}",))
        if owner.execute("select to_regclass(%s)", (beside.as_string(),)).fetchone() != (None,):
            return  # a killed rebuild goes on where it stood
        with owner.transaction():
            owner.execute("delete from kyc_read.position where projection = %s", (f"{projection.name}{BESIDE}",))
            owner.execute(sql.SQL("create table {} (like {} including all)").format(beside, live))
            owner.execute(sql.SQL("grant select, insert, update, delete on {} to kyc_service").format(beside))

    def _swap(self, owner: Connection, projection: Projection) -> Rebuilt:
        """Exchange the tables under the lock of both positions."""
        name, beside = projection.name, f"{projection.name}{BESIDE}"
        owner.execute(
            "select from kyc_read.position where projection = any (%s) order by projection, lane for update",
            ([name, beside],),
        )
        digest, live_digest = (_digest(owner, name, tables) for tables in (Tables(BESIDE), self._tables))
        same_place = _positions(owner, name) == _positions(owner, beside)
        live = self._tables.name(projection.name)
        owner.execute(sql.SQL("drop table {}").format(live))
        owner.execute(
            sql.SQL("alter table {} rename to {}").format(
                Tables(BESIDE).name(projection.name), sql.Identifier(projection.name)
            )
        )
        owner.execute("delete from kyc_read.position where projection = %s", (name,))
        owner.execute("update kyc_read.position set projection = %s where projection = %s", (name, beside))
        owner.execute(
            "insert into kyc_read.version values (%s, %s) on conflict (projection) do update"
            " set version = excluded.version",
            (name, projection.version),
        )
        owner.commit()
        return Rebuilt(name, digest, digest == live_digest if same_place else None)


class _Damaged(Recorded):
    """An event that could not be revealed, and why."""

    cause: KycError

    def __init__(self, row: StoredEvent, context: Context, cause: KycError) -> None:
        super().__init__(row, context, None)
        object.__setattr__(self, "cause", cause)


class _StoppedError(Exception):
    """A projection cannot apply an event."""

    def __init__(self, name: str, row: StoredEvent, cause: Exception) -> None:
        super().__init__(name)
        self.name, self.row, self.cause = name, row, cause


def _positions(connection: Connection, name: str) -> dict[int, int]:
    return dict(
        connection.execute("select lane, position from kyc_read.position where projection = %s", (name,)).fetchall()
    )


def _claim(connection: Connection, name: str, lane: int) -> int:
    """The position of a projection in a lane, locked until the end of the transaction."""
    connection.execute("insert into kyc_read.position values (%s, %s, 0) on conflict do nothing", (name, lane))
    row = connection.execute(
        "select position from kyc_read.position where projection = %s and lane = %s for update", (name, lane)
    ).fetchone()
    assert row is not None
    return int(row[0])


def _digest(connection: Connection, table: str, tables: Tables) -> str:
    """An order-free digest of all rows: the sum of their hashes, and their number."""
    row = connection.execute(
        tables.statement(
            "select count(*), coalesce(sum(('x' || substr(encode(sha256(convert_to(t::text, 'UTF8')), 'hex'),"
            " 1, 15))::bit(60)::bigint), 0) from {table} t",
            table,
        )
    ).fetchone()
    assert row is not None
    return f"{row[0]}:{int(row[1]):x}"
