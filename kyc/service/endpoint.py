"""One route at work: recognise the caller, hold the role, answer, and turn every error into a problem document.

Everything a request leaves behind is made here: the number in the metrics, the line in the log, the trace. None of
them holds a path that was asked for, a value or a name: the route's template, the method, status and request id.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

from starlette.types import Receive, Scope, Send

from kyc.errors import AccessDeniedError, KycError
from kyc.logs import logger
from kyc.service import tracing
from kyc.service.call import Answer, Call, encode, request_id
from kyc.service.parts import Parts
from kyc.service.problem import MEDIA_TYPE, MethodError, NoRouteError, problem_of
from kyc.service.route import Route

PARTS: Final = "parts"
"""Where the application's state keeps them."""
_COME_BACK: Final = frozenset({429, 503})
_LARGE: Final = 65_536
"""Bytes of an answer from which it is sent in pieces, so that a client has time for each of them."""

_log = logger("service")


class Endpoint:
    """Answers one route. An ASGI application."""

    def __init__(self, route: Route | None) -> None:
        self._route = route
        self._template = route.path if route is not None else "unknown"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        parts: Parts = scope["state"][PARTS]
        call = Call(scope, receive, parts, request_id(scope))
        status = 500
        try:
            with tracing.span(self._template, scope["method"]):
                answer = await self._answered(call)
                status = answer.status
                await _send(answer, call, send)
        finally:
            call.release()
            seconds = time.perf_counter() - start
            parts.metrics.answered(self._template, scope["method"], status, seconds)
            _log.info(
                "request", request=call.id, route=self._template, method=scope["method"], status=status,
                seconds=round(seconds, 6),
            )  # fmt: skip

    async def _answered(self, call: Call) -> Answer:
        try:
            return await self._handled(call)
        except Exception as error:  # noqa: BLE001  whatever it is, the client gets a problem and no trace
            if not isinstance(error, KycError):
                _log.error("fault", error=type(error).__name__, request=call.id, route=self._template)
            return _refusal(error, call)

    async def _handled(self, call: Call) -> Answer:
        route = self._route
        assert route is not None
        if route.roles is not None:
            call.actor = await call.parts.identity.actor(call.scope)
            if not route.roles & call.actor.roles:
                raise AccessDeniedError("role")
        return await route.handler(call)


class Absent(Endpoint):
    """Answers where no route does; ``allowed`` are the methods that the path would take."""

    def __init__(self, allowed: str = "") -> None:
        super().__init__(None)
        self._allowed = allowed

    async def _handled(self, call: Call) -> Answer:  # noqa: ARG002  nothing of it matters
        if self._allowed:
            raise MethodError(field="method", rule=self._allowed, remedy="see /openapi.json")
        raise NoRouteError(field="path", remedy="see /openapi.json")


def _refusal(error: Exception, call: Call) -> Answer:
    problem = problem_of(error, call.id)
    answer = Answer(status=problem.status, body=encode(problem), media_type=MEDIA_TYPE)
    if problem.status in _COME_BACK:
        answer.headers.append((b"retry-after", b"%d" % call.parts.limits.retry_seconds))
    if problem.status == 401:
        answer.headers.append((b"www-authenticate", b'Bearer realm="kyc-ledger"'))
    if isinstance(error, MethodError):
        answer.headers.append((b"allow", (error.rule or "").encode()))
    if problem.status in {408, 413}:
        answer.headers.append((b"connection", b"close"))  # the rest of the body is not read
    return answer


async def _send(answer: Answer, call: Call, send: Send) -> None:
    headers = [
        (b"content-type", answer.media_type.encode()), (b"cache-control", answer.cache.encode()),
        (b"x-content-type-options", b"nosniff"), (b"x-request-id", call.id.encode()), *answer.headers,
    ]  # fmt: skip
    body = answer.body
    if isinstance(body, bytes):
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if len(body) < _LARGE:
            await send({"type": "http.response.body", "body": body})
            return
        body = _sliced(body)
    else:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for piece in body:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _sliced(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), _LARGE):
        yield body[at : at + _LARGE]
