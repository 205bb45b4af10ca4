"""Customers found by everything that is known of them, now and formerly, without a word of it in the index."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from fix_samples import PARTY
from fix_world_china import COMPANY_NUMBER, company, onboard, open_account, passport, person
from fix_world_ledger import Story

from kyc.domain.account import Holder as AccountHolder
from kyc.domain.account import HolderAdded, HolderRemoved
from kyc.domain.customer import AttributeChanged, ContactChanged, NameChanged
from kyc.domain.life import DuplicateSuspected, PartyAdded
from kyc.domain.values import Name, Phone
from kyc.errors import InputError
from projections import customer_profile, customer_search
from projections.customer_search import Value

pytestmark = pytest.mark.pg15


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def found(world: Story, **given: Any) -> set[str]:
    """The numbers of the customers who are found."""
    return {one.state.customer for one in customer_profile.find(world.log, **given) if one.state is not None}


def people(world: Story) -> None:
    """Three people and a company, of two branches."""
    wei = (Name(text="张伟明", script="Hans"), Name(text="Zhang Weiming", kind="romanised", script="Latn"))
    onboard(world, "C1", names=wei, phones=(Phone(number="+86 139 5551 2345"),), email="Wei@Example.org")
    onboard(world, "C2", names=(Name(text="张偉明", script="Hant"),), tax_number="440524188001010014")
    world.record(person("C3", world, names=(Name(text="Weiming Zhang"),)), branch="B-2")
    world.record(company("K1", world, names=(Name(text="阳光国际贸易有限公司"),)), branch="B-2")
    open_account(world, "A-77", "C1")
    world.project()


def test_found_by_everything(china: Story) -> None:
    """Names in scripts and in pinyin, numbers of documents, telephones, registers, accounts, people who act."""
    people(china)
    for given, expected in (
        ({"name": "伟明"}, {"C1"}), ({"name": "zhang wei"}, {"C1", "C2", "C3"}), ({"name": "zwm"}, {"C1", "C2"}),
        ({"name": "张伟明", "by_sound": True}, {"C1", "C2", "C3"}), ({"name": "阳光"}, {"K1"}),
        ({"name": "yangguang"}, {"K1"}), ({"name": "zhang", "branch": "B-2"}, {"C3"}),
        ({"document": "pass-c1"}, {"C1"}), ({"document": "PASS-C9"}, set()),
        ({"phone": "13955512345"}, {"C1"}), ({"phone": "0086 139-5551-2345"}, {"C1"}),
        ({"phone": "5551 2345"}, {"C1"}),
        ({"phone": "23955512345"}, set()), ({"email": "wei@example.ORG"}, {"C1"}),
        ({"identifier": COMPANY_NUMBER.lower()}, {"K1"}), ({"identifier": "4405 2418 8001 0100 14"}, {"C2"}),
        ({"account": "A-77"}, {"C1"}), ({"account": "A-78"}, set()), ({"party": "li si"}, {"K1"}),
        ({"party_document": "11010519491231002x"}, {"K1"}), ({"number": "C2"}, {"C2"}),
        ({"number": "C2", "branch": "B-2"}, set()),
    ):  # fmt: skip
        assert found(china, **given) == expected, given
    assert len(customer_profile.find(china.log, name="zhang", limit=2)) == 2
    for too_little in ({"name": "z"}, {"name": " · "}, {"phone": "1234"}, {"email": " "}):
        with pytest.raises(InputError) as refused:
            found(china, **too_little)
        assert refused.value.field == next(iter(too_little))


def test_found_by_what_was(china: Story) -> None:
    """Former names, telephones, numbers and accounts find who had them, when asked for."""
    people(china)
    now, day = china.now, china.today
    for event in (
        NameChanged(occurred_at=now, names=(Name(text="李明"),), evidence="register", effective_from=day),
        ContactChanged(occurred_at=now, effective_from=day, phones=(Phone(number="+86 139 0000 0000"),)),
        AttributeChanged(occurred_at=now, attribute="tax_number", now="X-1", effective_from=day),
        AttributeChanged(occurred_at=now, attribute="tax_number", now="X-2", effective_from=day),
        AttributeChanged(occurred_at=now, attribute="tax_number", now="X-1", effective_from=day),
    ):
        china.record(event, "C1")
    joined = HolderAdded(occurred_at=now, holder=AccountHolder(customer="C2", role="joint"), on=day)
    china.record(joined, "A-77")
    china.record(HolderRemoved(occurred_at=now, customer="C1", on=day, reason="moved"), "A-77")
    engine = china.project()
    for given, then in (
        ({"name": "张伟明"}, {"C1"}), ({"name": "zhang wei"}, {"C1", "C2", "C3"}),
        ({"phone": "13955512345"}, {"C1"}),
        ({"identifier": "x-2"}, {"C1"}), ({"account": "A-77"}, {"C1", "C2"}),
    ):  # fmt: skip
        assert found(china, **given) == then - {"C1"}, given
        assert found(china, former=True, **given) == then, given
    assert found(china, name="li ming") == found(china, identifier="x-1") == {"C1"}
    assert found(china, name="li weiming", former=True) == set(), "words of two names are no name"
    (profile,) = customer_profile.find(china.log, number="C1")
    assert Value("identifier", "X-2") in profile.once
    assert Value("identifier", "X-1") not in profile.once
    assert engine.rebuild("customer_profile").equal is True


def test_numbers_of_two_generations_are_one() -> None:
    """A resident identity number of fifteen digits is found by that of eighteen, and the other way round."""
    assert customer_search.normal("document", "110105491231002") == customer_search.normal(
        "document", "11010519491231002x"
    )
    assert customer_search.normal("document", "110105491332002") == "110105491332002", "no such day: another number"


def test_what_contradicts_itself_is_a_finding(china: Story) -> None:
    """The columns in clear say which fields are filled in and what contradicts what, never a value."""
    onboard(china, "C1", gender="male", birth_date=date(1949, 12, 30))
    wrong = passport("11010519491231002X", china, kind="resident-id", issuing_country="CHN")
    china.record(passport("P-9", china, name_as_printed="Somebody Else"), "C1")
    china.record(wrong, "C1", basis="AML24-29")
    onboard(china, "C2", names=(Name(text="张伟"),), gender="female", birth_date=date(1949, 12, 31))
    china.record(passport("P-10", china, name_as_printed="ZHANG WEI"), "C2")
    china.record(DuplicateSuspected(occurred_at=china.now, other="C1", why="same street"), "C2")
    added = PartyAdded(
        occurred_at=china.now, id="r1", party=PARTY, kind="agent", since=china.today, proof="power of attorney"
    )
    china.record(added, "C2")
    engine = china.project()
    with china.log.database.connection() as connection:
        rows = connection.execute("select filled, findings from kyc_read.customer_profile order by branch, version")
        (_, one), (form, two) = rows.fetchall()
    assert one == ["document-name-differs", "birth-date-differs", "gender-differs"]
    assert two == ["duplicate-suspected"]
    assert form == ["addresses", "gender", "birth_date", "nationalities", "parties"]
    assert engine.rebuild("customer_profile").equal is True


def test_the_search_uses_its_index(china: Story) -> None:
    """Current and former values are found through the index, never by reading all profiles."""
    people(china)
    with china.log.database.connection() as connection:
        connection.execute("set enable_seqscan = off")
        for statement, count in (("by_key", 1), ("by_any_key", 2)):
            asked = b"explain " + customer_profile._SQL[statement].encode()
            digests = ["{00000000-0000-0000-0000-000000000001}"] * count
            plan = connection.execute(asked, (*digests, "0" * 32, None, None, 10)).fetchall()
            told = "\n".join(line for (line,) in plan)
            assert told.count("Bitmap Index Scan on customer_profile_b1_found_by") == count, told
