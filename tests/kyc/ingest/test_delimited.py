"""CSV with a mapping: other banks' columns become our submissions; faulty rows are named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from kyc.domain.fact import Submission
from kyc.errors import InputError
from kyc.ingest.readers import delimited

MAPPING = """
topic = "transaction.booked"
key = "core/{Ref}"
delimiter = ";"
encoding = "latin-1"
[origin]
actor = "core-banking"
branch = "{Branch}"
purpose = "account-service"
legal_basis = "AML24-34"
[fields]
"occurred_at" = { column = "Booked", format = "%d.%m.%Y %H:%M", offset = "+08:00" }
"booked_at" = { column = "Booked", format = "%d.%m.%Y %H:%M", offset = "+08:00" }
"value_date" = { column = "Value", format = "%d.%m.%Y" }
"reference" = "{Ref}"
"kind" = "transfer"
"channel" = "other"
"remittance" = "{Text}"
"legs.0.account" = "{Account}"
"legs.0.direction" = "{Side}"
"legs.0.amount" = { column = "Amount", decimal = "," }
"legs.0.currency" = "EUR"
"legs.0.counterparty.name" = "{Name}"
"""
HEADER = "Ref;Branch;Booked;Value;Account;Side;Amount;Name;Text"
ROW = "1;B-7;03.02.2026 14:05;05.02.2026;A1;debit;1.234,50;Zoë;rent"


@pytest.fixture
def mapping(tmp_path: Path) -> delimited.ColumnMapping:
    """The mapping above."""
    (tmp_path / "map.toml").write_text(MAPPING)
    return delimited.load_mapping(tmp_path / "map.toml")


def rows(tmp_path: Path, mapping: delimited.ColumnMapping, *lines: str) -> list[object]:
    """What the lines of a file give."""
    path = tmp_path / "in.csv"
    path.write_bytes("\r\n".join((HEADER, *lines, "")).encode("latin-1"))
    return [(line.line, line.item) for line in delimited.submissions(path, mapping)]


def test_columns_become_a_submission(tmp_path: Path, mapping: delimited.ColumnMapping) -> None:
    """Dates, decimal commas, encodings, nested fields and constants arrive exactly."""
    ((line, item),) = rows(tmp_path, mapping, ROW)
    assert isinstance(item, Submission)
    data = item.data
    assert (line, item.key, item.origin.branch) == (2, "core/1", "B-7")
    assert data.legs[0].amount == Decimal("1234.50")
    assert data.legs[0].counterparty.name == "Zoë"
    assert data.value_date == date(2026, 2, 5)
    assert data.booked_at.isoformat() == "2026-02-03T14:05:00+08:00"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("2;B;03.02.2026 14:05;05.02.2026;A1;debit;1,00;N", "row"),
        ("2;B;2026-02-03;05.02.2026;A1;debit;1,00;N;t", "occurred_at"),
        ("2;B;03.02.2026 14:05;31.02.2026;A1;debit;1,00;N;t", "value_date"),
        ("2;B;03.02.2026 14:05;05.02.2026;A1;sideways;1,00;N;t", "direction"),
        ("2;B;03.02.2026 14:05;05.02.2026;A1;debit;one;N;t", "amount"),
    ],
)
def test_faulty_row_is_named_and_skipped(
    tmp_path: Path, mapping: delimited.ColumnMapping, row: str, field: str
) -> None:
    """A faulty row is reported with line and field; the rows around it are read."""
    found = rows(tmp_path, mapping, ROW, row, ROW.replace("1;B", "3;B", 1))
    assert [line for line, _ in found] == [2, 3, 4]
    assert isinstance(found[1][1], InputError)
    assert field in (found[1][1].field or "")
    assert all(isinstance(found[at][1], Submission) for at in (0, 2))


@pytest.mark.parametrize("endless", ["x" * 900, '"' + "x" * 900, ";" * 900, '"' + '\n";"' * 300])
def test_rows_without_end(
    tmp_path: Path, mapping: delimited.ColumnMapping, monkeypatch: pytest.MonkeyPatch, endless: str
) -> None:
    """A line, a cell or a row that goes on and on is given up and never held; the rows around it are read."""
    monkeypatch.setattr(delimited, "ROW_MAX", 400)
    monkeypatch.setattr(delimited, "FIELD_MAX", 300)
    first, wrong, *_, last = rows(tmp_path, mapping, ROW, endless, ROW.replace("1;B", "3;B", 1))
    assert [first[0], wrong[0], last[0]] == [2, 3, 4 + endless.count("\n")]
    assert wrong[1].message == "not a CSV row"
    assert isinstance(first[1], Submission)
    assert isinstance(last[1], Submission)


def test_missing_column(tmp_path: Path, mapping: delimited.ColumnMapping) -> None:
    """A mapped column that the file lacks is named by the field it was for."""
    path = tmp_path / "in.csv"
    path.write_text("Ref;Branch\n1;B\n")
    (line,) = delimited.submissions(path, mapping)
    assert isinstance(line.item, InputError)
    assert line.item.message == "the file lacks a mapped column"


def test_wrong_encoding(tmp_path: Path, mapping: delimited.ColumnMapping) -> None:
    """Bytes that are not of the declared encoding are reported, never guessed."""
    (tmp_path / "map.toml").write_text(MAPPING.replace("latin-1", "ascii"))
    path = tmp_path / "in.csv"
    path.write_bytes(f"{HEADER}\n{ROW}\n".encode())
    with pytest.raises(InputError) as refused:
        list(delimited.submissions(path, delimited.load_mapping(tmp_path / "map.toml")))
    assert refused.value.rule == "ascii"
    path.write_bytes(f"{HEADER}\n".encode() + f"{ROW}\n".replace("Zoë", "Zoe").encode() * 500 + ROW.encode())
    *good, last = delimited.submissions(path, delimited.load_mapping(tmp_path / "map.toml"))
    assert isinstance(last.item, InputError)
    assert all(isinstance(line.item, Submission) for line in good)


@pytest.mark.parametrize("text", ["[", "topic = 1", MAPPING + "\nunknown = 1", "key = 'k'"])
def test_bad_mapping(tmp_path: Path, text: str) -> None:
    """A mapping that is no mapping is refused by name of the file."""
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(InputError) as refused:
        delimited.load_mapping(tmp_path / "map.toml")
    assert refused.value.field == "map.toml"


MORE = """
"legs.1.account" = { column = ["Konto", "Other"], default = "A2" }
"legs.1.direction" = { column = "Signed", signs = ["credit", "debit"] }
"legs.1.amount" = { column = "Signed", absolute = true, decimal = "," }
"legs.1.currency" = { column = "Cur", values = { "1" = "EUR", "2" = "CNY" } }
"initiated_at" = { column = "Booked", format = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }
"""


def test_aliases_defaults_values_signs_and_zones(tmp_path: Path) -> None:
    """Columns of several names, defaults, translated values, signed amounts and zones with summer time."""
    (tmp_path / "map.toml").write_text(
        MAPPING.replace("latin-1", "gb18030").replace("[origin]", "skip = 2\n[origin]") + MORE
    )
    mapping = delimited.load_mapping(tmp_path / "map.toml")
    path = tmp_path / "in.csv"
    row = ROW.replace("Zoë", "王").replace("03.02", "03.07").replace("05.02", "05.07")
    lines = [f"{row};;-7,50;2", f"{row};A7;7,50;1", f"{row};;1,00;3"]
    path.write_bytes("\n".join(["bank", "", HEADER + ";Other;Signed;Cur", *lines]).encode("gb18030"))
    first, second, wrong = delimited.submissions(path, mapping)
    assert isinstance(first.item, Submission)
    assert isinstance(second.item, Submission)
    data, leg = first.item.data, first.item.data.legs[1]
    assert (leg.account, leg.direction, leg.amount, leg.currency) == ("A2", "debit", Decimal("7.50"), "CNY")
    assert data.legs[0].counterparty.name == "王"
    assert data.initiated_at.isoformat() == "2026-07-03T14:05:00+02:00"
    assert (second.item.data.legs[1].account, second.item.data.legs[1].direction) == ("A7", "credit")
    assert (first.line, wrong.line) == (4, 6)
    assert isinstance(wrong.item, InputError)
    assert (wrong.item.message, wrong.item.field) == ("not a value of the mapping", "legs.1.currency")


def test_files_without_header_and_with_a_mark(tmp_path: Path) -> None:
    """A header of the mapping stands for the one a file lacks; a byte order mark is no part of the first name."""
    names = ", ".join(f'"{name}"' for name in HEADER.split(";"))
    text = MAPPING.replace("latin-1", "utf-8")
    (tmp_path / "map.toml").write_text(text.replace("[origin]", f"header = [{names}]\n[origin]"))
    path = tmp_path / "in.csv"
    path.write_text(ROW)
    (line,) = delimited.submissions(path, delimited.load_mapping(tmp_path / "map.toml"))
    assert (line.line, isinstance(line.item, Submission)) == (1, True)
    (tmp_path / "map.toml").write_text(text)
    path.write_text(f"\ufeff{HEADER}\n{ROW}")
    (line,) = delimited.submissions(path, delimited.load_mapping(tmp_path / "map.toml"))
    assert isinstance(line.item, Submission)


@pytest.mark.parametrize("bad", ['encoding = "klingon"', 'delimiter = "ab"', "skip = -1"])
def test_settings_that_cannot_be(tmp_path: Path, bad: str) -> None:
    """Unknown encodings and delimiters are refused before anything is read."""
    text = MAPPING.replace('encoding = "latin-1"\n', "").replace('delimiter = ";"\n', "")
    (tmp_path / "map.toml").write_text(f"{bad}\n{text}")
    with pytest.raises(InputError):
        delimited.load_mapping(tmp_path / "map.toml")
