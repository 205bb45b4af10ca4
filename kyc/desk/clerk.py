"""Who works at a desk, how they ask the read door, and how what they do is recorded."""

from __future__ import annotations

from contextlib import suppress
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
from kyc.errors import ConflictError, NotFoundError
from kyc.ledger import Ledger
from kyc.store.log import Recorded
from kyc.wiring import Service

SYSTEM: Final = "desk"
"""Who records what happens by itself, such as a lapse: nobody decides it."""
_OF_THE_MOMENT: Final = frozenset({"occurred_at", "images"})
"""What differs when the same is said again: the moment, and the salts of images, whose hashes the papers name."""


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
    """What the desks have in common: one service, one clerk, a purpose and the law it rests on.

    Args:
        service: the open service.
        clerk: who works here.
        ledger: one of the caller's own where that of the service belongs to another thread.
        key: what the caller calls the act that is about to be done. Done again under it, nothing is recorded twice.
    """

    purpose = "legal-order"
    basis = "CBL-30"

    def __init__(self, service: Service, clerk: Clerk, *, ledger: Ledger | None = None, key: str = "") -> None:
        self.service = service
        self.clerk = clerk
        self.ledger = ledger or service.ledger
        self.done: list[Recorded] = []
        """What was recorded under the caller's key."""
        self._key = key

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return to_datetime(self.service.clock.now_us())

    def state(self, kind: str, key: str) -> State:
        """Where a stream stands.

        Raises:
            NotFoundError: nothing was recorded in it.
        """
        found = self.ledger.state(StreamName(kind, key))
        if found is None:
            raise NotFoundError(f"no such {kind}", field=kind)
        return found

    def admit(self, action: str, subject: StreamName, ticket: str) -> Grant:
        """Ask the read door for what is about to be given out; what it answers is recorded.

        Raises:
            AccessDeniedError: not permitted.
        """
        return self.service.gate.admit(self._ask(self.clerk, action, subject, ticket))

    def allow(self, act: str, subject: StreamName, ticket: str = "", *, second: str = "") -> None:
        """Ask whether the clerk may do something; ``second`` stands for a second person who is still to be asked.

        Raises:
            AccessDeniedError: not permitted; that is recorded.
        """
        ask = self._ask(self.clerk, act, subject, ticket)
        self.service.gate.allow(msgspec.structs.replace(ask, second=second))

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
        """Record an event in the clerk's name, or another's; under the caller's key unless another is given.

        Raises:
            KycError: the ledger's answer, where it is not a receipt.
        """
        if not key and self._key:
            self._record_once(event, StreamName(event.STREAM, stream or getattr(event, event.KEY)), scans)
            return
        self.ledger.must_record(self._submission(event, stream, key or f"desk/{uuid4().hex}", actor, scans))

    def before(self, *streams: StreamName) -> bool:
        """Whether the act was done under the caller's key: the last stream has it. What it left is ``done``."""
        for stream in streams:
            while found := self.service.log.under(stream, self._key_in(stream)):
                self.done.append(found)
        last = self.service.log.stream_id(streams[-1])
        whole = any(one.row.stream_id == last for one in self.done)
        if not whole:
            self.done.clear()  # it was begun at most: it is done again, and what is on record found
        return whole

    # --- once under one key -----------------------------------------------------------------------------

    def _record_once(self, event: Event, stream: StreamName, scans: tuple[Scan, ...]) -> None:
        """Record an event, or find that it was: a retry says it at another moment, and means the first."""
        key = self._key_in(stream)
        found = self.service.log.under(stream, key)
        if found is None:
            with suppress(ConflictError):  # another request said it at the same time, and was first
                self.ledger.must_record(self._submission(event, stream.key, key, "", scans))
            found = self.service.log.under(stream, key)
        if found is None:
            raise conflict()
        if found.event is not None and not same(event, found.event):
            raise conflict()
        self.done.append(found)

    def _key_in(self, stream: StreamName) -> str:
        identity = self.service.log.stream_id(stream)
        return f"act/{self.clerk.id}/{self._key}/{sum(one.row.stream_id == identity for one in self.done)}"

    def _submission(self, event: Event, stream: str, key: str, actor: str, scans: tuple[Scan, ...]) -> Submission:
        origin = Origin(
            actor=actor or self.clerk.id, branch=self.clerk.branch, purpose=self.purpose, legal_basis=self.basis
        )
        return Submission(key=key, origin=origin, data=event, stream=stream, scans=scans)


def same(event: Event, recorded: Event) -> bool:
    """Whether two events say the same, at whatever moment, and whatever images hang on them."""
    told, known = (
        {name: value for name, value in msgspec.structs.asdict(one).items() if name not in _OF_THE_MOMENT}
        for one in (event, recorded)
    )
    return type(event) is type(recorded) and told == known


def conflict() -> ConflictError:
    """The key stands for something else."""
    return ConflictError(
        "this idempotency key was used before with other content", field="key", rule="a key names one act for ever",
        remedy="use a new key for a new act, or say the same to get its receipt",
    )  # fmt: skip
