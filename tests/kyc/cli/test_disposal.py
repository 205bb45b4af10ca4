"""Holds and disposal from the command line, of a customer who left more than ten years ago."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from fix_bank import AT, captured, closed, receipts, registered, submission, verified
from fix_cli import Call, document

from kyc.domain.account import AccountOpened, Holder
from kyc.domain.customer import RelationshipEnded, RelationshipEstablished
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.store.database import Database
from kyc.store.log import EventLog

LEFT = date(2015, 6, 30)


@pytest.fixture
def bank(call: Call, database: str, tmp_path: Path) -> Call:
    """The command line of a bank whose only customer left in 2015."""
    log = EventLog(Database(database), FileKeyProvider.open(tmp_path / "home" / "keys"))
    since = RelationshipEstablished(occurred_at=AT, on=date(2010, 1, 1))
    account = AccountOpened(
        occurred_at=AT, account="A1", currency="EUR", product="current", opened_on=date(2010, 1, 1),
        holders=(Holder(customer="C1"),),
    )  # fmt: skip
    ended = RelationshipEnded(occurred_at=AT, on=LEFT, reason="moved away", accounts=("A1",))
    lines = [
        registered("C1"), captured("C1", "P1"), verified("C1"), submission("since", since, "C1"),
        submission("A1", account), closed("A1", LEFT), submission("end", ended, "C1"),
    ]  # fmt: skip
    for answer in Ledger(log, ZoneInfo("Europe/London")).record(lines):
        receipts(answer)
    log.close()
    return call


def test_disposed_of_by_two(bank: Call, tmp_path: Path) -> None:
    """Proposed, held, approved, refused, released, carried out: the customer is gone, all proofs are there."""
    assert document(bank("--json", "disposal", "propose", "B1", "--actor", "R-1"))["proposed"] == 2
    assert bank("disposal", "approve", "B1", "--actor", "R-1")[0] == 7
    assert document(bank("--json", "disposal", "approve", "B1", "--actor", "R-2"))["approved"] == 2
    listed = document(bank("--json", "disposal", "list", "B1"))
    assert {one["subject"]: one["status"] for one in listed} == {
        "customer/C1": "approved",
        "account/A1": "approved",
    }
    assert bank("hold", "place", "customer/C1", "H1", "--basis", "order", "--actor", "M-1")[0] == 0
    code, out, _ = bank("disposal", "execute", "B1", "--actor", "R-3")
    assert (code, "refused: customer/C1 identity: not due today: held" in out) == (2, True)
    assert document(bank("--json", "hold", "list", "customer/C1"))["holds"][0]["hold"] == "H1"
    release = ("hold", "release", "customer/C1", "H1", "--actor", "M-1", "--reason", "lapsed", "--approver")
    assert bank(*release, "M-1")[0] == 7
    assert bank(*release, "M-2")[0] == 0
    done = document(bank("--json", "disposal", "execute", "B1", "--actor", "R-3"))
    assert (done["completed"], done["refused"], done["failed"]) == (2, 0, 0)
    assert done["emptied"]["scans"] == 1
    assert {one["table"] for one in done["tables"]} >= {"kyc.event", "kyc_keys.data_key"}
    assert "disposed of" in bank("customer", "history", "C1")[1]
    assert (tmp_path / "home" / "disposals.ndjson").read_text().count("\n") == 2
    assert bank("seal")[0] == 0
    assert bank("verify")[0] == 0
    assert "none" in bank("disposal", "list", "B2")[1]


def test_rejected(bank: Call) -> None:
    """Who rejects says why; what was rejected is not carried out."""
    bank("disposal", "propose", "B1", "--actor", "R-1", "--subject", "customer/C1", "--record-class", "identity")
    assert bank("disposal", "reject", "B1", "--actor", "R-2", "--reason", "")[0] == 2
    assert (
        document(bank("--json", "disposal", "reject", "B1", "--actor", "R-2", "--reason", "doubt"))["rejected"] == 1
    )
    assert document(bank("--json", "disposal", "execute", "B1", "--actor", "R-3"))["completed"] == 0
    assert [one["status"] for one in document(bank("--json", "disposal", "list", "--status", "rejected"))] == [
        "rejected"
    ]
    assert (
        bank("hold", "place", "customer/C1", "H1", "--basis", "order", "--actor", "M", "--record-class", "x")[0]
        == 2
    )


def test_a_restored_backup(bank: Call, database: str, tmp_path: Path) -> None:
    """A backup brings the key table back; what the register lists is destroyed again, and that is on record."""
    with psycopg.connect(database) as owner:
        backup = owner.execute("select id, wrapped from kyc_keys.data_key").fetchall()
        states = owner.execute("select lane, position, state, digest from kyc.event").fetchall()
    bank("disposal", "propose", "B1", "--actor", "R-1")
    bank("disposal", "approve", "B1", "--actor", "R-2")
    assert bank("disposal", "execute", "B1", "--actor", "R-3")[0] == 0
    with psycopg.connect(database) as owner:
        owner.execute("set session_replication_role = replica")
        with owner.cursor() as cursor:
            cursor.executemany(
                "update kyc_keys.data_key set wrapped = %s, destroyed_at = null where id = %s",
                [(wrapped, key) for key, wrapped in backup],
            )
            cursor.executemany(
                "update kyc.event set state = %s, digest = %s where lane = %s and position = %s",
                [(state, digest, lane, position) for lane, position, state, digest in states],
            )
    assert "moved away" in bank("customer", "history", "C1")[1]
    assert document(bank("--json", "disposal", "reapply", "--actor", "R-3"))["destroyed_again"] == 2
    history = bank("customer", "history", "C1")[1]
    assert "moved away" not in history
    assert "disposed of" in history
    assert document(bank("--json", "disposal", "reapply", "--actor", "R-3"))["destroyed_again"] == 0
    assert bank("seal")[0] == 0
    assert bank("verify")[0] == 0
