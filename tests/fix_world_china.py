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
from kyc.domain.governance import AllowancePublished, NoticePublished, PolicyPublished
from kyc.domain.policies import Allowance, Notice, PolicyEdition, shipped_editions
from kyc.domain.submission import Unit
from kyc.domain.transaction import BookTransaction, Leg
from kyc.domain.values import Name, Party

COMPANY_NUMBER = "91110000600037341L"
BOSS = Party(
    name="Li Si", role="legal-representative", document_kind="resident-id", document_number="11010519491231002X"
)


_SHIPPED = {edition.rules: edition for edition in shipped_editions()}
DOCUMENTS, RULEBOOK = _SHIPPED["documents"].text, _SHIPPED["rulebook"].text
"""The shipped rules, as head office publishes them."""


def publish(world: World, rules: Any, text: str, version: int = 1, start: date = date(2007, 8, 1)) -> Unit:
    """Head office publishes a rule set, two people."""
    edition = PolicyEdition(rules=rules, version=version, effective_from=start, text=text)
    event = PolicyPublished(occurred_at=world.now, edition=edition, jurisdiction="CN", approver="HQ-2")
    return world.record(event, actor="HQ-1", branch="HQ")


@pytest.fixture
def china(world: World) -> World:
    """A bank whose head office has published the shipped rules, a notice and what a partner may have."""
    publish(world, "documents", DOCUMENTS)
    publish(world, "rulebook", RULEBOOK)
    head = {"actor": "HQ-1", "branch": "HQ"}
    notice = Notice(name="notice/3", effective_from=date(2025, 11, 1))
    world.record(NoticePublished(occurred_at=world.now, notice=notice, approver="HQ-2"), **head)
    shop = Allowance(recipient="shop", purpose="payment", fields=("name", "phone"))
    world.record(AllowancePublished(occurred_at=world.now, allowance=shop, approver="HQ-2"), **head)
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
        "occurred_at": world.now, "kind": "passport", "number": number, "issuing_country": "GBR",
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
    """A complete order of a county court about a person; a freeze is of the whole account for 100 days."""
    values: dict[str, Any] = {
        "occurred_at": world.now, "order": number, "action": "query", "organ": "court",
        "organ_name": "People's Court of Test County", "level": 2, "approval": 2,
        "bases": (o.LegalBasis(instrument="民事诉讼法", article="253"),),
        "papers": (o.Paper(kind="assistance-notice", number="N-1"), o.Paper(kind="ruling", number="R-1")),
        "officers": (o.Officer(name="Zhao Yi", work_id="W-1"), o.Officer(name="Qian Er", work_id="W-2")),
        "channel": "counter", "handler": "T-1", "subject": "natural", "subject_name": "Person C1",
        "scope": ("names", "balance"), "accounts": ("A1",), "fruits": "covered", "destination": "court account",
    }  # fmt: skip
    if fields.get("action", "query") != "query":
        values["whole_account"] = True
    if fields.get("action") == "freeze":
        values |= {"freeze_from": world.now, "freeze_until": world.now + timedelta(days=100)}
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
