"""The generation core: transactions in order of time as plain rows, day by day, in constant memory.

Exactly the number asked for comes out: a day's share is fixed by the calendar, planned moves take places first,
unplanned ones fill the rest, and a planned move the balance does not cover waits a day behind a top-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from kyc.simulate.book import NOBODY, Book, Outside
from kyc.simulate.chance import chance
from kyc.simulate.plans import Label, Plan, monthly_plans
from kyc.simulate.regions import TELLERS
from kyc.simulate.rhythm import Channel, Kind, Rhythm
from kyc.simulate.typologies import SPAN_DAYS, TYPOLOGIES, Schemer
from kyc.simulate.workdays import is_holiday, shares

_PER_SCHEME: Final = 4_000  # transactions for each planted scheme
_ENOUGH_FOR_ALL: Final = 2_000  # transactions from which every typology is shown
_HOURS: Final = (4, 2, 1, 1, 1, 3, 10, 28, 55, 85, 90, 82, 78, 70, 82, 84, 80, 76, 80, 78, 66, 48, 28, 12)
"""How busy each hour is on a workday, per thousand or so."""
_OPENS, _CLOSES = 9 * 3_600, 17 * 3_600  # seconds of the day between which counters serve
_PLACE_BITS: Final = 32  # room for the number of a plan within its day
_PLACE_MASK: Final = (1 << _PLACE_BITS) - 1


class Row(NamedTuple):
    """One booked transaction."""

    reference: str
    """Unique in the bank, such as ``T20260105000000123``."""
    second: int
    """Second of the local day (UTC+8); the day is in the reference's digits."""
    kind: Kind
    channel: Channel
    branch: str
    teller: str
    """Staff number, empty where a machine served."""
    amount: int
    """Minor units of the currency of the account concerned."""
    debit: int
    """Index into ``Book.accounts``, or NOBODY."""
    credit: int
    outside: Outside | None
    """The other party where only one side is with us; None for cash."""
    remark: str
    label: Label | None


class Day(NamedTuple):
    """The transactions of one day."""

    date: date
    rows: Iterator[Row]


def days(book: Book, seed: int, total: int, start: date, count: int) -> Iterator[Day]:
    """``total`` transactions over ``count`` days from ``start``, a :class:`Day` at a time; consume each in turn."""
    till = _Till(book, seed)
    agenda: dict[int, list[Plan]] = {}
    schemes = total // _PER_SCHEME
    if total >= _ENOUGH_FOR_ALL:
        schemes = max(schemes, TYPOLOGIES)
    room = max(count - SPAN_DAYS, 1)
    for offset, places in enumerate(shares(start, count, total)):
        for _ in range(schemes * offset // room, schemes * min(offset + 1, room) // room):
            for later, plan in till.schemer.plan():
                agenda.setdefault(offset + later, []).append(plan)
        day = start + timedelta(days=offset)
        waiting, tomorrow = agenda.pop(offset, []), agenda.setdefault(offset + 1, [])
        waiting.extend(monthly_plans(book, till.random, day))
        yield Day(day, till.rows(day, places, waiting, tomorrow))


class _Till:
    """Turns places of a day into rows and keeps the balances."""

    def __init__(self, book: Book, seed: int) -> None:
        self.book, self.random = book, chance(seed, "transactions")
        self.rhythm = Rhythm(book, self.random)
        self.schemer = Schemer(book, chance(seed, "schemes"))
        self._hours = [hour * 3_600 for hour, often in enumerate(_HOURS) for _ in range(often)]

    def rows(self, day: date, places: int, plans: list[Plan], tomorrow: list[Plan]) -> Iterator[Row]:
        """``places`` rows in order of time; plans that find no place or no open counter move to ``tomorrow``."""
        draw, by_day, by_night, top_up = (
            self.random.random,
            self.rhythm.by_day,
            self.rhythm.by_night,
            self.rhythm.top_up,
        )
        balance, closed, prefix = self.book.balance, is_holiday(day), f"T{day:%Y%m%d}"
        if closed:
            by_day = by_night
        plans = self._due(plans, places, tomorrow, closed=closed)
        for number, key in enumerate(self._keys(places, plans), 1):
            second, place = key >> _PLACE_BITS, key & _PLACE_MASK
            label = None
            if not place:
                makers = by_day if _OPENS <= second < _CLOSES else by_night
                move = makers[int(draw() * len(makers))]()
            else:
                plan = plans[place - 1]
                move, label = plan.move, plan.label
                if move[4] != NOBODY and balance[move[4]] < move[3]:
                    tomorrow.append(plan)
                    move, label = top_up(move[4], move[3]), None
            kind, channel, branch, amount, debit, credit, outside, remark = move
            if debit != NOBODY:
                balance[debit] -= amount
            if credit != NOBODY:
                balance[credit] += amount
            teller = TELLERS[branch][int(draw() * 5)] if channel == "counter" else ""
            yield Row(
                f"{prefix}{number:09d}",
                second,
                kind,
                channel,
                branch,
                teller,
                amount,
                debit,
                credit,
                outside,
                remark,
                label,
            )

    @staticmethod
    def _due(plans: list[Plan], places: int, tomorrow: list[Plan], *, closed: bool) -> list[Plan]:
        if closed:
            tomorrow.extend(plan for plan in plans if plan.move[1] == "counter")
            plans = [plan for plan in plans if plan.move[1] != "counter"]
        plans.sort(key=_second)
        tomorrow.extend(plans[places:])
        return plans[:places]

    def _keys(self, places: int, plans: list[Plan]) -> list[int]:
        """Second of the day and number of the plan (0: unplanned) in one integer: integers sort fast."""
        draw, hours, many = self.random.random, self._hours, len(self._hours)
        keys = [hours[int(draw() * many)] + int(draw() * 3_600) << _PLACE_BITS for _ in range(places - len(plans))]
        keys.extend(plan.second << _PLACE_BITS | place for place, plan in enumerate(plans, 1))
        keys.sort()
        return keys


def _second(plan: Plan) -> int:
    return plan.second
