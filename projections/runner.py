"""Applying batches: rows and positions of all running builds move in one transaction, which locks the positions.

So a crash repeats nothing, and a second engine waits, sees that the batch is done and goes on behind it. A
projection that fails on an event stops in that event's lane, just before it; everybody else goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import psycopg

from kyc.errors import KycError, StoreError
from kyc.logs import logger
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from projections import feed
from projections.builds import SQL
from projections.feed import Damaged, Page
from projections.projection import Projection, Tables

PAGE: Final = 5_000
"""Events applied in one transaction, of one lane or of several."""
Progress = Callable[[int, int], None]
"""``progress(done, total)`` in events, told after each batch."""
FAULTS: Final = (
    KycError, psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError, psycopg.NotSupportedError,
    ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip
"""What a projection's own code may raise on an event it cannot take. Lost servers, deadlocks and full disks are not
the event's fault: they end the run, and the next one goes on from the same position."""
_log = logger("projections")


class StaleError(StoreError):
    """A build is gone: another engine swapped in a newer one."""


class Running(NamedTuple):
    """A projection and the build that it fills."""

    projection: Projection
    build: int

    @property
    def key(self) -> tuple[str, int]:
        """What its positions are stored under."""
        return self.projection.name, self.build


Place = tuple[str, int, int]
"""Projection, build, lane."""


class Runner:
    """Fills some builds from some lanes."""

    def __init__(self, log: EventLog, running: Sequence[Running], lanes: Collection[int] | None = None) -> None:
        self._log = log
        self._running = tuple(running)
        self._lanes = lanes
        self.heads: Mapping[int, int] = {}
        self.at: dict[Place, int] = {}
        self._stopped: set[Place] = set()
        self.look()

    def look(self) -> None:
        """Learn where the lanes end and the builds stand now; what was stopped stays so."""
        heads = self._log.reader.positions()
        chosen = sorted(heads if self._lanes is None else self._lanes)
        self.heads = {lane: heads[lane] for lane in chosen}
        with self._log.database.connection() as connection:
            self._load(connection.execute(SQL["positions"], self._keys()).fetchall(), self.heads)

    def left(self) -> dict[int, int]:
        """Lane → events between where the last build stands and its head."""
        return {lane: head - self._start(lane) for lane, head in self.heads.items()}

    def run(self, progress: Progress | None = None) -> int:
        """Apply everything up to the heads; the number of events read."""
        done, total = 0, sum(self.left().values())
        for batch in self._batches():
            self.apply(batch)
            done += sum(page.through - page.after for page in batch)
            if progress is not None:
                progress(done, max(total, done))
        return done

    def step(self) -> int:
        """Apply one batch; the number of events read, 0 where there is nothing to do."""
        for batch in self._batches():
            self.apply(batch)
            return sum(page.through - page.after for page in batch)
        return 0

    def apply(self, batch: Sequence[Page]) -> None:
        """Apply a batch to all builds; one that fails is taken out, and stopped at the event at fault."""
        failing: set[Running] = set()
        while True:
            try:
                with self._log.database.connection() as connection, connection.transaction():
                    # A crash of the server may take the last batches back, rows and positions alike.
                    connection.execute(SQL["unhurried"])
                    self._claim(connection, [page.lane for page in batch])
                    self._write(connection, [one for one in self._running if one not in failing], batch)
                break
            except _FailingError as failed:
                failing.add(failed.running)
        for one in self._running:
            for page in batch if one in failing else ():
                self._isolate(one, page)

    def hold(self, connection: Connection) -> None:
        """Keep everybody else from moving these builds until the end of the caller's transaction."""
        self._claim(connection, self.heads)

    def level(self, connection: Connection, running: Sequence[Running]) -> None:
        """Bring some of the builds to where the furthest of all stands, and hold them there.

        Raises:
            StoreError: one of them cannot be brought there.
        """
        self.hold(connection)
        self.heads = {lane: max(self.at[*one.key, lane] for one in self._running) for lane in self.heads}
        self._running = tuple(running)
        try:
            for batch in self._batches():
                self._write(connection, self._running, batch)
        except _FailingError as failed:
            raise StoreError(
                "a projection cannot take an event", field=failed.running.projection.name, remedy="kyc doctor"
            ) from failed.cause

    # --- reading --------------------------------------------------------------------------------

    def _batches(self) -> Iterator[list[Page]]:
        batch: list[Page] = []
        room = PAGE
        for lane, head in self.heads.items():
            read = 0
            while (start := max(read, self._start(lane))) < head:
                page = self._page(lane, start, min(room, head - start))
                read = page.through
                batch.append(page)
                room -= page.through - page.after
                if room <= 0:
                    yield batch
                    batch, room = [], PAGE
        if batch:
            yield batch

    def _page(self, lane: int, after: int, count: int) -> Page:
        topics: frozenset[str] = frozenset().union(*(one.projection.topics for one in self._going(lane)))
        return feed.read(self._log, lane, after, count, topics)

    def _start(self, lane: int) -> int:
        """The least position of the builds that go on in a lane; its head where none does."""
        return min((self.at[*one.key, lane] for one in self._going(lane)), default=self.heads.get(lane, 0))

    def _going(self, lane: int) -> list[Running]:
        return [one for one in self._running if (*one.key, lane) not in self._stopped]

    # --- writing --------------------------------------------------------------------------------

    def _write(self, connection: Connection, running: Sequence[Running], batch: Sequence[Page]) -> None:
        moved: list[tuple[str, int, int, int]] = []
        for one in running:
            events: list[Recorded] = []
            for page in batch:
                place = (*one.key, page.lane)
                if place in self._stopped or self.at[place] >= page.through:
                    continue
                assert self.at[place] >= page.after, "positions only move forward"
                events += self._wanted(one, page)
                moved.append((*place, page.through))
            _apply(connection, self._log, one, events)
        self._move(connection, moved)

    def _wanted(self, one: Running, page: Page) -> list[Recorded]:
        position = self.at[*one.key, page.lane]
        wanted = page.of(one.projection.topics)
        return wanted if position <= page.after else [one for one in wanted if one.row.position > position]

    def _isolate(self, one: Running, page: Page) -> None:
        """Apply what a projection can take of a page, and stop it before the first event that it cannot."""
        place = (*one.key, page.lane)
        with self._log.database.connection() as connection, connection.transaction():
            self._claim(connection, [page.lane])
            if place in self._stopped or self.at[place] >= page.through:
                return
            culprit = _first_fault(connection, self._log, one, self._wanted(one, page))
            self._move(connection, [(*place, page.through if culprit is None else culprit[0].row.position - 1)])
            if culprit is not None:
                self._note(connection, place, *culprit)
                self._stopped.add(place)

    def _note(self, connection: Connection, place: Place, recorded: Recorded, cause: Exception) -> None:
        row, message = recorded.row, cause.message if isinstance(cause, KycError) else type(cause).__name__
        _log.error("stopped", projection=place[0], error=message, lane=row.lane, position=row.position)
        connection.execute(
            SQL["fail"],
            (
                *place, row.position, UUID(bytes=row.stream_id), row.version, recorded.context.topic, message,
                self._log.clock.now_us(),
            ),
        )  # fmt: skip

    # --- positions ------------------------------------------------------------------------------

    def _keys(self) -> tuple[list[str], list[int]]:
        return [one.projection.name for one in self._running], [one.build for one in self._running]

    def _claim(self, connection: Connection, lanes: Collection[int]) -> None:
        """Lock the positions of all builds in some lanes, and learn where they really stand."""
        chosen = sorted(set(lanes))
        self._load(connection.execute(SQL["claim"], (*self._keys(), chosen)).fetchall(), chosen)

    def _load(self, rows: Sequence[tuple[str, int, int, int]], lanes: Collection[int]) -> None:
        found = {(name, build, lane): position for name, build, lane, position in rows if lane in lanes}
        if len(found) != len(self._running) * len(lanes):
            raise StaleError
        self.at.update(found)

    def _move(self, connection: Connection, moved: Sequence[tuple[str, int, int, int]]) -> None:
        if moved:
            connection.execute(SQL["move"], [list(column) for column in zip(*moved, strict=True)])
            self.at.update({(name, build, lane): position for name, build, lane, position in moved})


class _FailingError(Exception):
    """A projection cannot apply a batch."""

    def __init__(self, running: Running, cause: Exception) -> None:
        super().__init__(running.projection.name)
        self.running, self.cause = running, cause


def _apply(connection: Connection, log: EventLog, one: Running, events: Sequence[Recorded]) -> None:
    """Hand events to a projection.

    Raises:
        _FailingError: it cannot take them, or one of them could not be revealed.
    """
    if not events:
        return
    try:
        for recorded in events:
            if isinstance(recorded, Damaged):
                raise recorded.cause
        one.projection.apply(connection, log, Tables(one.build), events)
    except StoreError:
        raise
    except FAULTS as cause:
        raise _FailingError(one, cause) from cause


def _first_fault(
    connection: Connection, log: EventLog, one: Running, events: Sequence[Recorded]
) -> tuple[Recorded, Exception] | None:
    """Apply events up to the first that cannot be applied, found by halving; that event and its fault, or None."""
    try:
        with connection.transaction():
            _apply(connection, log, one, events)
    except _FailingError as failed:
        if len(events) == 1:
            return events[0], failed.cause
        half = len(events) // 2
        return _first_fault(connection, log, one, events[:half]) or _first_fault(
            connection, log, one, events[half:]
        )
    return None
