"""Everything the OpenAPI description allows, and much it does not, sent to the real server by schemathesis."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from fix_service import NDJSON
from fix_siege import MARK, ROLES, Fortress, named
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi

from kyc.service import openapi as described
from kyc.service.route import Route
from kyc.service.routes import ROUTES

CHECKS = [
    checks.not_a_server_error, openapi.status_code_conformance, openapi.content_type_conformance,
    openapi.response_schema_conformance, openapi.response_headers_conformance, openapi.unsupported_method,
]  # fmt: skip
SCHEMA = schemathesis.openapi.from_dict(described.document(ROUTES))
SETTINGS = settings(
    max_examples=15, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@schemathesis.serializer(NDJSON)
def _lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def asked() -> list[Any]:
    """Each route with what is described, and where anything can be said wrongly, with what is not."""
    modes = schemathesis.GenerationMode
    return [
        pytest.param(route, mode, id=f"{named(route)} {mode.value}")
        for route in ROUTES
        for mode in modes
        if mode is modes.POSITIVE or route.request is not None or route.parameters
    ]


@pytest.mark.parametrize(("route", "mode"), asked())
def test_as_described(fortress: Fortress, route: Route, mode: schemathesis.GenerationMode) -> None:
    """Every answer has a described status, kind and form, whatever is asked; none is a fault of ours."""
    operation = SCHEMA[re.sub(r":\w+}", "}", route.path)][route.method]
    headers = {"authorization": f"Bearer {fortress.provider.token(roles=ROLES)}"}

    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        answer = case.call(base_url=fortress.running.url, headers=headers)
        case.validate_response(answer, checks=CHECKS)
        assert MARK not in answer.text

    holds()
