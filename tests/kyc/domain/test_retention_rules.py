"""Retention law as data: every row of the shipped files, versions, and each way a file can be wrong."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from kyc.domain.retention_rules import JURISDICTIONS, PolicySet, parse_policies, shipped, shipped_set
from kyc.domain.rulefile import edition_on
from kyc.errors import ConfigurationError

LAW = shipped_set()
ROW = """
[[policy]]
policy_id = "X-1"
jurisdiction = "XX"
record_classes = ["identity"]
triggers = ["relationship-ended"]
min_len = "P5Y"
effective_from = 2020-01-01
effective_to = 2024-12-31
source = "act, art. 1"
mark = "C"
"""


@pytest.mark.parametrize(
    ("policy_id", "least", "most", "clock", "first", "last", "mark"),
    [
        ("CN-ID-07", "P5Y", None, "year_end", "2007-08-01", "2024-12-31", "C"),
        ("CN-TX-07", "P5Y", None, "year_end", "2007-08-01", "2024-12-31", "C"),
        ("CN-ID-25", "P10Y", None, "date", "2025-01-01", None, "C"),
        ("CN-TX-25", "P10Y", None, "date", "2025-01-01", None, "C"),
        ("CN-CDD-26", "P10Y", None, "date", "2026-01-01", None, "S"),
        ("CN-STR", "P10Y", None, "date", "2017-07-01", None, "M/D"),
        ("CN-ACCT", "P10Y", None, "date", "2003-09-01", None, "S"),
        ("CN-VOUCH", "P30Y", None, "year_end", "2016-01-01", None, "S"),
        ("CN-PIA", "P3Y", None, "date", "2021-11-01", None, "C"),
        ("CN-PIPL-MAX", None, "P0D", "date", "2021-11-01", None, "C"),
        ("FATF-R11", "P5Y", None, "date", "2012-02-16", None, "C"),
        ("EU-AMLD4", "P5Y", "P5Y", "date", "2017-06-26", "2027-07-09", "S"),
        ("EU-AMLR77", "P5Y", "P5Y", "date", "2027-07-10", None, "C"),
        ("UK-40", "P5Y", "P5Y", "date", "2017-06-26", None, "C"),
        ("US-CIP-ID", "P5Y", None, "date", "2003-10-01", None, "C"),
        ("US-CIP-VER", "P5Y", None, "date", "2003-10-01", None, "C"),
        ("US-1010.430", "P5Y", None, "date", "2011-03-01", None, "C"),
        ("US-SAR/CTR", "P5Y", None, "date", "2011-03-01", None, "C"),
    ],
)
def test_every_row_is_shipped(policy_id, least, most, clock, first, last, mark) -> None:
    """Each row of the table: lengths, clock, days it is law, and how far it was confirmed."""
    rows = [policy for policy in LAW.policies if policy.policy_id == policy_id]
    assert rows
    for row in rows:
        assert (row.min_len, row.max_len, row.clock_rule, row.mark) == (least, most, clock, mark)
        assert row.effective_from == date.fromisoformat(first)
        assert row.effective_to == (None if last is None else date.fromisoformat(last))
        assert row.configurable == (mark != "C")


def test_broker_dealer_records_by_class() -> None:
    """SEC 17a-4 keeps by class of records, three to six years."""
    assert {p.record_classes: p.min_len for p in LAW.policies if p.policy_id == "US-17a-4"} == {
        ("broker-dealer-ledger",): "P6Y", ("broker-dealer-communication",): "P3Y",
    }  # fmt: skip


def test_kinds_of_holds() -> None:
    """Investigations, orders and disputes hold."""
    assert [hold.hold_id for hold in LAW.holds] == ["HOLD-AML", "HOLD-ORD", "HOLD-LIT"]


def test_a_file_speaks_of_its_own_jurisdiction() -> None:
    """No file brings law of another jurisdiction, and every jurisdiction has some."""
    for name in JURISDICTIONS:
        assert {policy.jurisdiction for policy in shipped(name)} == {name.upper()}


def test_law_in_force_on_a_day() -> None:
    """Before and after the change of law another policy applies, up to and from exactly that day."""
    last, first = date(2024, 12, 31), date(2025, 1, 1)
    before, now = ({policy.policy_id for policy in LAW.in_force(day, "CN")} for day in (last, first))
    assert "CN-ID-07" in before - now
    assert "CN-ID-25" in now - before
    assert {policy.jurisdiction for policy in LAW.in_force(first, "CN", "EU")} == {"CN", "EU"}
    assert {policy.jurisdiction for policy in LAW.in_force(first)} == {"CN", "EU", "FATF", "UK", "US"}


def test_every_row_says_why_it_does_not_apply() -> None:
    """Asked about identity in China in 2024, each row says whether it was law there and then."""
    said = {p.policy_id: (applies, why) for p, applies, why in LAW.explain(date(2024, 6, 1), ["CN"], "identity")}
    assert said["CN-ID-07"] == (True, "law since 2007-08-01")
    assert said["CN-ID-25"] == (False, "not law before 2025-01-01")
    assert said["CN-TX-07"] == (False, "about other records")
    assert said["EU-AMLD4"] == (False, "law of another jurisdiction")
    said = {p.policy_id: why for p, _, why in LAW.explain(date(2025, 6, 1), ["CN"], "identity")}
    assert said["CN-ID-07"] == "not law after 2024-12-31"


def test_a_correction_is_a_new_version() -> None:
    """The version in use on a day gave that day's answer: the highest that had begun."""
    begins = {2: date(2026, 3, 1), 3: date(2026, 3, 1), 4: date(2027, 1, 1)}
    later = [PolicySet(version=n, effective_from=day, policies=LAW.policies) for n, day in begins.items()]
    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 12, 31), date(2030, 1, 1))
    assert [edition_on([LAW, *later], day).version for day in days] == [1, 3, 3, 4]
    with pytest.raises(ConfigurationError, match="in use on that day"):
        edition_on(later, date(1999, 1, 1))
    with pytest.raises(ConfigurationError, match="same version"):
        edition_on([LAW, LAW], date(2026, 1, 1))


@pytest.mark.parametrize(
    ("was", "becomes", "field", "rule"),
    [
        ('mark = "C"', 'mark = "C', "x.toml", "line 11"),
        ('policy_id = "X-1"\n', "", "x.toml: policy[0]", "missing required field `policy_id`"),
        ('mark = "C"', 'mark = "C"\nfoo = 1', "x.toml: policy[0]", "unknown field `foo`"),
        ('min_len = "P5Y"', "min_len = 5", "x.toml: policy[0].min_len", "Expected `str | null`"),
        ('min_len = "P5Y"', 'min_len = "5 years"', "x.toml: policy[0].min_len", "matching regex"),
        ('min_len = "P5Y"', 'min_len = "PT48H"', "x.toml: policy[0].min_len", "matching regex"),
        ('min_len = "P5Y"\n', "", "x.toml: policy[0]", "min_len or max_len"),
        ('"relationship-ended"', '"relationship-end"', "x.toml: policy[0].triggers[0]", "Invalid enum value"),
        ('"relationship-ended"', "", "x.toml: policy[0].triggers", "length >= 1"),
        ('jurisdiction = "XX"', 'jurisdiction = "x"', "x.toml: policy[0].jurisdiction", "matching regex"),
        ("effective_to = 2024", "effective_to = 2019", "x.toml: policy[0]", "effective_to before effective_from"),
        ('mark = "C"', 'mark = "S"', "x.toml: policy[0]", "configurable"),
        ('mark = "C"', 'mark = "C"\nconfigurable = true', "x.toml: policy[0]", "configurable"),
        ("[[policy]]", "[[rule]]", "x.toml: file", "unknown field `rule`"),
    ],
)  # fmt: skip
def test_bad_rows(was, becomes, field, rule) -> None:
    """A file that says something wrongly is refused with file, field and rule."""
    assert parse_policies(ROW, "x.toml")[0].min_len == "P5Y"
    with pytest.raises(ConfigurationError) as refused:
        parse_policies(ROW.replace(was, becomes), "x.toml")
    assert refused.value.field == field
    assert rule in (refused.value.rule or "")


def test_two_rows_for_one_day() -> None:
    """The same policy may follow itself, or speak of other records, but not twice of the same ones on a day."""
    later = ROW.replace("2020-01-01", "2025-01-01").replace("effective_to = 2024-12-31\n", "")
    assert len(parse_policies(ROW + later, "x.toml")) == 2
    assert len(parse_policies(ROW + ROW.replace("identity", "account"), "x.toml")) == 2
    for other in (ROW, ROW.replace("identity", "*"), later.replace("2025-01-01", "2024-12-31")):
        with pytest.raises(ConfigurationError) as refused:
            parse_policies(ROW + other, "x.toml")
        assert refused.value.field == "x.toml: X-1"


def test_unknown_jurisdiction() -> None:
    """A jurisdiction without rules is refused with those there are."""
    with pytest.raises(ConfigurationError) as refused:
        shipped("atlantis")
    assert refused.value.rule == "cn, eu, fatf, uk, us"


def test_policies_are_immutable() -> None:
    """No row is edited in place; a changed copy is another object."""
    policy = shipped("cn")[0]
    with pytest.raises(AttributeError):
        policy.min_len = "P1Y"
    assert msgspec.structs.replace(policy, min_len="P1Y") != policy
