"""Lists over HTTP: confined, masked, recorded, told to the end a page at a time; the second wall behind them."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest
from fix_bank import booked, captured, established, registered, verified
from fix_service_reads import AML, AUDIT, QUALITY, SUPERVISION, TELLER, Bank, elsewhere

from kyc.domain.access_log import RecordsListed
from kyc.domain.disposal import HoldPlaced
from kyc.domain.monitoring import CaseOpened
from kyc.service import listing
from kyc.service.cursor import Cursors

FIND = "/v1/customers:find"


def pages(client: httpx.Client, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    told, cursor = [], ""
    while True:
        answer = client.get(path, params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        told.append(answer.json()["items"])
        cursor = answer.json()["next"]
        if not cursor:
            return told


def more(served: Bank, *numbers: str, expires: date = date(2026, 1, 1)) -> None:
    """Customers of B-1 whose passport has expired."""
    for number in numbers:
        served.submit(
            registered(number), captured(number, f"X-{number}", date(2099, 1, 1)), verified(number),
            established(number), captured(number, f"Y-{number}", expires),
        )  # fmt: skip


def test_found_by_their_branch_alone(served: Bank) -> None:
    """A manager finds the customers of the branch, compliance all; who was found is recorded before it is told."""
    with served.client("branch-manager", SUPERVISION) as manager, served.client("compliance", AML) as all_of_it:
        mine = manager.post(FIND, json={"branch": "B-1"}).json()["items"]
        assert {one["customer"] for one in mine} == {"C1", "C2"}
        assert {one["names"][0]["text"] for one in mine} == {"Ada Lovelace", "Grace Hopper"}
        assert manager.post(FIND, json={"text": "Emmy"}).json() == {"items": [], "next": ""}
        assert manager.post(FIND, json={"branch": "B-2"}).status_code == 403
        listed = served.events("lookups", "branch-manager-1")[0]
        assert isinstance(listed, RecordsListed)
        assert set(listed.customers) == {"C1", "C2"}
        (emmy,) = all_of_it.post(FIND, json={"text": "emmy", "by": ["name"]}).json()["items"]
        assert (emmy["customer"], emmy["branch"], emmy["birth_date"]) == ("C3", "B-2", "1990-05-17")
        assert "birth_date" not in mine[0]
        past = all_of_it.post(FIND, json={"text": "emmy", "as_of": "2020-01-01"}).json()
        assert past["items"] == []


def test_faulty_searches(served: Bank) -> None:
    """Unknown fields, kinds, lengths, moments: 400 by name, and nothing of what was looked for comes back."""
    with served.client("compliance", AML) as client:
        for body, field in (
            ({"txt": "Ada"}, "body"), ({"text": "Ada" * 90}, "text"), ({"text": "Ada", "by": ["soul"]}, "by"),
            ({"text": "Ada", "as_of": "soon"}, "as_of"), ({"text": 1}, "body"), ({}, "text"),
            ({"text": "A", "by": ["name"]}, "name"),
        ):  # fmt: skip
            answer = client.post(FIND, json=body)
            assert (answer.status_code, answer.json()["field"]) == (400, field), body
            assert "Ada" not in answer.text


def test_the_wall_behind_the_filter(served: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were our own filter wrong, a branch would still not learn of another's customers: the database hides them."""
    monkeypatch.setattr(listing, "_confined", lambda _, branch, __: (branch, False))
    with served.client("branch-manager", SUPERVISION) as manager, served.client("compliance", AML) as all_of_it:
        for text in ("emmy", "C3", "P-C3"):
            assert manager.post(FIND, json={"text": text}).json()["items"] == []
            assert len(all_of_it.post(FIND, json={"text": text}).json()["items"]) == 1
        more(served, "C4")
        served.submit(*elsewhere("C5"), captured("C5", "Z", date(2026, 1, 1)))
        served.project()
        due = pages(manager, "/v1/quality", every="yes")[0]
        assert {one["customer"] for one in due} == {"C1", "C2", "C4"}
        assert {one["customer"] for one in pages(all_of_it, "/v1/quality", every="yes")[0]} >= {"C3", "C5"}


def test_to_the_end_while_events_are_appended(served: Bank) -> None:
    """Each row once and none left out, whatever is recorded between two pages."""
    more(served, *(f"D{number}" for number in range(7)))
    served.project()
    with served.client("hq-operations", QUALITY) as client:
        whole = [one["customer"] for one in pages(client, "/v1/quality", every="yes")[0]]
        told: list[str] = []
        cursor, round_ = "", 0
        while cursor or not round_:
            params = {"every": "yes", "limit": 2} | ({"cursor": cursor} if cursor else {})
            answer = client.get("/v1/quality", params=params).json()
            told += [one["customer"] for one in answer["items"]]
            cursor, round_ = answer["next"], round_ + 1
            more(served, f"E{round_}")
            served.project()
        assert len(told) == len(set(told))
        assert set(whole) <= set(told)
        assert round_ >= 5
        found = [one["customer"] for some in found_pages(client) for one in some]
        assert len(found) == len(set(found)) == len(whole) - 2 + round_, "all but Grace and Emmy"


def found_pages(client: httpx.Client) -> list[list[dict[str, Any]]]:
    """All pages of a search by name."""
    told, cursor = [], ""
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = client.post(FIND, json={"text": "lovelace"}, params=params)
        assert answer.status_code == 200, answer.text
        told.append(answer.json()["items"])
        cursor = answer.json()["next"]
        if not cursor:
            return told


def test_cursors_are_for_one_list_and_one_caller(served: Bank) -> None:
    """Changed, cut, invented, of another filter, path or caller: 400, and nothing is asked of the door."""
    served.grant("hq-2", "hq-operations")
    with (
        served.client("hq-operations", QUALITY) as client,
        served.client("hq-operations", QUALITY, sub="hq-2") as other,
    ):
        cursor = client.get("/v1/quality", params={"every": "yes", "limit": 1}).json()["next"]
        assert client.get("/v1/quality", params={"every": "yes", "limit": 9, "cursor": cursor}).status_code == 200
        middle = len(cursor) // 2
        turned = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
        before = len(served.events("lookups", "hq-operations-1"))
        for asker, path, params in (
            (client, "/v1/quality", {"every": "yes", "cursor": turned}),
            (client, "/v1/quality", {"every": "yes", "cursor": cursor[:-3]}),
            (client, "/v1/quality", {"every": "yes", "cursor": "c1."}),
            (client, "/v1/quality", {"every": "yes", "cursor": "c1.é"}),
            (client, "/v1/quality", {"every": "no", "cursor": cursor}),
            (client, "/v1/quality", {"cursor": cursor}),
            (client, "/v1/documents/due", {"every": "yes", "cursor": cursor}),
            (other, "/v1/quality", {"every": "yes", "cursor": cursor}),
        ):
            answer = asker.get(path, params=params)
            assert (answer.status_code, answer.json()["field"]) == (400, "cursor"), params
        assert len(served.events("lookups", "hq-operations-1")) == before
    made = Cursors(b"s" * 32, "A", "/v1", {"limit": "1"})
    place: list[int | str] = ["00" * 16, 7, "2026-03-01"]
    assert Cursors(b"s" * 32, "A", "/v1", {"limit": "2"}).open(made.seal(place)) == place


def test_transactions_of_an_account(served: Bank) -> None:
    """By period and amount, page by page; a teller needs the ticket of a holder, and sees the event in full."""
    for number in range(2, 7):
        served.submit(booked(f"T{number}", ("A1", "debit", f"{number}.00"), ("A2", "credit", f"{number}.00")))
    served.project()
    with served.client("teller", TELLER, sub="T-1") as teller:
        told = pages(teller, "/v1/accounts/A1/transactions", limit=2)
        assert [len(one) for one in told] == [2, 2, 2]
        references = [one["transactions"]["event"]["reference"] for some in told for one in some]
        assert references == [f"T{number}" for number in range(1, 7)]
        some = pages(teller, "/v1/accounts/A1/transactions", least="3", most="5.00", since="2026-03-01")[0]
        assert [one["transactions"]["amount"] for one in some] == ["3.00", "4.00", "5.00"]
        assert pages(teller, "/v1/accounts/A1/transactions", until="2026-02-28") == [[]]
        assert teller.get("/v1/accounts/A1/transactions", params={"least": "1e3"}).json()["field"] == "least"
        assert teller.get("/v1/accounts/A2/transactions").status_code == 403


def test_what_is_due(served: Bank) -> None:
    """Documents and reviews due, requests, each for whom the matrix lets see it, at the branch that has to act."""
    more(served, "C4")
    served.project()
    with served.client("branch-manager", SUPERVISION) as manager, served.client("hq-operations", QUALITY) as office:
        for path in ("/v1/documents/due", "/v1/reviews/due", "/v1/requests/due"):
            assert office.get(path).status_code == 200, path
        assert manager.get("/v1/requests/due").status_code == 403
        assert manager.get("/v1/reviews/due", params={"ahead": "10", "on": "2026-03-02"}).status_code == 200
        assert manager.get("/v1/documents/due", params={"branch": "B-2"}).status_code == 403
        day = manager.get("/v1/branches/B-1/summary", params={"span": "2026-03-01"})
        assert day.status_code == 200, day.text
        assert day.json()["shown"]["summary"]["branch"] == "B-1"
        assert manager.get("/v1/branches/B-2/summary", params={"span": "2026-03-01"}).status_code == 403
        assert manager.get("/v1/branches/B-1/summary", params={"span": "March"}).json()["field"] == "span"


def test_who_looked(served: Bank) -> None:
    """A supervisor sees who looked at a customer's data, an auditor too, the looker not; page by page."""
    with served.client("teller", TELLER, sub="T-1") as teller:
        for _ in range(3):
            assert teller.get("/v1/customers/C1").status_code == 200
        assert teller.get("/v1/customers/C1/reads").status_code == 403
    served.project()
    with served.client("branch-manager", SUPERVISION) as manager, served.client("auditor", AUDIT) as auditor:
        told = [one for some in pages(manager, "/v1/customers/C1/reads", limit=2) for one in some]
        mine = [one["access_log"]["kind"] for one in told if one["access_log"]["read_by"] == "T-1"]
        assert sorted(mine) == ["read", "read", "read", "refused"]
        assert manager.get("/v1/customers/C3/reads").status_code == 403
        assert auditor.get("/v1/customers/C3/reads").status_code == 200
        theirs = pages(auditor, "/v1/operators/T-1/reads", limit=2)
        assert sum(map(len, theirs)) >= 3
    with served.client("compliance", AML) as client:
        assert client.get("/v1/customers/C1/disclosures").json()["items"] == []
        assert client.get("/v1/disclosures", params={"recipient": "police"}).json()["items"] == []


def test_what_is_kept(served: Bank) -> None:
    """Holds and deadlines page by page, for compliance; who is confined to a branch sees nothing of the house's."""
    served.grant("compliance-3", "compliance", scope=("B-1",))
    for number in ("1", "2", "3"):
        served.record(CaseOpened(occurred_at=served.now, case=f"CA-{number}2", customers=("C1",), trigger="model"))
        served.record(
            HoldPlaced(
                occurred_at=served.now, hold=f"H{number}", subject=f"customer/C{number}", basis="litigation",
                reference="suit-7",
            ),
            branch="HQ",
        )  # fmt: skip
    served.project()
    with served.client("compliance", AML) as client, served.client("compliance", AML, sub="compliance-3") as narrow:
        told = [one["holds"] for some in pages(client, "/v1/holds", limit=1) for one in some]
        assert {one["subject"] for one in told} == {"customer/C1", "customer/C2", "customer/C3"}
        assert len(told) == 3
        assert [one["holds"]["hold"] for one in pages(client, "/v1/holds", subject="customer/C2")[0]] == ["H2"]
        assert client.get("/v1/holds", params={"subject": "C2"}).json()["field"] == "subject"
        assert narrow.get("/v1/holds").json() == {"items": [], "next": ""}
        units = [one["retention"] for one in pages(client, "/v1/retention/due", on="2060-01-01")[0]]
        assert {one["subject"] for one in units} >= {"case/CA-1", "case/CA-12", "case/CA-22", "case/CA-32"}
        single = pages(client, "/v1/retention/due", on="2060-01-01", limit=1)
        assert [one["retention"] for some in single for one in some] == units
        assert pages(client, "/v1/retention/conflicts", on="2060-01-01") == [[]]
        assert narrow.get("/v1/retention/due", params={"on": "2060-01-01"}).json()["items"] == []
    with served.client("hq-operations", QUALITY) as office:
        assert office.get("/v1/holds").status_code == 403
