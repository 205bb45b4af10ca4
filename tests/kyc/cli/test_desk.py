"""The order desk at the command line: from the paper to the answer, as a clerk does it."""

from __future__ import annotations

import json
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from fix_cli import Call, document
from fix_world_china import onboard, open_account, order
from fix_world_ledger import Story

from kyc.clock import SystemClock, to_datetime

COPIES = ("--copy", "ruling=ruling.pdf", "--copy", "assistance-notice=notice.pdf")
T1, T2 = ("--actor", "T-1"), ("--approver", "T-2")


@pytest.fixture
def world(story: Story) -> Story:
    """An empty bank today, which the command line finds."""
    story.clock.us = SystemClock().now_us()
    return story


@pytest.fixture
def desk(call: Call, china: Story, tmp_path: Path) -> Call:
    """A bank with a customer and an account, a clerk who holds the right, papers on disk."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    for name in ("ruling", "notice"):
        (tmp_path / f"{name}.pdf").write_bytes(f"%PDF {name}".encode())
    for name, role in (("T-1", "order-desk"), ("T-2", "compliance")):
        given = call("access", "grants", "grant", name, role, "--actor", "M-1", "--approver", "M-2")
        assert given[0] == 0, given
    return call


def written(story: Story, folder: Path, number: str, **fields) -> str:
    """An order as JSON on disk."""
    values = {"customer": "C1", "scope": ("identity",)} | fields
    told = msgspec.to_builtins(order(story, number, **values))
    path = folder / f"{number}.json"
    path.write_text(
        json.dumps({key: value for key, value in told.items() if key not in {"handler", "occurred_at"}})
    )
    return str(path)


def test_from_paper_to_answer(desk: Call, story: Story, tmp_path: Path):
    """Received, found wanting, mended, accepted by a second person, answered; the registers say so."""
    path = written(story, tmp_path, "O0")
    found = document(desk("--json", "order", "receive", path, *T1))["violations"]
    assert {one["code"] for one in found} == {"paper-without-copy:ruling", "paper-without-copy:assistance-notice"}
    assert "take a copy" in desk("order", "validate", "O0", *T1)[1]
    assert desk("order", "accept", "O0", *T1, *T2)[0] == 2
    assert "paper-without-copy" in desk("order", "reject", "O0", *T1)[1]
    assert "nothing stands against O1" in desk("order", "receive", written(story, tmp_path, "O1"), *T1, *COPIES)[1]
    for other in ("T-1", "T-9"):
        assert desk("order", "accept", "O1", *T1, "--approver", other)[0] == 7, "the same person; no right"
    assert desk("order", "answer", "O1", *T1, "--out", "early.zip")[0] == 7
    assert desk("order", "accept", "O1", *T1, *T2)[0] == 0
    assert desk("order", "answer", "O1", "--actor", "T-9", "--out", "o1.zip")[0] == 7, "no right"
    told = document(desk("--json", "order", "answer", "O1", *T1, "--out", "o1.zip", "--plain"))
    with zipfile.ZipFile(tmp_path / "o1.zip") as box:
        assert json.loads(box.read("manifest.json"))["scope"]["customers"] == ["C1"]
    assert desk("order", "fulfil", "O1", *T1, "--result", "answered", "--receipt", "R-1")[0] == 0
    assert desk("project")[0] == 0
    assert told["manifest"] in desk("--json", "disclosures", "--customer", "C1")[1]
    kinds = [one["kind"] for one in document(desk("--json", "order", "assistance"))["assistance"]]
    assert kinds == ["rejected", "disclosed", "fulfilled"]
    assert "rejected" in desk("order", "assistance", "--since", "2020-01-01")[1]


def test_frozen_in_line_and_lifted(desk: Call, story: Story, tmp_path: Path):
    """Frozen, a second in line, lifted by two, then the second holds; money is deducted out of it."""
    at = to_datetime(SystemClock().now_us())
    for number, action in (("O1", "freeze"), ("O2", "freeze"), ("O3", "deduct")):
        path = written(story, tmp_path, number, action=action)
        assert desk("order", "receive", path, *T1, *COPIES)[0] == 0
        assert desk("order", "accept", number, *T1, *T2)[0] == 0
    first = document(desk("--json", "order", "freeze", "O1", "A1", *T1))
    assert (first["waits"], first["amount"]) == (False, None)
    assert datetime.fromisoformat(first["until"]) > at + timedelta(days=99)
    assert "waits in line" in desk("order", "freeze", "O2", "A1", *T1)[1]
    assert desk("order", "release", "A1", "O1", *T1, "--approver", "T-1", "--paper", "N-1")[0] == 7
    assert "O2 is in force now" in desk("order", "release", "A1", "O1", *T1, *T2, "--paper", "N-1")[1]
    deducted = ("order", "deduct", "O3", "A1", "5.00", *T1, "--reference", "T1")
    assert desk(*deducted)[0] == 2
    assert desk(*deducted, "--freeze-id", "O2")[0] == 0
    assert desk("order", "renew", "O2", "A1", "O2", *T1)[0] == 2
    assert "accounts to look at" in desk("order", "lapse")[1]
    assert "nothing has lapsed" in desk("order", "lapse", "--now")[1]


def test_secret_objected_foreign(desk: Call, story: Story, tmp_path: Path):
    """Secrecy holds the notice back; an objection has its day; a foreign demand is passed on."""
    assert desk("order", "receive", written(story, tmp_path, "O1"), *T1, *COPIES)[0] == 0
    assert desk("order", "secrecy", "impose", "O1", *T1)[0] == 0
    told = ("order", "notify", "O1", *T1, "--channel", "letter")
    assert desk(*told)[0] == 2
    assert "tell the customer" in desk("order", "secrecy", "release", "O1", *T1, "--reference", "R-1")[1]
    assert desk(*told)[0] == 0
    assert "the court answers by" in desk("order", "objection", "lodge", "O1", *T1, "--statement", "not ours")[1]
    answer = ("order", "objection", "answered", "O1", *T1, "--outcome", "rejected", "--statement", "it is")
    assert [desk(*answer)[0], desk(*answer)[0]] == [0, 2]
    asked = (
        "order",
        "foreign",
        "receive",
        "F1",
        *T1,
        "--authority",
        "Court",
        "--country",
        "GBR",
        "--demand",
        "all",
    )
    assert "PIPL art. 41" in desk(*asked)[1]
    assert desk("order", "foreign", "escalate", "F1", *T1, "--to", "Ministry of Justice")[0] == 0
    allowed = ("order", "foreign", "approve", "F1", *T1, *T2, "--authority", "Ministry", "--reference", "M-7")
    assert desk(*allowed, "--field", "identity")[0] == 0
    assert desk("order", "accept", "O1", *T1, *T2)[0] == 0
    sealed = ("order", "seal", "O1", *T1, "--item", "ledger", "--counterpart", "Zhao Yi")
    assert desk(*sealed)[0] == 0


def test_what_is_no_order(desk: Call, tmp_path: Path):
    """A file that cannot be read, is no JSON, or no order is refused by field and rule."""
    assert desk("order", "receive", "missing.json", *T1)[0] == 2
    (tmp_path / "bad.json").write_text("{")
    assert desk("order", "receive", "bad.json", *T1)[0] == 2
    (tmp_path / "bad.json").write_text('{"order": "O1"}')
    assert desk("order", "receive", "bad.json", *T1)[0] == 2
    for copy in ("ruling", "ruling=missing.pdf"):
        assert desk("order", "receive", "bad.json", *T1, "--copy", copy)[0] == 2
