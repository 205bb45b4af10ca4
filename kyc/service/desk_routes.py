"""The routes of the desks: orders of authorities, customers' files, requests of persons. Part of the route table.

Who may call a route is what the shipped matrix says of its act; the matrix in force has the last word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from kyc.domain.access_rules import shipped_matrix
from kyc.service import answers, emergency_acts, file_acts, order_acts, order_lists, request_acts
from kyc.service.acting import Act, Done, single
from kyc.service.call import Handler
from kyc.service.door import ON, WAIT, View
from kyc.service.listing import CURSOR, PAGE, Page
from kyc.service.proposing import Proposal, approve, propose
from kyc.service.route import Route, may

_ERRORS: Final = (400, 404, 408, 409, 413, 415, 422)
_ORDERS: Final = frozenset({"order-desk", "compliance"})
"""Those to whom the matrix shows sealed orders."""
_PAGED: Final = {"cursor": CURSOR, "limit": PAGE, "wait": WAIT}
_SOME: Final = {"limit": "rows at most, 1 to 1000; 1000", "wait": WAIT}
_CHOSEN: Final = {"customer": "number", "account": "number", "organ": "such as court"}
_SPAN: Final = {"since": "a date (its beginning) or an instant", "until": "a date (its end) or an instant"}


def acts(some: Sequence[Act]) -> Iterator[Route]:
    """A route for each act; of what takes two, one to propose it and one to approve it."""
    for act in some:
        two = shipped_matrix().acts[act.name].two
        given: dict[str, Any] = {
            "method": "POST", "action": act.name, "roles": may(act.name), "errors": _ERRORS,
        }  # fmt: skip
        if not two:
            yield Route(
                path=act.path, summary=act.summary, handler=single(act), request=act.body, response=Done, **given
            )
            continue
        yield Route(
            path=act.path, summary=f"{act.summary}: proposed, for a second person to approve", request=act.body,
            handler=propose(act), response=Proposal, status=202, **given,
        )  # fmt: skip
        yield Route(
            path=f"{act.path}/approval", summary=f"{act.summary}: approved by the second person", request=Proposal,
            handler=approve(act), response=Done, **given,
        )  # fmt: skip


def _answered(at: str, action: str, what: Handler, body: Any, summary: str) -> Iterator[Route]:
    given: dict[str, Any] = {"action": action, "roles": may(action)}
    yield Route(
        method="POST", path=f"{at}/answers", summary=summary, handler=what, request=body, status=202,
        response=answers.AnswerView, errors=_ERRORS, **given,
    )  # fmt: skip
    yield Route(
        method="GET", path=f"{at}/answers/{{id}}", summary="Where an answer stands", handler=answers.status,
        response=answers.AnswerView, errors=(404, 408), **given,
    )  # fmt: skip
    yield Route(
        method="GET", path=f"{at}/answers/{{id}}/bundle", summary="Take the answer", handler=answers.bundle,
        response_type="application/octet-stream", errors=(404, 408, 409, 422), **given,
    )  # fmt: skip


def _look(path: str, action: str, summary: str, handler: Handler, **more: Any) -> Route:
    given: dict[str, Any] = {"response": View, "parameters": {"wait": WAIT}} | more
    return Route(
        method="GET", path=path, action=action, roles=may(action) & _ORDERS, summary=summary, handler=handler,
        errors=(400, 404, 408, 410, 413), **given,
    )  # fmt: skip


DESKS: Final = (
    *acts(order_acts.ACTS),
    *_answered(
        "/v1/orders/{number}", "answer", answers.begin("order", answers.OrderAnswer), answers.OrderAnswer,
        "Answer a query: a signed export of exactly what the order names",
    ),
    _look(
        "/v1/orders", "list", "Orders of authorities and where each stood at an instant", order_lists.orders,
        response=Page,
        parameters={"on": ON, "status": "received, accepted, rejected or fulfilled; all"} | _CHOSEN | _PAGED,
    ),
    _look(
        "/v1/freezes", "list", "Freezes and where each stood at an instant: one lapses at its moment by itself",
        order_lists.freezes, response=Page, parameters={"on": ON, "order": "number"} | _CHOSEN | _SOME,
    ),
    _look(
        "/v1/orders/due", "list", "What is to be seen to: freezes that lapse, queues, customers to be told",
        order_lists.due, response=Page,
        parameters={"on": ON, "ahead": "freezes that lapse within so many days; 14"} | _SOME,
    ),
    _look(
        "/v1/orders/assistance", "list", "The register of every assistance", order_lists.assistance, response=Page,
        parameters=_SPAN | _SOME,
    ),
    _look(
        "/v1/orders/{number}", "order", "One order: where it stood, its freezes, what was done under it",
        order_lists.order, parameters={"on": ON, "wait": WAIT},
    ),
    _look(
        "/v1/orders/{number}/violations", "validate-order", "Everything that stands against following an order",
        order_lists.violations, response=order_lists.Violations, parameters={},
    ),
    *acts(emergency_acts.ACTS),
    *acts(file_acts.ACTS),
    *acts(request_acts.ACTS),
    *_answered(
        "/v1/requests/{number}", "answer-request", answers.begin("request", answers.RequestAnswer),
        answers.RequestAnswer, "Hand over what whoever asks may be told, as a signed file",
    ),
)  # fmt: skip
