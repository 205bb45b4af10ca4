"""The inspection tables: every row from an event in scope, safe to open, the same bytes twice."""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fix_replay import Bank
from fix_signed import export, verified
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.customer import CustomerRegistered, RiskRated
from kyc.domain.document import DocumentVerified
from kyc.domain.governance import BranchOpened
from kyc.domain.occasional import OneOffCompleted
from kyc.domain.papers import VerificationFailed
from kyc.domain.submission import Entry, StreamName
from kyc.domain.values import Equivalent, Name, Party
from kyc.errors import ConfigurationError
from replay import layout, sheets
from replay.renderings import Form
from replay.scopes import Scope

pytestmark = pytest.mark.pg15


def table(out: Path, name: str) -> list[dict[str, str]]:
    """The rows of a CSV table."""
    text = (out / "tables" / f"{name}.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def picked(row: dict[str, str], *columns: str) -> tuple[str, ...]:
    """Some cells of a row."""
    return tuple(row[column] for column in columns)


def test_fifteen_tables_with_their_columns(bank: Bank, tmp_path: Path) -> None:
    """All fifteen are there, each with its columns in order, also those without rows."""
    export(bank, tmp_path / "c1")
    found = {path.stem for path in (tmp_path / "c1" / "tables").iterdir()}
    assert found == set(layout.TABLES)
    assert len(found) == 15
    for name, columns in layout.TABLES.items():
        head = (tmp_path / "c1" / "tables" / f"{name}.csv").read_bytes().decode("utf-8-sig").split("\r\n")[0]
        assert head.split(",") == list(columns)


def test_customers_accounts_and_legs(bank: Bank, tmp_path: Path) -> None:
    """A customer as now known, accounts with their states, every leg with both sides."""
    exported = export(bank, tmp_path / "c1")
    out = tmp_path / "c1"
    verified(out, exported)
    (person,) = table(out, "tb_cst_pers")
    assert picked(person, "Cst_no", "Acc_name", "Id_type", "Id_no", "Id_deadline", "Occupation") == (
        "C1", "Li Wei-Chen", "18", "EC1", "20300101", "teacher",
    )  # fmt: skip
    accounts = table(out, "tb_acc")
    assert [picked(row, "Self_acc_no", "Acc_state", "Cst_no", "Self_acc_name", "Cur") for row in accounts] == [
        ("A1", "11", "C1", "Li Wei-Chen", "CNY"), ("A2", "11", "C2", "", "CNY"),
    ]  # fmt: skip
    assert accounts[1]["Holders"] == "C2 owner; C1 joint"
    legs = table(out, "tb_acc_txn")
    assert [picked(row, "Ticd", "Self_acc_no", "Lend_flag", "Org_amt", "Rmb_amt") for row in legs] == [
        ("T-1", "A1", "11", "100.50", "100.50"), ("T-4", "A1", "11", "5.00", "5.00"),
        ("T-4", "A1", "10", "5.00", "5.00"), ("T-1", "A2", "10", "100.50", "100.50"),
        ("T-2", "A2", "10", "20.00", "20.00"), ("T-3", "A2", "11", "77.00", "77.00"),
    ]  # fmt: skip
    assert picked(legs[0], "Part_acc_no", "Part_acc_name", "Purpose", "Bank_flag", "Ip_code") == (
        "9-1", "Acme Ltd", "rent", "12", "10.0.0.7",
    )  # fmt: skip
    assert {row["Bank_code1"] for row in table(out, "tb_bank")} == {"310-0021"}
    assert [row["Settle_type"] for row in table(out, "tb_settle_type")] == ["transfer"]


def test_every_rating_and_every_check(bank: Bank, tmp_path: Path) -> None:
    """The history of ratings and the log of citizen-ID checks come from events; the newest rating stands apart."""
    for level, on in (("low", date(2025, 5, 1)), ("high", date(2026, 3, 3))):
        rated = RiskRated(occurred_at=bank.now, level=level, model="m/2", reasons=("cash",), rated_on=on)
        bank.customer("C1", rated)
    for method in ("citizen-id-check", "visual"):
        checked = DocumentVerified(
            occurred_at=bank.now, kind="passport", number="EC1", method=method, result="match", checked_by="T-1"
        )
        bank.customer("C1", checked)
    failed = VerificationFailed(
        occurred_at=bank.now, kind="passport", number="EC1", method="citizen-id-check", reason="down", reference="R"
    )
    bank.customer("C1", failed)
    bank.seal()
    export(bank, tmp_path / "c1")
    out = tmp_path / "c1"
    assert [picked(row, "Risk_code", "Time", "Self_acc_name", "Norm") for row in table(out, "tb_risk_his")] == [
        ("04", "20250501", "Li Wei-Chen", "m/2; cash"), ("01", "20260303", "Li Wei-Chen", "m/2; cash"),
    ]  # fmt: skip
    assert [row["Risk_code"] for row in table(out, "tb_risk_new")] == ["01"]
    log = [picked(row, "Id_no", "Result", "Name", "Counter_no") for row in table(out, "tb_lwhc_log")]
    assert log == [("EC1", "11", "Li Wei-Chen", "T-1"), ("EC1", "16", "Li Wei-Chen", "T-0417")]


def test_companies_borders_and_one_offs(bank: Bank, tmp_path: Path) -> None:
    """Companies, cross-border legs with their equivalents, remittances and exchanges have tables of their own."""
    registered = CustomerRegistered(
        occurred_at=bank.now, customer="B1", type="legal", template="legal/1", notice="2026-1",
        names=(Name(text="海河贸易有限公司"),), registration_number="91310000MA1", industry_code="F51",
        parties=(Party(name="王芳", role="legal-representative"),), registered_capital="CNY 1000000",
    )  # fmt: skip
    bank.customer("B1", registered)
    name = StreamName("branches", "institution")
    opened = BranchOpened(
        occurred_at=bank.now, branch="310-0021", on=date(2001, 2, 3), zone="Asia/Shanghai", jurisdiction="CN"
    )
    bank.record(Entry(name, name, opened))
    bank.book(
        "T-8", "70.00", ("A1", "debit"), cross_border=True, country="USA", balance_of_payments_code="121010",
        conductor=Party(name="Agent Wu", role="agent", document_kind="resident-id", document_number="310"),
        equivalents=(
            Equivalent(amount=Decimal("10.00"), currency="USD", rate=Decimal(7), rate_source="X",
                       rate_date=date(2026, 3, 3)),
        ),
    )  # fmt: skip
    for kind, reference in (("cash-remittance", "S-1"), ("currency-exchange", "S-2")):
        done = OneOffCompleted(
            occurred_at=bank.now, reference=reference, person=Party(name="Zhao", role="customer"), kind=kind,
            amount=Decimal(60000), currency="CNY", teller="T-7",
        )  # fmt: skip
        stream = StreamName("occasional", reference)
        bank.record(Entry(stream, stream, done))
    bank.seal()
    out = tmp_path / "all"
    export(bank, out, scope=Scope(kind="period", since=date(2026, 1, 1), until=date(2026, 12, 31)))
    (unit,) = table(out, "tb_cst_unit")
    assert picked(unit, "Acc_name", "Rep_name", "License", "Industry") == (
        "海河贸易有限公司", "王芳", "91310000MA1", "F51",
    )  # fmt: skip
    (border,) = table(out, "tb_cross_border")
    assert picked(border, "Ticd", "Usd_amt", "Rmb_amt", "Bop_code", "Agency_flag", "Agent_name", "Unit_flag") == (
        "T-8", "10.00", "70.00", "121010", "11", "Agent Wu", "11",
    )  # fmt: skip
    assert [picked(row, "Ticd", "Acc_name", "Org_amt") for row in table(out, "tb_cash_remit")] == [
        ("S-1", "Zhao", "60000")
    ]
    assert [picked(row, "Ticd", "Out_cur") for row in table(out, "tb_cash_convert")] == [("S-2", "CNY")]
    assert [picked(row, "Bank_code1", "Open_time") for row in table(out, "tb_bank")] == [("310-0021", "20010203")]


def test_what_is_outside_is_in_no_table(bank: Bank, tmp_path: Path) -> None:
    """Of an account alone no table has a name; of a period none has another day's amounts."""
    export(bank, tmp_path / "a1", scope=Scope(kind="account", key="A1", until=date(2026, 3, 2)))
    text = "".join(path.read_text(encoding="utf-8-sig") for path in (tmp_path / "a1" / "tables").iterdir())
    assert "100.50" in text
    for word in ("Li Wei", "EC1", ",5.00,"):
        assert word not in text


# --- files ------------------------------------------------------------------------------------------------


@given(st.text(max_size=20))
def test_no_cell_is_a_formula(text: str) -> None:
    """Whatever somebody is called, a spreadsheet calculates nothing; taken back, the cell is what was recorded."""
    cell = sheets.safe(text)
    assert cell in {text, f"'{text}"}
    if cell == text and cell not in {"", "@N"}:
        assert cell[0] not in "=+-@|%\t\r\n" or cell.lstrip("-").replace(".", "", 1).isdecimal()


def test_a_name_that_is_a_formula(bank: Bank, tmp_path: Path) -> None:
    """A customer who calls himself a formula is text in the table; a negative number stays a number."""
    bank.rename("C1", '=HYPERLINK("http://evil","x")')
    bank.seal()
    export(bank, tmp_path / "c1")
    assert table(tmp_path / "c1", "tb_cst_pers")[0]["Acc_name"] == '\'=HYPERLINK("http://evil","x")'
    assert [sheets.safe(text) for text in ("-12.50", "-12.50.1", "+86 10", "@x", "12")] == [
        "-12.50", "'-12.50.1", "'+86 10", "'@x", "12",
    ]  # fmt: skip


def test_parquet_says_the_same(bank: Bank, tmp_path: Path) -> None:
    """Parquet has the rows of the CSV, as text, without the apostrophes a spreadsheet needs."""
    bank.rename("C1", "=1+1")
    bank.seal()
    out = tmp_path / "c1"
    exported = export(bank, out, form=Form(parquet=True))
    verified(out, exported)
    for name, columns in layout.TABLES.items():
        found = pq.read_table(out / "tables" / f"{name}.parquet")
        assert found.column_names == list(columns)
        plain = [{key: cell.removeprefix("'") for key, cell in row.items()} for row in table(out, name)]
        assert found.to_pylist() == plain
    assert pq.read_table(out / "tables" / "tb_cst_pers.parquet").to_pylist()[0]["Acc_name"] == "=1+1"


def test_the_same_tables_twice(bank: Bank, tmp_path: Path) -> None:
    """Two exports give the same bytes, Parquet included."""
    for name in ("1.zip", "2.zip"):
        export(bank, tmp_path / name, form=Form(parquet=True))
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_without_tables_or_without_parquet(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables can be left out; where Parquet is not installed the remedy is named, and no bundle is begun."""
    export(bank, tmp_path / "bare.zip", form=Form(tables=False))
    with zipfile.ZipFile(tmp_path / "bare.zip") as box:
        assert not [name for name in box.namelist() if name.startswith("tables/")]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError) as refused:
        export(bank, tmp_path / "no.zip", form=Form(parquet=True))
    assert refused.value.remedy == "pip install 'kyc-ledger[parquet]'"
    assert list(tmp_path.glob("*no.zip*")) == []


def test_large_tables_wait_on_disk() -> None:
    """Rows beyond the memory given to a table come back in their order."""
    sheet = sheets.Sheet(("a", "b"))
    for number in range(30_000):
        sheet.add({"a": str(number), "b": "x" * 20})
    assert sheet.count == 30_000
    assert [row[0] for row in sheet.rows()] == [str(number) for number in range(30_000)]
    written: list[bytes] = []

    class Sink:
        def write(self, data: bytes) -> int:
            written.append(data)
            return len(data)

    sink: Any = Sink()
    sheets.write_csv(sink, sheet.columns, sheet.rows())
    assert len(written) > 2
    assert b"".join(written).count(b"\r\n") == 30_001
    sheet.close()


def test_every_column_is_documented() -> None:
    """docs/tables.md names every table and every column."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
    for name, columns in layout.TABLES.items():
        assert f"### {name}" in page
        section = page.split(f"### {name}\n")[1].split("\n### ")[0]
        assert not [column for column in columns if f"`{column}`" not in section]
