"""Who looks after those who look, over HTTP: conduct, emergencies, rights, extracts, a day at a branch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fix_bank import AT
from fix_service_reads import AML, AUDIT, QUALITY, SUPERVISION, TELLER, Bank, items

from kyc.domain.access_log import AccessAnomalyFlagged, BreakGlassReviewed, BreakGlassUsed, RecordsListed


@pytest.fixture
def watched(served: Bank) -> Bank:
    """T-1 of B-1 and T-9 of B-2 were flagged, and helped themselves."""
    soon = served.now + timedelta(hours=1)
    for operator, branch in (("T-1", "B-1"), ("T-9", "B-2")):
        served.record(
            AccessAnomalyFlagged(
                occurred_at=served.now, operator=operator, kind="bulk-read", count=100, since=served.now, until=soon
            ),
            BreakGlassUsed(
                occurred_at=served.now, operator=operator, use=f"U-{operator}", reason="fire", until=soon
            ),
            actor=operator, branch=branch,
        )  # fmt: skip
    served.project()
    return served


def test_flagged_conduct(watched: Bank) -> None:
    """An auditor sees everybody's, a manager what was flagged at the own branch, a teller nothing."""
    with watched.client("auditor", AUDIT) as auditor, watched.client("branch-manager", SUPERVISION) as manager:
        for path, field in (("/v1/anomalies", "anomalies"), ("/v1/emergencies", "emergencies")):
            told = [one[field] for one in items(auditor.get(path))]
            assert {one["operator"] for one in told} == {"T-1", "T-9"}, path
            assert [one[field]["at_branch"] for one in items(manager.get(path))] == ["B-1"], path
            assert [one[field]["operator"] for one in items(auditor.get(path, params={"operator": "T-9"}))] == [
                "T-9"
            ]
            first = auditor.get(path, params={"limit": "1"}).json()
            second = auditor.get(path, params={"limit": "1", "cursor": first["next"]}).json()
            assert [one[field]["operator"] for one in first["items"] + second["items"]] == [
                one["operator"] for one in told
            ]
        assert items(auditor.get("/v1/emergencies"))[0]["emergencies"]["reason"] == "fire"
    with watched.client("teller", TELLER, sub="T-1") as teller:
        assert teller.get("/v1/anomalies").status_code == 403


def test_what_was_reviewed_is_gone(watched: Bank) -> None:
    """An emergency stays on the list until somebody else has looked at it."""
    watched.record(
        BreakGlassReviewed(occurred_at=watched.now, operator="T-1", use="U-T-1", finding="justified"), actor="M-1"
    )
    watched.project()
    with watched.client("compliance", AML) as client:
        assert [one["emergencies"]["operator"] for one in items(client.get("/v1/emergencies"))] == ["T-9"]


def test_busy_readers(watched: Bank) -> None:
    """Who read three times within the hour, by the log; to a manager nothing of the house is shown."""
    with watched.client("teller", TELLER, sub="T-1") as teller:
        for _ in range(3):
            assert teller.get("/v1/customers/C1").status_code == 200
    watched.project()
    with watched.client("auditor", AUDIT) as auditor, watched.client("branch-manager", SUPERVISION) as manager:
        told = items(auditor.get("/v1/reads/busy", params={"least": "3"}))
        assert sum(one["lookups"]["reads"] for one in told if one["lookups"]["reader"] == "T-1") == 3
        assert items(auditor.get("/v1/reads/busy", params={"least": "4"})) == []
        assert items(auditor.get("/v1/reads/busy", params={"least": "3", "until": "2020-01-01"})) == []
        assert items(manager.get("/v1/reads/busy", params={"least": "1"})) == []


def test_rights_of_an_operator(watched: Bank) -> None:
    """Which role, until when, approved by whom; whose looks are open is on record as a look at that operator."""
    with watched.client("auditor", AUDIT) as auditor, watched.client("teller", TELLER, sub="T-1") as teller:
        shown = auditor.get("/v1/operators/compliance-1/rights").json()["shown"]["operator"]
        assert [(one["role"], one["approver"]) for one in shown["rights"]] == [("compliance", "M-2")]
        assert teller.get("/v1/operators/T-1/rights").status_code == 403
    listed = watched.events("lookups", "auditor-1")[-1]
    assert isinstance(listed, RecordsListed)
    assert listed.about == "operator compliance-1"


def test_what_the_customer_may_be_told(watched: Bank) -> None:
    """Looks of tellers stand in the extract, those of secret readers do not; it ends in the same words always."""
    with watched.client("teller", TELLER, sub="T-1") as teller, watched.client("investigator", AML) as secret:
        assert teller.get("/v1/customers/C1").status_code == 200
        assert secret.get("/v1/customers/C1/history").status_code == 200
    with watched.client("compliance", AML) as client:
        told = client.get("/v1/customers/C1/extract").json()["shown"]["access_log"]
        nobody = client.get("/v1/customers/C3/extract").json()["shown"]["access_log"]
    assert len(told["access_log"]) == 1
    assert told["closing"] == nobody["closing"]


def test_a_day_at_a_branch(watched: Bank) -> None:
    """What was recorded there that day, without what the matrix keeps from the asker, not even as a number."""
    today = {"on": watched.now.date().isoformat()}
    with watched.client("compliance", AML) as client, watched.client("hq-operations", QUALITY) as office:
        whole = client.get("/v1/branches/B-1/day", params=today).json()["shown"]["day"]
        less = office.get("/v1/branches/B-1/day", params=today).json()["shown"]["day"]
        assert client.get("/v1/branches/B-1/day").json()["field"] == "on"
    assert whole["topics"]["case.opened"] == 1
    assert {"case.opened", "transaction.booked"}.isdisjoint(less["topics"])
    assert less["topics"]["customer.registered"] == 2
    assert "CA-1" in str(whole)
    assert "CA-1" not in str(less)
    assert {one["branch"] for one in whole["events"]} == {"B-1"}
    assert AT.date().isoformat() not in {one["recorded_at"][:10] for one in whole["events"]}
    listed = watched.events("lookups", "hq-operations-1")[-1]
    assert isinstance(listed, RecordsListed)
    assert set(listed.customers) == {"C1", "C2"}
    with watched.client("branch-manager", SUPERVISION) as manager:
        assert manager.get("/v1/branches/B-1/day", params=today).status_code == 403
