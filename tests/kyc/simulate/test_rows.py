"""The generation core: exact counts, order, balances, the calendar and the planted schemes."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise

import pytest

from kyc.simulate.book import NOBODY, Book
from kyc.simulate.population import Population
from kyc.simulate.regions import BRANCHES, TELLERS
from kyc.simulate.rows import days
from kyc.simulate.typologies import THRESHOLD
from kyc.simulate.workdays import is_holiday, previous_workday, shares, spring_festival, weight

START = date(2026, 1, 1)


def make(seed: int, size: int, total: int, count: int, start: date = START):
    """The book and a list of (date, rows)."""
    book = Book(Population(seed, size, start))
    return book, [(day.date, list(day.rows)) for day in days(book, seed, total, start, count)]


@pytest.fixture(scope="module")
def bank():
    """Three months of a bank with 400 customers."""
    return make(3, 400, 30_000, 90)


@pytest.fixture(scope="module")
def rows(bank):
    """All rows of the bank, in order."""
    return [row for _, of_day in bank[1] for row in of_day]


@pytest.mark.parametrize(
    ("size", "total", "count"), [(1, 10, 1), (5, 0, 3), (30, 1, 90), (300, 50, 40), (60, 2_500, 7)]
)
def test_exactly_the_number_asked_for(size: int, total: int, count: int) -> None:
    """Also where few places meet many planned salaries, or there is hardly a customer."""
    _, made = make(1, size, total, count)
    assert [day for day, _ in made] == [START + timedelta(days=offset) for offset in range(count)]
    assert sum(len(of_day) for _, of_day in made) == total


def test_rows_are_in_order_and_references_unique(bank, rows) -> None:
    """Seconds never go back within a day; the reference carries the day."""
    assert len({row.reference for row in rows}) == len(rows) == 30_000
    for day, of_day in bank[1]:
        assert all(row.reference.startswith(f"T{day:%Y%m%d}") for row in of_day)
        assert all(0 <= before.second <= after.second < 86_400 for before, after in pairwise(of_day))


def test_same_seed_same_rows() -> None:
    """A digest pinned here fails when any platform or change draws differently."""
    made = repr([make(5, 50, 3_000, 10)[1]]).encode()
    assert hashlib.sha256(made).hexdigest() == PINNED
    assert repr([make(6, 50, 3_000, 10)[1]]).encode() != made


def test_no_account_is_overdrawn(rows) -> None:
    """Replaying every row from the opening balances never goes below zero and ends where the book stands."""
    book = Book(Population(3, 400, START))
    for row in rows:
        assert row.amount > 0
        if row.debit != NOBODY:
            book.balance[row.debit] -= row.amount
            assert book.balance[row.debit] >= 0
        if row.credit != NOBODY:
            book.balance[row.credit] += row.amount


def test_every_row_touches_us_and_names_its_other_side(rows) -> None:
    """One side at least is with us, two sides are different accounts, only cash lacks a counterparty."""
    for row in rows:
        ours = [side for side in (row.debit, row.credit) if side != NOBODY]
        assert ours
        assert len(set(ours)) == len(ours)
        assert (row.outside is None) == (len(ours) == 2 or row.kind in {"cash-deposit", "cash-withdrawal"})


def test_accounts_of_one_currency_meet(bank, rows) -> None:
    """Both sides of an internal transfer keep the same currency."""
    book, _ = bank
    for row in rows:
        if NOBODY not in {row.debit, row.credit}:
            assert book.accounts[row.debit].currency == book.accounts[row.credit].currency


def test_all_kinds_and_only_open_counters(bank) -> None:
    """Each kind appears; counters serve in opening hours of working days, with a teller of their branch."""
    kinds = Counter(row.kind for _, of_day in bank[1] for row in of_day)
    assert len(kinds) == 11
    for day, of_day in bank[1]:
        for row in of_day:
            assert row.branch in BRANCHES
            assert (row.teller in TELLERS[row.branch]) == (row.channel == "counter")
            assert row.channel != "counter" or (not is_holiday(day) and 32_400 <= row.second < 61_200)


def test_salaries_come_on_the_workday_before_a_holiday(bank) -> None:
    """25 January 2026 is a Sunday: its salaries are paid on Friday the 23rd."""
    paid = {day for day, of_day in bank[1] if sum(row.kind == "salary" for row in of_day) > 5}
    assert date(2026, 1, 23) in paid
    assert date(2026, 1, 25) not in paid
    assert all(not is_holiday(day) for day in paid)
    assert previous_workday(date(2026, 1, 25)) == date(2026, 1, 23)


def test_people_are_paid_once_a_payday(bank, rows) -> None:
    """Nobody gets two salaries in a month, and most who have work get three in three months."""
    book, _ = bank
    months = Counter((row.credit, row.reference[1:7]) for row in rows if row.kind in {"salary", "pension"})
    assert set(months.values()) == {1}
    assert len(months) > len(book.employments) * 2.5


def test_the_calendar_is_felt() -> None:
    """Sundays and the new year are quiet, the rush before it and 11 November busy; sums are exact."""
    assert (
        weight(date(2026, 2, 18))
        < weight(date(2026, 3, 4))
        < weight(date(2026, 2, 11))
        < weight(date(2025, 11, 11))
    )
    assert weight(date(2026, 3, 8)) < weight(date(2026, 3, 9)) < weight(date(2026, 3, 31))
    assert spring_festival(date(2026, 2, 17)) == 0
    assert spring_festival(date(2050, 2, 1)) is None
    for total in (0, 1, 99, 12_345):
        assert sum(shares(START, 90, total)) == total


def legs(rows):
    """The labelled rows by typology and scheme."""
    found = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.label:
            found[row.label.typology][row.label.scheme].append(row)
    return found


def test_every_typology_is_planted_and_rare(rows) -> None:
    """All six appear; together under two percent of all transactions."""
    found = legs(rows)
    assert set(found) == {"structuring", "fan-in", "rapid-movement", "cycle", "mule", "fan-out"}
    assert sum(row.label is not None for row in rows) < len(rows) // 50


def test_structuring_stays_below_the_threshold_across_branches_of_one_day(rows) -> None:
    """Each deposit alone is unremarkable; the customer's day is not."""
    for scheme in legs(rows)["structuring"].values():
        assert len({row.reference[1:9] for row in scheme}) == 1
        assert len({row.credit for row in scheme}) == 1
        assert len({row.branch for row in scheme}) == len(scheme) >= 4
        assert all(THRESHOLD * 7 // 8 < row.amount < THRESHOLD for row in scheme)
        assert sum(row.amount for row in scheme) > THRESHOLD


def test_cycles_close_and_shrink(rows) -> None:
    """Every debit is the credit before, the last credit the first debit, amounts fall by at most three percent."""
    for scheme in legs(rows)["cycle"].values():
        assert all(before.credit == after.debit for before, after in pairwise(scheme))
        assert scheme[-1].credit == scheme[0].debit
        assert all(before.amount * 96 // 100 < after.amount < before.amount for before, after in pairwise(scheme))


def test_fans_gather_and_scatter(rows) -> None:
    """Fan-in: many debits, one credit; fan-out: one debit, many credits."""
    for scheme in legs(rows)["fan-in"].values():
        gathered = [row for row in scheme if row.label.role == "in"]
        assert len({row.debit for row in gathered}) >= 6
        assert len({row.credit for row in gathered}) == 1
    for scheme in legs(rows)["fan-out"].values():
        scattered = [row for row in scheme if row.label.role == "out"]
        assert len({row.debit for row in scattered}) == 1
        assert len({row.credit for row in scattered}) >= 6


def test_rapid_movement_leaves_within_hours_and_partly_abroad(rows) -> None:
    """Nearly all of what came goes out again the same day."""
    for scheme in legs(rows)["rapid-movement"].values():
        received, *sent = scheme
        assert received.label.role == "in"
        assert all(0 < row.second - received.second < 7_200 for row in sent)
        assert received.amount * 9 // 10 < sum(row.amount for row in sent) < received.amount
        assert any(row.kind == "cross-border" for row in sent)


def test_mules_pass_on_what_strangers_send(bank, rows) -> None:
    """A quiet account: what comes in from strangers leaves by cash machine and to one controller."""
    for scheme in legs(rows)["mule"].values():
        roles = Counter(row.label.role for row in scheme)
        assert roles["victim"] == roles["cash"] == roles["controller"] >= 2
        assert len({row.outside for row in scheme if row.label.role == "controller"}) == 1
        assert {row.credit for row in scheme if row.label.role == "victim"} <= set(bank[0].quiet)


PINNED = "fccdfdb4fe596497659f4139cc116dc4d6222c59b675d4c8c086da5ff12cbac1"
