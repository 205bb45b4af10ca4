"""Requests of persons over HTTP: taken in, answered, corrected by two, refused by law, no secret told."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from fix_bank import opened
from fix_service_reads import Bank, settled
from fix_world_desk import ORDERS, accepted, by_two, done

from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.monitoring import CaseOpened

WHY = {"kyc-purpose": "rights", "kyc-legal-basis": "PIPL-45", "kyc-reason": "letter of the customer"}
STRONG = {"amr": ["mfa"]}


@pytest.fixture
def officer(served: Bank) -> Iterator[httpx.Client]:
    """An officer of compliance, logged in with two factors."""
    with served.client("compliance", WHY, **STRONG) as client:
        yield client


def asked(officer: httpx.Client, number: str, kind: str = "access", customer: str = "C1") -> str:
    """A request that was taken in; the day by which it is answered."""
    said = {"request": number, "kind": kind, "customer": customer, "proof": "passport"}
    due: str = done(officer, "/v1/requests", said, number)["result"]["due"]
    return due


def taken(officer: httpx.Client, number: str, key: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """What a person is told, and how the answer stands."""
    at = f"/v1/requests/{number}/answers"
    view = settled(officer, f"{at}/{done(officer, at, {}, key or number, status=202)['id']}")
    assert view["state"] == "ready", view
    box = zipfile.ZipFile(io.BytesIO(officer.get(f"{at}/{view['id']}/bundle").content))
    assert sorted(box.namelist()) == ["answer.json", "answer.sig"]
    return json.loads(box.read("answer.json")), view


def test_asked_and_answered(served: Bank, officer: httpx.Client) -> None:
    """Due on its day; handed over as a signed file to be taken by who answered; in the register; once."""
    assert asked(officer, "Q1")
    served.project()
    with served.client("compliance", WHY) as client:
        (waiting,) = client.get("/v1/requests/due").json()["items"]
    assert waiting["requests"]["request"] == "Q1"
    answer, view = taken(officer, "Q1")
    assert answer["held"]["names"][0]["text"] == "Ada Lovelace"
    assert taken(officer, "Q1")[1] == view, "the same key: the same answer"
    again = done(officer, "/v1/requests/Q1/answers", {}, "another", status=202)
    failed = settled(officer, f"/v1/requests/Q1/answers/{again['id']}")
    assert (failed["state"], failed["problem"]["rule"]) == ("failed", "once")
    (entry,) = [one for one in served.events("access", "C1") if isinstance(one, DisclosureRecorded)]
    assert (entry.kind, entry.digest) == ("person", view["digest"])
    with served.client("hq-operations", WHY, **STRONG) as other:
        assert other.get(f"/v1/requests/Q1/answers/{view['id']}/bundle").status_code == 403
    with served.client("compliance", WHY) as weak:
        asked(weak, "Q2")
        begun = done(weak, "/v1/requests/Q2/answers", {}, status=202)
        failed = settled(weak, f"/v1/requests/Q2/answers/{begun['id']}")
        assert (failed["state"], failed["problem"]["status"]) == ("failed", 403), "one factor vouches for nobody"


def test_ended_before_it_was_packed(served: Bank, officer: httpx.Client) -> None:
    """The process ends between the record and the file: the same request gets what is on record as handed over."""
    asked(officer, "Q1")
    answer, view = taken(officer, "Q1")
    folder = served.running.service.configuration.home / "service-exports" / view["id"]
    (packed,) = folder.glob("*.zip")
    assert folder.stat().st_mode & 0o077 == 0
    assert not packed.with_suffix("").exists(), "nothing lies about twice"
    with zipfile.ZipFile(packed) as box:
        box.extractall(packed.with_suffix(""))
    packed.unlink()
    job = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps(job | {"state": "running"}))
    again, seen = taken(officer, "Q1")
    assert (again, seen["digest"]) == (answer, view["digest"])
    assert [one.TOPIC for one in served.events("request", "Q1")] == ["request.received", "request.fulfilled"]


def test_corrected_restricted_refused_deleted(served: Bank, officer: httpx.Client) -> None:
    """By two; only stored; with law, complaint and court; each once under its key."""
    served.grant("hq-operations-2", "hq-operations")
    asked(officer, "Q1", "correction")
    wrong = {
        "target": 1, "attribute": "birth_date", "was": "1990-05-17", "now": "1990-05-18", "evidence": "passport",
    }  # fmt: skip
    with served.client("hq-operations", WHY, sub="hq-operations-2") as second:
        corrected = by_two(officer, second, "/v1/requests/Q1/correction", wrong)
    assert len(corrected["recorded"]) == 2
    assert served.events("customer", "C1")[-1].approver == "hq-operations-2"  # type: ignore[attr-defined]
    asked(officer, "Q2", "restriction")
    for replayed in (None, True):
        told = done(officer, "/v1/requests/Q2/restriction", {"reason": "disputed"}, "r")
        assert told.get("replayed") is replayed
    other = officer.post(
        "/v1/requests/Q2/restriction", json={"reason": "changed"}, headers={"idempotency-key": "r"}
    )
    assert other.status_code == 409
    agree = {"purpose": "marketing", "notice": "notice/1", "method": "app"}
    at = "/v1/customers/C1/consents"
    assert officer.post(at, json=agree, headers={"idempotency-key": "c1"}).json()["rule"] == "PIPL art. 47"
    done(officer, "/v1/customers/C1/restoration", {"reason": "settled"})
    done(officer, at, agree)
    done(officer, "/v1/customers/C1/notices", {"notice": "notice/2", "channel": "app"})
    ended = [done(officer, f"{at}/withdrawal", {"method": "app"}, "w") for _ in range(2)]
    assert [one["result"] for one in ended] == [{"ended": ["marketing"]}] * 2
    asked(officer, "Q3", "transfer")
    refused = done(officer, "/v1/requests/Q3/refusal", {"law": "PIPL art. 45", "answer": "not met"})["result"]
    assert "court" in refused
    asked(officer, "Q4", "deletion")
    kept = [done(officer, "/v1/requests/Q4/deletion", {}, "d")["result"] for _ in range(2)]
    assert (kept[0]["outcome"], kept[0]["law"]) == ("refused", "AML24 art. 34, PIPL art. 47")
    assert kept[1] == kept[0]
    late = officer.post("/v1/requests/Q4/fulfilment", json={"answer": "x"}, headers={"idempotency-key": "f"})
    assert late.json()["rule"] == "once"


def test_at_the_counter(served: Bank) -> None:
    """A teller takes in a request and a consent of the customer they serve, decides nothing, and sees no other."""
    with served.client("teller", WHY | {"kyc-ticket": "S1"}, sub="T-1") as teller:
        asked(teller, "Q1")
        done(teller, "/v1/customers/C1/notices", {"notice": "notice/2", "channel": "counter"})
        other = {"request": "Q2", "kind": "access", "customer": "C2", "proof": "passport"}
        said = {
            teller.post(path, json=body, headers={"idempotency-key": "k", "x-request-id": "r"}).text
            for path, body in (
                ("/v1/requests", other), ("/v1/requests", other | {"customer": "C99"}),
                ("/v1/requests/Q1/answers", {}), ("/v1/requests/Q9/answers", {}), ("/v1/requests/Q9/refusal", {
                    "law": "x", "answer": "y",
                }),
            )
        }  # fmt: skip
    assert len(said) == 1, "one text, whatever is there"
    assert "Not" not in str(said)


def test_held_secretly_and_nothing_held(
    served: Bank, officer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has a case and a secret order that was answered, the other nothing: one text, equal events and work."""
    for name in ("D-1", "D-2"):
        served.grant(name, "order-desk")
    served.submit(opened("A9", "C2"))
    served.record(CaseOpened(occurred_at=served.now, case="K-9", customers=("C2",), trigger="model"))
    with (
        served.client("order-desk", ORDERS, sub="D-1") as clerk,
        served.client("order-desk", ORDERS, sub="D-2") as second,
    ):
        accepted(served, clerk, second, "O9", customer="C2", accounts=("A2",), secret=True)
        at = "/v1/orders/O9/answers"
        plain = {"tables": False, "report": False}
        assert settled(clerk, f"{at}/{done(clerk, at, plain, status=202)['id']}")["state"] == "ready"
    served.submit(opened("A8", "C1"))
    for number in ("C1", "C2"):  # their logs of this year have begun, their keys are known
        asked(officer, f"P-{number}", customer=number)
        taken(officer, f"P-{number}")
    sent: list[str] = []
    execute = psycopg.Connection.execute

    def counted(connection: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(str(query)[:60])
        return execute(connection, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", counted)
    told = []
    for number in ("C1", "C2"):
        before = len(served.events("access", number))
        sent.clear()
        asked(officer, f"Q-{number}", customer=number)
        answer, view = taken(officer, f"Q-{number}")
        statements = len(sent)
        topics = [one.TOPIC for one in served.events("access", number)[before:]]
        closing = served.events("request", f"Q-{number}")[-1]
        told.append(
            (sorted(answer["held"]), answer["closing"], closing.answer, sorted(view), topics, statements)  # type: ignore[attr-defined]
        )
        assert not re.search(r"O9|K-9|case|order|court", json.dumps(answer))
    assert told[0] == told[1]
