"""Traces with the collector of the OpenTelemetry SDK: a span for each request, with nothing that was asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fix_bank import registered
from fix_service import Provider, Running, wire
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kyc.service import tracing


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What whoever runs the service has set up: a provider that keeps the spans."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    tracing._tracer.cache_clear()
    yield kept
    tracing._tracer.cache_clear()
    provider.shutdown()


def test_a_span_for_each_request(spans: InMemorySpanExporter, running: Running, oidc: Provider) -> None:
    """Named by method and template; neither the path, a value, a token nor a person stands in one."""
    token = oidc.token()
    with running.client(token) as client:
        assert client.post("/v1/events", json=wire(registered("C-secret", "Ada Lovelace"))).status_code == 200
        client.get("/v1/customers/C-secret?as_of=2026-03-01")
        client.get("/v1/nowhere/C-secret")
    told = spans.get_finished_spans()
    assert [one.name for one in told] == ["POST /v1/events", "GET /v1/customers/{number}", "GET unknown"]
    for one in told:
        assert dict(one.attributes or {}).keys() == {"http.route", "http.request.method"}
        assert one.end_time is not None
        assert one.start_time is not None
        assert one.end_time > one.start_time
        said = one.to_json()
        assert not [word for word in ("C-secret", "Ada", "T-1", "2026-03-01", token[:40]) if word in said]


def test_without_a_provider_nothing_is_made(running: Running) -> None:
    """Nobody has set one up: requests are answered, and there is no tracer."""
    tracing._tracer.cache_clear()
    with running.client() as client:
        assert client.get("/livez").status_code == 200
    assert tracing._tracer() is None
