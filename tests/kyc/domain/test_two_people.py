"""Two people, tickets and declarations: what one person alone may not do, and what a ticket is not."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from fix_world_china import onboard

from kyc.domain.access_log import AccessGranted, OperatorDeclared, RecordRead
from kyc.domain.disposal import DisposalApproved, DisposalProposed
from kyc.domain.event import RecordClass
from kyc.domain.operations import CustodyTransferred
from kyc.domain.service_ticket import TicketClosed, TicketOpened
from kyc.domain.two_people import are_two, two_people
from kyc.errors import RefusedError


def test_everybody_is_named_and_somebody_else():
    """One person under two spellings, nobody, or a third who is the first: refused, naming the field."""
    two_people("T-1", "T-2", "T-3")
    assert are_two("T-1", "T-2")
    for people in (("T-1", "T-1"), ("T-1", " t-1"), ("T-1", ""), ("", "T-1"), ("T-1", "T-2", "T-1")):
        assert not are_two(*people)
        with pytest.raises(RefusedError) as caught:
            two_people(*people, field="confirmer")
        assert (caught.value.field, caught.value.rule) == ("confirmer", "two people")


def test_nobody_confirms_what_they_declare(china):
    """Relations of an operator are confirmed by somebody else."""
    said = OperatorDeclared(occurred_at=china.now, operator="T-1", own=("C1",), approver="T-1")
    assert china.refuse(said).field == "approver"
    china.record(msgspec.structs.replace(said, approver="M-1"))
    assert china.state("operator", "T-1").own == ("C1",)


def test_rights_take_three_people(china):
    """Whoever gives a right, whoever approves it and whoever gets it are three; a right taken so stands."""
    given = AccessGranted(
        occurred_at=china.now, operator="I-1", grant="G1", role="investigator",
        until=china.now + timedelta(hours=1), approver="M-2",
    )  # fmt: skip
    for actor, approver in (("I-1", "M-2"), ("M-1", "M-1"), ("M-1", "I-1")):
        wrong = msgspec.structs.replace(given, approver=approver)
        assert china.refuse(wrong, actor=actor).rule == "two people"
    china.record(given, actor="M-1")
    assert china.state("operator", "I-1").grants == ("G1",)


def test_a_hand_over_has_a_witness(china):
    """Nobody witnesses their own hand-over of the records."""
    handed = CustodyTransferred(
        occurred_at=china.now, office="custody", receiver="bureau", reason="dissolution", manifest="ab" * 32,
        witness="A-9", streams=1,
    )  # fmt: skip
    assert china.refuse(handed, actor="A-9", branch="HQ").field == "witness"
    china.record(handed, actor="A-8", branch="HQ")


def test_a_disposal_is_decided_by_whoever_approves(china):
    """Nobody records the decision of another."""
    onboard(china, "C1")
    china.record(
        DisposalProposed(
            occurred_at=china.now, subject="customer/C1", disposal="D1", record_class=RecordClass.IDENTITY,
            proposer="R-1", earliest=china.today, policies=("CN-ID-25",),
        ), actor="R-1",
    )  # fmt: skip
    decided = DisposalApproved(occurred_at=china.now, subject="customer/C1", disposal="D1", approver="R-2")
    assert china.refuse(decided, actor="R-3").rule == "the actor"
    assert china.refuse(msgspec.structs.replace(decided, approver="R-1"), actor="R-1").rule == "two people"
    china.record(decided, actor="R-2")


def test_a_read_is_told_by_who_looked(china):
    """Nobody records a look in another's name; the count stands with who looked."""
    onboard(china, "C1")
    look = RecordRead(occurred_at=china.now, customer="C1", fields=("names",), reason="serving", operator="T-9")
    assert china.refuse(look, actor="T-1").field == "operator"
    china.record(look, actor="T-9")
    assert china.topics("lookups", "T-9") == ["access.looked_up"]


def test_a_ticket_is_for_a_day_at_the_branch_that_serves(china):
    """Too long, another branch's, already closed: refused."""
    onboard(china, "C1")
    opened = TicketOpened(
        occurred_at=china.now, ticket="S1", customer="C1", branch="B-1", business="update", trigger="call",
        until=china.now + timedelta(hours=25),
    )  # fmt: skip
    assert china.refuse(opened).field == "until"
    opened = msgspec.structs.replace(opened, until=china.now + timedelta(hours=24))
    assert china.refuse(opened, branch="B-2").field == "branch"
    china.record(opened)
    done = TicketClosed(occurred_at=china.now, ticket="S1")
    china.record(done)
    assert china.refuse(done).rule == "an open ticket"
