"""Row 25: savings of individuals are secret; only a law breaks that, and only for organs that have the right."""

from __future__ import annotations

from fix_world_china import accepted, order

from kyc.domain.authority import LegalBasis


def test_an_administrative_regulation_is_not_enough(china):
    """An order against an individual that names only a regulation is refused for its rank."""
    regulation = (LegalBasis(instrument="个人存款账户实名制规定"),)
    china.record(order(china, "O1", bases=regulation))
    assert china.refuse(accepted(china, "O1")).rule == "basis-rank"


def test_an_organ_without_a_right(china):
    """An organ that no published rule gives a right to gets nothing, with whatever papers."""
    china.record(order(china, "O1", organ="housing-bureau", level=5))
    assert china.refuse(accepted(china, "O1")).rule == "no-right"


def test_the_shipped_table_holds_without_publication(world):
    """Where head office has published nothing, the shipped table decides, and refuses whom it does not name."""
    world.record(order(world, "O1"))
    world.record(accepted(world, "O1"))
    world.record(order(world, "O2", organ="housing-bureau"))
    assert world.refuse(accepted(world, "O2")).rule == "no-right"
