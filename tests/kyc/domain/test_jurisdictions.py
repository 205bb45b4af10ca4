"""Every rule for every jurisdiction on the days its law changes: what is confirmed answers, the rest does not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from kyc.domain.authorities import shipped_authorities
from kyc.domain.document_rules import Presented, shipped_documents
from kyc.domain.legal_order_rules import Order, assess
from kyc.domain.policies import Policies, read_edition, shipped_editions
from kyc.domain.retention_rules import shipped_set
from kyc.domain.rulebook import Codes, shipped_rulebook
from kyc.errors import ConfigurationError, NotFoundError

BOOK = shipped_rulebook()
PLACES = {
    "CN 2007": ("CN", "2007-08-01"), "CN 2018": ("CN", "2018-01-01"), "CN 2025": ("CN", "2025-01-01"),
    "CN 2026": ("CN", "2026-01-20"), "EU AMLD": ("EU", "2027-07-09"), "EU AMLR": ("EU", "2027-07-10"),
    "UK": ("UK", "2027-07-10"), "US": ("US", "2027-07-10"), "FATF": ("FATF", "2027-07-10"),
}  # fmt: skip
NONE = dict.fromkeys(PLACES)
CHINA = ("CN 2007", "CN 2018", "CN 2025", "CN 2026")


def table(**answers: Any) -> dict[str, Any]:
    """Answers by place; what is not named has none. ``CN``: on all days from 2018 on."""
    named = {place.replace("_", " "): answer for place, answer in answers.items()}
    if "CN" in named:
        named |= dict.fromkeys(CHINA[1:], named.pop("CN"))
    assert not set(named) - set(PLACES)
    return NONE | named


RULES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("cdd.one-off", {"currency": "CNY"},
     table(CN_2007="10000", CN_2018="10000", CN_2025="10000", CN_2026="50000")),
    ("cdd.one-off", {"currency": "USD"},
     table(CN_2007="1000", CN_2018="1000", CN_2025="1000", CN_2026="10000", FATF="15000")),
    ("cdd.one-off", {"currency": "EUR"}, table(EU_AMLR="10000", FATF="15000")),
    ("cdd.one-off", {"currency": "GBP"}, table()),
    ("cdd.cash", {"currency": "EUR"}, table(EU_AMLR="3000")),
    ("remittance.register", {"currency": "USD"}, table(CN_2026="0", US="3000", FATF="0")),
    ("remittance.verify", {"currency": "CNY"}, table(CN_2026="5000")),
    ("remittance.verify", {"currency": "USD"}, table(CN_2026="1000", FATF="1000")),
    ("remittance.verify", {"currency": "EUR"}, table(FATF="1000")),
    ("owner.share", {"risk": "low"}, table(CN_2025="25", CN_2026="25", EU_AMLR="25")),
    ("owner.share", {"risk": "high"}, table(CN_2025="25", CN_2026="10", EU_AMLR="25")),
    ("review.cycle", {"tier": "high"}, table(CN_2007="P6M", CN="P6M", EU_AMLR="P1Y")),
    ("review.cycle", {"tier": "medium"}, table(CN_2007="P1Y", CN="P1Y", EU_AMLR="P5Y")),
    ("review.cycle", {"tier": "low"}, table(CN_2007="P2Y", CN="P2Y", EU_AMLR="P5Y")),
    ("review.existing", {"tier": "high"}, table(CN_2026="2026-06-30")),
    ("review.existing", {"tier": "low"}, table(CN_2026="2027-12-31")),
    ("suspicion.follow-up", {}, table(CN="P3M")),
    ("answer.fiu", {}, table(EU_AMLR="5")),
    ("answer.fiu-urgent", {}, table(EU_AMLR="PT24H")),
    ("answer.objection", {}, table(CN_2025="P15D", CN_2026="P15D")),
    ("answer.data-subject", {}, table(CN_2025="P15D", CN_2026="P15D", EU_AMLD="P1M", EU_AMLR="P1M")),
    ("answer.registry-difference", {}, table(CN_2025="30", CN_2026="30")),
    ("answer.court-objection", {}, table(CN="P15D")),
    ("large-value.within", {}, table(CN="5")),
    ("large-value.report", {"currency": "CNY", "subject": "natural", "reach": "domestic", "means": "cash"},
     table(CN="50000")),
    ("large-value.report", {"currency": "CNY", "subject": "natural", "reach": "domestic", "means": "transfer"},
     table(CN="500000")),
    ("large-value.report", {"currency": "CNY", "subject": "natural", "reach": "cross-border", "means": "transfer"},
     table(CN="200000")),
    ("large-value.report", {"currency": "CNY", "subject": "organisation", "reach": "domestic", "means": "transfer"},
     table(CN="2000000")),
    ("large-value.report", {"currency": "USD", "subject": "natural", "reach": "domestic", "means": "cash"},
     table(CN="10000", US="10000")),
    ("large-value.report", {"currency": "USD", "subject": "organisation", "reach": "domestic", "means": "transfer"},
     table(CN="200000")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "choices", "answers"), RULES, ids=[f"{r[0]}-{'-'.join(r[1].values())}" for r in RULES]
)
def test_thresholds_cycles_and_answer_times(rule, choices, answers) -> None:
    """The value of each rule there and then; None: no confirmed law, and the rulebook says so."""
    found: dict[str, str | None] = {}
    for place, (jurisdiction, on) in PLACES.items():
        try:
            value = BOOK.value(rule, date.fromisoformat(on), jurisdiction=jurisdiction, **choices).value
        except NotFoundError:
            found[place] = None
        else:
            found[place] = next(str(getattr(value, name)) for name in value.__struct_fields__)
    assert found == answers


def test_the_table_asks_every_rule() -> None:
    """A rule that is added to a file is added here; lists of codes have tests of their own."""
    lists = {name for name, rule in BOOK.rules.items() if isinstance(rule.row[0].value, Codes)}
    assert {rule for rule, _, _ in RULES} == set(BOOK.rules) - lists
    assert lists == {"cdd.again", "large-value.exempt"}


@pytest.mark.parametrize(
    ("place", "policies"),
    [
        ("CN 2007", {"CN-ID-07", "CN-TX-07", "CN-ACCT"}),
        ("CN 2018", {"CN-ID-07", "CN-TX-07", "CN-ACCT", "CN-STR", "CN-VOUCH"}),
        ("CN 2025", {"CN-ID-25", "CN-TX-25", "CN-ACCT", "CN-STR", "CN-VOUCH", "CN-PIA", "CN-PIPL-MAX"}),
        (
            "CN 2026",
            {"CN-ID-25", "CN-TX-25", "CN-CDD-26", "CN-ACCT", "CN-STR", "CN-VOUCH", "CN-PIA", "CN-PIPL-MAX"},
        ),
        ("EU AMLD", {"EU-AMLD4"}),
        ("EU AMLR", {"EU-AMLR77"}),
        ("UK", {"UK-40"}),
        ("US", {"US-CIP-ID", "US-CIP-VER", "US-1010.430", "US-SAR/CTR", "US-17a-4"}),
        ("FATF", {"FATF-R11"}),
    ],
)
def test_retention(place, policies) -> None:
    """Which rows of retention law are law there and then, apart from rows of our own design."""
    jurisdiction, on = PLACES[place]
    found = {row.policy_id for row in shipped_set().in_force(date.fromisoformat(on), jurisdiction)}
    assert policies <= found
    assert {one for one in found - policies if not one.startswith(f"{jurisdiction}-")} == set()


@pytest.mark.parametrize("place", [place for place in PLACES if place != "FATF"])
@pytest.mark.parametrize("organ", ["court", "police", "tax", "fiu", "foreign-authority"])
def test_who_may_order(place, organ) -> None:
    """China's table knows its organs; elsewhere only what is confirmed: the unit of the Union, and only to ask."""
    jurisdiction, on = PLACES[place]
    law, day = shipped_authorities(jurisdiction), date.fromisoformat(on)
    rights = {
        ("CN", "court"): ["query", "freeze", "deduct"], ("CN", "police"): ["query", "freeze"],
        ("CN", "tax"): ["query", "freeze", "deduct"], ("EU AMLR", "fiu"): ["query"],
    }  # fmt: skip
    may = rights.get((jurisdiction, organ), rights.get((place, organ), []))
    found = []
    for action in ("query", "freeze", "deduct"):
        assert law.rank_needed("natural", action, day).rank == "law"
        order = Order(action=action, organ=organ, level=5, approval=5, subject="natural", bases=("刑事诉讼法",))
        if "no-right" not in {defect.code for defect in assess(order, day, law=law).violations}:
            found.append(action)
    assert found == may


@pytest.mark.parametrize(
    ("jurisdiction", "kinds"),
    [
        ("CN", {"resident-id", "household-register", "hk-macau-permit", "passport", "business-licence"}),
        ("EU", {"passport", "national-id", "registration-certificate", "trust-deed"}),
        ("UK", {"passport", "driving-licence", "registration-certificate", "trust-deed"}),
        ("US", {"passport", "driving-licence", "registration-certificate", "trust-deed"}),
    ],
)
def test_documents(jurisdiction, kinds) -> None:
    """Which documents identify; what one jurisdiction accepts is nothing to another; age counts everywhere."""
    rules, on = shipped_documents(jurisdiction), date(2027, 7, 10)
    known = {row.kind for row in rules.kind}
    assert kinds <= known
    assert jurisdiction == "CN" or kinds == known
    shown = Presented(
        kind="passport", issuing_country="DEU", customer_type="natural", issued_on=date(2020, 1, 1),
        expires_on=date(2029, 12, 31), born_on=date(1990, 1, 1),
    )  # fmt: skip
    assert rules.defects(shown, on) == ()
    assert [defect.code for defect in rules.defects(shown, date(2030, 1, 1))] == ["expired"]
    assert ("resident-id" in known) == (jurisdiction == "CN")
    assert rules.expiry_on(shown.expires_on, date(2030, 4, 1)).state == "suspended"


@pytest.mark.parametrize("jurisdiction", ["CN", "EU", "UK", "US"])
def test_what_is_shipped_can_be_published(jurisdiction) -> None:
    """Each jurisdiction has an edition of every rule set; working days are known for China only."""
    editions = {edition.rules: read_edition(edition) for edition in shipped_editions(jurisdiction)}
    assert set(editions) == {"authorities", "documents", "retention", "rulebook", "access"} | (
        {"calendar"} if jurisdiction == "CN" else set()
    )
    policies = Policies(jurisdiction=jurisdiction, editions=shipped_editions(jurisdiction))
    assert policies.authorities(date(2027, 7, 10)) == shipped_authorities(jurisdiction)
    if jurisdiction == "CN":
        assert policies.calendar(date(2026, 2, 14)).is_working(date(2026, 2, 14))
    else:
        with pytest.raises(ConfigurationError, match="rule file"):
            policies.calendar(date(2026, 2, 14))
