"""Row 4: one list of all customers at head office, and of each branch its own part (客户一览表)."""

from __future__ import annotations

import pytest
from fix_world_china import company, onboard, passport, person

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
