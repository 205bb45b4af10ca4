"""The plain form: every line is JSON, and says what the rows say."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from kyc.domain.identifiers import iban_valid, resident_id_valid, uscc_valid
from kyc.simulate.book import NOBODY, Book
from kyc.simulate.lines import Lines, customer_lines, decimal, transactions
from kyc.simulate.population import DECIMALS, Population
from kyc.simulate.rows import days

START = date(2026, 1, 1)


def test_transaction_lines_say_what_the_rows_say() -> None:
    """Each line parses to its row: time, amount with the currency's decimals, both sides."""
    book = Book(Population(2, 200, START))
    rows = [(day.date, row) for day in days(book, 2, 3_000, START, 20) for row in day.rows]
    lines = list(transactions(2, 200, 3_000, START, 20))
    assert len(lines) == len(rows) == 3_000
    for (day, row), line in zip(rows, map(json.loads, lines), strict=True):
        moment = datetime.fromisoformat(line["booked_at"])
        assert moment.date() == day
        assert moment.utcoffset() == timedelta(hours=8)
        assert moment.hour * 3_600 + moment.minute * 60 + moment.second == row.second
        for side, index in (("debit", row.debit), ("credit", row.credit)):
            if index != NOBODY:
                assert line[side]["account"] == book.accounts[index].number
                assert line["currency"] == book.accounts[index].currency
            else:
                assert line[side] == (row.outside._asdict() if row.outside else None)
        assert -Decimal(line["amount"]).as_tuple().exponent == DECIMALS[line["currency"]]
        assert int(line["amount"].replace(".", "")) == row.amount
        assert line.get("teller", "") == row.teller
        assert "label" not in line


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(5, "CNY", "0.05"), (123_456, "USD", "1234.56"), (7, "JPY", "7"), (1_005, "KWD", "1.005"), (0, "CNY", "0.00")],
)
def test_amounts_have_the_decimals_of_their_currency(minor: int, currency: str, text: str) -> None:
    """Yen have none, dinars three."""
    assert decimal(minor, currency) == text


def test_customer_lines_cover_the_population() -> None:
    """A line for each customer with valid numbers, its accounts right behind, holders by customer number."""
    lines = [json.loads(line) for line in customer_lines(Population(1, 100, START))]
    numbers = [line["customer"] for line in lines if line["type"] == "customer"]
    assert numbers == [f"C{number:08d}" for number in range(1, 101)]
    for before, line in zip([None, *lines], lines, strict=False):
        if line["type"] == "account":
            assert line["holders"][0] == before.get("customer", before.get("holders", [""])[0])
        elif line["kind"] == "person":
            assert resident_id_valid(line["document"]["number"])
        elif line["kind"] in {"company", "sole-trader"}:
            assert uscc_valid(line["uscc"])
            assert resident_id_valid(line["representative"]["document"]["number"])


def test_accounts_abroad_are_ibans_where_the_country_has_them() -> None:
    """Counterparties in Britain, Germany and France have valid IBANs."""
    abroad = Book(Population(1, 5, START)).world.foreign
    checked = [outside for outside in abroad if outside.country in {"GBR", "DEU", "FRA"}]
    assert len(checked) > 5
    assert all(iban_valid(outside.account) for outside in checked)


def test_lines_are_made_in_constant_memory() -> None:
    """A day's lines come one by one: the first of a huge run is there before the second is made."""
    book = Book(Population(1, 50, START))
    stream = Lines(book).of_day(next(days(book, 1, 3_000_000, START, 1_000)))
    assert json.loads(next(stream))["reference"] == "T20260101000000001"
