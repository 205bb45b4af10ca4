"""Row 4: one list of all customers at head office, and of each branch its own part (客户一览表)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from fix_world_china import company, onboard, passport, person
from fix_world_gate import actor, ask, grant, refused

from kyc.access.gate import Gate
from kyc.domain.life import BranchTransferred
from kyc.domain.values import Name
from projections import customer_profile


def listed(world, branch: str) -> set[str]:
    """The numbers of the customers a branch looks after."""
    return {found.state.customer for found in customer_profile.of_branch(world.log, branch)}


def test_each_branch_has_its_part_of_the_list(china):
    """What two branches registered stands in two lists; head office finds everybody, whoever registered them."""
    onboard(china, "C1")
    china.record(person("C2", china), branch="B-2")
    china.record(company("K1", china), branch="B-2")
    china.record(passport("PASS-C2", china), "C2", branch="B-2")
    china.project()
    assert listed(china, "B-1") == {"C1"}
    assert listed(china, "B-2") == {"C2", "K1"}
    assert listed(china, "B-3") == set()
    for given in ({"number": "C2"}, {"document": "pass-c2"}, {"name": "person c2"}):
        (found,) = customer_profile.find(china.log, **given)
        assert (found.state.customer, found.branch) == ("C2", "B-2")


def test_a_customer_moves_to_another_branch(china):
    """Another branch looks after her now: she leaves one list, enters the other, and her history stays."""
    onboard(china, "C1")
    china.record(BranchTransferred(occurred_at=china.now, to="B-2", reason="moved house"), "C1", branch="HQ")
    china.project()
    assert (listed(china, "B-1"), listed(china, "B-2")) == (set(), {"C1"})
    assert {one.context.branch for one in china.recorded("customer", "C1")} == {"B-1", "HQ"}


@pytest.mark.parametrize(
    ("printed", "asked"),
    [
        ("买买提·艾力", "买买提·艾力"),
        ("\U00020bb7田 一", "\U00020bb7田  一"),  # a character beyond the basic plane
        ("Jose\u0301 Ｎunez", "JOSÉ nunez"),  # a combining accent and a full-width letter
        ("Straße", "STRASSE"),
    ],
)
def test_found_however_it_is_written(china, printed: str, asked: str):
    """Rare characters, accents, widths: she is found however it is typed, and her file says what was printed."""
    onboard(china, "C1", names=(Name(text=printed, script="Hans"), Name(text="Maimaiti Aili", kind="romanised")))
    china.project()
    for given in (asked, "maimaiti  AILI"):
        (found,) = customer_profile.find(china.log, name=given)
        assert found.state.names[0].text == printed
    assert china.events("customer", "C1")[0].names[0].text.encode() == printed.encode()


def test_a_branch_is_refused_another_branchs_list(china):
    """A manager's list is the branch's own; with somebody of another branch on it."""
    onboard(china, "C1")
    china.record(person("C2", china), branch="B-2")
    gate = Gate(china.log, ZoneInfo("UTC"))
    own = ask(actor("branch-manager", "M-1"), subject=None, action="list", purpose="supervision", ticket="")
    assert gate.scope(own).branches == {"B-1"}
    gate.admit(own, ("C1",))
    assert refused(gate, own, ("C1", "C2")).code == "own-branch"
    grant(china, "HQ-5", "hq-operations")
    head = ask(
        actor("hq-operations", "HQ-5", branch="HQ"), subject=None, action="list", purpose="supervision", ticket=""
    )
    assert gate.scope(head).branches is None
    gate.admit(head, ("C1", "C2"))
    assert china.events("lookups", "HQ-5")[-1].customers == ("C1", "C2")
