"""Registration forms: readable files, held strictly; shipped ones are pinned, because old events go by them."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import msgspec
import pytest

from kyc.domain.customer import CustomerRegistered
from kyc.domain.rulefile import read
from kyc.domain.templates import ALWAYS, FILES, check, form_on, in_force, parse_templates, shipped_templates, usable
from kyc.errors import ConfigurationError, RefusedError

ON = date(2026, 3, 2)
TEXT = read("templates.toml")


@pytest.mark.parametrize(
    ("on", "jurisdiction", "natural", "legal", "trust"),
    [
        ("2007-07-31", "CN", None, None, None),
        ("2007-08-01", "CN", "natural/1", "legal/1", "trust/1"),
        ("2025-01-01", "CN", "natural/1", "legal/1", "trust/1"),
        ("2026-01-01", "CN", "natural/1", "legal/1", "trust/1"),
        ("2027-07-09", "EU", "natural/1", "legal/1", "trust/1"),
        ("2027-07-10", "EU", "natural-eu/1", "legal-eu/1", "trust-eu/1"),
        ("2027-07-10", "UK", "natural/1", "legal/1", "trust/1"),
        ("2026-01-01", "US", "natural/1", "legal/1", "trust/1"),
        ("2003-10-01", "US", "natural-us/1", "legal-us/1", None),
    ],
)
def test_the_form_of_a_day(on, jurisdiction, natural, legal, trust) -> None:
    """Which shipped form is in use, by jurisdiction and day; another jurisdiction's never is."""
    day = date.fromisoformat(on)
    found = [form_on({}, type_, day, jurisdiction=jurisdiction) for type_ in ("natural", "legal", "trust")]
    assert [form and form.name for form in found] == [natural, legal, trust]


def test_fields_of_forms_are_fields_of_registrations() -> None:
    """No form asks for what a registration cannot hold, none for religion or health; every one says its source."""
    for form in shipped_templates().values():
        assert {*form.mandatory, *form.optional} <= {*CustomerRegistered.__struct_fields__} - ALWAYS, form.name
        assert form.source


def test_shipped_forms_never_change() -> None:
    """Events of years ago name these forms: what each asks for is pinned; a change is another name."""
    asked = msgspec.json.encode(
        {name: sorted([*form.mandatory, "/", *form.optional]) for name, form in shipped_templates().items()},
        order="sorted",
    )
    assert sha256(asked).hexdigest() == "032e3c116e2f32e8d7de3e02c3f8561e78c3a97ba5066dc77ffffdb480bee2f5"


def test_a_form_of_elsewhere() -> None:
    """A bank uses its own jurisdiction's forms; what its head office published counts wherever it is from."""
    form = shipped_templates()["natural-us/1"]
    assert in_force(form.name, "natural", {}, ON, ON) == form  # nobody has said whose law counts
    with pytest.raises(RefusedError) as refused:
        in_force(form.name, "natural", {}, ON, ON, "CN")
    assert (refused.value.field, refused.value.rule) == ("template", "natural/1")
    assert in_force(form.name, "natural", {form.name: form}, ON, ON, "CN") == form
    assert "natural-us/1" not in usable({}, "UK")


def test_each_jurisdiction_asks_for_its_own() -> None:
    """The place of birth is missed in the Union only; the gender is not asked for there."""
    given = ["birth_date", "nationalities", "addresses"]
    for name, missing in [("natural/1", None), ("natural-us/1", None), ("natural-eu/1", "birth_place")]:
        form = shipped_templates()[name]
        if missing is None:
            check(form, given)
        else:
            with pytest.raises(RefusedError) as refused:
                check(form, given)
            assert refused.value.field == missing
    with pytest.raises(RefusedError, match="allow-list"):
        check(shipped_templates()["natural-eu/1"], [*given, "birth_place", "gender"])


@pytest.mark.parametrize(
    ("was", "becomes", "field"),
    [
        ('name = "legal/1"', 'name = "natural/1"', "x.toml: form natural/1"),
        ('"phones", "email"', '"phones", "phones"', "x.toml: form natural/1"),
        ('"phones", "email"', '"phones", "customer"', "x.toml: form natural/1"),
        ('type = "natural"', 'type = "pet"', "x.toml: form[0].type"),
        ('mandatory = ["birth_date"', 'obligatory = ["birth_date"', "x.toml: form[0]"),
        (
            "effective_from = 2007-08-01",
            "effective_from = 2007-08-01\neffective_to = 2007-07-31",
            "x.toml: form[0]",
        ),
    ],
)
def test_bad_files(was, becomes, field) -> None:
    """A name or a field twice, unknown words, an end before the beginning: refused by their place."""
    assert was in TEXT
    with pytest.raises(ConfigurationError) as refused:
        parse_templates(TEXT.replace(was, becomes, 1), "x.toml")
    assert refused.value.field == field


def test_every_file_is_read() -> None:
    """A jurisdiction without forms says so in its file."""
    assert [len(parse_templates(read(name), name)) for name in FILES] == [4, 4, 0, 3]
