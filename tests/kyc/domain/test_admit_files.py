"""Admission of customers and documents: what each rule refuses, by field and rule, and what becomes of the rest."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from fix_samples import SAMPLES
from fix_world import TODAY, World
from fix_world_admit import (
    BOOKED,
    CHECKED,
    ID_NUMBER,
    NAIVE,
    NOW,
    NUMBER,
    PASSPORT,
    PERSON,
    PNG,
    TOMORROW,
    VERIFIED,
    changed,
    with_one_account,
)

from kyc.domain.account import AccountClosed
from kyc.domain.customer import (
    AttributeChanged,
    AttributeCorrected,
    ContactChanged,
    NameChanged,
    RelationshipEnded,
    RelationshipEstablished,
)
from kyc.domain.identifiers import Mrz, mrz_td3
from kyc.domain.submission import NEW, Claim, Scan, StreamName
from kyc.domain.values import Name
from kyc.errors import ClaimConflictError
from kyc.settings import SCAN_MAX


@pytest.fixture
def bank(world: World) -> World:
    """Customers C1, verified, and C2, and an account A1 of C1."""
    return with_one_account(world)


# --- registration -----------------------------------------------------------------------------------------

REGISTRATION = {
    "future moment": ({"occurred_at": NOW + timedelta(days=3)}, "occurred_at", "not in the future"),
    "moment without offset": ({"occurred_at": NAIVE}, "occurred_at", "RFC 3339"),
    "ancient moment": ({"occurred_at": NOW.replace(year=1700)}, "occurred_at", "after 1850"),
    "unborn": ({"birth_date": TOMORROW}, "birth_date", "not in the future"),
    "born before all records": ({"birth_date": date(1849, 1, 1)}, "birth_date", "after 1850"),
    "no birth date": ({"birth_date": None}, "birth_date", "natural/1"),
    "no address": ({"addresses": ()}, "addresses", "natural/1"),
    "company's field": ({"legal_form": "GmbH"}, "legal_form", "PIPL art. 6"),
    "company's template": ({"template": "legal/1"}, "template", "natural/1"),
    "no such template": ({"template": "natural/99"}, "template", "natural/1"),
    "wrong company number": (
        {"type": "legal", "template": "legal/1", "registration_kind": "uscc", "registration_number": "9" * 18},
        "registration_number", "GB 32100-2015",
    ),
    "wrong LEI": (
        {"type": "legal", "template": "legal/1", "registration_kind": "lei", "registration_number": "7" * 20},
        "registration_number", "ISO 17442",
    ),
    "founded tomorrow": ({"incorporated_on": TOMORROW}, "incorporated_on", "not in the future"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(REGISTRATION))
def test_registration_is_refused(world: World, case: str):
    """A registration that says something impossible, too little or too much is refused."""
    changes, field, rule = REGISTRATION[case]
    refusal = world.refuse(changed(PERSON, **changes))
    assert refusal.field == field
    assert rule in str(refusal.rule)


def test_registration_begins_a_stream(world: World):
    """A registration expects an empty stream and reads its own; a second one under the number is refused."""
    unit = world.record(PERSON)
    assert (unit.entries[0].stream, unit.entries[0].expected) == (StreamName("customer", "C1"), NEW)
    refusal = world.refuse(PERSON)
    assert (refusal.field, refusal.rule) == ("customer", "begun once")


def test_a_register_number_is_used_once(world: World):
    """Two files for one company number are never made silently (seed rule 1)."""
    company = changed(
        PERSON, type="legal", template="legal/1", birth_date=None, nationalities=(), registration_kind="uscc",
        registration_number=NUMBER, parties=SAMPLES["customer.registered"].parties,
    )  # fmt: skip
    unit = world.record(company)
    assert unit.claims == (Claim("register", f"uscc|{NUMBER}"),)
    with pytest.raises(ClaimConflictError):
        world.record(changed(company, customer="C2"))


# --- customer ---------------------------------------------------------------------------------------------

CUSTOMER = {
    "unknown customer": (
        NameChanged(occurred_at=NOW, names=(Name(text="Xyzzyx"),), evidence="e", effective_from=TODAY),
        "C9", "stream", "the customer is registered",
    ),
    "no stream": (
        NameChanged(occurred_at=NOW, names=(Name(text="Xyzzyx"),), evidence="e", effective_from=TODAY),
        "", "stream", "the number of the customer",
    ),
    "effect in another age": (
        NameChanged(occurred_at=NOW, names=(Name(text="Xyzzyx"),), evidence="e", effective_from=date(9999, 1, 1)),
        "C1", "effective_from", "before 2200",
    ),
    "no contact": (ContactChanged(occurred_at=NOW, effective_from=TODAY), "C1", "phones", "phones or email"),
    "attribute of companies": (
        AttributeChanged(occurred_at=NOW, attribute="legal_form", now="Limited", effective_from=TODAY),
        "C1", "legal_form", "PIPL art. 6",
    ),
    "not an attribute's value": (
        AttributeChanged(occurred_at=NOW, attribute="birth_date", now="yesterday", effective_from=TODAY),
        "C1", "now", "birth_date",
    ),
    "unknown gender": (
        AttributeChanged(occurred_at=NOW, attribute="gender", now="marker", effective_from=TODAY),
        "C1", "now", "gender",
    ),
    "born tomorrow": (
        AttributeChanged(occurred_at=NOW, attribute="birth_date", now=str(TOMORROW), effective_from=TODAY),
        "C1", "now", "not in the future",
    ),
    "correction of what is not held": (
        AttributeCorrected(
            occurred_at=NOW, target=1, attribute="nationalities", was="MARKER", now="CHN", reason="typo",
            evidence="passport", approver="T-2",
        ),
        "C1", "was", "nationalities",
    ),
    "corrected by one": (
        AttributeCorrected(
            occurred_at=NOW, target=1, attribute="nationalities", was="GBR", now="CHN", reason="typo",
            evidence="passport", approver="T-1",
        ),
        "C1", "approver", "two people",
    ),
    "second relationship": (RelationshipEstablished(occurred_at=NOW, on=TODAY), "C1", "on", "established once"),
    "relationship of tomorrow": (
        RelationshipEstablished(occurred_at=NOW, on=TOMORROW), "C2", "on", "not in the future",
    ),
    "end of nothing": (
        RelationshipEnded(occurred_at=NOW, on=TODAY, reason="moved"), "C2", "on", "established before it ends",
    ),
    "end before the beginning": (
        RelationshipEnded(occurred_at=NOW, on=date(2020, 1, 1), reason="moved", accounts=("A1",)),
        "C1", "on", "not before relationship_from",
    ),
    "account not named": (
        RelationshipEnded(occurred_at=NOW, on=TODAY, reason="moved"), "C1", "accounts", "1 more held",
    ),
    "account still open": (
        RelationshipEnded(occurred_at=NOW, on=TODAY, reason="moved", accounts=("A1",)),
        "C1", "accounts[0]", "the relationship ends with its last product",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CUSTOMER))
def test_customer_events_are_refused(bank: World, case: str):
    """A change that does not fit the customer is refused."""
    event, stream, field, rule = CUSTOMER[case]
    refusal = bank.refuse(event, stream)
    assert refusal.field == field
    assert rule in str(refusal.rule)


def test_relationship_ends_with_the_last_account(bank: World):
    """With its accounts closed and named, the relationship ends; afterwards there is none to end."""
    bank.record(AccountClosed(occurred_at=NOW, on=TODAY, reason="asked"), "A1")
    end = RelationshipEnded(occurred_at=NOW, on=TODAY, reason="moved", accounts=("A1",))
    bank.record(end, "C1")
    assert bank.state("customer", "C1").relationship_to == TODAY
    assert bank.refuse(end, "C1").rule == "established before it ends"


def test_correction_keeps_what_was(bank: World):
    """A corrected attribute is the present one; the event that was wrong stays in the stream."""
    bank.record(
        AttributeCorrected(
            occurred_at=NOW, target=1, attribute="nationalities", was="GBR", now="CHN GBR", reason="typo",
            evidence="passport", approver="T-2",
        ),
        "C1",
    )  # fmt: skip
    assert bank.state("customer", "C1").registered.nationalities == ("CHN", "GBR")
    assert bank.events("customer", "C1")[0].nationalities == ("GBR",)


# --- documents --------------------------------------------------------------------------------------------

DOCUMENT = {
    "wrong check digit": (
        changed(PASSPORT, kind="resident-id", number="110105194912310021"), "number", "GB 11643-1999",
    ),
    "wrong licence": (changed(PASSPORT, kind="business-licence", number="9" * 18), "number", "GB 32100-2015"),
    "no word on expiry": (changed(PASSPORT, expires_on=None), "expires_on", "expires_on or no_expiry"),
    "two words on expiry": (changed(PASSPORT, no_expiry=True), "expires_on", "expires_on or no_expiry"),
    "issued tomorrow": (changed(PASSPORT, issued_on=TOMORROW), "issued_on", "not in the future"),
    "expired before issue": (changed(PASSPORT, expires_on=date(2019, 1, 1)), "expires_on", "not before issued_on"),
    "never expires by arithmetic": (changed(PASSPORT, expires_on=date(9999, 12, 31)), "expires_on", "before 2200"),
    "damaged zone": (changed(PASSPORT, mrz=("P<GBRMARKER", "X")), "mrz", "ICAO 9303"),
    "images by the caller": (
        changed(PASSPORT, images=SAMPLES["document.captured"].images), "images", "empty when submitted",
    ),
    "not another's": (changed(PASSPORT, held_by="C2"), "held_by", "captured there before"),
    "another unknown": (changed(PASSPORT, held_by="C9"), "held_by", "the customer is registered"),
    "checked before captured": (changed(CHECKED, number="P-MARKER-2"), "number", "captured before it is verified"),
    "verified by another kind": (
        changed(VERIFIED, document_kind="resident-id"), "document_kind", "verified against a valid document",
    ),
    "verified when it had run out": (
        changed(VERIFIED, occurred_at=NOW.replace(year=2019)), "document_kind",
        "verified against a valid document",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(DOCUMENT))
def test_documents_are_refused(bank: World, case: str):
    """A document that cannot be, or a verification without one, is refused."""
    event, field, rule = DOCUMENT[case]
    if case == "verified when it had run out":
        bank.states[StreamName("customer", "C1")] = changed(
            bank.state("customer", "C1"), documents=(changed(PASSPORT, expires_on=date(2018, 1, 1)),)
        )
    refusal = bank.refuse(event, "C1")
    assert rule in str(refusal.rule)
    assert field in str(refusal.field)


def test_zone_and_number_agree(bank: World):
    """A machine-readable zone is checked, and names the document it stands on."""
    zone = Mrz(
        kind="TD3", document="P", issuer="GBR", number="123456789", nationality="GBR", birth="900517", sex="F",
        expiry="300101", surname="LOVELACE", given="ADA",
    )  # fmt: skip
    lines = mrz_td3(zone)
    assert bank.refuse(changed(PASSPORT, mrz=lines), "C1").rule == "ICAO 9303: number"
    bank.record(changed(PASSPORT, number="123456789", mrz=lines), "C1")


def test_contradicted_document_verifies_nobody(bank: World):
    """After a check that did not match, the identity is verified only by a new check (seed rule 22)."""
    bank.record(changed(CHECKED, result="no-match"), "C1")
    assert bank.refuse(VERIFIED, "C1").rule == "document.verified"
    bank.record(CHECKED, "C1")
    bank.record(VERIFIED, "C1")


def test_one_document_is_one_customers(bank: World):
    """A document is claimed once, however its number is spaced; captured again it claims nothing."""
    spaced = changed(PASSPORT, number=" p-marker-1")
    with pytest.raises(ClaimConflictError):
        bank.record(spaced, "C2")
    assert bank.record(spaced, "C1").claims == ()
    assert bank.record(changed(spaced, held_by="C1"), "C2").claims == ()


def test_resident_id_with_its_check_digit(bank: World):
    """A resident identity card with a right check digit passes and is claimed under its number."""
    unit = bank.record(changed(PASSPORT, kind="resident-id", number=ID_NUMBER, issuing_country="CHN"), "C1")
    assert unit.claims == (Claim("document", f"CHN|resident-id|{ID_NUMBER}"),)


SCANS = {
    "empty": ((Scan(name="front", media_type="image/png", content=b""),), "scans.content"),
    "too large": ((Scan(name="a", media_type="image/png", content=bytes(SCAN_MAX + 1)),), "scans.content"),
    "one name twice": ((PNG, PNG), "scans.name"),
    "too many": (tuple(Scan(name=f"{n}", media_type="image/png", content=b"x") for n in range(21)), "scans"),
}


@pytest.mark.parametrize("case", sorted(SCANS))
def test_scans_are_refused(bank: World, case: str):
    """Scans are bounded in size and number and have names of their own."""
    scans, field = SCANS[case]
    assert bank.refuse(changed(PASSPORT, number="P2"), "C1", scans=scans).field == field


def test_scans_belong_to_events_that_carry_them(bank: World):
    """An event without images takes no scans, nor does a booking."""
    assert bank.refuse(VERIFIED, "C1", scans=(PNG,)).field == "scans"
    assert bank.refuse(BOOKED, scans=(PNG,)).field == "scans"
