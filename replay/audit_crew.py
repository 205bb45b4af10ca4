"""An audit shared by several processes: each walks lanes of its own in the same snapshot and reports to the first.

Chains end within their lane, so parts never meet; leaves go into one file, each at its place. The first process
does a part of its own, then hears the others out; when it ends, they end.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from typing import Final, NamedTuple

from kyc import logs
from kyc.errors import KycError, StoreError
from kyc.keys.provider import open_provider
from kyc.settings import GC_THRESHOLDS
from kyc.store.database import Database
from kyc.store.log import EventLog
from projections.crew import divided
from replay.audit_events import Walk
from replay.audit_keys import OpeningCheck
from replay.audit_since import Start
from replay.findings import Report
from replay.leaves import Leaves
from replay.snapshot import Snapshot, snapshot

WORTHWHILE: Final = 50_000
"""Events below which the second that processes take to start is better spent working."""
_AHEAD: Final = 10_000
"""Events that we do before the others are awake."""
Told = Callable[[int], None]


class Hands(NamedTuple):
    """How many processes share an audit, and how each opens the data keys; empty: without keys."""

    processes: int
    keys: str
    worthwhile: int = WORTHWHILE


class _Part(NamedTuple):
    """What another process needs to do its part."""

    dsn: str
    exported: str
    leaves: str
    bound: int
    limit: int
    lanes: Sequence[int]


@contextmanager
def shared(
    hands: Hands | None, view: Snapshot, leaves: Leaves, report: Report, lanes: Mapping[int, int], told: Told
) -> Iterator[tuple[Sequence[int], Told]]:
    """Gives the caller's own lanes and whom to tell of progress; at the end the others' findings are in the report.

    Raises:
        StoreError: a process died, or could not read.
    """
    total = sum(lanes.values())
    if hands is None or hands.processes < 2 or total < hands.worthwhile:
        yield sorted(lanes), told
        return
    ours, *others = divided(lanes, hands.processes, min(_AHEAD, total // 2))
    part = _Part(view.dsn, view.export(), leaves.path, leaves.bound, report.limit, ())
    crew = _Crew(told)
    try:
        for chosen in others:
            crew.start(part._replace(lanes=chosen), hands.keys)
        yield ours, crew.told
        crew.join(report, leaves)
    finally:
        crew.close()


class _Crew:
    """The other processes of an audit, and how far all have come."""

    def __init__(self, told: Told) -> None:
        self._tell = told
        self._ours = 0
        self._others: dict[connection.Connection, int] = {}
        self._reports: list[tuple[Report, int]] = []
        self._waiting: set[connection.Connection] = set()
        self._processes: list[SpawnProcess] = []

    def start(self, part: _Part, keys: str) -> None:
        """Start another process."""
        context = get_context("spawn")  # a fork would share our connections
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(theirs, part, keys), daemon=True)
        process.start()
        theirs.close()  # theirs alone, so that its end is noticed
        self._processes.append(process)
        self._others[ours] = 0
        self._waiting.add(ours)

    def told(self, done: int) -> None:
        """Our own progress; hears what the others have said meanwhile."""
        self._ours = done
        self._hear(0)

    def join(self, report: Report, leaves: Leaves) -> None:
        """Hear the others out, and take over what they found."""
        while self._waiting:
            self._hear(None)
        for found, end in self._reports:
            report.merge(found)
            leaves.end = max(leaves.end, end)
        report.findings.sort(key=lambda one: (one.place.lane is None, one.place.lane or 0))

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.terminate()
            process.join()
        for pipe in self._others:
            pipe.close()

    def _hear(self, seconds: float | None) -> None:
        for pipe in connection.wait(list(self._waiting), seconds):
            assert isinstance(pipe, connection.Connection), "we wait for pipes only"
            try:
                said = pipe.recv()
            except EOFError:
                raise StoreError("a process of the verification died", remedy="verify again") from None
            if isinstance(said, KycError):
                raise said
            if isinstance(said, int):
                self._others[pipe] = said
            else:
                self._reports.append(said)
                self._waiting.remove(pipe)
        self._tell(self._ours + sum(self._others.values()))


def _work(tell: connection.Connection, part: _Part, keys: str) -> None:
    """What another process does: its lanes, telling how far it is; it ends when nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who was interrupted ends us
    gc.set_threshold(*GC_THRESHOLDS)
    logs.configure(os.environ.get("KYC_LOG", "warning"))
    database = Database(part.dsn)
    leaves, report = Leaves(part.bound, part.leaves), Report(limit=part.limit)
    try:
        log = EventLog(database, open_provider(keys)) if keys else None
        with snapshot(database, part.exported) as view, database.connection() as fresh:
            openings = OpeningCheck(
                view, Snapshot(fresh, view.origin, view.lanes, database), report,
                log.ring if log else None, log.blinder if log else None,
            )  # fmt: skip
            Walk(view, report, leaves, openings, tell.send, Start()).lanes(part.lanes)
        tell.send((report, leaves.end))
    except KycError as error:
        error.__cause__ = None
        tell.send(error)
    except BrokenPipeError:
        pass
    finally:
        leaves.close()
        database.close()
