"""Traces, where the extra ``opentelemetry`` is installed and whoever runs the service has set up a provider.

Spans carry the route's template and the method. Without a provider nothing is made and nothing is paid.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

_NOTHING = nullcontext()


def span(route: str, method: str) -> AbstractContextManager[Any]:
    """A span around one request."""
    tracer = _tracer()
    if tracer is None:
        return _NOTHING
    return tracer.start_as_current_span(  # type: ignore[no-any-return]
        f"{method} {route}", attributes={"http.route": route, "http.request.method": method}
    )


@cache
def _tracer() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return None
    return trace.get_tracer("kyc-ledger")
