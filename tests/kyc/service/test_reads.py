"""Reads over HTTP: what each role is shown of a customer, a transaction, an account; waiting for own writes."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from fix_bank import household, moved, submission
from fix_service import Provider, Serve, wire
from fix_service_reads import AML, QUALITY, TELLER, Bank

from kyc.domain.access_log import AccessDenied, RecordRead, RecordsListed
from kyc.domain.customer import AttributeCorrected, RiskRated
from kyc.errors import BusyError
from kyc.service import position
from kyc.service.limits import ServiceLimits
from kyc.service.looks import Looks
from kyc.service.problem import CrowdedError

CUSTOMER = [
    ("history", "history", "replay"), ("compare?first=2026-03-01", "compared", "replay"),
    ("documents", "documents", "read"), ("owners", "owners", "read"), ("counterparties", "counterparty", "read"),
    ("accounts", "accounts", "read"), ("consents", "privacy", "read"),
]  # fmt: skip


def test_an_investigator_reads_everything_of_a_customer(served: Bank) -> None:
    """Each read answers with the one field it is about, and stands in the customer's log as that and no more."""
    with served.client("investigator", AML) as client:
        for path, field, action in CUSTOMER:
            answer = client.get(f"/v1/customers/C1/{path}")
            assert answer.status_code == 200, answer.text
            assert list(answer.json()["shown"]) == [field]
            read = served.events("access", "C1")[-1]
            assert isinstance(read, RecordRead)
            assert (read.action, read.ticket, read.operator) == (action, "CA-1", "investigator-1")
            assert set(read.fields) <= {field, "privacy"}
        history = client.get("/v1/customers/C1/history").json()["shown"]["history"]
    assert {one["topic"] for one in history["events"]} >= {"customer.registered", "document.captured"}
    assert history["known"]["then"]["names"][0]["text"] == "Ada Lovelace"


def test_what_each_view_says(served: Bank) -> None:
    """Documents with their numbers, accounts, the counterparty with its holders."""
    with served.client("investigator", AML) as client:

        def shown(path: str) -> Any:
            return next(iter(client.get(f"/v1/customers/C1/{path}").json()["shown"].values()))

        assert [one["number"] for one in shown("documents")] == ["P1"]
        assert [one["account"] for one in shown("accounts")] == ["A1"]
        (dealt,) = shown("counterparties?by=count&limit=5")
        assert (dealt["amount"], dealt["currency"], dealt["direction"]) == ("12.50", "EUR", "debit")
        compared = shown("compare?first=2020-01-01")
        assert compared["changes"][0]["before"] is None
        paths = shown("paths?to=C2")
        assert paths["paths"][0][0]["transaction"]["event"]["reference"] == "T1"
    listed = served.events("lookups", "investigator-1")[-1]
    assert isinstance(listed, RecordsListed)
    assert listed.customers == ("C1", "C2")


def test_a_transaction_in_full(served: Bank) -> None:
    """An investigator sees both legs and both parties; the teller of the payer's ticket the payer's side alone."""
    with served.client("investigator", AML) as client:
        whole = client.get("/v1/transactions/T1").json()["shown"]["reconstruction"]
        assert [leg["key"] for leg in whole["legs"]] == ["A1", "A2"]
        assert len(whole["parties"]) == 2
        early = client.get("/v1/transactions/T1/proof")
        assert (early.status_code, early.json()["type"]) == (503, "urn:kyc-ledger:problem:not-sealed")
        assert "retry-after" in early.headers
        served.running.service.sealer.seal()
        proof = client.get("/v1/transactions/T1/proof").json()["shown"]["proof"]
        assert proof.startswith("c2sp.org/tlog-proof@v1")
        assert client.get("/v1/accounts/A1").json()["shown"]["accounts"]["now"]["currency"] == "EUR"
    with served.client("teller", TELLER, sub="T-1") as client:
        side = client.get("/v1/transactions/T1")
        assert side.status_code == 200, side.text
        part = side.json()["shown"]["reconstruction"]
        assert [leg["key"] for leg in part["legs"]] == ["A1"]
        assert "Grace" not in side.text


def test_no_more_than_the_matrix_gives(served: Bank) -> None:
    """Head office sees a history without the rating; who has no rule for a view is refused it, on record."""
    rated = RiskRated(occurred_at=served.now, level="high", model="m/1", reasons=("cash-intensive",))
    served.submit(submission("C1/rated", rated, "C1"))
    with served.client("hq-operations", QUALITY) as client:
        answer = client.get("/v1/customers/C1/history")
        assert answer.status_code == 200, answer.text
        assert "customer.registered" in answer.text
        assert "risk_rated" not in answer.text
        assert "cash-intensive" not in answer.text
        assert client.get("/v1/customers/C1/counterparties").status_code == 403
    with served.client("investigator", AML) as client:
        assert "cash-intensive" in client.get("/v1/customers/C1/history").text
    with served.client("teller", TELLER, sub="T-1") as client:
        assert client.get("/v1/customers/C1/documents").status_code == 200
        for path in ("history", "owners", "diligence", "counterparties", "paths?to=C2"):
            problem = client.get(f"/v1/customers/C1/{path}", headers={"x-request-id": "r"})
            assert problem.status_code == (200 if path == "counterparties" else 403), path
    denied = [one for one in served.events("refusals", "T-1") if isinstance(one, AccessDenied)]
    assert denied[-1].action == "list"


def test_one_text_for_every_refusal(served: Bank) -> None:
    """Somebody else's customer, nobody, no right, no case: the same words from every view."""
    said = set()
    with served.client("investigator", AML) as known, served.client("investigator", AML, sub="I-9") as unknown:
        for path, _, _ in CUSTOMER:
            for client, number in ((known, "C3"), (known, "C9"), (unknown, "C1"), (unknown, "C9")):
                answer = client.get(f"/v1/customers/{number}/{path}", headers={"x-request-id": "r"})
                assert answer.status_code == 403
                said.add(answer.text)
    assert len(said) == 1


FAULTY = [
    ("customers/C1/history?as_of=soon", "as_of"), ("customers/C1/compare", "first"),
    ("customers/C1/paths", "to"), ("customers/C1/paths?to=C2&steps=9", "steps"),
    ("customers/C1/paths?to=C2&follow=maybe", "follow"), ("customers/C1/documents?on=1", "on"),
    ("customers/C1/counterparties?limit=0", "limit"), ("customers/C1/counterparties?limit=x", "limit"),
    ("transactions/T1?as_of=2026-03-01T00:00:00", "as_of"), ("customers/C1?wait=p1.!", "wait"),
]  # fmt: skip


def test_faulty_parameters(served: Bank) -> None:
    """What cannot be read is refused by name, before anything is asked of the door."""
    before = len(served.events("access", "C1")), len(served.events("refusals", "investigator-1"))
    with served.client("investigator", AML) as client:
        for path, field in FAULTY:
            answer = client.get(f"/v1/{path}")
            assert (answer.status_code, answer.json()["field"]) == (400, field), path
    assert before == (len(served.events("access", "C1")), len(served.events("refusals", "investigator-1")))


def test_reading_ones_own_writes(serve: Serve, oidc: Provider) -> None:
    """With the position of an append a read waits until the read models have it; where they do not, 503 says so."""
    served = Bank(serve(ServiceLimits(wait_seconds=0.3)), oidc)
    served.submit(*household())
    served.grant("compliance-1", "compliance")
    served.project()
    with served.running.client(oidc.token()) as teller, served.client("compliance", AML) as client:
        written = teller.post("/v1/events", json=wire(moved("C1", "2 New Street"))).json()["position"]
        late = client.get("/v1/customers/C1/documents", params={"wait": written})
        assert (late.status_code, late.json()["field"]) == (503, "wait")
        assert late.headers["retry-after"]
        assert "read models" in late.json()["title"]
        served.project()
        assert client.get("/v1/customers/C1/documents", params={"wait": written}).status_code == 200
        assert client.get("/v1/customers/C1", params={"wait": position.format({0: 2**62})}).status_code == 503


def test_who_sees_what_was_wrong(served: Bank) -> None:
    """Once a birthday is corrected a teller is shown the right one only; whoever may replay sees both, and why."""
    corrected = AttributeCorrected(
        occurred_at=served.now, target=1, attribute="birth_date", was="1990-05-17", now="1990-05-11",
        reason="typing error", evidence="P1", approver="M-2",
    )  # fmt: skip
    served.record(corrected, stream="C1")
    with served.client("teller", TELLER, sub="T-1") as teller:
        shown = teller.get("/v1/customers/C1").text
        assert "1990-05-11" in shown
        assert "1990-05-17" not in shown
        for earlier in ("/history", "?as_of=2026-01-01", "/compare?first=2026-01-01"):
            assert teller.get(f"/v1/customers/C1{earlier}").status_code == 403, earlier
    for role, why in (("hq-operations", QUALITY), ("investigator", AML)):
        with served.client(role, why) as client:
            told = client.get("/v1/customers/C1/history").text
            assert [told.count(said) > 0 for said in ("1990-05-17", "1990-05-11", "typing error")] == [True] * 3


class _Waiting:
    """A call whose caller stays, or has gone."""

    def __init__(self, name: str, *, gone: bool = False) -> None:
        self.caller = type("Actor", (), {"id": name})()
        self._gone = gone

    def query(self) -> dict[str, str]:
        return {}

    async def receive(self) -> dict[str, str]:
        if not self._gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


def test_reads_are_bounded() -> None:
    """More than waits, more than one caller's share: sent away; who has gone frees the place before its turn."""

    async def story() -> None:
        looks = Looks(ServiceLimits(read_threads=1, read_waiting=3, caller_reads=2))
        go = threading.Event()
        ran: list[str] = []

        def work(name: str) -> bytes:
            go.wait(60)
            ran.append(name)
            return name.encode()

        def start(name: str, *, gone: bool = False) -> asyncio.Task[bytes]:
            call: Any = _Waiting(name, gone=gone)
            return asyncio.create_task(looks.run(call, lambda: work(name)))

        first, second = start("a"), start("a")
        await asyncio.sleep(0)
        with pytest.raises(CrowdedError):
            await start("a")
        left = start("b", gone=True)
        with pytest.raises(BusyError):
            await asyncio.gather(start("c"))
        with pytest.raises(Exception, match="went away"):
            await left
        go.set()
        assert [await first, await second, await start("c")] == [b"a", b"a", b"c"]
        assert ran == ["a", "a", "c"]
        looks.close()

    asyncio.run(story())
