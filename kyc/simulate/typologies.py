"""Planted laundering schemes, after the public descriptions of FATF and the typologies AMLSim made common.

Each planner returns plans by day offset. A scheme's own money comes from outside first (unlabelled), so that its
legs can be paid; every leg that follows carries the label. Labels travel beside transactions, never in them.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from kyc.simulate.book import NOBODY, Book, Outside
from kyc.simulate.chance import between, pick, shuffled
from kyc.simulate.plans import Label, Plan
from kyc.simulate.regions import BRANCHES
from kyc.simulate.rhythm import Channel, Kind

_YUAN: Final = 100
THRESHOLD: Final = 50_000 * _YUAN
"""Cash of one customer and day from which a large-value report is due (PBOC Order 3 of 2016, art. 5)."""
SPAN_DAYS: Final = 5
"""No scheme takes longer."""
TYPOLOGIES: Final = 6

Agenda = list[tuple[int, Plan]]
"""Day offset and plan."""
Sides = tuple[int, int, Outside | None]
"""Debit index, credit index, party elsewhere."""
Way = tuple[Kind, Channel, str]
"""Kind, channel and branch; an empty branch is that of the account."""
_BY_PHONE: Final[Way] = ("transfer", "mobile", "")
_BY_WEB: Final[Way] = ("transfer", "web", "")
_ABROAD: Final[Way] = ("cross-border", "web", "")
_CASH_MACHINE: Final[Way] = ("cash-withdrawal", "atm", "")


class Schemer:
    """Plans one scheme after the other over the accounts of ``book``."""

    def __init__(self, book: Book, random: Random) -> None:
        self._book, self._random = book, random
        self._count, self._typology = 0, ""
        self._planners: tuple[tuple[str, Callable[[], Agenda]], ...] = (
            ("structuring", self._structuring), ("fan-in", self._fan_in), ("rapid-movement", self._rapid_movement),
            ("cycle", self._cycle), ("mule", self._mule), ("fan-out", self._fan_out),
        )  # fmt: skip

    def plan(self) -> Agenda:
        """The next scheme; typologies take turns. Empty where the bank has too few customers for it."""
        self._typology, planner = self._planners[self._count % len(self._planners)]
        self._count += 1
        if len(self._book.all_persons) < 12:
            return []
        return planner()

    def _leg(
        self, role: str, when: tuple[int, int], amount: int, sides: Sides, way: Way = _BY_PHONE
    ) -> tuple[int, Plan]:
        """A labelled move at ``when`` (day offset, second); without ``role`` it bears no label."""
        debit, credit, outside = sides
        kind, channel, branch = way
        label = Label(f"S{self._count:06d}", self._typology, role) if role else None
        branch = branch or self._book.branch[credit if debit == NOBODY else debit]
        remark = "往来款" if role and channel != "atm" else ""
        return when[0], Plan(when[1], (kind, channel, branch, amount, debit, credit, outside, remark), label)

    def _funding(self, account: int, when: tuple[int, int], amount: int) -> tuple[int, Plan]:
        return self._leg("", when, amount, (NOBODY, account, self._stranger()))

    def _stranger(self) -> Outside:
        return pick(self._random, self._book.world.people)

    def _members(self, count: int) -> list[int]:
        """Different accounts of natural persons."""
        members: list[int] = []
        while len(members) < count:
            account = pick(self._random, self._book.all_persons)
            if account not in members:
                members.append(account)
        return members

    def _amount(self, low: int, high: int) -> int:
        """Between ``low`` and ``high`` yuan, in hundreds, as minor units."""
        return between(self._random, low // 100, high // 100) * 100 * _YUAN

    def _structuring(self) -> Agenda:
        """One person pays in cash at several branches on one day, each time a little under the threshold."""
        random, (account,) = self._random, self._members(1)
        agenda = []
        for place, branch in enumerate(shuffled(random, BRANCHES)[: between(random, 4, 8)]):
            second = 33_000 + place * 2_900 + between(random, 0, 1_500)
            amount = THRESHOLD - between(random, 1, 60) * 100 * _YUAN
            way: Way = ("cash-deposit", "counter", branch)
            agenda.append(self._leg("deposit", (0, second), amount, (NOBODY, account, None), way))
        return agenda

    def _fan_in(self) -> Agenda:
        """Many pay one over three days; the sum then leaves at once."""
        random = self._random
        collector, *senders = self._members(between(random, 7, 11))
        agenda, total = [], 0
        for sender in senders:
            amount, day, second = (
                self._amount(8_000, 30_000),
                between(random, 0, 2),
                between(random, 30_000, 70_000),
            )
            total += amount
            agenda.append(self._funding(sender, (day, second - 3_000), amount))
            agenda.append(self._leg("in", (day, second), amount, (sender, collector, None)))
        payee = pick(random, self._book.world.firms)
        agenda.append(self._leg("out", (3, 36_000), total * 97 // 100, (collector, NOBODY, payee)))
        return agenda

    def _fan_out(self) -> Agenda:
        """One large receipt is spread over many accounts within two days."""
        random = self._random
        source, *receivers = self._members(between(random, 7, 11))
        amounts = [self._amount(8_000, 40_000) for _ in receivers]
        payer = pick(random, self._book.world.firms)
        agenda = [self._leg("in", (0, 33_000), sum(amounts), (NOBODY, source, payer))]
        for receiver, amount in zip(receivers, amounts, strict=True):
            when = between(random, 0, 1), between(random, 36_000, 72_000)
            agenda.append(self._leg("out", when, amount, (source, receiver, None)))
        return agenda

    def _cycle(self) -> Agenda:
        """Money returns to its first owner through three to six others, a little less each time."""
        random = self._random
        ring = self._members(between(random, 4, 7))
        amount = self._amount(60_000, 400_000)
        agenda = [self._funding(ring[0], (0, 30_000), amount)]
        for place, debit in enumerate(ring):
            credit = ring[(place + 1) % len(ring)]
            day, half = divmod(place, 2)
            agenda.append(self._leg("ring", (day, 34_000 + half * 25_000), amount, (debit, credit, None)))
            amount = amount * between(random, 970, 995) // 1_000
        return agenda

    def _rapid_movement(self) -> Agenda:
        """A large receipt leaves again within two hours, in parts and partly abroad."""
        random, (account,) = self._random, self._members(1)
        amount, second = self._amount(200_000, 900_000), between(random, 33_000, 60_000)
        payer = pick(random, self._book.world.firms)
        agenda = [self._leg("in", (0, second), amount, (NOBODY, account, payer))]
        parts = between(random, 2, 4)
        for part in range(parts):
            payee, kind = (
                (pick(random, self._book.world.foreign), _ABROAD) if part == 0 else (self._stranger(), _BY_WEB)
            )
            share = amount * between(random, 93, 99) // (100 * parts)
            agenda.append(self._leg("out", (0, second + 600 + part * 1_700), share, (account, NOBODY, payee), kind))
        return agenda

    def _mule(self) -> Agenda:
        """A quiet account receives from strangers; the money leaves by cash machine and to a controller."""
        random = self._random
        account = pick(random, self._book.quiet or self._book.all_persons)
        controller = self._stranger()
        agenda: Agenda = []
        for day in range(between(random, 2, SPAN_DAYS)):
            amount, second = self._amount(6_000, 20_000), between(random, 30_000, 60_000)
            cash = min(amount // 5 // (100 * _YUAN) * 100 * _YUAN, 2_500 * _YUAN)
            rest = (account, NOBODY, controller)
            agenda += [
                self._leg("victim", (day, second), amount, (NOBODY, account, self._stranger())),
                self._leg("cash", (day, second + 900), cash, (account, NOBODY, None), _CASH_MACHINE),
                self._leg("controller", (day, second + 1_500), amount - cash, rest),
            ]
        return agenda
