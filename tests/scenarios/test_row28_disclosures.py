"""Row 28: what leaves the house is on record, and nothing leaves without a law or a consent."""

from __future__ import annotations

from fix_world_china import accepted, onboard, order

from kyc.domain.access_log import DisclosureRecorded


def disclosed(world, **fields) -> DisclosureRecorded:
    """A disclosure of a name to a partner."""
    values = {
        "occurred_at": world.now, "customer": "C1", "recipient": "shop", "kind": "partner", "fields": ("name",),
        "permitted_purpose": "payment", "digest": "ab" * 32,
    }  # fmt: skip
    return DisclosureRecorded(**values | fields)


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
