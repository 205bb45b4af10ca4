"""Row 28: what leaves the house is on record, and nothing leaves without a law or a consent."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from fix_cli import Call, document
from fix_world_china import accepted, onboard, open_account, order

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


def test_what_leaves_is_in_the_register(china, call: Call, tmp_path: Path):
    """An order is answered: recipient, purpose and the digest of what left are on record. Refused, nothing left."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    china.record(order(china, "O1", customer="C1", scope=("identity", "transactions")))
    china.seal()
    answer = ("--order", "O1", "--recipient", "court", "--permitted-purpose", "case 7")
    refused = call("export", *answer, "--out", str(tmp_path / "early"))
    assert refused[0] == 2
    assert "not accepted" in refused[2]
    assert not (tmp_path / "early").exists()
    assert china.events("operations", "export") == []
    china.record(accepted(china, "O1"))
    china.seal()
    said = document(call("--json", "export", *answer, "--out", str(tmp_path / "answer")))
    (left,) = china.events("operations", "export")
    assert (left.recipient, left.permitted_purpose, left.manifest) == ("court", "case 7", said["manifest"])
    assert sha256((tmp_path / "answer" / "manifest.json").read_bytes()).hexdigest() == left.manifest
    china.project()
    (entry,) = document(call("--json", "disclosures", "--digest", left.manifest))["disclosures"]
    assert (entry["kind"], entry["said"]["recipient"], entry["said"]["permitted_purpose"]) == (
        "export", "court", "case 7",
    )  # fmt: skip
    assert "court" in call("disclosures", "--recipient", "court")[1]
    assert call("disclosures", "--recipient", "shop")[1] == "nothing left\n"
