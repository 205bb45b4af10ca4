"""Two moments compared: what differs, and what was recorded between."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from fix_replay import START, Bank

from kyc.clock import to_datetime
from kyc.domain.customer import AccountUnlinked, AddressChanged
from kyc.domain.submission import StreamName
from kyc.domain.values import Address
from kyc.errors import InputError, NotFoundError
from replay import compare, render

pytestmark = pytest.mark.pg15


def test_between_two_days(bank: Bank) -> None:
    """A new name differs, an unchanged account does not; all that was recorded between is told in order."""
    first, second = (to_datetime(bank.moments[name]) for name in ("first day", "second day"))
    found = compare.customer(bank.log, "C1", first, second)
    (change,) = found.changes
    assert change.stream == StreamName("customer", "C1")
    assert change.differences == [render.Difference("names.text", "Li Wei", "Li Wei-Chen")]
    told = [(one.stream.kind, one.recorded.context.topic) for one in found.told]
    assert sorted(told) == sorted(
        [("customer", "customer.name_changed"), *[("postings", "transaction.booked")] * 4]
    )
    assert len(compare.customer(bank.log, "C1", first, second, with_postings=False).told) == 1
    assert compare.customer(bank.log, "C3", first, second).changes == ()
    shown = [" ".join(text.split()) for text in compare.lines(found)]
    assert "names.text Li Wei >> Li Wei-Chen" in shown
    assert "Recorded between (5 events)" in shown


def test_accounts_that_came_and_went(bank: Bank) -> None:
    """An account that was opened or left between the moments differs as a whole."""
    start, first = START, to_datetime(bank.moments["first day"])
    found = compare.customer(bank.log, "C1", start, first)
    assert [(change.stream.key, change.before) for change in found.changes[1:]] == [("A1", None), ("A2", None)]
    assert any("not held at the first moment" in text for text in compare.lines(found))
    bank.later()
    bank.customer("C1", AccountUnlinked(occurred_at=bank.now, account="A2", on=bank.now.date()))
    left = compare.customer(bank.log, "C1", first)
    gone = {change.stream.key: change.after for change in left.changes}
    assert gone["A2"] is None
    assert "A1" not in gone
    assert any("no longer held at the second moment" in text for text in compare.lines(left))


def test_about_one_day(bank: Bank) -> None:
    """What both moments knew of one day in the world is compared, not what became true later."""
    before = bank.now
    bank.later()
    for text, since in (("1 Old Road", date(2026, 1, 10)), ("2 New Road", date(2026, 6, 1))):
        moved = AddressChanged(
            occurred_at=bank.now, addresses=(Address(lines=(text,), country="CHN"),), effective_from=since
        )
        bank.customer("C2", moved)
    about = datetime(2026, 2, 1, tzinfo=UTC)
    (change,) = compare.customer(bank.log, "C2", before, about=about).changes
    assert [(name, now) for name, _, now in change.differences if name == "addresses.lines"] == [
        ("addresses.lines", "1 Old Road")
    ]


def test_refusals(bank: Bank) -> None:
    """The second moment comes after the first, and the customer must exist."""
    with pytest.raises(InputError):
        compare.customer(bank.log, "C1", bank.now, bank.now)
    with pytest.raises(NotFoundError):
        compare.customer(bank.log, "C9", START)


def test_json(bank: Bank) -> None:
    """The comparison is plain JSON."""
    parsed = json.loads(json.dumps(compare.as_dict(compare.customer(bank.log, "C1", START))))
    assert parsed["first"] == "2026-03-02T09:00:00.000000Z"
    assert {change["key"] for change in parsed["changes"]} == {"C1", "A1", "A2"}
    assert len(parsed["events"]) == 13
