"""Who and what stood behind a transaction: holders with their documents, legal orders in force, vouchers.

All as known at one moment and as known now. Documents are told with the SHA-256 of their content, checked against
the commitment, so that whoever holds a copy can compare it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from kyc.domain.account import AccountState
from kyc.domain.diligence import ScreeningHitDecided, ScreeningPerformed
from kyc.domain.document import DocumentCaptured
from kyc.domain.event import Image, Scanned
from kyc.domain.restraint import FundsDeducted
from kyc.domain.submission import StreamName
from kyc.errors import DisposedError
from kyc.store.log import EventLog, Recorded
from kyc.store.records import lane_of
from replay.history import Known, Told, certified, fold, known_of


@dataclass(frozen=True, slots=True)
class Paper:
    """A captured document, with its images."""

    told: Told
    images: tuple[tuple[Image, str], ...]
    """Each image with the SHA-256 of its content in hexadecimal, empty where it was disposed of."""
    then: bool
    """Whether it was captured by the moment that is asked about."""


@dataclass(frozen=True, slots=True)
class Party:
    """A holder of one of the accounts."""

    known: Known
    roles: tuple[tuple[str, str], ...]
    """(account, role) as known then."""
    papers: tuple[Paper, ...]
    screened: tuple[Told, ...]
    """By then: the last screening against each list, and what was decided about its hits."""


@dataclass(frozen=True, slots=True)
class Order:
    """A legal order that stood against free use of an account at the moment of the booking, or took it."""

    known: Known
    account: str
    effect: str
    """``freeze``, ``queued`` or ``deduction``."""
    terms: Any
    """The freeze as it was in force, or the event of the deduction."""


def parties(log: EventLog, accounts: Iterable[Known], at: int) -> tuple[Party, ...]:
    """The holders of some accounts as known at ``at``, in microseconds, each once."""
    roles: dict[str, list[tuple[str, str]]] = {}
    for account in accounts:
        for holder in account.then.holders if account.then is not None else ():
            pair = (account.stream.key, holder.role)
            if pair not in roles.setdefault(holder.customer, []):
                roles[holder.customer].append(pair)
    found = []
    for number, held in roles.items():
        name = StreamName("customer", number)
        events = list(log.events(name))
        told = (Told(name, one) for one in events if one.context.topic == DocumentCaptured.TOPIC)
        papers = tuple(paper(log, one, at) for one in certified(log, told))
        found.append(Party(known_of(log, name, events, at), tuple(held), papers, _screened(name, events, at)))
    return tuple(found)


def _screened(name: StreamName, events: Sequence[Recorded], at: int) -> tuple[Told, ...]:
    last: dict[str, Recorded] = {}
    decided: list[Recorded] = []
    for one in events:
        if one.row.recorded_at > at:
            continue
        if isinstance(one.event, ScreeningPerformed):
            last[one.event.list] = one
        elif isinstance(one.event, ScreeningHitDecided):
            decided.append(one)
    hits = {hit for one in last.values() if isinstance(one.event, ScreeningPerformed) for hit in one.event.hits}
    mine = (one for one in decided if isinstance(one.event, ScreeningHitDecided) and one.event.hit in hits)
    return tuple(Told(name, one) for one in (*last.values(), *mine))


def orders(
    log: EventLog, account: StreamName, own: Sequence[Recorded], at: int, booked: datetime, reference: str
) -> tuple[Order, ...]:
    """Orders on an account when something was booked, as known at ``at``; ``own`` are the account's events."""
    state = fold("account", list(own), at, about=booked)
    found: list[tuple[str, str, Any]] = []
    if isinstance(state, AccountState):
        restraints = state.restraints
        in_force = [one for one in restraints.freezes if one.until is None or one.until > booked]
        found += [(one.order, "freeze", one) for one in in_force]
        found += [(one.order, "queued", one) for one in restraints.queue]
    for recorded in own:
        if isinstance(recorded.event, FundsDeducted) and recorded.event.reference == reference:
            found.append((recorded.event.order, "deduction", recorded.event))
    result = []
    for number, effect, terms in found:
        name = StreamName("order", number)
        known = known_of(log, name, list(log.events(name)), at)
        result.append(Order(known, account.key, effect, terms))
    return tuple(result)


def paper(log: EventLog, told: Told, at: int) -> Paper:
    """A document with its images."""
    event, row = told.recorded.event, told.recorded.row
    images = event.images if isinstance(event, Scanned) else ()
    return Paper(
        told, tuple((image, _digest(log, told.recorded, image)) for image in images), row.recorded_at <= at
    )  # fmt: skip


def _digest(log: EventLog, recorded: Recorded, image: Image) -> str:
    """The SHA-256 of a scan's content, checked against its commitment."""
    try:
        _, content = log.scan(image, lane_of(recorded.row.data_key, log.lanes))
    except DisposedError:
        return ""
    return sha256(content).hexdigest()
