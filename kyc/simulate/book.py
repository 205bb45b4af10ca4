"""The bank's accounts as columns, and the outside world's accounts: what moving money needs, nothing more."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from kyc.domain.identifiers import iban_make, luhn_make
from kyc.simulate import words
from kyc.simulate.chance import below, between, chance, pick, shuffled, skewed
from kyc.simulate.population import COMPANY_AT, MINOR_UNITS, Account, Population, kind_of
from kyc.simulate.regions import BRANCH_OF
from kyc.simulate.words import RETIRED

NOBODY: Final = -1
"""Account index of a side that is not with us: cash, or an :class:`Outside` account."""
_YUAN: Final = 100  # minor units


class Outside(NamedTuple):
    """An account with another bank. ``bank`` is a domestic clearing number or a BIC."""

    name: str
    account: str
    bank: str
    country: str
    """ISO 3166-1 alpha-3."""


class Employment(NamedTuple):
    """Who pays whom each month. ``employer`` is an account index, or NOBODY where ``payer`` pays."""

    account: int
    employer: int
    payer: Outside | None
    monthly: int
    """Minor units of CNY."""
    payday: int


class Tenancy(NamedTuple):
    """A rent paid on the same day of each month to a landlord elsewhere."""

    account: int
    landlord: Outside
    monthly: int
    day: int


class Book:
    """Columns by account index; customers' main accounts first come first."""

    def __init__(self, population: Population) -> None:
        self.accounts: list[Account] = []
        self.balance: list[int] = []
        """Minor units of the account's currency, carried forward from before the simulation."""
        self.branch: list[str] = []
        self.scale: list[int] = []
        """Minor units of CNY a person earns in a month, or a business turns over in a day."""
        self.persons: list[int] = []
        """CNY accounts of natural persons, the busy ones several times."""
        self.businesses: list[int] = []
        self.foreign: list[int] = []
        self.quiet: list[int] = []
        """Accounts of people without income: what recruiters of mules look for."""
        self.employments: list[Employment] = []
        self.tenancies: list[Tenancy] = []
        self.world = World(population.seed)
        self._main: dict[int, int] = {}
        for serial in range(population.size):
            self._add_customer(population, serial)
        self.all_persons = sorted(dict.fromkeys(self.persons))
        self.all_businesses = sorted(dict.fromkeys(self.businesses))

    def _add_customer(self, population: Population, serial: int) -> None:
        traits, kind = population.traits(serial), kind_of(serial)
        random = chance(population.seed, "book", serial)
        business = kind in {"company", "sole-trader"}
        monthly = traits.income * _YUAN // 12
        turnover = between(random, 500, 3_000) if kind == "sole-trader" else between(random, 5, 400) * 1_000
        scale = turnover * _YUAN if business else max(monthly, 1_200 * _YUAN)
        branch = BRANCH_OF[traits.region.code]
        for account in population.accounts(serial):
            index = len(self.accounts)
            self.accounts.append(account)
            self.branch.append(branch)
            self.scale.append(scale)
            self.balance.append(_opening(random, account, scale, business=business))
            if account.currency != "CNY":
                self.foreign.append(index)
            elif account.product != "savings":
                self._main[serial] = index
                (self.businesses if business else self.persons).extend([index] * between(random, 1, 6))
        if not business:
            self._add_person(random, serial, monthly, retired=traits.occupation == RETIRED)

    def _add_person(self, random: Random, serial: int, monthly: int, *, retired: bool) -> None:
        account = self._main[serial]
        if not monthly:
            self.quiet.append(account)
            return
        employer = NOBODY if retired or random.random() < 0.4 else self._employer(random, serial)
        payer = None if employer != NOBODY else self.world.pensions if retired else pick(random, self.world.firms)
        payday = 15 if retired else pick(random, (5, 10, 10, 15, 15, 25))
        self.employments.append(Employment(account, employer, payer, monthly, payday))
        if not retired and random.random() < 0.3:
            rent = monthly // _YUAN * between(random, 18, 35) // 10_000 * 100 * _YUAN
            if rent:
                landlord = pick(random, self.world.people)
                self.tenancies.append(Tenancy(account, landlord, rent, between(random, 1, 5)))

    def _employer(self, random: Random, serial: int) -> int:
        """A company that came before this person, or NOBODY while there is none."""
        companies = serial // 25 * 2
        if not companies:
            return NOBODY
        number = below(random, companies)
        return self._main[number // 2 * 25 + COMPANY_AT[number % 2]]


def _opening(random: Random, account: Account, scale: int, *, business: bool) -> int:
    if account.currency != "CNY":
        return between(random, 500, 60_000) * MINOR_UNITS[account.currency]
    return scale * between(random, 10, 90) if business else scale * between(random, 20, 900) // 100


class World:
    """Everybody who banks elsewhere, from small pools so that counterparties repeat."""

    def __init__(self, seed: int) -> None:
        random = chance(seed, "world")
        self.people = [Outside(_person_name(random), *_domestic(random)) for _ in range(800)]
        self.firms = [Outside(_firm_name(random), *_domestic(random)) for _ in range(400)]
        self.merchants = shuffled(
            random,
            [
                Outside(trade + form, *_domestic(random))
                for trade in words.MERCHANTS
                for form in words.MERCHANT_FORMS
            ],
        )
        self.utilities = [
            Outside(name, *_domestic(random)) for name in ("城市供电公司", "自来水公司", "燃气公司", "移动通信")
        ]
        self.pensions = Outside("社会保险基金管理中心", *_domestic(random))
        self.tax = Outside("国家金库", *_domestic(random))
        self.foreign = [Outside(name, *_abroad(random)) for name in words.FOREIGN_COMPANIES for _ in range(3)]


def _person_name(random: Random) -> str:
    pool = pick(random, (words.GIVEN_MALE, words.GIVEN_FEMALE))
    return skewed(random, words.SURNAMES)[0] + pick(random, pool)[0] + pick(random, pool)[0]


def _firm_name(random: Random) -> str:
    trade = pick(random, words.COMPANY_TRADES)[0]
    return f"{pick(random, words.COMPANY_BRANDS)}{pick(random, words.COMPANY_BRANDS)}{trade}有限公司"


def _domestic(random: Random) -> tuple[str, str, str]:
    clearing, _, _ = pick(random, words.BANKS)
    return luhn_make(f"62{below(random, 10**16):016d}"), clearing, "CHN"


def _abroad(random: Random) -> tuple[str, str, str]:
    """Account, BIC and country; the banks are invented."""
    country, code, bank = pick(random, _FOREIGN_BANKS)
    digits = f"{below(random, 10**18):018d}"
    if country == "GB":
        return iban_make("GB", f"NWXX{digits[:14]}"), bank, code
    if country in {"DE", "FR"}:
        return iban_make(country, digits if country == "DE" else digits + "00000"), bank, code
    return digits[:12], bank, code


_FOREIGN_BANKS: Final = (
    ("GB", "GBR", "NWXXGB2L"), ("DE", "DEU", "RHXXDEFF"), ("FR", "FRA", "SEXXFRPP"), ("US", "USA", "HUXXUS33"),
    ("HK", "HKG", "KWXXHKHH"), ("JP", "JPN", "EDXXJPJT"), ("KW", "KWT", "GUXXKWKW"), ("SG", "SGP", "MEXXSGSG"),
)  # fmt: skip
