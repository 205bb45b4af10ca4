"""Row 30: whoever looks is on record; rights are given by others; emergencies are looked at next day."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
from fix_samples import SAMPLES
from fix_world_china import onboard
from fix_world_gate import actor, ask, refused, ticket

from kyc.access.gate import Gate
from kyc.domain.access_log import (
    AccessDenied,
    AccessGranted,
    AccessRevoked,
    BreakGlassReviewed,
    OperatorDeclared,
    RecordRead,
)


def test_reads_and_refusals_stand_in_a_log_of_their_own(china):
    """A read is an event beside the customer's file, a refusal one of who asked, whoever is registered."""
    onboard(china, "C1")
    before = len(china.events("customer", "C1"))
    china.record(RecordRead(occurred_at=china.now, customer="C1", fields=("names",), reason="serving", ticket="S1"))
    for number in ("C1", "C9"):
        china.record(
            AccessDenied(
                occurred_at=china.now, operator="T-1", customer=number, fields=("names",), code="no-ticket"
            )
        )  # fmt: skip
    assert china.topics("access", "C1") == ["access.read"]
    assert [event.customer for event in china.events("refusals", "T-1")] == ["C1", "C9"]
    assert len(china.events("customer", "C1")) == before
    assert china.events("access", "C1")[0].period() == "2026"


def test_nobody_grants_themselves(world):
    """A right is given by somebody else, for a time, once, and taken back once."""
    granted = AccessGranted(
        occurred_at=world.now, operator="T-1", grant="G1", role="teller", until=world.now + timedelta(days=1),
        approver="M-1",
    )  # fmt: skip
    assert world.refuse(msgspec.structs.replace(granted, approver="T-1"), actor="M-2").rule == "two people"
    assert world.refuse(granted, actor="T-1").rule == "two people"
    assert world.refuse(msgspec.structs.replace(granted, until=world.now)).rule == "after occurred_at"
    world.record(granted, actor="M-2")
    assert world.refuse(granted, actor="M-2").rule == "unique for the operator"
    revoked = AccessRevoked(occurred_at=world.now, operator="T-1", grant="G1")
    world.record(revoked)
    assert world.refuse(revoked).rule == "granted before it is revoked"


def test_break_glass_is_reviewed_by_another(world):
    """An emergency access stays open until somebody else has looked at it."""
    used = msgspec.structs.replace(
        SAMPLES["access.break_glass_used"], occurred_at=world.now, operator="T-1", use="U1",
        until=world.now + timedelta(hours=1),
    )  # fmt: skip
    world.record(used)
    reviewed = BreakGlassReviewed(occurred_at=world.now, operator="T-1", use="U1", finding="justified")
    assert world.refuse(reviewed, actor="T-1").rule == "two people"
    world.record(reviewed, actor="M-1")
    assert world.refuse(reviewed, actor="M-1").rule == "used and not reviewed"


def test_no_look_without_the_customers_own_business(china):
    """No ticket, no look; with one, until it runs out; a relative's file is told to a supervisor."""
    for number in ("C1", "C2"):
        onboard(china, number)
    gate = Gate(china.log, ZoneInfo("UTC"))
    assert refused(gate, ask(actor("teller"))).code == "ticket-open"
    ticket(china)
    ticket(china, "S2", "C2")
    china.record(
        OperatorDeclared(occurred_at=china.now, operator="T-1", own=("C2",), relatives=("C1",), approver="M-1")
    )
    gate.admit(ask(actor("teller")))
    assert refused(gate, ask(actor("teller"), "C2", ticket="S2")).code == "not-own-record"
    flags = [event.kind for event in china.events("operator", "T-1") if event.TOPIC == "access.anomaly_flagged"]
    assert flags == ["relative", "own-record"]
    china.later(hours=8)
    refused(gate, ask(actor("teller")))
    assert [event.code for event in china.events("refusals", "T-1")] == [
        "ticket-open", "not-own-record", "ticket-open",
    ]  # fmt: skip
