"""The routes of reads: part of the route table."""

from __future__ import annotations

from typing import Any, Final

from kyc.service import customers, read, transactions
from kyc.service.call import Handler
from kyc.service.door import ABOUT, AS_OF, WAIT, View
from kyc.service.route import Route

READERS: Final = frozenset(
    {"teller", "branch-manager", "hq-operations", "investigator", "compliance", "order-desk", "auditor"}
)
"""Those who may ask the read door; what it shows, and whether it opens, is the matrix's business."""


def _get(path: str, action: str, summary: str, handler: Handler, **more: Any) -> Route:
    given: dict[str, Any] = {
        "response": View, "errors": (400, 404, 408, 410, 413), "parameters": {"wait": WAIT},
    } | more  # fmt: skip
    return Route(method="GET", path=path, action=action, roles=READERS, summary=summary, handler=handler, **given)


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
)  # fmt: skip
