"""What persons were told, agreed to and asked for: notices, consents, restrictions, requests.

A consent holds from its day until the day it is withdrawn, which already counts as without; a restriction leaves
storage and security only (PIPL art. 15, 47). Statutory duties rest on no consent and are not asked about here. The
questions are in :mod:`projections.consents`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Final

import msgspec

from kyc.domain import privacy as p
from kyc.domain.customer import CustomerRegistered
from kyc.domain.event import Event
from kyc.store.statements import load
from projections import rows
from projections.rows import Desk, Row, Table

_SQL: Final = load("projections", "consent_register.sql")


class Given(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is encrypted of a consent."""

    method: str
    scope: tuple[str, ...] = ()


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is encrypted of a restriction."""

    request: str
    reason: str


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is encrypted of a request."""

    request: str
    proof: str
    detail: str = ""


@dataclass(slots=True)
class _Consent(Row):
    purpose: str
    separate: bool
    notice: str
    given_on: date
    withdrawn_on: date | None
    content: bytes


@dataclass(slots=True)
class _Notice(Row):
    notice: str
    channel: str
    language: str
    presented_on: date


@dataclass(slots=True)
class _Restriction(Row):
    request: bytes
    since: date
    until: date | None
    content: bytes


@dataclass(slots=True)
class _Request(Row):
    customer: bytes
    kind: str
    requester: str
    received_on: date
    promised: date
    outcome: str | None
    answered_on: date | None
    content: bytes


_KEY: Final = ("uuid", "int8", "uuid")
_CONSENTS: Final = Table("consent_register", _Consent, (*_KEY, "text", "bool", "text", "date", "date", "bytea"))
_NOTICES: Final = Table("consent_notice", _Notice, (*_KEY, "text", "text", "text", "date"))
_RESTRICTIONS: Final = Table("consent_restriction", _Restriction, (*_KEY, "uuid", "date", "date", "bytea"))
_REQUESTS: Final = Table(
    "consent_request", _Request, (*_KEY, "uuid", "text", "text", "date", "date", "text", "date", "bytea")
)


def _registered(desk: Desk, event: CustomerRegistered) -> None:
    desk.add(_NOTICES, event.notice, "", "", event.occurred_at.date())


def _presented(desk: Desk, event: p.NoticePresented) -> None:
    desk.add(_NOTICES, event.notice, event.channel, event.language, event.occurred_at.date())


def _given(desk: Desk, event: p.ConsentGiven) -> None:
    content = desk.seal(Given(event.method, event.scope))
    desk.add(_CONSENTS, event.purpose, event.separate, event.notice, event.occurred_at.date(), None, content)


def _withdrawn(desk: Desk, event: p.ConsentWithdrawn) -> None:
    for consent in desk.of(_CONSENTS):
        if consent.purpose == event.purpose and consent.withdrawn_on is None:
            consent.withdrawn_on = event.occurred_at.date()


def _restricted(desk: Desk, event: p.ProcessingRestricted) -> None:
    content = desk.seal(Reason(event.request, event.reason))
    desk.add(_RESTRICTIONS, desk.stream("request", event.request), event.occurred_at.date(), None, content)


def _restored(desk: Desk, event: p.ProcessingRestored) -> None:
    for restriction in desk.of(_RESTRICTIONS):
        restriction.until = restriction.until or event.occurred_at.date()


def _received(desk: Desk, event: p.RightsRequestReceived) -> None:
    desk.begin(
        _REQUESTS, desk.stream("customer", event.customer), event.kind, event.requester, event.occurred_at.date(),
        event.due, None, None, desk.seal(Asked(event.request, event.proof, event.detail)),
    )  # fmt: skip


def _answered(outcome: str) -> Callable[[Desk, Any], None]:
    def change(desk: Desk, event: Event) -> None:
        for request in desk.of(_REQUESTS):
            request.outcome, request.answered_on = outcome, event.occurred_at.date()

    return change


class ConsentRegister(rows.Register):
    """A row for each consent, notice that was presented, restriction and request."""

    name = "consent_register"
    version = 1
    schema = _SQL["tables"]
    sheets = (_CONSENTS, _NOTICES, _RESTRICTIONS, _REQUESTS)
    changes: ClassVar[Mapping[type[Event], Callable[[Desk, Any], object]]] = {
        CustomerRegistered: _registered,
        p.NoticePresented: _presented,
        p.ConsentGiven: _given,
        p.ConsentWithdrawn: _withdrawn,
        p.ProcessingRestricted: _restricted,
        p.ProcessingRestored: _restored,
        p.RightsRequestReceived: _received,
        p.RightsRequestFulfilled: _answered("fulfilled"),
        p.RightsRequestRefused: _answered("refused"),
    }
