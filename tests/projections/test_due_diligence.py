"""Due diligence: where it stands, and what is due on any day by the policy of that day, without an event for it."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from fix_world_china import RULEBOOK, approved, funds, onboard, person, publish, rated
from fix_world_ledger import Story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc.domain import diligence as q
from kyc.domain.calendar import later
from kyc.domain.customer import RelationshipEnded
from kyc.domain.life import BranchTransferred
from kyc.domain.policies import NOTHING, Policies
from kyc.domain.rulebook import Within
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from projections import reviews, rows
from projections.reviews import Review

pytestmark = pytest.mark.pg15


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def policies(world: Story) -> Policies:
    """What head office has published."""
    found = world.state("policies", "institution")
    assert isinstance(found, Policies)
    return found


def stream(world: Story, number: str) -> bytes:
    """The stream id of a customer."""
    return world.log.stream_id(StreamName("customer", number))


def due(world: Story, on: date, **options: Any) -> list[tuple[str, date, str]]:
    """(customer, due day, state) of the reviews due on a day."""
    names = {stream(world, number): number for number in world.named("customer")}
    found = reviews.due(world.log, on, policies(world), **options)
    return [(names[one.stream_id], one.due_on, one.state) for one in found]


def state(world: Story, number: str) -> Any:
    """Where due diligence of a customer stands."""
    return reviews.of_streams(world.log, [stream(world, number)])[stream(world, number)]


def reviewed(world: Story) -> q.ReviewCompleted:
    """A review that is done."""
    return q.ReviewCompleted(occurred_at=world.now, outcome="unchanged", channel="visit")


def test_a_review_falls_due_without_an_event(china: Story) -> None:
    """High risk, rated in March: due in September, then overdue; done in October, due in April. On any day."""
    onboard(china, "C1")
    china.record(rated(china, "high"), "C1")
    china.project()
    first = date(2026, 9, 2)
    assert due(china, first - timedelta(days=1)) == []
    assert due(china, first) == [("C1", first, "due")]
    assert due(china, date(2026, 9, 10)) == [("C1", first, "overdue")]
    assert due(china, date(2026, 8, 20), by=first) == [("C1", first, "coming")]
    china.today = date(2026, 10, 1)
    china.record(reviewed(china), "C1")
    engine = china.project()
    assert due(china, date(2026, 10, 1)) == []
    assert due(china, date(2027, 4, 1)) == [("C1", date(2027, 4, 1), "due")]
    assert due(china, date(2026, 9, 30)) == [("C1", first, "overdue")], "as it was that day"
    assert due(china, date(2026, 3, 1)) == [], "not rated yet"
    assert reviews.due_on(state(china, "C1"), policies(china), china.today) == date(2027, 4, 1)
    assert engine.rebuild("due_diligence").equal is True


def test_ratings_and_schedules(china: Story) -> None:
    """The earlier of schedule and cycle counts; another tier starts its cycle, the same again puts nothing off."""
    onboard(china, "C1")
    china.record(rated(china, "low"), "C1")
    china.record(q.ReviewScheduled(occurred_at=china.now, due=date(2026, 12, 1)), "C1")
    china.project()
    assert due(china, date(2029, 1, 1)) == [("C1", date(2026, 12, 1), "overdue")]
    china.today = date(2026, 5, 1)
    china.record(rated(china, "high"), "C1")
    china.today = date(2026, 6, 1)
    china.record(rated(china, "high"), "C1")
    engine = china.project()
    assert due(china, date(2026, 11, 1)) == [("C1", date(2026, 11, 1), "due")]
    (found,) = reviews.due(china.log, date(2026, 11, 1), policies(china))
    assert isinstance(found, Review)
    assert (found.tier, found.anchor, found.scheduled) == ("high", date(2026, 5, 1), date(2026, 12, 1))
    (earlier,) = reviews.due(china.log, date(2026, 4, 1), policies(china), by=date(2027, 1, 1))
    assert (earlier.tier, earlier.due_on) == ("low", date(2026, 12, 1))
    assert engine.rebuild("due_diligence").equal is True


def test_policy_of_the_day_decides(china: Story) -> None:
    """A shorter cycle moves the day once it is policy; a change of law names a day for existing customers."""
    onboard(china, "C1")
    china.record(rated(china, "low"), "C1")
    low = 'tier = "low" }\nvalue = { kind = "Within", period = '
    publish(china, "rulebook", RULEBOOK.replace(f'{low}"P2Y"', f'{low}"P3M"'), 2, date(2026, 7, 1))
    existing = '"CN", tier = "*" }\nvalue = { kind = "By", day = 2027-12-31 }\neffective_from = '
    law = RULEBOOK.replace(f"{existing}2026-01-01", f"{existing}2026-09-01")
    assert law != RULEBOOK
    publish(china, "rulebook", law, 3, date(2026, 10, 1))
    china.project()
    assert due(china, date(2026, 6, 30), by=date(2026, 12, 31)) == []
    assert due(china, date(2026, 7, 1)) == [("C1", date(2026, 6, 2), "overdue")]
    assert due(china, date(2026, 10, 1), by=date(2028, 3, 2)) == [("C1", date(2027, 12, 31), "coming")]
    assert reviews.due_on(state(china, "C1"), policies(china), date(2026, 10, 1)) == date(2027, 12, 31)
    assert reviews.due(china.log, date(2026, 7, 1), NOTHING) == [], "no policy, no cycle"


def test_whose_reviews_they_are(china: Story) -> None:
    """Of the branch that looks after them, page by page; nobody who has left; who was never rated is counted."""
    for number in ("C1", "C2", "C3", "C4"):
        onboard(china, number)
    for number in ("C1", "C2", "C3"):
        china.record(rated(china, "medium"), number)
    china.record(BranchTransferred(occurred_at=china.now, to="B-2"), "C2")
    china.record(RelationshipEnded(occurred_at=china.now, on=china.today, reason="moved"), "C3")
    china.project()
    on = date(2027, 3, 2)
    assert due(china, on, branch="B-2") == [("C2", on, "due")]
    assert {one[0] for one in due(china, on)} == {"C1", "C2"}
    (first,) = reviews.due(china.log, on, policies(china), limit=1)
    (second,) = reviews.due(china.log, on, policies(china), after=first)
    assert {first.stream_id, second.stream_id} == {stream(china, "C1"), stream(china, "C2")}
    assert (reviews.unrated(china.log), reviews.unrated(china.log, "B-2")) == (1, 0)


def test_everything_that_is_found(china: Story) -> None:
    """Each thing due diligence finds and decides stands in the file, and leaves it once it is settled."""
    onboard(china, "C1")
    at = {"occurred_at": china.now}
    for event in (
        q.CddStarted(**at, trigger="doubt"), rated(china, "high"),
        q.PepDetermined(**at, status="foreign", function="minister"), funds(china), approved(china),
        q.DiscrepancyRaised(**at, id="D1", field="birth_date", sources=("form", "passport")),
        q.ScreeningPerformed(**at, list="UN", list_version="2026-03", engine="e/1", hits=("H1", "H2")),
        q.ScreeningHitDecided(**at, hit="H1", match=False, reason="other birth date", decided_by="T-2"),
        q.RiskMeasureApplied(**at, id="M1", measure="no cash", reason="unusual cash", approver="T-2"),
        q.ObjectionReceived(**at, id="O1", measure="M1", statement="I sell vegetables"),
        q.EnhancedCddApplied(**at, measures=("visit",), reason="exposed"),
    ):  # fmt: skip
        china.record(event, "C1")
    engine = china.project()
    found = state(china, "C1")
    assert (found.trigger, found.pep, found.level, found.approver) == ("doubt", "foreign", "enhanced", "M-1")
    assert (found.rating.model, found.rating.reasons, found.funds[0].kind) == ("risk/1", ("test",), "funds")
    assert [[one.id for one in part] for part in (found.discrepancies, found.hits, found.measures)] == [
        ["D1"], ["H2"], ["M1"],
    ]  # fmt: skip
    assert (found.screenings[0].version, found.screenings[0].hits) == ("2026-03", 2)
    china.today += timedelta(days=3)
    at = {"occurred_at": china.now}
    for event in (
        q.DiscrepancyResolved(**at, id="D1", outcome="form-wrong"),
        q.ScreeningHitDecided(**at, hit="H2", match=False, reason="other place", decided_by="T-2"),
        q.ObjectionAnswered(**at, id="O1", upheld=True, answer="lifted", complaint_route="PBOC"),
        q.RiskMeasureLifted(**at, id="M1", reason="explained"),
        q.CddFailed(**at, reason="no", report_considered=True),
    ):  # fmt: skip
        china.record(event, "C1")
    engine.catch_up()
    found = state(china, "C1")
    assert (found.discrepancies, found.hits, found.measures, found.objections) == ((), (), (), ())
    assert (found.trigger, found.failed_on) == ("", china.today)
    assert engine.rebuild("due_diligence").equal is True


def test_answers_to_objections(china: Story) -> None:
    """Fifteen days to answer an objection; answered, it has left the list, and is on it for the days before."""
    onboard(china, "C1")
    measure = q.RiskMeasureApplied(occurred_at=china.now, id="M1", measure="x", reason="y", approver="T-2")
    china.record(measure, "C1")
    china.record(q.ObjectionReceived(occurred_at=china.now, id="O1", measure="M1", statement="no"), "C1")
    china.project()
    end = china.today + timedelta(days=15)
    ask = policies(china)
    assert reviews.answer_by(state(china, "C1").objections[0], ask, china.today) == end
    assert reviews.objections(china.log, china.today, ask) == []
    (found,) = reviews.objections(china.log, china.today, ask, by=end)
    assert (found.due_on, found.branch) == (end, "B-1")
    assert reviews.objections(china.log, end, ask, branch="B-2") == []
    assert reviews.objections(china.log, end, NOTHING) == []
    china.today = end
    answered = q.ObjectionAnswered(occurred_at=china.now, id="O1", upheld=False, answer="a", complaint_route="b")
    china.record(answered, "C1")
    china.project()
    assert reviews.objections(china.log, end, ask) == []
    assert len(reviews.objections(china.log, end - timedelta(days=1), ask, by=end)) == 1


def test_who_is_to_be_screened_again(china: Story) -> None:
    """After a new version of a list: everybody screened against another, or never."""
    for number in ("C1", "C2"):
        onboard(china, number)
    for version in ("1", "2"):
        screened = q.ScreeningPerformed(occurred_at=china.now, list="UN", list_version=version, engine="e")
        china.record(screened, "C1")
    engine = china.project()
    assert [one.stream_id for one in reviews.stale(china.log, "UN", "2")] == [stream(china, "C2")]
    found = reviews.stale(china.log, "UN", "3")
    assert {(one.stream_id, one.list_version) for one in found} == {
        (stream(china, "C1"), "2"), (stream(china, "C2"), None),
    }  # fmt: skip
    assert reviews.stale(china.log, "UN", "3", after=found[0].stream_id) == found[1:]
    assert reviews.stale(china.log, "UN", "3", branch="B-9") == []
    assert engine.rebuild("due_diligence").equal is True


def test_events_recorded_late(china: Story) -> None:
    """A rating recorded after a later one counts from the day it became known, whatever day it names."""
    onboard(china, "C1")
    china.today = date(2026, 6, 1)
    china.record(rated(china, "low"), "C1")
    late = rated(china, "high").__class__(
        occurred_at=china.now - timedelta(days=60), level="high", model="risk/1", rated_on=date(2026, 4, 2)
    )
    china.record(late, "C1")
    engine = china.project()
    (found,) = reviews.due(china.log, date(2026, 12, 1), policies(china))
    assert (found.tier, found.anchor) == ("high", date(2026, 6, 1))
    assert engine.rebuild("due_diligence").equal is True


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.dates(date(2023, 1, 1), date(2029, 12, 31)),
    st.sampled_from(["P6M", "P1Y", "P15D", "P1M", "P1Y2M3D"]),
    st.sampled_from(["28-feb", "1-mar"]),
)
def test_days_are_those_of_the_calendar(story: Story, start: date, period: str, feb29: Any) -> None:
    """What SQL adds, and up to where an index is read, is what the calendar says, leap days included."""
    for day in (start, date(2024, 2, 29)):
        term = rows.Term.of(period)
        expression = rows.later_sql("%(start)s::date", "%(months)s", "%(days)s", "%(leap)s")
        with story.log.database.connection() as connection:
            arguments = {"start": day, "months": term.months, "days": term.days, "leap": feb29 == "1-mar"}
            asked = b"select " + expression.as_bytes(connection)
            (found,) = connection.execute(asked, arguments).fetchone() or (None,)
        assert found == later(day, period, feb29)
        last = rows.last_start(found, period, feb29)
        assert last is not None
        assert day <= last
        assert later(last, period, feb29) <= found < later(last + timedelta(days=1), period, feb29)


def test_a_list_is_what_each_file_gives(china: Story) -> None:
    """Random files over years: on any day the list has whoever is due by their own events, and nobody else."""
    chance, start = Random(7), china.today
    told: dict[str, list[tuple[date, str, Any]]] = {f"C{n}": [] for n in range(8)}
    for number in told:
        onboard(china, number)
    for step in range(1, 13):
        china.today = start + timedelta(days=90 * step + chance.randrange(80))
        for number in chance.sample(sorted(told), 4):
            kind = chance.choice(["rated", "rated", "reviewed", "scheduled"])
            level = chance.choice(["high", "medium", "low"])
            until = china.today + timedelta(days=chance.randrange(1, 170))
            event = {
                "rated": rated(china, level), "reviewed": reviewed(china),
                "scheduled": q.ReviewScheduled(occurred_at=china.now, due=until),
            }[kind]  # fmt: skip
            china.record(event, number)
            told[number].append((china.today, kind, level if kind == "rated" else until))
    engine = china.project()
    ask = policies(china)
    for _ in range(60):
        on = start + timedelta(days=chance.randrange(1_500))
        by = on + timedelta(days=chance.choice([0, 0, 30, 400]))
        expected = {number: day for number, facts in told.items() if (day := by_hand(facts, on, ask)) and day <= by}
        assert {number: day for number, day, _ in due(china, on, by=by)} == expected, on
    assert engine.rebuild("due_diligence").equal is True


def by_hand(facts: list[tuple[date, str, Any]], on: date, ask: Policies) -> date | None:
    """When a review is due, from what had happened by a day."""
    tier: str | None = None
    anchor: date | None = None
    scheduled: date | None = None
    for day, kind, value in facts:
        if day > on:
            break
        if kind == "scheduled":
            scheduled = value
        elif kind == "reviewed":
            anchor, scheduled = day, None
        else:
            anchor, tier = anchor if value == tier else day, value
    days = [scheduled] if scheduled else []
    ruling = ask.ruling("review.cycle", on, tier=tier) if tier else None
    if ruling is not None and anchor is not None:
        days.append(later(anchor, ruling.of(Within).period))
    return min(days, default=None)


def test_lists_are_read_through_indexes(china: Story) -> None:
    """Reviews due are found by tier and anchor or schedule: nobody else's rows are read."""
    china.record(person("C1", china))
    with pytest.raises(NotFoundError):
        reviews.due(china.log, china.today, NOTHING)
    china.project()
    arguments = {
        "tiers": ["high"], "months": [6], "days": [0], "lasts": [china.today], "froms": [None], "bys": [None],
        "leap": False, "on": china.today, "by": china.today, "branch": None, "after_day": date.min,
        "after": "0" * 32, "limit": 5,
    }  # fmt: skip
    with china.log.database.connection() as connection:
        connection.execute("set enable_seqscan = off")
        asked = b"explain " + reviews._filled("reviews").as_bytes(connection)
        plan = "\n".join(line for (line,) in connection.execute(asked, arguments).fetchall())
    assert "due_diligence_review_b1_anchor" in plan, plan
    assert "due_diligence_review_b1_scheduled" in plan, plan
    assert "Seq Scan" not in plan, plan
