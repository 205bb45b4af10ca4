"""Hostile values in every string of every route: refused or recorded, never carried out, told or logged."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import msgspec
import pytest
from fix_bank import household
from fix_samples import SAMPLES
from fix_service import ORIGIN, Provider, Serve, wire
from fix_siege import EXTREME, HOSTILE, JSON, MARK, PROBLEM, ROLES, Fortress, filled

from kyc import logs
from kyc.service.routes import ROUTES
from projections.engine import Engine

OTHERS = (None, True, [], {}, -1, 2**64, 10**300, [[]], {MARK: MARK}, [MARK])
STRINGS = [
    (route, place)
    for route in ROUTES
    for place in ([*route.parameters, "a-parameter"] + (["path"] if "{" in route.path else []))
]


@pytest.mark.parametrize(("route", "place"), STRINGS, ids=lambda one: getattr(one, "path", one))
def test_parameters(fortress: Fortress, capsys: pytest.CaptureFixture[str], route: Any, place: str) -> None:
    """Every parameter of path and query, and every header we read: no fault, no value in answer or log."""
    logs.configure("debug")
    with fortress.client(*ROLES) as client:
        for value in (*HOSTILE, *EXTREME):
            path = filled(route.path, value if place == "path" else "C1")
            query = {} if place == "path" else {place: value}
            content = {"content": b"{}", "headers": {"content-type": route.request_type}} if route.request else {}
            answer = client.request(route.method, path, params=query, **content)
            assert answer.status_code < 500 or route.path == "/readyz", (value[:40], answer.text)
            assert MARK not in answer.text
            assert MARK not in str(answer.headers)
            assert "set-cookie" not in answer.headers or route.path == "/v1/session"
            assert "root:" not in answer.text
            if answer.status_code >= 400 and answer.content:
                assert answer.headers["content-type"] == PROBLEM
    assert MARK not in capsys.readouterr().err
    logs.configure()


def test_headers(fortress: Fortress, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands in a header is neither answered nor logged, but a plain request id."""
    logs.configure("debug")
    hostile = [value.encode().replace(b"\r\n", b" ").replace(b"\0", b" ") for value in HOSTILE]
    for value in hostile:
        for name in (b"X-Request-Id", b"Authorization", b"Content-Type", b"Accept", b"Cookie", b"Forwarded"):
            head = b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b: %b\r\n\r\n" % (name, value)
            answer = fortress.raw(head)
            assert answer.startswith(b"HTTP/1.1 4")
            assert MARK.encode() not in answer
    assert MARK not in capsys.readouterr().err
    logs.configure()


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of everything within a document that is no object or array."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield at
        return
    for name, one in inner:
        yield from leaves(one, (*at, name))


def put(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a place."""
    changed = copy.deepcopy(document)
    inside = changed
    for name in at[:-1]:
        inside = inside[name]
    inside[at[-1]] = value
    return changed


def attacks() -> Iterator[dict[str, Any]]:
    """A submission of every topic with, at every place in it, some of the hostile values; all are used in turn."""
    values = cycle([*HOSTILE, *EXTREME, *OTHERS])
    for topic, event in sorted(SAMPLES.items()):
        data = msgspec.to_builtins(event, str_keys=True)
        sound = {"key": "", "topic": topic, "origin": ORIGIN, "data": data, "stream": "C1"}
        for place in leaves(sound):
            for value in islice(values, 5):
                yield put(sound, place, value)
        yield sound | {f"{MARK}' --": 1}
        yield sound | {"expected": next(values)}


def test_every_place_of_every_event(serve: Serve, oidc: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    """Thousands of submissions, each with a hostile value: no fault, no refusal repeats it, read models live."""
    running = serve()
    logs.configure("debug")
    with running.client(oidc.token()) as teller:
        teller.post("/v1/events", json=[wire(one) for one in household()])
        items = [one if one["key"] else one | {"key": f"k{at}"} for at, one in enumerate(attacks())]
        seen = {"recorded": 0, "refused": 0}
        for first in range(0, len(items), 2_000):
            content = json.dumps(items[first : first + 2_000]).encode()
            answer = teller.post("/v1/events", content=content, headers={"content-type": JSON})
            assert answer.status_code == 200, answer.text
            for item, result in zip(items[first:], answer.json()["results"], strict=False):
                problem = result.get("problem")
                seen["refused" if problem else "recorded"] += 1
                if problem:
                    assert problem["status"] < 500, (item, problem)
                    assert MARK not in str(problem), (item, problem)
    assert min(seen.values()) > 100
    engine = Engine(running.service.log)
    engine.catch_up()
    assert [one.name for one in engine.status() if one.failure or one.behind] == []
    assert MARK not in capsys.readouterr().err
    logs.configure()
