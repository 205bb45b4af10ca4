"""Conduct: too many looks, too many refusals, odd hours, marked files, emergencies; across processes."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from fix_world_china import publish
from fix_world_gate import actor, ask, refused, ticket

from kyc.access.gate import Gate
from kyc.domain.access_log import BreakGlassUsed, OperatorDeclared
from kyc.domain.access_rules import shipped_matrix
from kyc.domain.service_ticket import CustomerUnwatched, CustomerWatched


def flags(bank, operator: str = "T-1") -> list[tuple[str, int]]:
    """What a supervisor was told of somebody."""
    return [(one.kind, one.count) for one in bank.events("operator", operator) if hasattr(one, "count")]


@pytest.fixture
def strict(bank):
    """Head office published an edition in which four looks an hour are told and six are enough."""
    text = shipped_matrix().text.replace("count = 100", "count = 4").replace("count = 300", "count = 6")
    publish(bank, "access", text.replace("count = 10\n", "count = 3\n"), start=date(2026, 1, 1))
    ticket(bank)
    return bank


def test_a_teller_who_looks_too_often_is_told_of_and_stopped(strict):
    """Two processes share the count, which is the log's: the fourth look is told, the seventh refused."""
    doors = [Gate(strict.log, ZoneInfo("UTC")) for _ in range(2)]
    for at in range(6):
        assert flags(strict) == ([("bulk-read", 4)] if at >= 4 else [])
        doors[at % 2].admit(ask(actor("teller")))
    assert refused(doors[0], ask(actor("teller"))).code == "not-found-out"
    assert flags(strict) == [("bulk-read", 4)]
    assert strict.events("access", "C1")[0].policy.startswith("1:")
    strict.later(minutes=61)
    doors[1].admit(ask(actor("teller")))
    assert flags(strict) == [("bulk-read", 4)]


def test_shipped_limits_are_a_hundred_looks_an_hour():
    """The data say what the rules ask for: at the hundredth look within an hour a supervisor is told."""
    told = {(one.kind, one.count, one.minutes, one.effect) for one in shipped_matrix().limits["teller"]}
    assert ("bulk-read", 100, 60, "flag") in told


def test_repeated_refusals_are_told(strict):
    """The third refusal within half an hour is told, once; a permitted look between does not hide it."""
    door = Gate(strict.log, ZoneInfo("UTC"))
    for number in ("C2", "C99"):
        refused(door, ask(actor("teller"), number))
    door.admit(ask(actor("teller")))
    assert flags(strict) == []
    for _ in range(2):
        refused(door, ask(actor("teller"), "C2"))
    assert flags(strict) == [("repeated-denial", 3)]


def test_marked_files_own_files_and_relatives(bank, gate):
    """A look at a marked file or a relative's is told each time; one's own is refused and told."""
    ticket(bank)
    ticket(bank, "S2", "C2")
    bank.record(CustomerWatched(occurred_at=bank.now, customer="C1", why="vip", reason="minister"), branch="HQ")
    for _ in range(2):
        gate.admit(ask(actor("teller")))
    assert flags(bank) == [("vip", 1)] * 2
    bank.record(CustomerUnwatched(occurred_at=bank.now, customer="C1", reason="retired"), branch="HQ")
    gate.admit(ask(actor("teller")))
    declared = OperatorDeclared(
        occurred_at=bank.now, operator="T-1", own=("C2",), relatives=("C1",), approver="M-1"
    )
    bank.record(declared)
    gate.admit(ask(actor("teller")))
    assert refused(gate, ask(actor("teller"), "C2", ticket="S2")).code == "not-own-record"
    assert flags(bank)[2:] == [("relative", 1), ("own-record", 1)]


def test_odd_hours_are_told_once_an_hour(bank, gate):
    """At five in the morning a look is told, the second within the hour is not."""
    bank.later(hours=19)
    ticket(bank)
    for _ in range(2):
        gate.admit(ask(actor("teller")))
    assert flags(bank) == [("off-hours", 1)]


def test_an_emergency_opens_for_hours_and_is_told(bank, gate):
    """A manager without a ticket sees nothing; in a declared emergency the file, told to a supervisor."""
    question = ask(actor("branch-manager", "M-1"), purpose="supervision", ticket="")
    refused(gate, question)
    bank.record(
        BreakGlassUsed(
            occurred_at=bank.now, operator="M-1", use="U1", reason="system down", until=bank.now.replace(hour=12)
        ), actor="M-1",
    )  # fmt: skip
    assert gate.admit(question).show({"email": "a@b.c"}) == {"email": "a@b.c"}
    assert flags(bank, "M-1") == [("vip", 1)]
    bank.later(hours=2)
    refused(gate, question)


def test_reading_the_access_log_is_logged(bank, gate):
    """Whoever reads who looked at a customer stands there too; who reads an operator's conduct."""
    from fix_world_gate import grant

    from kyc.domain.submission import StreamName

    grant(bank, "A-1", "auditor")
    look = ask(
        actor("auditor", "A-1"), action="audit", subject=StreamName("access", "C1"), purpose="audit",
        legal_basis="engagement-2026", ticket="",
    )  # fmt: skip
    assert gate.admit(look).allows("access_log")
    (read,) = bank.events("access", "C1")
    assert (read.about, read.operator, read.action) == ("access", "A-1", "audit")
    gate.admit(ask(
        actor("auditor", "A-1"), action="audit", subject=StreamName("operator", "T-1"), purpose="audit",
        legal_basis="engagement-2026", ticket="",
    ))  # fmt: skip
    assert [one.about for one in bank.events("lookups", "A-1") if hasattr(one, "about")] == ["operator T-1"]
