"""The routes of holds and disposals: part of the route table."""

from __future__ import annotations

from typing import Any, Final

from kyc.service import disposing, hold_acts
from kyc.service.call import Handler
from kyc.service.desk_routes import acts
from kyc.service.disposing import Batch, Proposed, Rejected
from kyc.service.route import Route, may
from kyc.service.shapes import READERS, paged

_ERRORS: Final = (400, 404, 408, 409, 413, 422)


def _act(path: str, action: str, summary: str, handler: Handler, **more: Any) -> Route:
    errors = (*_ERRORS, 415) if more else _ERRORS
    return Route(
        method="POST", path=f"/v1/disposals{path}", action=action, roles=may(action), summary=summary,
        handler=handler, response=Batch, errors=errors, **more,
    )  # fmt: skip


RETENTION: Final = (
    *acts(hold_acts.ACTS),
    paged(
        "/v1/disposals", "list", "Disposals and where each stands", disposing.held,
        parameters={
            "batch": "only this batch", "status": "proposed, approved, rejected, destroyed or completed; all",
        },
    ),
    _act("", "propose-disposal", "Propose what is due today as a batch", disposing.propose, request=Proposed),
    _act(
        "/{batch}/approval", "approve-disposal", "Approve what waits in a batch, as the second person",
        disposing.approve,
    ),
    _act(
        "/{batch}/rejection", "approve-disposal", "Reject what waits in a batch", disposing.reject,
        request=Rejected,
    ),
    _act(
        "/{batch}/execution", "execute-disposal", "Destroy what is approved of a batch, and certify it",
        disposing.execute,
    ),
    Route(
        method="GET", path="/v1/disposals/{batch}/certificates", action="list", roles=READERS,
        summary="Certificates of what is completed, with the program that verifies them",
        handler=disposing.certificates, response_type=disposing.ZIP, errors=(404, 408, 413),
    ),
)  # fmt: skip
