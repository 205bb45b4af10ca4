"""Many callers, one ledger: whatever arrived while the last round was admitted is the next round. No timer.

One thread owns the ledger, so that its states are folded once and no lock is taken. The event loop hands it lines;
it parses, admits and answers them. A lone caller's line is a round by itself; under load a round holds the lines of
many requests, which share one commit. A round is begun before the last one is on disk where somebody is waiting.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from kyc.domain import fact
from kyc.domain.fact import Submission
from kyc.domain.submission import Receipt
from kyc.errors import BusyError, KycError
from kyc.ledger import Ledger, Round
from kyc.logs import logger
from kyc.service import facts
from kyc.service.limits import ServiceLimits
from kyc.service.problem import CrowdedError

IN_FLIGHT: Final = 2
"""Rounds begun and not finished: one is written while the next is admitted."""
Line = bytes | msgspec.Raw

_log = logger("pump")


class Taken(NamedTuple):
    """What became of one line: its key, where it could be read, and receipts or the reason of refusal."""

    key: str
    answer: tuple[Receipt, ...] | KycError


class _Request(NamedTuple):
    lines: Sequence[Line]
    actor: str
    branch: str
    roles: frozenset[str]
    answer: asyncio.Future[list[Taken]]


class _Flight(NamedTuple):
    requests: list[_Request]
    read: list[Submission | KycError]
    round: Round


class Pump:
    """The queue in front of the ledger. Made and used on one event loop; the thread is its own."""

    def __init__(self, ledger: Ledger, limits: ServiceLimits) -> None:
        self._ledger = ledger
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._callers: Counter[str] = Counter()
        self.waiting = 0
        """Lines handed in and not answered."""
        self._closed = False
        self._flights: deque[_Flight] = deque()
        self._thread = threading.Thread(target=self._run, name="kyc-ledger")
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether lines are taken."""
        return self._thread.is_alive() and not self._closed

    async def take(self, lines: Sequence[Line], actor: str, branch: str, roles: frozenset[str]) -> list[Taken]:
        """Record lines of the wire form; what became of each, in their order.

        Raises:
            BusyError: the queue is full, or the service is stopping.
            CrowdedError: this caller alone has too much in it.
            StoreUnavailableError: the database is out of reach; retry with the same keys.
        """
        if self._closed or (self.waiting and self.waiting + len(lines) > self._limits.queue_items):
            raise BusyError(rule=f"at most {self._limits.queue_items} submissions wait", remedy="try again later")
        if self._callers[actor] >= self._limits.caller_requests:
            raise CrowdedError(
                rule=f"at most {self._limits.caller_requests} requests of one caller", remedy="wait for answers"
            )
        answer: asyncio.Future[list[Taken]] = self._loop.create_future()
        self._callers[actor] += 1
        self.waiting += len(lines)
        self._inbox.put(_Request(lines, actor, branch, roles, answer))
        try:
            return await answer
        finally:
            self.waiting -= len(lines)
            self._callers[actor] -= 1
            if not self._callers[actor]:
                del self._callers[actor]

    async def close(self) -> None:
        """Answer what was handed in, then end."""
        self._closed = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- the thread of the ledger ---------------------------------------------------------------

    def _run(self) -> None:
        closing = False
        while self._flights or not closing:
            if self._flights and (self._inbox.empty() or len(self._flights) >= IN_FLIGHT):
                self._land(self._flights.popleft())
                continue
            requests = self._waiting()
            closing = closing or None in requests
            self._start([request for request in requests if request is not None])

    def _waiting(self) -> list[_Request | None]:
        """The next request, waited for, and what has come beside it."""
        requests = [self._inbox.get()]
        lines = 0 if requests[0] is None else len(requests[0].lines)
        while lines < self._limits.round_items and not self._inbox.empty():
            requests.append(following := self._inbox.get_nowait())
            lines += 0 if following is None else len(following.lines)
        return requests

    def _start(self, requests: list[_Request]) -> None:
        read: list[Submission | KycError] = []
        for request in requests:
            for line in request.lines:
                try:
                    submission = fact.parse(line, actor=request.actor, branch=request.branch)
                    read.append(facts.held(submission, request.roles))
                except KycError as refusal:
                    read.append(refusal)
                except Exception as error:  # noqa: BLE001  a line that breaks us is one line: others are waiting
                    _log.error("a line could not be read", error=type(error).__name__)
                    read.append(KycError("a fault of ours", field="body", remedy="name the request"))
        try:
            round_ = self._ledger.begin([one for one in read if isinstance(one, Submission)])
        except Exception as error:  # noqa: BLE001  one caller's trouble is not everybody's
            self._apart(requests, error)
            return
        self._flights.append(_Flight(requests, read, round_))

    def _land(self, flight: _Flight) -> None:
        try:
            answers = iter(self._ledger.finish(flight.round))
        except Exception as error:  # noqa: BLE001  whatever it is, the callers are waiting for it
            self._fail(flight.requests, error)
            return
        taken = iter(
            [
                Taken(one.key, next(answers)) if isinstance(one, Submission) else Taken("", one)
                for one in flight.read
            ]
        )
        given = [(request.answer, [next(taken) for _ in request.lines]) for request in flight.requests]
        self._loop.call_soon_threadsafe(_answer, given)

    def _apart(self, requests: list[_Request], error: Exception) -> None:
        """What cannot be admitted together is admitted one by one, so that only who is at fault is refused."""
        if len(requests) < 2 or isinstance(error, KycError):
            self._fail(requests, error)
            return
        for request in requests:
            self._start([request])

    def _fail(self, requests: list[_Request], error: Exception) -> None:
        _log.error("a round failed", error=type(error).__name__, count=len(requests))
        failed = [(request.answer, error) for request in requests]
        self._loop.call_soon_threadsafe(_fail, failed)


def _answer(given: list[tuple[asyncio.Future[list[Taken]], list[Taken]]]) -> None:
    for future, taken in given:
        if not future.done():
            future.set_result(taken)


def _fail(given: list[tuple[asyncio.Future[list[Taken]], Exception]]) -> None:
    for future, error in given:
        if not future.done():
            future.set_exception(error)
