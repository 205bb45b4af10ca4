"""Row 17: what is kept is complete and unaltered; a flipped byte or a removed event is named (准确、完整)."""

from __future__ import annotations

import json

import pytest
from fix_cli import Call, document
from fix_world_china import onboard, open_account, paid

from replay.findings import Kind


@pytest.fixture
def sealed(china):
    """A customer, an account and four payments, sealed and verified; the checkpoint is kept outside."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    for number in range(4):
        china.record(paid(china, f"T{number}", "A1", "10.00"))
    china.checkpoint = china.seal()
    assert china.verify(trusted=china.checkpoint).ok
    return china


def tampered(world, statement: str, version: int):
    """Do to a version of the account's postings what only a superuser can; the row as it was."""
    row = world.recorded("postings", "A1")[version - 1].row
    with world.unguarded() as superuser:
        where = " where lane = %s and position = %s"
        changed = superuser.execute(statement.encode() + where.encode(), (row.lane, row.position)).rowcount
    assert changed == 1
    return row


@pytest.mark.parametrize(
    ("column", "kind"),
    [("state", Kind.CIPHERTEXT_CHANGED), ("commitment", Kind.HASH_WRONG), ("context", Kind.HASH_WRONG)],
)
def test_one_flipped_byte(sealed, call: Call, column: str, kind: Kind):
    """One byte of one payment differs: the verification names that payment first, and the command fails."""
    change = f"update kyc.event set {column} = set_byte({column}, 20, get_byte({column}, 20) # 1)"
    row = tampered(sealed, change, 3)
    first = sealed.verify().findings[0]
    place = first.place
    assert (first.kind, place.stream, place.version, place.lane, place.position) == (
        kind, row.stream_id, 3, row.lane, row.position,
    )  # fmt: skip
    code, said, _ = call("--json", "verify", "--keyless")
    told = json.loads(said)["findings"][0]
    assert (code, told["version"], told["position"]) == (10, 3, row.position)


def test_one_removed_event(sealed):
    """One payment is gone: the first bad position is the hole it left."""
    row = tampered(sealed, "delete from kyc.event", 2)
    first = sealed.verify().findings[0]
    assert (first.kind, first.place.lane, first.place.position) == (Kind.POSITION_MISSING, row.lane, row.position)


def test_the_newest_event_cut_off(sealed):
    """The last payment is gone, which no chain can show: the sealed log still counts it."""
    row = tampered(sealed, "delete from kyc.event", 4)
    found = [one for one in sealed.verify().findings if one.kind is Kind.SEALED_MISSING]
    assert (found[0].place.lane, found[0].place.position) == (row.lane, row.position)


def test_untouched_it_verifies(sealed, call: Call):
    """Nobody touched anything: verified, and every payment opens its commitment."""
    told = document(call("--json", "verify"))
    assert told["ok"] is True
    assert told["counts"]["events"] == sum(sealed.log.reader.positions().values())
