"""The OpenAPI 3.1 description, made from the route table and the structs that decode and encode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec

from kyc.domain import catalogue
from kyc.domain.answer import Problem
from kyc.domain.event import Event, topics
from kyc.domain.fact import WireSubmission
from kyc.domain.transaction import BookTransaction
from kyc.service.facts import is_fact
from kyc.service.problem import MEDIA_TYPE
from kyc.service.route import Route
from kyc.service.sessions import COOKIE

_TEMPLATE: Final = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_ALWAYS: Final = (500, 503)
_KNOWN: Final = (401, 403)
_WORDS: Final = {
    400: "The request cannot be read", 401: "Who asks is not known", 403: "Not for the one who asks",
    404: "Nothing there", 405: "Not by this method", 408: "The request did not arrive in time",
    409: "Conflicts with what is recorded", 410: "Disposed of; only the proof remains", 413: "Too large",
    415: "Not a kind that is read here", 422: "Breaks a rule", 429: "Too many requests of this caller",
    500: "A fault of ours", 503: "Too much is waiting, or the service is stopping: come back",
}  # fmt: skip


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole description."""
    types: list[Any] = [Problem, *_events().values()]
    for route in routes:
        types += [one for one in (route.request, route.response) if one is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=_TEMPLATE)
    shapes = dict(zip(types, schemas, strict=True))
    _describe_data(components, shapes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_PARAMETER.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(route, shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "KYC Ledger", "version": version("kyc-ledger"),
            "description": "Event-sourced KYC and transaction records. Errors are problem documents (RFC 9457).",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "certificate": {"type": "mutualTLS"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }  # fmt: skip


def _events() -> dict[str, type[Event]]:
    assert catalogue.STREAMS
    submitted = {
        topic: kind for topic, kind in topics().items() if kind.SUBMITTED and kind.STREAM and is_fact(kind)
    }
    return submitted | {"transaction.booked": BookTransaction}


def _describe_data(components: dict[str, Any], shapes: dict[Any, Any]) -> None:
    """``data`` of a submission is the event of its topic."""
    properties = components[WireSubmission.__name__]["properties"]
    events = _events()
    properties["topic"] = {"type": "string", "enum": list(events)}
    properties["data"] = {
        "description": "the event of the topic: " + ", ".join(f"{t} → {k.__name__}" for t, k in events.items()),
        "anyOf": [shapes[kind] for kind in events.values()],  # of two types of one name the schemas are named apart
    }


def _operation(route: Route, shapes: dict[Any, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ] + [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in route.parameters.items()
    ]
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z0-9]+', '_', route.path).rstrip('_')}",
        "responses": _responses(route, shapes),
        "x-action": route.action,
    }
    if parameters:
        operation["parameters"] = parameters
    if route.roles is not None:
        operation["security"] = [{"token": []}, {"session": []}, {"certificate": []}]
        operation["x-roles"] = sorted(route.roles)
    if route.request is not None:
        content = {route.request_type: {"schema": shapes[route.request]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(route: Route, shapes: dict[Any, Any]) -> dict[str, Any]:
    schema = shapes[route.response] if route.response is not None else {"type": "string"}
    responses: dict[str, Any] = {
        str(route.status): {"description": "Done", "content": {route.response_type: {"schema": schema}}}
    }
    problem = {MEDIA_TYPE: {"schema": shapes[Problem]}}
    more = (*_KNOWN, 429) if route.roles is not None else ()
    for status in sorted({*route.errors, *more, *_ALWAYS}):
        responses.setdefault(str(status), {"description": _WORDS[status], "content": problem})
    return responses
