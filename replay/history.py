"""A customer as recorded until a day: the events of the customer and the accounts held, and the states they give.

Two times are kept apart. ``as_of`` is when things were recorded: what did the bank know that day? ``about`` is when
things were true: what did it believe then about an earlier or later day? Read from the streams themselves, which
accounts there are from the customer's own; what was disposed of appears as disposed. Costs what it reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
from replay import disposed, render, seek
from replay.disposed import Disposal

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
    disposal: Disposal | None = None
    """What destroyed its content, if anything did and it is recorded."""


@dataclass(frozen=True, slots=True)
class Known:
    """What one stream folds to, then and now."""

    stream: StreamName
    then: Any
    now: Any
    hindsight: Any = None
    """Where a day in the world was asked about: what is known of that day by now."""
    disposal: Disposal | None = None
    """Where nothing is left to fold: what destroyed it."""

    @property
    def differences(self) -> list[render.Difference]:
        """What is not now what it was then."""
        return render.differences(state_fields(self.then), state_fields(self.now))

    @property
    def corrections(self) -> list[render.Difference]:
        """What was recorded since about the day that was asked about; empty where none was."""
        if self.hindsight is None:
            return []
        return render.differences(state_fields(self.then), state_fields(self.hindsight))


@dataclass(frozen=True, slots=True)
class History:
    """A customer as recorded until ``as_of``."""

    number: str
    as_of: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    about: datetime | None
    told: tuple[Told, ...]
    """Events recorded until then, in the order of recording."""
    earlier: int
    """Events of the same streams recorded before those that were asked for."""
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
    since: datetime | None = None,
    with_postings: bool = True,
) -> History:
    """A customer as recorded until ``as_of``, by default until now.

    Args:
        log: the event log.
        number: the customer number.
        as_of: recorded time; what was recorded later counts as unknown.
        about: effective time; what takes effect later is left out of the states.
        since: recorded time; what was recorded before it is known, but not told.
        with_postings: whether the transactions of the accounts are told too.

    Raises:
        NotFoundError: there is no such customer.
        ValueError: a time without offset.
        CiphertextDamagedError: an event does not decrypt; names it.
    """
    until = FOREVER if as_of is None else from_datetime(as_of)
    span = Span(-FOREVER if since is None else from_datetime(since), until)
    name = StreamName("customer", number)
    events = list(log.events(name))
    if not events:
        raise NotFoundError("no such customer", field="customer")
    told, earlier, later = span.of(name, events)
    accounts = []
    for held in accounts_of(events):
        if held.since > until:
            continue  # not his then; what was recorded of it is not part of what was known of him
        part = Span(span.since, min(until, held.until))
        account = StreamName("account", held.account)
        own = list(log.events(account))
        found = [part.of(account, own)]
        accounts.append(known_of(log, account, own, until, about))
        if with_postings:
            found.append(part.read(log, StreamName("postings", held.account)))
        for some, before, after in found:
            told, earlier, later = told + some, earlier + before, later + after
    told.sort(key=lambda item: item.recorded.row.recorded_at)  # stable: streams stay in their own order
    folded = known_of(log, name, events, until, about)
    present = from_datetime(as_of) if as_of is not None else log.clock.now_us()
    return History(number, present, about, certified(log, told), earlier, later, folded, tuple(accounts))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of recorded time, in microseconds, both ends included."""

    since: int
    until: int

    def of(self, name: StreamName, events: list[Recorded]) -> tuple[list[Told], int, int]:
        """What is told of a stream that was read, and the numbers of events before and after that."""
        told = [Told(name, one) for one in events if self.since <= one.row.recorded_at <= self.until]
        before = sum(one.row.recorded_at < self.since for one in events)
        return told, before, len(events) - before - len(told)

    def read(self, log: EventLog, name: StreamName) -> tuple[list[Told], int, int]:
        """The same of a long stream: only what is told is read."""
        stream = log.stream_id(name)
        last = seek.length(log, stream)
        stop = last if self.until == FOREVER else seek.until(log, stream, self.until, last)
        start = 0 if self.since == -FOREVER else seek.until(log, stream, self.since - 1, stop)
        return [Told(name, one) for one in log.events(stream, after=start, through=stop)], start, last - stop


def certified(log: EventLog, told: Iterable[Told]) -> tuple[Told, ...]:
    """The same, where disposed ones name the disposal; costs nothing where there are none."""
    told = tuple(told)
    gone = [one for one in told if one.recorded.event is None]
    if not gone:
        return told
    found: dict[bytes, Disposal] = {}
    for stream in {one.stream for one in gone}:
        found |= disposed.of_stream(log, stream)
    if nameless := {one.recorded.row.data_key for one in gone} - set(found):
        found |= disposed.of_keys(log, nameless)
    return tuple(
        replace(one, disposal=found.get(one.recorded.row.data_key)) if one.recorded.event is None else one
        for one in told
    )


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
    text += state_lines("Known of the customer", history.customer)
    for known in history.accounts:
        text += state_lines(f"Account {known.stream.key}", known)
    before = f", {history.earlier} before them" if history.earlier else ""
    text += [f"Recorded ({len(history.told)} events{before}, {history.later} more since then)"]
    for told in history.told:
        text += told_lines(told, zone, named=told.stream.kind != "customer")
    return text


def told_lines(told: Told, zone: tzinfo, *, named: bool = True) -> list[str]:
    """One event for a terminal, with the stream it is in where that is not clear."""
    row, context = told.recorded.row, told.recorded.context
    where = f" {told.stream.kind} {told.stream.key}" if named else ""
    text = [f"  {render.moment(row.recorded_at, zone)}  {render.title(context.topic)}{where} #{row.version}"]
    if told.recorded.event is None:
        text.append(f"      {disposed.words(told.disposal)}: only the proof of its existence is left")
    else:
        text += [render.line(name, value, 6) for name, value in render.fields(told.recorded.event).items()]
    return [*text, f"      {render.origin(context)}"]


def as_dict(history: History) -> dict[str, Any]:
    """The history for JSON."""
    return {
        "customer": history.number,
        "as_of": render.exact(history.as_of),
        "about": history.about.isoformat() if history.about is not None else None,
        "known": known_dict(history.customer),
        "accounts": [known_dict(known) for known in history.accounts],
        "events": [told_dict(told) for told in history.told],
        "earlier": history.earlier,
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
        "disposal": None if told.disposal is None else told.disposal._asdict(),
        "event": None if told.recorded.event is None else render.plain(told.recorded.event),
    }


def state_lines(heading: str, known: Known) -> list[str]:
    """What a stream folds to for a terminal, with what is different now."""
    if known.disposal is not None:
        return [heading, f"  {disposed.words(known.disposal)}", ""]
    if known.then is None:
        return [heading, "  nothing was known then", ""]
    hindsight = None if known.hindsight is None else state_fields(known.hindsight)
    return [
        heading, *render.marked(state_fields(known.then), state_fields(known.now), hindsight=hindsight), "",
    ]  # fmt: skip


def known_dict(known: Known) -> dict[str, Any]:
    """What a stream folds to, then and now, for JSON."""
    return {
        "kind": known.stream.kind,
        "key": known.stream.key,
        "then": None if known.then is None else render.plain(known.then),
        "now": None if known.now is None else render.plain(known.now),
        "differences": [difference._asdict() for difference in known.differences],
        "hindsight": None if known.hindsight is None else render.plain(known.hindsight),
        "corrections": [difference._asdict() for difference in known.corrections],
        "disposal": None if known.disposal is None else known.disposal._asdict(),
    }


def known_of(
    log: EventLog, name: StreamName, events: list[Recorded], until: int, about: datetime | None = None
) -> Known:
    """What a stream folds to then, now, and now about the same day; or what destroyed it."""
    then, now = fold(name.kind, events, until, about), fold(name.kind, events)
    hindsight = None if about is None else fold(name.kind, events, about=about)
    gone = events[0].row.data_key if now is None and events and events[0].event is None else None
    disposal = None if gone is None else disposed.of_stream(log, name).get(gone)
    return Known(name, then, now, hindsight, disposal)


def _day(event: Event, about: datetime) -> Any:
    value = render.effective(event)
    return value.astimezone(about.tzinfo).date() if isinstance(value, datetime) else value
