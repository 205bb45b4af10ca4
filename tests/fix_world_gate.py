"""A bank with a door: asks of each role as the matrix wants them, and the gate over the real ledger of a story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fix_world_china import accepted, onboard, open_account, order

from kyc.access.ask import Actor, Ask
from kyc.access.gate import Gate
from kyc.domain.access_log import AccessGranted
from kyc.domain.monitoring import CaseOpened
from kyc.domain.service_ticket import TicketOpened
from kyc.domain.submission import StreamName
from kyc.errors import AccessDeniedError

FULL = "AML24-34"


def actor(role: str, name: str = "T-1", **fields: Any) -> Actor:
    """Somebody in a role at branch B-1, strongly authenticated."""
    return Actor(**{"id": name, "roles": frozenset({role}), "branch": "B-1", "authn": "oidc-mfa"} | fields)


def ask(who: Actor, number: str = "C1", **fields: Any) -> Ask:
    """A teller's question about a customer."""
    values: dict[str, Any] = {
        "actor": who, "action": "read", "subject": StreamName("customer", number), "purpose": "account-service",
        "legal_basis": FULL, "reason": "serving", "ticket": "S1",
    }  # fmt: skip
    return Ask(**values | fields)


def ticket(world: Any, number: str = "S1", customer: str = "C1", **fields: Any) -> None:
    """A ticket at branch B-1 that T-1 serves for eight hours."""
    values: dict[str, Any] = {
        "occurred_at": world.now, "ticket": number, "customer": customer, "branch": "B-1", "operator": "T-1",
        "business": "update", "trigger": "queue-17", "until": world.now + timedelta(hours=8),
    }  # fmt: skip
    world.record(TicketOpened(**values | fields), branch=fields.get("branch", "B-1"))


def grant(world: Any, operator: str, role: str, hours: int = 8, **fields: Any) -> None:
    """A right given by M-1 and M-2."""
    values: dict[str, Any] = {
        "occurred_at": world.now, "operator": operator, "grant": f"{operator}/{role}", "role": role,
        "until": world.now + timedelta(hours=hours), "approver": "M-2",
    }  # fmt: skip
    world.record(AccessGranted(**values | fields), actor="M-1")


def refused(gate: Gate, question: Ask, customers: tuple[str, ...] = ()) -> AccessDeniedError:
    """The refusal of a request that must be refused."""
    with pytest.raises(AccessDeniedError) as caught:
        gate.admit(question, customers)
    return caught.value


@pytest.fixture
def guarded(china: Any) -> Any:
    """A Chinese bank with two customers of branch B-1, one of B-2, an account, a case and an order."""
    onboard(china, "C1")
    onboard(china, "C2")
    onboard(china, "C3")
    open_account(china, "A1", "C1")
    china.record(CaseOpened(occurred_at=china.now, case="CA-1", customers=("C1",), trigger="model"), actor="I-1")
    china.record(order(china, "O-1", customer="C1", scope=("names", "balance")))
    china.record(accepted(china, "O-1"))
    return china


@pytest.fixture
def gate(guarded: Any) -> Gate:
    """The door to it."""
    return Gate(guarded.log, ZoneInfo("UTC"))
