"""Reading over HTTP: the read door decides and records, before anything is shown."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from fix_bank import household, submission
from fix_service import Provider, Running, wire

from kyc.clock import to_datetime
from kyc.domain.access_log import RecordRead
from kyc.domain.service_ticket import TicketOpened
from kyc.domain.submission import StreamName
from kyc.ledger import Ledger

WHY = {
    "kyc-purpose": "account-service", "kyc-legal-basis": "AML24-34", "kyc-reason": "%E6%9F%9C%E9%9D%A2",
    "kyc-ticket": "S1",
}  # fmt: skip


@pytest.fixture
def file(running: Running, teller: httpx.Client) -> Running:
    """A household, and a ticket of C1 that T-1 serves."""
    teller.post("/v1/events", json=[wire(one) for one in household()]).raise_for_status()
    now = to_datetime(running.service.clock.now_us())
    ticket = TicketOpened(
        occurred_at=now, ticket="S1", customer="C1", branch="B-1", operator="T-1", business="update",
        trigger="queue-17", until=now + timedelta(hours=8),
    )  # fmt: skip
    (answer,) = Ledger(running.service.log, ZoneInfo("UTC")).record([submission("S1", ticket)])
    assert isinstance(answer, tuple), answer
    return running


def test_a_customer(file: Running, teller: httpx.Client) -> None:
    """Who serves the ticket sees the customer and the account; the read stands in the customer's log, with why."""
    answer = teller.get("/v1/customers/C1", headers=WHY)
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert view["shown"]["names"][0]["text"] == "Ada Lovelace"
    assert [one["account"] for one in view["accounts"]] == ["A1"]
    (read,) = [one.event for one in file.service.log.events(StreamName("access", "C1"))]
    assert isinstance(read, RecordRead)
    assert (read.operator, read.ticket, read.reason) == ("T-1", "S1", "柜面")


def test_masked_for_others(file: Running, oidc: Provider) -> None:
    """Another teller of the branch sees masks where the one who serves sees numbers."""
    with file.client(oidc.token(sub="T-2")) as other:
        view = other.get("/v1/customers/C1", headers=WHY).json()
    assert "1990-05-17" not in str(view)
    assert view["shown"]["names"][0]["text"] == "Ada Lovelace"


@pytest.mark.parametrize(
    ("number", "changes", "claims"),
    [
        ("C1", {"kyc-ticket": ""}, {}), ("C1", {"kyc-legal-basis": ""}, {}), ("C1", {"kyc-reason": ""}, {}),
        ("C1", {"kyc-purpose": "marketing"}, {}), ("C2", {}, {}), ("C9", {}, {}), ("C1", {}, {"branch": "B-2"}),
        ("C1", {}, {"roles": ["investigator"]}),
    ],
)  # fmt: skip
def test_one_refusal_for_all_reasons(
    file: Running, oidc: Provider, number: str, changes: dict[str, str], claims: dict[str, object]
) -> None:
    """No ticket, basis, purpose, reason; another customer, nobody, another branch, no right: one 403."""
    with file.client(oidc.token(**claims)) as client:
        answer = client.get(f"/v1/customers/{number}", headers=WHY | changes | {"x-request-id": "r"})
    assert answer.status_code == 403
    assert answer.json() == {
        "type": "urn:kyc-ledger:problem:access-denied", "title": "This is not available to you under this request.",
        "status": 403, "rule": "access matrix", "request": "r",
        "remedy": "name purpose, legal basis, reason and the ticket, case or order; or ask your supervisor",
    }  # fmt: skip
    assert "Ada" not in answer.text


def test_a_refusal_is_on_record(file: Running, teller: httpx.Client) -> None:
    """The refusal was recorded before it was told."""
    before = sum(file.service.log.reader.positions().values())
    assert teller.get("/v1/customers/C1").status_code == 403
    log = file.service.log
    assert sum(log.reader.positions().values()) > before


def test_moments(file: Running, teller: httpx.Client) -> None:
    """What is no moment is refused before anything is asked of the door."""
    for query in ("as_of=yesterday", "about=2026-03-01T10:00:00", "as_of="):
        answer = teller.get(f"/v1/customers/C1?{query}", headers=WHY)
        assert (answer.status_code, answer.json()["field"]) == (400, query.partition("=")[0])
    crowded = "&".join(f"a{number}=1" for number in range(60))
    assert teller.get(f"/v1/customers/C1?{crowded}", headers=WHY).json()["field"] == "query"
