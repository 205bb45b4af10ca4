"""Orders of authorities held against the table: for each organ what it may and may not, and each defect alone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from kyc.domain.authorities import parse_authorities, shipped_authorities
from kyc.domain.legal_order_rules import Officer, Order, assess
from kyc.domain.rulefile import read
from kyc.errors import ConfigurationError

ON = date(2026, 3, 2)
LAW = shipped_authorities()
TWO = (Officer(work_id=True), Officer(work_id=True))
NETWORK = (Officer(registered=True), Officer(registered=True))
BASES = {
    "court": "中华人民共和国民事诉讼法", "procuratorate": "刑事诉讼法", "police": "《刑事诉讼法》",
    "police-terrorism": "反恐怖主义法",
    "state-security": "刑事诉讼法", "military-security": "刑事诉讼法", "prison": "刑事诉讼法",
    "supervisory-commission": "监察法", "tax": "税收征收管理法", "customs": "海关法", "csrc": "证券法",
    "nfra": "银行业监督管理法", "audit": "审计法", "market-regulator": "反不正当竞争法", "pboc-aml": "反洗钱法",
    "foreign-authority": "反洗钱法", "housing-office": "商业银行法",
}  # fmt: skip
PAPERS = frozenset(
    "assistance-notice ruling inspection-permit freeze-notice deduction-notice investigation-notice".split()
)


def at(text: str) -> datetime:
    """A moment in China."""
    return datetime.fromisoformat(f"{text}+08:00")


def order(organ: str, action: str, **fields) -> Order:
    """An order against which nothing stands, where the organ has the right at all; fields replace what it says."""
    freeze = {"starts_at": at("2026-03-02T10:00"), "ends_at": at("2026-03-04T10:00")} if action == "freeze" else {}
    case = {"tax": "tax-offence", "customs": "smuggling"}.get(organ, "")
    values = {
        "action": action, "organ": organ, "level": 5, "approval": 5, "subject": "organisation",
        "bases": (BASES[organ],), "papers": PAPERS, "officers": TWO, "case": case, "accounts": 1, "amount": True,
        "fruits_said": True, "destination": action == "deduct", **freeze,
    }  # fmt: skip
    return Order(**values | fields)


def codes(asked: Order, on: date = ON) -> list[str]:
    """The codes of what stands against an order."""
    return [violation.code for violation in assess(asked, on).violations]


@pytest.mark.parametrize("subject", ["natural", "organisation"])
@pytest.mark.parametrize(
    ("organ", "query", "freeze", "deduct"),
    [
        ("court", True, True, True),
        ("procuratorate", True, True, False),
        ("police", True, True, False),
        ("police-terrorism", True, True, False),
        ("state-security", True, True, False),
        ("military-security", True, True, False),
        ("prison", True, True, False),
        ("supervisory-commission", True, True, False),
        ("tax", True, True, True),
        ("customs", True, True, True),
        ("csrc", True, True, False),
        ("nfra", True, False, False),
        ("audit", True, False, False),
        ("pboc-aml", True, True, False),
        ("foreign-authority", False, False, False),
        ("housing-office", False, False, False),
    ],
)
def test_who_may_what(organ, query, freeze, deduct, subject) -> None:
    """The table, cell by cell: a perfect order passes where the organ has the right, and nowhere else."""
    for action, may in (("query", query), ("freeze", freeze), ("deduct", deduct)):
        answer = assess(order(organ, action, subject=subject), ON)
        assert answer.accepted is may, (action, answer.violations)
        if not may:
            assert [violation.code for violation in answer.violations] == ["no-right"]


def test_market_regulator_sees_operators_only() -> None:
    """Accounts of operators may be queried by it, savings of persons may not."""
    assert codes(order("market-regulator", "query")) == []
    assert codes(order("market-regulator", "query", subject="natural")) == ["no-right"]
    assert codes(order("market-regulator", "freeze")) == ["no-right"]


@pytest.mark.parametrize(
    ("organ", "action", "says"),
    [
        ("nfra", "freeze", "court"), ("audit", "freeze", "court"), ("foreign-authority", "query", "abroad"),
        ("housing-office", "query", "no law"), ("police", "deduct", "no law"),
    ],
)  # fmt: skip
def test_refusals_say_why(organ, action, says) -> None:
    """A refusal cites its source and what to do instead."""
    (violation,) = assess(order(organ, action), ON).violations
    assert says in violation.remedy
    assert violation.rule


@pytest.mark.parametrize(
    ("action", "subject", "basis", "passes"),
    [
        ("query", "natural", "税收征收管理法", True),
        ("query", "natural", "税收征收管理法实施细则", False),
        ("query", "organisation", "税收征收管理法实施细则", True),
        ("query", "organisation", "人民币银行结算账户管理办法", False),
        ("freeze", "organisation", "税收征收管理法实施细则", False),
        ("freeze", "organisation", "税收征收管理法", True),
        ("deduct", "organisation", "税收征收管理法实施细则", False),
        ("deduct", "natural", "税收征收管理法实施细则", False),
        ("deduct", "natural", "税收征收管理法", True),
    ],
)
def test_rank_of_the_basis(action, subject, basis, passes) -> None:
    """Persons: law only. Organisations: query under a regulation too, freeze and deduct under law (CBL 29-30)."""
    found = codes(order("tax", action, subject=subject, bases=(basis,)))
    assert found == ([] if passes else ["basis-rank"])


def test_bases_that_are_not_listed() -> None:
    """An instrument nobody gave a rank, or none at all, lifts nothing; beside a law it is still looked up."""
    assert codes(order("court", "query", bases=("某市办法",))) == ["basis-unknown", "basis-rank"]
    assert codes(order("court", "query", bases=())) == ["basis-rank"]
    assert codes(order("court", "query", bases=("民事诉讼法", "某市办法"))) == ["basis-unknown"]
    assert LAW.rank_of("《中华人民共和国反洗钱法》") == "law"


@pytest.mark.parametrize(
    ("organ", "action", "fields", "found"),
    [
        ("police", "query", {"level": 1}, ["organ-level"]),
        ("police", "query", {"level": 2}, []),
        ("police", "freeze", {"approval": 1}, ["approval-level"]),
        ("tax", "query", {"subject": "natural", "approval": 2}, ["approval-level"]),
        ("tax", "query", {"subject": "natural", "case": ""}, ["case"]),
        ("tax", "query", {"approval": 2, "case": ""}, []),
        ("customs", "query", {"level": 3, "approval": 4}, ["organ-level"]),
        ("customs", "query", {"case": "other"}, ["case"]),
        ("nfra", "query", {"approval": 3}, ["approval-level"]),
        ("pboc-aml", "query", {"level": 2}, ["organ-level"]),
        ("pboc-aml", "query", {"level": 3, "approval": 3}, []),
        ("pboc-aml", "freeze", {"level": 4, "approval": 5}, ["organ-level"]),
        ("court", "query", {"officers": TWO[:1]}, ["officers"]),
        ("court", "query", {"officers": ()}, ["officers"]),
        ("court", "query", {"officers": (TWO[0], Officer())}, ["officer-without-id"]),
        ("court", "query", {"papers": PAPERS - {"assistance-notice"}}, ["paper-missing:assistance-notice"]),
        ("court", "freeze", {"papers": PAPERS - {"ruling"}}, ["paper-missing:ruling"]),
        ("court", "deduct", {"papers": frozenset()}, ["paper-missing:assistance-notice", "paper-missing:ruling"]),
        ("tax", "query", {"papers": frozenset({"assistance-notice"})}, ["paper-missing:inspection-permit"]),
        ("pboc-aml", "query", {"papers": frozenset()}, ["paper-missing:investigation-notice"]),
        ("court", "query", {"network": True, "sealed": True, "officers": NETWORK}, []),
        ("court", "query", {"network": True, "officers": NETWORK}, ["seal"]),
        ("court", "query", {"network": True, "sealed": True}, ["officer-unregistered"]),
        ("court", "query", {"network": True, "sealed": True, "officers": NETWORK[:1]}, ["officers"]),
        ("police", "query", {"network": True, "sealed": True, "officers": NETWORK}, ["channel"]),
        ("court", "freeze", {"accounts": 0}, ["account"]),
        ("court", "freeze", {"amount": False}, ["amount"]),
        ("police", "freeze", {"fruits_said": False}, ["fruits"]),
        ("court", "freeze", {"fruits_said": False}, []),
        ("court", "deduct", {"destination": False}, ["destination"]),
        ("court", "deduct", {"accounts": 0, "amount": False}, ["account", "amount"]),
        ("court", "freeze", {"ends_at": None}, ["term"]),
        ("court", "freeze", {"ends_at": at("2026-03-02T10:00")}, ["term"]),
        ("court", "query", {"level": 1, "officers": (), "subject": "natural", "bases": ("审计法实施条例",)},
         ["basis-rank", "organ-level", "officers"]),
    ],
)  # fmt: skip
def test_each_defect(organ, action, fields, found) -> None:
    """Levels, papers, people, channel, contents: each defect alone, and several at once, all named."""
    assert sorted(codes(order(organ, action, **fields))) == sorted(found)


@pytest.mark.parametrize(
    ("organ", "last", "too_late", "fields"),
    [
        ("court", "2027-03-03T00:00", "2027-03-03T00:01", {}),
        ("police", "2026-09-03T00:00", "2026-09-03T00:01", {}),
        ("police", "2027-03-03T00:00", "2027-03-03T00:01", {"major": True, "approval": 3}),
        ("procuratorate", "2026-09-03T00:00", "2026-09-03T00:01", {}),
        ("supervisory-commission", "2026-09-03T00:00", "2026-09-03T00:01", {}),
        ("police-terrorism", "2026-05-03T00:00", "2026-05-03T00:01", {}),
        ("csrc", "2026-09-03T00:00", "2026-09-03T00:01", {}),
        ("tax", "2026-04-02T00:00", "2026-04-02T00:01", {}),
        ("customs", "2026-04-02T00:00", "2026-04-02T00:01", {}),
        ("pboc-aml", "2026-03-04T10:00", "2026-03-04T10:01", {}),
    ],
)
def test_longest_terms(organ, last, too_late, fields) -> None:
    """From 2 March, 10:00: months and days run to the end of their last day, 48 hours to the minute."""
    answer = assess(order(organ, "freeze", ends_at=at(last), **fields), ON)
    assert answer.accepted, answer.violations
    assert answer.lapses_at == at(last)
    assert codes(order(organ, "freeze", ends_at=at(too_late), **fields)) == ["term"]


def test_major_case_needs_a_higher_head() -> None:
    """The police's year in major cases is approved by a city's head; a county's gives six months."""
    assert codes(order("police", "freeze", major=True, approval=2)) == ["approval-level"]
    assert codes(order("police", "freeze", approval=2)) == []


def renewal(organ: str, renewals: int, starts: str, ends: str, **fields) -> Order:
    """A renewal of a freeze of 2 March 2026 that lapses when the renewal starts."""
    values = {"frozen_since": at("2026-03-02T10:00"), "lapsed_at": at(starts)} | fields
    return order(organ, "freeze", renewals=renewals, starts_at=at(starts), ends_at=at(ends), **values)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (renewal("court", 7, "2033-03-02T10:00", "2034-03-03T00:00"), []),
        (renewal("police", 1, "2026-09-02T10:00", "2027-03-03T00:00"), []),
        (renewal("police", 1, "2026-09-02T10:00", "2027-03-04T00:00"), ["term"]),
        (renewal("police", 1, "2026-09-02T10:00", "2027-09-03T00:00", major=True), []),
        (renewal("police-terrorism", 1, "2026-05-02T10:00", "2026-06-03T00:00"), []),
        (renewal("police-terrorism", 1, "2026-05-02T10:00", "2026-06-03T00:01"), ["term"]),
        (renewal("police-terrorism", 2, "2026-06-02T10:00", "2026-07-03T00:00"), ["renewals"]),
        (renewal("tax", 1, "2026-04-01T10:00", "2026-05-02T00:00"), []),
        (renewal("tax", 2, "2026-05-01T10:00", "2026-05-20T00:00"), ["renewals"]),
        (renewal("pboc-aml", 1, "2026-03-04T10:00", "2026-03-05T10:00"), ["renewals"]),
        (renewal("csrc", 6, "2027-12-02T10:00", "2028-03-03T00:00"), []),
        (renewal("csrc", 6, "2027-12-05T10:00", "2028-03-04T00:00"), ["total"]),
        (renewal("csrc", 1, "2026-09-02T10:00", "2026-12-03T00:01"), ["term"]),
        (renewal("csrc", 1, "2026-09-02T10:00", "2026-12-02T00:00", frozen_since=None), ["total"]),
        (renewal("court", 1, "2027-03-02T10:00", "2027-06-02T10:00", lapsed_at=at("2027-03-02T09:59")), ["lapsed"]),
        (renewal("court", 1, "2027-03-02T10:00", "2027-06-02T10:00", lapsed_at=None), ["lapsed"]),
    ],
)
def test_renewals(asked, found) -> None:
    """Before it lapses, as often and as long as the organ's law allows, and not longer in all."""
    assert codes(asked) == found


def test_law_of_the_day() -> None:
    """Before 2025 the central bank investigated from provinces; before 2018 there was no commission."""
    city = order("pboc-aml", "query", level=3, approval=3)
    assert codes(city, date(2025, 1, 1)) == []
    assert codes(city, date(2024, 12, 31)) == ["organ-level", "approval-level"]
    assert codes(order("supervisory-commission", "query"), date(2018, 3, 19)) == ["no-right"]
    right = assess(city, date(2025, 1, 1)).right
    assert right is not None
    assert (right.source, right.mark) == ("AML24 43-44", "C")


def test_hours_are_counted_in_utc() -> None:
    """A 48-hour freeze ends 48 hours after its first minute, wherever the branch is."""
    asked = order(
        "pboc-aml", "freeze", starts_at=at("2026-03-28T10:00"), ends_at=datetime(2026, 3, 30, 2, tzinfo=UTC)
    )
    assert assess(asked, ON, zone="Europe/Paris").accepted
    later = msgspec.structs.replace(asked, ends_at=datetime(2026, 3, 30, 2, 0, 1, tzinfo=UTC))
    assert not assess(later, ON, zone="Europe/Paris").accepted


TEXT = read("authorities.toml")


@pytest.mark.parametrize(
    ("was", "becomes", "field"),
    [
        ('term = "P1Y"\nrenewal = "P1Y"\n', "", "x.toml: right[1]"),
        ('effective_from = 2025-01-01\nsource = "AML24 45"', 'effective_from = 2024-12-31\nsource = "AML24 45"',
         "x.toml: right pboc-aml freeze"),
        ('subject = "organisation"\nactions = ["query"]', 'subject = "natural"\nactions = ["query"]',
         "x.toml: secrecy natural"),
        ('regulation = ["个人', 'regulation = ["监察法", "个人', "x.toml: instruments 监察法"),
        ('action = "deduct"', 'action = "seize"', "x.toml: right[2].action"),
        ('papers = ["assistance-notice", "ruling"]', "papers = []", "x.toml: right[1].papers"),
    ],
)  # fmt: skip
def test_bad_tables(was, becomes, field) -> None:
    """A freeze without a term, two rows for one thing, two ranks, unknown words: refused by their place."""
    assert was in TEXT
    with pytest.raises(ConfigurationError) as refused:
        parse_authorities(TEXT.replace(was, becomes, 1), "x.toml")
    assert refused.value.field == field
