"""Customers: identifiers that satisfy their schemes, papers that fit their holders, the same for a seed."""

from __future__ import annotations

from datetime import date

import pytest
from stdnum import luhn, numdb
from stdnum.cn import ric, uscc

from kyc.domain.identifiers import parse_mrz
from kyc.simulate.companies import Company
from kyc.simulate.people import Document, Person, renewed, years_after
from kyc.simulate.population import DECIMALS, MINOR_UNITS, Population, customer_number, kind_of
from kyc.simulate.regions import BRANCHES, BY_CODE, REGIONS

START = date(2026, 1, 1)
SIZE = 1_500


@pytest.fixture(scope="module")
def customers():
    """A small bank's customers."""
    population = Population(7, SIZE, START)
    return [population.customer(serial) for serial in range(SIZE)]


def people_of(customer):
    """Every natural person in a customer's file."""
    if isinstance(customer.party, Person):
        return [customer.party]
    return [customer.party.representative, *(owner.person for owner in customer.party.owners)]


def test_same_seed_same_customers_whatever_was_asked_before(customers) -> None:
    """A customer depends on seed and serial number only, not on the order of questions."""
    again = Population(7, SIZE, START)
    assert [again.customer(serial) for serial in (900, 3, 900)] == [customers[900], customers[3], customers[900]]
    assert Population(8, SIZE, START).customer(3) != customers[3]


def test_all_kinds_appear(customers) -> None:
    """Of 25 customers 21 are residents, two companies, one a sole trader and one a foreigner."""
    kinds = [customer.kind for customer in customers]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "person": SIZE // 25 * 21, "company": SIZE // 25 * 2, "sole-trader": SIZE // 25, "foreigner": SIZE // 25,
    }  # fmt: skip
    assert [kind_of(customer.serial) for customer in customers] == kinds


def test_resident_numbers_satisfy_the_oracle_and_the_person(customers) -> None:
    """Check digit, a district known by its code, birthday and sex agree; customers' numbers never repeat."""
    seen = []
    for customer in customers:
        for person in people_of(customer):
            if person.document.kind == "resident-id":
                assert ric.calc_check_digit(person.document.number) == person.document.number[17]
                assert ric.get_birth_date(person.document.number) == person.birth
                assert person.document.number[:6] in BY_CODE
                assert (int(person.document.number[16]) % 2 == 1) == (person.sex == "M")
        seen.append(
            customer.party.document.number if customer.kind in {"person", "foreigner"} else customer.party.uscc
        )
    assert len(set(seen)) == SIZE


def test_districts_are_those_of_the_standard() -> None:
    """Code, province and district agree with stdnum's table of GB/T 2260."""
    assert len({region.code for region in REGIONS}) == len(REGIONS) == len(BRANCHES)
    for region in REGIONS:
        info = {key: value for _, found in numdb.get("cn/loc").info(region.code) for key, value in found.items()}
        assert info["province"] == region.province
        assert info["county"].endswith(region.district)


def test_addresses_name_the_district_of_their_code(customers) -> None:
    """Region code, text and post code belong together, and the branch is the one of that district."""
    for customer in customers:
        region = BY_CODE[customer.party.address.region]
        assert customer.party.address.text.startswith(region.province)
        assert region.district in customer.party.address.text
        assert customer.party.address.postcode == region.postcode
        assert customer.branch == BRANCHES[REGIONS.index(region)]


def test_companies_have_codes_capital_and_owners(customers) -> None:
    """Social credit codes pass stdnum; owners hold 25 percent each or control; a trader owns the shop alone."""
    for customer in customers:
        if isinstance(customer.party, Company):
            company = customer.party
            assert uscc.is_valid(company.uscc)
            assert company.licence.number == company.uscc
            assert company.established < customer.registered
            assert (company.capital == 0) == company.sole_trader
            assert sum(owner.percent for owner in company.owners) <= 100
            assert all((owner.percent >= 25) == (owner.basis == "shares") for owner in company.owners)
            assert not company.sole_trader or [owner.person for owner in company.owners] == [company.representative]


def test_passports_carry_a_zone_that_agrees(customers) -> None:
    """Number, sex, birthday and expiry of the machine readable zone are those of the person."""
    foreigners = [customer.party for customer in customers if customer.kind == "foreigner"]
    for person in foreigners:
        zone = parse_mrz(person.document.mrz)
        assert zone.number == person.document.number
        assert (zone.birth, zone.sex) == (f"{person.birth:%y%m%d}", person.sex)
        assert zone.expiry == f"{person.document.expires:%y%m%d}"
        assert f"{zone.surname} {zone.given}".strip() == person.roman.replace("'", "").replace("-", " ")
    assert len({person.nationality for person in foreigners}) > 5


def test_names_cover_what_breaks_systems(customers) -> None:
    """Middle dots, characters outside the basic plane or its common part, compound surnames, accents."""
    names = [person.name for customer in customers for person in people_of(customer)]
    assert any("·" in name for name in names)
    assert any(ord(character) > 0xFFFF for name in names for character in name)
    assert any(name.startswith(("欧阳", "上官", "司马", "诸葛", "尉迟")) for name in names)
    assert any(ord(character) in range(0xC0, 0x180) for name in names for character in name)
    assert all(person.roman.isascii() for customer in customers for person in people_of(customer))


def test_documents_are_valid_when_presented_and_some_run_out_soon(customers) -> None:
    """Issued before registration, not expired then; some without end, some expired within 400 days."""
    soon = endless = 0
    for customer in customers:
        document = customer.party.document if isinstance(customer.party, Person) else customer.party.licence
        assert document.issued < customer.registered
        assert document.expires is None or document.expires > customer.registered
        endless += document.expires is None
        soon += document.expires is not None and (document.expires - customer.registered).days <= 400
    assert endless > 100
    assert soon > 20


def test_validity_follows_the_age_at_issue() -> None:
    """Ten years up to 25, twenty up to 45, then none; the leap day becomes the 28th."""
    card = Document("resident-id", "1", "CHN", "x", date(2010, 1, 1), date(2020, 1, 1))
    assert renewed(card, date(1999, 6, 1), date(2020, 1, 1)).expires == date(2030, 1, 1)
    assert renewed(card, date(1980, 6, 1), date(2020, 1, 1)).expires == date(2040, 1, 1)
    assert renewed(card, date(1970, 6, 1), date(2020, 1, 1)).expires is None
    assert years_after(date(2024, 2, 29), 10) == date(2034, 2, 28)


def test_customers_are_adults_and_students_earn_nothing(customers) -> None:
    """Nobody registers before 18; codes and wording of occupations are set."""
    for customer in customers:
        if isinstance(customer.party, Person):
            assert years_after(customer.party.birth, 18) <= customer.registered
            assert len(customer.party.occupation[0]) == 5
            assert (customer.party.income == 0) == (customer.party.occupation[1] in {"学生", "无业"})


def test_accounts_have_check_digits_and_open_after_registration(customers) -> None:
    """Numbers pass Luhn and never repeat; joint holders were customers before; currencies have their decimals."""
    accounts = [account for customer in customers for account in customer.accounts]
    assert len({account.number for account in accounts}) == len(accounts)
    assert all(luhn.is_valid(account.number) and len(account.number) == 19 for account in accounts)
    for customer in customers:
        for account in customer.accounts:
            assert customer.registered <= account.opened < START
            assert account.holders[0] == customer.serial
            assert all(holder < customer.serial for holder in account.holders[1:])
    assert any(len(account.holders) > 1 for account in accounts)
    assert {account.currency for account in accounts} == set(DECIMALS)
    assert {currency: MINOR_UNITS[currency] for currency in ("CNY", "JPY", "KWD")} == {
        "CNY": 100,
        "JPY": 1,
        "KWD": 1000,
    }


def test_customers_come_in_order_of_their_numbers(customers) -> None:
    """Registration days never go back, and numbers count from one."""
    days = [customer.registered for customer in customers]
    assert days == sorted(days)
    assert days[-1] < START
    assert customers[0].number == customer_number(0) == "C00000001"
