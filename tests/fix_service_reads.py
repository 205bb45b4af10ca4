"""A bank to be read over HTTP: customers of two branches behind a running service, papers, rights, read models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fix_bank import captured, established, household, registered, verified
from fix_embedded import wait_until
from fix_service import Provider, Running
from msgspec.structs import replace

from kyc.clock import to_datetime
from kyc.domain.access_log import AccessGranted
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.governance import PolicyPublished
from kyc.domain.monitoring import CaseOpened
from kyc.domain.policies import shipped_editions
from kyc.domain.service_ticket import TicketOpened
from kyc.domain.submission import Origin, StreamName
from kyc.ledger import Ledger
from projections.engine import Engine

TELLER = {
    "kyc-purpose": "account-service", "kyc-legal-basis": "AML24-34", "kyc-reason": "at the counter",
    "kyc-ticket": "S1",
}  # fmt: skip
SUPERVISION = {"kyc-purpose": "supervision", "kyc-legal-basis": "AML24-34", "kyc-reason": "weekly look"}
QUALITY = SUPERVISION | {"kyc-purpose": "data-quality"}
AML = SUPERVISION | {"kyc-purpose": "aml", "kyc-ticket": "CA-1"}
AUDIT = SUPERVISION | {"kyc-purpose": "audit"}


@dataclass
class Bank:
    """The service, its database and who may log in."""

    running: Running
    oidc: Provider

    @property
    def now(self) -> datetime:
        """Now, as the service counts."""
        return to_datetime(self.running.service.clock.now_us())

    def client(self, role: str, why: dict[str, str], **claims: Any) -> httpx.Client:
        """Somebody in a role, at B-1, who says why."""
        client = self.running.client(self.oidc.token(roles=[role], **{"sub": f"{role}-1"} | claims))
        client.headers.update(why)
        return client

    def record(
        self, *events: Event, key: str = "", actor: str = "M-1", branch: str = "B-1", stream: str = ""
    ) -> None:
        """Record events in the name of somebody."""
        origin = Origin(actor=actor, branch=branch, purpose="account-service", legal_basis="AML24-34")
        self.submit(
            *(
                Submission(
                    key=f"{key or event.TOPIC}/{number}/{hash(event)}", origin=origin, data=event, stream=stream
                )
                for number, event in enumerate(events)
            )
        )

    def submit(self, *submissions: Submission) -> None:
        """Record submissions that must be taken."""
        log = self.running.service.log
        for answer in Ledger(log, ZoneInfo("UTC")).record(submissions):
            assert isinstance(answer, tuple), answer

    def grant(self, operator: str, role: str, scope: tuple[str, ...] = ()) -> None:
        """A right, given by two others."""
        self.record(
            AccessGranted(
                occurred_at=self.now, operator=operator, grant=f"{operator}/{role}", role=role, scope=scope,
                until=self.now + timedelta(hours=8), approver="M-2",
            )
        )  # fmt: skip

    def adopt(self, *rules: str) -> None:
        """Head office publishes shipped rules of China."""
        for edition in shipped_editions("CN"):
            if edition.rules in rules:
                event = PolicyPublished(occurred_at=self.now, edition=edition, jurisdiction="CN", approver="HQ-2")
                self.record(event, actor="HQ-1", branch="HQ")

    def project(self) -> None:
        """Bring the read models up to date."""
        Engine(self.running.service.log).catch_up()

    def events(self, kind: str, key: str) -> list[Event]:
        """What is recorded in a stream."""
        return [one.event for one in self.running.service.log.events(StreamName(kind, key)) if one.event]


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    """The rows of a list that fits one page."""
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] == ""
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def elsewhere(number: str, name: str = "Emmy Noether") -> list[Submission]:
    """A customer of branch B-2."""
    made = [registered(number, name), captured(number, f"P-{number}"), verified(number), established(number)]
    return [replace(one, origin=replace(one.origin, branch="B-2")) for one in made]


def settled(client: httpx.Client, at: str) -> dict[str, Any]:
    """An export or an answer, once nothing more happens to it."""
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(client.get(at).json())
        return found["state"] not in {"queued", "running"}

    wait_until(over)
    return found


@pytest.fixture
def served(running: Running, oidc: Provider) -> Bank:
    """C1 and C2 of B-1, C3 of B-2; T-1's ticket S1 of C1; case CA-1; rights; read models."""
    made = Bank(running, oidc)
    made.submit(*household(), *elsewhere("C3"))
    made.record(
        TicketOpened(
            occurred_at=made.now, ticket="S1", customer="C1", branch="B-1", operator="T-1", business="update",
            trigger="queue-17", until=made.now + timedelta(hours=8),
        ),
        CaseOpened(occurred_at=made.now, case="CA-1", customers=("C1", "C2"), trigger="model"),
    )  # fmt: skip
    for role in ("compliance", "investigator", "hq-operations", "auditor"):
        made.grant(f"{role}-1", role)
    made.project()
    return made
