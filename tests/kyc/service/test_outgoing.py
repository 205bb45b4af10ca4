"""What a connection sends leaves in one piece a turn, and in its order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from kyc.service.outgoing import Outgoing

Say = Callable[[Outgoing, socket.socket], Awaitable[None]]
LARGE = b"L" * 5_000


async def _over_sockets(say: Say) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    with theirs:
        await say(Outgoing(transport, loop), theirs)
        transport.abort()
        await asyncio.sleep(0)


def heard(theirs: socket.socket) -> bytes:
    """What has arrived; empty where nothing has."""
    try:
        return theirs.recv(65_536)
    except BlockingIOError:
        return b""


async def turns() -> None:
    """Let the loop go round."""
    for _ in range(3):
        await asyncio.sleep(0)


async def head_and_body(outgoing: Outgoing, theirs: socket.socket) -> None:
    """A short piece waits for the next one of its turn."""
    outgoing.write(b"head ")
    assert heard(theirs) == b""
    outgoing.write(b"body")
    assert heard(theirs) == b"head body"
    outgoing.write(b"head ")
    outgoing.write(LARGE)
    assert heard(theirs) == b"head " + LARGE


async def alone(outgoing: Outgoing, theirs: socket.socket) -> None:
    """A short piece that nothing follows leaves at the next turn, once; an empty one is none."""
    outgoing.write(b"")
    outgoing.write(b"line")
    assert heard(theirs) == b""
    await turns()
    assert heard(theirs) == b"line"
    outgoing.write(b"next")
    await turns()
    assert heard(theirs) == b"next"


async def large(outgoing: Outgoing, theirs: socket.socket) -> None:
    """A long piece waits for nothing."""
    outgoing.write(LARGE)
    assert heard(theirs) == LARGE


async def closed(outgoing: Outgoing, theirs: socket.socket) -> None:
    """What is held when the connection is closed is sent first."""
    outgoing.write(b"last")
    outgoing.close()
    assert outgoing.is_closing()
    await turns()
    assert heard(theirs) == b"last"


async def aborted(outgoing: Outgoing, theirs: socket.socket) -> None:
    """What is held when the connection is given up is not."""
    outgoing.write(b"last")
    outgoing.abort()
    await turns()
    assert heard(theirs) == b""


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("say", [head_and_body, alone, large, closed, aborted])
def test_outgoing(say: Say, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Pieces are held, joined, sent and dropped as the module says."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_over_sockets(say))
