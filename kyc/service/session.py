"""POST, GET and DELETE /v1/session: a browser exchanges a token for a cookie, asks after it, and leaves."""

from __future__ import annotations

import asyncio

import msgspec

from kyc.clock import to_datetime
from kyc.service.call import Answer, Call, answer_json
from kyc.service.sessions import COOKIE, Session, seconds_left

_FLAGS = "; Path=/; Secure; HttpOnly; SameSite=Strict"


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """Who is in session, and what every request that could change something says with it."""

    actor: str
    branch: str
    roles: list[str]
    csrf: str
    """For the header ``KYC-CSRF``. Keep it in the page, never where another site's page could read it."""
    until: str
    """When the token that it was begun with ends, and the session too."""


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is let in by that cookie any more."""

    left: bool = True


async def begin(call: Call) -> Answer:
    """POST /v1/session: by a bearer token; a session is not prolonged by itself.

    Raises:
        UnauthenticatedError: there is no token that holds.
        BusyError: too many sessions are kept.
    """
    parts = call.parts
    actor, until = await parts.identity.bearer(call.header(b"authorization"))
    cookie, session = await asyncio.to_thread(parts.identity.sessions.begin, actor, until)
    answer = answer_json(_view(session))
    life = seconds_left(session, parts.service.clock)
    answer.headers.append((b"set-cookie", f"{COOKIE}={cookie}{_FLAGS}; Max-Age={life}".encode()))
    return answer


async def ask(call: Call) -> Answer:
    """GET /v1/session: after a page was loaded anew, which forgot the CSRF token.

    Raises:
        UnauthenticatedError: the request came by no session.
    """
    _, session = await call.parts.identity.session(call.scope)
    return answer_json(_view(session))


async def leave(call: Call) -> Answer:
    """DELETE /v1/session.

    Raises:
        UnauthenticatedError: the request came by no session.
    """
    cookie, _ = await call.parts.identity.session(call.scope)
    await asyncio.to_thread(call.parts.identity.sessions.end, cookie)
    answer = answer_json(Left())
    answer.headers.append((b"set-cookie", f"{COOKIE}={_FLAGS}; Max-Age=0".encode()))
    return answer


def _view(session: Session) -> SessionView:
    actor = session.actor
    return SessionView(
        actor=actor.id, branch=actor.branch, roles=sorted(actor.roles), csrf=session.csrf,
        until=to_datetime(session.until).isoformat(),
    )  # fmt: skip
