"""Connections that mean harm: one request read as two, clients that stall at every point, and very many of them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from fix_bank import registered
from fix_embedded import wait_until
from fix_service import NDJSON, Provider, Running, Serve, wire
from fix_siege import Fortress

from kyc.domain.submission import StreamName
from kyc.service.limits import ServiceLimits

HIDDEN = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
"""A second request that must never be answered where only one was sent."""
BODY = f"2\r\n{{}}\r\n0\r\n\r\n{HIDDEN}"
AMBIGUOUS = {
    "length and chunks": ("Content-Length: 6\r\nTransfer-Encoding: chunked", BODY),
    "chunks and length": ("Transfer-Encoding: chunked\r\nContent-Length: 6", BODY),
    "two lengths": ("Content-Length: 2\r\nContent-Length: 40", "{}" + HIDDEN),
    "the same length twice": ("Content-Length: 2\r\nContent-Length: 2", "{}" + HIDDEN),
    "a list of lengths": ("Content-Length: 2, 2", "{}" + HIDDEN),
    "a signed length": ("Content-Length: +2", "{}" + HIDDEN),
    "a negative length": ("Content-Length: -2", "{}" + HIDDEN),
    "a hexadecimal length": ("Content-Length: 0x2", "{}" + HIDDEN),
    "a length without end": (f"Content-Length: {'9' * 40}", "{}" + HIDDEN),
    "an unknown coding": ("Transfer-Encoding: xchunked", BODY),
    "a coding after chunks": ("Transfer-Encoding: chunked, identity", BODY),
    "identity and length": ("Transfer-Encoding: identity\r\nContent-Length: 2", "{}" + HIDDEN),
    "a blank before the colon": ("Transfer-Encoding : chunked", BODY),
    "a folded header": ("Transfer-Encoding:\r\n chunked", BODY),
    "a zero byte": ("Transfer-Encoding: chun\0ked", BODY),
    "a lone carriage return": ("X: a\rTransfer-Encoding: chunked", BODY),
    "chunks by line feeds": ("Transfer-Encoding: chunked", "2\n{}\n0\n\n" + HIDDEN),
    "a chunk without end": ("Transfer-Encoding: chunked", f"{'f' * 20}\r\n{{}}\r\n" + HIDDEN),
    "two hosts": ("Host: y\r\nContent-Length: 2", "{}" + HIDDEN),
    "two authorizations": ("Authorization: Bearer x\r\nContent-Length: 2", "{}" + HIDDEN),
    "two content types": ("Content-Type: text/plain\r\nContent-Length: 2", "{}" + HIDDEN),
}


def head(provider: Provider, *lines: str, path: str = "/v1/events") -> str:
    """The head of a POST up to its last line."""
    fixed = (f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {provider.token()}")
    said = any(line.lower().startswith("content-type") for line in lines)
    return "\r\n".join((*fixed, *(() if said else ("Content-Type: application/json",)), *lines))


@pytest.mark.parametrize("flaw", AMBIGUOUS)
def test_one_request_is_never_two(fortress: Fortress, flaw: str) -> None:
    """What two readers could understand differently is refused once; the hidden one is not heard."""
    lines, rest = AMBIGUOUS[flaw]
    fixed = head(fortress.provider, "Content-Type: application/json", lines)
    said = fortress.raw(f"{fixed}\r\n\r\n{rest}".encode("latin-1"))
    assert said.count(b"HTTP/1.1 ") == 1, said
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json\r\n" in said
    assert b"connection: close\r\n" in said
    assert b'"openapi"' not in said


@pytest.mark.parametrize(
    "sent",
    [
        "GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\nHost: x\n\n",
        "GET /livez HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /log/tile/\xff HTTP/1.1\r\nHost: x\r\n\r\n", "FOO /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)  # fmt: skip
def test_no_http(fortress: Fortress, sent: str) -> None:
    """What is no request, or has no host, is refused by a problem document that repeats nothing."""
    said = fortress.raw(sent.encode("latin-1"))
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'"urn:kyc-ledger:problem:input"' in said


def test_trailers_say_nothing(fortress: Fortress) -> None:
    """What stands behind a body is no header: neither who asks nor what kind the body is."""
    chunked = "POST /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    late = f"Authorization: Bearer {fortress.provider.token()}\r\n"
    said = fortress.raw(f"{chunked}Content-Type: application/json\r\n\r\n2\r\n{{}}\r\n0\r\n{late}\r\n".encode())
    assert said.startswith(b"HTTP/1.1 401 ")
    said = fortress.raw(f"{chunked}{late}\r\n2\r\n{{}}\r\n0\r\nContent-Type: application/json\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 415 ")


def connect(running: Running, received: int = 0) -> socket.socket:
    """A bare connection, with a small buffer for what is answered if wished."""
    parts = urlsplit(running.url)
    made = socket.socket()
    if received:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received)
    made.settimeout(60)
    made.connect((str(parts.hostname), parts.port))
    return made


def trickle(connection: socket.socket, piece: Callable[[int], bytes]) -> None:
    """Send piece after piece until the other side has had enough."""
    for number in range(100_000):
        try:
            connection.sendall(piece(number))
        except ConnectionError:
            return
        if len(piece(number)) < 100:
            time.sleep(0.01)
    pytest.fail("it was never given up")


def lives(running: Running) -> bool:
    """Whether it answers; on a slow machine it may give us up as it does those who stall."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{running.url}/livez", timeout=60).status_code == 200
    return False


HASTY = ServiceLimits(head_seconds=0.5, body_seconds=0.5, write_seconds=0.5, idle_seconds=1)
STALLS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "a head byte by byte": ("GET /livez HTTP/1.1\r\nX: ", lambda _: b"a"),
    "headers without end": ("GET /livez HTTP/1.1\r\n", lambda n: b"X-%d: %b\r\n" % (n, b"a" * 4_000)),
    "trailers without end": ("CHUNKED2\r\n{}\r\n0\r\n", lambda n: b"X-%d: %b\r\n" % (n, b"a" * 4_000)),
    "a trailer byte by byte": ("CHUNKED2\r\n{}\r\n0\r\nX: ", lambda _: b"a"),
    "an extension without end": ("CHUNKED2;", lambda _: b"a" * 4_000),
    "a body byte by byte": ("LENGTH", lambda _: b" "),
    "a body after the refusal": ("REFUSED", lambda _: b" "),
}


@pytest.mark.parametrize("stall", STALLS)
def test_stalling_senders(serve: Serve, oidc: Provider, stall: str) -> None:
    """However a client drags out a request, it is given up in time; meanwhile others are served."""
    running = serve(HASTY)
    begin, piece = STALLS[stall]
    chunked = head(oidc, "Transfer-Encoding: chunked") + "\r\n\r\n"
    length = head(oidc, "Content-Length: 1000000") + "\r\n\r\n"
    begin = begin.replace("CHUNKED", chunked).replace("LENGTH", length).replace(
        "REFUSED", "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    )  # fmt: skip
    with connect(running) as connection:
        connection.sendall(begin.encode())
        sender = threading.Thread(target=trickle, args=(connection, piece))
        sender.start()
        wait_until(lambda: lives(running))
        sender.join(60)
        assert not sender.is_alive()
    wait_until(lambda: running.server._application.parts.memory.held == 0)


def test_stalling_readers(serve: Serve, oidc: Provider) -> None:
    """Who asks and asks and never reads is given up, whether answers are large, small, or a stream."""
    running = serve(HASTY)
    large = b"[" + b",".join([b"{}"] * 10_000) + b"]"
    lines = b"{}\n" * 20_000
    streamed = head(oidc, f"Content-Type: {NDJSON}", f"Content-Length: {len(lines)}", path="/v1/events:stream")
    asked = {
        "large": head(oidc, f"Content-Length: {len(large)}").encode() + b"\r\n\r\n" + large,
        "small": b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200,
        "stream": streamed.encode() + b"\r\n\r\n" + lines,
    }  # fmt: skip
    connections = running.server.server_state.connections
    for sent in asked.values():
        with connect(running, received=4_096) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(sent)
            wait_until(lambda: not connections)
    wait_until(lambda: running.server._application.parts.memory.held == 0)


def test_many_connections(serve: Serve, oidc: Provider) -> None:
    """Hundreds of connections that say nothing keep nobody out, and are gone after their time."""
    running = serve(HASTY)
    with contextlib.ExitStack() as open_:
        for _ in range(300):
            open_.enter_context(connect(running))
        with running.client(oidc.token()) as teller:
            assert teller.post("/v1/events", json=wire(registered("C1"))).status_code == 200
        wait_until(lambda: len(running.server.server_state.connections) <= 1)


def test_half_closed(fortress: Fortress) -> None:
    """Who closes the sending half may get no answer; what was asked is done all the same, once."""
    submission = httpx.Request("POST", "http://x", json=wire(registered("C80"))).content
    request = head(fortress.provider, f"Content-Length: {len(submission)}").encode() + b"\r\n\r\n" + submission
    fortress.raw(request, half=True)
    log = fortress.running.service.log
    wait_until(lambda: len(list(log.events(StreamName("customer", "C80")))) == 1)
    with fortress.client("teller") as teller:
        assert teller.post("/v1/events", json=wire(registered("C80"))).json()["results"][0]["replayed"]
