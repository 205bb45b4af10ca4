"""What the desks are told over HTTP: orders with their copies, acts under a key, acts of two."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import httpx
import msgspec
from fix_service_reads import Bank
from fix_world_china import order

ORDERS = {"kyc-purpose": "legal-order", "kyc-legal-basis": "CBL-30", "kyc-reason": "order at the counter"}
COPIES = [
    {"name": kind, "media_type": "application/pdf", "content": b64encode(f"%PDF {kind}".encode()).decode()}
    for kind in ("assistance-notice", "ruling")
]


def body(bank: Bank, number: str = "O1", **fields: Any) -> dict[str, Any]:
    """An order as it is sent, with copies."""
    made = order(bank, number, **{"customer": "C1", "scope": ("identity",)} | fields)  # type: ignore[arg-type]
    told = msgspec.to_builtins(made)
    return {name: value for name, value in told.items() if name not in {"occurred_at", "handler"}} | {
        "copies": COPIES
    }


def done(client: httpx.Client, path: str, said: dict[str, Any] | None = None, key: str = "", **status: int) -> Any:
    """An act that must be done: what is answered."""
    answer = client.post(path, json=said or {}, headers={"idempotency-key": key or path})
    assert answer.status_code == status.get("status", 200), answer.text
    return answer.json()


def by_two(first: httpx.Client, second: httpx.Client, path: str, said: dict[str, Any] | None = None) -> Any:
    """An act of two: proposed by one, approved by the other."""
    return done(second, f"{path}/approval", done(first, path, said, status=202))


def accepted(bank: Bank, clerk: httpx.Client, second: httpx.Client, number: str, **fields: Any) -> None:
    """An order that was taken in and accepted."""
    assert done(clerk, "/v1/orders", body(bank, number, **fields), number)["result"] == {"violations": []}
    by_two(clerk, second, f"/v1/orders/{number}/acceptance")
