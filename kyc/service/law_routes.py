"""The routes of the published rules, and of publishing the next: part of the route table."""

from __future__ import annotations

from typing import Final

from kyc.service import lawbook, policy_acts
from kyc.service.desk_routes import acts
from kyc.service.lawbook import PARAMETERS, Rules
from kyc.service.route import Route
from kyc.service.shapes import READERS


def _law(path: str, summary: str, name: str) -> Route:
    return Route(
        method="GET", path=path, action="law", roles=READERS, summary=summary, handler=getattr(lawbook, name),
        response=Rules, parameters=PARAMETERS[name], errors=(400, 404, 408, 413),
    )  # fmt: skip


LAW: Final = (
    *acts(policy_acts.ACTS),
    _law("/v1/law", "Published versions of rules and forms, and which are in use on a day", "versions"),
    _law("/v1/law/rules/{rule}", "What a rule says on a day, and which row of which version says so", "ask"),
    _law("/v1/law/retention/{record_class}", "Every row of retention law about a class of records", "retention"),
    _law("/v1/law/access", "The access matrix in use on a day", "matrix"),
)
