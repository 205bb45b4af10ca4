"""Row 22: identity rests on a valid document; it runs out, is replaced, gets lost (留存有效证件)."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from fix_samples import SAMPLES
from fix_world_china import COMPANY_NUMBER, company, onboard, passport, person, verified

from kyc.domain.customer import AttributeChanged
from kyc.domain.document import DocumentVerified
from kyc.domain.papers import (
    DocumentExpired,
    DocumentInvalidated,
    DocumentSuperseded,
    GraceEnded,
    GraceStarted,
    ServiceResumed,
    ServiceSuspended,
    VerificationFailed,
)
from projections import customer_profile, document_register


def test_a_passport_runs_out(china):
    """Run out, reminded, graced, suspended; with a new passport service goes on."""
    onboard(china, "C1")
    paper = {"kind": "passport", "number": "PASS-C1"}
    expires = china.state("customer", "C1").documents[0].expires_on
    suspended = ServiceSuspended(occurred_at=china.now)
    assert china.refuse(suspended, "C1").rule == "no valid document"
    expired = DocumentExpired(occurred_at=china.now, expired_on=expires, **paper)
    assert china.refuse(expired, "C1").rule == "before today"

    china.today = expires + timedelta(days=1)
    other_day = DocumentExpired(occurred_at=china.now, expired_on=china.today, **paper)
    assert china.refuse(other_day, "C1").rule == "as captured"
    china.record(DocumentExpired(occurred_at=china.now, expired_on=expires, **paper), "C1")
    china.record(
        GraceStarted(occurred_at=china.now, until=expires + timedelta(days=90), reason="abroad", **paper), "C1"
    )
    early = ServiceSuspended(occurred_at=china.now)
    assert china.refuse(early, "C1").rule == "expiry and grace of the policy"

    china.today = expires + timedelta(days=91)
    china.record(GraceEnded(occurred_at=china.now, outcome="lapsed", **paper), "C1")
    again = GraceEnded(occurred_at=china.now, outcome="lapsed", **paper)
    assert china.refuse(again, "C1").rule == "started before it ends"
    china.record(ServiceSuspended(occurred_at=china.now), "C1")
    open_ = china.events("customer", "C1")[-1].exempt
    assert open_ == ("incoming", "medical", "social-security", "utilities"), "AML24 art. 30"
    assert china.refuse(ServiceSuspended(occurred_at=china.now), "C1").rule == "once"
    assert china.refuse(ServiceResumed(occurred_at=china.now), "C1").rule == "a valid document"
    china.record(passport("PASS-NEW", china), "C1")
    china.record(ServiceResumed(occurred_at=china.now), "C1")
    assert china.refuse(ServiceResumed(occurred_at=china.now), "C1").rule == "suspended before it resumes"


def test_nobody_is_verified_without_a_document(china):
    """No document, or one that has run out: not verified; what runs out is on the branch's list before it does."""
    china.record(person("C1", china))
    assert china.refuse(verified(china), "C1").field == "document_kind"
    china.record(passport("PASS-1", china, years=1), "C1")
    expires = china.state("customer", "C1").documents[0].expires_on
    china.record(verified(china), "C1")
    china.today = expires - timedelta(days=10)
    china.project()
    rules = china.state("policies", "institution").documents(china.today)
    (wanted,) = document_register.due(china.log, china.today, rules, branch="B-1")
    assert (wanted.expires_on, wanted.state) == (expires, "expiring")
    china.today = expires + timedelta(days=1)
    assert china.refuse(verified(china), "C1").field == "document_kind"


def test_a_lost_passport_identifies_nobody(china):
    """Reported lost, a passport verifies nobody, though it has not run out; its successor does."""
    onboard(china, "C1")
    paper = {"kind": "passport", "number": "PASS-C1"}
    china.record(DocumentInvalidated(occurred_at=china.now, reason="lost", **paper), "C1")
    assert china.refuse(verified(china), "C1").rule == "document.invalidated"
    checked = DocumentVerified(occurred_at=china.now, method="chip", result="match", checked_by="T-1", **paper)
    assert china.refuse(checked, "C1").rule == "document.invalidated"
    again = DocumentInvalidated(occurred_at=china.now, reason="stolen", **paper)
    assert china.refuse(again, "C1").rule == "invalidated once"
    china.record(passport("PASS-NEW", china), "C1")
    china.record(verified(china), "C1")


def test_a_newer_document_takes_the_place(china):
    """A document is replaced by another one that was captured, never by itself or by one nobody has seen."""
    onboard(china, "C1")

    def replaced(by: str) -> DocumentSuperseded:
        return DocumentSuperseded(
            occurred_at=china.now, kind="passport", number="PASS-C1", by_kind="passport", by_number=by
        )

    assert china.refuse(replaced("PASS-NEW"), "C1").field == "by_number"
    assert china.refuse(replaced("PASS-C1"), "C1").rule == "another document"
    china.record(passport("PASS-NEW", china), "C1")
    china.record(replaced("PASS-NEW"), "C1")
    failed = VerificationFailed(
        occurred_at=china.now, kind="passport", number="PASS-9", method="chip", reason="no answer", reference="V1"
    )
    assert china.refuse(failed, "C1").rule == "captured in this file"


def test_kinds_of_documents_are_policy(china):
    """A household register identifies only the young, a licence no person, a passport no citizen, none too long."""
    china.record(person("C1", china))
    endless = {"issuing_country": "CHN", "expires_on": None, "no_expiry": True}
    register = passport("H-1", china, kind="household-register", **endless)
    assert china.refuse(register, "C1").rule == "age: holders younger than 17: RO285 art. 5(2)"
    licence = passport("L-1", china, kind="business-licence")
    assert "customer-type" in china.refuse(licence, "C1").rule
    assert "issuing-country" in china.refuse(passport("P-1", china, issuing_country="CHN"), "C1").rule
    assert china.refuse(passport("X-1", china, kind="library-card"), "C1").field == "kind"
    child = msgspec.structs.replace(
        person("C2", china), birth_date=china.today.replace(year=2015), names=SAMPLES["customer.name_changed"].names
    )
    china.record(child)
    china.record(register, "C2")


def test_without_published_rules_documents_are_not_limited(world):
    """A bank that has published no document rules takes what its branches capture, and suspends without grace."""
    world.record(person("C1", world))
    world.record(passport("X-1", world, kind="library-card", years=1), "C1")
    world.today += timedelta(days=400)
    world.record(ServiceSuspended(occurred_at=world.now), "C1")


def test_numbers_come_and_go(china):
    """A renewed passport, another country's of the same number, a company's new code: files go by ours."""
    onboard(china, "C1")
    china.record(passport("PASS-NEW", china), "C1")
    china.record(person("C2", china))
    china.record(passport("PASS-C1", china, issuing_country="FRA"), "C2")
    china.record(company("K1", china, registration_kind="organisation-code", registration_number="600037341"))
    unified = AttributeChanged(
        occurred_at=china.now, attribute="registration_number", now=COMPANY_NUMBER, effective_from=china.today
    )
    china.record(unified, "K1")
    china.project()
    found = {
        number: {one.state.customer for one in customer_profile.find(china.log, document=number)}
        for number in ("PASS-C1", "PASS-NEW")
    }
    assert found == {"PASS-C1": {"C1", "C2"}, "PASS-NEW": {"C1"}}
    assert china.events("customer", "K1")[0].registration_number == "600037341"
    assert china.state("customer", "K1").registered.registration_number == COMPANY_NUMBER
