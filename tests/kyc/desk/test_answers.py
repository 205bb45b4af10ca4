"""Answering: exactly the scope leaves, proved and signed, with an entry in every register before it is there."""

from __future__ import annotations

import json
import zipfile
from hashlib import sha256

import pytest
from fix_world_china import accepted, order, paid

from kyc import sealing
from kyc.desk.answers import AnswerDesk
from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.authority import DataDisclosed
from kyc.errors import AccessDeniedError, RefusedError
from replay.renderings import Form

PLAIN = Form(tables=False, report=False)


@pytest.fixture
def desk(service, clerk) -> AnswerDesk:
    """The desk, with T-1 at it."""
    return AnswerDesk(service, clerk)


def asked(desk, world, number: str = "O1", **fields) -> None:
    """An accepted query for the transactions of one account."""
    values = {"customer": "C1", "accounts": ("A2",), "scope": ("transactions",)} | fields
    world.record(order(world, number, **values))
    world.record(accepted(world, number))
    sealing.now(desk.service)


def test_exactly_what_is_named(house, desk, tmp_path):
    """Movements of the named account, no file of the customer, no other account; registers name the manifest."""
    house.record(paid(house, "T1", "A1", "1.00"))
    house.record(paid(house, "T2", "A2", "2.00"))
    asked(desk, house)
    out = tmp_path / "o1.zip"
    written = desk.answer("O1", out, form=PLAIN)
    with zipfile.ZipFile(out) as box:
        manifest = box.read("manifest.json")
        text = b"".join(box.read(name) for name in box.namelist() if name.endswith((".ndjson", ".json")))
    assert sha256(manifest).hexdigest() == written.manifest
    assert json.loads(manifest)["scope"]["accounts"] == ["A2"]
    assert b'"T2"' in text
    assert b'"T1"' not in text
    assert b"PASS-C1" not in text
    given = [one for one in house.events("order", "O1") if isinstance(one, DataDisclosed)]
    assert [(one.fields, one.digest) for one in given] == [(("transactions",), written.manifest)]
    for customer in ("C1", "C2"):
        (entry,) = [one for one in house.events("access", customer) if isinstance(one, DisclosureRecorded)]
        assert (entry.recipient, entry.order, entry.digest) == ("court", "O1", written.manifest)


def test_no_record_no_bundle(house, desk, tmp_path, monkeypatch):
    """Where the registers cannot be written nothing is there to be taken."""
    asked(desk, house, customer="", accounts=("A1",))

    def fail(*_: object, **__: object) -> None:
        raise RefusedError("no room")

    monkeypatch.setattr(AnswerDesk, "record", fail)
    with pytest.raises(RefusedError):
        desk.answer("O1", tmp_path / "o1.zip", form=PLAIN)
    assert not (tmp_path / "o1.zip").exists()


def test_not_before_it_is_accepted(house, desk, tmp_path):
    """An order that waits, an order to freeze and a foreign request are not answered."""
    house.record(order(house, "O1", customer="C1", scope=("identity",)))
    with pytest.raises(AccessDeniedError):
        desk.answer("O1", tmp_path / "o1.zip")
    asked(desk, house, "O2", action="freeze")
    with pytest.raises(RefusedError) as caught:
        desk.answer("O2", tmp_path / "o2.zip")
    assert caught.value.rule == "an accepted query"
    assert not list(tmp_path.glob("o*.zip"))
