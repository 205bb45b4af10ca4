"""The engine: read models kept up to date, rebuilt beside the live ones, swept; where they stand, and waiting.

Batches are applied in lane order, exactly once, read and decrypted once for all (:mod:`projections.runner`).
Positions are dense lane positions, so nothing here locks or waits for writers. Several engines may run at once, on
the same lanes (harmless) or each on its own (faster).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from threading import Event
from typing import Any, Final

from psycopg.errors import UniqueViolation

from kyc.domain.submission import Receipt
from kyc.errors import NotFoundError, StoreError
from kyc.store.database import Connection
from kyc.store.log import EventLog
from projections import builds, crew
from projections.builds import SQL, Build
from projections.crew import Crew
from projections.projection import Projection, Tables
from projections.registry import PROJECTIONS
from projections.runner import Progress, Runner, Running, StaleError

_PAUSES: Final = (0.005, 0.05)
"""Seconds between two looks while waiting: at first, at most."""
BULK: Final = 100_000
"""Events before a new build from which on its indexes wait until it is full."""
_FINISHED: Final = 3
"""Builds that are indexed, compared and swapped at a time: each takes two connections of the pool."""
_ROUND: Final = 60.0
"""Seconds between two attempts at what failed, and between two sweeps, while following."""
_MARGIN: Final = 3_600_000_000
"""Microseconds that sweeps overlap: a key may be destroyed by a clock behind ours, or linger in another's cache."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a projection stands."""

    name: str
    version: int
    """Of this program; ``built`` is what the live rows were made by, 0 where there are none."""
    built: int
    events: int
    behind: int
    """Events of the log not read yet."""
    lag: int
    """Microseconds since the oldest of them was recorded."""
    failure: str | None
    """What stopped it, and where, if anything."""
    rebuilding: bool

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A finished rebuild. ``equal``: whether its rows were those of the replaced build, row for row.

    None where there is nothing to compare: another version, or a live build that stands before a failure.
    """

    name: str
    digest: str
    equal: bool | None


class Engine:
    """Runs projections over one log, with ``hands`` in several processes of this machine."""

    def __init__(
        self, log: EventLog, projections: Sequence[Projection] = PROJECTIONS, hands: Crew | None = None
    ) -> None:
        self._log = log
        self._projections = {projection.name: projection for projection in projections}
        self._hands = hands

    # --- following ------------------------------------------------------------------------------

    def run_once(self, lanes: Collection[int] | None = None) -> int:
        """Apply one batch of what is committed; the number of events read, 0 where there is nothing to do."""
        return self._with_builds(lambda live: Runner(self._log, live, lanes).step())

    def catch_up(self, progress: Progress | None = None, lanes: Collection[int] | None = None) -> int:
        """Apply everything that is committed now, and sweep; the number of events read.

        What stopped is tried again. Projections of another version are rebuilt first. ``lanes`` are all, or this
        process's part of them.

        Raises:
            StoreError: the database does not answer, or a rebuild failed.
        """
        done = self._with_builds(lambda live: self._fill(live, lanes, progress))
        self.sweep()
        return done

    def follow(self, stop: Event) -> int:
        """Apply what is committed as it comes, until ``stop`` is set; the number of events read.

        What failed is tried again every minute, destroyed keys are swept, and builds that another engine swapped in
        are taken over.

        Raises:
            StoreError: the database does not answer.
        """
        done = 0
        while not stop.is_set():
            with suppress(StaleError):
                for read in _followed(Runner(self._log, self._live()), stop):
                    done += read
            self.sweep()
        return done

    def sweep(self) -> int:
        """Remove what destroyed keys protected from the live read models; the number of rows changed."""
        changed = 0
        for one in self._live():
            with suppress(StaleError):  # what took its place was swept as it did
                changed += self._sweep(one)
        return changed

    # --- rebuilding -----------------------------------------------------------------------------

    def rebuild(self, name: str, progress: Progress | None = None) -> Rebuilt:
        """Fill a projection anew beside the live one and swap; appends and reads go on meanwhile.

        Killed, whichever of its processes, it goes on where it stood when called again. The digest covers every
        row and column.

        Raises:
            NotFoundError: no such projection.
            StoreError: the rebuild failed; the live tables are untouched.
        """
        (rebuilt,) = self.rebuild_together([name], progress)
        return rebuilt

    def rebuild_together(self, names: Sequence[str], progress: Progress | None = None) -> list[Rebuilt]:
        """Rebuild several projections with one read and one decryption of the log, and swap one after the other.

        Raises:
            NotFoundError: no such projection.
            StoreError: one failed; the others are finished, its live tables are untouched.
        """
        chosen = [self._known(name) for name in dict.fromkeys(names)]
        self._install()
        beside = [Running(projection, self._prepare(projection)) for projection in chosen]
        self._fill(beside, None, progress)
        at_once = min(self._hands.processes, _FINISHED) if self._hands is not None else 1
        with ThreadPoolExecutor(at_once) as waiting:  # for the database, which does the work
            finished = [waiting.submit(self._finish, one) for one in beside]
        return [one.result() for one in finished]

    def _finish(self, beside: Running) -> Rebuilt:
        """Take what was recorded meanwhile, and swap."""
        name = beside.projection.name
        self._index(beside)
        Runner(self._log, [beside]).run()
        self._sweep(beside)
        failure = self._failures().get(beside.key)
        if failure is not None:
            raise StoreError("the rebuild stopped", field=name, rule=failure, remedy="kyc doctor")
        with self._log.database.connection() as connection:
            with connection.transaction():
                rebuilt = self._swap(connection, beside)
            with connection.transaction():
                for one in builds.locked(connection, name):
                    if one.build < beside.build:
                        builds.remove(connection, one)
        return rebuilt

    def digest(self, name: str) -> str:
        """The digest of the live rows of a projection.

        Raises:
            NotFoundError: no such projection.
        """
        projection = self._known(name)
        self._install()
        with self._log.database.connection() as connection, connection.transaction():
            live = {one.projection: one for one in builds.known(connection) if one.live}
            return builds.digest(connection, projection, live[name].build)

    # --- knowing --------------------------------------------------------------------------------

    def status(self) -> list[Status]:
        """Where every projection stands. Reads only."""
        heads = self._log.reader.positions()
        failures = self._failures()
        with self._log.database.connection() as connection:
            found = builds.known(connection)
            live = {one.projection: one for one in found if one.live}
            vectors = _vectors(connection, [one for one in live.values() if one.projection in self._projections])
            return [
                self._status(
                    connection, projection, live.get(name), vectors.get(name, {}), heads, failures=failures,
                    rebuilding=any(one.projection == name and not one.live for one in found),
                )
                for name, projection in self._projections.items()
            ]  # fmt: skip

    def wait_for(
        self, receipts: Sequence[Receipt] | Mapping[int, int], timeout: float = 10.0, names: Collection[str] = ()
    ) -> bool:
        """Whether projections have seen these events, or positions by lane, within ``timeout`` seconds.

        ``names`` are all where none is given. This is how a caller reads its own writes.
        """
        wanted: dict[int, int] = {}
        for lane, position in (
            receipts.items() if isinstance(receipts, Mapping) else [(r.lane, r.position) for r in receipts]
        ):
            wanted[lane] = max(position, wanted.get(lane, 0))
        chosen = [self._known(name).name for name in names or self._projections]
        deadline, pause = time.monotonic() + timeout, _PAUSES[0]
        while True:
            with self._log.database.connection() as connection:
                live = [one for one in builds.known(connection) if one.live and one.projection in chosen]
                vectors = _vectors(connection, live)
            if len(vectors) == len(chosen) and all(
                vector.get(lane, 0) >= position for vector in vectors.values() for lane, position in wanted.items()
            ):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(pause * 2, _PAUSES[1])

    # --- inside ---------------------------------------------------------------------------------

    def _fill(self, running: Sequence[Running], lanes: Collection[int] | None, progress: Progress | None) -> int:
        """Apply everything up to the heads, alone or with all hands; the number of events read."""
        if self._hands is not None:
            return crew.run(self._log, running, lanes, self._hands, progress)
        return Runner(self._log, running, lanes).run(progress)

    def _known(self, name: str) -> Projection:
        projection = self._projections.get(name)
        if projection is None:
            raise NotFoundError("no such projection", field="name", rule=", ".join(sorted(self._projections)))
        return projection

    def _with_builds(self, work: Callable[[list[Running]], int]) -> int:
        """Do something with the live builds; again, however often, where another engine swapped one meanwhile."""
        tried: list[Running] | None = None
        while (live := self._live()) != tried:
            tried = live
            with suppress(StaleError):
                return work(live)
        raise StoreError("a read model has no position in some lane", rule="one in each", remedy="kyc rebuild")

    def _live(self) -> list[Running]:
        """The live builds this program may fill: those of its own versions, older ones rebuilt, full ones indexed.

        A newer program's builds are left to it, so that two versions side by side do not undo each other's work.
        """
        self._install()
        with self._log.database.connection() as connection:
            versions = {one.projection: one.version for one in builds.known(connection) if one.live}
        if old := [name for name, one in self._projections.items() if versions[name] < one.version]:
            self.rebuild_together(old)
        with self._log.database.connection() as connection:
            found = [one for one in builds.known(connection) if one.live and one.projection in self._projections]
        ours = [one for one in found if one.version == self._projections[one.projection].version]
        live = [Running(self._projections[one.projection], one.build) for one in ours]
        bare = [running for running, one in zip(live, ours, strict=True) if not one.indexed]
        if bare and sum(Runner(self._log, bare).left().values()) < BULK:
            for one in bare:
                self._index(one)
        return live

    def _install(self) -> None:
        """Make the first build of every projection that has none."""
        with self._log.database.connection() as connection:
            found = {one.projection for one in builds.known(connection)}
            missing = [projection for name, projection in self._projections.items() if name not in found]
            indexed = not missing or self._short()
            for projection in missing:
                with suppress(UniqueViolation), connection.transaction():  # another engine may be first
                    builds.create(connection, projection, 1, self._log.lanes, live=True, indexed=indexed)

    def _prepare(self, projection: Projection) -> int:
        """The number of the build to fill: one begun before by the same version, or a new one."""
        with self._log.database.connection() as connection, connection.transaction():
            found = builds.locked(connection, projection.name)
            live = next(one.build for one in found if one.live)
            for one in found:
                if one.build > live and one.version == projection.version:
                    return one.build
                if not one.live:
                    builds.remove(connection, one)
            fresh = max(one.build for one in found) + 1
            return builds.create(connection, projection, fresh, self._log.lanes, indexed=self._short()).build

    def _short(self) -> bool:
        """Whether the log is so short that rows may as well enter their indexes one by one."""
        return sum(self._log.reader.positions().values()) < BULK

    def _index(self, one: Running) -> None:
        """Make the indexes of a build, unless it has them; whoever fills it waits."""
        with self._log.database.connection() as connection, connection.transaction():
            found = builds.locked(connection, one.projection.name)  # before positions, as everywhere
            if any(made.build == one.build and not made.indexed for made in found):
                Runner(self._log, [one]).hold(connection)
                builds.index(connection, one.projection, one.build)

    def _swap(self, connection: Connection, beside: Running) -> Rebuilt:
        """Bring both builds to the same positions, compare them, and show the new one: in one transaction."""
        projection = beside.projection
        old = next(one for one in builds.locked(connection, projection.name) if one.live)
        if old.build >= beside.build:  # another engine swapped it in already
            return Rebuilt(projection.name, builds.digest(connection, projection, beside.build), None)
        replaced = Running(projection, old.build)
        comparable = old.version == projection.version and replaced.key not in self._failures()
        runner = Runner(self._log, [beside, replaced])
        runner.level(connection, [beside, replaced] if comparable else [beside])
        equal = None
        self._sweep_held(connection, beside)
        digest = builds.digest(connection, projection, beside.build)
        if comparable:
            self._sweep_held(connection, replaced)
            equal = builds.digest(connection, projection, old.build) == digest
        builds.show(connection, projection, beside.build, hiding=old)
        return Rebuilt(projection.name, digest, equal)

    def _sweep(self, one: Running) -> int:
        with self._log.database.connection() as connection, connection.transaction():
            if _destroyed_to(connection) is None:
                return 0  # no key ever was: nothing to lock for
            builds.locked(connection, one.projection.name)  # before positions, as everywhere
            Runner(self._log, [one]).hold(connection)
            return self._sweep_held(connection, one)

    def _sweep_held(self, connection: Connection, one: Running) -> int:
        """Sweep a build whose positions the caller holds, so that nobody fills it meanwhile."""
        to = _destroyed_to(connection)
        if to is None:
            return 0
        (since,) = connection.execute(SQL["swept_to"], one.key).fetchone() or (0,)
        changed = one.projection.sweep(connection, Tables(one.build), max(0, since - _MARGIN))
        connection.execute(SQL["swept"], (to, *one.key))
        return changed

    def _failures(self) -> dict[tuple[str, int], str]:
        """The first failure of each build that has any, in words that name the event and nothing personal."""
        found: dict[tuple[str, int], str] = {}
        with self._log.database.connection() as connection:
            for name, build, lane, position, stream, version, topic, error in connection.execute(SQL["failures"]):
                found.setdefault(
                    (name, build), f"{error}: {topic}, event {stream} version {version}, lane {lane} at {position}"
                )
        return found

    def _status(
        self, connection: Connection, projection: Projection, live: Build | None, vector: Mapping[int, int],
        heads: Mapping[int, int], *, failures: Mapping[tuple[str, int], str], rebuilding: bool,
    ) -> Status:  # fmt: skip
        late = {lane: vector.get(lane, 0) for lane, head in heads.items() if vector.get(lane, 0) < head}
        nexts = list(late), [position + 1 for position in late.values()]
        (since,) = (connection.execute(SQL["waiting_since"], nexts).fetchone() if late else None) or (None,)
        return Status(
            projection.name,
            projection.version,
            live.version if live else 0,
            sum(vector.values()),
            sum(heads[lane] - position for lane, position in late.items()),
            0 if since is None else max(0, self._log.clock.now_us() - since),
            failures.get((projection.name, live.build)) if live else None,
            rebuilding,
        )


def _followed(runner: Runner, stop: Event) -> Iterator[int]:
    """Apply what comes for a while; the number of events read, time after time."""
    pause, end = _PAUSES[0], time.monotonic() + _ROUND
    while not stop.is_set() and time.monotonic() < end:
        runner.look()
        read = runner.run()
        yield read
        if read:
            pause = _PAUSES[0]
        else:
            stop.wait(pause)
            pause = min(pause * 2, _PAUSES[1])


def _destroyed_to(connection: Connection) -> int | None:
    """When the last data key was destroyed; None: none was."""
    (to,) = connection.execute(SQL["destroyed_to"]).fetchone() or (None,)
    return to


def _vectors(connection: Connection, live: Sequence[Build]) -> dict[str, dict[int, int]]:
    """Projection → lane → position of these builds."""
    found: dict[str, dict[int, int]] = {one.projection: {} for one in live}
    keys = [one.projection for one in live], [one.build for one in live]
    for name, _, lane, position in connection.execute(SQL["positions"], keys):
        found[name][lane] = position
    return found
