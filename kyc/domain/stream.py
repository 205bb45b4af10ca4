"""What a kind of stream is: which events begin it, how they change its state, which rules each must pass. Pure.

The module of a kind registers its tables here; admission looks them up and knows no event by name. A rule is a
function that returns nothing or raises :class:`RefusedError` with field, rule and remedy, never a value.

==========  ======================================================  ======================================
table       function                                                when
==========  ======================================================  ======================================
checks      ``(event, today)``                                      on what the event says of itself
begins      ``(event) → state``                                     first event of a stream
changes     ``(state, event) → state``                              every later event that changes the state
rules       ``(state, event, given)``                               against its own and the mentioned states
mentions    ``(event) → streams``                                   streams that must exist; rules see their states
cites       ``(event) → references``                                transactions it speaks of; rules see them
claims      ``(state, event) → claims``                             natural keys that the event uses up
companions  ``(stream, event) → entries``                           entries recorded with it in other streams
==========  ======================================================  ======================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, Generic, NamedTuple, TypeVar

from kyc.domain.event import Event
from kyc.domain.submission import Claim, Entry, Origin, StreamName
from kyc.errors import RefusedError

S = TypeVar("S")
E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=Callable[..., Any])

POLICIES: Final = StreamName("policies", "institution")
"""Where head office publishes policies and templates."""

TRANSACTION: Final = "transaction"
"""Not a stream: under this kind stands what holds a transaction's reference."""


class Cited(NamedTuple):
    """What holds a transaction's reference: a fact, so it is never folded and never stale."""

    event: Event | None
    """The first leg of the booking, or a rejection, a one-off service, an attempt; None: it was disposed of."""


States = Mapping[StreamName, Any]
"""Folded states by stream; None, or no entry, where a stream does not exist."""


class Given(NamedTuple):
    """What a rule may look at besides its event and the state of its own stream."""

    stream: StreamName
    origin: Origin
    states: States
    today: date

    def state(self, kind: str, key: str, field: str) -> Any:
        """The state of a stream that the event mentions in ``field``.

        Raises:
            RefusedError: the stream does not exist.
        """
        found = self.seen(StreamName(kind, key))
        if found is None:
            raise unknown(kind, field)
        return found

    def cited(self, reference: str, field: str) -> Cited:
        """What holds the reference that the event names in ``field``.

        Raises:
            RefusedError: nothing does.
        """
        found = self.states.get(StreamName(TRANSACTION, reference))
        if found is None:
            raise unknown(TRANSACTION, field)
        assert isinstance(found, Cited)
        return found

    def seen(self, name: StreamName) -> Any:
        """The state of a stream that may not exist, None or the empty state where it does not."""
        return self.states.get(name) or STREAMS[name.kind].empty


class Stream(Generic[S]):
    """One kind of stream and its tables. ``state`` None: its events are recorded, never folded for decisions."""

    def __init__(
        self, kind: str, state: type[S] | None = None, *, empty: S | None = None, key: str = "",
        head_office: bool = False,
    ) -> None:  # fmt: skip
        assert kind not in STREAMS, kind
        self.kind = kind
        self.state = state
        self.empty = empty
        """The state before the first event, where any event may be the first."""
        self.key = key
        """The key of the only stream of this kind; empty where there are many."""
        self.head_office = head_office
        """Only head office may write to it (总部统一要求)."""
        self.initial: dict[type[Event], Callable[[Any], S]] = {}
        self.folds: dict[type[Event], Callable[[Any, Any], S]] = {}
        self.rules: dict[type[Event], list[Callable[[Any, Any, Given], None]]] = {}
        self.common: list[Callable[[Any, Any, Given], None]] = []
        STREAMS[kind] = self

    def begins(self, event: type[E]) -> Callable[[Callable[[E], S]], Callable[[E], S]]:
        """Decorate the function that makes the first state out of ``event``."""

        def register(function: Callable[[E], S]) -> Callable[[E], S]:
            assert event not in self.initial, event
            self.initial[event] = function
            return function

        return register

    def changes(self, event: type[E]) -> Callable[[Callable[[S, E], S]], Callable[[S, E], S]]:
        """Decorate the function that makes the next state."""

        def register(function: Callable[[S, E], S]) -> Callable[[S, E], S]:
            assert event not in self.folds, event
            self.folds[event] = function
            return function

        return register

    def rule(self, *events: type[Event]) -> Callable[[F], F]:
        """Decorate a rule of these events; the state is None where the event begins its stream."""

        def register(function: F) -> F:
            for event in events:
                self.rules.setdefault(event, []).append(function)
            return function

        return register

    def always(self, function: F) -> F:
        """Decorate a rule of every event that does not begin a stream of this kind."""
        self.common.append(function)
        return function

    def evolve(self, state: S | None, event: Event) -> S | None:
        """The state after an event; an event of another shape changes nothing."""
        kind = type(event)
        if state is None:
            begin = self.initial.get(kind)
            if begin is not None:
                return begin(event)
            state = self.empty
            if state is None:
                return None
        fold = self.folds.get(kind)
        return state if fold is None else fold(state, event)

    def decide(self, state: S | None, event: Event, given: Given) -> None:
        """Hold an event against the state of its stream and what it mentions.

        Raises:
            RefusedError: a rule forbids it, or the stream does not exist.
        """
        kind = type(event)
        if kind in self.initial:
            if state is not None:
                raise RefusedError(
                    f"this {self.kind} is recorded already",
                    field=event.KEY,
                    rule="begun once",
                    remedy="use another number, or record what changed",
                )
        elif self.state is not None:
            state = state or self.empty
            if state is None:
                raise unknown(self.kind, "stream")
            for rule in self.common:
                rule(state, event, given)
        for rule in self.rules.get(kind, ()):
            rule(state, event, given)


STREAMS: Final[dict[str, Stream[Any]]] = {}
"""Every kind of stream, by name."""

CHECKS: Final[dict[type[Event], list[Callable[[Any, date], None]]]] = {}
CITES: Final[dict[type[Event], Callable[[Any], tuple[str, ...]]]] = {}
MENTIONS: Final[dict[type[Event], Callable[[Any], tuple[StreamName, ...]]]] = {}
CONSULTS: Final[dict[type[Event], tuple[StreamName, ...]]] = {}
CLAIMS: Final[dict[type[Event], Callable[[Any, Any], tuple[Claim, ...]]]] = {}
COMPANIONS: Final[dict[type[Event], Callable[[StreamName, Any], tuple[Entry, ...]]]] = {}


def check(*events: type[Event]) -> Callable[[F], F]:
    """Decorate a check of what these events say of themselves."""

    def register(function: F) -> F:
        for event in events:
            CHECKS.setdefault(event, []).append(function)
        return function

    return register


def consults(stream: StreamName, *events: type[Event]) -> None:
    """Let the rules of these events see a stream that may not exist, such as the published policies."""
    for event in events:
        CONSULTS[event] = (*CONSULTS.get(event, ()), stream)


def mentions(event: type[Event]) -> Callable[[F], F]:
    """Decorate the function that names the streams an event refers to: they must exist."""
    return _once(MENTIONS, event)


def cites(*events: type[Event]) -> Callable[[F], F]:
    """Decorate the function that names the transactions that these events speak of, by reference."""

    def register(function: F) -> F:
        for event in events:
            _once(CITES, event)(function)
        return function

    return register


def claims(event: type[Event]) -> Callable[[F], F]:
    """Decorate the function that names the natural keys an event uses up."""
    return _once(CLAIMS, event)


def companions(event: type[Event]) -> Callable[[F], F]:
    """Decorate the function that names what is recorded with an event in other streams.

    It sees the event alone, so that a retry, years later, asks for exactly the entries that were recorded.
    """
    return _once(COMPANIONS, event)


def _once(table: dict[type[Event], Any], event: type[Event]) -> Callable[[F], F]:
    def register(function: F) -> F:
        assert event not in table, event
        table[event] = function
        return function

    return register


_REMEDIES: Final = {
    "customer": "register the customer first",
    "account": "open the account first",
    TRANSACTION: "book it first, or correct the reference",
}


def unknown(kind: str, field: str) -> RefusedError:
    """The refusal of an event that refers to a stream nobody began."""
    return RefusedError(
        f"unknown {kind}",
        field=field,
        rule=f"the {kind} is registered",
        remedy=_REMEDIES.get(kind, f"record the beginning of the {kind} first"),
    )
