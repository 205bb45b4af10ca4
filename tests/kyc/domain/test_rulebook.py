"""Thresholds, review cycles, answer times: the value on a day, which rule gave it, how a file can be wrong."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from kyc.domain.rulebook import (
    By,
    Codes,
    Rulebook,
    Share,
    Threshold,
    Within,
    WorkingDays,
    book,
    parse_rules,
    shipped_rulebook,
)
from kyc.domain.rulefile import edition_on
from kyc.errors import ConfigurationError, NotFoundError

BOOK = shipped_rulebook()


def day(text: str) -> date:
    """A date."""
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("rule", "on", "jurisdiction", "currency", "amount"),
    [
        ("cdd.one-off", "2025-12-31", "CN", "CNY", "10000"),
        ("cdd.one-off", "2025-12-31", "CN", "USD", "1000"),
        ("cdd.one-off", "2026-01-01", "CN", "CNY", "50000"),
        ("cdd.one-off", "2026-01-01", "CN", "USD", "10000"),
        ("cdd.one-off", "2026-01-01", "FATF", "EUR", "15000"),
        ("cdd.one-off", "2027-07-10", "EU", "EUR", "10000"),
        ("cdd.cash", "2027-07-10", "EU", "EUR", "3000"),
        ("remittance.register", "2026-01-01", "CN", "JPY", "0"),
        ("remittance.register", "2026-01-01", "US", "USD", "3000"),
        ("remittance.verify", "2026-01-01", "CN", "CNY", "5000"),
        ("remittance.verify", "2026-01-01", "CN", "USD", "1000"),
        ("remittance.verify", "2026-01-01", "FATF", "USD", "1000"),
    ],
)
def test_due_diligence_thresholds(rule, on, jurisdiction, currency, amount) -> None:
    """Each threshold of the brief on its first day, or the last of its predecessor; all inclusive."""
    threshold = BOOK.value(rule, day(on), jurisdiction=jurisdiction, currency=currency).of(Threshold)
    assert threshold.amount == Decimal(amount)
    assert threshold.reached(threshold.amount)
    assert not threshold.reached(threshold.amount - Decimal("0.01"))


@pytest.mark.parametrize(
    ("subject", "reach", "means", "currency", "amount"),
    [
        ("natural", "domestic", "cash", "CNY", "50000"),
        ("organisation", "cross-border", "cash", "USD", "10000"),
        ("organisation", "domestic", "transfer", "CNY", "2000000"),
        ("organisation", "cross-border", "transfer", "USD", "200000"),
        ("natural", "domestic", "transfer", "CNY", "500000"),
        ("natural", "domestic", "transfer", "USD", "100000"),
        ("natural", "cross-border", "transfer", "CNY", "200000"),
        ("natural", "cross-border", "transfer", "USD", "10000"),
    ],
)
def test_large_value_thresholds(subject, reach, means, currency, amount) -> None:
    """O3-16 art. 5 by subject, reach and means; cash is the same for everybody."""
    ruling = BOOK.value(
        "large-value.report", day("2020-01-01"), jurisdiction="CN", currency=currency, subject=subject, reach=reach,
        means=means,
    )  # fmt: skip
    assert ruling.of(Threshold) == Threshold(amount=Decimal(amount), currency=currency)
    assert (ruling.row.source, ruling.row.mark) == ("O3-16 art. 5", "C")


def test_exclusive_threshold() -> None:
    """The US currency report is due beyond 10,000, not at it."""
    asked = {"jurisdiction": "US", "currency": "USD", "subject": "natural", "reach": "domestic", "means": "cash"}
    threshold = BOOK.value("large-value.report", day("2026-01-01"), **asked).of(Threshold)
    assert not threshold.reached(Decimal(10_000))
    assert threshold.reached(Decimal("10000.01"))


@pytest.mark.parametrize(
    ("on", "jurisdiction", "tier", "period"),
    [
        ("2010-01-01", "CN", "high", "P6M"),
        ("2026-06-01", "CN", "high", "P6M"),
        ("2026-06-01", "CN", "medium", "P1Y"),
        ("2026-06-01", "CN", "low", "P2Y"),
        ("2027-07-10", "EU", "high", "P1Y"),
        ("2027-07-10", "EU", "low", "P5Y"),
    ],
)
def test_review_cycles(on, jurisdiction, tier, period) -> None:
    """How often a tier is reviewed; a named tier goes before the row for all others."""
    assert BOOK.value("review.cycle", day(on), jurisdiction=jurisdiction, tier=tier).of(Within).period == period


def test_the_other_kinds_of_values() -> None:
    """Shares, working days, fixed days and lists of codes come typed."""
    on = day("2026-06-01")
    assert BOOK.value("owner.share", on, jurisdiction="CN", risk="low").of(Share).percent == 25
    assert BOOK.value("owner.share", on, jurisdiction="CN", risk="high").of(Share).percent == 10
    assert BOOK.value("owner.share", day("2026-01-19"), jurisdiction="CN", risk="high").of(Share).percent == 25
    assert BOOK.value("large-value.within", on, jurisdiction="CN").of(WorkingDays).days == 5
    assert BOOK.value("answer.fiu", day("2027-08-01"), jurisdiction="EU").of(WorkingDays).days == 5
    assert BOOK.value("answer.fiu-urgent", day("2027-08-01"), jurisdiction="EU").of(Within).period == "PT24H"
    assert BOOK.value("answer.objection", on, jurisdiction="CN").of(Within).period == "P15D"
    assert BOOK.value("review.existing", on, jurisdiction="CN", tier="high").of(By).day == day("2026-06-30")
    assert BOOK.value("review.existing", on, jurisdiction="CN", tier="low").of(By).day == day("2027-12-31")
    codes = BOOK.value("cdd.again", on, jurisdiction="CN").of(Codes).codes
    assert {"name-changed", "representative-changed", "doubt", "suspicion"} <= set(codes)
    with pytest.raises(ConfigurationError, match="another kind"):
        BOOK.value("cdd.again", on, jurisdiction="CN").of(Share)


def test_which_rule_gave_the_answer() -> None:
    """The answer names rule, choice, version, source, mark and the days it is law."""
    ruling = BOOK.value("cdd.one-off", day("2025-06-01"), jurisdiction="CN", currency="CNY")
    assert (ruling.rule_id, ruling.version, ruling.row.mark, ruling.row.configurable) == (
        "cdd.one-off",
        1,
        "M",
        True,
    )
    for part in ("cdd.one-off", "CN", "CNY", "rulebook 1", "O2-07 art. 7", "M", "2007-08-01 to 2025-12-31"):
        assert part in ruling.explain()
    rows = [row.effective_from for row in BOOK.history("cdd.one-off") if row.where["jurisdiction"] == "CN"]
    assert rows == sorted(rows)
    assert len(rows) == 4


def test_questions_no_rule_answers() -> None:
    """Unknown rules, other selectors, and days or choices that no row covers are told apart."""
    with pytest.raises(ConfigurationError, match="no such rule"):
        BOOK.value("cdd.nothing", day("2026-01-01"))
    for selectors in ({}, {"jurisdiction": "CN"}, {"jurisdiction": "CN", "currency": "CNY", "tier": "high"}):
        with pytest.raises(ConfigurationError, match="its selectors"):
            BOOK.value("cdd.one-off", day("2026-01-01"), **selectors)
    for on, currency in (("2007-07-31", "CNY"), ("2026-01-01", "JPY")):
        with pytest.raises(NotFoundError) as missing:
            BOOK.value("cdd.one-off", day(on), jurisdiction="CN", currency=currency)
        assert missing.value.field == "cdd.one-off"


def test_a_correction_is_a_new_version() -> None:
    """A typing error published on 1 March and corrected on 1 April: each day has the version in use then."""
    rules = list(BOOK.rules.values())
    wrong = parse_rules(ROW.replace("x.rule", "answer.objection").replace("P1Y", "P51D"), "x.toml")
    others = [rule for rule in rules if rule.rule_id != "answer.objection"]
    versions = [BOOK, book([*others, *wrong], 2, day("2026-03-01")), book(rules, 3, day("2026-04-01"))]
    found = []
    for on in ("2026-02-28", "2026-03-15", "2026-04-01"):
        ruling = edition_on(versions, day(on)).value("answer.objection", day(on), jurisdiction="CN")
        found.append((ruling.version, ruling.of(Within).period))
    assert found == [(1, "P15D"), (2, "P51D"), (3, "P15D")]
    with pytest.raises(ConfigurationError, match="contradict"):
        book([*rules, *wrong], 4, day("2026-05-01"))
    assert isinstance(versions[1], Rulebook)


ROW = """
[[rule]]
rule_id = "x.rule"
about = "an example"
selectors = ["jurisdiction"]
[[rule.row]]
where = { jurisdiction = "CN" }
value = { kind = "Within", period = "P1Y" }
effective_from = 2020-01-01
source = "act"
mark = "C"
"""
MORE = ROW[ROW.index("[[rule.row]]") :]


@pytest.mark.parametrize(
    ("was", "becomes", "field", "rule"),
    [
        ('rule_id = "x.rule"', 'rule_id = "X"', "x.toml: rule[0].rule_id", "matching regex"),
        ('kind = "Within"', 'kind = "Without"', "x.toml: rule[0].row[0].value.kind", "Without"),
        ('"P1Y"', '"1 year"', "x.toml: rule[0].row[0].value.period", "matching regex"),
        ('{ jurisdiction = "CN" }', '{ country = "CN" }', "x.toml: x.rule", "every row chooses jurisdiction"),
        ('mark = "C"', 'mark = "M"', "x.toml: rule[0].row[0]", "configurable"),
        (MORE, MORE + MORE, "x.toml: x.rule", "one row for a choice on a day"),
        (MORE, MORE + MORE.replace('"CN"', '"EU"').replace("Within", "Share").replace("period", "percent")
         .replace("P1Y", "25"), "x.toml: x.rule", "values of one kind"),
        ('{ kind = "Within", period = "P1Y" }', '{ kind = "Threshold", amount = "NaN", currency = "CNY" }',
         "x.toml: rule[0].row[0].value", "finite"),
        ('{ kind = "Within", period = "P1Y" }', '{ kind = "Threshold", amount = "-1", currency = "CNY" }',
         "x.toml: rule[0].row[0].value", "not negative"),
        ('{ kind = "Within", period = "P1Y" }', '{ kind = "Share", percent = "101" }',
         "x.toml: rule[0].row[0].value", "between 0 and 100"),
        (MORE, "", "x.toml: rule[0]", "missing required field `row`"),
    ],
)  # fmt: skip
def test_bad_rules(was, becomes, field, rule) -> None:
    """A file that says something wrongly is refused with file, field and rule."""
    assert parse_rules(ROW, "x.toml")[0].rule_id == "x.rule"
    with pytest.raises(ConfigurationError) as refused:
        parse_rules(ROW.replace(was, becomes), "x.toml")
    assert refused.value.field == field
    assert rule in (refused.value.rule or "")


def test_rows_may_follow_each_other() -> None:
    """The same choice again after the first row has ended is the ordinary way law changes."""
    ended = ROW.replace("effective_from = 2020-01-01", "effective_from = 2019-01-01\neffective_to = 2019-12-31")
    assert len(parse_rules(ended + MORE, "x.toml")[0].row) == 2
