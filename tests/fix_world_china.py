"""A Chinese bank for stories: head office has published policies, branches serve people and companies.

Each helper records what a branch would, on the world's today, and returns nothing unless it says so.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fix_samples import HOME
from fix_world import World

from kyc.domain import account as a
from kyc.domain import authority as o
from kyc.domain import customer as c
from kyc.domain import diligence as q
from kyc.domain import document as d
from kyc.domain.governance import NoticePublished, PolicyPublished
from kyc.domain.policies import (
    DocumentKind,
    Limit,
    Notice,
    OrderRight,
    OwnershipThreshold,
    PartnerAllowance,
    Policy,
    ReviewCycle,
    Rule,
    Threshold,
)
from kyc.domain.submission import Unit
from kyc.domain.transaction import BookTransaction, Leg
from kyc.domain.values import Name, Party

COMPANY_NUMBER = "91110000600037341L"
BOSS = Party(
    name="Li Si", role="legal-representative", document_kind="resident-id", document_number="11010519491231002X"
)


def _cny(amount: int, usd: int) -> tuple[Limit, ...]:
    return Limit(currency="CNY", amount=Decimal(amount)), Limit(currency="USD", amount=Decimal(usd))


LAW: dict[str, tuple[date, date | None, Rule]] = {
    "CN-REVIEW-HIGH": (date(2007, 8, 1), None, ReviewCycle(level="high", months=6)),
    "CN-REVIEW-MEDIUM": (date(2007, 8, 1), None, ReviewCycle(level="medium", months=12)),
    "CN-ONE-OFF-07": (
        date(2007, 8, 1), date(2025, 12, 31), Threshold(duty="one-off-diligence", limits=_cny(10_000, 1_000)),
    ),
    "CN-ONE-OFF-26": (
        date(2026, 1, 1), None, Threshold(duty="one-off-diligence", limits=_cny(50_000, 10_000)),
    ),
    "CN-OWNER": (date(2024, 11, 1), None, OwnershipThreshold(percent=Decimal(25))),
    "CN-OWNER-HIGH": (date(2026, 1, 20), None, OwnershipThreshold(level="high", percent=Decimal(10))),
    "CN-DOC-ID": (date(2007, 8, 1), None, DocumentKind(kind="resident-id", identifies=("natural", "sole-trader"))),
    "CN-DOC-PASS": (date(2007, 8, 1), None, DocumentKind(kind="passport", identifies=("natural",))),
    "CN-DOC-HOUSE": (
        date(2007, 8, 1), None, DocumentKind(kind="household-register", identifies=("natural",), below_age=16),
    ),
    "CN-DOC-LIC": (
        date(2007, 8, 1), None, DocumentKind(kind="business-licence", identifies=("legal", "sole-trader")),
    ),
    "CN-COURT-Q": (date(2013, 1, 1), None, OrderRight(organ="court", action="query")),
    "CN-COURT-F": (
        date(2013, 1, 1), None,
        OrderRight(organ="court", action="freeze", papers=("assistance-notice", "ruling"), days_max=365),
    ),
    "CN-COURT-D": (
        date(2013, 1, 1), None,
        OrderRight(organ="court", action="deduct", papers=("assistance-notice", "ruling")),
    ),
    "CN-POLICE-Q": (date(2013, 1, 1), None, OrderRight(organ="police", action="query")),
    "CN-POLICE-F": (date(2013, 1, 1), None, OrderRight(organ="police", action="freeze", days_max=184)),
    "CN-MARKET-Q": (
        date(2013, 1, 1), None,
        OrderRight(organ="market-regulator", action="query", subject="organisation", rank="regulation"),
    ),
    "CN-PBOC-F": (
        date(2025, 1, 1), None, OrderRight(organ="pboc-aml", action="freeze", level=5, hours_max=48),
    ),
    "CN-SHOP": (
        date(2026, 1, 1), None, PartnerAllowance(recipient="shop", purpose="payment", fields=("name", "phone")),
    ),
}  # fmt: skip


def publish(world: World, name: str, start: date, end: date | None, body: Rule, version: int = 1) -> Unit:
    """Head office publishes a policy, two people."""
    policy = Policy(
        id=name,
        version=version,
        jurisdiction="CN",
        effective_from=start,
        effective_to=end,
        source="test",
        body=body,
    )
    event = PolicyPublished(occurred_at=world.now, policy=policy, approver="HQ-2")
    return world.record(event, actor="HQ-1", branch="HQ")


@pytest.fixture
def china(world: World) -> World:
    """A bank whose head office has published policies and a notice."""
    for name, (start, end, body) in LAW.items():
        publish(world, name, start, end, body)
    notice = Notice(name="notice/3", effective_from=date(2025, 11, 1))
    world.record(NoticePublished(occurred_at=world.now, notice=notice, approver="HQ-2"), actor="HQ-1", branch="HQ")
    return world


def person(number: str, world: World, **fields: Any) -> c.CustomerRegistered:
    """A person's registration."""
    values: dict[str, Any] = {
        "occurred_at": world.now, "customer": number, "type": "natural", "template": "natural/1",
        "notice": "notice/3", "names": (Name(text=f"Person {number}"),), "addresses": (HOME,),
        "birth_date": date(1990, 5, 17), "nationalities": ("CHN",),
    }  # fmt: skip
    return c.CustomerRegistered(**values | fields)


def company(number: str, world: World, **fields: Any) -> c.CustomerRegistered:
    """A company's registration."""
    values: dict[str, Any] = {
        "occurred_at": world.now, "customer": number, "type": "legal", "template": "legal/1", "notice": "notice/3",
        "names": (Name(text=f"Company {number}"),), "addresses": (HOME,), "registration_kind": "uscc",
        "registration_number": COMPANY_NUMBER, "parties": (BOSS,),
    }  # fmt: skip
    return c.CustomerRegistered(**values | fields)


def passport(number: str, world: World, years: int = 10, **fields: Any) -> d.DocumentCaptured:
    """A passport that is valid for some years from today."""
    values: dict[str, Any] = {
        "occurred_at": world.now, "kind": "passport", "number": number, "issuing_country": "CHN",
        "issued_on": world.today, "expires_on": world.today + timedelta(days=365 * years),
    }  # fmt: skip
    return d.DocumentCaptured(**values | fields)


def verified(world: World, kind: str = "passport") -> c.IdentityVerified:
    """A verification against a document of that kind."""
    return c.IdentityVerified(
        occurred_at=world.now, level="standard", method="visual", document_kind=kind, verified_by="T-1"
    )


def rated(world: World, level: Any) -> c.RiskRated:
    """A risk rating."""
    return c.RiskRated(occurred_at=world.now, level=level, model="risk/1", reasons=("test",))


def onboard(world: World, number: str, **fields: Any) -> None:
    """A person with a passport, verified, in a relationship."""
    world.record(person(number, world, **fields))
    world.record(passport(f"PASS-{number}", world), number)
    world.record(verified(world), number)
    world.record(c.RelationshipEstablished(occurred_at=world.now, on=world.today), number)


def open_account(world: World, number: str, *customers: str) -> None:
    """An account in CNY of some customers."""
    holders = tuple(a.Holder(customer=customer) for customer in customers)
    world.record(
        a.AccountOpened(
            occurred_at=world.now, account=number, currency="CNY", product="current", opened_on=world.today,
            holders=holders,
        )
    )  # fmt: skip


def paid(world: World, reference: str, account: str, amount: str, **fields: Any) -> BookTransaction:
    """A payment out of one account."""
    leg = Leg(account=account, direction="debit", amount=Decimal(amount), currency="CNY")
    return BookTransaction(
        occurred_at=world.now, reference=reference, kind="transfer", channel="counter", booked_at=world.now,
        value_date=world.today, legs=(leg,), **fields,
    )  # fmt: skip


def order(world: World, number: str, **fields: Any) -> o.OrderReceived:
    """A complete order of a county court to query a person."""
    values: dict[str, Any] = {
        "occurred_at": world.now, "order": number, "action": "query", "organ": "court",
        "organ_name": "People's Court of Test County", "level": 2,
        "bases": (o.LegalBasis(instrument="Civil Procedure Law", article="253", rank="law"),),
        "papers": (o.Paper(kind="assistance-notice", number="N-1"), o.Paper(kind="ruling", number="R-1")),
        "officers": (o.Officer(name="Zhao Yi", work_id="W-1"), o.Officer(name="Qian Er", work_id="W-2")),
        "channel": "counter", "handler": "T-1", "subject": "natural", "subject_name": "Person C1",
        "scope": ("names", "balance"),
    }  # fmt: skip
    return o.OrderReceived(**values | fields)


def accepted(world: World, number: str) -> o.OrderAccepted:
    """The acceptance by a second person."""
    return o.OrderAccepted(occurred_at=world.now, order=number, approver="T-2")


def funds(world: World) -> q.SourceOfFundsRecorded:
    """Where the money comes from."""
    return q.SourceOfFundsRecorded(occurred_at=world.now, kind="funds", statement="sale of a flat")


def approved(world: World) -> q.SeniorApprovalGranted:
    """Senior management's approval."""
    return q.SeniorApprovalGranted(occurred_at=world.now, approver="M-1", reason="understood")
