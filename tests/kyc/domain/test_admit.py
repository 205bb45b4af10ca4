"""Admission: every rule refuses what it is for, by field and rule; what is allowed becomes the right unit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from fix_samples import CHINA, HOME, SAMPLES, booking
from fix_world import TODAY, World

from kyc.domain.account import AccountClosed, AccountOpened, Holder, HolderAdded, HolderRemoved
from kyc.domain.account import StandingOrderRegistered as StandingOrder
from kyc.domain.admit import STATEFUL, evolve, reads, shape
from kyc.domain.customer import (
    AttributeChanged,
    AttributeCorrected,
    ContactChanged,
    CustomerRegistered,
    IdentityVerified,
    NameChanged,
    RelationshipEnded,
    RelationshipEstablished,
)
from kyc.domain.document import DocumentCaptured, DocumentVerified
from kyc.domain.identifiers import Mrz, mrz_td3
from kyc.domain.stream import TRANSACTION
from kyc.domain.submission import ANY, NEW, Claim, Scan, StreamName
from kyc.domain.transaction import BookTransaction, Leg, TransactionRejected, TransactionReversed
from kyc.domain.values import Counterparty, Equivalent, Name
from kyc.errors import ClaimConflictError, InputError, RefusedError
from kyc.settings import SCAN_MAX

NOW = datetime(2026, 3, 2, 10, tzinfo=CHINA)
NAIVE = NOW.replace(tzinfo=None)
TOMORROW = TODAY + timedelta(days=2)
NUMBER = "91110000600037341L"
ID_NUMBER = "11010519491231002X"
PNG = Scan(name="front", media_type="image/png", content=b"png")

PERSON = CustomerRegistered(
    occurred_at=NOW, customer="C1", type="natural", template="natural/1", notice="notice/3",
    names=(Name(text="Ada Lovelace-Marker"),), addresses=(HOME,), birth_date=date(1990, 5, 17),
    nationalities=("GBR",),
)  # fmt: skip
PASSPORT = DocumentCaptured(
    occurred_at=NOW, kind="passport", number="P-MARKER-1", issuing_country="GBR", issued_on=date(2020, 1, 1),
    expires_on=date(2030, 1, 1),
)  # fmt: skip
CHECKED = DocumentVerified(
    occurred_at=NOW, kind="passport", number="P-MARKER-1", method="chip", result="match", checked_by="T-1"
)
VERIFIED = IdentityVerified(
    occurred_at=NOW, level="standard", method="chip", document_kind="passport", verified_by="T-1"
)
OPENED = AccountOpened(
    occurred_at=NOW, account="A1", currency="CNY", product="savings", opened_on=date(2026, 1, 1),
    holders=(Holder(customer="C1"),),
)  # fmt: skip
BOOKED = BookTransaction(
    occurred_at=NOW, reference="T-MARKER-1", kind="transfer", channel="counter", booked_at=NOW, value_date=TODAY,
    legs=(Leg(account="A1", direction="debit", amount=Decimal("1.00"), currency="CNY"),),
)  # fmt: skip


def changed(event, **fields):
    """The same event with other fields."""
    return msgspec.structs.replace(event, **fields)


def leg(**fields):
    """The booking with one leg changed."""
    return changed(BOOKED, legs=(changed(BOOKED.legs[0], **fields),))


@pytest.fixture
def bank(world: World) -> World:
    """A bank with a verified customer C1, a customer C2, and an account A1 of C1."""
    world.record(PERSON)
    world.record(PASSPORT, "C1", scans=(PNG,))
    world.record(VERIFIED, "C1")
    world.record(RelationshipEstablished(occurred_at=NOW, on=TODAY), "C1")
    world.record(changed(PERSON, customer="C2"))
    world.record(OPENED)
    return world


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


# --- accounts ---------------------------------------------------------------------------------------------

ACCOUNT = {
    "unknown currency": (changed(OPENED, account="A2", currency="ZZZ"), "", "currency", "ISO 4217"),
    "opened tomorrow": (changed(OPENED, account="A2", opened_on=TOMORROW), "", "opened_on", "not in the future"),
    "holder twice": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1"), Holder(customer="C1", role="agent"))),
        "", "holders", "each customer once",
    ),
    "nobody owns it": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1", role="agent"),)), "", "holders", "one owner",
    ),
    "more than the whole": (
        changed(
            OPENED, account="A2",
            holders=(Holder(customer="C1", share=Decimal(60)), Holder(customer="C2", share=Decimal(41))),
        ),
        "", "holders.share", "together at most 100",
    ),
    "no share at all": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1", share=Decimal(0)),)),
        "", "holders.share", "above 0",
    ),
    "share that is no number": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1", share=Decimal("NaN")),)),
        "", "holders.share", "a finite decimal",
    ),
    "unknown holder": (
        changed(OPENED, account="A2", holders=(Holder(customer="C1"), Holder(customer="C9", role="joint"))),
        "", "holders[1].customer", "the customer is registered",
    ),
    "opened twice": (OPENED, "", "account", "begun once"),
    "two names for one stream": (changed(OPENED, account="A2"), "A3", "stream", "account"),
    "unknown account": (AccountClosed(occurred_at=NOW, on=TODAY, reason="r"), "A9", "stream", "registered"),
    "closed before it was opened": (
        AccountClosed(occurred_at=NOW, on=date(2025, 1, 1), reason="r"), "A1", "on", "not before opened_on",
    ),
    "joins twice": (
        HolderAdded(occurred_at=NOW, holder=Holder(customer="C1"), on=TODAY), "A1", "holder.customer",
        "each customer once",
    ),
    "stranger joins": (
        HolderAdded(occurred_at=NOW, holder=Holder(customer="C9"), on=TODAY), "A1", "holder.customer",
        "the customer is registered",
    ),
    "stranger leaves": (
        HolderRemoved(occurred_at=NOW, customer="C2", on=TODAY, reason="r"), "A1", "customer", "only holders",
    ),
    "last owner leaves": (
        HolderRemoved(occurred_at=NOW, customer="C1", on=TODAY, reason="r"), "A1", "customer", "at least one owner",
    ),
    "order over nothing": (
        StandingOrder(
            occurred_at=NOW, order="S1", amount=Decimal(0), currency="CNY", counterparty=Counterparty(name="X")
        ),
        "A1", "amount", "above zero",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(ACCOUNT))
def test_account_events_are_refused(bank: World, case: str):
    """An account that cannot be, or a change that does not fit it, is refused."""
    event, stream, field, rule = ACCOUNT[case]
    refusal = bank.refuse(event, stream)
    assert refusal.field == field
    assert rule in str(refusal.rule)


def test_holders_have_it_in_their_own_file(bank: World):
    """Opening, joining and leaving are recorded in the holders' streams too, in the same unit."""
    joined = bank.record(HolderAdded(occurred_at=NOW, holder=Holder(customer="C2", role="joint"), on=TODAY), "A1")
    assert [entry.stream.kind for entry in joined.entries] == ["account", "customer"]
    assert [held.account for held in bank.state("customer", "C2").accounts] == ["A1"]
    bank.record(HolderRemoved(occurred_at=NOW, customer="C1", on=TODAY, reason="r"), "A1")
    assert bank.state("customer", "C1").accounts == ()
    assert bank.topics("customer", "C1")[-2:] == ["customer.account_linked", "customer.account_unlinked"]


def test_closed_account_takes_nothing_more(bank: World):
    """After it is closed an account takes no event; bookings of the time before still arrive."""
    bank.record(AccountClosed(occurred_at=NOW, on=date(2026, 2, 1), reason="asked"), "A1")
    again = bank.refuse(AccountClosed(occurred_at=NOW, on=TODAY, reason="asked"), "A1")
    assert (again.field, again.rule) == ("stream", "not after closed_on")
    assert bank.refuse(BOOKED).rule == "not after closed_on"
    bank.record(changed(BOOKED, booked_at=NOW.replace(month=1)))


def test_links_are_not_submitted(bank: World):
    """What is recorded along with another event cannot be submitted alone."""
    refusal = bank.refuse(SAMPLES["customer.account_linked"], "C1")
    assert refusal.field == "topic"


# --- transactions -----------------------------------------------------------------------------------------

BOOKING = {
    "not a number": (leg(amount=Decimal("NaN")), "legs[0].amount", "a finite decimal"),
    "infinite": (leg(amount=Decimal("Infinity")), "legs[0].amount", "a finite decimal"),
    "huge": (leg(amount=Decimal("1E+400")), "legs[0].amount", "below 10^18"),
    "ten to the eighteen": (leg(amount=Decimal(10) ** 18), "legs[0].amount", "below 10^18"),
    "too fine": (leg(amount=Decimal("1.005")), "legs[0].amount", "CNY has 2"),
    "too fine by zeros": (leg(amount=Decimal("1.000")), "legs[0].amount", "CNY has 2"),
    "negative": (leg(amount=Decimal("-1.00")), "legs[0].amount", "above zero"),
    "zero": (leg(amount=Decimal("0.00")), "legs[0].amount", "above zero"),
    "unknown currency": (leg(currency="ZZZ"), "legs[0].currency", "ISO 4217"),
    "withdrawn currency": (leg(currency="HRK"), "legs[0].currency", "until 2023-01-14"),
    "infinite balance": (leg(balance_after=Decimal("-Infinity")), "legs[0].balance_after.amount", "finite"),
    "fine fee": (leg(fee=Decimal("0.001")), "legs[0].fee.amount", "CNY has 2"),
    "another currency": (leg(currency="USD"), "legs[0].currency", "CNY"),
    "unknown account": (leg(account="A9"), "legs[0].account", "the account is registered"),
    "before the account": (
        changed(BOOKED, booked_at=NOW.replace(year=2025, month=12), value_date=date(2025, 12, 2)),
        "booked_at", "not before opened_on",
    ),
    "booked tomorrow": (changed(BOOKED, booked_at=NOW + timedelta(days=2)), "booked_at", "not in the future"),
    "booked without offset": (changed(BOOKED, booked_at=NAIVE), "booked_at", "RFC 3339"),
    "far value date": (changed(BOOKED, value_date=date(2028, 3, 2)), "value_date", "366 days"),
    "authorised first": (
        changed(BOOKED, initiated_at=NOW, authorised_at=NOW - timedelta(hours=1)),
        "authorised_at", "not before initiated_at",
    ),
    "initiated tomorrow": (changed(BOOKED, initiated_at=NOW + timedelta(days=2)), "initiated_at", "future"),
    "reversal of nothing": (changed(BOOKED, reversal=True), "parent", "names the reversed transaction"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(BOOKING))
def test_bookings_are_refused(bank: World, case: str):
    """A booking with an amount, a time or an account that cannot be is refused."""
    event, field, rule = BOOKING[case]
    refusal = bank.refuse(event)
    assert refusal.field == field
    assert rule in str(refusal.rule)


EQUIVALENT = Equivalent(
    amount=Decimal("1.00"), currency="USD", rate=Decimal("7.1"), rate_source="SAFE", rate_date=TODAY
)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": Decimal("1.001")}, "equivalents[0].amount"),
        ({"rate": Decimal(0)}, "equivalents[0].rate"),
        ({"rate": Decimal("NaN")}, "equivalents[0].rate"),
        ({"rate": Decimal("1E-30")}, "equivalents[0].rate"),
        ({"rate_date": date(1700, 1, 1)}, "equivalents[0].rate_date"),
        ({"currency": "ZZZ"}, "equivalents[0].currency"),
    ],
)
def test_equivalents_are_refused(bank: World, fields: dict, field: str):
    """An equivalent needs an amount of its currency and a rate that can be."""
    assert bank.refuse(changed(BOOKED, equivalents=(changed(EQUIVALENT, **fields),))).field == field


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "100"), ("KWD", "1.234"), ("CLF", "1.2345"), ("CNY", "1")]
)
def test_scales_follow_the_currency(bank: World, currency: str, amount: str):
    """As many digits as ISO 4217 gives a currency are taken, one more is refused."""
    bank.record(changed(OPENED, account=currency, currency=currency))
    event = leg(account=currency, currency=currency, amount=Decimal(amount))
    bank.record(event)
    finer = leg(account=currency, currency=currency, amount=Decimal("1.11111"))
    assert bank.refuse(changed(finer, reference="other")).rule.startswith(currency)


def test_withdrawn_currency_in_its_time(bank: World):
    """A booking of the time when a currency was money is taken."""
    bank.record(changed(OPENED, account="K", currency="HRK", opened_on=date(2020, 1, 1)))
    then = NOW.replace(year=2022)
    bank.record(changed(leg(account="K", currency="HRK"), booked_at=then, value_date=then.date()))


def test_transfer_becomes_an_entry_for_each_account(bank: World):
    """Both accounts get a record complete in itself, each under its own account's key; the reference is claimed."""
    bank.record(changed(OPENED, account="A2", holders=(Holder(customer="C2"),)))
    bank.record(changed(BOOKED, reference="T0"))
    unit = bank.record(booking(reversal=False))
    assert [entry.stream for entry in unit.entries] == [StreamName("postings", "A1"), StreamName("postings", "A2")]
    assert [entry.subject for entry in unit.entries] == [entry.requires[0] for entry in unit.entries]
    assert {entry.expected for entry in unit.entries} == {ANY}
    assert unit.claims == (Claim("transaction", "T1"),)
    first, second = (entry.event for entry in unit.entries)
    assert first.legs == second.legs
    assert (first.leg, second.leg) == booking().legs
    assert first.period() == "2026"
    with pytest.raises(ClaimConflictError):
        bank.record(booking(reversal=False))


def test_year_of_booking_is_the_books_own(bank: World):
    """The period follows the date in the booking's own offset, not in UTC."""
    new_year = datetime(2026, 1, 1, 1, tzinfo=CHINA)
    unit = bank.record(changed(BOOKED, booked_at=new_year, value_date=new_year.date()))
    assert unit.entries[0].event.period() == "2026"


def test_postings_are_never_folded(bank: World):
    """Bookings read the states of their accounts, reversals what they take back besides, and nothing else."""
    accounts = (StreamName("account", "A1"), StreamName("account", "A2"))
    assert reads(bank.submission(booking(reversal=False))) == accounts
    assert reads(bank.submission(booking())) == (*accounts, StreamName(TRANSACTION, "T0"))
    assert "postings" not in STATEFUL


def test_rejected_and_reversed(bank: World):
    """What was not carried out, or taken back, stands in the account's postings; nothing is reversed twice."""
    rejected = TransactionRejected(
        occurred_at=NOW, reference="R1", account="A1", direction="debit", amount=Decimal("5.00"), currency="CNY",
        reason="limit",
    )  # fmt: skip
    assert bank.record(rejected).claims == (Claim("transaction", "R1"),)
    assert bank.refuse(changed(rejected, amount=Decimal(-5))).field == "amount"
    assert bank.refuse(changed(rejected, account="A9")).rule == "the account is registered"
    bank.record(changed(BOOKED, reference="T1"))
    bank.record(changed(leg(direction="credit"), reference="T2", reversal=True, parent="T1"))
    taken_back = TransactionReversed(
        occurred_at=NOW, reference="T1", account="A1", reversed_by="T2", reason="wrong"
    )
    bank.record(taken_back)
    with pytest.raises(ClaimConflictError):
        bank.record(changed(taken_back, reason="again"))
    assert bank.refuse(changed(taken_back, reversed_by="T1")).field == "reversed_by"


def test_correction_of_a_booking_takes_two(bank: World):
    """A booking's purpose is corrected by a second person; the booking stays as it was."""
    bank.record(changed(BOOKED, reference="T1"))
    correction = changed(SAMPLES["transaction.corrected"], occurred_at=NOW)
    assert bank.refuse(correction, actor="T-2").field == "approver"
    bank.record(correction, actor="T-1")


def test_nothing_unreadable_is_recorded(world: World):
    """An event built in this process that its own schema would refuse is refused before it is recorded."""
    for wrong in (
        changed(PERSON, employer="x" * 501),
        changed(PERSON, gender="unknown"),
        changed(PERSON, names=(Name(text="a\x00b"),)),
        changed(PERSON, nationalities=("Britain",)),
    ):
        assert world.refuse(wrong).message == "event does not fit its schema"


# --- the path ---------------------------------------------------------------------------------------------


def test_expected_version_is_the_callers(bank: World):
    """A caller's expected version is the entry's; without one the ledger fills in what it read."""
    event = RelationshipEstablished(occurred_at=NOW, on=TODAY)
    assert shape(bank.submission(event, "C2", expected=7), TODAY).entries[0].expected == 7
    assert shape(bank.submission(event, "C2"), TODAY).entries[0].expected == ANY


def test_reading_names_streams_without_raising(bank: World):
    """Streams are named before anything is checked, also for what will be refused."""
    for topic, sample in SAMPLES.items():
        for name in reads(bank.submission(sample, "X")):
            assert name.kind in {*STATEFUL, TRANSACTION}, topic
    assert reads(bank.submission(changed(OPENED, account="A2"), "A3"))[0] == StreamName("account", "A2")


def test_retry_asks_for_the_same_entries(bank: World):
    """The unit of a submission follows from the submission alone, so that a retry finds all its receipts."""
    submission = bank.submission(changed(OPENED, account="A7"))
    before = shape(submission, TODAY)
    bank.record(changed(OPENED, account="A7"))
    assert shape(submission, TODAY + timedelta(days=400)) == before


def test_unknown_streams_are_no_streams(bank: World):
    """An event that belongs to no stream cannot be submitted; an event out of place changes no state."""
    with pytest.raises(InputError):
        bank.record(VERIFIED, "")
    assert evolve("customer", None, VERIFIED) is None
    state = bank.state("account", "A1")
    assert evolve("account", state, VERIFIED) == state


def test_replay_gives_the_same_states(bank: World):
    """States folded from the recorded events are those that decisions were taken on."""
    bank.record(HolderAdded(occurred_at=NOW, holder=Holder(customer="C2", role="joint"), on=TODAY), "A1")
    assert bank.replayed() == bank.states


def test_refused_error_is_the_callers_fault(world: World):
    """Whatever admission refuses, the caller can mend."""
    assert isinstance(world.refuse(BOOKED), RefusedError)
    assert world.refuse(BOOKED).fault == "caller"
