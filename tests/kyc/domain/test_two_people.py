"""Two people, tickets and declarations: what one person alone may not do, and what a ticket is not."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from fix_world_china import onboard

from kyc.domain.access_log import OperatorDeclared, RecordRead
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
