"""Who banks with us: customers, their accounts and their first papers, each derived from seed and serial number.

A :class:`Population` keeps only what moving money needs (a few columns per account); the full customer is made
on demand by :meth:`Population.customer` and is the same however often it is asked for.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal, NamedTuple

from kyc.domain.identifiers import luhn_make
from kyc.simulate.chance import between, chance, pick
from kyc.simulate.companies import Company, make_company, make_sole_trader
from kyc.simulate.people import Person, Traits, make_foreigner, make_resident, make_traits
from kyc.simulate.regions import BRANCH_OF

CustomerKind = Literal["person", "foreigner", "sole-trader", "company"]
Currency = Literal["CNY", "USD", "EUR", "HKD", "JPY", "GBP", "KWD"]
DECIMALS: Final[dict[Currency, int]] = {"CNY": 2, "USD": 2, "EUR": 2, "HKD": 2, "JPY": 0, "GBP": 2, "KWD": 3}
"""Digits after the point, ISO 4217."""
MINOR_UNITS: Final[dict[Currency, int]] = {
    currency: int(f"1{'0' * digits}") for currency, digits in DECIMALS.items()
}
"""Minor units in one unit."""
FOREIGN_CURRENCIES: Final[tuple[Currency, ...]] = ("USD", "USD", "EUR", "HKD", "JPY", "GBP", "KWD")
_CYCLE: Final = 25  # customers after which the kinds repeat
COMPANY_AT: Final = (7, 19)
SOLE_TRADER_AT: Final = 13
FOREIGNER_AT: Final = 22
ONBOARDING_DAYS: Final = 400
"""All customers came within these days before the first transaction."""
_BIRTHDAYS: Final = 21_900  # 60 years of them


class Account(NamedTuple):
    """An account with us. ``holders`` are serial numbers of customers; the first is the main holder."""

    number: str
    product: Literal["current", "savings", "foreign-currency", "corporate"]
    currency: Currency
    opened: date
    holders: tuple[int, ...]


class Customer(NamedTuple):
    """A customer in full."""

    serial: int
    number: str
    kind: CustomerKind
    party: Person | Company
    branch: str
    registered: date
    risk: Literal["low", "medium", "high"]
    accounts: tuple[Account, ...]


def kind_of(serial: int) -> CustomerKind:
    """The kind follows from the serial number, so that a company can be found without looking at anybody."""
    place = serial % _CYCLE
    if place in COMPANY_AT:
        return "company"
    if place == SOLE_TRADER_AT:
        return "sole-trader"
    return "foreigner" if place == FOREIGNER_AT else "person"


def customer_number(serial: int) -> str:
    """``C00000001`` for the first customer, whose serial is 0."""
    return f"C{serial + 1:08d}"


class Population:
    """``size`` customers of a bank whose first business day in the simulation is ``start``."""

    def __init__(self, seed: int, size: int, start: date) -> None:
        assert size > 0
        self.seed, self.size, self.start = seed, size, start
        self._oldest = date(start.year - 79, 1, 1)

    def registered(self, serial: int) -> date:
        """The day the customer came: in order of serial numbers."""
        return (
            self.start
            - timedelta(days=ONBOARDING_DAYS)
            + timedelta(days=serial * (ONBOARDING_DAYS - 10) // self.size)
        )

    def traits(self, serial: int) -> Traits:
        """Sex, birthday, region, occupation and income; no two serials share birthday and order."""
        day = serial * 7_919 % _BIRTHDAYS
        order = serial if kind_of(serial) == "foreigner" else serial // _BIRTHDAYS + day * 37
        birth = self._oldest + timedelta(days=day)
        return make_traits(chance(self.seed, "traits", serial), self.registered(serial), birth, order)

    def customer(self, serial: int) -> Customer:
        """The full customer."""
        kind, day, traits = kind_of(serial), self.registered(serial), self.traits(serial)
        random = chance(self.seed, "customer", serial)
        party: Person | Company
        if kind == "company":
            party = make_company(random, day, serial)
        elif kind == "sole-trader":
            party = make_sole_trader(random, day, traits, serial)
        else:
            party = (make_foreigner if kind == "foreigner" else make_resident)(random, day, traits)
        drawn = random.random()
        risk: Literal["low", "medium", "high"] = "high" if drawn < 0.03 else "medium" if drawn < 0.2 else "low"
        branch = BRANCH_OF[party.address.region]
        return Customer(serial, customer_number(serial), kind, party, branch, day, risk, self.accounts(serial))

    def accounts(self, serial: int) -> tuple[Account, ...]:
        """One to three accounts, opened within a week of registration."""
        random, kind = chance(self.seed, "accounts", serial), kind_of(serial)
        opened = self.registered(serial) + timedelta(days=between(random, 0, 7))
        business = kind in {"company", "sole-trader"}
        first: tuple[int, ...] = (serial,)
        if not business and serial and random.random() < 0.02:
            first = (serial, self._relative(serial))
        made = [Account(account_number(serial, 0), "corporate" if business else "current", "CNY", opened, first)]
        if not business and random.random() < 0.15:
            made.append(Account(account_number(serial, 1), "savings", "CNY", opened, (serial,)))
        if random.random() < {"company": 0.4, "foreigner": 0.6}.get(kind, 0.04):
            currency = pick(random, FOREIGN_CURRENCIES)
            made.append(Account(account_number(serial, 2), "foreign-currency", currency, opened, (serial,)))
        return tuple(made)

    def _relative(self, serial: int) -> int:
        """A natural person who was a customer before, to hold an account jointly."""
        other = serial - 1
        while other and kind_of(other) in {"company", "sole-trader"}:
            other -= 1
        return other


def account_number(serial: int, place: int) -> str:
    """19 digits with a Luhn check digit, as debit cards here have."""
    return luhn_make(f"623{place}{serial:014d}")
