"""Plain models of companies and sole traders with their representatives and beneficial owners."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Final, Literal, NamedTuple

from kyc.domain.identifiers import uscc_make
from kyc.simulate import words
from kyc.simulate.chance import between, pick, skewed
from kyc.simulate.people import Document, Person, Traits, make_resident, make_traits
from kyc.simulate.regions import REGIONS, Address, Region, make_address, make_landline


class Owner(NamedTuple):
    """A beneficial owner and why: a share of at least 25 percent, or control without one."""

    person: Person
    basis: Literal["shares", "control"]
    percent: int
    """Share held, 0 where ``basis`` is control."""


class Company(NamedTuple):
    """A legal person or a sole trader as the register shows it."""

    name: str
    uscc: str
    """Unified social credit code."""
    sole_trader: bool
    representative: Person
    """Legal representative, or the trader himself."""
    capital: int
    """Registered capital in whole yuan; 0 for a sole trader."""
    established: date
    industry: str
    """GB/T 4754 code."""
    scope: str
    address: Address
    phone: str
    licence: Document
    owners: tuple[Owner, ...]


_CAPITALS: Final = (100, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000)
"""Registered capital in thousands of yuan; the front is drawn more often."""
_SHARES: Final = ((100,), (60, 40), (51, 49), (70, 30), (34, 33, 33), (40, 35, 25), (80,))
"""Holdings of 25 percent and more (the rest is spread too thin to count)."""
_ORGANISATION_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def make_company(random: Random, today: date, order: int) -> Company:
    """A limited company whose representative mostly owns a part of it. ``order`` makes its code unique."""
    region = skewed(random, REGIONS)
    trade, industry, scope = pick(random, words.COMPANY_TRADES)
    brand = pick(random, words.COMPANY_BRANDS) + (
        pick(random, words.COMPANY_BRANDS) if random.random() < 0.4 else ""
    )
    code, established = _code("1", region, order), today - timedelta(days=between(random, 30, 7_000))
    representative = _somebody(random, today)
    return Company(
        name=f"{region.city}{brand}{trade}{skewed(random, words.COMPANY_FORMS)}", uscc=code, sole_trader=False,
        representative=representative, capital=skewed(random, _CAPITALS) * 1_000, established=established,
        industry=industry, scope=scope, address=make_address(random, region), phone=make_landline(random, region),
        licence=_licence(code, region, established), owners=_owners(random, representative, today),
    )  # fmt: skip


def make_sole_trader(random: Random, today: date, traits: Traits, order: int) -> Company:
    """A shop: its trader is its representative and only owner."""
    trader, region = make_resident(random, today, traits), traits.region
    trade, industry, scope = pick(random, words.SHOP_TRADES)
    code, established = _code("2", region, order), today - timedelta(days=between(random, 30, 4_000))
    return Company(
        name=f"{_place(region)}{pick(random, words.COMPANY_BRANDS)}{trade}", uscc=code, sole_trader=True,
        representative=trader, capital=0, established=established, industry=industry, scope=scope,
        address=make_address(random, region), phone=trader.phone, licence=_licence(code, region, established),
        owners=(Owner(trader, "shares", 100),),
    )  # fmt: skip


def _licence(code: str, region: Region, established: date) -> Document:
    return Document("business-licence", code, "CHN", f"{_place(region)}市场监督管理局", established, None)


def _place(region: Region) -> str:
    return region.city if region.city == region.district else region.city + region.district


def _code(category: str, region: Region, order: int) -> str:
    """Orders below 31^6 give different organisations: the factor shares no divisor with 31."""
    rest, characters = order * 61_803_399 % 31**6, ""
    for _ in range(6):
        rest, value = divmod(rest, 31)
        characters += _ORGANISATION_CHARACTERS[value]
    return uscc_make("9", category, region.code, "MA" + characters)


def _somebody(random: Random, today: date) -> Person:
    return make_resident(random, today, make_traits(random, today))


def _owners(random: Random, representative: Person, today: date) -> tuple[Owner, ...]:
    if random.random() < 0.06:  # nobody reaches 25 percent: whoever controls stands in
        return (Owner(representative, "control", 0),)
    shares = pick(random, _SHARES)
    first = representative if random.random() < 0.8 else _somebody(random, today)
    people = [first, *(_somebody(random, today) for _ in shares[1:])]
    return tuple(Owner(person, "shares", share) for person, share in zip(people, shares, strict=True))
