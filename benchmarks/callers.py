"""Callers over HTTP: one process of plain sockets, so that little of two cores goes to asking.

Requests are made before; an answer is read whole and compared with what was asked. Latencies are in seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, NamedTuple

from kyc.store.append import new_event_loop

CONNECTIONS: Final = 64
"""Of the open loop."""
_LENGTH: Final = b"content-length: "


class Request(NamedTuple):
    """What is sent, and what the answer must say, in this order."""

    sent: bytes
    told: Sequence[bytes] = ()


class Server(NamedTuple):
    """Where the service answers."""

    host: str
    port: int


class _Client(asyncio.Protocol):
    """One connection, one request after the other. ``answered`` is called for an answer that is what it must be."""

    def __init__(self, answered: Callable[[_Client], None], over: asyncio.Future[None]) -> None:
        self._answered = answered
        self._over = over
        self._said = b""
        self._told: Sequence[bytes] = ()
        self.transport: asyncio.Transport
        """Known once it is connected."""
        self.due = 0.0
        """When its request was due."""

    def send(self, request: Request, due: float) -> None:
        """Ask; the last answer has come."""
        self._told, self.due = request.told, due
        self.transport.write(request.sent)

    def data_received(self, data: bytes) -> None:
        self._said = said = self._said + data
        end = said.find(b"\r\n\r\n")
        if end < 0:
            return
        at = said.index(_LENGTH) + len(_LENGTH)
        if len(said) < end + 4 + int(said[at : said.index(b"\r", at)]):
            return
        self._said, right = b"", said.startswith(b"HTTP/1.1 200 ")
        for word in self._told:
            end = said.find(word, end)
            right = right and end > 0
        if right:
            self._answered(self)
        elif not self._over.done():
            self._over.set_exception(AssertionError(said[:1_000]))


def closed_loop(server: Server, requests: Sequence[Iterator[Request]], seconds: float) -> list[float]:
    """Latencies of what was answered within so many seconds: each caller sends one request after the other."""

    async def run() -> list[float]:
        taken: list[float] = []
        over = asyncio.get_running_loop().create_future()
        source: dict[_Client, Iterator[Request]] = {}

        def answered(client: _Client) -> None:
            now = time.perf_counter()
            if now < until:
                taken.append(now - client.due)
                client.send(next(source[client]), now)
                return
            del source[client]
            client.transport.close()
            if not source and not over.done():
                over.set_result(None)

        for mine in requests:
            source[await _connected(server, answered, over)] = mine
        start = time.perf_counter()
        until = start + seconds
        for client, mine in source.items():
            client.send(next(mine), start)
        await over
        return taken

    return _run(run())


def open_loop(server: Server, requests: Sequence[Request], rate: float) -> list[float]:
    """Latencies of requests due at a steady rate, from when they were due; waiting for a connection counts."""

    async def run() -> list[float]:
        taken: list[float] = []
        over = asyncio.get_running_loop().create_future()
        free: deque[_Client] = deque()
        late: deque[tuple[Request, float]] = deque()

        def answered(client: _Client) -> None:
            taken.append(time.perf_counter() - client.due)
            if late:
                client.send(*late.popleft())
            else:
                free.append(client)
            if len(taken) == len(requests) and not over.done():
                over.set_result(None)

        free.extend([await _connected(server, answered, over) for _ in range(CONNECTIONS)])
        everybody, start = list(free), time.perf_counter()
        for number, request in enumerate(requests):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if free:
                free.popleft().send(request, due)
            else:
                late.append((request, due))
        await over
        for client in everybody:
            client.transport.close()
        return taken

    return _run(run())


def in_turn(server: Server, requests: Sequence[Request]) -> list[float]:
    """Latencies of requests that one connection sends one after the other."""

    async def run() -> list[float]:
        taken: list[float] = []
        over = asyncio.get_running_loop().create_future()
        waiting = iter(requests)

        def answered(client: _Client) -> None:
            now = time.perf_counter()
            taken.append(now - client.due)
            following = next(waiting, None)
            if following is not None:
                client.send(following, now)
            elif not over.done():
                over.set_result(None)

        client = await _connected(server, answered, over)
        client.send(next(waiting), time.perf_counter())
        await over
        client.transport.close()
        return taken

    return _run(run())


async def _connected(server: Server, answered: Callable[[_Client], None], over: asyncio.Future[None]) -> _Client:
    loop = asyncio.get_running_loop()
    client = _Client(answered, over)
    client.transport, _ = await loop.create_connection(lambda: client, *server)
    return client


def _run(work: Coroutine[Any, Any, list[float]]) -> list[float]:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
