"""The register of disclosures: everything that left, found by whom, for whom, by which order and by its hash."""

from __future__ import annotations

import pytest
from fix_world_china import accepted, onboard, open_account, order
from fix_world_ledger import Story

from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.authority import DataDisclosed
from kyc.domain.operations import CustodyTransferred, ExportSigned
from kyc.domain.privacy import RightsRequestFulfilled, RightsRequestReceived
from kyc.domain.submission import StreamName
from projections import disclosure_register
from projections.disclosure_register import Disclosure, Said, Wanted

pytestmark = pytest.mark.pg15
HASHES = [f"{n:02x}" * 32 for n in range(1, 7)]


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def found(world: Story, **wanted: object) -> list[Disclosure]:
    """What the register answers."""
    return disclosure_register.search(world.log, Wanted(**wanted))  # type: ignore[arg-type]


def told(rows: list[Disclosure]) -> list[tuple[str, Said | None]]:
    """Kind and what was encrypted."""
    return [(one.kind, one.said) for one in rows]


def everything_leaves(world: Story) -> None:
    """One disclosure of every kind, a minute apart."""
    onboard(world, "C1")
    open_account(world, "A1", "C1")
    world.record(order(world, "O-1"))
    world.record(accepted(world, "O-1"))
    asked = RightsRequestReceived(
        occurred_at=world.now, request="R-1", kind="copy", customer="C1", requester="person", proof="card",
        due=world.today,
    )  # fmt: skip
    world.record(asked)
    now = {"occurred_at": world.now}
    for event in (
        DisclosureRecorded(
            customer="C1", recipient="Wang & Partners", kind="auditor", fields=("names",), digest=HASHES[0],
            permitted_purpose="audit 7", **now,
        ),
        DataDisclosed(
            order="O-1", recipient="Test County Court", fields=("names", "balance"), digest=HASHES[1], **now
        ),
        RightsRequestFulfilled(request="R-1", answer="a copy was handed over", digest=HASHES[2], **now),
        ExportSigned(
            office="export", recipient="court", permitted_purpose="case 9", manifest=HASHES[3], key="k", events=3,
            **now,
        ),
        CustodyTransferred(
            office="HQ", receiver="archive", reason="sale", manifest=HASHES[4], streams=9, witness="N-1", **now
        ),
    ):  # fmt: skip
        world.later(minutes=1)
        world.record(event, actor="T-7", basis="law 1")


def test_everything_that_left(china: Story) -> None:
    """Each is listed once, the latest first, with recipient, purpose, basis, fields and hash."""
    everything_leaves(china)
    engine = china.project()
    rows = found(china)
    assert told(rows) == [
        ("custodian", Said(HASHES[4], "archive", "sale")),
        ("export", Said(HASHES[3], "court", "case 9")),
        ("request", Said(HASHES[2], matter="R-1")),
        ("order", Said(HASHES[1], "Test County Court", matter="O-1")),
        ("auditor", Said(HASHES[0], "Wang & Partners", "audit 7")),
    ]
    assert {(one.actor, one.legal_basis, one.branch) for one in rows} == {("T-7", "law 1", "B-1")}
    assert [one.fields for one in rows] == [[], [], [], ["names", "balance"], ["names"]]
    assert [one.customer for one in rows if one.customer] == [china.log.stream_id(StreamName("customer", "C1"))]
    assert engine.rebuild("disclosure_register").equal is True


def test_found_by_what_is_known(china: Story) -> None:
    """By customer, order or request, recipient however written, hash, kind, branch and time, alone and together."""
    everything_leaves(china)
    china.project()
    custodian, export, request, court, auditor = found(china)
    for wanted, rows in (
        ({"customer": "C1"}, [auditor]), ({"matter": "o-1"}, [court]), ({"matter": "R-1"}, [request]),
        ({"recipient": " COURT"}, [export]), ({"digest": HASHES[4].upper()}, [custodian]),
        ({"start": court.at, "stop": export.at}, [request, court]), ({"kind": "order", "branch": "B-1"}, [court]),
        ({"branch": "B-2"}, []), ({"recipient": "court", "kind": "order"}, []), ({"digest": HASHES[5]}, []),
    ):  # fmt: skip
        assert found(china, **wanted) == rows, wanted
    assert disclosure_register.search(china.log, Wanted(), limit=1) == [custodian]


def test_nothing_left_no_entry_and_destroyed_keys(china: Story) -> None:
    """A request that handed nothing over is no disclosure; a destroyed key makes a row unreadable, then none."""
    everything_leaves(china)
    asked = RightsRequestReceived(
        occurred_at=china.now, request="R-2", kind="correction", customer="C1", requester="person", proof="card",
        due=china.today,
    )  # fmt: skip
    china.record(asked)
    china.record(RightsRequestFulfilled(occurred_at=china.now, request="R-2", answer="corrected"))
    engine = china.project()
    assert found(china, matter="R-2") == []
    row = china.recorded("access", "C1")[0].row
    china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    assert found(china, customer="C1")[0].said is None
    engine.sweep()
    assert found(china, customer="C1") == []
    assert len(found(china)) == 4
    assert engine.rebuild("disclosure_register").equal is True
