"""Row 26: a unit's account may be queried under a regulation, but is frozen only under a law (CBL art. 30)."""

from __future__ import annotations

from fix_world_china import accepted, order

from kyc.domain.authority import LegalBasis

REGULATION = {
    "organ": "market-regulator", "approval": 3, "bases": (LegalBasis(instrument="企业信息公示暂行条例"),),
}  # fmt: skip


def test_query_passes_freeze_fails(china):
    """The same organ and basis: a query about a company passes, about a person or to freeze it fails."""
    china.record(order(china, "O1", subject="organisation", **REGULATION))
    china.record(accepted(china, "O1"))
    assert china.state("order", "O1").status == "accepted"
    china.record(order(china, "O2", subject="organisation", action="freeze", **REGULATION))
    assert china.refuse(accepted(china, "O2")).rule == "no-right, basis-rank"
    china.record(order(china, "O3", subject="natural", **REGULATION))
    assert china.refuse(accepted(china, "O3")).rule == "no-right, basis-rank"


def test_other_instruments_count_for_nothing(china):
    """A notice of a ministry is neither law nor regulation."""
    notice = (LegalBasis(instrument="A notice"),)
    china.record(order(china, "O1", subject="organisation", organ="market-regulator", approval=3, bases=notice))
    assert china.refuse(accepted(china, "O1")).rule == "basis-unknown, basis-rank"
