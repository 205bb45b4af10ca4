"""Appending a stream over HTTP: NDJSON in, NDJSON out, in constant memory; answers begin before the body ends.

A stream holds its client back by reading no further, so it waits where a lone request is sent away. While some
lines are being recorded the next are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from kyc.domain.answer import Problem, Result
from kyc.errors import BusyError, KycError
from kyc.service.append import promise, result_of
from kyc.service.call import NDJSON, Answer, Call, encode
from kyc.service.problem import CrowdedError, SlowError, TooLargeError, problem_of
from kyc.service.pump import Taken

_PAUSE: Final = 0.05
"""Seconds between two attempts at a full queue."""


class StreamEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of a stream's answer."""

    recorded: int
    replayed: int
    refused: int
    complete: bool
    """False where the stream was cut short: send the lines without an answer again."""
    problem: Problem | None = None


class StreamLine(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A line of a stream's answer: a result, or a receipt over the results since the last, or the end."""

    line: int = 0
    result: Result | None = None
    receipt: str = ""
    position: str = ""
    end: StreamEnd | None = None


async def stream(call: Call) -> Answer:
    """POST /v1/events:stream."""
    call.expect(NDJSON)
    await call.parts.clocks.hold(call.caller.branch, call.header(b"date"))
    return Answer(body=_Stream(call).answers(), media_type=NDJSON)


class _Stream:
    """One stream being read, recorded and answered."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._limits = call.parts.limits
        self._rest = b""
        self._number = 0
        self._counts = {"recorded": 0, "replayed": 0, "refused": 0}

    async def answers(self) -> AsyncIterator[bytes]:
        """The lines of the answer."""
        problem: Problem | None = None
        reading = asyncio.create_task(self._read())
        try:
            ended = False
            while not ended:
                lines, ended = await reading
                if not ended:
                    reading = asyncio.create_task(self._read())
                for at in range(0, len(lines), self._limits.stream_items):
                    yield await self._record(lines[at : at + self._limits.stream_items])
                if self._call.parts.draining and not ended:
                    raise BusyError("the service is stopping", remedy="send the rest again")
        except KycError as error:
            problem = problem_of(error, self._call.id)
        finally:
            reading.cancel()
        end = StreamEnd(**self._counts, complete=problem is None, problem=problem)
        yield encode(StreamLine(end=end)) + b"\n"

    async def _read(self) -> tuple[list[bytes], bool]:
        """Whole lines of what has arrived, at least one unless the body ended; and whether it did."""
        pieces, size, ended = [self._rest], len(self._rest), False
        while not ended:
            message = await self._call.first(self._limits.body_seconds)
            if message["type"] == "http.disconnect":
                raise SlowError("the client went away")
            piece: bytes = message.get("body", b"")
            self._call.hold(len(piece))
            pieces.append(piece)
            size += len(piece)
            ended = not message.get("more_body", False)
            if b"\n" in piece:
                break
            if size > self._limits.body_bytes:
                raise TooLargeError(field="line", rule=f"at most {self._limits.body_bytes} bytes")
        *lines, self._rest = b"".join(pieces).split(b"\n")
        if ended and self._rest:
            lines.append(self._rest)
            self._rest = b""
        return lines, ended

    async def _record(self, lines: list[bytes]) -> bytes:
        numbered = [(self._number + at, line) for at, line in enumerate(lines, start=1) if line.strip()]
        self._number += len(lines)
        if not numbered:
            return b""
        taken = await self._patiently([line for _, line in numbered])
        self._call.parts.metrics.appended(taken)
        said = []
        for (number, _), one in zip(numbered, taken, strict=True):
            result = result_of(one)
            self._counts["refused" if result.problem else "replayed" if result.replayed else "recorded"] += 1
            said.append(encode(StreamLine(line=number, result=result)))
        promised = promise(self._call.parts, taken)
        if promised:
            said.append(encode(StreamLine(**promised)))  # type: ignore[arg-type]
        self._call.release(sum([len(line) + 1 for line in lines]))
        return b"\n".join(said) + b"\n"

    async def _patiently(self, lines: list[bytes]) -> list[Taken]:
        pump, actor = self._call.parts.pump, self._call.caller
        for _ in range(int(self._limits.body_seconds / _PAUSE)):
            try:
                return await pump.take(lines, actor.id, actor.branch, actor.roles)
            except (BusyError, CrowdedError):
                if not pump.alive:
                    raise
                await asyncio.sleep(_PAUSE)
        return await pump.take(lines, actor.id, actor.branch, actor.roles)
