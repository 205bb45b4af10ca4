"""Sends a spool to the service, in order, until everything is answered: one batch on its way at a time.

A batch that got no answer is sent again as it was: the idempotency keys make that harmless, whoever failed in
between. A submission the ledger refuses is put aside with its problem and holds nothing up; trouble of the service
or of the line is waited out, longer each time, as long as the service asks. Lines leave the spool only when the
ledger has answered for them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from secrets import randbelow
from typing import Final, Protocol

import msgspec

from kyc.domain.answer import Appended, Problem, Result
from kyc.errors import ConfigurationError, IntegrityError, KycError, UnreachableError
from kyc.ingest.client import ServiceError, passing
from kyc.ingest.limits import BranchLimits
from kyc.ingest.spool import Line, Settled, Spool, held
from kyc.logs import logger

_TOO_LARGE: Final = 413
_ITS_OWN_FAULT: Final = frozenset({400, 409, 410, 413, 422})
"""Statuses of a request that blame what is in it."""

_log = logger("branch")


class Appends(Protocol):
    """Takes a batch of lines, as :meth:`kyc.ingest.client.Client.append` does."""

    def append(self, lines: list[bytes]) -> Appended:
        """A result for each line, or an error that says nothing is known of any."""
        ...


class Sender:
    """The one sender of a spool. Runs in one thread."""

    def __init__(self, spool: Spool, service: Appends, limits: BranchLimits | None = None) -> None:
        self._spool = spool
        self._service = service
        self._limits = limits or BranchLimits()
        self._items = self._limits.batch_items
        self._failures = 0
        self.trouble: KycError | None = None
        """What stands in the way now, if anything."""

    def run(self, stop: threading.Event, told: Callable[[], None] | None = None) -> None:
        """Send what comes until ``stop`` is set; a batch on its way is finished. ``told`` is called after each.

        Raises:
            SpoolError: the spool cannot be used, or somebody else sends it.
        """
        with held(self._spool.folder, "sender", wait=False):
            while not stop.is_set():
                pause = self.step()
                if told is not None:
                    told()
                if pause:
                    self._rest(pause, stop)

    def drain(self, seconds: float) -> bool:
        """Send until nothing waits, for about so long and at least once; whether nothing does.

        Raises:
            SpoolError: the spool cannot be used, or somebody else sends it.
        """
        deadline = time.monotonic() + seconds
        with held(self._spool.folder, "sender", wait=False):
            while self._spool.waiting(1, 0):
                pause = self.step()
                left = deadline - time.monotonic()
                if left <= 0:
                    return not self._spool.waiting(1, 0)
                time.sleep(min(pause, left))
        return True

    def step(self) -> float:
        """Send one batch; the seconds to wait before the next."""
        lines = self._batch()
        if not lines:
            return self._limits.linger_seconds
        try:
            appended = self._service.append([line.content for line in lines])
        except ServiceError as error:
            return self._not_taken(lines, error)
        except (UnreachableError, ConfigurationError, IntegrityError) as error:
            return self._wait(error)
        return self._taken(lines, appended)

    def _batch(self) -> list[Line]:
        lines = self._spool.waiting(self._items, self._limits.batch_bytes)
        if 0 < len(lines) < self._items and self._limits.linger_seconds and not self._failures:
            time.sleep(self._limits.linger_seconds)  # not full: somebody may be about to add to it
            lines = self._spool.waiting(self._items, self._limits.batch_bytes)
        return lines

    def _taken(self, lines: list[Line], appended: Appended) -> float:
        settled = [_settled(*pair) for pair in zip(lines, appended.results, strict=True)]
        self._spool.settle([one for one in settled if one is not None], appended.receipt)
        refused = sum(one is not None and bool(one.refused) for one in settled)
        if refused:
            _log.warning("submissions refused", count=refused)
        later = next((one.problem for one in appended.results if one.problem and passing(one.problem)), None)
        if later is not None:
            return self._wait(ServiceError(later))
        self._failures, self._items, self.trouble = 0, self._limits.batch_items, None
        return 0.0

    def _not_taken(self, lines: list[Line], error: ServiceError) -> float:
        problem = error.problem
        if problem.status not in _ITS_OWN_FAULT:
            return self._wait(error, error.retry_after)
        if len(lines) > 1:  # one of them is at fault: find out which, or send less at once
            self._items = len(lines) // 2 if problem.status == _TOO_LARGE else 1
            return 0.0
        self._spool.settle([Settled(lines[0], refused=_text(problem))])
        self._items = self._limits.batch_items
        return 0.0

    def _wait(self, error: KycError, asked: float | None = None) -> float:
        most = self._limits.pause_most_seconds
        pause = min(most, self._limits.pause_seconds * 2.0 ** min(self._failures, 16))
        pause *= 0.5 + randbelow(1_000) / 1_000
        if self.trouble is None or type(self.trouble) is not type(error):
            _log.warning("waiting for the service", error=type(error).__name__, rule=error.rule, field=error.field)
        self._failures += 1
        self.trouble = error
        return max(pause, asked or 0.0)

    def _rest(self, seconds: float, stop: threading.Event) -> None:
        """Wait, but not once something came where nothing was."""
        if self._failures:
            stop.wait(seconds)
            return
        self._spool.arrived.wait(seconds)
        self._spool.arrived.clear()


def _settled(line: Line, result: Result) -> Settled | None:
    """What becomes of a line; None where it has to be sent again."""
    if result.problem is None:
        return Settled(line, recorded=msgspec.json.encode(result).decode())
    return None if passing(result.problem) else Settled(line, refused=_text(result.problem))


def _text(problem: Problem) -> str:
    return msgspec.json.encode(problem).decode()
