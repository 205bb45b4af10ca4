"""Clocks of those who append, held against ours: one that is off is on record, once a day for each branch.

Order in a stream is by version, and the time of recording is ours; a branch's clock shows in what it says of when
things happened. What a request says of its own time (``Date``, RFC 9110) costs nothing to compare.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

from kyc.clock import Clock, to_datetime
from kyc.domain.operations import ClockSkewObserved
from kyc.errors import ConflictError, KycError
from kyc.logs import logger
from kyc.service.call import encode
from kyc.service.pump import Pump

_OFFICE = "service"

_log = logger("skew")


class Clocks:
    """What was seen of the clocks of branches by this process."""

    def __init__(self, pump: Pump, clock: Clock, seconds: float) -> None:
        self._pump = pump
        self._clock = clock
        self._seconds = seconds
        self._day = date.min
        self._told: set[str] = set()
        """Branches whose clock was found to be off that day."""

    async def hold(self, branch: str, said: bytes) -> None:
        """Compare what a request of a branch says of its time; where none can be read, nothing is known."""
        now = to_datetime(self._clock.now_us())
        theirs = _moment(said)
        if theirs is None or abs((theirs - now).total_seconds()) <= self._seconds:
            return
        if self._day != now.date():
            self._day, self._told = now.date(), set()
        if branch in self._told:
            return
        self._told.add(branch)
        seen = ClockSkewObserved(
            occurred_at=now, office=_OFFICE, branch=branch, milliseconds=int((theirs - now).total_seconds() * 1000)
        )
        origin = {"purpose": "integrity", "legal_basis": "AML24-34"}
        line = encode({"key": f"clock/{branch}/{self._day}", "topic": seen.TOPIC, "origin": origin, "data": seen})
        try:
            (taken,) = await self._pump.take([line], _OFFICE, branch, frozenset())
            answer: object = taken.answer
        except KycError as error:
            answer = error
        if isinstance(answer, KycError) and not isinstance(answer, ConflictError):  # which says: told that day
            _log.warning("skew not recorded", error=type(answer).__name__)


def _moment(said: bytes) -> datetime | None:
    try:
        found = parsedate_to_datetime(said.decode("ascii"))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
