"""One run shared by several processes, each of which fills the same builds from lanes of its own.

Rows belong to streams and streams to lanes, so parts never meet; positions lie in the database, so whatever process
is killed, the next run goes on from where each lane stands. The one who calls divides the work, does a part of it
from the first moment on, adds up progress and answers; the others end when it does. Which builds are filled is the
engine's business.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Collection, Mapping, Sequence
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from typing import Final, NamedTuple, Self

from kyc import logs
from kyc.errors import KycError, StoreError
from kyc.keys.provider import open_provider
from kyc.settings import GC_THRESHOLDS
from kyc.store.database import Database
from kyc.store.log import EventLog
from projections.runner import Progress, Runner, Running

WORTHWHILE: Final = 100_000
"""Events below which the second that processes take to start is better spent working."""
AHEAD: Final = 10_000
"""Events that we do before the others are awake."""


MOST: Final = 8
"""Processes at most, unless somebody asks for more: the database has other work."""


def usual() -> int:
    """How many processes share a run where nobody says: one for each processor we may use."""
    return min(len(os.sched_getaffinity(0)), MOST)


class Crew(NamedTuple):
    """How many processes share a run, and how each of them opens the keys."""

    processes: int
    keys: str
    """URI of the key provider."""


class _Told(NamedTuple):
    """What a process says after each batch: the events it has read so far, and whether that was all."""

    done: int
    last: bool


def run(
    log: EventLog, running: Sequence[Running], lanes: Collection[int] | None, crew: Crew, progress: Progress | None
) -> int:
    """Apply everything up to the heads with all hands, ours among them; the number of events read.

    Raises:
        StoreError: a process died, or could not go on; what was applied stays, another run does the rest.
    """
    alone = Runner(log, running, lanes)
    left = alone.left()
    if crew.processes < 2 or len(left) < 2 or sum(left.values()) < WORTHWHILE:
        return alone.run(progress)
    ours, *others = divided(left, crew.processes, AHEAD)
    with _Hands(log, running, crew, sum(left.values()), progress) as hands:
        for part in others:
            hands.start(part)
        Runner(log, running, ours).run(hands.told)
        hands.join()
        return hands.done


def divided(left: Mapping[int, int], parts: int, ahead: int = 0) -> list[list[int]]:
    """Lanes in at most ``parts`` groups of about as many events, ``ahead`` more in the first; none is empty."""
    loads = [-ahead] + [0] * (parts - 1)
    groups: list[list[int]] = [[] for _ in range(parts)]
    for lane in sorted(left, key=lambda lane: (-left[lane], lane)):
        least = loads.index(min(loads))
        groups[least].append(lane)
        loads[least] += left[lane]
    return [sorted(group) for group in groups if group]


class _Hands:
    """The other processes of a run, and how far all have come."""

    def __init__(
        self, log: EventLog, running: Sequence[Running], crew: Crew, total: int, progress: Progress | None
    ) -> None:
        self._arguments = log.database.dsn, crew.keys, tuple(running)
        self._total = total
        self._progress = progress
        self._ours = 0
        self._others: dict[connection.Connection, int] = {}
        self._waiting: set[connection.Connection] = set()
        self._processes: list[SpawnProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()
        for pipe in self._others:
            pipe.close()

    @property
    def done(self) -> int:
        """Events read by all."""
        return self._ours + sum(self._others.values())

    def start(self, part: Collection[int]) -> None:
        """Start another process on some lanes."""
        context = get_context("spawn")  # a fork would share our connections
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(theirs, *self._arguments, part), daemon=True)
        process.start()
        theirs.close()  # theirs alone, so that its end is noticed
        self._processes.append(process)
        self._others[ours] = 0
        self._waiting.add(ours)

    def told(self, done: int, _: int) -> None:
        """Our own progress; hears what the others have said meanwhile."""
        self._ours = done
        self._hear(0)

    def join(self) -> None:
        """Hear the others out."""
        while self._waiting:
            self._hear(None)

    def _hear(self, seconds: float | None) -> None:
        for pipe in connection.wait(list(self._waiting), seconds):
            assert isinstance(pipe, connection.Connection), "we wait for pipes only"
            try:
                told = pipe.recv()
            except EOFError:
                raise StoreError(
                    "a process of the run died", remedy="run it again: it goes on where it stood"
                ) from None
            if isinstance(told, KycError):
                raise told
            self._others[pipe] = told.done
            if told.last:
                self._waiting.remove(pipe)
        if self._progress is not None:
            self._progress(self.done, max(self._total, self.done))


def _work(
    tell: connection.Connection, dsn: str, keys: str, running: Sequence[Running], lanes: Collection[int]
) -> None:
    """What another process does: its part of the lanes, telling after each batch; it ends when nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who was interrupted ends us
    gc.set_threshold(*GC_THRESHOLDS)
    logs.configure(os.environ.get("KYC_LOG", "warning"))
    log = EventLog(Database(dsn), open_provider(keys))
    try:
        done = Runner(log, running, lanes).run(lambda done, _: tell.send(_Told(done, last=False)))
        tell.send(_Told(done, last=True))
    except KycError as error:
        error.__cause__ = None
        tell.send(error)
    except BrokenPipeError:
        pass
    finally:
        log.close()
