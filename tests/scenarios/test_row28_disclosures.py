"""Rows 28 and 29: what leaves the house is on record; partners get listed fields under a separate consent."""

from __future__ import annotations

from fix_world_china import accepted, onboard, order

from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.privacy import ConsentGiven, ConsentWithdrawn


def disclosed(world, **fields) -> DisclosureRecorded:
    """A disclosure of a name to a partner."""
    values = {
        "occurred_at": world.now, "customer": "C1", "recipient": "shop", "kind": "partner", "fields": ("name",),
        "permitted_purpose": "payment", "digest": "ab" * 32,
    }  # fmt: skip
    return DisclosureRecorded(**values | fields)


def test_a_partner_gets_what_is_listed_and_agreed(china):
    """Without consent nothing, with it the listed fields only, after withdrawal nothing again."""
    onboard(china, "C1")
    assert china.refuse(disclosed(china)).rule == "PIPL art. 23"
    china.record(
        ConsentGiven(occurred_at=china.now, purpose="share:shop", separate=True, method="app", notice="notice/3"),
        "C1",
    )
    china.record(disclosed(china))
    assert china.refuse(disclosed(china, fields=("name", "income"))).rule == "the published allowance"
    china.record(ConsentWithdrawn(occurred_at=china.now, purpose="share:shop", method="app"), "C1")
    assert china.refuse(disclosed(china)).rule == "PIPL art. 23"
    assert china.topics("access", "C1") == ["access.disclosed"]


def test_an_authority_gets_what_its_order_names(china):
    """To an authority nothing leaves without an accepted order, and no field it does not name."""
    onboard(china, "C1")
    answer = {"recipient": "court", "kind": "authority", "fields": ("names",)}
    assert china.refuse(disclosed(china, **answer)).rule == "order.accepted"
    china.record(order(china, "O1"))
    assert china.refuse(disclosed(china, order="O1", **answer)).rule == "order.accepted"
    china.record(accepted(china, "O1"))
    china.record(disclosed(china, order="O1", **answer))
    more = disclosed(china, order="O1", **answer | {"fields": ("names", "phone")})
    assert china.refuse(more).rule == "the order's scope"
    assert china.refuse(disclosed(china, customer="C9")).rule == "the customer is registered"
