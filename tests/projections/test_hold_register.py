"""Holds by subject and by what they rest on, as of any day, with who released them and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fix_world_china import onboard
from fix_world_ledger import Story

from kyc.domain.disposal import HoldPlaced, HoldReleased
from kyc.domain.event import RecordClass
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from projections import hold_register
from projections.hold_register import Hold, Placed, Released

pytestmark = pytest.mark.pg15


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def held(world: Story, hold: str, subject: str, basis: Any = "aml-investigation", **fields: Any) -> None:
    """A hold that is placed."""
    world.record(HoldPlaced(occurred_at=world.now, hold=hold, subject=subject, basis=basis, **fields))


def paged(world: Story) -> list[int]:
    """The versions of all holds, asked for one by one."""
    found: list[int] = []
    after = None
    while page := hold_register.find(world.log, world.today, after=after, limit=1):
        found.append(page[0].version)
        after = UUID(bytes=page[0].subject), UUID(bytes=page[0].stream_id), page[0].version
        assert len(found) <= 10, "pages repeat themselves"
    return found


def test_by_subject_and_case(china: Story) -> None:
    """Two subjects of one case, one of another; released by a second person, and as it was before."""
    for number in ("C1", "C2"):
        onboard(china, number)
    with pytest.raises(NotFoundError):
        hold_register.find(china.log, china.today)
    held(china, "H1", "customer/C1", reference="K-7", classes=(RecordClass.TRANSACTION,))
    held(china, "H2", "customer/C2", reference="K-7")
    held(china, "H3", "customer/C2", "order", reference="O-1")
    start = china.today
    china.today = start + timedelta(days=3)
    china.record(
        HoldReleased(occurred_at=china.now, hold="H1", subject="customer/C1", reason="closed", approver="M-1")
    )
    engine = china.project()

    def found(on: Any = china.today, **asked: Any) -> list[str]:
        return sorted(
            one.placed.hold for one in hold_register.find(china.log, on, **asked) if one.placed is not None
        )

    assert found() == ["H1", "H2", "H3"]
    assert found(in_force=True) == ["H2", "H3"]
    assert found(start, in_force=True) == ["H1", "H2", "H3"]
    assert found(start - timedelta(days=1)) == []
    assert found(reference="K-7") == ["H1", "H2"]
    assert found(basis="order") == found(reference="O-1") == ["H3"]
    assert found(subject=StreamName("customer", "C2")) == ["H2", "H3"]
    (one,) = hold_register.find(china.log, china.today, subject=StreamName("customer", "C1"))
    assert isinstance(one, Hold)
    assert (one.placed, one.classes, one.basis) == (
        Placed("H1", "customer/C1", "K-7"), ["transaction"], "aml-investigation",
    )  # fmt: skip
    assert (one.ended_on, one.released) == (china.today, Released("closed", "M-1"))
    (before,) = hold_register.find(china.log, start, subject=StreamName("customer", "C1"))
    assert (before.ended_on, before.released) == (None, None)
    assert paged(china) == [one.version for one in hold_register.find(china.log, china.today)]
    assert engine.rebuild("hold_register").equal is True


def test_pages_go_on_past_what_was_disposed_of(china: Story) -> None:
    """A hold whose key is destroyed and that no sweep has removed yet has no number, and still has a place."""
    onboard(china, "C1")
    for hold in ("H1", "H2", "H3"):
        held(china, hold, "customer/C1")
    china.project()
    before = paged(china)
    key = china.recorded("retention", "customer/C1")[0].row.data_key
    assert china.log.key_store.destroy(key)
    china.log.ring.forget(key)
    assert paged(china) == before
    assert [one.placed for one in hold_register.find(china.log, china.today)] == [None, None, None]


def test_placed_again(china: Story) -> None:
    """A number that is used again replaces what it stood for, here and where deadlines are computed."""
    onboard(china, "C1")
    held(china, "H1", "customer/C1", reference="K-1")
    china.record(HoldReleased(occurred_at=china.now, hold="H1", subject="customer/C1", reason="x", approver="M-1"))
    held(china, "H1", "customer/C1", "litigation", reference="K-2")
    engine = china.project()
    (one,) = hold_register.find(china.log, china.today)
    assert (one.basis, one.ended_on, one.released) == ("litigation", None, None)
    assert hold_register.find(china.log, china.today, reference="K-1") == []
    assert engine.rebuild("hold_register").equal is True
