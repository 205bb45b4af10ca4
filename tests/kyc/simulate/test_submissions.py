"""The simulated bank as submissions: everything is admitted, in order, and survives the wire."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from kyc.domain.admit import STATEFUL, check, evolve, reads, shape
from kyc.domain.document import DocumentCaptured
from kyc.domain.document_rules import Presented, shipped_documents
from kyc.domain.fact import parse
from kyc.domain.policies import Policies, shipped_editions
from kyc.domain.stream import POLICIES
from kyc.domain.transaction import BookTransaction
from kyc.simulate.book import Book
from kyc.simulate.files import papers
from kyc.simulate.labels import labels
from kyc.simulate.population import Population
from kyc.simulate.rows import days
from kyc.simulate.submissions import simulate, wire

START = date(2025, 1, 1)
RUN = (11, 250, 4_000, START, 40)


@pytest.fixture(scope="module")
def submissions():
    """A small bank's submissions, scans included."""
    return list(simulate(*RUN))


def events(submissions, topic: str):
    """The data of one topic."""
    return [item.data for item in submissions if getattr(item.data, "TOPIC", "") == topic]


ADOPTED = Policies(jurisdiction="CN", editions=shipped_editions())
"""What head office has published once it adopted the shipped rules."""


@pytest.mark.parametrize("policies", [Policies(), ADOPTED], ids=["nothing published", "shipped rules adopted"])
@pytest.mark.parametrize("days_later", [0, 1_000])
def test_admission_takes_every_submission(submissions, days_later: int, policies: Policies) -> None:
    """Shape and check refuse nothing, on the day itself or years later when documents have run out."""
    states, claims = {POLICIES: policies}, set()
    for submission in submissions:
        today = submission.data.occurred_at.date() + timedelta(days=days_later)
        unit = shape(submission, today)
        unit = check(unit, {name: states.get(name) for name in reads(submission)}, today)
        assert not claims.intersection(unit.claims)
        claims.update(unit.claims)
        for entry in unit.entries:
            if entry.stream.kind in STATEFUL:
                states[entry.stream] = evolve(entry.stream.kind, states.get(entry.stream), entry.event)
    assert sum(name.kind == "customer" for name in states) == 250


def test_every_document_identifies_under_the_shipped_rules() -> None:
    """No customer shows a document the shipped rules refuse: also the one in a thousand of an odd age at issue."""
    population, rules = Population(7, 6_000, START), shipped_documents()
    for serial in range(population.size):
        customer = population.customer(serial)
        for document, holder in papers(customer):
            person = document.kind != "business-licence"
            shown = Presented(
                kind=document.kind, issuing_country=document.country,
                customer_type="natural" if person else "legal", issued_on=document.issued,
                expires_on=document.expires, no_expiry=document.expires is None,
                born_on=holder.birth if person else None,
            )  # fmt: skip
            assert not rules.defects(shown, customer.registered), customer.number


def test_submissions_survive_the_wire(submissions) -> None:
    """The line of each parses back to the same submission: strict schema, decimals, times, scans."""
    for submission in submissions:
        line = wire(submission)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert parse(line) == submission


def test_keys_are_unique_and_the_same_again(submissions) -> None:
    """A second run submits the same keys and contents, so the ledger would answer with the first receipts."""
    assert len({item.key for item in submissions}) == len(submissions)
    assert list(simulate(*RUN)) == submissions
    without = list(simulate(*RUN, scans=False))
    assert [item.data for item in without] == [item.data for item in submissions]
    assert not any(item.scans for item in without)


def test_every_part_of_a_file_is_there(submissions) -> None:
    """250 registrations, verifications, ratings and relationships; traders show two documents; accounts open."""
    topics = Counter(getattr(item.data, "TOPIC", "book") for item in submissions)
    assert topics["book"] == 4_000
    assert topics["customer.registered"] == topics["customer.relationship_established"] == 250
    assert topics["document.captured"] == topics["document.verified"] >= 260
    assert topics["account.opened"] > 250
    assert {"customer.address_changed", "customer.contact_changed"} <= set(topics)
    assert topics["cdd.risk_rated"] > 250


def test_documents_come_with_images_and_companies_with_parties(submissions) -> None:
    """Cards have two sides; legal persons name a representative and beneficial owners with their shares."""
    for item in submissions:
        if isinstance(item.data, DocumentCaptured):
            names = [scan.name for scan in item.scans]
            assert names == (["front", "back"] if item.data.kind == "resident-id" else ["front"])
    companies = [data for data in events(submissions, "customer.registered") if data.type == "legal"]
    assert len(companies) == 20
    for company in companies:
        roles = [party.role for party in company.parties]
        assert roles[0] == "legal-representative"
        assert roles[1:] == ["beneficial-owner"] * len(roles[1:])
        assert len(roles) > 1


def test_order_is_that_of_time(submissions) -> None:
    """Each customer's file in order before the first day; then transactions and changes mixed by time."""
    running = [item.data.occurred_at for item in submissions if item.data.occurred_at.date() >= START]
    assert all(before - after <= timedelta(minutes=9) for before, after in pairwise(running))
    by_stream = {}
    for item in submissions:
        if item.stream:
            by_stream.setdefault(item.stream, []).append(item.data.occurred_at)
    assert all(times == sorted(times) for times in by_stream.values())


def test_bookings_say_what_the_rows_say(submissions) -> None:
    """Amounts, accounts, cash and cross-border flags, and balances that continue from leg to leg."""
    bookings = [item.data for item in submissions if isinstance(item.data, BookTransaction)]
    book = Book(Population(11, 250, START))
    rows = [row for day in days(book, 11, 4_000, START, 40) for row in day.rows]
    balances = {}
    for booking, row in zip(bookings, rows, strict=True):
        assert booking.reference == row.reference
        assert booking.cash == (row.outside is None and len(booking.legs) == 1)
        assert booking.cross_border == (row.kind == "cross-border")
        assert [leg.direction for leg in booking.legs] in (["debit"], ["credit"], ["debit", "credit"])
        for leg in booking.legs:
            moved = leg.amount if leg.direction == "credit" else -leg.amount
            if leg.account in balances:
                assert leg.balance_after == balances[leg.account] + moved
            balances[leg.account] = leg.balance_after
            assert booking.cash == (leg.counterparty is None)


def test_yen_have_no_decimals_and_dinars_three() -> None:
    """A decimal carries exactly the digits of its currency."""
    found = {}
    for item in simulate(1, 600, 6_000, START, 20, scans=False):
        if isinstance(item.data, BookTransaction):
            for leg in item.data.legs:
                found.setdefault(leg.currency, set()).add(-leg.amount.as_tuple().exponent)
                assert leg.amount > Decimal(0)
    assert found["JPY"] == {0}
    assert found["KWD"] == {3}
    assert found["CNY"] == found["USD"] == {2}


def test_labels_stay_beside(submissions) -> None:
    """Labels noted in passing are those of labels(); no submission mentions a scheme."""
    noted = []
    assert list(simulate(*RUN, note=noted.append)) == submissions
    assert noted == list(labels(*RUN))
    assert len({label.typology for label in noted}) == 6
    text = b"".join(wire(item) for item in submissions if isinstance(item.data, BookTransaction))
    assert not any(label.scheme.encode() in text or label.typology.encode() in text for label in noted)
