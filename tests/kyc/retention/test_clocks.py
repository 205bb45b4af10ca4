"""The worked examples of the retention rules, and what must hold for all dates."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.errors import ConfigurationError
from kyc.retention.clocks import after, deadline
from kyc.retention.policies import in_force, parse, shipped

CN, EU = shipped("cn"), shipped("eu")
DAYS = st.dates(date(2007, 8, 1), date(2060, 1, 1))


@pytest.mark.parametrize(
    ("record_class", "trigger", "on_date", "asked", "keep_through"),
    [
        ("identity", "relationship-ended", date(2025, 6, 30), date(2026, 1, 1), date(2035, 6, 30)),
        ("identity", "relationship-ended", date(2019, 6, 30), date(2024, 12, 31), date(2024, 12, 31)),
        ("identity", "relationship-ended", date(2019, 6, 30), date(2025, 1, 1), date(2029, 6, 30)),
        ("transaction", "transaction-booked", date(2018, 3, 10), date(2023, 1, 1), date(2023, 12, 31)),
        ("transaction", "transaction-booked", date(2018, 3, 10), date(2025, 1, 1), date(2028, 3, 10)),
        ("account", "account-closed", date(2020, 5, 5), date(2026, 1, 1), date(2030, 5, 5)),
    ],
)
def test_worked_examples(record_class: str, trigger: str, on_date: date, asked: date, keep_through: date) -> None:
    """The last day a record must exist, by the law in force on the day of the question."""
    answer = deadline(record_class, {trigger: on_date}, CN, asked)
    assert answer.keep_through == keep_through
    assert answer.policies
    assert not answer.conflict


def test_leap_day_by_declared_rule() -> None:
    """A relationship that ended on 29 February ends its period by the rule the institution declared."""
    ended = {"relationship-ended": date(2024, 2, 29)}
    assert deadline("identity", ended, CN, date(2026, 1, 1)).keep_through == date(2034, 2, 28)
    assert deadline("identity", ended, CN, date(2026, 1, 1), leap="1-mar").keep_through == date(2034, 3, 1)


def test_hold_beats_everything() -> None:
    """A hold on the last day leaves no date."""
    answer = deadline("identity", {"relationship-ended": date(2019, 6, 30)}, CN, date(2029, 6, 30), holds=1)
    assert (answer.keep_through, answer.earliest_disposal, answer.held) == (None, None, True)


def test_no_trigger_no_clock() -> None:
    """While a relationship goes on there is no date, and an unknown trigger starts nothing."""
    for triggers in ({}, {"relationship-established": date(2000, 1, 1)}):
        assert deadline("identity", triggers, CN, date(2026, 1, 1)).keep_through is None


def test_two_laws_that_contradict() -> None:
    """Ten years here, deletion after five there: a conflict for a person, not a guess."""
    answer = deadline("transaction", {"transaction-booked": date(2028, 3, 10)}, (*CN, *EU), date(2028, 4, 1))
    assert answer.conflict
    assert answer.keep_through == date(2038, 3, 10)
    assert answer.must_delete_by == date(2033, 3, 10)


@given(start=DAYS, asked=DAYS)
def test_another_law_never_shortens_the_duty_to_keep(start: date, asked: date) -> None:
    """Adding policies can only lengthen what must be kept; disposal is never before the day after."""
    triggers = {"transaction-booked": start}
    alone = deadline("transaction", triggers, CN, asked).keep_through
    both = deadline("transaction", triggers, (*CN, *EU), asked)
    assert alone is not None
    assert both.keep_through is not None
    assert both.keep_through >= alone
    assert both.earliest_disposal is not None
    assert (both.earliest_disposal - both.keep_through).days == 1


@given(start=DAYS, years=st.integers(1, 40))
def test_calendar_years(start: date, years: int) -> None:
    """A period ends on the same day of the year, but for a leap day."""
    end = after(start, years, "date", "28-feb")
    assert (end.year - start.year, end.month) == (years, start.month)
    assert end.day == start.day or (start.month, start.day) == (2, 29)


def test_law_has_a_history() -> None:
    """Which rule gave the answer on a day is data: before and after the change of law another policy applies."""
    before, now = ({policy.id for policy in in_force(CN, day)} for day in (date(2024, 6, 1), date(2025, 6, 1)))
    assert "CN-ID-07" in before - now
    assert "CN-ID-25" in now - before


@pytest.mark.parametrize("text", ["[", "[[policy]]\nid = 1", "[[policy]]\nid = 'x'\nmin_years = 0", "other = 1"])
def test_bad_rule_file(text: str) -> None:
    """A rule file that is none is refused by its name."""
    with pytest.raises(ConfigurationError) as refused:
        parse(text, "cn.toml")
    assert refused.value.field == "cn.toml"


def test_unknown_jurisdiction() -> None:
    """A jurisdiction without rules is refused with those there are."""
    with pytest.raises(ConfigurationError):
        shipped("atlantis")
