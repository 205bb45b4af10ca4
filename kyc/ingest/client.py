"""Appending over HTTP from a program: each submission's receipts or problem, and the signed receipt of the batch.

The answer is believed as far as it can be checked: every submission must be answered, and where the caller brought
the ledger's receipt key, the signed receipt must cover every event that is said to be recorded. Sending the same
again is always safe. What is kept on disk until it is answered is the spool's business (:mod:`kyc.ingest.spool`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import msgspec

from kyc.clock import Clock
from kyc.domain.answer import Appended, Problem
from kyc.errors import FormatError, KycError, SignatureError
from kyc.evidence import receipt as receipts
from kyc.evidence.note import Verifier
from kyc.ingest.limits import BranchLimits
from kyc.ingest.transport import Credentials, Response, Transport

EVENTS: Final = "/v1/events"
_JSON: Final = "application/json"


def passing(problem: Problem) -> bool:
    """Whether the same may be recorded later: it is the service's trouble, not the submission's."""
    return problem.status in {408, 425, 429} or problem.status >= 500


class ServiceError(KycError):
    """The service did not take the request."""

    def __init__(self, problem: Problem, retry_after: int | None = None) -> None:
        super().__init__(
            problem.detail or problem.title or None, field=problem.field or None,
            rule=problem.rule or f"status {problem.status}", remedy=problem.remedy or None,
        )  # fmt: skip
        self.problem = problem
        self.retry_after = retry_after
        """Seconds after which the same request may be sent again, where the service names them."""


_appended = msgspec.json.Decoder(Appended)
_problem = msgspec.json.Decoder(Problem)


class Client:
    """A synchronous client. Thread-safe: one request after the other."""

    def __init__(
        self, url: str, credentials: Credentials, *, receipt_key: Verifier | None = None,
        limits: BranchLimits | None = None, clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self._limits = limits or BranchLimits()
        self._transport = Transport(url, credentials, self._limits, clock)
        self._receipt_key = receipt_key
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, lines: Sequence[bytes]) -> Appended:
        """Send submissions (the wire form of :mod:`kyc.domain.fact`) and wait until they are on the ledger's disk.

        Raises:
            UnreachableError: no answer; send the same again.
            ServiceError: the request as a whole was not taken.
            FormatError, SignatureError: the answer does not show what it claims; nothing is known to be recorded.
        """
        with self._lock:
            response = self._transport.post(EVENTS, b"[" + b",".join(lines) + b"]", _JSON)
        if response.status != 200:
            raise self._refused(response)
        try:
            appended = _appended.decode(response.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise FormatError("the answer is not the service's", field="url") from None
        if len(appended.results) != len(lines):
            raise FormatError("not every submission was answered", field="results", rule=f"{len(lines)} results")
        self._check(appended)
        return appended

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._transport.close()

    def _check(self, appended: Appended) -> None:
        """Hold the answer against the receipt that was signed for it."""
        said = [event for result in appended.results for event in result.recorded]
        if any(bool(result.recorded) == (result.problem is not None) for result in appended.results):
            raise FormatError("neither recorded nor refused", field="results", rule="one of the two")
        if self._receipt_key is None or not said:
            return
        origin = self._receipt_key.name.removesuffix("/receipts")
        promised = receipts.open_receipt(appended.receipt, self._receipt_key, origin)
        covered = {(event.stream_id, event.version, event.hash) for event in promised.events}
        for event in said:
            if (UUID(event.stream).bytes, event.version, bytes.fromhex(event.hash)) not in covered:
                raise SignatureError("the receipt does not cover what is said to be recorded", field="receipt")

    def _refused(self, response: Response) -> ServiceError:
        try:
            problem = _problem.decode(response.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problem = Problem(type="about:blank", title="", status=response.status)
        after = response.headers.get("retry-after", "")
        seconds = min(int(after), self._limits.retry_after_most_seconds) if after.isdecimal() else None
        return ServiceError(problem, seconds)


class AsyncClient:
    """The same for asyncio: requests run in a thread, one after the other."""

    def __init__(
        self, url: str, credentials: Credentials, *, receipt_key: Verifier | None = None,
        limits: BranchLimits | None = None,
    ) -> None:  # fmt: skip
        self._client = Client(url, credentials, receipt_key=receipt_key, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def append(self, lines: Sequence[bytes]) -> Appended:
        """As :meth:`Client.append`."""
        return await asyncio.to_thread(self._client.append, lines)

    async def close(self) -> None:
        """Hang up."""
        await asyncio.to_thread(self._client.close)
