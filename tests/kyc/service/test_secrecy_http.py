"""At the counter nothing tells: not a refusal, not its work, not a label of a view, not a row of a list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fix_bank import submission
from fix_service_reads import SUPERVISION, TELLER, Bank
from fix_world_china import accepted, order

from kyc.domain.customer import RiskRated
from kyc.domain.disposal import HoldPlaced
from kyc.domain.monitoring import CaseOpened
from kyc.domain.service_ticket import TicketOpened

SECRET = ("o-9", "k-9", "h-9", "on_hold", "holds", "freez", "risk", "rating", "secret", "restrain")
WAYS = (
    "customers/{0}/history", "customers/{0}/diligence", "customers/{0}/reads", "customers/{0}/disclosures",
    "accounts/A9", "orders/O-9", "orders/O-9/violations", "orders", "freezes", "holds", "retention/due",
    "requests/Q1/answers/0", "requests/Q1/answers/0/bundle",
)  # fmt: skip


@pytest.fixture
def watched(served: Bank) -> Bank:
    """C1 is under a case, a secret order, a hold and a rating; C2 is under nothing; T-1 serves both."""
    served.record(order(served, "O-9", customer="C1", secret=True))  # type: ignore[arg-type]
    served.record(accepted(served, "O-9"))  # type: ignore[arg-type]
    served.record(
        CaseOpened(occurred_at=served.now, case="K-9", customers=("C1",), trigger="model"),
        HoldPlaced(occurred_at=served.now, subject="customer/C1", hold="H-9", basis="aml-investigation"),
        TicketOpened(
            occurred_at=served.now, ticket="S2", customer="C2", branch="B-1", operator="T-1", business="update",
            trigger="queue-18", until=served.now + timedelta(hours=1),
        ),
    )  # fmt: skip
    rated = RiskRated(occurred_at=served.now, level="high", model="m/1", reasons=("cash-intensive",))
    served.submit(submission("C1/rated", rated, "C1"))
    served.project()
    return served


def silent(answer: httpx.Response) -> httpx.Response:
    """An answer without a word that tells."""
    assert answer.status_code == 200, answer.text
    assert not [word for word in SECRET if word in answer.text.lower()], answer.text
    return answer


def test_nothing_tells_at_the_counter(watched: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of who is watched and who is not: the same fields and work, refusals of one text, lists without a label."""
    sent: list[str] = []
    execute = psycopg.Connection.execute

    def counted(connection: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(str(query)[:40])
        return execute(connection, query, *arguments, **options)

    def cost(path: str, paper: str) -> tuple[httpx.Response, int]:
        sent.clear()
        return teller.get(f"/v1/{path}", headers={"kyc-ticket": paper, "x-request-id": "r"}), len(sent)

    with watched.client("teller", TELLER, sub="T-1") as teller:
        for number, paper in (("C1", "S1"), ("C2", "S2"), ("C1", "S1")):  # keys and states are known from here on
            silent(cost(f"customers/{number}", paper)[0])
            cost(f"customers/{number}/history", paper)
        monkeypatch.setattr(psycopg.Connection, "execute", counted)
        seen = []
        for number, paper in (("C1", "S1"), ("C2", "S2")):
            shown, work = cost(f"customers/{number}", paper)
            refused, refusing = cost(f"customers/{number}/history", paper)
            seen.append((sorted(silent(shown).json()["shown"]), work, refused.text, refusing))
        assert seen[0] == seen[1]
        texts = {cost(way.format(number), "S1")[0].text for way in WAYS for number in ("C1", "C2", "C99")}
        assert texts == {seen[0][2]}
    with watched.client("branch-manager", SUPERVISION) as manager:
        assert silent(manager.get("/v1/quality?every=yes")).json()["items"]
        for path in ("documents/due", "reviews/due"):
            silent(manager.get(f"/v1/{path}"))
        silent(manager.get("/v1/branches/B-1/summary", params={"span": watched.now.date().isoformat()}))
