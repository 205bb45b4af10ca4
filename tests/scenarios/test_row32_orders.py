"""Row 32: courts and police see what a complete order names, after two people in the bank have looked at it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from fix_world_china import accepted, order

from kyc.domain.authority import (
    DataDisclosed,
    ForeignRequestApproved,
    ForeignRequestEscalated,
    ForeignRequestReceived,
    ForeignRequestRefused,
    Officer,
    OrderAccepted,
    OrderFulfilled,
    OrderRejected,
)

DEFECTS = {
    "one officer": ({"officers": (Officer(name="Zhao Yi", work_id="W-1"),)}, "officers"),
    "officer without identity card": (
        {"officers": (Officer(name="Zhao Yi", work_id="W-1"), Officer(name="Qian Er"))}, "officer-without-id",
    ),
    "township": ({"level": 1}, "organ-level"),
    "no notice": ({"papers": ()}, "paper-missing:assistance-notice"),
    "freeze without ruling": (
        {"action": "freeze", "papers": ()}, "paper-missing:assistance-notice, paper-missing:ruling",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(DEFECTS))
def test_defects_are_named(china, case: str):
    """An order with a defect is received, never accepted, and rejected with the reason's code."""
    changes, code = DEFECTS[case]
    china.record(order(china, "O1", **changes))
    assert china.refuse(accepted(china, "O1")).rule == code
    china.record(OrderRejected(occurred_at=china.now, order="O1", reasons=tuple(code.split(", "))))
    assert china.refuse(accepted(china, "O1")).rule in {code, "accepted or rejected once"}
    assert china.state("order", "O1").status == "rejected"


def test_two_people_and_the_scope(china):
    """The second person is neither the handler nor the one who submits; only the named fields leave."""
    china.record(order(china, "O1"))
    assert china.refuse(accepted(china, "O1"), actor="T-2").rule == "two people"
    own = OrderAccepted(occurred_at=china.now, order="O1", approver="T-1")
    assert china.refuse(own, actor="T-3").rule == "two people"
    disclosed = DataDisclosed(
        occurred_at=china.now, order="O1", recipient="court", fields=("names",), digest="ab" * 32
    )
    assert china.refuse(disclosed).rule == "order.accepted"
    china.record(accepted(china, "O1"))
    assert china.refuse(accepted(china, "O1")).rule == "accepted or rejected once"
    china.record(disclosed)
    more = DataDisclosed(
        occurred_at=china.now, order="O1", recipient="court", fields=("names", "phone"), digest="ab" * 32
    )
    assert china.refuse(more).rule == "the order's scope"
    china.record(OrderFulfilled(occurred_at=china.now, order="O1", result="answered"))
    assert china.refuse(disclosed).rule == "order.accepted"


def test_network_channel_with_registered_officers(china):
    """Over the courts' network, sealed, registered officers need no card; without the seal nothing goes."""
    officers = (Officer(name="Sun San", registered=True), Officer(name="Li Si", registered=True))
    china.record(order(china, "O1", officers=officers, channel="court-network", network=True))
    assert china.refuse(accepted(china, "O1")).rule == "seal"
    china.record(order(china, "O2", officers=officers, channel="court-network", network=True, sealed=True))
    china.record(accepted(china, "O2"))


def test_orders_that_cannot_be(china):
    """A period that ends before it begins, an amount without currency, a second order under one number."""
    assert china.refuse(order(china, "O1", since=date(2026, 2, 1), until=date(2026, 1, 1))).field == "until"
    assert china.refuse(order(china, "O1", amount=Decimal("1.00"))).rule == "both or neither"
    assert china.refuse(order(china, "O1", amount=Decimal("-1.00"), currency="CNY")).field == "amount"
    china.record(order(china, "O1"))
    assert china.refuse(order(china, "O1")).rule == "begun once"


def test_a_foreign_authority_gets_nothing_directly(china):
    """A foreign request is escalated and answered only as far as the authority at home allows, by two people."""
    for number in ("F1", "F2"):
        china.record(
            ForeignRequestReceived(
                occurred_at=china.now, order=number, authority="Foreign court", country="USA", demand="everything"
            )
        )
    assert china.refuse(accepted(china, "F1")).rule == "PIPL art. 41"
    china.record(ForeignRequestEscalated(occurred_at=china.now, order="F1", to="Ministry of Justice"))
    allowed = ForeignRequestApproved(
        occurred_at=china.now, order="F1", authority="Ministry", reference="M-7", fields=("names",), approver="T-2"
    )
    assert china.refuse(allowed, actor="T-2").rule == "two people"
    china.record(allowed)
    disclosed = DataDisclosed(
        occurred_at=china.now, order="F1", recipient="Ministry", fields=("names",), digest="ab" * 32
    )
    china.record(disclosed)
    china.record(ForeignRequestRefused(occurred_at=china.now, order="F2", reason="no approval"))
    china.record(order(china, "O1"))
    home = ForeignRequestRefused(occurred_at=china.now, order="O1", reason="x")
    assert china.refuse(home).rule == "order.foreign_received"
