"""Documents: whom each kind identifies, how long it may be valid, and what a day makes of its expiry."""

from __future__ import annotations

from datetime import date

import pytest

from kyc.domain.document_rules import Presented, parse_documents, shipped_documents
from kyc.domain.rulefile import read
from kyc.errors import ConfigurationError

RULES = shipped_documents()
ON = date(2026, 3, 2)


def shown(kind: str, country: str = "CHN", **fields) -> Presented:
    """A document of an adult born in 1990, issued in 2020, valid until 2030."""
    values = {
        "customer_type": "natural", "issued_on": date(2020, 3, 1), "expires_on": date(2030, 3, 1),
        "born_on": date(1990, 5, 17),
    }  # fmt: skip
    return Presented(kind=kind, issuing_country=country, **values | fields)


def codes(document: Presented, on: date = ON) -> list[str]:
    """The codes of what stands against a document."""
    return [defect.code for defect in RULES.defects(document, on)]


LASTING = {"expires_on": None, "no_expiry": True}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (shown("resident-id"), []),
        (shown("resident-id", "USA"), ["issuing-country"]),
        (shown("resident-id", customer_type="legal"), ["customer-type"]),
        (shown("resident-id", customer_type="sole-trader"), []),
        (shown("resident-id", expires_on=date(2026, 3, 1)), ["expired"]),
        (shown("resident-id", expires_on=date(2026, 3, 2)), []),
        (shown("resident-id", expires_on=date(2040, 3, 1)), []),
        (shown("resident-id", expires_on=date(2040, 3, 3)), ["validity"]),
        (shown("resident-id", born_on=date(1999, 3, 1), expires_on=date(2030, 3, 3)), ["validity"]),
        (shown("resident-id", born_on=date(2010, 3, 1), expires_on=date(2026, 3, 2)), ["validity"]),
        (shown("resident-id", **LASTING), ["no-expiry"]),
        (shown("resident-id", born_on=date(1974, 3, 1), **LASTING), []),
        (shown("resident-id", born_on=date(1974, 3, 2), **LASTING), ["no-expiry"]),
        (shown("resident-id", born_on=None, **LASTING), ["no-expiry"]),
        (shown("resident-id", no_expiry=True), ["expiry"]),
        (shown("resident-id", expires_on=None), ["expiry"]),
        (shown("temporary-resident-id", issued_on=date(2026, 1, 1), expires_on=date(2026, 4, 1)), []),
        (shown("temporary-resident-id", issued_on=date(2026, 1, 1), expires_on=date(2026, 5, 1)), ["validity"]),
        (shown("household-register", born_on=date(2009, 3, 3), **LASTING), []),
        (shown("household-register", born_on=date(2009, 3, 2), **LASTING), ["age"]),
        (shown("household-register", born_on=None, **LASTING), ["age"]),
        (shown("military-id", **LASTING), []),
        (shown("armed-police-id"), []),
        (shown("hk-macau-permit", "HKG"), []),
        (shown("hk-macau-permit", "GBR"), ["issuing-country"]),
        (shown("taiwan-permit"), []),
        (shown("passport", "GBR"), []),
        (shown("passport", "CHN"), ["issuing-country"]),
        (shown("passport", "GBR", **LASTING), ["no-expiry"]),
        (shown("business-licence", customer_type="legal", **LASTING), []),
        (shown("business-licence"), ["customer-type"]),
        (shown("library-card"), ["kind"]),
        (shown("passport", "CHN", customer_type="legal", expires_on=date(2025, 1, 1)),
         ["customer-type", "issuing-country", "expired"]),
    ],
)  # fmt: skip
def test_who_is_identified_by_what(document, found) -> None:
    """RO285 art. 5 and the law of resident IDs: holder, issuer, age and validity, each defect named."""
    assert codes(document) == found


def test_kinds_have_a_first_day() -> None:
    """A kind identifies nobody before it is law."""
    assert codes(shown("passport", "GBR", issued_on=None, expires_on=date(2001, 1, 1)), date(2000, 3, 31)) == [
        "kind"
    ]


@pytest.mark.parametrize(
    ("on", "state"),
    [
        ("2025-12-01", "valid"), ("2026-03-02", "expiring"), ("2026-03-01", "valid"), ("2026-05-31", "expiring"),
        ("2026-06-01", "grace"), ("2026-08-29", "grace"), ("2026-08-30", "suspended"), ("2040-01-01", "suspended"),
    ],
)  # fmt: skip
def test_expiry_is_a_state_of_the_day(on, state) -> None:
    """Reminder 90 days ahead, valid on the last day, 90 days of grace, then suspended: no event is needed."""
    answer = RULES.expiry_on(date(2026, 5, 31), date.fromisoformat(on))
    assert answer.state == state
    assert (answer.remind_on, answer.suspend_on) == (date(2026, 3, 2), date(2026, 8, 30))
    assert {"incoming", "medical", "social-security", "utilities"} == set(answer.stays_open)


def test_grace_may_be_longer_for_a_reason() -> None:
    """A longer grace moves the suspension; a shorter one does not bring it forward."""
    asked = date(2026, 5, 31), date(2026, 9, 10)
    assert RULES.expiry_on(*asked, extended_to=date(2026, 9, 10)).state == "grace"
    assert RULES.expiry_on(*asked, extended_to=date(2026, 9, 9)).state == "suspended"
    assert RULES.expiry_on(*asked, extended_to=date(2026, 6, 1)).suspend_on == date(2026, 8, 30)


def test_documents_without_end() -> None:
    """A document that says it has no end is valid on every day; no date stands for never."""
    answer = RULES.expiry_on(None, date(2099, 1, 1))
    assert (answer.state, answer.remind_on, answer.suspend_on) == ("valid", None, None)


def test_no_policy_on_that_day() -> None:
    """Before any policy was law nothing is guessed."""
    with pytest.raises(ConfigurationError):
        RULES.expiry_on(date(2006, 1, 1), date(2006, 2, 1))


@pytest.mark.parametrize(
    ("was", "becomes", "field"),
    [
        ('kind = "armed-police-id"', 'kind = "military-id"', "x.toml: kind military-id"),
        ("effective_from = 2025-01-01", "effective_from = 2024-12-31", "x.toml: expiry"),
        ('reminder = "P90D"', 'reminder = "P3M"', "x.toml: expiry"),
        ('countries = ["CHN"]', 'countries = ["China"]', "x.toml: kind[0].countries[0]"),
        ("below_age = 17", "below_age = -1", "x.toml: kind[2].below_age"),
    ],
)
def test_bad_files(was, becomes, field) -> None:
    """Two rows of one thing, a reminder that cannot be counted back, wrong codes: refused by their place."""
    text = read("documents.toml")
    assert was in text
    with pytest.raises(ConfigurationError) as refused:
        parse_documents(text.replace(was, becomes, 1), "x.toml")
    assert refused.value.field == field
