"""Bodies made to break a reader: refused with a problem document, in bounded time and memory, and forgotten."""

from __future__ import annotations

import bz2
import gzip
import json
import zlib
from collections.abc import Iterator

import httpx
import pytest
from fix_bank import registered
from fix_embedded import wait_until
from fix_service import NDJSON, Provider, Serve, wire
from fix_siege import JSON, MARK, Fortress, filled, named, refused

from kyc.domain.submission import StreamName
from kyc.service.limits import ServiceLimits
from kyc.service.route import Route
from kyc.service.routes import ROUTES

EVENTS = "/v1/events"
TAKES_JSON = [route for route in ROUTES if route.request is not None and route.request_type == JSON]
SOUND = json.dumps(wire(registered("C70"))).encode()
BROKEN = {
    "nothing": b"", "nested objects": b'{"a":' * 100_000, "nested arrays": b"[" * 100_000,
    "nested and closed": b"[" * 100_000 + b"]" * 100_000, "a batch of nests": b"[" + b"[" * 900 + b"]" * 900 + b"]",
    "many keys": b"{" + b",".join(b'"%d":1' % n for n in range(200_000)) + b"}",
    "a long key": b'{"' + b"k" * 1_000_000 + b'":1}',
    "a long number": SOUND.replace(b'"key"', b'"expected": ' + b"9" * 100_000 + b', "key"'),
    "not a number": SOUND.replace(b'"key"', b'"expected": NaN, "key"'),
    "infinity": SOUND.replace(b'"key"', b'"expected": Infinity, "key"'),
    "too large a number": SOUND.replace(b'"key"', b'"expected": 1e400, "key"'),
    "invalid UTF-8": SOUND.replace(b"Ada", b"\xff\xfe\xc0\xaf"),
    "an overlong form": SOUND.replace(b"Ada", b"\xc0\x80"),
    "half a surrogate": SOUND.replace(b"Ada", b"\\ud800"), "a byte order mark": b"\xef\xbb\xbf" + SOUND,
    "UTF-16": SOUND.decode().encode("utf-16"), "a zero byte": SOUND.replace(b"Ada", b"\x00"),
    "two documents": SOUND + SOUND, "a comment": b"/* */" + SOUND, "half a document": SOUND[:-20],
    "single quotes": SOUND.replace(b'"', b"'"), "a form": b"key=1&topic=2",
}  # fmt: skip
PACKED = {"gzip": gzip.compress, "deflate": zlib.compress, "bzip2": bz2.compress}


@pytest.mark.parametrize("route", TAKES_JSON, ids=named)
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_broken(fortress: Fortress, route: Route, content: bytes) -> None:
    """What is no document of the described form is the client's fault, and nothing of it stays."""
    with fortress.client(*sorted(route.roles or ())) as client:
        answer = client.request(route.method, filled(route.path), content=content, headers={"content-type": JSON})
    if answer.status_code != 200:
        problem = refused(answer, 400, 422)
        assert problem["rule"]
        assert "Ada" not in answer.text
    else:  # a batch of what is none: each item has its own verdict
        assert [item["problem"]["status"] for item in answer.json()["results"]] == [400]
    wait_until(lambda: fortress.running.server._application.parts.memory.held == 0)


@pytest.mark.parametrize("packing", PACKED)
def test_nothing_is_unpacked(fortress: Fortress, packing: str) -> None:
    """A packed body is refused unread, so a bomb of 32 kB stays 32 kB; also where nobody says that it is packed."""
    bomb = PACKED[packing](b" " * 32_000_000 + SOUND)
    with fortress.client("teller") as teller:
        for encoding in (packing, packing.upper(), f"{packing}, {packing}", "br", "zstd"):
            answer = teller.post(EVENTS, content=bomb, headers={"content-type": JSON, "content-encoding": encoding})
            assert refused(answer, 415)["field"] == "content-encoding"
        refused(teller.post(EVENTS, content=bomb, headers={"content-type": JSON}), 400)
        stream = {"content-type": NDJSON, "content-encoding": packing}
        refused(teller.post(f"{EVENTS}:stream", content=bomb, headers=stream), 415)


def test_of_two_equal_keys_the_last_counts(fortress: Fortress) -> None:
    """Readers differ about duplicate keys; what is recorded is canonical and has one, so nobody else can."""
    twice = json.dumps(wire(registered("C71", "Grace Hopper"))).replace('"key":', f'"key": "{MARK}", "key":')
    twice = twice.replace('"names":', '"names": [{"text": "Ada Lovelace"}], "names":')
    with fortress.client("teller") as teller:
        answer = teller.post(EVENTS, content=twice, headers={"content-type": JSON})
    assert [one["key"] for one in answer.json()["results"]] == ["C71/registered"]
    (stored,) = fortress.running.service.log.events(StreamName("customer", "C71"))
    assert [name.text for name in stored.event.names] == ["Grace Hopper"]


def test_a_body_without_end(serve: Serve, oidc: Provider) -> None:
    """A body that goes on for ever is cut at the limit, in a batch and in a stream; what was held is given back."""
    running = serve(ServiceLimits(body_bytes=50_000, bodies_bytes=200_000))
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 8_192
            yield b"[" * 8_192

    for path, kind in ((EVENTS, JSON), (f"{EVENTS}:stream", NDJSON)):
        sent = 0
        with running.client(oidc.token()) as client:
            try:
                answer = client.post(path, content=endless(), headers={"content-type": kind})
            except httpx.TransportError:
                continue  # it closed the line while we were still sending
        assert b'"status":413' in answer.content
        assert sent < 10_000 * 8_192 or kind == NDJSON
    wait_until(lambda: running.server._application.parts.memory.held == 0)


def test_all_bodies_together(serve: Serve, oidc: Provider) -> None:
    """What all requests hold is bounded: who comes when it is full is told to come back, and finds room."""
    running = serve(ServiceLimits(body_bytes=100_000, bodies_bytes=60_000))
    with running.client(oidc.token()) as client:
        full = client.post(EVENTS, content=b"[" + b" " * 70_000 + b"]", headers={"content-type": JSON})
        assert refused(full, 503)["title"]
        assert int(full.headers["retry-after"]) >= 1
        assert client.post(EVENTS, json=wire(registered("C1"))).status_code == 200
    wait_until(lambda: running.server._application.parts.memory.held == 0)
