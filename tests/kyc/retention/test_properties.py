"""What must hold for all facts, laws and days: nothing that is added ever lets a record go earlier."""

from __future__ import annotations

from datetime import date, timedelta
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.calendar import later
from kyc.domain.retention_rules import Policy, PolicySet, Trigger, shipped_set
from kyc.retention.clocks import Deadline, Level, Link, Record, evaluate
from kyc.retention.media import batch

LAW = shipped_set()
DAYS = st.dates(date(2004, 1, 1), date(2060, 12, 31))
FACTS = st.tuples(st.sampled_from(get_args(Trigger)), DAYS)
LINKS = st.builds(Link, st.sampled_from(get_args(Level)), st.lists(FACTS, max_size=4).map(tuple))
RECORDS = st.builds(
    Record,
    st.sampled_from(["identity", "due-diligence", "transaction", "account", "monitoring"]),
    st.sets(st.sampled_from(["CN", "EU", "UK", "US", "FATF"]), min_size=1, max_size=3).map(tuple),
    st.lists(LINKS, min_size=1, max_size=3).map(tuple),
)
FEB29 = st.sampled_from(["28-feb", "1-mar"])


def no_earlier(answer: Deadline, than: Deadline) -> bool:
    """Whether an answer lets go no earlier than another; no date is later than all dates."""
    if answer.keep_through is None:
        return True
    return than.keep_through is not None and answer.keep_through >= than.keep_through


@given(RECORDS, DAYS, FEB29)
def test_shape_of_every_answer(record, on, feb29) -> None:
    """Disposal is the day after keeping, due means past it without conflict, and the state says the same."""
    answer = evaluate(record, LAW, on, feb29=feb29)
    if answer.keep_through is not None:
        assert answer.earliest_disposal == answer.keep_through + timedelta(days=1)
    if answer.due:
        assert answer.earliest_disposal is not None
        assert answer.earliest_disposal <= on
        assert answer.must_delete_by is None or answer.must_delete_by >= answer.earliest_disposal
    assert (answer.state == "conflict") == answer.conflict
    assert (answer.state == "due") == answer.due


@given(RECORDS, DAYS, st.sampled_from(LAW.policies), st.integers(11, 40))
def test_a_longer_minimum_never_shortens(record, on, policy, years) -> None:
    """Another policy with a longer minimum never lets a record go earlier."""
    more: Policy = msgspec.structs.replace(
        policy, policy_id="X", jurisdiction=record.jurisdictions[0], min_len=f"P{years}Y", cap=None
    )
    law = PolicySet(version=2, effective_from=date.min, policies=(*LAW.policies, more))
    assert no_earlier(evaluate(record, law, on), than=evaluate(record, LAW, on))


@given(RECORDS, DAYS, st.sampled_from(["CN", "EU", "UK", "US", "FATF"]))
def test_another_jurisdiction_never_shortens(record, on, jurisdiction) -> None:
    """Stricter of home and host: law that is added only lengthens the duty to keep."""
    wider = record._replace(jurisdictions=tuple({*record.jurisdictions, jurisdiction}))
    narrow, wide = evaluate(record, LAW, on), evaluate(wider, LAW, on)
    if narrow.applied:
        assert no_earlier(wide, than=narrow)
        assert narrow.must_delete_by is None or (wide.must_delete_by or date.max) <= narrow.must_delete_by


@given(RECORDS, LINKS, DAYS)
def test_another_person_never_shortens(record, link, on) -> None:
    """A further customer or account on a record only lengthens, once its clocks ran without them."""
    before = evaluate(record, LAW, on)
    after = evaluate(record._replace(links=(*record.links, link)), LAW, on)
    if before.keep_through is not None:
        assert no_earlier(after, than=before)


@given(RECORDS, DAYS)
def test_a_hold_leaves_no_date(record, on) -> None:
    """Whatever the facts: under a hold there is neither a date to keep nor one to delete."""
    held = evaluate(record, LAW, on, holds=["H"])
    assert (held.keep_through, held.must_delete_by, held.due, held.conflict) == (None, None, False, False)
    assert no_earlier(held, than=evaluate(record, LAW, on))


@given(RECORDS, DAYS, st.randoms(use_true_random=False))
def test_order_of_facts_and_laws_does_not_matter(record, on, random) -> None:
    """Links, facts and policies are sets: their order changes no date."""
    policies, links = list(LAW.policies), [Link(link.level, tuple(reversed(link.facts))) for link in record.links]
    random.shuffle(policies)
    random.shuffle(links)
    law = PolicySet(version=1, effective_from=date.min, policies=tuple(policies))
    one, other = evaluate(record, LAW, on), evaluate(record._replace(links=tuple(links)), law, on)
    assert (one.keep_through, one.must_delete_by) == (other.keep_through, other.must_delete_by)


@given(DAYS, st.integers(1, 2000), st.sampled_from(["P5Y", "P10Y", "P6M", "P30D", "P1Y2M3D"]), FEB29)
def test_a_later_trigger_never_ends_earlier(first, days, period, feb29) -> None:
    """Periods keep the order of the days they start from."""
    assert later(first, period, feb29) <= later(first + timedelta(days=days), period, feb29)


@given(st.lists(RECORDS, min_size=1, max_size=4), RECORDS, DAYS)
def test_a_batch_never_goes_before_a_member(records, added, on) -> None:
    """No member outlives its medium, and adding one never lets it go earlier."""
    answers = [evaluate(record, LAW, on) for record in records]
    small, large = batch(answers), batch([*answers, evaluate(added, LAW, on)])
    for answer in answers:
        if small.keep_through is not None:
            assert answer.keep_through is not None
            assert answer.keep_through <= small.keep_through
    if large.keep_through is not None:
        assert small.keep_through is not None
        assert small.keep_through <= large.keep_through
