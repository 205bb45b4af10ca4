"""The register of documents: where each stands on any day, whom to ask for another, and no event for it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from fix_world_china import DOCUMENTS, company, onboard, passport, person, publish
from fix_world_ledger import Story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc.domain import papers as p
from kyc.domain.customer import RelationshipEnded
from kyc.domain.document import DocumentVerified
from kyc.domain.document_rules import DocumentRules, parse_documents, shipped_documents
from kyc.domain.life import BranchTransferred
from kyc.domain.policies import Policies
from kyc.domain.stream import POLICIES
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from projections import document_register
from projections.document_register import Due

pytestmark = pytest.mark.pg15
RULES = shipped_documents()


@pytest.fixture
def world(story: Story) -> Story:
    """The bank of the Chinese stories, in a fresh database."""
    return story


def stream(world: Story, number: str) -> bytes:
    """The stream id of a customer."""
    return world.log.stream_id(StreamName("customer", number))


def states(world: Story, number: str, on: date, rules: DocumentRules | None = RULES) -> dict[str, str]:
    """Document number → where it stands."""
    found = document_register.of_streams(world.log, [stream(world, number)], on, rules)
    return {one.printed.number: one.state for one in found if one.printed is not None}


def due(world: Story, on: date, **options: object) -> list[tuple[str, date, str, str | None]]:
    """(customer, day of expiry, state, branch) of whom another document is wanted."""
    names = {stream(world, number): number for number in world.named("customer")}
    found = document_register.due(world.log, on, RULES, **options)  # type: ignore[arg-type]
    return [(names[one.stream_id], one.expires_on, one.state, one.branch) for one in found]


def test_no_event_arrives_when_a_document_runs_out(china: Story) -> None:
    """One passport, asked about on every day that matters: valid, expiring, in the reasonable period, suspended."""
    onboard(china, "C1")
    china.project()
    end = china.state("customer", "C1").documents[0].expires_on
    day = timedelta(days=1)
    for on, state in (
        (end - 91 * day, "valid"), (end - 90 * day, "expiring"), (end, "expiring"), (end + day, "grace"),
        (end + 90 * day, "grace"), (end + 91 * day, "suspended"),
    ):  # fmt: skip
        assert states(china, "C1", on) == {"PASS-C1": state}
        assert due(china, on) == ([] if state == "valid" else [("C1", end, state, "B-1")])
    assert states(china, "C1", end, None) == {"PASS-C1": "valid"}
    assert states(china, "C1", end + day, None) == {"PASS-C1": "expired"}
    assert states(china, "C1", china.today - day) == {}, "not captured yet"


def test_a_new_document_ends_the_asking(china: Story) -> None:
    """Whoever has shown another document that is valid for longer is not asked; when it is void, they are again."""
    onboard(china, "C1")
    onboard(china, "C2")
    end = china.state("customer", "C1").documents[0].expires_on
    china.record(passport("OLDER", china, expires_on=end - timedelta(days=300)), "C2")
    china.today = end + timedelta(days=10)
    china.project()
    assert {one[0] for one in due(china, china.today)} == {"C1", "C2"}
    china.record(passport("NEW", china), "C1")
    china.project()
    assert due(china, china.today) == [("C2", end, "grace", "B-1")]
    lost = p.DocumentInvalidated(occurred_at=china.now, kind="passport", number="new", reason="lost")
    china.record(lost, "C1")
    china.record(passport("NEW", china), "C1")
    engine = china.project()
    assert states(china, "C1", china.today) == {"PASS-C1": "grace", "NEW": "void"}
    assert len(due(china, china.today)) == 2
    assert states(china, "C1", china.today - timedelta(days=1)) == {"PASS-C1": "grace"}
    found = document_register.of_number(china.log, " new ", china.today, RULES)
    assert [(one.void, one.void_on) for one in found] == [("lost", china.today)] * 2, "it stays lost"
    assert engine.rebuild("document_register").equal is True


def test_checks_graces_and_suspensions(china: Story) -> None:
    """What was checked, a longer period for a reason and its end, service suspended and resumed, on their days."""
    onboard(china, "C1")
    checked = DocumentVerified(
        occurred_at=china.now, kind="passport", number="PASS-C1", method="chip", result="match", checked_by="T-1"
    )
    china.record(checked, "C1")
    about = {"kind": "passport", "number": "PASS-C1"}
    end = china.state("customer", "C1").documents[0].expires_on
    start, until = end + timedelta(days=80), end + timedelta(days=200)
    china.today = start
    china.record(p.GraceStarted(occurred_at=china.now, until=until, reason="in hospital", **about), "C1")
    china.project()
    assert states(china, "C1", until) == {"PASS-C1": "grace"}
    assert states(china, "C1", until + timedelta(days=1)) == {"PASS-C1": "suspended"}
    china.today = until - timedelta(days=50)
    china.record(p.GraceEnded(occurred_at=china.now, outcome="lapsed", **about), "C1")
    china.today = until + timedelta(days=1)
    china.record(p.ServiceSuspended(occurred_at=china.now), "C1")
    failed = p.VerificationFailed(occurred_at=china.now, method="chip", reason="broken", reference="R-1", **about)
    china.record(failed, "C1")
    engine = china.project()
    assert states(china, "C1", until - timedelta(days=49)) == {"PASS-C1": "suspended"}
    (asked,) = document_register.due(china.log, china.today, RULES)
    assert asked.suspended
    assert not document_register.due(china.log, china.today - timedelta(days=1), RULES)[0].suspended
    (shown,) = document_register.of_streams(china.log, [stream(china, "C1")], china.today, RULES)
    assert (shown.checked, shown.checked_on, shown.scans) == ("failed", china.today, 0)
    suspended = china.today
    china.today = suspended + timedelta(days=5)
    china.record(passport("NEW", china), "C1")
    superseded = p.DocumentSuperseded(occurred_at=china.now, by_kind="passport", by_number="NEW", **about)
    china.record(superseded, "C1")
    china.record(p.ServiceResumed(occurred_at=china.now), "C1")
    china.project()
    assert due(china, china.today) == []
    assert document_register.due(china.log, suspended, RULES)[0].suspended, "as it was that day"
    assert engine.rebuild("document_register").equal is True


def test_whom_a_branch_has_to_ask(china: Story) -> None:
    """Of the branch that looks after them now, by state, page by page, and nobody whose relationship has ended."""
    for number in ("C1", "C2", "C3"):
        onboard(china, number)
    china.record(company("K1", china), branch="B-2")
    china.record(BranchTransferred(occurred_at=china.now, to="B-2"), "C2")
    china.record(RelationshipEnded(occurred_at=china.now, on=china.today, reason="moved"), "C3")
    engine = china.project()
    end = china.state("customer", "C1").documents[0].expires_on
    on = end + timedelta(days=1)
    assert [one[0] for one in due(china, on, branch="B-1")] == ["C1"]
    assert [one[0] for one in due(china, on, branch="B-2")] == ["C2"]
    assert due(china, on, states=("expiring", "suspended")) == []
    assert due(china, end, states=("expiring",)) == due(china, end)
    first = document_register.due(china.log, on, RULES, limit=1)
    second = document_register.due(china.log, on, RULES, after=first[0])
    assert {one.stream_id for one in (*first, *second)} == {stream(china, "C1"), stream(china, "C2")}
    assert isinstance(first[0], Due)
    row = china.recorded("customer", "C1")[0].row
    china.log.key_store.destroy(row.data_key)
    china.log.ring.forget(row.data_key)
    (gone,) = document_register.of_streams(china.log, [stream(china, "C1")], end, RULES)
    assert gone.printed is None
    engine.sweep()
    assert document_register.of_streams(china.log, [stream(china, "C1")], end, RULES) == []
    assert engine.rebuild("document_register").equal is True


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    st.dates(date(2026, 3, 2), date(2040, 12, 31)), st.integers(-500, 500), st.sampled_from(["P90D", "P3M", "P1Y"])
)
def test_the_lines_are_those_of_the_rules(end: date, off: int, grace: str) -> None:
    """The days of expiry at which the lists draw their lines are where the rules themselves change their answer."""
    rules = parse_documents(DOCUMENTS.replace('grace = "P90D"', f'grace = "{grace}"'), "documents")
    on = max(date(2026, 3, 2), end + timedelta(days=off))
    lines = document_register.bounds(rules, on)
    assert lines.remind is not None
    assert lines.lapsed is not None
    state = rules.expiry_on(end, on).state
    assert (state == "suspended") == (end <= lines.lapsed)
    assert (state == "valid") == (end > lines.remind)
    assert (state == "grace") == (lines.lapsed < end < on)


def test_the_published_rules_decide(china: Story) -> None:
    """Head office shortens the reasonable period from a day on: states follow on that day, without an event."""
    onboard(china, "C1")
    end = china.state("customer", "C1").documents[0].expires_on
    publish(china, "documents", DOCUMENTS.replace('grace = "P90D"', 'grace = "P30D"'), 2, end)
    china.project()
    policies = china.ledger.state(POLICIES)
    assert isinstance(policies, Policies)
    on = end + timedelta(days=40)
    assert states(china, "C1", on, policies.documents(on)) == {"PASS-C1": "suspended"}
    assert states(china, "C1", on) == {"PASS-C1": "grace"}


def test_lists_are_read_through_indexes(china: Story) -> None:
    """Whom to ask is found by the day of expiry, a number by its digest: no list reads all documents."""
    china.record(person("C1", china))
    with pytest.raises(NotFoundError):
        document_register.due(china.log, china.today, RULES)
    china.project()
    lines = document_register._lines(china.today, document_register.bounds(RULES, china.today))
    nobody = "0" * 32
    given_due = {
        "states": ["grace"], "branch": None, "limit": 5, "first": date.min, "last": china.today,
        "after_day": date.min, "after": nobody,
    }  # fmt: skip
    with china.log.database.connection() as connection:
        connection.execute("set enable_seqscan = off")
        for statement, arguments, index in (
            ("due", given_due, "document_register_b1_expires"), ("of_number", {"number": nobody}, "_b1_number"),
            ("of_streams", {"streams": [nobody]}, "document_register_b1_pkey"),
        ):  # fmt: skip
            asked = b"explain " + document_register._filled(statement).as_bytes(connection)
            plan = "\n".join(line for (line,) in connection.execute(asked, lines | arguments).fetchall())
            assert index in plan, plan
            assert "Seq Scan" not in plan, plan
