"""Customers found as of a moment: by what was recorded until then, about another day, at the branch of that day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fix_world_china import onboard
from fix_world_ledger import Story

from kyc.domain.customer import NameChanged
from kyc.domain.life import BranchTransferred
from kyc.domain.values import Name
from kyc.errors import InputError
from replay import found

pytestmark = pytest.mark.pg15


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def numbers(china: Story, text: str = "", **given: Any) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """(customer, found by, formerly) of those who are found."""
    answers = found.find(china.log, found.Wanted(text=text, **given))
    return [(one.state.customer, one.by, one.formerly) for one in answers if one.state is not None]


def test_who_was_called_so_then(china: Story) -> None:
    """Renamed in June, recorded in July: as known in June, as known now about May, about June, and now."""
    onboard(china, "C1", names=(Name(text="Ada Byron"),))
    onboard(china, "C2", names=(Name(text="Ada Lovelace"),))
    china.today = date(2026, 7, 10)
    renamed = NameChanged(
        occurred_at=china.now, names=(Name(text="Ada King"),), evidence="marriage", effective_from=date(2026, 6, 1)
    )
    china.record(renamed, "C1")
    china.project()
    june, may = datetime(2026, 6, 20, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)
    byron = [("C1", ("name",), ())]
    assert numbers(china, "byron") == []
    assert numbers(china, "byron", former=True) == [("C1", (), ("name",))]
    assert numbers(china, "byron", as_of=june) == byron
    assert numbers(china, "king", as_of=june) == []
    assert numbers(china, "byron", about=may) == numbers(china, "king", about=june) == byron
    assert numbers(china, "byron", about=june) == []
    assert numbers(china, "king") == byron
    assert sorted(numbers(china, "ada")) == [("C1", ("name",), ()), ("C2", ("name",), ())]
    assert numbers(china, "ada", as_of=datetime(2026, 1, 1, tzinfo=UTC)) == [], "nobody was known then"


def test_at_the_branch_of_that_day(china: Story) -> None:
    """A branch finds whoever it looks after, and as of a day whoever it looked after then."""
    onboard(china, "C1")
    before = china.now + timedelta(hours=1)
    china.later(hours=2)
    china.record(BranchTransferred(occurred_at=china.now, to="B-2"), "C1")
    china.project()
    for given, branches in (({}, {"B-2"}), ({"as_of": before}, {"B-1"})):
        for branch in ("B-1", "B-2"):
            assert bool(numbers(china, "person", branch=branch, **given)) is (branch in branches)
    assert numbers(china, branch="B-2") == [("C1", (), ())]
    assert numbers(china, branch="B-1") == []
    for nothing in ({}, {"branch": "B-1", "as_of": before}):
        with pytest.raises(InputError):
            numbers(china, **nothing)


def test_in_everything_or_in_some_fields(china: Story) -> None:
    """Without a field everything is looked through for which the text is enough; with one it has to be enough."""
    onboard(china, "7", names=(Name(text="Seven Samurai"),))
    china.project()
    assert numbers(china, "7") == [("7", ("number",), ())]
    assert numbers(china, "7", fields=("document",)) == []
    assert numbers(china, "pass-7") == [("7", ("document",), ())]
    with pytest.raises(InputError):
        numbers(china, "7", fields=("name",))


def test_disposed_of(china: Story) -> None:
    """Whose key is destroyed is found by the number until the sweep, and nothing is told of them."""
    onboard(china, "C1")
    china.project()
    row = china.recorded("customer", "C1")[0].row
    china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    (gone,) = found.find(china.log, found.Wanted(text="C1"))
    assert (gone.state, gone.by) == (None, ("number",))
    assert found.as_dict(gone)["names"] == []
    assert "disposed" in found.lines([gone])[0]
    assert found.find(china.log, found.Wanted(text="person")) == []
