"""Acts are not appended: nobody gives themselves a right, lifts a hold, writes the log of accesses."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from fix_samples import SAMPLES
from fix_service import ORIGIN, Provider, Serve
from fix_service_reads import AML, Bank
from fix_siege import ROLES

from kyc.domain.catalogue import STREAMS
from kyc.domain.event import topics
from kyc.domain.submission import StreamName
from kyc.service import facts, openapi
from kyc.service.routes import APPENDERS, ROUTES

FACTS = {
    "account", "alert", "case", "customer", "large-value", "occasional", "operations", "postings", "prospect",
    "report", "ticket",
}  # fmt: skip
"""Streams to which callers may add: a new stream is told apart here before anybody may."""


def test_every_stream_is_told_apart() -> None:
    """A stream holds facts of callers, or acts and the house's own records; the description names facts only."""
    assert set(STREAMS) == FACTS | facts.ACTS
    described = openapi.document(ROUTES)["components"]["schemas"]["WireSubmission"]["properties"]["topic"]["enum"]
    kinds = {topic: kind for topic, kind in topics().items() if kind.SUBMITTED and kind.STREAM in STREAMS}
    assert set(described) == {topic for topic, kind in kinds.items() if facts.is_fact(kind)} | {
        "transaction.booked"
    }


def test_no_act_of_anybody(serve: Serve, oidc: Provider) -> None:
    """Whoever sends a sample of each, whatever their roles: refused by name, and nothing is recorded."""
    running = serve()
    acts = {topic: event for topic, event in SAMPLES.items() if not facts.is_fact(type(event))}
    assert {"access.granted", "hold.released", "order.accepted", "disposal.approved", "access.read"} <= set(acts)
    items = [
        {"key": topic, "topic": topic, "origin": ORIGIN, "data": msgspec.to_builtins(event), "stream": "C1"}
        for topic, event in acts.items()
    ]
    with running.client(oidc.token(roles=ROLES, branch="HQ")) as client:
        for result, item in zip(client.post("/v1/events", json=items).json()["results"], items, strict=True):
            problem = result.get("problem", {})
            assert problem.get("status") in {400, 422}, item["topic"]
            assert problem["status"] == 400 or problem["field"] == "topic", item["topic"]
        streamed = b"".join(msgspec.json.encode(item) + b"\n" for item in items)
        lines = client.post(
            "/v1/events:stream", content=streamed, headers={"content-type": "application/x-ndjson"}
        ).text
        assert '"recorded":[' not in lines
    assert sum(running.service.log.reader.positions().values()) == 0


def test_cases_are_of_those_who_work_on_them(serve: Serve, oidc: Provider) -> None:
    """A case, and what becomes of an alert, is recorded by who may; a report by compliance; an alert by anybody."""
    running = serve()
    given = {
        "case.opened": {"investigator", "compliance"}, "alert.dismissed": {"investigator", "compliance"},
        "report.filed": {"compliance"}, "alert.raised": set(ROLES) & APPENDERS,
    }  # fmt: skip
    for topic, whose in given.items():
        item = {"key": topic, "topic": topic, "origin": ORIGIN, "data": msgspec.to_builtins(SAMPLES[topic])}
        for role in sorted(set(ROLES) & APPENDERS):
            with running.client(oidc.token(roles=[role], branch="HQ")) as client:
                answer = client.post("/v1/events", json=item)
            barred = answer.status_code == 422 and answer.json().get("rule", "").startswith("recorded by: ")
            assert barred == (role not in whose), (topic, role, answer.text)


def test_nobody_lets_themselves_in(served: Bank) -> None:
    """An officer without a grant stays outside, although they can name somebody who never approved."""
    with served.client("compliance", AML, sub="intruder") as intruder:
        assert intruder.get("/v1/customers/C1").status_code == 403
        granted = {
            "occurred_at": served.now.isoformat(), "operator": "intruder", "grant": "G1", "role": "compliance",
            "until": (served.now + timedelta(hours=1)).isoformat(), "approver": "M-2",
        }  # fmt: skip
        event = {"key": "k1", "topic": "access.granted", "origin": ORIGIN, "data": granted}
        refused = intruder.post("/v1/events", json=event)
        assert (refused.status_code, refused.json()["field"]) == (422, "topic")
        assert intruder.get("/v1/customers/C1").status_code == 403
    assert not list(served.running.service.log.events(StreamName("operator", "intruder")))
