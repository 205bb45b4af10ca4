"""Scopes: what each covers, that nothing of it is left out and nothing beyond it leaves the house in clear."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import fix_signed
import pytest
from fix_replay import Bank
from fix_signed import ORDER, keys_of, resign, verified

from kyc.clock import to_datetime
from kyc.domain.authority import LegalBasis, OrderAccepted, OrderReceived
from kyc.domain.customer import RiskRated
from kyc.domain.event import Event
from kyc.domain.monitoring import AlertRaised, CaseCustomerAdded, CaseOpened, LargeValueDetected, ReportFiled
from kyc.domain.submission import Entry, StreamName
from kyc.domain.transaction import TransactionReversed
from kyc.errors import InputError, LogMismatchError, NotFoundError, RefusedError
from kyc.evidence import merkle
from kyc.evidence.edge import tile_root
from replay import bundle, verifier
from replay.bundle import Exported
from replay.proofs import Prover
from replay.scopes import Scope

pytestmark = pytest.mark.pg15


def export(bank: Bank, out: Path, **scope: Any) -> Exported:
    """Export a scope with the test's keys."""
    return fix_signed.export(bank, out, scope=Scope(**scope))


def trailer(out: Path) -> dict[tuple[str, str], dict]:
    """The streams of a bundle by kind and key."""
    streams = json.loads((out / "trailer.json").read_text(encoding="utf-8"))["streams"]
    return {(stream["kind"], stream["key"]): stream for stream in streams}


def lines(out: Path, stream: dict) -> list[dict]:
    """The records of a stream."""
    return [json.loads(line) for line in (out / stream["file"]).read_text(encoding="utf-8").splitlines()]


def everything(out: Path) -> str:
    """All text of a bundle."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(out.rglob("*.ndjson")))


def record(bank: Bank, kind: str, key: str, event: Event) -> None:
    """Record an event of a stream of any kind."""
    name = StreamName(kind, key)
    bank.record(Entry(name, name, event))


def receive(bank: Bank, number: str, **more: Any) -> None:
    """An order that came in."""
    received = OrderReceived(
        occurred_at=bank.now, order=number, action="query", organ="court", organ_name="Pudong Court", level=2,
        bases=(LegalBasis(instrument="CPL", article="253"),), approval=2, channel="counter", handler="L-1",
        subject="natural", subject_name="Li Wei", **more,
    )  # fmt: skip
    record(bank, "order", number, received)


def accept(bank: Bank, number: str) -> None:
    """A second person accepts the order."""
    record(bank, "order", number, OrderAccepted(occurred_at=bank.now, order=number, approver="L-2"))


# --- each scope ---------------------------------------------------------------------------------------------


def test_account(bank: Bank, tmp_path: Path) -> None:
    """An account: its own events and its postings, of nobody's file anything."""
    exported = export(bank, tmp_path / "a2", kind="account", key="A2")
    said = verified(tmp_path / "a2", exported)
    assert "they are of account A2: its own events and its postings" in said.proved
    assert set(trailer(tmp_path / "a2")) == {("account", "A2"), ("postings", "A2")}
    assert "1980-05-17" not in everything(tmp_path / "a2")


def test_transaction(bank: Bank, tmp_path: Path) -> None:
    """A transaction: every leg with what followed it; other postings between as hashes, the rest not at all."""
    bank.book("T-5", "6.66", ("A1", "debit"))
    reversed_later = TransactionReversed(
        occurred_at=bank.now, account="A1", reference="T-1", reversed_by="T-5", reason="twice"
    )
    record(bank, "postings", "A1", reversed_later)
    bank.book("T-6", "7.77", ("A1", "debit"))
    bank.seal()
    out = tmp_path / "t1"
    exported = export(bank, out, kind="transaction", key="T-1")
    said = verified(out, exported)
    assert "they are of transaction T-1: every leg that it names itself (2)" in said.proved
    assert any("streams are given in part" in text for text in said.not_proved)
    first, second = trailer(out)["postings", "A1"], trailer(out)["postings", "A2"]
    assert (first["from"], first["through"], first["last"], first["outside"]) == (1, 5, 6, 3)
    assert [record.get("withheld") for record in lines(out, first)] == [None, "outside", "outside", "outside", None]
    assert (second["from"], second["through"], second["last"]) == (1, 1, 3)
    for amount in ("6.66", "7.77", "20.00"):
        assert amount not in everything(out)
    assert "1980-05-17" in everything(out)  # who holds the accounts


def test_transaction_without_due_diligence(bank: Bank, tmp_path: Path) -> None:
    """Of the holders only identity is given: a risk rating appears as a hash."""
    rated = RiskRated(occurred_at=bank.now, level="high", model="m/1", reasons=("cash",))
    bank.customer("C1", rated)
    bank.seal()
    exported = export(bank, tmp_path / "t1", kind="transaction", key="T-1")
    assert verified(tmp_path / "t1", exported).counts["outside"] == 1
    assert "risk_rated" not in everything(tmp_path / "t1")


def test_a_period_cuts_movements(bank: Bank, tmp_path: Path) -> None:
    """With a period, postings of other days are not given, and what was recorded later is a hash."""
    day = to_datetime(bank.moments["second day"]).date()
    out = tmp_path / "c1"
    exported = export(bank, out, kind="customer", key="C1", until=date(2026, 3, 2))
    said = verified(out, exported)
    streams = trailer(out)
    assert (streams["postings", "A1"]["through"], streams["postings", "A1"]["last"]) == (1, 3)
    assert streams["customer", "C1"]["outside"] == 1
    assert "Li Wei-Chen" not in everything(out)
    assert any("given in part" in text for text in said.not_proved)
    later = tmp_path / "later"
    exported = export(bank, later, kind="customer", key="C1", since=day, until=day)
    verified(later, exported)
    assert (trailer(later)["postings", "A1"]["from"], trailer(later)["postings", "A1"]["through"]) == (2, 3)
    assert "100.50" not in everything(later)
    assert "Li Wei-Chen" in everything(later)


def test_period(bank: Bank, tmp_path: Path) -> None:
    """A period by itself: whatever was recorded in it, whosever it is; other days not even as a hash."""
    out = tmp_path / "day"
    exported = export(bank, out, kind="period", since=date(2026, 3, 3), until=date(2026, 3, 3))
    said = verified(out, exported)
    assert "they were recorded from 2026-03-03 to 2026-03-03" in said.proved
    assert set(trailer(out)) == {("customer", "C1"), ("postings", "A1"), ("postings", "A2"), ("postings", "A3")}
    assert "100.50" not in everything(out)
    assert "Li Wei-Chen" in everything(out)
    assert "1980-05-17" not in everything(out)


def test_case(bank: Bank, tmp_path: Path) -> None:
    """A case: itself, its alerts and reports, every customer it names with all accounts, and large values."""
    raised = AlertRaised(occurred_at=bank.now, alert="AL-1", customers=("C1",), rule="fan-in", rule_version="1")
    record(bank, "alert", "AL-1", raised)
    opened = CaseOpened(occurred_at=bank.now, case="K-1", customers=("C1",), trigger="model", alerts=("AL-1",))
    record(bank, "case", "K-1", opened)
    record(bank, "case", "K-1", CaseCustomerAdded(occurred_at=bank.now, case="K-1", customer="C3", reason="pays"))
    for number, case in (("R-1", "K-1"), ("R-2", "K-2")):
        filed = ReportFiled(
            occurred_at=bank.now, report=number, kind="suspicious", case=case, customers=("C1",),
            reporting_institution="B", preparer="A-1", filed_on=bank.now.date(), digest="00" * 32,
        )  # fmt: skip
        record(bank, "report", number, filed)
    detected = LargeValueDetected(
        occurred_at=bank.now, customer="C1", day=bank.now.date(), direction="payments", feature="0501",
        policy="lct", policy_version=1, amount=Decimal(60000), currency="CNY", transactions=("T-1",),
    )  # fmt: skip
    record(bank, "large-value", "C1", detected)
    bank.seal()
    out = tmp_path / "k1"
    said = verified(out, export(bank, out, kind="case", key="K-1"))
    assert "they are of case K-1, its alerts and every customer it names (2)" in said.proved
    assert {key for key in trailer(out) if key[0] not in {"account", "postings", "customer"}} == {
        ("case", "K-1"), ("alert", "AL-1"), ("report", "R-1"), ("large-value", "C1"), ("large-value", "C3"),
    }  # fmt: skip
    assert {key for kind, key in trailer(out) if kind == "postings"} == {"A1", "A2", "A3"}


def test_order(bank: Bank, tmp_path: Path) -> None:
    """An order: what it names and no more, cut by its period, only once a second person has accepted it."""
    receive(bank, "O-1", customer="C1", accounts=("A1",), since=date(2026, 3, 3), until=date(2026, 3, 31))
    bank.seal()
    with pytest.raises(RefusedError) as refused:
        export(bank, tmp_path / "o1", kind="order", key="O-1")
    assert refused.value.rule == "order.accepted by a second person"
    accept(bank, "O-1")
    bank.seal()
    out = tmp_path / "o1"
    said = verified(out, export(bank, out, kind="order", key="O-1"))
    assert any("what order O-1 names" in text for text in said.proved)
    assert {key for kind, key in trailer(out) if kind == "postings"} == {"A1"}
    assert trailer(out)["postings", "A1"]["from"] == 2
    assert "100.50" not in everything(out)


def test_order_for_some_kinds(bank: Bank, tmp_path: Path) -> None:
    """An order that asks for transactions alone gets no file of the customer; what no export holds is refused."""
    receive(bank, "O-1", customer="C1", scope=("transactions",))
    receive(bank, "O-2", customer="C1", scope=("transactions", "safe-deposit-box"))
    receive(bank, "O-3", accounts=("A3",))
    for number in ("O-1", "O-2", "O-3"):
        accept(bank, number)
    bank.seal()
    out = tmp_path / "o1"
    verified(out, export(bank, out, kind="order", key="O-1"))
    assert {kind for kind, _ in trailer(out)} == {"order", "postings"}
    verified(tmp_path / "o3", export(bank, tmp_path / "o3", kind="order", key="O-3"))
    with pytest.raises(RefusedError) as refused:
        export(bank, tmp_path / "o2", kind="order", key="O-2")
    assert refused.value.field == "scope"


def test_notice(bank: Bank, tmp_path: Path) -> None:
    """An inspection notice: the customers and accounts it names, together; without any, all of its period."""
    out = tmp_path / "n1"
    said = verified(out, export(bank, out, kind="notice", key="N-1", customers=("C1",), accounts=("A3", "A1")))
    assert "they are of 1 customers and 3 accounts, as notified" in said.proved
    whole = tmp_path / "n2"
    verified(whole, export(bank, whole, kind="notice", key="N-2", since=date(2026, 1, 1), until=date(2026, 12, 31)))
    assert {key for kind, key in trailer(whole) if kind == "customer"} == {"C1", "C2", "C3"}


@pytest.mark.parametrize(
    ("scope", "error"),
    [
        ({"kind": "customer", "key": "C9"}, NotFoundError),
        ({"kind": "account", "key": "A9"}, NotFoundError),
        ({"kind": "transaction", "key": "T-9"}, NotFoundError),
        ({"kind": "case", "key": "K-9"}, NotFoundError),
        ({"kind": "order", "key": "O-9"}, NotFoundError),
        ({"kind": "notice", "key": "N-9"}, InputError),
        ({"kind": "period", "since": date(2026, 1, 1)}, InputError),
        ({"kind": "period", "since": date(2020, 1, 1), "until": date(2020, 1, 2)}, NotFoundError),
        ({"kind": "customer"}, InputError),
        ({"kind": "transaction", "key": "T-1", "since": date(2026, 1, 1)}, InputError),
        ({"kind": "customer", "key": "C1", "since": date(2026, 2, 1), "until": date(2026, 1, 1)}, InputError),
    ],
)
def test_no_such_scope(bank: Bank, tmp_path: Path, scope: dict[str, Any], error: type[Exception]) -> None:
    """What is not there, or contradicts itself, leaves nothing behind."""
    with pytest.raises(error):
        export(bank, tmp_path / "none.zip", **scope)
    assert list(tmp_path.glob("*none*")) == []


def test_what_cannot_be_recorded_does_not_leave(bank: Bank, tmp_path: Path) -> None:
    """Where the export cannot be registered there is no bundle."""

    def refuse(_: Exported) -> None:
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        bundle.export(
            bank.log, bank.sealed, Scope(kind="customer", key="C1"), tmp_path / "c1.zip",
            keys=keys_of(bank), order=ORDER, watch=bundle.Watch(register=refuse),
        )  # fmt: skip
    assert list(tmp_path.glob("*c1*")) == []


# --- lies about the scope -----------------------------------------------------------------------------------


def forge(out: Path, change: Any) -> None:
    """Change manifest and trailer as a dishonest exporter would, and sign again."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    streams = json.loads((out / "trailer.json").read_text(encoding="utf-8"))
    change(manifest, streams["streams"])
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (out / "trailer.json").write_text(json.dumps(streams), encoding="utf-8")
    resign(out)


SCOPE_LIES = {
    "another period": lambda m, _: m["scope"].update(since="2026-03-03"),
    "an earlier end": lambda m, _: m["scope"].update(recorded_until=1),
    "a stream beyond": lambda m, _: m["scope"]["others"].append(["case", "K-1"]),
    "a kind of its own": lambda m, _: m["scope"].update(kind="everything"),
    "a field more": lambda m, _: m["scope"].update(note="x"),
    "cut short": lambda _, s: s[0].update({"from": 2}),
    "longer than given": lambda _, s: s[0].update(last=99),
    "an account less": lambda m, _: m["scope"].update(accounts=["A1"]),
    "of a transaction": lambda m, _: m["scope"].update(kind="transaction"),
    "of a case": lambda m, _: m["scope"].update(kind="case"),
    "of an order": lambda m, _: m["scope"].update(kind="order"),
    "of a period": lambda m, _: m["scope"].update(kind="period"),
    "of an account": lambda m, _: m["scope"].update(kind="account"),
}


@pytest.mark.parametrize("lie", SCOPE_LIES)
def test_lies_about_the_scope(bank: Bank, tmp_path: Path, lie: str) -> None:
    """A scope that does not fit what is given is refused, whoever signs it."""
    exported = export(bank, tmp_path / "c1", kind="customer", key="C1")
    forge(tmp_path / "c1", lambda *_: None)
    verified(tmp_path / "c1", exported)
    forge(tmp_path / "c1", SCOPE_LIES[lie])
    with pytest.raises(verifier.Refused):
        verified(tmp_path / "c1", exported)


# --- proofs of many events ----------------------------------------------------------------------------------


class Tiles:
    """Tiles of made-up leaves; counts what is read."""

    def __init__(self, size: int) -> None:
        self.reads = 0
        self.levels = [[at.to_bytes(32, "big") for at in range(size)]]
        while len(self.levels[-1]) >= 256:
            below = self.levels[-1]
            full = range(0, len(below) // 256 * 256, 256)
            self.levels.append([tile_root(b"".join(below[at : at + 256])) for at in full])

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The hashes of a tile."""
        self.reads += 1
        return b"".join(self.levels[level][index * 256 : index * 256 + width])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 255, 256, 257, 511, 513, 1_000, 65_536, 65_537, 66_050])
def test_proofs_are_those_of_the_tree(size: int) -> None:
    """Proofs from the cache equal those made one by one, in logs of every shape, with few tiles kept."""
    tiles = Tiles(size)
    root = merkle.root(size, tiles)
    prover = Prover(size, root, tiles, kept=2)
    for index in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
        assert prover.proof(index, tiles.levels[0][index]) == merkle.inclusion_proof(index, size, tiles)


def test_each_tile_is_read_once() -> None:
    """Ten thousand proofs read no tile twice."""
    tiles = Tiles(10_000)
    prover = Prover(10_000, merkle.root(10_000, tiles), tiles)
    tiles.reads = 0
    for index in range(10_000):
        prover.proof(index, tiles.levels[0][index])
    assert tiles.reads <= 39


def test_wrong_tiles_make_no_proof() -> None:
    """A root, a leaf or a tile that is not the log's is named, and no proof leaves."""
    tiles = Tiles(70_000)
    root = merkle.root(70_000, tiles)
    with pytest.raises(LogMismatchError):
        Prover(70_000, bytes(32), tiles)
    prover = Prover(70_000, root, tiles)
    for index, leaf in ((5, bytes(32)), (70_000, bytes(32)), (-1, bytes(32))):
        with pytest.raises(LogMismatchError):
            prover.proof(index, leaf)
    tiles.levels[0][300] = bytes(32)
    with pytest.raises(LogMismatchError) as mismatch:
        prover.proof(301, tiles.levels[0][301])
    assert mismatch.value.field == "tile 0/1"
