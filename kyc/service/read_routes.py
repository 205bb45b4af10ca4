"""The routes of reads about one customer, account or transaction, and of exports: part of the route table."""

from __future__ import annotations

from typing import Final

from kyc.service import customers, exports, read, registers, transactions
from kyc.service.door import ABOUT, AS_OF, WAIT
from kyc.service.exporting import ExportOrder
from kyc.service.route import Route
from kyc.service.shapes import SPAN, get, paged

EXPORTERS: Final = frozenset({"investigator", "compliance"})
"""Those to whom the matrix gives exports, with a second person."""

_OF = customers.PARAMETERS
READS: Final = (
    get(
        "/v1/customers/{number}", "read",
        "A customer as known now, or as recorded until a moment, about another day",
        read.customer, response=read.CustomerView, parameters={"as_of": AS_OF, "about": ABOUT, "wait": WAIT},
    ),
    get(
        "/v1/customers/{number}/history", "replay", "Everything recorded about a customer and their accounts",
        customers.history, parameters=_OF["history"],
    ),
    get(
        "/v1/customers/{number}/compare", "replay", "A customer at two moments, and what was recorded between",
        customers.compare, parameters=_OF["compare"],
    ),
    get(
        "/v1/customers/{number}/paths", "list", "The shortest paths of transactions to another customer",
        customers.paths, parameters=_OF["paths"],
    ),
    get(
        "/v1/customers/{number}/documents", "read", "A customer's documents and where each stands on a day",
        customers.documents, parameters=_OF["day"],
    ),
    get(
        "/v1/customers/{number}/owners", "read", "Who stands behind a customer on a day", customers.behind,
        parameters=_OF["day"],
    ),
    get(
        "/v1/customers/{number}/diligence", "read", "Where a customer's due diligence stands", customers.diligence,
        parameters=_OF["day"],
    ),
    get(
        "/v1/customers/{number}/counterparties", "read", "With whom a customer dealt", customers.counterparties,
        parameters=_OF["counterparties"],
    ),
    paged(
        "/v1/customers/{number}/reads", "supervise", "Who looked at a customer's data, the latest first",
        registers.reads_of, parameters=SPAN,
    ),
    paged(
        "/v1/customers/{number}/disclosures", "read", "What was given out of a customer's data, the latest first",
        registers.disclosures_of, parameters=SPAN,
    ),
    get("/v1/customers/{number}/accounts", "read", "The accounts a customer holds or held", customers.accounts),
    get(
        "/v1/customers/{number}/consents", "read", "Notices, consents, restrictions and requests of a customer",
        customers.privacy, parameters=_OF["consents"],
    ),
    get(
        "/v1/transactions/{reference}", "read", "One transaction in full, each party as known then and now",
        transactions.transaction, parameters={"as_of": AS_OF, "wait": WAIT},
    ),
    get(
        "/v1/transactions/{reference}/proof", "read", "The proof that a transaction is in the signed log",
        transactions.proof,
    ),
    get(
        "/v1/accounts/{number}", "read", "An account as known now, or as recorded until a moment",
        transactions.account, parameters={"as_of": AS_OF, "about": ABOUT, "wait": WAIT},
    ),
    paged(
        "/v1/accounts/{number}/transactions", "read", "Transactions of an account, the oldest first",
        registers.transactions, parameters=SPAN | {
            "least": "amount at least", "most": "amount at most", "currency": "code", "channel": "", "kind": "",
        },
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
