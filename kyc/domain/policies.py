"""Policies as effective-dated data: review cycles, thresholds, document kinds, who may order what. Pure.

Law is never code: head office publishes it (:mod:`kyc.domain.governance`), a correction is a new version, and the
stream of publications says which rule gave an answer on a day. Retention law has files and arithmetic of its own
(:mod:`kyc.retention`). A question no published rule answers is answered by the caller: orders are then refused,
reviews and documents are then not limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from kyc.domain.stream import POLICIES, Given, Stream
from kyc.domain.templates import Template
from kyc.domain.values import Code, Currency, Line, Record, Text, Word

Months = Annotated[int, msgspec.Meta(ge=1, le=600)]
Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]
RiskLevel = Literal["low", "medium", "high"]


class ReviewCycle(Record, frozen=True, kw_only=True, tag_field="rule", tag="review-cycle"):
    """How often a customer of a risk level is reviewed (O2-07 art. 18; AMLR art. 26)."""

    level: RiskLevel
    months: Months


class Limit(Record, frozen=True, kw_only=True):
    """An amount from which on something applies; inclusive (含本数)."""

    currency: Currency
    amount: Decimal


class Threshold(Record, frozen=True, kw_only=True, tag_field="rule", tag="threshold"):
    """From which amount on a duty applies (O3-16 art. 5; O11-25)."""

    duty: Code
    """``one-off-diligence``, ``remittance-verification``, ``report-cash``, ``report-transfer`` …"""
    subject: Literal["any", "natural", "organisation"] = "any"
    reach: Literal["any", "domestic", "cross-border"] = "any"
    limits: Annotated[tuple[Limit, ...], msgspec.Meta(min_length=1, max_length=10)]


class OwnershipThreshold(Record, frozen=True, kw_only=True, tag_field="rule", tag="ownership"):
    """From which share on a person is a beneficial owner (O12-25; AMLR art. 62)."""

    level: Literal["any", "high"] = "any"
    percent: Decimal


class DocumentKind(Record, frozen=True, kw_only=True, tag_field="rule", tag="document-kind"):
    """A kind of document that identifies, and what follows from its expiry (RO285 art. 5; O2-07 art. 19)."""

    kind: Code
    identifies: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=10)]
    """Customer types it identifies."""
    below_age: Annotated[int, msgspec.Meta(ge=1, le=150)] | None = None
    """Only of persons younger than this."""
    reminder_days: Days = 90
    """The customer is reminded so many days before expiry."""
    grace_days: Days = 90
    """Reasonable period after expiry, before service is suspended."""


class OrderRight(Record, frozen=True, kw_only=True, tag_field="rule", tag="order-right"):
    """What an organ may order of a bank, about whom, on which paper (CBL art. 29-30; QFD)."""

    organ: Code
    action: Literal["query", "freeze", "deduct"]
    subject: Literal["any", "natural", "organisation"] = "any"
    rank: Literal["law", "regulation"] = "law"
    """The least rank of the legal basis that an order must name."""
    level: Annotated[int, msgspec.Meta(ge=1, le=5)] = 2
    """The least level of the organ: 1 township, 2 county, 3 city, 4 province, 5 state."""
    papers: Annotated[tuple[Code, ...], msgspec.Meta(max_length=10)] = ("assistance-notice",)
    officers: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    hours_max: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """A freeze lasts so many hours at most, where it is counted in hours."""
    days_max: Days | None = None
    """A freeze lasts so many days at most."""
    renewals_max: Days | None = None


class PartnerAllowance(Record, frozen=True, kw_only=True, tag_field="rule", tag="partner"):
    """The fields a partner may be given for a purpose, under a separate consent (seed rule 29; PIPL art. 23)."""

    recipient: Code
    purpose: Code
    fields: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=200)]


Rule = ReviewCycle | Threshold | OwnershipThreshold | DocumentKind | OrderRight | PartnerAllowance
R = TypeVar("R", ReviewCycle, Threshold, OwnershipThreshold, DocumentKind, OrderRight, PartnerAllowance)


class Policy(Record, frozen=True, kw_only=True):
    """One rule of one jurisdiction and the days it is law."""

    id: Code
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    jurisdiction: Code
    effective_from: date
    effective_to: date | None = None
    source: Text
    """Instrument and article."""
    mark: Literal["C", "S", "M", "D"] = "D"
    """How far the source was confirmed; anything but C is configurable data."""
    note: Line = ""
    body: Rule

    def in_force(self, on: date) -> bool:
        """Whether it is law on a day."""
        return self.effective_from <= on and (self.effective_to is None or on <= self.effective_to)


class Notice(Record, frozen=True, kw_only=True):
    """A version of the privacy notice (PIPL art. 17)."""

    name: Code
    effective_from: date
    effective_to: date | None = None
    digest: Word = ""


class Policies(Record, frozen=True, kw_only=True):
    """What head office has published and not replaced."""

    policies: tuple[Policy, ...] = ()
    """The latest version of each."""
    forms: tuple[Template, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def templates(self) -> dict[str, Template]:
        """Published templates by name."""
        return {form.name: form for form in self.forms}

    def version(self, policy: str) -> int:
        """The present version of a policy, 0 for an unknown one."""
        return next((known.version for known in self.policies if known.id == policy), 0)

    def rules(self, kind: type[R], on: date) -> Iterator[tuple[Policy, R]]:
        """The rules of one kind that are law on a day, with the policies that hold them."""
        for policy in self.policies:
            if isinstance(policy.body, kind) and policy.in_force(on):
                yield policy, policy.body


NOTHING: Final = Policies()
STREAM: Final = Stream("policies", Policies, empty=NOTHING, key=POLICIES.key, head_office=True)


def published(given: Given) -> Policies:
    """What head office has published, as a rule sees it (its event must consult :data:`POLICIES`)."""
    policies = given.seen(POLICIES)
    assert isinstance(policies, Policies)
    return policies
