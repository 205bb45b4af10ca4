"""Row 19: what was noticed, who looked at it, what was reported and what was not, with the reasons."""

from __future__ import annotations

import zipfile
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from fix_cli import Call, document
from fix_samples import SAMPLES
from fix_world_china import onboard, open_account, paid

from kyc.domain.customer import NameChanged
from kyc.domain.monitoring import (
    AlertDismissed,
    AlertEscalated,
    AlertRaised,
    CaseClosed,
    CaseCustomerAdded,
    CaseNoteAdded,
    CaseOpened,
    FiuInfoProvided,
    FiuInfoRequested,
    FollowUpDue,
    LargeValueDetected,
    ReportAcknowledged,
    ReportFiled,
    StrConfirmed,
)
from kyc.domain.values import Name
from replay import verifier


@pytest.fixture
def bank(china):
    """Two customers, an alert on the first, a case."""
    onboard(china, "C1")
    onboard(china, "C2")
    china.record(alert(china, "L1"))
    china.record(CaseOpened(occurred_at=china.now, case="K1", customers=("C1",), trigger="model", alerts=("L1",)))
    return china


def alert(world, number: str, *customers: str) -> AlertRaised:
    """An alert of a rule."""
    return AlertRaised(
        occurred_at=world.now, alert=number, customers=customers or ("C1",), rule="fan-in", rule_version="3"
    )


def confirmed(world, **fields) -> StrConfirmed:
    """The confirmation by a second person."""
    values = {"confirmer": "M-1", "subjects": ("C1",), "behaviour": "many in, one out", "analysis": "layering"}
    return StrConfirmed(occurred_at=world.now, case="K1", **values | fields)


def filed(world, number: str = "R1", **fields) -> ReportFiled:
    """A suspicious report from the case."""
    values = {
        "kind": "suspicious", "case": "K1", "customers": ("C1",), "reporting_institution": "BANK",
        "preparer": "A-1", "filed_on": world.today, "digest": "ab" * 32,
    }  # fmt: skip
    return ReportFiled(occurred_at=world.now, report=number, **values | fields)


def closed(world, outcome: str) -> CaseClosed:
    """The end of the case."""
    return CaseClosed(occurred_at=world.now, case="K1", outcome=outcome, reason="because")


def test_from_alert_to_report(bank):
    """Escalated, confirmed by a second person, reported, followed up; the customer's file knows nothing of it."""
    file = bank.topics("customer", "C1")
    bank.record(AlertEscalated(occurred_at=bank.now, alert="L1", case="K1"))
    again = AlertDismissed(occurred_at=bank.now, alert="L1", reason="x", reviewer="M-1")
    assert bank.refuse(again).rule == "dismissed or escalated once"
    assert bank.refuse(filed(bank)).rule == "case.str_confirmed"
    assert bank.refuse(confirmed(bank), actor="M-1").rule == "two people"
    assert bank.refuse(confirmed(bank, subjects=("C2",))).rule == "customers of the case"
    bank.record(CaseCustomerAdded(occurred_at=bank.now, case="K1", customer="C2", reason="payee"))
    bank.record(confirmed(bank, subjects=("C1", "C2")))
    bank.record(filed(bank))
    bank.record(ReportAcknowledged(occurred_at=bank.now, report="R1", accepted=True))
    bank.record(FollowUpDue(occurred_at=bank.now, report="R1", due=date(2026, 6, 2)))
    large = filed(bank, "R2", kind="large-value", case="", follows="R1")
    assert bank.refuse(large).rule == "kind"
    bank.record(filed(bank, "R2", follows="R1"))
    assert bank.refuse(closed(bank, "not-reported")).field == "outcome"
    bank.record(closed(bank, "reported"))
    assert bank.topics("customer", "C1") == file


def test_not_reported_is_a_record_too(bank):
    """A dismissed alert and a case without a report keep their reasons, by two people."""
    dismissed = AlertDismissed(occurred_at=bank.now, alert="L1", reason="salary", reviewer="M-1")
    assert bank.refuse(dismissed, actor="M-1").rule == "two people"
    bank.record(dismissed)
    assert bank.refuse(closed(bank, "reported")).field == "outcome"
    bank.record(closed(bank, "not-reported"))
    late = CaseNoteAdded(occurred_at=bank.now, case="K1", note="late thought")
    assert bank.refuse(late).remedy == "open a new case"
    bank.record(alert(bank, "L2"))
    assert bank.refuse(AlertEscalated(occurred_at=bank.now, alert="L2", case="K1")).rule == "an open case"


def test_the_unit_asks(bank):
    """A case with an unanswered request of the unit is not closed."""
    bank.record(
        FiuInfoRequested(occurred_at=bank.now, case="K1", reference="Q1", due=date(2026, 3, 9), demand="more")
    )
    assert bank.refuse(closed(bank, "not-reported")).rule == "answered before it is closed"
    other = FiuInfoProvided(occurred_at=bank.now, case="K1", reference="Q9", digest="ab" * 32)
    assert bank.refuse(other).rule == "an open request"
    bank.record(FiuInfoProvided(occurred_at=bank.now, case="K1", reference="Q1", digest="ab" * 32))
    bank.record(closed(bank, "not-reported"))


def test_reports_and_alerts_concern_customers_of_ours(bank):
    """An alert, a case or an aggregate names registered customers; a suspicious report names its case."""
    assert bank.refuse(alert(bank, "L9", "C9")).rule == "the customer is registered"
    assert bank.refuse(filed(bank, case="")).field == "case"
    sample = SAMPLES["large_value.detected"]
    assert isinstance(sample, LargeValueDetected)
    detected = msgspec.structs.replace(
        sample, occurred_at=bank.now, customer="C1", equivalents=(), without_file=False
    )  # fmt: skip
    bank.record(detected)
    assert bank.topics("large-value", "C1") == ["large_value.detected"]
    assert bank.refuse(msgspec.structs.replace(detected, customer="C9")).rule == "the customer is registered"
    bank.record(msgspec.structs.replace(detected, customer="O1", without_file=True))  # of one-off business


def test_a_case_goes_to_the_prosecutor(bank, call: Call, tmp_path: Path):
    """The investigator sees the customer as on any day; the binder of the case proves itself to somebody else."""
    open_account(bank, "A1", "C1")
    bank.record(paid(bank, "T1", "A1", "9000.00"))
    first = bank.now + timedelta(seconds=1)
    bank.today += timedelta(days=3)
    renamed = NameChanged(
        occurred_at=bank.now, names=(Name(text="Somebody Else"),), evidence="deed", effective_from=bank.today
    )
    bank.record(renamed, "C1")
    bank.seal()
    then = call("customer", "show", "C1", "--as-of", first.isoformat())[1]
    assert "Person C1" in then
    assert "Somebody Else" in call("customer", "show", "C1")[1]

    out = tmp_path / "k1.zip"
    said = document(call("--json", "export", "--case", "K1", "--recipient", "procuratorate", "--out", str(out)))
    assert (said["customers"], said["accounts"]) == (["C1"], ["A1"])
    verdict = verifier.verify(str(out), [said["log_key"]], [said["export_fingerprint"]])
    assert verdict.anchored
    with zipfile.ZipFile(out) as binder:
        largest = max(binder.infolist(), key=lambda member: member.compress_size)
    raw = bytearray(out.read_bytes())
    raw[largest.header_offset + 30 + len(largest.filename) + largest.compress_size // 2] ^= 1  # within its content
    out.write_bytes(raw)
    with pytest.raises(verifier.Refused):
        verifier.verify(str(out), [said["log_key"]], [said["export_fingerprint"]])
