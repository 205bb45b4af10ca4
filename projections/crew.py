"""One run shared by several processes, each of which fills the same builds from lanes of its own.

Rows belong to streams and streams to lanes, so parts never meet; positions lie in the database, so whatever process
is killed, the next run goes on from where each lane stands. The one who calls divides the work, adds up progress
and answers; the others end when it does. Which builds are filled is the engine's business.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Collection, Mapping, Sequence
from multiprocessing import connection, get_context
from typing import Final, NamedTuple

from kyc import logs
from kyc.errors import KycError, StoreError
from kyc.keys.provider import open_provider
from kyc.store.database import Database
from kyc.store.log import EventLog
from projections.runner import Progress, Runner, Running

WORTHWHILE: Final = 100_000
"""Events below which the second that processes take to start is better spent working."""


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
    """Apply everything up to the heads with all hands; the number of events read.

    Raises:
        StoreError: a process died, or could not go on; what was applied stays, another run does the rest.
    """
    alone = Runner(log, running, lanes)
    left = alone.left()
    total = sum(left.values())
    if crew.processes < 2 or total < WORTHWHILE:
        return alone.run(progress)
    context = get_context("spawn")  # a fork would share our connections
    hands = []
    done: dict[connection.Connection, int] = {}
    try:
        for part in divided(left, crew.processes):
            ours, theirs = context.Pipe(duplex=False)
            hand = context.Process(
                target=_work, args=(theirs, log.database.dsn, crew.keys, tuple(running), part), daemon=True
            )
            hand.start()
            theirs.close()  # theirs alone, so that its end is noticed
            hands.append(hand)
            done[ours] = 0
        _follow(done, total, progress)
    finally:
        for hand in hands:
            hand.terminate()
            hand.join()
        for pipe in done:
            pipe.close()
    return sum(done.values())


def divided(left: Mapping[int, int], parts: int) -> list[list[int]]:
    """Lanes in at most ``parts`` groups with about as many events each; none is empty."""
    groups: list[tuple[int, list[int]]] = [(0, []) for _ in range(parts)]
    for lane in sorted(left, key=lambda lane: (-left[lane], lane)):
        groups.sort(key=lambda group: group[0])
        events, lanes = groups[0]
        groups[0] = events + left[lane], [*lanes, lane]
    return [sorted(lanes) for _, lanes in groups if lanes]


def _follow(done: dict[connection.Connection, int], total: int, progress: Progress | None) -> None:
    """Add up what the others say until each has said its last."""
    waiting = set(done)
    while waiting:
        for pipe in connection.wait(list(waiting)):
            assert isinstance(pipe, connection.Connection), "we wait for pipes only"
            try:
                told = pipe.recv()
            except EOFError:
                raise StoreError(
                    "a process of the run died", remedy="run it again: it goes on where it stood"
                ) from None
            if isinstance(told, KycError):
                raise told
            done[pipe] = told.done
            if told.last:
                waiting.remove(pipe)
            if progress is not None:
                progress(sum(done.values()), max(total, sum(done.values())))


def _work(
    tell: connection.Connection, dsn: str, keys: str, running: Sequence[Running], lanes: Collection[int]
) -> None:
    """What another process does: its part of the lanes, telling after each batch; it ends when nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who was interrupted ends us
    gc.set_threshold(200_000, 20, 100)  # as in the command line: large caches that hold no cycles
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
