"""Whether the process lives, whether it can work, and its numbers. Public: they show nothing of anybody."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal

import msgspec
import psycopg

from kyc.errors import KycError
from kyc.service import metrics
from kyc.service.call import Answer, Call, answer_json
from kyc.store.migrate import pending
from projections.engine import Engine

if TYPE_CHECKING:
    from kyc.service.parts import Parts

_FRESH: float = 1.0
"""Seconds for which what was found about the database is believed."""
_LOG_FRESH: float = 10.0

Verdict = Literal["ok", "failing", "stopping"]


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    live: bool = True


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests are taken, part by part."""

    ready: bool
    database: Verdict
    migrations: Verdict
    writer: Verdict
    development: bool
    """True where tokens of the development issuer are believed: never in production."""


class Checks:
    """What was last found, so that a burst of probes asks the database once."""

    def __init__(self) -> None:
        self._at = self._log_at = -1e9
        self._found: tuple[Verdict, Verdict] = ("failing", "failing")
        self._asking = asyncio.Lock()

    async def store(self, dsn: str) -> tuple[Verdict, Verdict]:
        """Of the database and of its migrations."""
        async with self._asking:
            if time.monotonic() - self._at > _FRESH:
                self._found = await asyncio.to_thread(_store, dsn)
                self._at = time.monotonic()
            return self._found

    async def measure(self, parts: Parts) -> None:
        """Tell the metrics where the log stands."""
        async with self._asking:
            if time.monotonic() - self._log_at > _LOG_FRESH:
                self._log_at = time.monotonic()
                await asyncio.to_thread(_measure, parts)


async def livez(_: Call) -> Answer:
    """GET /livez."""
    return answer_json(Live())


async def readyz(call: Call) -> Answer:
    """GET /readyz: 503 where a part fails or the service is stopping."""
    parts = call.parts
    database, migrations = await parts.checks.store(parts.service.dsn)
    writer: Verdict = "stopping" if parts.draining else "ok" if parts.pump.alive else "failing"
    ready = database == migrations == writer == "ok"
    found = Ready(
        ready=ready, database=database, migrations=migrations, writer=writer, development=parts.identity.development
    )
    return answer_json(found, 200 if ready else 503)


async def prometheus(call: Call) -> Answer:
    """GET /metrics."""
    parts = call.parts
    parts.metrics.pressure(parts.pump.waiting, parts.memory.held)
    await parts.checks.measure(parts)
    return Answer(body=await asyncio.to_thread(parts.metrics.text), media_type=metrics.MEDIA_TYPE)


def _store(dsn: str) -> tuple[Verdict, Verdict]:
    try:
        return "ok", "failing" if pending(dsn) else "ok"
    except (KycError, psycopg.Error):
        return "failing", "failing"


def _measure(parts: Parts) -> None:
    try:
        appended = sum(parts.service.log.reader.positions().values())
        newest = parts.service.sealed.checkpoint()
        behind = {one.name: one.behind for one in Engine(parts.service.log).status()}
    except (KycError, psycopg.Error):
        return  # readiness says so; the last numbers stand
    parts.metrics.log(appended, appended - (newest.size if newest else 0), behind)
