"""What a connection sends: the short pieces of one turn of the event loop leave in one.

uvicorn writes the head of an answer and then its body, and uvloop makes a system call of each: two packets, and a
client that is woken twice. A short piece waits for what follows it, at most until the loop's next turn.
"""

from __future__ import annotations

import asyncio
from typing import Final

_SHORT: Final = 4_096
"""Bytes from which a piece does not wait. Heads, refusals and lines of a stream are shorter."""


class Outgoing(asyncio.Transport):
    """The half of a transport that is written to; holds one short piece at most."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._turn: asyncio.Handle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._held or len(data) >= _SHORT:
            self._transport.write(self._taken() + data)
        elif data:
            self._held = bytes(data)
            self._turn = self._loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._taken()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        held = self._taken()
        if held and not self._transport.is_closing():
            self._transport.write(held)

    def _taken(self) -> bytes:
        """What was held, and is no longer."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        held, self._held = self._held, b""
        return held
