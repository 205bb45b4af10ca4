"""Plain models of natural persons and the documents that identify them. No events, no bank: people only."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Final, Literal, NamedTuple

from kyc.domain.calendar import age_on
from kyc.domain.identifiers import Mrz, mrz_td3, resident_id_make
from kyc.simulate import words
from kyc.simulate.chance import below, between, pick, skewed
from kyc.simulate.regions import BY_CODE, MINORITY_REGIONS, REGIONS, Address, Region, make_address, make_mobile

DocumentKind = Literal["resident-id", "passport", "business-licence"]
Sex = Literal["M", "F"]


class Document(NamedTuple):
    """An identity document. ``expires`` is None where it is valid without end (长期)."""

    kind: DocumentKind
    number: str
    country: str
    """Three-letter code of the issuing state, ISO 3166-1 alpha-3."""
    issuer: str
    issued: date
    expires: date | None
    mrz: tuple[str, ...] = ()


class Person(NamedTuple):
    """A natural person as the bank would have asked for."""

    name: str
    """As the document prints it: hanzi, or roman letters for foreigners."""
    roman: str
    """Surname first, as a machine readable zone would spell it."""
    sex: Sex
    birth: date
    nationality: str
    """ISO 3166-1 alpha-3."""
    document: Document
    address: Address
    phone: str
    email: str
    occupation: tuple[str, str]
    """GB/T 6565 code and wording."""
    income: int
    """Yearly, in whole yuan; 0 for who has none of their own."""


_TO_ICAO: Final = str.maketrans({"Ä": "AE", "Ö": "OE", "Ü": "UE", "ß": "SS", "É": "E", "Ã": "A", "Õ": "O"})
_FROM_ICAO: Final = {"D": "DEU"}
_INCOMES: Final = (24, 36, 42, 48, 54, 60, 66, 72, 84, 96, 108, 120, 150, 180, 240, 360, 600, 1200)
"""Thousands of yuan a year; the front is drawn more often."""


class Traits(NamedTuple):
    """What is drawn about a person before anything else, because the money they move depends on it."""

    sex: Sex
    birth: date
    order: int
    """Serial number that makes identity numbers unique; two people with one birthday need different orders."""
    region: Region
    minority: bool
    occupation: tuple[str, str]
    income: int


def make_traits(random: Random, today: date, birth: date | None = None, order: int | None = None) -> Traits:
    """An adult of ``today``; one in twenty belongs to a people that writes names with a middle dot."""
    sex: Sex = "M" if random.random() < 0.5 else "F"
    birth = birth or today - timedelta(days=between(random, 18 * 366, 78 * 365))
    minority = random.random() < 0.05
    region = BY_CODE[pick(random, MINORITY_REGIONS)] if minority else skewed(random, REGIONS)
    order = below(random, 500) if order is None else order
    return Traits(sex, birth, order, region, minority, *_livelihood(random, age_on(birth, today)))


def make_resident(random: Random, today: date, traits: Traits) -> Person:
    """A citizen; one in thirty has a character in the name that many systems cannot store."""
    rare = random.random() < 0.035
    name, roman = (
        _minority_name(random, traits.sex) if traits.minority else _han_name(random, traits.sex, rare=rare)
    )
    home = traits.region if random.random() < 0.65 else pick(random, REGIONS)
    sequence = traits.order % 500 * 2 + (traits.sex == "M")
    number = resident_id_make(home.code, traits.birth, sequence)
    place = home.city if home.city == home.district else home.city + home.district
    card = _resident_document(random, number, place, traits.birth, today)
    return Person(
        name, roman, traits.sex, traits.birth, "CHN", card,
        make_address(random, traits.region), make_mobile(random), f"u{below(random, 10**9):09d}@mail.example",
        traits.occupation, traits.income,
    )  # fmt: skip


def make_foreigner(random: Random, today: date, traits: Traits) -> Person:
    """A foreigner living here, identified by a passport with its machine readable zone."""
    state, male, female, surnames = skewed(random, words.FOREIGN)
    surname, given = pick(random, surnames), pick(random, male if traits.sex == "M" else female)
    issued = today - timedelta(days=between(random, 60, 2_900))
    expires = years_after(issued, 10)
    zone = Mrz(
        kind="TD3", document="P", issuer=state, number=_passport_number(traits.order), nationality=state,
        birth=f"{traits.birth:%y%m%d}", sex=traits.sex, expiry=f"{expires:%y%m%d}",
        surname=surname.translate(_TO_ICAO), given=given.translate(_TO_ICAO),
    )  # fmt: skip
    country = _FROM_ICAO.get(state, state)
    document = Document("passport", zone.number, country, country, issued, expires, mrz_td3(zone))
    return Person(
        f"{given} {surname}", f"{zone.surname} {zone.given}", traits.sex, traits.birth, country, document,
        make_address(random, traits.region), make_mobile(random), f"u{below(random, 10**9):09d}@mail.example",
        traits.occupation, traits.income,
    )  # fmt: skip


def renewed(document: Document, birth: date, today: date) -> Document:
    """The resident card that replaces ``document``: same number, same authority, new validity."""
    return document._replace(issued=today, expires=_card_expiry(birth, today))


def _han_name(random: Random, sex: Sex, *, rare: bool) -> tuple[str, str]:
    surname = skewed(random, words.SURNAMES)
    pool = words.GIVEN_MALE if sex == "M" else words.GIVEN_FEMALE
    given = [pick(random, pool)]
    if random.random() < 0.72:
        given.append(pick(random, pool))
    if rare:
        given[-1] = pick(random, words.RARE_GIVEN)
    hanzi = surname[0] + "".join(character for character, _ in given)
    return hanzi, f"{surname[1]} {''.join(sound for _, sound in given)}".upper()


def _minority_name(random: Random, sex: Sex) -> tuple[str, str]:
    """Own name, middle dot, father's name; the passport writes one field without a surname."""
    own = pick(random, words.MINORITY_GIVEN_MALE if sex == "M" else words.MINORITY_GIVEN_FEMALE)
    father = pick(random, words.MINORITY_GIVEN_MALE)
    return f"{own[0]}·{father[0]}", f"{own[1]} {father[1]}".upper()


def _resident_document(random: Random, number: str, place: str, birth: date, today: date) -> Document:
    authority = f"{place}公安局"
    if random.random() < 0.03 and age_on(birth, today) < 45:  # runs out soon: the ledger must notice
        expires = today + timedelta(days=between(random, 5, 400))
        if (issued := _issued_for(birth, expires)) is not None:
            return Document("resident-id", number, "CHN", authority, issued, expires)
    issued = today - timedelta(days=between(random, 20, 7_000))
    while (expires_next := _card_expiry(birth, issued)) is not None and expires_next <= today:
        issued = expires_next
    return Document("resident-id", number, "CHN", authority, issued, expires_next)


def _card_expiry(birth: date, issued: date) -> date | None:
    """Valid 5 years below 16, 10 up to 25, 20 up to 45, then without end (Resident Identity Card Law art. 5)."""
    age = age_on(birth, issued)
    if age >= 46:
        return None
    return years_after(issued, 5 if age < 16 else 10 if age <= 25 else 20)


def _issued_for(birth: date, expires: date) -> date | None:
    """The day of issue that gives a holder this day of expiry; None where no card of theirs ends then."""
    days = (years_after(expires, -years) for years in (20, 10, 5))
    return next((issued for issued in days if _card_expiry(birth, issued) == expires), None)


def years_after(day: date, years: int) -> date:
    """The same day ``years`` later; 28 February for the 29th, so that every year has it."""
    return day.replace(year=day.year + years, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _livelihood(random: Random, age: int) -> tuple[tuple[str, str], int]:
    """Occupation and yearly income in yuan."""
    if age < 22:
        return words.STUDENT, 0
    if age >= 62:
        return words.RETIRED, pick(random, _INCOMES[:8]) * 1_000
    if random.random() < 0.04:
        return words.NO_OCCUPATION, 0
    return skewed(random, words.OCCUPATIONS), skewed(random, _INCOMES) * 1_000


def _passport_number(order: int) -> str:
    """A letter and eight digits; the factor has no common divisor with 10^8, so orders give different numbers."""
    return f"{'ABCDEFGHJKLMNPRTUVWXY'[order % 21]}{order * 61_803_399 % 10**8:08d}"
