"""Rows as submissions of booked transactions, and the counterparties they name."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from kyc.domain.fact import Submission
from kyc.domain.submission import Origin
from kyc.domain.transaction import BookTransaction, Direction, Leg
from kyc.domain.values import Counterparty
from kyc.simulate.book import NOBODY, Book, Outside
from kyc.simulate.files import CHINA
from kyc.simulate.population import DECIMALS
from kyc.simulate.rows import Day, Row

_KINDS: Final = {"merchant": "card", "cash-deposit": "cash", "cash-withdrawal": "cash"}
_CHANNELS: Final = {"web": "e-bank", "batch": "other"}
_UNITS: Final = {currency: Decimal(1).scaleb(-digits) for currency, digits in DECIMALS.items()}
"""What one minor unit is worth, with the currency's digits: an integer times it has exactly those."""
_SYSTEM: Final = "core-banking"


class Bookings:
    """Makes submissions of rows of one book, right after each row was made: balances are those of that moment.

    ``names`` are the main holders' names by serial number of the customer.
    """

    def __init__(self, book: Book, names: list[str]) -> None:
        self._book, self._names = book, names
        self._origins: dict[tuple[str, str], Origin] = {}
        self._outside: dict[Outside, Counterparty] = {}
        self._inside: dict[int, Counterparty] = {}

    def midnight(self, day: Day) -> datetime:
        """The first moment of the day here."""
        return datetime(day.date.year, day.date.month, day.date.day, tzinfo=CHINA)

    def submission(self, row: Row, midnight: datetime) -> Submission:
        """The booked transaction of ``row``."""
        reference, second, kind, channel, branch, teller, amount, debit, credit, outside, remark, _ = row
        moment = midnight + timedelta(seconds=second)
        legs: tuple[Leg, ...]
        if debit == NOBODY:
            legs = (self._leg(credit, "credit", amount, self._party(outside)),)
        elif credit == NOBODY:
            legs = (self._leg(debit, "debit", amount, self._party(outside)),)
        else:
            legs = (
                self._leg(debit, "debit", amount, self._own(credit)),
                self._leg(credit, "credit", amount, self._own(debit)),
            )
        data = BookTransaction(
            occurred_at=moment, reference=reference, kind=_KINDS.get(kind, "transfer"),
            channel=_CHANNELS.get(channel, channel), booked_at=moment, value_date=midnight.date(),
            cash=kind in {"cash-deposit", "cash-withdrawal"}, cross_border=kind == "cross-border", teller=teller,
            purpose=kind, remittance=remark, legs=legs,
        )  # fmt: skip
        return Submission(key=reference, origin=self._origin(branch, teller), data=data)

    def _leg(self, account: int, direction: Direction, amount: int, party: Counterparty | None) -> Leg:
        own = self._book.accounts[account]
        unit = _UNITS[own.currency]
        return Leg(
            account=own.number, direction=direction, amount=amount * unit, currency=own.currency,
            balance_after=self._book.balance[account] * unit, counterparty=party,
        )  # fmt: skip

    def _party(self, outside: Outside | None) -> Counterparty | None:
        if outside is None:
            return None
        party = self._outside.get(outside)
        if party is None:
            code_kind = "clearing" if outside.bank.isdigit() else "bic"
            party = self._outside[outside] = Counterparty(
                name=outside.name, account=outside.account, institution_code=outside.bank,
                institution_code_kind=code_kind, country=outside.country,
            )  # fmt: skip
        return party

    def _own(self, account: int) -> Counterparty:
        party = self._inside.get(account)
        if party is None:
            own = self._book.accounts[account]
            name = self._names[own.holders[0]]
            party = self._inside[account] = Counterparty(name=name, account=own.number, country="CHN")
        return party

    def _origin(self, branch: str, teller: str) -> Origin:
        origin = self._origins.get((branch, teller))
        if origin is None:
            origin = self._origins[branch, teller] = Origin(
                actor=teller or _SYSTEM, branch=branch, purpose="account-service", legal_basis="AML24-34"
            )
        return origin
