"""Row 2: files follow a versioned template (登记模板); old events stay valid under their own version."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from fix_world_china import COMPANY_NUMBER, company, passport, person, verified

from kyc.domain.governance import TemplatePublished
from kyc.domain.ownership import BeneficialOwnerIdentified
from kyc.domain.templates import Template, shipped_templates
from kyc.domain.values import Party
from kyc.errors import ClaimConflictError


@pytest.fixture
def second() -> Template:
    """A second version that asks for the occupation, from April on."""
    first = shipped_templates()["natural/1"]
    return Template(
        name="natural/2", type="natural", mandatory=(*first.mandatory, "occupation"),
        optional=tuple(field for field in first.optional if field != "occupation"), effective_from=date(2026, 4, 1),
    )  # fmt: skip


def publish(world, form, **options):
    """Publish a template from head office."""
    event = TemplatePublished(occurred_at=world.now, form=form, approver="HQ-2")
    return world.record(event, **{"actor": "HQ-1", "branch": "HQ"} | options)


def test_a_new_version_asks_for_more(china, second):
    """From its day on the new form is used, and what it makes mandatory is missed; the old form still works."""
    publish(china, second)
    assert china.refuse(person("C1", china, template="natural/2")).rule == "from 2026-04-01"
    china.today = date(2026, 4, 1)
    missing = china.refuse(person("C1", china, template="natural/2"))
    assert (missing.message, missing.field) == ("a mandatory field is missing", "occupation")
    china.record(person("C1", china, template="natural/2", occupation="baker"))
    china.record(person("C2", china))


def test_a_form_ends(china, second):
    """What a form asks for may not be collected after its last day; what was collected before is still entered."""
    ended = msgspec.structs.replace(second, effective_from=None, effective_to=date(2026, 3, 31))
    publish(china, ended)
    late = person("C1", china, template="natural/2", occupation="baker")
    china.today = date(2026, 5, 1)
    china.record(late)
    after = person("C2", china, template="natural/2", occupation="baker")
    assert china.refuse(after).rule == "until 2026-03-31"


def test_forms_are_published_once_and_are_sound(china, second):
    """A version is never published twice, asks for no field twice, and does not end before it begins."""
    publish(china, second)
    again = TemplatePublished(occurred_at=china.now, form=second, approver="HQ-2")
    assert china.refuse(again, actor="HQ-1", branch="HQ").rule == "published once"
    shipped = TemplatePublished(occurred_at=china.now, form=shipped_templates()["natural/1"], approver="HQ-2")
    assert china.refuse(shipped, actor="HQ-1", branch="HQ").rule == "published once"
    for name, changes, rule in [
        ("natural/3", {"optional": ("occupation",)}, "occupation"),
        ("natural/4", {"mandatory": ("customer",)}, "customer"),
        ("natural/5", {"effective_to": date(2026, 3, 1)}, "not before effective_from"),
    ]:
        form = msgspec.structs.replace(second, name=name, **changes)
        event = TemplatePublished(occurred_at=china.now, form=form, approver="HQ-2")
        assert china.refuse(event, actor="HQ-1", branch="HQ").rule == rule


def test_old_registrations_keep_their_version(china, second):
    """Years later the file of an earlier customer still names the form it was made with."""
    china.record(person("C1", china))
    china.today += timedelta(days=4_000)
    publish(china, second)
    assert china.events("customer", "C1")[0].template == "natural/1"


def test_a_sole_trader_is_a_person_in_a_register(china):
    """A sole trader (个体工商户) gives what a person gives, and the register's number, on a form of its own."""
    trader = {"type": "sole-trader", "template": "sole-trader/1", "registration_kind": "uscc"}
    assert china.refuse(person("S1", china, **trader | {"registration_kind": ""})).field == "registration_number"
    china.record(company("K1", china))
    number = COMPANY_NUMBER
    taken = person("S1", china, **trader, registration_number=number)
    with pytest.raises(ClaimConflictError):
        china.record(taken)  # the company's own number
    other = {"registration_kind": "local", "registration_number": "L-440300-77"}
    assert china.refuse(person("S1", china, type="sole-trader", **other)).field == "template"
    unborn = person("S1", china, **trader | other | {"birth_date": None})
    assert china.refuse(unborn).field == "birth_date"
    china.record(person("S1", china, **trader | other, business_scope="noodles"))
    assert china.refuse(person("C1", china, business_scope="noodles")).field == "business_scope"
    passed = passport("P-S1", china)
    china.record(passed, "S1")
    china.record(verified(china), "S1")
    assert china.state("customer", "S1").registered.business_scope == "noodles"


def test_a_trust_is_its_parties(china):
    """A trust without parties is refused, nor is it born; its parties make one and stand behind it."""
    trust = {"type": "trust", "template": "trust/1", "birth_date": None, "nationalities": ()}
    assert china.refuse(person("X1", china, **trust)).field == "parties"
    roles = ("settlor", "trustee", "protector", "beneficiary")
    parties = tuple(Party(name=f"Party {role}", role=role) for role in roles)
    born = person("X1", china, **trust | {"birth_date": date(1990, 1, 1)}, parties=parties)
    assert (china.refuse(born).field, china.refuse(born).message) == (
        "birth_date", "a field is not in the template's allow-list",
    )  # fmt: skip
    china.record(person("X1", china, **trust, parties=parties))
    assert "customer-type" in str(china.refuse(passport("P-X1", china), "X1").rule)
    deed = passport("DEED-1", china, kind="trust-deed", expires_on=None, no_expiry=True)
    china.record(deed, "X1")
    china.record(verified(china, "trust-deed"), "X1")
    for party in parties:
        found = BeneficialOwnerIdentified(
            occurred_at=china.now, id=party.role, owner=party, basis="trust-role", formed_on=date(2020, 1, 1)
        )
        china.record(found, "X1")
    assert [one.id for one in china.state("customer", "X1").diligence.owners] == list(roles)
