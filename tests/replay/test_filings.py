"""Reports of a case: large-value and suspicious lines as the interface wants them, and goAML that parses."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from fix_replay import Bank
from fix_signed import export, verified

from kyc.domain.event import Event
from kyc.domain.monitoring import CaseClosed, CaseOpened, LargeValueDetected, ReportFiled, StrConfirmed
from kyc.domain.submission import Entry, StreamName
from kyc.domain.values import Equivalent, Party
from replay import layout
from replay.renderings import Form
from replay.scopes import Scope

pytestmark = pytest.mark.pg15

TRANSACTION = [
    "transactionnumber", "internal_ref_number", "transaction_location", "transaction_description",
    "date_transaction", "teller", "authorized", "value_date", "transmode_code", "amount_local", "t_from_my_client",
    "t_from", "t_to_my_client", "t_to", "goods_services",
]  # fmt: skip
REPORT = [
    "rentity_id", "submission_code", "report_code", "entity_reference", "submission_date", "currency_code_local",
    "reporting_person", "reason", "action", "transaction", "activity", "report_indicators",
]  # fmt: skip


@dataclass
class Case:
    """A bank with a case about C1."""

    bank: Bank

    def record(self, kind: str, key: str, event: Event) -> None:
        """Record an event of any stream."""
        name = StreamName(kind, key)
        self.bank.record(Entry(name, name, event))

    def confirm(self, *transactions: str, **more: object) -> None:
        """A second person confirms the suspicion."""
        confirmed = StrConfirmed(
            occurred_at=self.bank.now, case="K-1", confirmer="A-9", subjects=("C1",), transactions=transactions,
            behaviour="in & out < 24 h", analysis="layering", predicate="fraud", features=("0501", "0502"), **more,
        )  # fmt: skip
        self.record("case", "K-1", confirmed)

    def export(self, out: Path) -> Path:
        """Seal and export the case; the bundle verifies."""
        self.bank.seal()
        exported = export(
            self.bank, out, scope=Scope(kind="case", key="K-1"), form=Form(institution="104100000004")
        )
        verified(out, exported)
        return out


@pytest.fixture
def case(bank: Bank) -> Case:
    """A case with large values detected: T-1 paid by C1, T-9 in dollars across the border."""
    made = Case(bank)
    bank.book(
        "T-9", "9000.00", ("A1", "debit"), cross_border=True, cash=True,
        conductor=Party(name="Agent Wu", role="agent", document_kind="resident-id", document_number="310"),
        equivalents=(
            Equivalent(amount=Decimal("1250.00"), currency="USD", rate=Decimal("7.2"), rate_source="X",
                       rate_date=date(2026, 3, 3)),
        ),
    )  # fmt: skip
    opened = CaseOpened(occurred_at=bank.now, case="K-1", customers=("C1",), trigger="regulator")
    made.record("case", "K-1", opened)
    for direction, transactions in (("payments", ("T-1", "T-9")), ("receipts", ("T-1",))):
        detected = LargeValueDetected(
            occurred_at=bank.now, customer="C1", day=date(2026, 3, 3), direction=direction, feature="0501",
            policy="lct", policy_version=1, amount=Decimal("9100.50"), currency="CNY", transactions=transactions,
        )  # fmt: skip
        made.record("large-value", "C1", detected)
    return made


def lines(out: Path, kind: str) -> list[dict[str, str]]:
    """The lines of a report."""
    text = (out / "reports" / f"{kind}.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def in_order(element: ET.Element, order: list[str]) -> bool:
    """Whether the children stand in the order of the schema."""
    places = [order.index(child.tag) for child in element]
    return places == sorted(places)


def test_large_values_by_transaction(case: Case, tmp_path: Path) -> None:
    """A line for each leg that counts for a threshold: receipts and payments apart, on the customer's accounts."""
    out = case.export(tmp_path / "k1")
    found = lines(out, "large-value")
    assert [(row["TICD"], row["CTAC"], row["TSDR"], row["CRAT"], row["CUSD"]) for row in found] == [
        ("T-1", "A1", "02", "100.50", "-9999"), ("T-9", "A1", "02", "9000.00", "1250.00"),
        ("T-1", "A2", "01", "100.50", "-9999"),
    ]  # fmt: skip
    first, second, _ = found
    assert list(first) == list(layout.TABLES["tb_lar_report"])
    assert (first["RICD"], first["CTNM"], first["CTID"], first["CRCD"], first["CTTN"], first["SBDT"]) == (
        "104100000004", "Li Wei-Chen", "EC1", "0501", "1", "20260303",
    )  # fmt: skip
    assert (first["TBNM"], second["TBNM"], second["TBID"], first["CTAR"]) == ("@N", "Agent Wu", "310", "@N")
    assert not [cell for row in found for cell in row.values() if cell == ""]


def test_the_same_lines_in_the_inspection_table(case: Case, tmp_path: Path) -> None:
    """tb_lar_report and tb_sus_report have the lines of the reports, empty cells empty."""
    case.confirm("T-9")
    out = case.export(tmp_path / "k1")
    for table, kind in (("tb_lar_report", "large-value"), ("tb_sus_report", "suspicious")):
        text = (out / "tables" / f"{table}.csv").read_bytes().decode("utf-8-sig")
        plain = [
            {column: cell.replace("@N", "").replace("-9999", "") for column, cell in row.items()}
            for row in lines(out, kind)
        ]
        assert list(csv.DictReader(io.StringIO(text, newline=""))) == plain != []


def test_a_suspicion(case: Case, tmp_path: Path) -> None:
    """A confirmed suspicion: its trigger, urgency, addressees and analysis beside each transaction it names."""
    case.confirm("T-9", urgent=True, direction="fiu-and-police")
    filed = ReportFiled(
        occurred_at=case.bank.now, report="R-1", kind="suspicious", case="K-1", customers=("C1",),
        reporting_institution="104100000004", preparer="A-3", filed_on=date(2026, 3, 4), digest="00" * 32,
        follows="R-0",
    )  # fmt: skip
    case.record("report", "R-1", filed)
    case.record("case", "K-1", CaseClosed(occurred_at=case.bank.now, case="K-1", outcome="reported", reason="done"))
    (row,) = lines(case.export(tmp_path / "k1"), "suspicious")
    names = "DETR DORP TPTR STCB AOSP TOSC STCR RPNM ORXN TICD".split()
    assert {name: row[name] for name in names} == {
        "DETR": "02", "DORP": "03", "TPTR": "03", "STCB": "in & out < 24 h", "AOSP": "layering", "TOSC": "fraud",
        "STCR": "0501,0502", "RPNM": "A-3", "ORXN": "R-0", "TICD": "T-9",
    }  # fmt: skip


def test_goaml_transactions(case: Case, tmp_path: Path) -> None:
    """goAML: elements in the schema's order, each transaction with two parties, one of them ours."""
    case.confirm("T-1", "T-9")
    root = ET.parse(case.export(tmp_path / "k1") / "reports" / "goaml.xml").getroot()  # noqa: S314 - our own file
    assert in_order(root, REPORT)
    assert (root.findtext("rentity_id"), root.findtext("report_code")) == ("104100000004", "STR")
    assert root.findtext("reason") == "in & out < 24 h"
    found = root.findall("transaction")
    assert [transaction.findtext("transactionnumber") for transaction in found] == ["T-1", "T-9"]
    for transaction in found:
        assert in_order(transaction, TRANSACTION)
        sides = [child.tag for child in transaction if child.tag.startswith("t_")]
        assert sides == ["t_from_my_client", "t_to"]
        own = transaction.find("t_from_my_client/from_account")
        assert own is not None
        assert (own.findtext("account"), own.findtext("signatory/is_primary")) == ("A1", "true")
        assert own.findtext("signatory/t_person/last_name") == "Li Wei-Chen"
        assert transaction.findtext("t_to/to_account/account") == "9-1"
    assert found[1].findtext("t_from_my_client/t_conductor/last_name") == "Agent Wu"
    assert found[1].findtext("amount_local") == "9000.00"
    assert [indicator.text for indicator in root.findall("report_indicators/indicator")] == ["0501", "0502"]


def test_goaml_activity(case: Case, tmp_path: Path) -> None:
    """A suspicion without transactions is a report of activity with its parties, never both."""
    case.confirm()
    root = ET.parse(case.export(tmp_path / "k1") / "reports" / "goaml.xml").getroot()  # noqa: S314 - our own file
    assert root.findtext("report_code") == "SAR"
    assert root.find("transaction") is None
    assert root.findtext("activity/report_parties/report_party/person/last_name") == "Li Wei-Chen"


def test_nothing_confirmed_nothing_reported(case: Case, tmp_path: Path) -> None:
    """Without a confirmed suspicion there is no goAML report and no line; other scopes have no reports."""
    out = case.export(tmp_path / "k1")
    assert lines(out, "suspicious") == []
    assert not (out / "reports" / "goaml.xml").exists()
    export(case.bank, tmp_path / "c1")
    assert not (tmp_path / "c1" / "reports").exists()
