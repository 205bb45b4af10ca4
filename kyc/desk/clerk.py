"""Who works at a desk, how they ask the read door, and how what they do is recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import uuid4

import msgspec

from kyc.access.ask import Actor, Ask
from kyc.access.gate import Grant
from kyc.clock import to_datetime
from kyc.domain.admit import HEAD_OFFICE, State
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.submission import Origin, Scan, StreamName
from kyc.errors import NotFoundError
from kyc.wiring import Service

SYSTEM: Final = "desk"
"""Who records what happens by itself, such as a lapse: nobody decides it."""


class Clerk(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at a desk, who was authenticated."""

    id: str
    roles: frozenset[str]
    reason: str = ""
    ticket: str = ""
    """Service ticket under which they serve a customer, where their role takes one."""
    branch: str = HEAD_OFFICE
    authn: str = "local-keys"

    @property
    def actor(self) -> Actor:
        """As the read door knows them."""
        return Actor(id=self.id, roles=self.roles, branch=self.branch, authn=self.authn)


class Desk:
    """What the desks have in common: one service, one clerk, a purpose and the law it rests on."""

    purpose = "legal-order"
    basis = "CBL-30"

    def __init__(self, service: Service, clerk: Clerk) -> None:
        self.service = service
        self.clerk = clerk

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return to_datetime(self.service.clock.now_us())

    def state(self, kind: str, key: str) -> State:
        """Where a stream stands.

        Raises:
            NotFoundError: nothing was recorded in it.
        """
        found = self.service.ledger.state(StreamName(kind, key))
        if found is None:
            raise NotFoundError(f"no such {kind}", field=kind)
        return found

    def admit(self, action: str, subject: StreamName, ticket: str) -> Grant:
        """Ask the read door for what is about to be given out; what it answers is recorded.

        Raises:
            AccessDeniedError: not permitted.
        """
        return self.service.gate.admit(self._ask(self.clerk, action, subject, ticket))

    def allow(self, act: str, subject: StreamName, ticket: str = "") -> None:
        """Ask whether the clerk may do something.

        Raises:
            AccessDeniedError: not permitted; that is recorded.
        """
        self.service.gate.allow(self._ask(self.clerk, act, subject, ticket))

    def allow_two(self, act: str, subject: StreamName, second: Clerk) -> None:
        """Ask whether the clerk and a second person may do something together.

        Raises:
            AccessDeniedError: one of them may not, or they are one; that is recorded.
        """
        self.service.gate.allow_two(self._ask(self.clerk, act, subject), self._ask(second, act, subject))

    def _ask(self, clerk: Clerk, action: str, subject: StreamName, ticket: str = "") -> Ask:
        return Ask(
            actor=clerk.actor, action=action, subject=subject, purpose=self.purpose, legal_basis=self.basis,
            reason=clerk.reason, ticket=ticket or clerk.ticket,
        )  # fmt: skip

    def record(
        self, event: Event, stream: str = "", *, actor: str = "", key: str = "", scans: tuple[Scan, ...] = ()
    ) -> None:
        """Record an event in the clerk's name, or another's.

        Raises:
            KycError: the ledger's answer, where it is not a receipt.
        """
        origin = Origin(
            actor=actor or self.clerk.id, branch=self.clerk.branch, purpose=self.purpose, legal_basis=self.basis
        )
        submission = Submission(
            key=key or f"desk/{uuid4().hex}", origin=origin, data=event, stream=stream, scans=scans
        )
        self.service.ledger.must_record(submission)
