"""Owners, agents and relatives: who stands behind a customer on any day, and whom a person stands behind."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fix_world_china import company, onboard, open_account, person
from fix_world_ledger import Story

from kyc.domain import ownership as w
from kyc.domain.life import PartyAdded, PartyEnded
from kyc.domain.restraint import AgentAuthorised, AgentRevoked
from kyc.domain.submission import StreamName
from kyc.domain.values import Party
from kyc.errors import InputError, NotFoundError
from projections import owners

pytestmark = pytest.mark.pg15


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def party(name: str, share: int | None = None, **fields: Any) -> Party:
    """A person or body in somebody's file."""
    percentage = None if share is None else Decimal(share)
    return Party(name=name, role="owner", percentage=percentage, document_number=f"D {name}", **fields)


def owned(world: Story, body: str, number: str, by: Party, **fields: Any) -> None:
    """A beneficial owner by shares."""
    world.record(
        w.BeneficialOwnerIdentified(occurred_at=world.now, id=number, owner=by, basis="shares", **fields), body
    )


def controlled(world: Story, body: str, number: str, by: Party, kind: Any = "controller") -> None:
    """Somebody with a part in a body's file."""
    event = PartyAdded(occurred_at=world.now, id=number, party=by, kind=kind, since=world.today, proof="register")
    world.record(event, body)


@pytest.fixture
def group(china: Story) -> Story:
    """K1 is held by Anna with 60 and by K2 with 40 percent; K2 by Boris with 50; both have people who act."""
    china.record(company("K1", china))
    china.record(company("K2", china, registration_kind="other", registration_number="N-2"))
    owned(china, "K1", "O1", party("Anna", 60), path=("Holding",), evidence="register")
    controlled(china, "K1", "R1", party("Company K2", 40, customer="K2"))
    owned(china, "K2", "O1", party("Boris", 50))
    controlled(china, "K2", "R1", party("Clerk"), "agent")
    return china


def stream(world: Story, number: str) -> bytes:
    """The stream id of a customer."""
    return world.log.stream_id(StreamName("customer", number))


def behind(world: Story, number: str, on: date) -> dict[str, Decimal | None]:
    """Name → share of who stands behind a customer."""
    found = owners.behind(world.log, stream(world, number), on)
    return {one.person.party.name: one.share for one in found if one.person is not None}


def before(world: Story, on: date, **asked: Any) -> list[tuple[list[str], Decimal | None]]:
    """The ways from a person to what they stand behind."""
    names = {stream(world, number): number for number in world.named("customer")}
    found = owners.before(world.log, on, **asked)
    return [([names.get(one, "account") for one in edge.through], edge.share) for edge in found]


def test_who_stands_behind(group: Story) -> None:
    """Directly and through customers, shares multiplied; an agent of a parent does not stand behind the child."""
    engine = group.project()
    assert behind(group, "K1", group.today) == {"Li Si": None, "Anna": 60, "Company K2": 40, "Boris": 20}
    assert behind(group, "K2", group.today) == {"Li Si": None, "Boris": 50, "Clerk": None}
    far = owners.behind(group.log, stream(group, "K1"), group.today)[-1]
    assert far.through == [stream(group, "K1"), stream(group, "K2")]
    anna = next(one for one in owners.behind(group.log, stream(group, "K1"), group.today) if one.source == "owner")
    assert anna.person is not None
    assert (anna.basis, anna.person.path, anna.person.evidence) == ("shares", ("Holding",), "register")
    assert behind(group, "K1", group.today - timedelta(days=1)) == {}
    assert behind(group, "K9", group.today) == {}
    assert engine.rebuild("ownership_graph").equal is True


def test_as_of_a_day(group: Story) -> None:
    """Changed and ended edges hold on the days they held; a mandate for a time ends with its last day."""
    start = group.today
    group.today = start + timedelta(days=10)
    changed = w.BeneficialOwnerChanged(
        occurred_at=group.now,
        id="O1",
        owner=party("Anna", 30),
        basis="shares",
        changed_on=start + timedelta(days=5),
    )
    group.record(changed, "K1")
    ended = w.BeneficialOwnerEnded(occurred_at=group.now, id="O1", on=start + timedelta(days=8), reason="sold")
    group.record(ended, "K1")
    group.record(PartyEnded(occurred_at=group.now, id="R1", on=start + timedelta(days=3), reason="sold"), "K1")
    last = group.today + timedelta(days=2)
    mandate = PartyAdded(
        occurred_at=group.now, id="R2", party=party("Agent"), kind="agent", since=group.today, until=last, proof="x"
    )
    group.record(mandate, "K1")
    engine = group.project()
    for day, found in (
        (2, {"Anna": 60, "Company K2": 40, "Boris": 20}), (3, {"Anna": 60}), (5, {"Anna": 30}), (8, {}),
        (12, {"Agent": None}), (13, {}),
    ):  # fmt: skip
        assert behind(group, "K1", start + timedelta(days=day)) == {"Li Si": None} | found, day
    assert engine.rebuild("ownership_graph").equal is True


def test_whom_a_person_stands_behind(group: Story) -> None:
    """By document, by whole name or by the number of a file of their own; through K2 also K1."""
    group.project()
    through = [(["K2"], 50), (["K2", "K1"], 20)]
    assert before(group, group.today, document=" d boris") == before(group, group.today, name="BORIS") == through
    assert before(group, group.today, customer="K2") == [(["K1"], 40)]
    assert before(group, group.today, document="D Clerk") == [(["K2"], None)]
    assert before(group, group.today, name="Nobody") == []
    with pytest.raises(InputError):
        owners.before(group.log, group.today)


def test_circles_end(group: Story) -> None:
    """Bodies that own each other are told once each, however the circle turns."""
    controlled(group, "K2", "R2", party("Company K1", 10, customer="K1"))
    group.project()
    assert behind(group, "K1", group.today)["Company K1"] == 4
    assert before(group, group.today, customer="K1") == [(["K2"], 10), (["K2", "K1"], 4)]


def test_mandates_on_accounts(china: Story) -> None:
    """Whoever may act on an account stands behind its holders until the mandate is revoked."""
    onboard(china, "C1")
    open_account(china, "A1", "C1")
    china.record(
        AgentAuthorised(
            occurred_at=china.now, id="G1", agent=party("Helper"), scope="withdrawals", since=china.today, proof="x"
        ),
        "A1",
    )
    start = china.today
    china.today = start + timedelta(days=4)
    china.record(AgentRevoked(occurred_at=china.now, id="G1"), "A1")
    engine = china.project()
    (found,) = owners.behind(china.log, stream(china, "C1"), start)
    assert (found.source, found.person and found.person.scope) == ("mandate", "withdrawals")
    assert before(china, start, name="helper") == [(["account"], None)]
    assert behind(china, "C1", china.today) == {}
    key = china.recorded("account", "A1")[0].row.data_key
    china.log.key_store.destroy(key)
    china.log.ring.forget(key)
    assert [one.person for one in owners.behind(china.log, stream(china, "C1"), start)] == [None]
    engine.sweep()
    assert before(china, start, name="helper") == []
    assert engine.rebuild("ownership_graph").equal is True


def test_read_through_indexes(china: Story) -> None:
    """Both directions follow indexes, step by step."""
    with pytest.raises(NotFoundError):
        owners.before(china.log, china.today, name="x")
    china.record(person("C1", china))
    china.project()
    given = {"on": china.today, "limit": 5, "owning": list(owners.OWNING), "depth": 9}
    someone = {"customer": "0" * 32, "document": "0" * 32, "name": "0" * 32}
    with china.log.database.connection() as connection:
        connection.execute("set enable_seqscan = off")
        for statement, arguments in (("behind", {"streams": ["0" * 32]}), ("before", someone)):
            asked = b"explain " + owners._composed(statement).as_bytes(connection)
            plan = "\n".join(line for (line,) in connection.execute(asked, given | arguments).fetchall())
            assert "Seq Scan" not in plan, plan
