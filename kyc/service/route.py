"""What a route is: one line of the table from which routing, OpenAPI and the tests of authorisation are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from kyc.domain.access_rules import shipped_matrix
from kyc.service.call import JSON, Handler

Method = Literal["GET", "POST", "PUT", "DELETE"]

PUBLIC: Final = None
"""Roles of a route that answers whoever asks: it must show nothing of anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path."""

    method: Method
    path: str
    """Starlette's template: ``/v1/customers/{number}``."""
    action: str
    """What is done, as the matrix of access and the log name it."""
    roles: frozenset[str] | None
    """Who may call it at all; what they see is decided by the one read door."""
    summary: str
    handler: Handler
    request: Any = None
    """Type of the body, None without one."""
    request_type: str = JSON
    response: Any = None
    """Type of the answer, None where it is text or bytes."""
    response_type: str = JSON
    status: int = 200
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Query parameters: name → what they mean."""
    errors: tuple[int, ...] = ()
    """Statuses of problems beside those that every route may answer."""


def may(action: str) -> frozenset[str]:
    """Staff to whom the shipped matrix gives an action, over the network."""
    matrix = shipped_matrix()
    return frozenset(
        rule.role
        for rule in matrix.rule
        if action in rule.actions
        and matrix.roles[rule.role].kind == "staff"
        and "at-the-machine" not in rule.conditions
    )
