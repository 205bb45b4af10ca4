"""Tickets that let staff look at a customer: the customer's own business, and lists of who is looked at with care.

A ticket says that a customer asked for something, at which branch and who serves them, until when. Without one no
teller sees a file (seed rule 30). Serves seed rules 30-31, CBL art. 29.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import ClassVar, Final, Literal

import msgspec

from kyc.domain.event import Event, Instant, RecordClass
from kyc.domain.stream import Given, Stream, check, mentions
from kyc.domain.submission import StreamName
from kyc.domain.values import Code, Line, Record, Text, Word
from kyc.errors import RefusedError

TICKET_MAX: Final = timedelta(hours=24)
"""A customer's business of one day; what lasts longer gets another ticket."""


class TicketEvent(Event, frozen=True, kw_only=True):
    """An event of one service ticket."""

    STREAM: ClassVar[str] = "ticket"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCESS
    KEY: ClassVar[str] = "ticket"

    ticket: Code


class TicketOpened(TicketEvent, frozen=True, kw_only=True):
    """A customer has business at a branch, and somebody serves them for a time."""

    TOPIC: ClassVar[str] = "ticket.opened"

    customer: Code
    branch: Code
    operator: Word = ""
    """Who serves; empty: nobody yet."""
    business: Code
    """``withdrawal``, ``update``, ``complaint`` …"""
    trigger: Code
    """How the customer asked: queue number, call, letter."""
    until: Instant


class TicketAssigned(TicketEvent, frozen=True, kw_only=True):
    """Somebody else serves the customer."""

    TOPIC: ClassVar[str] = "ticket.assigned"

    operator: Code


class TicketClosed(TicketEvent, frozen=True, kw_only=True):
    """The business is done."""

    TOPIC: ClassVar[str] = "ticket.closed"

    outcome: Line = ""


class WatchEvent(Event, frozen=True, kw_only=True):
    """An event about whether looking at a customer is told to a supervisor."""

    STREAM: ClassVar[str] = "watch"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.ACCESS
    KEY: ClassVar[str] = "customer"

    customer: Code


class CustomerWatched(WatchEvent, frozen=True, kw_only=True):
    """Who looks at this customer from now on is told to a supervisor (seed rule 30)."""

    TOPIC: ClassVar[str] = "access.customer_watched"

    why: Literal["vip", "staff", "public-figure", "vulnerable"]
    reason: Text


class CustomerUnwatched(WatchEvent, frozen=True, kw_only=True):
    """Looking at this customer is told to nobody in particular any more."""

    TOPIC: ClassVar[str] = "access.customer_unwatched"

    reason: Text


# --- state ----------------------------------------------------------------------------------------------


class TicketState(Record, frozen=True, kw_only=True):
    """Where a ticket stands."""

    ticket: str
    customer: str
    branch: str
    operator: str
    until: datetime
    closed: bool = False


class Watch(Record, frozen=True, kw_only=True):
    """Whether looking at a customer is told to a supervisor."""

    why: str = ""
    """Empty: it is not."""


TICKET: Final = Stream("ticket", TicketState)
WATCH: Final = Stream("watch", Watch, empty=Watch())


@TICKET.begins(TicketOpened)
def _opened(event: TicketOpened) -> TicketState:
    return TicketState(
        ticket=event.ticket, customer=event.customer, branch=event.branch, operator=event.operator,
        until=event.until,
    )  # fmt: skip


@TICKET.changes(TicketAssigned)
def _assigned(state: TicketState, event: TicketAssigned) -> TicketState:
    return msgspec.structs.replace(state, operator=event.operator)


@TICKET.changes(TicketClosed)
def _closed(state: TicketState, _: TicketClosed) -> TicketState:
    return msgspec.structs.replace(state, closed=True)


@WATCH.changes(CustomerWatched)
def _watched(_: Watch, event: CustomerWatched) -> Watch:
    return Watch(why=event.why)


@WATCH.changes(CustomerUnwatched)
def _unwatched(_: Watch, __: CustomerUnwatched) -> Watch:
    return Watch()


# --- rules ----------------------------------------------------------------------------------------------


@check(TicketOpened)
def _timed(event: TicketOpened, _: date) -> None:
    if not event.occurred_at < event.until <= event.occurred_at + TICKET_MAX:
        raise RefusedError(
            "a ticket is for the day", field="until", rule="after occurred_at, at most 24 hours",
            remedy="open another one tomorrow",
        )  # fmt: skip


@mentions(TicketOpened)
def _of_a_customer(event: TicketOpened) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.customer),)


@mentions(CustomerWatched)
def _about(event: CustomerWatched) -> tuple[StreamName, ...]:
    return (StreamName("customer", event.customer),)


@TICKET.rule(TicketOpened)
def _at_the_branch(_: TicketState | None, event: TicketOpened, given: Given) -> None:
    if event.branch != given.origin.branch:
        raise RefusedError(
            "a ticket of another branch", field="branch", rule="the submission's branch",
            remedy="the branch that serves opens it",
        )  # fmt: skip


@TICKET.always
def _still_open(state: TicketState, _: Event, __: Given) -> None:
    if state.closed:
        raise RefusedError("the ticket is closed", field="ticket", rule="an open ticket", remedy="open another one")
