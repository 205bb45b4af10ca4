"""What compliance has to see to, over HTTP, and the rules by which it is counted."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from fix_bank import booked, opened
from fix_service_reads import AML, AUDIT, QUALITY, SUPERVISION, TELLER, Bank, items

from kyc.domain.access_log import RecordsListed
from kyc.domain.diligence import ObjectionReceived, RiskMeasureApplied, ScreeningPerformed
from kyc.domain.policies import shipped_editions
from kyc.domain.retention_rules import shipped_text

DAY = "2026-03-02"


@pytest.fixture
def lawful(served: Bank) -> Bank:
    """The bank under the shipped rulebook."""
    served.adopt("rulebook", "documents", "retention", "calendar")
    served.project()
    return served


def test_objections_are_for_those_who_may_know_of_measures(lawful: Bank) -> None:
    """An objection of a customer of B-1 is due in time; a manager may not know of measures and sees no list."""
    lawful.record(
        RiskMeasureApplied(occurred_at=lawful.now, id="M1", measure="no cash", reason="x", approver="T-2"),
        stream="C1",
    )
    lawful.record(ObjectionReceived(occurred_at=lawful.now, id="J1", measure="M1", statement="why"), stream="C1")
    lawful.project()
    with lawful.client("compliance", AML) as client, lawful.client("branch-manager", SUPERVISION) as manager:
        (one,) = items(client.get("/v1/objections", params={"ahead": 60}))
        assert (one["customer"], one["branch"]) == ("C1", "B-1")
        assert one["measures"]["due_on"] > one["measures"]["received_on"]
        assert items(client.get("/v1/objections", params={"ahead": 0})) == []
        assert manager.get("/v1/objections").status_code == 403


def test_screened_against_another_version(lawful: Bank) -> None:
    """Who was screened against version 7 is to be screened against 8; each row once, page by page."""
    lawful.record(
        ScreeningPerformed(occurred_at=lawful.now, list="UN", list_version="7", engine="e/1"), stream="C1"
    )
    lawful.project()
    with lawful.client("compliance", AML) as client:
        asked = {"list": "UN", "version": "7"}
        assert {one["customer"] for one in items(client.get("/v1/screening/due", params=asked))} == {"C2", "C3"}
        asked["version"] = "8"
        first = client.get("/v1/screening/due", params=asked | {"limit": "1"}).json()
        rest = client.get("/v1/screening/due", params=asked | {"cursor": first["next"]}).json()
        told = [one["customer"] for one in (*first["items"], *rest["items"])]
        assert sorted(told) == ["C1", "C2", "C3"]
        assert client.get("/v1/screening/due", params={"list": "UN"}).json()["field"] == "version"


def test_how_complete_files_are(lawful: Bank) -> None:
    """Head office sees each branch, a manager the own one."""
    with lawful.client("hq-operations", QUALITY) as office, lawful.client("branch-manager", SUPERVISION) as manager:
        told = {one["branch"]: one["findings"]["files"] for one in items(office.get("/v1/quality/totals"))}
        assert told == {"B-1": 2, "B-2": 1}
        (own,) = items(manager.get("/v1/quality/totals"))
        assert (own["branch"], own["findings"]["files"]) == ("B-1", 2)
        assert manager.get("/v1/quality/totals", params={"branch": "B-2"}).status_code == 403


def test_large_values(lawful: Bank) -> None:
    """Two cash receipts reach the threshold together; whom it told of is on record; what has no rate is said."""
    lawful.submit(opened("A9", "C2", currency="CNY"))
    for reference, amount in (("L1", "30000.00"), ("L2", "29000.00")):
        lawful.submit(booked(reference, ("A9", "credit", amount), currency="CNY", cash=True))
    lawful.project()
    with lawful.client("compliance", AML) as client, lawful.client("hq-operations", QUALITY) as office:
        on = date(2026, 3, 1).isoformat()
        one, without = items(client.get("/v1/large-values", params={"on": on}))
        assert without["large_value_reports"] == {"unconverted": 2}, "the legs of T1, in euro"
        assert (one["customer"], one["large_value_reports"]["total"]) == ("C2", "59000.00")
        assert one["large_value_reports"]["split"]
        listed = lawful.events("lookups", "compliance-1")[-1]
        assert isinstance(listed, RecordsListed)
        assert listed.customers == ("C2",)
        told = items(client.get("/v1/large-values", params={"on": on, "customer": "C2", "sums": "yes"}))
        assert [row["large_value_reports"].get("amount") for row in told] == [None, "59000.00", "12.50", None]
        assert client.get("/v1/large-values").json()["field"] == "on"
        assert items(client.get("/v1/large-values/due", params={"on": on})) == []
        assert office.get("/v1/large-values", params={"on": on}).status_code == 403


def test_deadlines_of_one_and_of_all(lawful: Bank) -> None:
    """How many units stand where; one subject's deadlines with their law; what another edition would move."""
    with lawful.client("compliance", AML) as client:
        day = {"on": "2060-01-01"}
        totals = [one["retention"] for one in items(client.get("/v1/retention/totals", params=day))]
        due = items(client.get("/v1/retention/due", params=day))
        assert sum(one["units"] for one in totals if one["state"] == "due") == len(due)
        shown = client.get("/v1/retention/case/CA-1", params=day).json()["shown"]["retention"]
        assert shown[0]["subject"] == "case/CA-1"
        assert any("CN-" in line for one in shown for line in one["why"])
        assert client.get("/v1/retention/customer/C99", params=day).status_code == 404
        longer = {"text": shipped_text().replace('min_len = "P10Y"', 'min_len = "P15Y"')}
        path = "/v1/retention:preview"
        moved = items(client.post(path, json=longer, params=day))
        assert moved
        assert all(one["retention"]["new_keep_through"] > one["retention"]["keep_through"] for one in moved)
        sums = [one["retention"] for one in items(client.post(path, json=longer | {"totals": True}, params=day))]
        assert sum(one["units"] for one in sums) == len(moved)
        first = client.post(path, json=longer, params=day | {"limit": "1"}).json()
        assert client.post(path, json={"text": "other"}, params=day | {"cursor": first["next"]}).status_code == 400
        assert client.post(path, json={"text": "= ="}, params=day).json()["field"] == "text"


def test_which_rule_answers(lawful: Bank) -> None:
    """Everybody who works here may ask the rules: value, version and source; what is asked wrongly is named."""
    with lawful.client("teller", TELLER) as client:

        def ask(path: str, **query: str) -> Any:
            return client.get(f"/v1/law{path}", params=query)

        said = ask("/rules/review.cycle", tier="high", on="2026-06-01").json()["answer"]
        assert (said["value"]["period"], said["version"]) == ("P6M", 1)
        assert "O11-25" in said["source"]
        assert ask("/rules/review.cycle", tier="high", as_of="2020-01-01").status_code == 404
        assert ask("/rules/no.such").json()["field"] == "rule"
        assert ask("/rules/review.cycle", level="high").json()["field"] == "choices"
        assert ask("/rules/template", type="natural").json()["answer"]["form"]["name"] == "natural/1"
        assert ask("/rules/calendar", on="2026-10-01").json()["answer"]["working"] is False
        used = {one["rules"] for one in ask("").json()["answer"]["versions"] if one["in_use"]}
        assert used == {"rulebook", "documents", "retention", "calendar"}
        assert len(list(shipped_editions("CN"))) > len(used)
        rows = ask("/retention/identity", on="2026-06-01", jurisdiction="CN").json()["answer"]["rows"]
        assert {row["policy"] for row in rows if row["applies"]} >= {"CN-ID-25"}
        assert ask("/retention/no-such").json()["field"] == "record_class"
        (role,) = ask("/access", role="teller").json()["answer"]["roles"]
        assert role["name"] == "teller"
    with lawful.client("stranger", AUDIT) as stranger:
        assert stranger.get("/v1/law").status_code == 403
