"""Media of mixed periods: the longest member decides, the last copy stays, and what a new law would move."""

from __future__ import annotations

from datetime import date

from kyc.domain.retention_rules import PolicySet, parse_policies, shipped, shipped_set
from kyc.domain.rulefile import edition_on
from kyc.retention.changes import moved
from kyc.retention.clocks import Deadline, Link, Record, deadline
from kyc.retention.media import batch, may_destroy

CN, EU = shipped("cn"), shipped("eu")
ON = date(2036, 1, 1)


def ended(year: int, law=CN, **options) -> Deadline:
    """The deadline of the identity of somebody who left in June of a year."""
    return deadline("identity", {"relationship-ended": date(year, 6, 30)}, law, ON, **options)


def test_longest_member_decides() -> None:
    """A batch is kept for its longest member."""
    found = batch([ended(2025), ended(2030), ended(2027)])
    assert (found.keep_through, found.earliest_disposal) == (date(2040, 6, 30), date(2040, 7, 1))
    assert (found.must_delete_by, found.conflict, found.held) == (None, False, False)


def test_member_without_a_date() -> None:
    """A member that is held, or whose clock does not run, keeps the whole batch; an empty one has no date."""
    held = ended(2025, holds=["H"])
    assert batch([ended(2025), held]).keep_through is None
    assert batch([ended(2025), held]).held
    assert batch([ended(2025), deadline("identity", {}, CN, ON)]).earliest_disposal is None
    assert batch([]).keep_through is None


def test_members_that_must_go_before_the_medium_may() -> None:
    """One member must be deleted while another must stay: the batch has to be taken apart by a person."""
    apart = batch([ended(2028, EU), ended(2030, EU)])
    assert apart.must_delete_by == date(2033, 7, 1)
    assert apart.conflict
    assert not batch([ended(2028, EU)]).conflict
    assert batch([ended(2028, EU), ended(2028, EU, holds=["H"])]).conflict


def test_last_copy_stays() -> None:
    """A medium may go while every member not yet due lies on another; then the other is the last and stays."""
    members = {"old": ended(2025), "young": ended(2030)}
    media = {"tape": {"old", "young"}, "disk": {"young"}}
    assert may_destroy("tape", media, members)
    del media["tape"]
    assert not may_destroy("disk", media, members)
    assert may_destroy("disk", {"disk": {"old"}}, members)


def test_copies_do_not_help_what_is_held_or_unknown() -> None:
    """A held member, and one nobody computed a date for, stay on every medium."""
    media = {"tape": {"a"}, "disk": {"a"}}
    assert not may_destroy("tape", media, {"a": ended(2020, holds=["H"])})
    assert not may_destroy("tape", media, {})


def _records() -> list[tuple[str, Record]]:
    links = {year: (Link("customer", (("relationship-ended", date(year, 6, 30)),)),) for year in (2025, 2026)}
    return [(f"R{year}", Record("identity", ("CN",), links[year])) for year in links] + [
        ("T", Record("transaction", ("CN",), (Link("record", (("transaction-booked", date(2025, 6, 30)),)),)))
    ]


def test_what_a_correction_would_move() -> None:
    """A typing error is corrected by a new version: the records whose dates move are shown, with both answers."""
    text = """
[[policy]]
policy_id = "CN-ID-25"
jurisdiction = "CN"
record_classes = ["identity"]
triggers = ["relationship-ended"]
min_len = "P15Y"
effective_from = 2025-01-01
source = "published wrongly"
mark = "D"
configurable = true
"""
    right = shipped_set()
    others = tuple(policy for policy in right.policies if policy.policy_id != "CN-ID-25")
    wrong = PolicySet(
        version=2, effective_from=date(2026, 2, 1), policies=(*others, *parse_policies(text, "x.toml"))
    )
    corrected = PolicySet(version=3, effective_from=date(2026, 3, 1), policies=right.policies)
    found = list(moved(_records(), wrong, corrected, date(2026, 7, 1)))
    assert [(one.record, one.was.keep_through, one.becomes.keep_through) for one in found] == [
        ("R2025", date(2040, 6, 30), date(2035, 6, 30)), ("R2026", date(2041, 6, 30), date(2036, 6, 30)),
    ]  # fmt: skip
    assert {(one.was.version, one.becomes.version) for one in found} == {(2, 3)}
    assert edition_on([right, wrong, corrected], date(2026, 2, 14)).version == 2
    assert not list(moved(_records(), right, corrected, date(2026, 7, 1)))
    held = {"R2025": ("H",), "R2026": ("H",)}
    assert not list(moved(_records(), wrong, corrected, date(2026, 7, 1), holds=held))
