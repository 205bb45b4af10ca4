"""Registers of customers from the command line."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from fix_bank import AT, household, registered, submission
from fix_cli import Call, document

from kyc.domain.authority import LegalBasis, Officer, OrderAccepted, OrderReceived, Paper
from kyc.domain.customer import RiskRated
from kyc.domain.diligence import ObjectionReceived, RiskMeasureApplied, ScreeningPerformed
from kyc.domain.disposal import HoldPlaced
from kyc.domain.event import RecordClass
from kyc.domain.life import PartyAdded
from kyc.domain.privacy import ConsentGiven, RightsRequestReceived
from kyc.domain.restraint import AccountFrozen
from kyc.domain.values import Party
from kyc.simulate.submissions import wire


@pytest.fixture
def bank(call: Call, tmp_path: Path) -> Path:
    """A file of a household and of somebody with a Chinese name, taken in and projected."""
    source = tmp_path / "bank.ndjson"
    lines = [*household(), registered("C3", "\u5f20\u4f1f\u660e")]
    source.write_bytes(b"".join(map(wire, lines)))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("project")[0] == 0
    return source


@pytest.mark.usefixtures("bank")
def test_documents(call: Call) -> None:
    """A customer's documents on a day, and whom to ask for another, once head office has adopted the rules."""
    (one,) = document(call("--json", "documents", "show", "C1", "--on", "2035-01-02"))["documents"]
    assert (one["number"], one["state"], one["expires_on"], one["scans"]) == ("P1", "expired", "2035-01-01", 1)
    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[0] == 0
    assert "grace          passport             P1  GBR, expires 2035-01-01" in call(
        "documents", "show", "C1", "--on", "2035-01-02"
    )[1]  # fmt: skip
    due = document(call("--json", "documents", "due", "--on", "2035-06-01", "--branch", "B-1"))["documents"]
    assert sorted((one["customer"], one["name"], one["state"]) for one in due) == [
        ("C1", "Ada Lovelace", "suspended"), ("C2", "Grace Hopper", "suspended"),
    ]  # fmt: skip
    assert (
        "2035-01-01  suspended  C1 Ada Lovelace  passport, B-1" in call("documents", "due", "--on", "2035-06-01")[1]
    )
    assert call("documents", "due", "--on", "2035-06-01", "--state", "expiring")[1] == "nothing is due\n"
    assert call("documents", "due")[1] == "nothing is due\n"
    assert call("documents", "show", "C9")[0] == 4
    assert call("documents", "show", "C1", "--on", "soon")[0] == 2


@pytest.mark.usefixtures("bank")
def test_find(call: Call) -> None:
    """By anything, by one field, of a branch, as of a day, as text and as JSON."""
    for given, expected in (
        (("ada",), ["C1"]), (("A2",), ["C2"]), (("p2", "--by", "document"), ["C2"]), (("zhang wm",), []),
        (("zwm",), ["C3"]), (("zhang weiming", "--by", "name", "--by", "party"), ["C3"]),
        (("ada", "--branch", "B-2"), []), (("ada", "--as-of", "2020-01-01"), []), (("ada", "--former"), ["C1"]),
    ):  # fmt: skip
        told = document(call("--json", "find", *given))["customers"]
        assert [one["customer"] for one in told] == expected, given
    (ada,) = document(call("--json", "find", "Ada"))["customers"]
    assert (ada["found_by"], ada["branch"], ada["status"]) == (["name"], "B-1", "active")
    assert ada["birth_date"] == "1990-05-17"
    assert "Ada Lovelace  born 1990-05-17  active, B-1  by name" in call("find", "ada")[1]
    assert len(document(call("--json", "find", "--branch", "B-1"))["customers"]) == 3
    assert call("find", "nobody")[1] == "nobody found\n"
    code, _, said = call("find", "x", "--by", "name")
    assert code == 2
    assert "too little to look for" in said
    assert call("find")[0] == 2


def test_reviews_and_diligence(call: Call, tmp_path: Path) -> None:
    """Reviews due by the adopted cycles, objections and screenings that wait, one customer's file."""
    assert call("adopt", "--actor", "HQ-1", "--approver", "HQ-2")[0] == 0
    events = [
        RiskRated(occurred_at=AT, level="high", model="risk/1", reasons=("cash",)),
        RiskMeasureApplied(occurred_at=AT, id="M1", measure="no cash", reason="unusual", approver="T-2"),
        ObjectionReceived(occurred_at=AT, id="O1", measure="M1", statement="why"),
        ScreeningPerformed(occurred_at=AT, list="UN", list_version="7", engine="e/1"),
    ]  # fmt: skip
    lines = [*household(), *(submission(f"C1/{event.TOPIC}", event, "C1") for event in events)]
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, lines)))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("project")[0] == 0
    told = document(call("--json", "reviews", "due", "--on", "2026-08-30", "--ahead", "2"))
    assert [(one["customer"], one["due_on"], one["state"]) for one in told["reviews"]] == [
        ("C1", "2026-09-01", "coming")
    ]
    assert told["unrated"] == 1
    said = call("reviews", "due", "--on", "2026-09-02")[1]
    assert "2026-09-01  overdue  high       C1 Ada Lovelace, B-1" in said
    assert "not on the list: 1 customers in a relationship who were never rated" in said
    assert "nothing is due" in call("reviews", "due", "--on", "2026-08-30")[1]
    assert "2026-03-16  received 2026-03-01  C1 Ada Lovelace, B-1" in call(
        "reviews", "objections", "--on", "2026-03-02"
    )[1]  # fmt: skip
    assert call("reviews", "screening", "UN", "7")[1] == "C2 Grace Hopper, B-1  never screened\n"
    file = document(call("--json", "customer", "diligence", "C1", "--on", "2026-03-02"))
    assert (file["rating"]["reasons"], file["review_due"]) == (["cash"], "2026-09-01")
    said = call("customer", "diligence", "C1")[1]
    for line in (
        "next review          2026-09-01",
        "open objection       O1 since 2026-03-01",
        "answer due 2026-03-16",
    ):
        assert line in said, said
    assert call("customer", "diligence", "C2")[0] == 4


def test_orders(call: Call, tmp_path: Path) -> None:
    """An order, its freeze until a moment, what is due, and what was done under it."""
    received = OrderReceived(
        occurred_at=AT, order="O1", action="freeze", organ="court", organ_name="Court", level=2, approval=2,
        bases=(LegalBasis(instrument="\u6c11\u4e8b\u8bc9\u8bbc\u6cd5", article="253"),),
        papers=(Paper(kind="assistance-notice"), Paper(kind="ruling")),
        officers=(Officer(name="A", work_id="1"), Officer(name="B", work_id="2")), channel="counter",
        handler="T-1", subject="natural", subject_name="Ada", customer="C1", accounts=("A1",), whole_account=True,
        freeze_from=AT, freeze_until=AT + timedelta(days=30), fruits="covered", secret=True,
    )  # fmt: skip
    until = AT + timedelta(hours=48)
    lines = [
        *household(), submission("O1", received),
        submission("O1/ok", OrderAccepted(occurred_at=AT, order="O1", approver="T-2")),
        submission("F1", AccountFrozen(occurred_at=AT, id="F1", order="O1", organ="court", until=until), "A1"),
    ]  # fmt: skip
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, lines)))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("project")[0] == 0
    said = call("orders", "--on", "2026-03-03T09:29:59Z", "--customer", "C1")[1]
    assert "2026-03-01 09:30:00+00:00  accepted   O1  freeze, court, secret" in said
    assert "until 2026-03-03 09:30:00+00:00  in-force   F1 by O1, whole account" in said
    (lapsed,) = document(call("--json", "orders", "--on", "2026-03-03T09:30:00Z"))["freezes"]
    assert (lapsed["freeze"], lapsed["state"]) == ("F1", "lapsed")
    assert "lapses   until 2026-03-03" in call("orders", "--due", "--on", "2026-03-02")[1]
    assert call("orders", "--due", "--on", "2026-03-04")[1] == "nothing is due\n"
    assert call("orders", "--account", "A2")[1] == "no orders\n"
    (act,) = document(call("--json", "orders", "show", "O1"))["assistance"]
    assert (act["kind"], act["freeze"]) == ("frozen", "F1")
    assert "frozen" in call("orders", "show", "O1")[1]
    assert call("orders", "show", "O9")[0] == 4


def test_consent_and_requests(call: Call, tmp_path: Path) -> None:
    """What a customer agreed to and asked for, one purpose on a day, and what is to be answered."""
    given = ConsentGiven(occurred_at=AT, purpose="marketing", method="app", notice="notice/1")
    wanted = RightsRequestReceived(
        occurred_at=AT, request="Q1", kind="access", customer="C1", requester="person", proof="passport",
        due=date(2026, 3, 20),
    )  # fmt: skip
    lines = [*household(), submission("C1/consent", given, "C1"), submission("Q1", wanted)]
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, lines)))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("project")[0] == 0
    assert call("customer", "consent", "C1", "--purpose", "marketing")[1] == "yes: consented on 2026-03-01\n"
    assert call("customer", "consent", "C2", "--purpose", "marketing")[1] == "no: not-asked\n"
    told = document(call("--json", "customer", "consent", "C1"))
    assert (told["consents"][0]["method"], told["requests"][0]["request"]) == ("app", "Q1")
    said = call("customer", "consent", "C1")[1]
    for line in (
        "notice       notice/1 on 2026-03-01, registration",
        "consent      marketing from 2026-03-01 to now",
    ):
        assert line in said
    (one,) = document(call("--json", "requests", "due", "--on", "2026-03-10"))["requests"]
    assert (one["customer"], one["due_on"], one["proof"]) == ("C1", "2026-03-20", "passport")
    assert "2026-03-20  overdue  Q1 access" in call("requests", "due", "--on", "2026-03-21")[1]
    assert call("requests", "due", "--on", "2026-03-02")[1] == "nothing is due\n"


def test_owners_and_holds(call: Call, tmp_path: Path) -> None:
    """Who stands behind a customer on a day, and which holds lie on whose records."""
    guardian = PartyAdded(
        occurred_at=AT, id="G1", party=Party(name="Grace Hopper", role="guardian", customer="C2"), kind="guardian",
        since=AT.date(), proof="court",
    )  # fmt: skip
    hold = HoldPlaced(
        occurred_at=AT, subject="customer/C1", hold="H1", basis="litigation", reference="K-1",
        classes=(RecordClass.IDENTITY,),
    )  # fmt: skip
    lines = [*household(), submission("G1", guardian, "C1"), submission("H1", hold)]
    source = tmp_path / "bank.ndjson"
    source.write_bytes(b"".join(map(wire, lines)))
    assert call("ingest", "ndjson", str(source))[0] == 0
    assert call("project")[0] == 0
    (one,) = document(call("--json", "customer", "owners", "C1"))["people"]
    assert (one["party"]["name"], one["role"], one["through"]) == ("Grace Hopper", "guardian", [])
    assert "guardian             Grace Hopper, since 2026-03-01, relation" in call("customer", "owners", "C1")[1]
    assert call("customer", "owners", "C1", "--as-of", "2026-02-28")[1] == "nobody\n"
    (held,) = document(call("--json", "holds", "--case", "K-1"))["holds"]
    assert (held["hold"], held["subject"], held["classes"]) == ("H1", "customer/C1", ["identity"])
    assert "2026-03-01 to now         H1 on customer/C1  litigation K-1, identity" in call("holds")[1]
    assert call("holds", "--subject", "customer/C2")[1] == "no holds\n"
    assert call("holds", "--subject", "C2")[0] == 2
