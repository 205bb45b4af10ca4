"""Row 8: outdated data is superseded, never overwritten; a correction shows what was wrong (清理无效信息)."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest
from fix_samples import HOME
from fix_service_reads import AML, TELLER, Bank
from fix_world_china import onboard
from psycopg import errors

from kyc.domain.access_log import AccessDenied
from kyc.domain.customer import AddressChanged, AttributeChanged, AttributeCorrected
from kyc.domain.disposal import DisposalProposed
from kyc.domain.event import RecordClass
from kyc.domain.values import Address
from replay import history


def test_an_earlier_address_stays_readable(china):
    """After she moved, her file says where she lives now, and as of the day before where she lived then."""
    onboard(china, "C1")
    before = china.now
    china.today = date(2026, 3, 9)
    new = Address(lines=("9 New Road",), country="CHN")
    china.record(AddressChanged(occurred_at=china.now, addresses=(new,), effective_from=date(2026, 3, 1)), "C1")
    known = history.customer(china.log, "C1", before).customer
    assert (known.then.addresses, known.now.addresses) == ((HOME,), (new,))


def test_nothing_is_deleted_before_its_day(china):
    """Outdated or not: disposal before the deadline is refused, and so is a plain delete by the service."""
    onboard(china, "C1")
    proposal = DisposalProposed(
        occurred_at=china.now, subject="customer/C1", disposal="X1", record_class=RecordClass.IDENTITY,
        policies=("CN-ID-25",), earliest=date(2036, 3, 2), proposer="R-1",
    )  # fmt: skip
    assert china.refuse(proposal, actor="R-1").rule == "not after today"
    with psycopg.connect(china.log.database.dsn, autocommit=True) as service:
        service.execute("set role kyc_service")
        with pytest.raises(errors.InsufficientPrivilege):
            service.execute("delete from kyc.event")
        service.execute("reset role")
        with pytest.raises(psycopg.Error, match="append-only"):
            service.execute("delete from kyc.event")
    assert len(china.events("customer", "C1")) == 4


def test_who_would_delete_is_on_record(served: Bank):
    """Nobody proposes a disposal without the right, and asking is on record; an officer finds nothing due."""
    retention = AML | {"kyc-purpose": "retention", "kyc-ticket": ""}
    wanted = {"batch": "D1", "subject": "customer/C1"}
    with served.client("teller", TELLER, sub="T-1") as teller:
        assert teller.post("/v1/disposals", json=wanted).status_code == 403
    with served.client("compliance", retention, sub="I-9") as nobody:
        assert nobody.post("/v1/disposals", json=wanted).status_code == 403
    (refusal,) = [one for one in served.events("refusals", "I-9") if isinstance(one, AccessDenied)]
    assert refusal.action == "propose-disposal"
    with served.client("compliance", retention) as officer:
        answer = officer.post("/v1/disposals", json=wanted)
    assert (answer.status_code, answer.json()["disposals"]) == (200, 0)
    assert served.events("retention", "customer/C1") == []
    assert len(served.events("customer", "C1")) >= 4


def test_a_correction_names_what_was_wrong(china):
    """A wrong date of birth is corrected by two people against the passport; both values stay in the stream."""
    onboard(china, "C1")
    correction = AttributeCorrected(
        occurred_at=china.now, target=1, attribute="birth_date", was="1990-05-17", now="1990-05-11",
        reason="typing error", evidence="passport", approver="HQ-2",
    )  # fmt: skip
    china.record(correction, "C1")
    assert china.state("customer", "C1").registered.birth_date == date(1990, 5, 11)
    assert [event.TOPIC for event in china.events("customer", "C1")].count("customer.registered") == 1
    assert china.refuse(correction, "C1").field == "was"


def test_the_world_changes_too(china):
    """A new occupation is no correction: the world changed from a day on."""
    onboard(china, "C1", occupation="baker")
    china.record(
        AttributeChanged(
            occurred_at=china.now, attribute="occupation", now="cook", effective_from=date(2026, 3, 1)
        ),
        "C1",
    )
    assert china.state("customer", "C1").registered.occupation == "cook"
    assert china.events("customer", "C1")[0].occupation == "baker"
