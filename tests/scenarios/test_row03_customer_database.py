"""Row 3: the customer database is built from the events, and built again from them alone (客户数据库)."""

from __future__ import annotations

import json

import msgspec
from fix_cli import Call, document
from fix_projections import digests
from fix_world_china import company, onboard, open_account, paid

from projections import customer_profile


def test_dropped_and_built_again_it_is_the_same(china, call: Call):
    """Somebody empties the customer database; replayed from the events it is the same, byte for byte."""
    for number in ("C1", "C2"):
        onboard(china, number)
        open_account(china, f"A-{number}", number)
    china.record(company("K1", china), branch="B-2")
    china.record(paid(china, "T1", "A-C1", "120.00"))
    engine = china.project()
    before = digests(engine)
    with china.unguarded() as superuser:
        (table,) = superuser.execute(
            "select 'kyc_read.' || tablename from pg_tables where tablename like 'customer_profile_b%'"
        ).fetchone()
        superuser.execute(f"truncate {table}")
    assert customer_profile.find(china.log, number="C1") == []

    code, said, _ = call("--json", "rebuild", "customer_profile")
    assert (code, json.loads(said)["equal"]) == (1, False), "what had been emptied is noticed"
    assert document(call("--json", "rebuild", "customer_profile"))["equal"] is True
    assert digests(engine) == before
    (found,) = customer_profile.find(china.log, number="C1")
    assert found.state.documents == china.state("customer", "C1").documents


def test_it_only_repeats_what_the_events_say(china):
    """Every field of a profile is the one that the customer's own events give when they are read again."""
    onboard(china, "C1", occupation="baker")
    china.project()
    (found,) = customer_profile.find(china.log, number="C1")
    assert msgspec.structs.asdict(found.state) == msgspec.structs.asdict(china.state("customer", "C1"))
