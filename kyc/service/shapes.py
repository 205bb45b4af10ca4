"""What the routes of reads have in common: who may ask, what may be said of time and pages, what may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kyc.service.call import Handler
from kyc.service.door import ON, WAIT, View
from kyc.service.listing import CURSOR, PAGE, Page
from kyc.service.route import Route

READERS: Final = frozenset(
    {"teller", "branch-manager", "hq-operations", "investigator", "compliance", "order-desk", "auditor"}
)
"""Those who may ask the read door; what it shows, and whether it opens, is the matrix's business."""


def get(path: str, action: str, summary: str, handler: Handler, **more: Any) -> Route:
    """A read of one record, or of what is told as one."""
    given: dict[str, Any] = {
        "response": View, "errors": (400, 404, 408, 410, 413), "parameters": {"wait": WAIT},
    } | more  # fmt: skip
    return Route(method="GET", path=path, action=action, roles=READERS, summary=summary, handler=handler, **given)


def paged(path: str, action: str, summary: str, handler: Handler, parameters: Mapping[str, str]) -> Route:
    """A list, a page at a time."""
    return get(path, action, summary, handler, response=Page, parameters={**parameters, **PAGED})


PAGED: Final = {"cursor": CURSOR, "limit": PAGE, "wait": WAIT}
SPAN: Final = {"since": "a date (its beginning) or an instant", "until": "a date (its end) or an instant"}
DUE: Final = {"on": ON, "branch": "only customers this branch looks after"}
AHEAD: Final = {"ahead": "also what falls due within so many days after it"}
UNITS: Final = {
    "on": ON, "record_class": "only of this class, such as identity",
    "made_at": "only where the first record was made at this branch",
    "jurisdiction": "home and host law, such as CN,EU; that of the published rules",
    "feb29": "the end of periods that begin on 29 February: 28-feb or 1-mar",
}  # fmt: skip
