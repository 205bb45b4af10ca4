"""GET /openapi.json."""

from __future__ import annotations

from kyc.service.call import Answer, Call


async def describe(call: Call) -> Answer:
    """The OpenAPI description, made once."""
    return Answer(body=call.parts.description)
