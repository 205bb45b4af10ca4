"""Consents, restrictions and requests on any day: what may be served, who may be, and what is to be answered."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from fix_world_china import RULEBOOK, onboard, publish
from fix_world_ledger import Story

from kyc.domain import privacy as p
from kyc.domain.life import BranchTransferred
from kyc.domain.policies import NOTHING, Policies
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from projections import consents
from projections.consent_register import Asked, Given, Reason

pytestmark = pytest.mark.pg15
DAY = timedelta(days=1)


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def stream(world: Story, number: str) -> bytes:
    """The stream id of a customer."""
    return world.log.stream_id(StreamName("customer", number))


def policies(world: Story) -> Policies:
    """What head office has published."""
    found = world.state("policies", "institution")
    assert isinstance(found, Policies)
    return found


def consent(world: Story, number: str, purpose: str = "marketing", **fields: Any) -> None:
    """A consent given at the counter."""
    event = p.ConsentGiven(occurred_at=world.now, purpose=purpose, method="signature", notice="notice/3", **fields)
    world.record(event, number)


def asked(world: Story, number: str, customer: str = "C1", due: date | None = None, **fields: Any) -> None:
    """A request at the counter, to be answered within a month by what was said then."""
    event = p.RightsRequestReceived(
        occurred_at=world.now, request=number, customer=customer, requester="person", proof="passport",
        due=due or world.today + timedelta(days=30), **({"kind": "access"} | fields),
    )  # fmt: skip
    world.record(event)


def may(world: Story, on: date, number: str = "C1", purpose: str = "marketing") -> tuple[bool, str]:
    """Whether a purpose may be served for a customer on a day, and why."""
    answer = consents.may(world.log, stream(world, number), purpose, on)
    return answer.allowed, answer.because


def test_a_purpose_ends_the_day_it_is_withdrawn(china: Story) -> None:
    """Not asked, consented, withdrawn, consented anew: each on its days, whatever is known by now."""
    onboard(china, "C1")
    first = china.today + DAY
    china.today = first
    consent(china, "C1")
    consent(china, "C1", "share:shop", separate=True, scope=("name", "phone"))
    china.today = first + 5 * DAY
    china.record(p.ConsentWithdrawn(occurred_at=china.now, purpose="marketing", method="app"), "C1")
    china.today = first + 9 * DAY
    consent(china, "C1")
    engine = china.project()
    assert may(china, first - DAY) == (False, "not-asked")
    assert may(china, first) == may(china, first + 4 * DAY) == (True, "consented")
    assert may(china, first + 5 * DAY) == may(china, first + 8 * DAY) == (False, "withdrawn")
    assert may(china, first + 9 * DAY) == (True, "consented")
    assert may(china, first + 5 * DAY, purpose="share:shop") == (True, "consented")
    assert may(china, first, "C9") == (False, "not-asked")
    one, shared, again = consents.consents(china.log, [stream(china, "C1")], china.today)
    assert (one.withdrawn_on, shared.given, again.given) == (
        first + 5 * DAY, Given("signature", ("name", "phone")), Given("signature"),
    )  # fmt: skip
    (before,) = consents.consents(china.log, [stream(china, "C1")], first, "marketing")
    assert before.withdrawn_on is None, "as it was that day"
    assert engine.rebuild("consent_register").equal is True


def test_restricted_is_restricted(china: Story) -> None:
    """While data is only stored and secured no consent counts; once restored the consent counts again."""
    onboard(china, "C1")
    consent(china, "C1")
    asked(china, "Q1", kind="deletion")
    start = china.today = china.today + DAY
    china.record(p.ProcessingRestricted(occurred_at=china.now, request="Q1", reason="retention"), "C1")
    china.today = start + 3 * DAY
    china.record(p.ProcessingRestored(occurred_at=china.now, reason="request withdrawn"), "C1")
    engine = china.project()
    assert may(china, start - DAY) == may(china, start + 3 * DAY) == (True, "consented")
    assert may(china, start) == may(china, start + 2 * DAY) == (False, "restricted")
    assert consents.consenting(china.log, "marketing", start) == []
    assert consents.consenting(china.log, "marketing", start - DAY) == [stream(china, "C1")]
    (one,) = consents.restrictions(china.log, [stream(china, "C1")], china.today)
    assert (one.since, one.until, one.reason) == (start, start + 3 * DAY, Reason("Q1", "retention"))
    assert engine.rebuild("consent_register").equal is True


def test_who_may_be_written_to(china: Story) -> None:
    """Everybody who consents that day, of a branch or all, page by page; nobody twice."""
    for number in ("C1", "C2", "C3"):
        onboard(china, number)
    for number in ("C1", "C2"):
        consent(china, number)
    china.record(p.ConsentWithdrawn(occurred_at=china.now, purpose="marketing", method="app"), "C2")
    consent(china, "C2")
    china.record(BranchTransferred(occurred_at=china.now, to="B-2"), "C2")
    china.project()
    everybody = consents.consenting(china.log, "marketing", china.today)
    assert everybody == sorted([stream(china, "C1"), stream(china, "C2")])
    assert consents.consenting(china.log, "marketing", china.today, after=everybody[0], limit=1) == everybody[1:]
    assert consents.consenting(china.log, "marketing", china.today, branch="B-2") == [stream(china, "C2")]
    assert consents.consenting(china.log, "share:shop", china.today) == []


def test_requests_are_due_by_law(china: Story) -> None:
    """The term that is policy on the day, or what was promised if that comes first; answered, it is not due."""
    onboard(china, "C1")
    asked(china, "Q1", detail="what do you know of me")
    asked(china, "Q2", due=china.today + 3 * DAY)
    longer = RULEBOOK.replace(
        'period = "P15D" }\neffective_from = 2021-11-01', 'period = "P25D" }\neffective_from = 2021-11-01'
    )
    assert longer != RULEBOOK
    start = china.today
    publish(china, "rulebook", longer, 2, start + 10 * DAY)
    engine = china.project()
    ask = policies(china)

    def due(on: date, by: date, **options: Any) -> list[tuple[str, date]]:
        found = consents.due(china.log, on, ask, by=by, **options)
        return [(one.asked.request, one.due_on) for one in found if one.asked is not None]

    assert due(start, start + 15 * DAY) == [("Q2", start + 3 * DAY), ("Q1", start + 15 * DAY)]
    assert due(start, start + 14 * DAY) == [("Q2", start + 3 * DAY)]
    assert due(start + 10 * DAY, start + 25 * DAY)[1] == ("Q1", start + 25 * DAY)
    assert due(start, start + 15 * DAY, branch="B-2") == []
    assert [one.due_on for one in consents.due(china.log, start, NOTHING, by=start + 30 * DAY)][
        1
    ] == start + 30 * DAY
    china.today = start + 2 * DAY
    china.record(p.RightsRequestFulfilled(occurred_at=china.now, request="Q2", answer="done"))
    refused = p.RightsRequestRefused(
        occurred_at=china.now, request="Q1", law="AML24", complaint_route="PBOC", court_route="court", answer="no"
    )
    china.record(refused)
    engine.catch_up()
    assert due(china.today, start + 30 * DAY) == []
    assert len(due(start + DAY, start + 30 * DAY)) == 2, "as it was that day"
    told = consents.requests(china.log, china.today, ask, customers=[stream(china, "C1")])
    assert {(one.outcome, one.answered_on) for one in told} == {
        ("fulfilled", china.today),
        ("refused", china.today),
    }
    assert told[1].asked == Asked("Q1", "passport", "what do you know of me")
    assert consents.requests(china.log, china.today, ask, customers=[stream(china, "C2")]) == []
    assert engine.rebuild("consent_register").equal is True


def test_notices_and_what_is_left(china: Story) -> None:
    """At registration and later; with the key of privacy consents are gone, the first notice is not."""
    with pytest.raises(NotFoundError):
        consents.notices(china.log, [], china.today)
    onboard(china, "C1")
    china.record(p.NoticePresented(occurred_at=china.now, notice="notice/3", channel="app", language="zh"), "C1")
    consent(china, "C1")
    engine = china.project()
    own = [stream(china, "C1")]
    told = consents.notices(china.log, own, china.today)
    assert [(one.notice, one.channel, one.language) for one in told] == [
        ("notice/3", "", ""),
        ("notice/3", "app", "zh"),
    ]
    key = next(
        one.row.data_key for one in china.recorded("customer", "C1") if isinstance(one.event, p.ConsentGiven)
    )
    china.log.key_store.destroy(key)
    china.log.ring.forget(key)
    assert [one.given for one in consents.consents(china.log, own, china.today)] == [None]
    engine.sweep()
    assert may(china, china.today) == (False, "not-asked")
    assert [one.channel for one in consents.notices(china.log, own, china.today)] == [""]
    assert engine.rebuild("consent_register").equal is True
