"""The routes of reads: part of the route table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kyc.service import customers, exports, holdings, read, registers, transactions
from kyc.service.call import Handler
from kyc.service.door import ABOUT, AS_OF, ON, WAIT, View
from kyc.service.exporting import ExportOrder
from kyc.service.listing import CURSOR, PAGE, Page
from kyc.service.route import Route

READERS: Final = frozenset(
    {"teller", "branch-manager", "hq-operations", "investigator", "compliance", "order-desk", "auditor"}
)
"""Those who may ask the read door; what it shows, and whether it opens, is the matrix's business."""

EXPORTERS: Final = frozenset({"investigator", "compliance"})
"""Those to whom the matrix gives exports, with a second person."""


def _get(path: str, action: str, summary: str, handler: Handler, **more: Any) -> Route:
    given: dict[str, Any] = {
        "response": View, "errors": (400, 404, 408, 410, 413), "parameters": {"wait": WAIT},
    } | more  # fmt: skip
    return Route(method="GET", path=path, action=action, roles=READERS, summary=summary, handler=handler, **given)


def _list(path: str, action: str, summary: str, handler: Handler, parameters: Mapping[str, str]) -> Route:
    return _get(path, action, summary, handler, response=Page, parameters={**parameters, **_PAGED})


_PAGED: Final = {"cursor": CURSOR, "limit": PAGE, "wait": WAIT}
_SPAN: Final = {"since": "a date (its beginning) or an instant", "until": "a date (its end) or an instant"}
_DUE: Final = {"on": ON, "branch": "only customers this branch looks after"}
_AHEAD: Final = {"ahead": "also what falls due within so many days after it"}
_UNITS: Final = {
    "on": ON, "record_class": "only of this class, such as identity",
    "made_at": "only where the first record was made at this branch",
    "jurisdiction": "home and host law, such as CN,EU; that of the published rules",
    "feb29": "the end of periods that begin on 29 February: 28-feb or 1-mar",
}  # fmt: skip
_OF = customers.PARAMETERS
READS: Final = (
    _get(
        "/v1/customers/{number}", "read",
        "A customer as known now, or as recorded until a moment, about another day",
        read.customer, response=read.CustomerView, parameters={"as_of": AS_OF, "about": ABOUT, "wait": WAIT},
    ),
    _get(
        "/v1/customers/{number}/history", "replay", "Everything recorded about a customer and their accounts",
        customers.history, parameters=_OF["history"],
    ),
    _get(
        "/v1/customers/{number}/compare", "replay", "A customer at two moments, and what was recorded between",
        customers.compare, parameters=_OF["compare"],
    ),
    _get(
        "/v1/customers/{number}/paths", "list", "The shortest paths of transactions to another customer",
        customers.paths, parameters=_OF["paths"],
    ),
    _get(
        "/v1/customers/{number}/documents", "read", "A customer's documents and where each stands on a day",
        customers.documents, parameters=_OF["day"],
    ),
    _get(
        "/v1/customers/{number}/owners", "read", "Who stands behind a customer on a day", customers.behind,
        parameters=_OF["day"],
    ),
    _get(
        "/v1/customers/{number}/diligence", "read", "Where a customer's due diligence stands", customers.diligence,
        parameters=_OF["day"],
    ),
    _get(
        "/v1/customers/{number}/counterparties", "read", "With whom a customer dealt", customers.counterparties,
        parameters=_OF["counterparties"],
    ),
    _list(
        "/v1/customers/{number}/reads", "supervise", "Who looked at a customer's data, the latest first",
        registers.reads_of, parameters=_SPAN,
    ),
    _list(
        "/v1/customers/{number}/disclosures", "read", "What was given out of a customer's data, the latest first",
        registers.disclosures_of, parameters=_SPAN,
    ),
    _get("/v1/customers/{number}/accounts", "read", "The accounts a customer holds or held", customers.accounts),
    _get(
        "/v1/customers/{number}/consents", "read", "Notices, consents, restrictions and requests of a customer",
        customers.privacy, parameters=_OF["day"],
    ),
    _get(
        "/v1/transactions/{reference}", "read", "One transaction in full, each party as known then and now",
        transactions.transaction, parameters={"as_of": AS_OF, "wait": WAIT},
    ),
    _get(
        "/v1/transactions/{reference}/proof", "read", "The proof that a transaction is in the signed log",
        transactions.proof,
    ),
    _get(
        "/v1/accounts/{number}", "read", "An account as known now, or as recorded until a moment",
        transactions.account, parameters={"as_of": AS_OF, "about": ABOUT, "wait": WAIT},
    ),
    _list(
        "/v1/accounts/{number}/transactions", "read", "Transactions of an account, the oldest first",
        registers.transactions, parameters=_SPAN | {
            "least": "amount at least", "most": "amount at most", "currency": "code", "channel": "", "kind": "",
        },
    ),
    Route(
        method="POST", path="/v1/customers:find", action="list", roles=READERS,
        summary="Customers by what is known of them", handler=registers.find, request=registers.Find,
        response=Page, parameters=_PAGED, errors=(400, 404, 408, 413, 415),
    ),
    _list(
        "/v1/documents/due", "list", "Customers of whom another document is wanted", registers.documents_due,
        parameters=_DUE | {"state": "expiring, grace, suspended or expired; all"},
    ),
    _list("/v1/reviews/due", "list", "Reviews due on a day", registers.reviews_due, parameters=_DUE | _AHEAD),
    _list(
        "/v1/requests/due", "list", "Requests of persons that wait for an answer", registers.requests_due,
        parameters=_DUE | _AHEAD,
    ),
    _list(
        "/v1/quality", "list", "Files with something missing or contradictory", registers.quality,
        parameters=_DUE | {"every": "yes: also files with nothing to mend; no"},
    ),
    _list(
        "/v1/holds", "list", "Holds as of a day", holdings.holds,
        parameters={
            "on": ON, "subject": "kind and key of whose records, such as customer/C1",
            "reference": "the case, order or claim they rest on", "released": "yes: also released ones; no",
        },
    ),
    _list(
        "/v1/retention/due", "list", "Units of records that may go, those that must first", holdings.due,
        parameters=_UNITS,
    ),
    _list(
        "/v1/retention/conflicts", "list", "Units that one law wants deleted before another lets them go",
        holdings.conflicts, parameters=_UNITS,
    ),
    _list(
        "/v1/disclosures", "list", "What left the house, the latest first", registers.disclosures,
        parameters=_SPAN | {
            "customer": "number", "matter": "number of an order or request", "recipient": "", "digest": "SHA-256",
        },
    ),
    _list(
        "/v1/operators/{operator}/reads", "supervise", "What somebody looked at, the latest first",
        registers.reads_by, parameters=_SPAN,
    ),
    _get(
        "/v1/branches/{branch}/summary", "list", "A branch's day or month", registers.summary,
        parameters={"span": "a day or a month, such as 2026-03", "wait": WAIT},
    ),
    Route(
        method="POST", path="/v1/exports", action="export", roles=EXPORTERS, status=202,
        summary="Ask for a signed export; a second person approves it", handler=exports.begin,
        request=ExportOrder, response=exports.ExportView, errors=(400, 408, 413, 415),
    ),
    Route(
        method="GET", path="/v1/exports/{id}", action="export", roles=EXPORTERS,
        summary="Where an export stands", handler=exports.status, response=exports.ExportView, errors=(404, 408),
    ),
    Route(
        method="POST", path="/v1/exports/{id}/approval", action="export", roles=EXPORTERS, status=202,
        summary="Approve an export that somebody else asked for", handler=exports.approve,
        response=exports.ExportView, errors=(404, 408),
    ),
    Route(
        method="GET", path="/v1/exports/{id}/bundle", action="export", roles=EXPORTERS,
        summary="Take the bundle", handler=exports.bundle, response_type="application/octet-stream",
        errors=(404, 408, 409),
    ),
)  # fmt: skip
