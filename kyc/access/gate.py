"""The one read door: look up, decide, record, and only then hand out a grant that shows. Acts are asked here too.

Fail-closed: a read that cannot be recorded does not happen, and a refusal is recorded before it is told. An act
that is permitted is recorded by whoever does it. Whatever is refused costs the same work and is told in the same
words, whether nothing is held, it is held secretly, or it is another branch's (gotchas 25, 26). Knows no HTTP and
no view: what a view holds is its builder's business, and what of it is shown is the grant's. Thread-safe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec

from kyc.access import mask
from kyc.access.ask import Ask
from kyc.access.lookup import Found, Lookup
from kyc.access.policy import NO_BASIS, NOT_AUTHENTICATED, Deny, Permit, decide
from kyc.clock import Clock, from_datetime, to_datetime
from kyc.domain.access_log import AccessAnomalyFlagged, AccessDenied, RecordRead, RecordsListed
from kyc.domain.access_rules import Matrix
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.submission import Origin, StreamName
from kyc.errors import AccessDeniedError, KycError
from kyc.ledger import Ledger
from kyc.store.log import EventLog

LISTED_MAX: Final = 1_000
"""Customers of one event; a longer page is recorded in several."""
EXPIRED: Final = "expired"
_WORD: Final = re.compile(r"[!-~]{1,64}")
_FLAG_AGAIN: Final = timedelta(hours=1)
"""The same conduct is told to a supervisor once in this time; each look at a marked file always."""
_EACH: Final = frozenset({"own-record", "relative", "vip"})
_PERSONAL: Final = frozenset({"customer", "account", "transaction", "access"})
"""Kinds of subjects whose reads stand in the customers' own access logs."""


class Grant:
    """A recorded permission. Query functions take one before they answer; it shows what it allows."""

    def __init__(self, permit: Permit, matrix: Matrix, clock: Clock) -> None:
        self.permit = permit
        self._matrix = matrix
        self._clock = clock

    @property
    def branches(self) -> frozenset[str] | None:
        """The branches a list is confined to; None: no confinement."""
        return self.permit.branches

    def allows(self, field: str) -> bool:
        """Whether a field may be shown, perhaps masked: what is not need not be read."""
        return field in self.permit.fields

    def withholds(self, field: str) -> bool:
        """Whether the matrix keeps a field from being shown in full within others."""
        return field in self._matrix.fields and (field not in self.permit.inner or field in self.permit.masked)

    def show(self, view: Mapping[str, Any]) -> dict[str, Any]:
        """What of a view may be shown; its keys are fields of the matrix.

        Raises:
            AccessDeniedError: the permission has run out.
        """
        until = self.permit.until
        if until is not None and self._clock.now_us() >= from_datetime(until):
            raise AccessDeniedError(EXPIRED)
        return mask.apply(view, self.permit, self._matrix)

    def show_all(self, views: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The same of each row of a list."""
        return [self.show(view) for view in views]


class Gate:
    """The door to one log, in the institution's zone."""

    def __init__(self, log: EventLog, zone: ZoneInfo) -> None:
        self._log = log
        self._zone = zone
        self._lookup = Lookup(log)

    def scope(self, ask: Ask) -> Permit:
        """What a list may cover, before it is made; :meth:`admit` records who is on it.

        Raises:
            AccessDeniedError: nothing; the refusal is recorded.
        """
        at, found = self._found(ask, ())
        decision = _decided(ask, found, at)
        if isinstance(decision, Deny):
            self._refuse(ask, found, decision, at)
        return decision

    def allow(self, ask: Ask) -> Permit:
        """Whether an act may be done. What is done is recorded by whoever does it; a refusal is recorded here.

        Raises:
            AccessDeniedError: not permitted; the refusal is recorded, and every refusal reads the same.
        """
        at, found = self._found(ask, ())
        decision = _decided(ask, found, at)
        if isinstance(decision, Deny):
            self._refuse(ask, found, decision, at)
        self._record(ask, _flagged(ask, found, decision.flags, at))
        return decision

    def allow_two(self, ask: Ask, second: Ask) -> None:
        """The same of an act that takes two: each is asked for as the other's second person.

        Raises:
            AccessDeniedError: one of them may not; the refusal stands with that one.
        """
        self.allow(msgspec.structs.replace(ask, second=second.actor.id))
        self.allow(msgspec.structs.replace(second, second=ask.actor.id))

    def admit(self, ask: Ask, customers: Sequence[str] = ()) -> Grant:
        """Decide on a request about its subject, or on a list of these customers, and record it.

        Raises:
            AccessDeniedError: not permitted; the refusal is recorded, and every refusal reads the same.
            KycError: the event could not be recorded; nothing may be shown.
        """
        at, found = self._found(ask, customers)
        decision = _decided(ask, found, at)
        if isinstance(decision, Deny):
            self._refuse(ask, found, decision, at)
        self._record(ask, [*_reads(ask, found, decision, at), *_flagged(ask, found, decision.flags, at)])
        return Grant(decision, found.matrix, self._log.clock)

    def admit_pages(self, ask: Ask, customers: Sequence[str]) -> Grant:
        """The same of a list of any length, decided and recorded page by page; the last page's grant shows it.

        Raises:
            AccessDeniedError, KycError: as above; pages before it are on record as told.
        """
        for start in range(0, len(customers), LISTED_MAX)[:-1]:
            self.admit(ask, customers[start : start + LISTED_MAX])
        last = (len(customers) - 1) // LISTED_MAX * LISTED_MAX
        return self.admit(ask, customers[max(last, 0) :])

    def concerned(self, subjects: Iterable[StreamName]) -> tuple[str, ...]:
        """The customers whom records concern: the holders of accounts, those named in cases, orders, requests."""
        return self._lookup.concerned(subjects)

    def _found(self, ask: Ask, customers: Sequence[str]) -> tuple[datetime, Found]:
        at = to_datetime(self._log.clock.now_us()).astimezone(self._zone)
        return at, self._lookup.find(ask, customers, at)

    def _refuse(self, ask: Ask, found: Found, decision: Deny, at: datetime) -> NoReturn:
        subject = ask.subject
        personal = subject is not None and subject.kind in {"customer", "access"}
        denied = AccessDenied(
            occurred_at=at,
            operator=_word(ask.actor.id),
            customer=_text(subject.key) if subject is not None and personal else "",
            fields=tuple(map(_text, ask.fields[:200])),
            code=decision.code,
            action=_text(ask.action),
            about="" if subject is None or personal else _text(f"{subject.kind} {subject.key}"),
            reason=_text(ask.reason, 500),
            ticket=_text(ask.ticket),
            policy=found.matrix.name,
            authn=_text(ask.actor.authn),
        )
        self._record(ask, [denied, *_flagged(ask, found, decision.flags, at)])
        raise AccessDeniedError(decision.code)

    def _record(self, ask: Ask, events: Sequence[Event]) -> None:
        if not events:
            return
        origin = Origin(
            actor=_word(ask.actor.id), branch=_word(ask.actor.branch), purpose=_word(ask.purpose),
            legal_basis=_word(ask.legal_basis),
        )  # fmt: skip
        submissions = [
            Submission(key=f"access/{uuid4().hex}", origin=origin, data=event) for event in events
        ]  # a ledger of its own: these streams are never folded, and threads share the gate
        for answer in Ledger(self._log, self._zone).record(submissions):
            if isinstance(answer, KycError):
                raise answer


def _decided(ask: Ask, found: Found, at: datetime) -> Permit | Deny:
    """The decision; codes that stand in clear in headers are codes, or nothing is decided."""
    decision = decide(ask, found.facts, found.matrix, at)
    if isinstance(decision, Permit):
        if not _WORD.fullmatch(ask.actor.id):
            return Deny(code=NOT_AUTHENTICATED, flags=())
        if not _WORD.fullmatch(ask.legal_basis):
            return Deny(code=NO_BASIS, flags=())
    return decision


def _reads(ask: Ask, found: Found, permit: Permit, at: datetime) -> list[Event]:
    """The events of a permitted request: one for each customer of a subject, one for a page of a list."""
    subject = ask.subject
    common: dict[str, Any] = {
        "occurred_at": at,
        "operator": ask.actor.id,
        "action": ask.action,
        "fields": _named(permit, found.matrix),
        "reason": _text(ask.reason, 500) or ask.purpose,
        "ticket": _text(ask.ticket),
        "masked": bool(permit.masked & permit.fields),
        "roles": permit.roles,
        "policy": found.matrix.name,
        "hidden": permit.hidden,
        "authn": ask.actor.authn,
    }
    numbers = [person.customer for person in found.facts.persons if person.exists]
    if subject is not None and subject.kind in _PERSONAL and numbers:
        about = "" if subject.kind == "customer" else subject.kind
        return [RecordRead(customer=number, about=about, **common) for number in numbers]
    about = "" if subject is None else _text(f"{subject.kind} {subject.key}")
    pages = [numbers[start : start + LISTED_MAX] for start in range(0, len(numbers), LISTED_MAX)] or [[]]
    return [RecordsListed(about=about, customers=tuple(page), **common) for page in pages]


def _named(permit: Permit, matrix: Matrix) -> tuple[str, ...]:
    """What was shown: classes by their names where they were shown whole, else fields."""
    whole = [one for one in matrix.class_ if permit.fields.issuperset(one.fields)]
    single = permit.fields.difference(*(one.fields for one in whole))
    return (*sorted(one.name for one in whole), *sorted(single))


def _flagged(ask: Ask, found: Found, kinds: Sequence[str], at: datetime) -> list[Event]:
    """What supervisors are told of the asker, once an hour for each kind; looks at marked files each time."""
    operator = _word(ask.actor.id)
    events: list[Event] = []
    for kind in kinds:
        last = found.operator.flagged.get(kind)
        if kind not in _EACH and last is not None and at - last < _FLAG_AGAIN:
            continue
        limits = [
            limit
            for role in ask.actor.roles
            for limit in found.matrix.limits.get(role, ())
            if limit.kind == kind and (kind, limit.count, limit.minutes) in found.facts.reached
        ]
        widest = max(limits, key=lambda limit: limit.count, default=None)
        events.append(
            msgspec.convert(
                {
                    "occurred_at": at,
                    "operator": operator,
                    "kind": kind,
                    "count": widest.count if widest else 1,
                    "since": at - widest.window if widest else at,
                    "until": at,
                },
                AccessAnomalyFlagged,
            )
        )
    return events


def _word(text: str) -> str:
    """A code as it may stand in a header; what was asked wrongly is recorded all the same."""
    kept = "".join(one if "!" <= one <= "~" else "?" for one in text[:64])
    return kept or "none"


def _text(text: str, most: int = 64) -> str:
    """A text as an event may hold it."""
    return "".join(one for one in text[:most] if one.isprintable())
