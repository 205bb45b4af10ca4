"""Reads at work: threads of their own, bounded for all and for each caller, given up when the caller goes away.

A read waits here for its turn and, where it names a position, for the read models to have seen it; neither holds a
thread. What has begun goes on to its end: the database's own limits bound it, and what it found is dropped.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from kyc.errors import BusyError
from kyc.service import position
from kyc.service.call import Call
from kyc.service.limits import ServiceLimits
from kyc.service.problem import CrowdedError, SlowError, TooLargeError
from projections.engine import Engine

_PAUSE: Final = 0.1
"""Seconds between two looks at how far the read models are."""


class BehindError(BusyError):
    """The read models have not seen this position yet."""


class Looks:
    """The readers of one process. Used on the event loop; the threads are its own."""

    def __init__(self, limits: ServiceLimits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.read_threads, "kyc-read")
        self._callers: Counter[str] = Counter()

    async def run(self, call: Call, work: Callable[[], bytes]) -> bytes:
        """The answer that ``work`` makes in a thread, once the read models have seen the position of ``wait``.

        Raises:
            BusyError: too many reads are waiting.
            CrowdedError: too many of them are this caller's.
            BehindError: the position was not reached in time.
            SlowError: the caller went away.
            TooLargeError: the answer is longer than is given at once.
        """
        caller, limits = call.caller.id, self._limits
        if self._callers.total() >= limits.read_waiting:
            raise BusyError(rule=f"at most {limits.read_waiting} reads wait", remedy="try again later")
        if self._callers[caller] >= limits.caller_reads:
            raise CrowdedError(rule=f"at most {limits.caller_reads} reads of one caller", remedy="wait for answers")
        self._callers[caller] += 1
        answer = asyncio.create_task(self._answer(call, work))
        gone = asyncio.create_task(_gone(call))
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise SlowError("the client went away")
            return answer.result()
        finally:
            answer.cancel()
            gone.cancel()
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]

    async def _answer(self, call: Call, work: Callable[[], bytes]) -> bytes:
        wanted = call.query().get("wait")
        if wanted is not None:
            await self._reached(call, position.parse(wanted))
        body = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        if len(body) > self._limits.answer_bytes:
            raise TooLargeError(
                "the answer is too long", field="answer", rule=f"at most {self._limits.answer_bytes} bytes",
                remedy="ask for less: a page, a shorter time",
            )  # fmt: skip
        return body

    async def _reached(self, call: Call, wanted: Mapping[int, int]) -> None:
        engine, seconds = Engine(call.parts.service.log), self._limits.wait_seconds
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not await loop.run_in_executor(self._threads, engine.wait_for, wanted, 0.0):
            if loop.time() >= end:
                raise BehindError(
                    field="wait", rule=f"within {seconds:g} seconds",
                    remedy="try again later; if it stays, whoever runs the service starts kyc project --follow",
                )  # fmt: skip
            await asyncio.sleep(_PAUSE)

    def close(self) -> None:
        """Let go of the threads once they are done."""
        self._threads.shutdown(wait=True, cancel_futures=True)


async def _gone(call: Call) -> None:
    """Returns when the caller is not there any more."""
    while (await call.receive())["type"] != "http.disconnect":
        pass
