"""Emergencies over HTTP: declared by who is in one, reviewed by somebody else; both see them in the lists."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from kyc.desk.emergencies import HOURS_MOST, EmergencyDesk
from kyc.domain.access_log import BreakGlassReviewed, BreakGlassUsed, Finding
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Line, Text
from kyc.service.acting import Act, Said


class Emergency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An emergency that the caller is in."""

    use: Code
    """The caller's own name for it."""
    reason: Text
    hours: Annotated[int, msgspec.Meta(ge=1, le=HOURS_MOST)] = 1


class Review(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was found of an emergency."""

    finding: Finding
    note: Line = ""


def _operator(said: Said) -> StreamName:
    return StreamName("operator", said.path["operator"])


_BY: Final[dict[str, Any]] = {"desk": EmergencyDesk, "subject": _operator}
ACTS: Final = (
    Act(
        name="declare-emergency", path="/v1/operators/{operator}/emergencies", body=Emergency, **_BY,
        leaves=(BreakGlassUsed,), summary="Help oneself in an emergency, for hours; somebody else reviews it",
        do=lambda desk, said: desk.declare(
            said.path["operator"], said.body.use, said.body.reason, said.body.hours
        ),
        tell=lambda desk, _, __: {"until": desk.done[-1].event and desk.done[-1].event.until},
    ),
    Act(
        name="review-emergency", path="/v1/operators/{operator}/emergencies/{use}/review", body=Review, **_BY,
        leaves=(BreakGlassReviewed,), summary="Say what was found of an emergency; nobody reviews themselves",
        do=lambda desk, said: desk.review(
            said.path["operator"], said.path["use"], said.body.finding, said.body.note
        ),
    ),
)  # fmt: skip
