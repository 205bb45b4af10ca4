"""Appending over HTTP: batches and streams, per-item answers in order, retries, whose events they are."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fix_bank import booked, captured, household, moved, opened, registered
from fix_embedded import wait_until
from fix_service import NDJSON, ORIGIN, Provider, Running, ndjson, wire

from kyc.domain.submission import StreamName
from kyc.evidence.note import Verifier
from kyc.evidence.receipt import open_receipt
from kyc.service import position

EVENTS = "/v1/events"
STREAM = "/v1/events:stream"


def lines(answer: httpx.Response) -> list[dict]:
    """The lines of a stream's answer."""
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_batch(running: Running, teller: httpx.Client) -> None:
    """A household in one batch: a result for each in order, a transfer recorded in both accounts."""
    answer = teller.post(EVENTS, json=[wire(one) for one in household()]).json()
    assert [result["key"] for result in answer["results"]] == [one.key for one in household()]
    assert [len(result["recorded"]) for result in answer["results"]] == [1] * 8 + [2, 2, 2]
    log = running.service.log
    stored = list(log.events(StreamName("customer", "C1")))
    assert [one.context.actor for one in stored] == ["T-1"] * len(stored)
    assert stored[0].row.hash.hex() == answer["results"][0]["recorded"][0]["hash"]
    assert sum(log.reader.positions().values()) == 14


def test_one_by_one(teller: httpx.Client) -> None:
    """A lone object is a batch of one; its refusal is the answer itself, as a problem document."""
    answer = teller.post(EVENTS, json=wire(registered("C1")))
    assert answer.status_code == 200
    assert answer.json()["results"][0]["recorded"][0]["version"] == 1
    refused = teller.post(EVENTS, json=wire(opened("A1", "C9")))
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["type"] == "urn:kyc-ledger:problem:refused"
    assert problem["field"] == "holders[0].customer"
    assert problem["remedy"]
    assert problem["request"] == refused.headers["x-request-id"]


def test_retries_and_conflicts(teller: httpx.Client) -> None:
    """The same again gets the first receipt; the same key with other content, or a stale version, a conflict."""
    first = teller.post(EVENTS, json=wire(registered("C1"))).json()
    again = teller.post(EVENTS, json=wire(registered("C1"))).json()
    assert again["results"][0]["replayed"]
    assert again["results"][0]["recorded"] == first["results"][0]["recorded"]
    assert again["receipt"] == first["receipt"]
    other = teller.post(EVENTS, json=wire(registered("C1", "Charles Babbage")))
    assert (other.status_code, other.json()["field"]) == (409, "key")
    stale = teller.post(EVENTS, json=wire(moved("C1", "2 New Street"), expected=7))
    assert (stale.status_code, stale.json()["type"]) == (409, "urn:kyc-ledger:problem:version-conflict")
    assert teller.post(EVENTS, json=wire(moved("C1", "2 New Street"), expected=1)).status_code == 200


def test_good_and_bad_together(teller: httpx.Client) -> None:
    """Each item has its own verdict: what cannot be read, what is refused, what is recorded."""
    answer = teller.post(
        EVENTS,
        json=[wire(registered("C1")), {"key": "x"}, wire(opened("A1", "C1")), wire(opened("A2", "C7")), 5],
    )
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result.get("problem", {}).get("status") for result in results] == [None, 400, None, 422, 400]


def test_whose_event_it_is(running: Running, teller: httpx.Client, oidc: Provider) -> None:
    """Actor and branch are the caller's; who claims others is refused, who names the own is not."""
    own = wire(registered("C1"), origin=ORIGIN | {"actor": "T-1", "branch": "B-1"})
    assert teller.post(EVENTS, json=own).status_code == 200
    for field, claim in (("actor", "T-2"), ("branch", "B-2")):
        refused = teller.post(EVENTS, json=wire(registered("C2"), origin=ORIGIN | {field: claim}))
        assert (refused.status_code, refused.json()["field"]) == (422, f"origin.{field}")
    with running.client(oidc.token(sub="T-9", branch="B-7")) as other:
        assert other.post(EVENTS, json=wire(registered("C3"))).status_code == 200
    (stored,) = running.service.log.events(StreamName("customer", "C3"))
    assert (stored.context.actor, stored.context.branch) == ("T-9", "B-7")


def test_receipt_and_position(running: Running, teller: httpx.Client) -> None:
    """The receipt holds under the log's receipt key and names what was recorded; the position covers it."""
    answer = teller.post(EVENTS, json=[wire(one) for one in household()]).json()
    key = Verifier.parse(running.service.receipt_verifier_key)
    receipt = open_receipt(answer["receipt"], key, running.service.log.database.origin())
    said = [event for result in answer["results"] for event in result["recorded"]]
    assert [event.hash.hex() for event in receipt.events] == [event["hash"] for event in said]
    reached = position.parse(answer["position"])
    assert all(reached[event["lane"]] >= event["position"] for event in said)


def test_scans_travel(running: Running, teller: httpx.Client) -> None:
    """The image in a submission is stored beside its event, byte for byte."""
    teller.post(EVENTS, json=[wire(registered("C1")), wire(captured("C1", "P1"))])
    log = running.service.log
    stored = [one for one in log.events(StreamName("customer", "C1")) if one.context.topic == "document.captured"]
    (image,) = stored[0].event.images
    lane = stored[0].row.data_key
    from kyc.store.records import lane_of

    assert log.scan(image, lane_of(lane, log.lanes))[1] == b"scan of P1"


def test_a_stream(teller: httpx.Client) -> None:
    """Lines in, lines out, numbered; empty lines are passed over; receipts cover what was recorded; an end."""
    body = ndjson(*[wire(one) for one in household()]) + b"\n" + b"{}\n" + ndjson(wire(opened("A3", "C1")))[:-1]
    answer = lines(teller.post(STREAM, content=body, headers={"content-type": NDJSON}))
    results = [line for line in answer if line.get("line")]
    assert [line["line"] for line in results] == [*range(1, 12), 13, 14]
    assert [bool(line["result"].get("problem")) for line in results] == [False] * 11 + [True, False]
    assert any(line.get("receipt") for line in answer)
    assert answer[-1]["end"] == {"recorded": 12, "replayed": 0, "refused": 1, "complete": True, "problem": None}


def test_a_long_stream_is_answered_while_it_comes(running: Running, oidc: Provider) -> None:
    """Answers to the first lines are there before the last are sent; memory for bodies is given back."""
    teller = running.client(oidc.token())
    started, told = [], 0

    def body():
        nonlocal told
        yield ndjson(wire(registered("C1")), wire(opened("A1", "C1")))
        for number in range(300):
            yield ndjson(*[wire(booked(f"T{number}-{n}", ("A1", "credit", "1.00"))) for n in range(10)])
            told = number

    with teller, teller.stream("POST", STREAM, content=body(), headers={"content-type": NDJSON}) as answer:
        for line in answer.iter_lines():
            started.append(json.loads(line))
    assert started[-1]["end"]["recorded"] == 3_002
    assert sum(1 for line in started if line.get("receipt")) > 3
    wait_until(lambda: running.server._application.parts.memory.held == 0)
    assert told == 299


def test_many_callers_share_commits(running: Running, oidc: Provider) -> None:
    """Sixteen clients at once, one event a request: all recorded once, each with its own answer."""
    with running.client(oidc.token()) as client:
        client.post(EVENTS, json=[wire(one) for one in household()])

        def one(number: int) -> str:
            answer = client.post(EVENTS, json=wire(booked(f"X{number}", ("A1", "credit", "1.00"))))
            (result,) = answer.json()["results"]
            return result["key"]

        with ThreadPoolExecutor(16) as pool:
            keys = list(pool.map(one, range(200)))
    assert keys == [f"X{number}" for number in range(200)]
    stored = list(running.service.log.events(StreamName("postings", "A1")))
    assert len(stored) == 201


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"[", b"nonsense", b"[1,", b'{"key": 1}', b"\xff\xfe", b"[" * 100_000]
)
def test_bodies_that_are_none(teller: httpx.Client, body: bytes) -> None:
    """What is no batch is refused with a problem that repeats nothing of it."""
    answer = teller.post(EVENTS, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["rule"]
    assert "nonsense" not in answer.text
