"""What people and businesses do unplanned: shopping, transfers, cash, invoices, payments abroad.

Each maker looks at one account and returns a :data:`Move`; a debit the balance does not cover becomes money
coming in instead, so no account is ever overdrawn. Chance is drawn through one bound ``random()`` and small
tables, because these few lines run for every transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, Literal

from kyc.simulate.book import NOBODY, Book, Outside
from kyc.simulate.population import MINOR_UNITS
from kyc.simulate.regions import BRANCHES

Kind = Literal[
    "salary", "pension", "rent", "merchant", "utility", "transfer", "cash-deposit", "cash-withdrawal",
    "supplier", "tax", "cross-border",
]  # fmt: skip
Channel = Literal["counter", "atm", "pos", "mobile", "web", "batch"]
Move = tuple[Kind, Channel, str, int, int, int, Outside | None, str]
"""kind, channel, branch, amount in minor units, debit index, credit index, outside party, remark."""
Maker = Callable[[], Move]

_YUAN: Final = 100
SPREAD: Final = tuple(12 + step * step * step // 18_000 for step in range(256))
"""Percent of a usual amount: half of all draws lie under 130, the highest near ten times the usual."""
_REMARKS: Final = ("", "", "", "还款", "生活费", "货款", "往来款", "借款", "红包")
_CASH_LIMIT: Final = 49_900 * _YUAN


class Rhythm:
    """Makers of unplanned moves over ``book``, and the tables that say how often each is used."""

    def __init__(self, book: Book, random: Random) -> None:
        self._book, self._chance = book, random.random
        self._people, self._firms = book.persons, book.businesses or book.persons
        retail: list[tuple[Maker, int]] = [
            (self._merchant, 430),
            (self._utility, 60),
            (self._pay_out, 110),
            (self._pay_in, 70),
            (self._between, 80),
        ]
        cash: list[tuple[Maker, int]] = [(self._withdraw, 60), (self._deposit, 40)]
        firms: list[tuple[Maker, int]] = [(self._supplier, 80), (self._receipt, 100), (self._tax, 10)]
        abroad: list[tuple[Maker, int]] = [(self._abroad, 30)] if book.foreign else []
        if not book.persons:
            retail, cash = [], []
        if not book.businesses:
            firms = []
        self.by_day = _table(retail + cash + firms + abroad)
        """Makers to draw from while counters are open."""
        self.by_night = _table(retail + cash[:1] + firms[:2] if retail else firms + abroad)

    def _merchant(self) -> Move:
        account = self._people[int(self._chance() * len(self._people))]
        amount = (2_500 + self._book.scale[account] // 110) * SPREAD[int(self._chance() * 256)] // 100
        if amount > self._book.balance[account]:
            return self._top_up(account, amount)
        channel: Channel = "mobile" if self._chance() < 0.8 else "pos"
        if self._chance() < 0.25 and self._firms is not self._people:
            shop = self._firms[int(self._chance() * len(self._firms))]
            return "merchant", channel, self._book.branch[account], amount, account, shop, None, "消费"
        # Each account has its regular shops: a window of the pool that starts at its own place.
        merchants = self._book.world.merchants
        place = (account * 31 + int(self._chance() * self._chance() * 24)) % len(merchants)
        return "merchant", channel, self._book.branch[account], amount, account, NOBODY, merchants[place], "消费"

    def _utility(self) -> Move:
        account = self._people[int(self._chance() * len(self._people))]
        amount = 6_000 * SPREAD[int(self._chance() * 256)] // 100
        if amount > self._book.balance[account]:
            return self._top_up(account, amount)
        payee = self._book.world.utilities[int(self._chance() * 4)]
        return "utility", "batch", self._book.branch[account], amount, account, NOBODY, payee, "缴费"

    def _pay_out(self) -> Move:
        account = self._people[int(self._chance() * len(self._people))]
        amount = self._round(self._book.scale[account] // 8 * SPREAD[int(self._chance() * 256)] // 100)
        if amount > self._book.balance[account]:
            return self._top_up(account, amount)
        people = self._book.world.people
        payee = people[(account * 17 + int(self._chance() * 12)) % len(people)]
        return "transfer", "mobile", self._book.branch[account], amount, account, NOBODY, payee, self._remark()

    def _pay_in(self) -> Move:
        account = self._people[int(self._chance() * len(self._people))]
        amount = self._round(self._book.scale[account] // 6 * SPREAD[int(self._chance() * 256)] // 100)
        people = self._book.world.people
        payer = people[(account * 17 + int(self._chance() * 12)) % len(people)]
        return "transfer", "mobile", self._book.branch[account], amount, NOBODY, account, payer, self._remark()

    def _between(self) -> Move:
        """From one of our customers to another."""
        account = self._people[int(self._chance() * len(self._people))]
        other = self._people[int(self._chance() * len(self._people))]
        amount = self._round(self._book.scale[account] // 10 * SPREAD[int(self._chance() * 256)] // 100)
        if other == account:
            return self._pay_in()
        if amount > self._book.balance[account]:
            return self._top_up(account, amount)
        return "transfer", "mobile", self._book.branch[account], amount, account, other, None, self._remark()

    def _withdraw(self) -> Move:
        account = self._people[int(self._chance() * len(self._people))]
        amount = min(self._round(50_000 * SPREAD[int(self._chance() * 256)] // 100), 2_000 * _YUAN)
        if amount > self._book.balance[account]:
            return self._top_up(account, amount)
        return "cash-withdrawal", "atm", self._where(account), amount, account, NOBODY, None, ""

    def _deposit(self) -> Move:
        firm = self._chance() < 0.4
        pool = self._firms if firm else self._people
        account = pool[int(self._chance() * len(pool))]
        amount = self._round(self._book.scale[account] // 4 * SPREAD[int(self._chance() * 256)] // 100)
        limit = _CASH_LIMIT if self._chance() < 0.9 else 4 * _CASH_LIMIT
        return "cash-deposit", "counter", self._where(account), min(amount, limit), NOBODY, account, None, ""

    def _supplier(self) -> Move:
        account = self._firms[int(self._chance() * len(self._firms))]
        amount = self._book.scale[account] // 3 * SPREAD[int(self._chance() * 256)] // 100
        if amount > self._book.balance[account]:
            return self._top_up(account, amount)
        other = self._firms[int(self._chance() * len(self._firms))]
        if other != account and self._chance() < 0.3:
            return "supplier", "web", self._book.branch[account], amount, account, other, None, "货款"
        firms = self._book.world.firms
        payee = firms[(account * 13 + int(self._chance() * 10)) % len(firms)]
        return "supplier", "web", self._book.branch[account], amount, account, NOBODY, payee, "货款"

    def _receipt(self) -> Move:
        account = self._firms[int(self._chance() * len(self._firms))]
        amount = self._book.scale[account] // 3 * SPREAD[int(self._chance() * 256)] // 100
        firms = self._book.world.firms
        payer = firms[(account * 13 + 5 + int(self._chance() * 10)) % len(firms)]
        return "supplier", "web", self._book.branch[account], amount, NOBODY, account, payer, "货款"

    def _tax(self) -> Move:
        account = self._firms[int(self._chance() * len(self._firms))]
        amount = self._book.scale[account] // 4 * SPREAD[int(self._chance() * 256)] // 100
        if amount > self._book.balance[account]:
            return self._top_up(account, amount)
        return "tax", "batch", self._book.branch[account], amount, account, NOBODY, self._book.world.tax, "税款"

    def _abroad(self) -> Move:
        foreign = self._book.foreign
        account = foreign[int(self._chance() * len(foreign))]
        unit = MINOR_UNITS[self._book.accounts[account].currency]
        amount = 900 * unit * SPREAD[int(self._chance() * 256)] // 100
        partners = self._book.world.foreign
        partner = partners[(account * 7 + int(self._chance() * 4)) % len(partners)]
        branch = self._book.branch[account]
        if self._chance() < 0.5 or amount > self._book.balance[account]:
            return "cross-border", "web", branch, amount, NOBODY, account, partner, "INVOICE"
        return "cross-border", "web", branch, amount, account, NOBODY, partner, "INVOICE"

    def _top_up(self, account: int, need: int) -> Move:
        """Own money from elsewhere instead of a payment the balance does not cover."""
        amount = (need // (1_000 * _YUAN) + 1) * 2_000 * _YUAN
        people = self._book.world.people
        payer = people[account * 17 % len(people)]
        return "transfer", "mobile", self._book.branch[account], amount, NOBODY, account, payer, "往来款"

    top_up = _top_up

    def _where(self, account: int) -> str:
        """Mostly the home branch."""
        if self._chance() < 0.85:
            return self._book.branch[account]
        return BRANCHES[int(self._chance() * len(BRANCHES))]

    def _remark(self) -> str:
        return _REMARKS[int(self._chance() * 9)]

    @staticmethod
    def _round(amount: int) -> int:
        """People move round sums: tens of yuan below a thousand, hundreds above."""
        step = 10 * _YUAN if amount < 1_000 * _YUAN else 100 * _YUAN
        return amount // step * step or step


def _table(makers: list[tuple[Maker, int]]) -> list[Maker]:
    """Each maker as often as its weight says."""
    return [maker for maker, often in makers for _ in range(often)]
