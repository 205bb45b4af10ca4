"""What is too much is refused and never queued without end; what is too slow is given up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from urllib.parse import urlsplit

import httpx
import pytest
from fix_bank import household, registered
from fix_embedded import wait_until
from fix_service import NDJSON, Provider, Running, Serve, ndjson, wire

from kyc.errors import BusyError
from kyc.ledger import Ledger
from kyc.service.call import Memory
from kyc.service.limits import ServiceLimits
from kyc.service.problem import CrowdedError
from kyc.service.pump import Pump

EVENTS, STREAM = "/v1/events", "/v1/events:stream"
SMALL = ServiceLimits(body_bytes=20_000, bodies_bytes=30_000, batch_items=5)


def raw(running: Running) -> socket.socket:
    """A bare connection."""
    parts = urlsplit(running.url)
    return socket.create_connection((str(parts.hostname), parts.port), timeout=60)


def rest(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    said = b""
    with connection, contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            said += piece
    return said


def head(oidc: Provider, path: str, *lines: str) -> bytes:
    """The head of a POST."""
    fixed = (f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {oidc.token()}")
    return "\r\n".join((*fixed, *lines, "", "")).encode()


def test_bodies_are_bounded(serve: Serve, oidc: Provider) -> None:
    """A long body is refused by its announced length, or by what comes where none is announced."""
    running = serve(SMALL)
    json_type = "Content-Type: application/json"
    connection = raw(running)
    connection.sendall(head(oidc, EVENTS, json_type, "Content-Length: 20001"))
    assert b" 413 " in rest(connection).split(b"\r\n", 1)[0]
    with running.client(oidc.token()) as client:
        long = client.post(
            EVENTS, content=iter([b"[" + b" " * 9_000] * 3), headers={"content-type": "application/json"}
        )
        assert (long.status_code, long.json()["field"]) == (413, "body")
        many = client.post(EVENTS, json=[{}] * 6)
        assert many.status_code == 413
        assert client.post(EVENTS, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
        assert client.post(STREAM, content=b"{}", headers={"content-type": "application/json"}).status_code == 415
        line = client.post(STREAM, content=b"x" * 20_001, headers={"content-type": NDJSON})
        end = json.loads(line.text.splitlines()[-1])["end"]
        assert (end["complete"], end["problem"]["status"]) == (False, 413)
    wait_until(lambda: running.server._application.parts.memory.held == 0)


def test_slow_clients_are_given_up(serve: Serve, oidc: Provider) -> None:
    """A head that does not end, a body that does not come and a stream that falls silent are each ended."""
    hasty = serve(ServiceLimits(head_seconds=0.5))
    silent, half, endless = raw(hasty), raw(hasty), raw(hasty)
    half.sendall(b"POST /v1/events HTTP/1.1\r\nHost:")
    with contextlib.suppress(ConnectionError):
        endless.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"a" * 100_000)
    assert [rest(one) for one in (silent, half, endless)] == [b"", b"", b""]
    running = serve(ServiceLimits(body_seconds=0.5))
    body, stream = raw(running), raw(running)
    body.sendall(head(oidc, EVENTS, "Content-Type: application/json", "Content-Length: 100"))
    stream.sendall(head(oidc, STREAM, f"Content-Type: {NDJSON}", "Transfer-Encoding: chunked"))
    assert b" 408 " in rest(body).split(b"\r\n", 1)[0]
    said = b""
    while b"complete" not in said:
        said += stream.recv(65_536)
    stream.close()
    assert b'"complete":false' in said
    assert b'"status":408' in said
    assert httpx.get(f"{running.url}/livez", timeout=60).status_code == 200


def test_memory_for_bodies_is_counted() -> None:
    """What is held at once is bounded, and given back."""
    memory = Memory(100)
    memory.take(60)
    with pytest.raises(BusyError):
        memory.take(41)
    memory.give(60)
    memory.take(100)


def test_the_queue_is_bounded(ledger: Ledger) -> None:
    """Beyond the queue's length everybody is sent away, beyond a caller's share that caller; for a while."""
    lines = [json.dumps(wire(one)).encode() for one in household()]
    gate, begin = threading.Event(), ledger.begin

    def held(submissions):
        gate.wait(60)
        return begin(submissions)

    ledger.begin = held

    async def story() -> None:
        pump = Pump(ledger, ServiceLimits(queue_items=4, caller_requests=3))
        first = asyncio.create_task(pump.take(lines[:2], "T-1", "B-1", frozenset()))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await pump.take(lines[2:5], "T-2", "B-1", frozenset())
        others = [asyncio.create_task(pump.take(lines[2:3], "T-1", "B-1", frozenset())) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(CrowdedError):
            await pump.take([], "T-1", "B-1", frozenset())
        gate.set()
        answers = await asyncio.gather(first, *others)
        assert [len(answer) for answer in answers] == [2, 1, 1]
        assert pump.waiting == 0
        closing = asyncio.create_task(pump.close())
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await pump.take(lines[:1], "T-1", "B-1", frozenset())
        await closing
        assert not pump.alive

    asyncio.run(story())


def test_one_callers_trouble_is_not_everybodys(ledger: Ledger) -> None:
    """A line that breaks the program fails its own caller; those admitted beside it are recorded."""
    good, bad = (json.dumps(wire(registered(number))).encode() for number in ("C1", "C2"))
    begin, gate = ledger.begin, threading.Event()

    def fragile(submissions):
        gate.wait(60)
        if any(one.key.startswith("C2/") for one in submissions):
            raise ZeroDivisionError
        return begin(submissions)

    ledger.begin = fragile

    async def story() -> None:
        pump = Pump(ledger, ServiceLimits())
        first, failing, second = [
            asyncio.create_task(pump.take([line], "T-1", "B-1", frozenset())) for line in (good, bad, good)
        ]
        await asyncio.sleep(0)
        gate.set()
        done = await asyncio.gather(first, failing, second, return_exceptions=True)
        await pump.close()
        assert isinstance(done[1], ZeroDivisionError)
        assert done[0][0].answer[0].hash == done[2][0].answer[0].hash

    asyncio.run(story())


def test_a_fault_is_told_without_a_trace(running: Running, oidc: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no error of ours is a 500 that says nothing but the request's id."""
    monkeypatch.setattr(Ledger, "begin", lambda *_: 1 / 0)
    with running.client(oidc.token()) as client:
        answer = client.post(EVENTS, json=wire(registered("C1")), headers={"x-request-id": "my-1"})
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "urn:kyc-ledger:problem:fault", "title": "A fault of ours.", "status": 500, "request": "my-1",
        "remedy": "name the request to whoever runs the service",
    }  # fmt: skip


def test_streams_wait_where_requests_are_sent_away(serve: Serve, oidc: Provider) -> None:
    """Several streams over a queue shorter than what they bring are all recorded to the end."""
    running = serve(ServiceLimits(queue_items=20, stream_items=15))
    done: list[dict] = []

    def send(number: int) -> None:
        body = ndjson(*[wire(registered(f"C{number}-{n}")) for n in range(60)])
        with running.client(oidc.token()) as client:
            answer = client.post(STREAM, content=body, headers={"content-type": NDJSON})
        done.append(json.loads(answer.text.splitlines()[-1])["end"])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(end["recorded"], end["complete"]) for end in done] == [(60, True)] * 4
