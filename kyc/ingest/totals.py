"""Whether a statement adds up: opening balance, entries and closing balance, and the sums that it gives itself.

A statement that does not is taken all the same, entry by entry, because what was booked was booked; but somebody
has to know, so each difference is a notice with its rule. What a refused entry hides from the sum is said too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from kyc.domain.located import NoticeError

_ASK: Final = "ask the account servicer; an entry may be missing or changed"


@dataclass(slots=True)
class Told:
    """A number and a sum that a message gives; None where it gives none."""

    count: int | None = None
    sum: Decimal | None = None


@dataclass(slots=True)
class Totals:
    """Adds up one statement or one file of payments."""

    currency: str = ""
    """Of the account; sums of several currencies are compared as the standard has it: number by number."""
    opening: Decimal | None = None
    """Signed: a debit balance is below zero."""
    closing: Decimal | None = None
    told: dict[str, Told] = field(default_factory=dict)
    """What the message says of ``all``, ``credit`` and ``debit``."""
    net: Decimal | None = None
    counts: dict[str, int] = field(default_factory=lambda: {"credit": 0, "debit": 0})
    sums: dict[str, Decimal] = field(default_factory=lambda: {"credit": Decimal(), "debit": Decimal()})
    booked: Decimal = Decimal()
    """Signed sum of what is booked."""
    mixed: bool = False
    """An entry was in another currency than the account."""
    unread: int = 0
    """Entries whose amount could not be read."""

    def add(self, side: str, amount: Decimal, currency: str, *, booked: bool) -> None:
        """Count an entry."""
        self.counts[side] += 1
        self.sums[side] += amount
        self.currency = self.currency or currency
        self.mixed = self.mixed or currency != self.currency
        if booked:
            self.booked += amount if side == "credit" else -amount

    def notices(self) -> Iterator[NoticeError]:
        """Every difference."""
        if self.unread:
            if self.told or self.opening is not None:
                yield _notice("the totals cannot be compared", "totals", "every amount can be read")
            return
        balances = self.opening is not None and self.closing is not None and not self.mixed
        if balances and (self.opening or 0) + self.booked != self.closing:
            yield _notice("the balances do not agree", "Bal", "opening balance + entries booked = closing balance")
        have = {
            "all": Told(sum(self.counts.values()), sum(self.sums.values(), Decimal())),
            **{side: Told(self.counts[side], self.sums[side]) for side in self.counts},
        }
        for name, told in self.told.items():
            if told.count not in {None, have[name].count}:
                yield _notice(f"the number of entries differs ({name})", "number", "as many as the message says")
            if told.sum not in {None, have[name].sum}:
                yield _notice(f"the sum of entries differs ({name})", "sum", "the sum that the message gives")
        if self.net is not None and self.net != self.sums["credit"] - self.sums["debit"]:
            yield _notice("the net sum of entries differs", "sum", "credits less debits")


def _notice(message: str, field_: str, rule: str) -> NoticeError:
    return NoticeError(message, field=field_, rule=rule, remedy=_ASK)
