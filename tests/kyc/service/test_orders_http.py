"""The order desk over HTTP: from the paper to the receipt, two people with tokens of their own, each act once."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from fix_service_reads import Bank, settled
from fix_world_desk import ORDERS, accepted, body, by_two, done

from kyc.domain.access_log import AccessDenied, AccessRevoked, RecordsListed
from kyc.domain.submission import StreamName


@pytest.fixture
def bank(served: Bank) -> Bank:
    """The bank, with three officers of the order desk."""
    for name in ("D-1", "D-2", "D-3"):
        served.grant(name, "order-desk")
    return served


@pytest.fixture
def clerk(bank: Bank) -> Iterator[httpx.Client]:
    """D-1 at the desk."""
    with bank.client("order-desk", ORDERS, sub="D-1") as client:
        yield client


@pytest.fixture
def second(bank: Bank) -> Iterator[httpx.Client]:
    """D-2 at the desk."""
    with bank.client("order-desk", ORDERS, sub="D-2") as client:
        yield client


def test_from_paper_to_receipt(bank: Bank, clerk: httpx.Client, second: httpx.Client) -> None:
    """Taken in with what stands against it, accepted by two, answered with exactly its scope, closed, on record."""
    bare = body(bank, "O0") | {"copies": []}
    found = done(clerk, "/v1/orders", bare)["result"]["violations"]
    assert {one["code"] for one in found} == {"paper-without-copy:assistance-notice", "paper-without-copy:ruling"}
    assert clerk.get("/v1/orders/O0/violations").json()["violations"] == found
    proposal = done(clerk, "/v1/orders/O0/acceptance", status=202)
    defects = second.post("/v1/orders/O0/acceptance/approval", json=proposal)
    assert (defects.status_code, defects.json()["field"]) == (422, "order")
    done(clerk, "/v1/orders/O0/rejection")
    accepted(bank, clerk, second, "O1")
    received, taken = bank.events("order", "O1")
    assert (received.handler, taken.approver) == ("D-1", "D-2")  # type: ignore[attr-defined]
    (recorded,) = [one.context.actor for one in bank.running.service.log.events(StreamName("order", "O1"), after=1)]
    assert recorded == "D-1"
    begun = done(clerk, "/v1/orders/O1/answers", {"tables": False, "report": False}, "answer", status=202)
    assert done(clerk, "/v1/orders/O1/answers", {"tables": False, "report": False}, "answer", status=202)["id"]
    at = f"/v1/orders/O1/answers/{begun['id']}"
    answer = settled(clerk, at)
    assert answer["state"] == "ready", answer
    assert second.get(at).status_code == 403
    box = zipfile.ZipFile(io.BytesIO(clerk.get(f"{at}/bundle").content))
    assert json.loads(box.read("manifest.json"))["scope"]["customers"] == ["C1"]
    (given,) = [one for one in bank.events("order", "O1") if one.TOPIC == "order.data_disclosed"]
    assert given.digest == answer["digest"]  # type: ignore[attr-defined]
    done(clerk, "/v1/orders/O1/fulfilment", {"result": "answered", "receipt": "R-1"})
    assert clerk.get(f"{at}/bundle").status_code == 403, "the order is closed"
    bank.project()
    told = clerk.get("/v1/orders/O1").json()["shown"]["secret_orders"]
    assert (told["status"], [one["kind"] for one in told["assistance"]]) == (
        "fulfilled",
        ["disclosed", "fulfilled"],
    )


def test_said_again_it_is_done_once(bank: Bank, clerk: httpx.Client, second: httpx.Client) -> None:
    """The same key and content get the first receipts; other content, or another act, is a conflict."""
    first = done(clerk, "/v1/orders", body(bank), "k1")
    again = done(clerk, "/v1/orders", body(bank), "k1")
    assert (first["recorded"], again["replayed"]) == (again["recorded"], True)
    other = clerk.post("/v1/orders", json=body(bank, organ_name="Another"), headers={"idempotency-key": "k1"})
    assert (other.status_code, other.json()["field"]) == (409, "key")
    proposal = done(clerk, "/v1/orders/O1/acceptance", key="k1", status=202)
    taken = second.post("/v1/orders/O1/acceptance/approval", json=proposal)
    assert taken.status_code == 409, "k1 stands for another act of this order"
    proposal = done(clerk, "/v1/orders/O1/acceptance", key="k2", status=202)
    approved = [done(second, "/v1/orders/O1/acceptance/approval", proposal) for _ in range(2)]
    assert approved[0]["recorded"] == approved[1]["recorded"]
    told = {"channel": "letter"}
    assert not done(clerk, "/v1/orders/O1/notification", told, "k3").get("replayed")
    assert done(clerk, "/v1/orders/O1/notification", told, "k3")["replayed"]
    with ThreadPoolExecutor(4) as pool:
        both = list(pool.map(lambda _: done(clerk, "/v1/orders/O1/notification", told, "k4"), range(4)))
    assert len({str(one["recorded"]) for one in both}) == 1, "said at the same time"
    for key in ("", "a b", "x" * 65):
        bad = clerk.post("/v1/orders/O1/notification", json=told, headers={"idempotency-key": key})
        assert (bad.status_code, bad.json()["field"]) == (400, "idempotency-key")
    assert [one.TOPIC for one in bank.events("order", "O1")] == [
        "order.received", "order.accepted", "order.customer_notified", "order.customer_notified",
    ]  # fmt: skip


def test_two_people_with_tokens_of_their_own(bank: Bank, clerk: httpx.Client, second: httpx.Client) -> None:
    """Nobody approves their own, nobody without a right approves, nothing of a proposal can be changed."""
    done(clerk, "/v1/orders", body(bank))
    done(clerk, "/v1/orders", body(bank, "O2"), "O2")
    at = "/v1/orders/O1/acceptance"
    proposal = done(clerk, at, status=202)
    assert clerk.post(f"{at}/approval", json=proposal).status_code == 403
    with bank.client("order-desk", ORDERS, sub="D-9") as stranger:
        assert stranger.post(at, json={}, headers={"idempotency-key": "k"}).status_code == 403
        assert stranger.post(f"{at}/approval", json=proposal).status_code == 403
    (denied,) = [one for one in bank.events("refusals", "D-9") if isinstance(one, AccessDenied)][1:]
    assert (denied.action, denied.code, denied.about) == ("accept-order", "granted", "order O1")
    forged = (
        {"seal": "0" * 64}, {"seal": "é"}, {"key": "other"}, {"until": "2999-01-01T00:00:00Z"},
        {"by": proposal["by"] | {"id": "D-3"}},
    )  # fmt: skip
    for change in forged:
        bad = second.post(f"{at}/approval", json=proposal | change)
        assert (bad.status_code, bad.json()["field"]) == (400, "seal"), change
    elsewhere = second.post("/v1/orders/O2/acceptance/approval", json=proposal)
    assert (elsewhere.status_code, elsewhere.json()["field"]) == (400, "seal")
    revoked = AccessRevoked(occurred_at=bank.now, operator="D-1", grant="D-1/order-desk", reason="left")
    bank.record(revoked)
    assert second.post(f"{at}/approval", json=proposal).status_code == 403, "whoever proposed lost the right"
    assert [one.TOPIC for one in bank.events("order", "O1")] == ["order.received"]


def test_frozen_in_line_lifted_and_deducted(bank: Bank, clerk: httpx.Client, second: httpx.Client) -> None:
    """As the order says; a second waits; lifted by two, then it holds; money is taken out of it."""
    end = bank.now + timedelta(days=90)
    for number, action in (("O1", "freeze"), ("O2", "freeze"), ("O3", "deduct")):
        accepted(bank, clerk, second, number, action=action)
    frozen = done(clerk, "/v1/orders/O1/freezes", {"account": "A1"})
    assert frozen["result"] == {"account": "A1", "waits": False, "amount": None}
    assert done(clerk, "/v1/orders/O1/freezes", {"account": "A1"})["replayed"]
    assert done(clerk, "/v1/orders/O2/freezes", {"account": "A1"})["result"]["waits"]
    bank.project()
    listed = clerk.get("/v1/freezes", params={"account": "A1"}).json()["items"]
    assert [one["secret_orders"]["state"] for one in listed] == ["in-force", "queued"]
    later = clerk.get("/v1/freezes", params={"on": (end + timedelta(days=20)).isoformat()}).json()["items"]
    assert later[0]["secret_orders"]["state"] == "lapsed"
    assert isinstance(bank.events("lookups", "D-1")[-1], RecordsListed)
    by_two(clerk, second, "/v1/accounts/A1/freezes/O1/release", {"reason": "notice 7"})
    renewed = clerk.post(
        "/v1/orders/O2/renewals", json={"account": "A1", "id": "O2"}, headers={"idempotency-key": "r"}
    )
    assert renewed.status_code == 422
    taken = {"account": "A1", "amount": "5.00", "reference": "T9", "freeze": "O2"}
    assert done(clerk, "/v1/orders/O3/deductions", taken)["recorded"]
    assert done(clerk, "/v1/orders:lapse")["result"] == {"lapsed": [], "in_force": []}
    bank.project()
    kinds = [one["secret_orders"]["kind"] for one in clerk.get("/v1/orders/assistance").json()["items"]]
    assert kinds == ["frozen", "queued", "released", "frozen", "deducted"]
    page = clerk.get("/v1/orders", params={"limit": 2}).json()
    rest = clerk.get("/v1/orders", params={"limit": 2, "cursor": page["next"]}).json()
    known = [one["orders"]["order"] for one in (*page["items"], *rest["items"])]
    assert known == ["O1", "O2", "O3"]


def test_secret_objected_foreign(bank: Bank, clerk: httpx.Client, second: httpx.Client) -> None:
    """Secrecy holds the notice back; an objection has its day; a foreign demand is passed on, allowed by two."""
    accepted(bank, clerk, second, "O1")
    done(clerk, "/v1/orders/O1/secrecy")
    told = {"channel": "letter"}
    early = clerk.post("/v1/orders/O1/notification", json=told, headers={"idempotency-key": "n"})
    assert (early.status_code, early.json()["rule"]) == (422, "secrecy is released first")
    bank.project()
    assert "secret_orders" in clerk.get("/v1/orders").json()["items"][0]
    done(clerk, "/v1/orders/O1/secrecy/release", {"reference": "R-7"})
    bank.project()
    due = clerk.get("/v1/orders/due").json()["items"]
    assert [one["customer"] for one in due] == ["C1"]
    done(clerk, "/v1/orders/O1/notification", told)
    objected = done(clerk, "/v1/orders/O1/objections", {"statement": "not ours"})
    assert objected["result"]["answer_due"] == (bank.now.date() + timedelta(days=15)).isoformat()
    done(clerk, "/v1/orders/O1/objections/answer", {"outcome": "rejected", "statement": "it is"})
    done(clerk, "/v1/orders/O1/sealed-evidence", {"items": ["ledger"], "counterpart": "Zhao Yi"})
    asked = {"order": "F1", "authority": "Court", "country": "GBR", "demand": "all"}
    assert [one["code"] for one in done(clerk, "/v1/orders:foreign", asked)["result"]["violations"]] == ["foreign"]
    done(clerk, "/v1/orders/F1/escalation", {"to": "Ministry of Justice"})
    allowed = {"authority": "Ministry of Justice", "reference": "M-7", "fields": ["identity"]}
    by_two(clerk, second, "/v1/orders/F1/permission", allowed)
    assert bank.events("order", "F1")[-1].approver == "D-2"  # type: ignore[attr-defined]
