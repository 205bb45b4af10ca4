"""A customer as recorded until a day: the events of the customer and the accounts held, and the states they give.

Two times are kept apart. ``as_of`` is when things were recorded: what did the bank know that day? ``about`` is when
things were true: what did it believe then about an earlier or later day? Read from the streams themselves, which
accounts there are from the customer's own; what was disposed of appears as disposed. Costs what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final
from uuid import UUID

from kyc.clock import from_datetime
from kyc.domain import catalogue
from kyc.domain.account import AccountState
from kyc.domain.customer import AccountLinked, AccountUnlinked, CustomerState
from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.errors import NotFoundError
from kyc.store.log import EventLog, Recorded
from kyc.store.read import VERSION_MAX
from replay import render

FOREVER: Final = VERSION_MAX
"""Later than every recorded instant, in microseconds."""
_REPEATED: Final = frozenset({"names", "addresses", "phones", "email", "customer", "type"})
"""Fields of the registration that the state of a customer has in its own right."""


@dataclass(frozen=True, slots=True)
class Held:
    """An account of a customer, by when that was recorded."""

    account: str
    since: int
    """Microseconds; when the link was recorded."""
    until: int
    """When the end of the link was recorded; :data:`FOREVER` while it lasts."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a history, with the stream it is in."""

    stream: StreamName
    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Known:
    """What one stream folds to, then and now."""

    stream: StreamName
    then: Any
    now: Any

    @property
    def differences(self) -> list[render.Difference]:
        """What is not now what it was then."""
        return render.differences(state_fields(self.then), state_fields(self.now))


@dataclass(frozen=True, slots=True)
class History:
    """A customer as recorded until ``as_of``."""

    number: str
    as_of: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    about: datetime | None
    told: tuple[Told, ...]
    """Events recorded until then, in the order of recording."""
    later: int
    """Events of the same streams recorded after that."""
    customer: Known
    accounts: tuple[Known, ...]

    @property
    def disposed(self) -> int:
        """Events whose content was disposed of."""
        return sum(told.recorded.event is None for told in self.told)


def customer(
    log: EventLog,
    number: str,
    as_of: datetime | None = None,
    *,
    about: datetime | None = None,
    with_postings: bool = True,
) -> History:
    """A customer as recorded until ``as_of``, by default until now.

    Args:
        log: the event log.
        number: the customer number.
        as_of: recorded time; what was recorded later counts as unknown.
        about: effective time; what takes effect later is left out of the states.
        with_postings: whether the transactions of the accounts are told too.

    Raises:
        NotFoundError: there is no such customer.
        ValueError: a time without offset.
        CiphertextDamagedError: an event does not decrypt; names it.
    """
    until = FOREVER if as_of is None else from_datetime(as_of)
    name = StreamName("customer", number)
    events = list(log.events(name))
    if not events:
        raise NotFoundError("no such customer", field="customer")
    told = [Told(name, recorded) for recorded in events if recorded.row.recorded_at <= until]
    later = len(events) - len(told)
    accounts = []
    for held in accounts_of(events):
        if held.since > until:
            continue  # not his then; what was recorded of it is not part of what was known of him
        account = StreamName("account", held.account)
        own = list(log.events(account))
        last = min(until, held.until)
        part = [Told(account, recorded) for recorded in own if recorded.row.recorded_at <= last]
        told += part
        later += len(own) - len(part)
        accounts.append(Known(account, *_fold_both("account", own, until, about)))
        if with_postings:
            postings = StreamName("postings", held.account)
            booked = [Told(postings, recorded) for recorded in _until(log, postings, last)]
            told += booked
            later += _length(log, postings) - len(booked)
    told.sort(key=lambda item: item.recorded.row.recorded_at)  # stable: streams stay in their own order
    folded = Known(name, *_fold_both("customer", events, until, about))
    present = from_datetime(as_of) if as_of is not None else log.clock.now_us()
    return History(number, present, about, tuple(told), later, folded, tuple(accounts))


def accounts_of(events: list[Recorded]) -> list[Held]:
    """The accounts a customer's stream says were held, with the recorded times of the links."""
    held: dict[str, Held] = {}
    for recorded in events:
        event, at = recorded.event, recorded.row.recorded_at
        if isinstance(event, AccountLinked):
            since = held[event.account].since if event.account in held else at
            held[event.account] = Held(event.account, since, FOREVER)
        elif isinstance(event, AccountUnlinked) and event.account in held:
            held[event.account] = Held(event.account, held[event.account].since, at)
    return list(held.values())


def fold(kind: str, events: list[Recorded], until: int = FOREVER, about: datetime | None = None) -> Any:
    """The state of a stream from what was recorded ``until`` then and is in effect at ``about``."""
    evolve = catalogue.STREAMS[kind].evolve
    known: list[Event] = [
        recorded.event for recorded in events if recorded.event is not None and recorded.row.recorded_at <= until
    ]
    if about is not None:
        # What took effect earlier comes first, whenever it was recorded; the beginning stays the beginning.
        rest = [event for event in known[1:] if render.in_effect(event, about)]
        known = [*known[:1], *sorted(rest, key=lambda event: _day(event, about))]
    state: CustomerState | AccountState | None = None
    for event in known:
        state = evolve(state, event)
    return state


def state_fields(state: Any) -> dict[str, str]:
    """The fields of a folded state as text, each once."""
    if not isinstance(state, CustomerState):
        return render.fields(state)
    raw = render.plain(state)
    attributes = {key: value for key, value in raw.pop("registered").items() if key not in _REPEATED}
    attributes.pop("occurred_at", None)
    return render.fields(raw | attributes)


def lines(history: History, zone: tzinfo = render.ZONE) -> list[str]:
    """The history for a terminal."""
    text = [f"Customer {history.number} as recorded until {render.moment(history.as_of, zone)}"]
    if history.about is not None:
        text.append(f"about {history.about.isoformat(sep=' ', timespec='seconds')}")
    text.append("")
    text += _state_lines("Known of the customer", history.customer)
    for known in history.accounts:
        text += _state_lines(f"Account {known.stream.key}", known)
    text += [f"Recorded ({len(history.told)} events, {history.later} more since then)"]
    for told in history.told:
        row, context = told.recorded.row, told.recorded.context
        where = "" if told.stream.kind == "customer" else f" {told.stream.kind} {told.stream.key}"
        text.append(
            f"  {render.moment(row.recorded_at, zone)}  {render.title(context.topic)}{where} #{row.version}"
        )
        if told.recorded.event is None:
            text.append("      disposed of: only the proof of its existence is left")
        else:
            text += [f"    {part}" for part in _event_lines(told.recorded.event)]
        text.append(f"      {render.origin(context)}")
    return text


def as_dict(history: History) -> dict[str, Any]:
    """The history for JSON."""
    return {
        "customer": history.number,
        "as_of": render.exact(history.as_of),
        "about": history.about.isoformat() if history.about is not None else None,
        "known": known_dict(history.customer),
        "accounts": [known_dict(known) for known in history.accounts],
        "events": [told_dict(told) for told in history.told],
        "later": history.later,
        "disposed": history.disposed,
    }


def told_dict(told: Told) -> dict[str, Any]:
    """One event for JSON."""
    row, context = told.recorded.row, told.recorded.context
    return {
        "kind": told.stream.kind,
        "key": told.stream.key,
        "stream": str(UUID(bytes=row.stream_id)),
        "version": row.version,
        "recorded_at": render.exact(row.recorded_at),
        **context._asdict(),
        "hash": row.hash.hex(),
        "disposed": told.recorded.event is None,
        "event": None if told.recorded.event is None else render.plain(told.recorded.event),
    }


def _state_lines(heading: str, known: Known) -> list[str]:
    if known.then is None:
        return [heading, "  nothing was known then", ""]
    return [heading, *render.marked(state_fields(known.then), state_fields(known.now)), ""]


def _event_lines(event: Event) -> Iterator[str]:
    for name, value in render.fields(event).items():
        yield render.line(name, value)


def known_dict(known: Known) -> dict[str, Any]:
    """What a stream folds to, then and now, for JSON."""
    return {
        "kind": known.stream.kind,
        "key": known.stream.key,
        "then": None if known.then is None else render.plain(known.then),
        "now": None if known.now is None else render.plain(known.now),
        "differences": [difference._asdict() for difference in known.differences],
    }


def _fold_both(kind: str, events: list[Recorded], until: int, about: datetime | None) -> tuple[Any, Any]:
    return fold(kind, events, until, about), fold(kind, events)


def _until(log: EventLog, stream: StreamName, until: int) -> Iterator[Recorded]:
    for recorded in log.events(stream):
        if recorded.row.recorded_at > until:
            return
        yield recorded


def _length(log: EventLog, stream: StreamName) -> int:
    stream_id = log.stream_id(stream)
    head = log.reader.heads([stream_id]).get(stream_id)
    return head.version if head is not None else 0


def _day(event: Event, about: datetime) -> Any:
    value = render.effective(event)
    return value.astimezone(about.tzinfo).date() if isinstance(value, datetime) else value
