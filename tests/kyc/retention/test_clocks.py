"""The worked examples of the retention rules, and each rule by which laws, people and facts are combined."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from kyc.domain.retention_rules import PolicySet, shipped, shipped_set
from kyc.retention.clocks import Deadline, Link, Record, deadline, evaluate

CN, EU, UK, US = (shipped(name) for name in ("cn", "eu", "uk", "us"))
LAW = shipped_set()


def day(text: str) -> date:
    """A date."""
    return date.fromisoformat(text)


def ask(record_class: str, facts: dict[str, str], law, asked: str, **options) -> Deadline:
    """The answer for a record about which these facts say everything."""
    return deadline(record_class, {fact: day(on) for fact, on in facts.items()}, law, day(asked), **options)


def link(level: str, **facts: str) -> Link:
    """What is known of a customer, an account or the record; ``relationship_ended="2025-06-30"``."""
    return Link(level, tuple((fact.replace("_", "-"), day(on)) for fact, on in facts.items()))


def asked_of(record_class: str, where: tuple[str, ...], links: list[Link], on: str, **options) -> Deadline:
    """The answer for a record with several links under the shipped law."""
    return evaluate(Record(record_class, where, tuple(links)), LAW, day(on), **options)


@pytest.mark.parametrize(
    ("record_class", "facts", "asked", "keep_through", "policy"),
    [
        ("identity", {"relationship-ended": "2025-06-30"}, "2026-01-01", "2035-06-30", "CN-ID-25"),
        ("identity", {"relationship-ended": "2019-06-30"}, "2024-12-31", "2024-12-31", "CN-ID-07"),
        ("identity", {"relationship-ended": "2019-06-30"}, "2025-01-01", "2029-06-30", "CN-ID-25"),
        ("identity", {"one-off-completed": "2018-03-10"}, "2023-06-01", "2023-12-31", "CN-ID-07"),
        ("transaction", {"one-off-completed": "2018-03-10"}, "2023-06-01", "2023-12-31", "CN-TX-07"),
        ("transaction", {"one-off-completed": "2018-03-10"}, "2025-01-01", "2028-03-10", "CN-TX-25"),
        ("transaction", {"transaction-booked": "2018-03-10"}, "2024-12-31", "2023-12-31", "CN-TX-07"),
        ("transaction", {"transaction-booked": "2018-03-10"}, "2025-01-01", "2028-03-10", "CN-TX-25"),
        ("transaction", {"transaction-booked": "2026-02-28"}, "2026-03-01", "2036-02-28", "CN-CDD-26"),
        ("monitoring", {"record-made": "2020-05-05"}, "2026-01-01", "2030-05-05", "CN-STR"),
        ("account", {"account-closed": "2020-05-05"}, "2026-01-01", "2030-05-05", "CN-ACCT"),
        ("voucher", {"transaction-booked": "2020-05-05"}, "2026-01-01", "2050-12-31", "CN-VOUCH"),
        ("privacy", {"record-made": "2024-02-29"}, "2026-01-01", "2027-02-28", "CN-PIA"),
    ],
)
def test_worked_examples(record_class, facts, asked, keep_through, policy) -> None:
    """The last day a record must exist, by the law in force on the day of the question, and which law that is."""
    answer = ask(record_class, facts, CN, asked)
    assert answer.keep_through == day(keep_through)
    assert answer.earliest_disposal == day(keep_through) + timedelta(days=1)
    assert policy in answer.policies
    assert answer.must_delete_by is None
    assert not answer.conflict


def test_changed_law_takes_what_is_still_held() -> None:
    """Due on New Year's Day 2025 by the old law as planned before; asked on that day, the new law has moved it."""
    ended = {"relationship-ended": "2019-06-30"}
    planned = ask("identity", ended, CN, "2024-12-31")
    assert (planned.earliest_disposal, planned.due) == (day("2025-01-01"), False)
    answer = ask("identity", ended, CN, "2025-01-01")
    assert (answer.earliest_disposal, answer.due) == (day("2029-07-01"), False)
    booked = {"transaction-booked": "2018-03-10"}
    assert ask("transaction", booked, CN, "2024-01-01").due
    assert not ask("transaction", booked, CN, "2025-01-01").due


@pytest.mark.parametrize(("declared", "keep_through"), [("28-feb", "2034-02-28"), ("1-mar", "2034-03-01")])
def test_leap_day_by_declared_rule(declared, keep_through) -> None:
    """A relationship that ended on 29 February ends its period by the rule the institution declared."""
    answer = ask("identity", {"relationship-ended": "2024-02-29"}, CN, "2026-01-01", leap=declared)
    assert answer.keep_through == day(keep_through)
    assert answer.feb29 == declared


def test_eu_branch_is_a_conflict() -> None:
    """The one-off of 2018 in an EU branch: China keeps it until 2028, the EU wanted it gone in 2023."""
    links = [link("record", one_off_completed="2018-03-10", transaction_booked="2018-03-10")]
    before = asked_of("transaction", ("CN",), links, "2027-07-10")
    assert (before.state, before.conflict) == ("running", False)
    answer = asked_of("transaction", ("CN", "EU"), links, "2027-07-10")
    assert answer.state == "conflict"
    assert answer.earliest_disposal == day("2028-03-11")
    assert answer.must_delete_by == day("2023-03-11")
    assert not answer.due


def test_exactly_five_years_is_no_conflict() -> None:
    """Where minimum and maximum are the same period there is one day to delete on: the next one."""
    answer = ask("identity", {"relationship-ended": "2028-01-31"}, EU, "2033-02-01")
    assert answer.keep_through == day("2033-01-31")
    assert answer.must_delete_by == answer.earliest_disposal == day("2033-02-01")
    assert answer.due
    assert not ask("identity", {"relationship-ended": "2028-01-31"}, EU, "2033-01-31").due


def test_refusal_starts_a_clock_in_the_eu_only() -> None:
    """A refused applicant's records run five years from the refusal (AMLR 77); China names no such trigger."""
    refused = {"onboarding-refused": "2028-05-01"}
    answer = ask("due-diligence", refused, EU, "2028-05-02")
    assert (answer.keep_through, answer.policies) == (day("2033-05-01"), ("EU-AMLR77",))
    assert ask("due-diligence", refused, CN, "2028-05-02").state == "no-clock"


def test_eu_directive_until_the_regulation() -> None:
    """On the day before the regulation applies the directive gave the answer."""
    ended = {"relationship-ended": "2026-01-31"}
    assert ask("identity", ended, EU, "2027-07-09").policies == ("EU-AMLD4",)
    assert ask("identity", ended, EU, "2027-07-10").policies == ("EU-AMLR77",)


@pytest.mark.parametrize(
    ("links", "keep_through"),
    [
        ([link("record", transaction_booked="2018-03-10"), link("customer", relationship_established="2010-01-01")],
         "2028-03-10"),
        ([link("record", transaction_booked="2018-03-10"), link("customer", relationship_ended="2021-01-01")],
         "2026-01-01"),
        ([link("record", transaction_booked="2018-03-10"), link("customer", relationship_ended="2025-01-01")],
         "2028-03-10"),
        ([link("record", one_off_completed="2018-03-10", transaction_booked="2018-03-10")], "2023-03-10"),
    ],
)  # fmt: skip
def test_uk_cap_within_a_relationship(links, keep_through) -> None:
    """UK reg. 40(4): five years from the end, but never beyond ten from the transaction, even while it goes on."""
    answer = asked_of("transaction", ("UK",), links, "2025-06-01")
    assert answer.keep_through == day(keep_through)
    assert answer.must_delete_by == day(keep_through) + timedelta(days=1)


def test_uk_identity_has_no_cap() -> None:
    """The cap is about transactions: identity materials wait for the end of the relationship."""
    links = [
        link("customer", relationship_established="2001-01-01"),
        link("record", transaction_booked="2001-01-02"),
    ]
    assert asked_of("identity", ("UK",), links, "2025-06-01").state == "no-clock"


def test_us_last_account_counts() -> None:
    """Identifying information is kept for five years after the customer's last account is closed."""
    customer = link("customer", relationship_ended="2019-01-01")
    first, last = (
        link("account", account_opened="2010-01-01", account_closed=on) for on in ("2019-01-01", "2022-02-02")
    )
    still = link("account", account_opened="2015-01-01")
    assert asked_of("identity", ("US",), [customer, first, last], "2026-01-01").keep_through == day("2027-02-02")
    assert asked_of("identity", ("US",), [customer, first, still], "2026-01-01").state == "no-clock"
    assert asked_of("identity", ("US",), [customer], "2026-01-01").state == "no-clock"


def test_dormancy_counts_for_us_cards_only() -> None:
    """A dormant card starts the US clock and stops it when used again; in China dormancy is no end."""
    dormant = {"account-opened": "2010-01-01", "card-dormant": "2020-03-01"}
    assert ask("identity", dormant, US, "2026-01-01").keep_through == day("2025-03-01")
    used = {**dormant, "account-reopened": "2021-01-01"}
    assert ask("identity", used, US, "2026-01-01").state == "no-clock"
    assert ask("account", dormant, CN, "2026-01-01").state == "no-clock"


def test_returning_customer() -> None:
    """The return stops the clock, a new end starts it again; an earlier one-off keeps its own."""
    facts = {"relationship-established": "2008-01-01", "relationship-ended": "2015-04-01"}
    assert ask("identity", facts, CN, "2020-06-01").keep_through == day("2020-12-31")
    facts["relationship-reopened"] = "2020-06-01"
    assert ask("identity", facts, CN, "2020-06-01").state == "no-clock"
    facts["relationship-ended"] = "2026-05-05"
    assert ask("identity", facts, CN, "2026-06-01").keep_through == day("2036-05-05")
    assert ask("transaction", {"one-off-completed": "2007-09-01"}, CN, "2026-06-01").keep_through == day(
        "2017-09-01"
    )


def test_one_off_customer_who_enters_a_relationship() -> None:
    """The one-off starts a clock for the identity; the relationship stops it, also for a one-off within it."""
    assert ask("identity", {"one-off-completed": "2018-03-10"}, CN, "2025-02-01").keep_through == day("2028-03-10")
    for one_off in ("2018-03-10", "2022-03-10"):
        facts = {"one-off-completed": one_off, "relationship-established": "2020-01-01"}
        assert ask("identity", facts, CN, "2025-02-01").state == "no-clock"


def test_return_on_the_day_of_the_end() -> None:
    """Ended and opened again on one day: the relationship goes on."""
    facts = {"relationship-ended": "2025-03-03", "relationship-reopened": "2025-03-03"}
    assert ask("identity", facts, CN, "2026-01-01").state == "no-clock"


@pytest.mark.parametrize(
    ("facts", "keep_through"),
    [
        ({"customer-deceased": "2025-02-01"}, None),
        ({"customer-deceased": "2025-02-01", "relationship-ended": "2025-02-01"}, None),
        ({"customer-deceased": "2025-02-01", "estate-settled": "2025-11-30"}, "2035-11-30"),
        ({"customer-deceased": "2025-02-01", "estate-settled": "2025-11-30", "relationship-ended": "2025-12-05"},
         "2035-12-05"),
        ({"relationship-ended": "2024-01-01", "customer-deceased": "2025-02-01"}, "2034-01-01"),
    ],
)  # fmt: skip
def test_death(facts, keep_through) -> None:
    """The clock starts at the estate's closing, not at death; the death of a former customer changes nothing."""
    answer = ask("identity", {"relationship-established": "2000-01-01", **facts}, CN, "2026-01-01")
    assert answer.keep_through == (day(keep_through) if keep_through else None)


def test_two_customers_of_one_record() -> None:
    """What is about two people is kept for the later end, and while one of them stays or is unknown."""
    gone, later_gone = (link("customer", relationship_ended=on) for on in ("2020-01-01", "2025-05-05"))
    assert asked_of("identity", ("CN",), [gone, later_gone], "2026-01-01").keep_through == day("2035-05-05")
    for other in (link("customer", relationship_established="2019-01-01"), link("customer")):
        assert asked_of("identity", ("CN",), [gone, other], "2026-01-01").state == "no-clock"


def test_transaction_has_its_own_clock() -> None:
    """A transaction's clock does not wait for the people on it (CN), who keep their own records."""
    links = [
        link("record", transaction_booked="2025-01-31"),
        link("customer", relationship_established="2001-01-01"),
    ]
    assert asked_of("transaction", ("CN",), links, "2026-01-01").keep_through == day("2035-01-31")


@pytest.mark.parametrize(
    "facts", [{}, {"relationship-established": "2000-01-01"}, {"purpose-achieved": "2000-01-01"}]
)
def test_no_trigger_no_clock(facts) -> None:
    """A running relationship, and a migrated record of unknown trigger, have no date: keep."""
    answer = ask("identity", facts, CN, "2026-01-01")
    assert (answer.keep_through, answer.earliest_disposal, answer.must_delete_by) == (None, None, None)
    assert answer.state == "no-clock"


def test_facts_of_the_future_are_not_known() -> None:
    """Asked about a day before the end was recorded for, the relationship is still open."""
    facts = {"relationship-established": "2001-01-01", "relationship-ended": "2025-06-30"}
    assert ask("identity", facts, CN, "2025-06-29").state == "no-clock"
    assert ask("identity", facts, CN, "2025-06-30").keep_through == day("2035-06-30")


def test_no_policy_keeps() -> None:
    """Records no law speaks of are kept until somebody writes a rule for them."""
    answer = ask("governance", {"record-made": "2001-01-01"}, EU, "2026-01-01")
    assert (answer.state, answer.keep_through, answer.due) == ("no-policy", None, False)


def test_hold_on_the_last_day() -> None:
    """A hold placed on the last day, or on the day of disposal, leaves no date, neither to keep nor to delete."""
    ended = {"relationship-ended": "2028-01-31"}
    for asked in ("2033-01-31", "2033-02-01"):
        answer = ask("identity", ended, EU, asked, holds=["H2", "H1", "H1"])
        assert (answer.keep_through, answer.earliest_disposal, answer.must_delete_by) == (None, None, None)
        assert (answer.state, answer.holds, answer.due, answer.conflict) == ("held", ("H1", "H2"), False, False)
    assert ask("identity", ended, EU, "2033-02-01").due


def test_pipl_yields_to_longer_law() -> None:
    """Purpose achieved, consent withdrawn: identity stays while statute keeps it; what none keeps goes at once."""
    facts = {"relationship-ended": "2025-06-30", "purpose-achieved": "2025-06-30"}
    answer = ask("identity", facts, CN, "2026-01-01")
    assert answer.must_delete_by == answer.earliest_disposal == day("2035-07-01")
    running = ask("identity", {"consent-withdrawn": "2025-06-30"}, CN, "2026-01-01")
    assert (running.state, running.must_delete_by) == ("no-clock", None)
    marketing = ask("marketing", {"consent-withdrawn": "2025-06-30"}, CN, "2025-06-30")
    assert marketing.must_delete_by == marketing.earliest_disposal == day("2025-07-01")


def test_deletion_that_meets_a_clock_not_started_is_a_conflict() -> None:
    """One law wants it gone, another's clock does not run: a person decides."""
    links = [link("record", one_off_completed="2028-01-31"), link("account", account_opened="2020-01-01")]
    answer = asked_of("identity", ("EU", "US"), links, "2030-01-01")
    assert (answer.state, answer.keep_through, answer.must_delete_by) == ("conflict", None, day("2033-02-01"))


def test_explanation_names_rules_and_inputs() -> None:
    """Which rule gave the answer: id, source, mark, start and end of each clock, holds, version of the set."""
    answer = asked_of("identity", ("CN",), [link("customer", relationship_ended="2025-06-30")], "2026-01-01",
                      holds=["H1"])  # fmt: skip
    text = "\n".join(answer.explain())
    for part in ("2026-01-01", "policy set 1", "CN-ID-25 (AML24 art. 34", "; C)", "from 2025-06-30", "2035-06-30",
                 "CN-CDD-26", "; S)", "hold H1", "held"):  # fmt: skip
        assert part in text
    unclear = "\n".join(asked_of("identity", ("CN",), [link("customer")], "2026-01-01").explain())
    assert "clock not started" in unclear


def test_only_the_jurisdictions_of_the_record_apply() -> None:
    """Home and host law apply together, the stricter wins; others do not."""
    links = [link("customer", relationship_ended="2028-01-31"), link("account", account_closed="2030-01-31")]
    assert asked_of("identity", ("CN",), links, "2031-01-01").keep_through == day("2038-01-31")
    assert asked_of("identity", ("US",), links, "2031-01-01").keep_through == day("2035-01-31")
    assert asked_of("identity", ("US", "CN"), links, "2031-01-01").keep_through == day("2038-01-31")


def test_answers_name_their_version() -> None:
    """An answer under a published set names its version; one under loose policies says 0."""
    second = PolicySet(version=2, effective_from=day("2026-01-01"), policies=CN)
    record = Record("identity", ("CN",), (link("customer", relationship_ended="2025-06-30"),))
    assert evaluate(record, second, day("2026-01-01")).version == 2
    assert ask("identity", {}, CN, "2026-01-01").version == 0
