"""What an export covers: a customer, account, transaction, period, case, legal order or inspection notice.

A scope is resolved into parts: streams, and for each which of its events are meant. What is not meant is given as a
hash or not at all; docs/bundle.md says which. Whether somebody may have it is decided elsewhere; that an order is
accepted, and how far it goes, is read from the order itself (CBL art. 29-30, AML24 art. 22 and 43).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from kyc.clock import from_datetime
from kyc.domain.authority import OrderReceived, OrderState
from kyc.domain.calendar import day_ends
from kyc.domain.event import Event, RecordClass, event_type
from kyc.domain.monitoring import CaseCustomerAdded, CaseOpened, ReportFiled
from kyc.domain.submission import StreamName
from kyc.domain.transaction import TransactionBooked
from kyc.errors import InputError, NotFoundError, RefusedError
from kyc.evidence.header import Context
from kyc.store import statements
from kyc.store.log import EventLog, context_of
from kyc.store.records import StoredEvent
from kyc.store.sealed import SealedLog
from replay import reconstruct
from replay.history import FOREVER, Held, Told, accounts_of, fold
from replay.legs import FOLLOWED_MAX
from replay.render import ZONE

Kind = Literal["customer", "account", "transaction", "period", "case", "order", "notice"]
MOVEMENTS: Final = frozenset({"postings", "large-value", "occasional"})
"""Kinds of streams whose events happened on a day; the others say what is so until it changes."""
PERIOD_KINDS: Final = ("customer", "prospect", "account", "postings", "occasional")
"""What a period covers by itself: nothing of monitoring, orders or reads, which have scopes of their own."""
CODES: Final = {
    "identity": "customer", "contact": "customer", "documents": "customer", "diligence": "customer",
    "accounts": "account", "holders": "account", "balance": "postings", "transactions": "postings",
}  # fmt: skip
"""What an order may ask for, and the kind of stream that answers it."""
CONTACT: Final = ("addresses", "email", "phones")
"""Fields an order gets only if it asks for ``contact``."""
NEVER_WITHHELD: Final = frozenset("account customer kind names notice occurred_at on role template type".split())
"""Fields that say what an event is and whose, which a verifier has to see."""
_PAGE: Final = 500
"""First events revealed at a time."""
_SQL: Final = statements.load("replay", "bundle.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is asked for. ``key`` is the number of the customer, account, case …; a period has none."""

    kind: Kind
    key: str = ""
    customers: tuple[str, ...] = ()
    """Whom a notice names."""
    accounts: tuple[str, ...] = ()
    """Which accounts a notice names."""
    since: date | None = None
    """Movements from this day on, by the day they happened where they happened."""
    until: date | None = None
    """Movements until this day; and of everything else what was recorded until its end."""
    zone: ZoneInfo = ZONE
    """Where a day of recording ends."""
    withhold: tuple[str, ...] = ()
    """Fields of customers' files that are not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One stream, and which of its events are meant."""

    name: StreamName
    stream_id: bytes
    until: int = FOREVER
    """Recorded at this moment at the latest, in microseconds."""
    since: date | None = None
    through: date | None = None
    """Days between which a movement happened."""
    versions: frozenset[int] | None = None
    """Only these."""
    classes: frozenset[RecordClass] | None = None
    """Only these record classes."""
    recorded: tuple[int, int] | None = None
    """Recorded from (inclusive) until (exclusive), in microseconds."""
    withhold: frozenset[str] = frozenset()
    """Fields that are not given."""

    @property
    def whole(self) -> bool:
        """Whether the stream is given from its first event on; otherwise from the first one meant to the last."""
        return self.since is None and self.through is None and self.versions is None and self.recorded is None

    def admits(self, row: StoredEvent, context: Context) -> bool:
        """Whether an event can be meant, going by its header: others are not even opened."""
        if row.recorded_at > self.until or (self.versions is not None and row.version not in self.versions):
            return False
        if self.recorded is not None and not self.recorded[0] <= row.recorded_at < self.recorded[1]:
            return False
        return self.classes is None or event_type(context.topic).RECORD_CLASS in self.classes

    def means(self, event: Event) -> bool:
        """Whether an opened event is meant."""
        day = day_of(event)
        return (self.since is None or self.since <= day) and (self.through is None or day <= self.through)


@dataclass(slots=True)
class Plan:
    """A scope, resolved."""

    scope: Scope
    parts: list[Part] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    others: list[StreamName] = field(default_factory=list)
    """Streams that are neither of a customer nor of an account."""
    recorded_from: int | None = None
    """Everything recorded from this moment on is meant, whosever it is; in microseconds."""
    recorded_until: int = FOREVER

    def as_dict(self) -> dict[str, Any]:
        """The scope as the manifest says it."""
        until = None if self.recorded_until == FOREVER else self.recorded_until
        return {
            "kind": self.scope.kind,
            "key": self.scope.key,
            "customers": self.customers,
            "accounts": self.accounts,
            "others": [list(name) for name in self.others],
            "since": self.scope.since.isoformat() if self.scope.since else None,
            "until": self.scope.until.isoformat() if self.scope.until else None,
            "recorded_from": self.recorded_from,
            "recorded_until": until,
            "zone": str(self.scope.zone),
            "withheld": sorted(self.scope.withhold),
        }


def day_of(event: Event) -> date:
    """The day of a movement, by the offset it was given with: booked, detected, or happened."""
    for name in ("booked_at", "day"):
        value = getattr(event, name, None)
        if value is not None:
            return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value))
    return event.occurred_at.date()


def key_of(event: Event) -> str:
    """The natural key of the stream an event says it belongs to; empty where it does not say."""
    if isinstance(event, TransactionBooked):
        return event.leg.account
    return str(getattr(event, type(event).KEY, "")) if type(event).KEY else ""


def resolve(log: EventLog, sealed: SealedLog, scope: Scope) -> Plan:
    """The streams of a scope and what of them is meant.

    Raises:
        NotFoundError: nothing is recorded under the key.
        RefusedError: the order is not accepted, or asks for what no export holds.
        InputError: the scope contradicts itself.
    """
    if scope.since is not None and scope.until is not None and scope.until < scope.since:
        raise InputError("ends before it begins", field="until", rule="not before since", remedy="swap the days")
    if scope.kind != "period" and not scope.key:
        raise InputError("nothing is named", field=scope.kind, rule="a number", remedy="give the number")
    if kept := sorted(set(scope.withhold) & NEVER_WITHHELD):
        raise InputError("without these an event is none", field="withhold", rule=", ".join(kept), remedy="give it")
    until = FOREVER if scope.until is None else _end_of(scope.until, scope.zone) - 1
    return _Resolver(log, sealed, Plan(scope, recorded_until=until)).run()


def _end_of(day: date, zone: ZoneInfo) -> int:
    """The moment at which a day is over."""
    return from_datetime(day_ends(day, zone.key))


class _Resolver:
    """Follows a scope to its streams."""

    def __init__(self, log: EventLog, sealed: SealedLog, plan: Plan) -> None:
        self.log = log
        self.sealed = sealed
        self.plan = plan
        self.since, self.through = plan.scope.since, plan.scope.until
        self.kinds = frozenset(CODES.values())
        """Kinds of streams of customers and accounts that are asked for."""

    def run(self) -> Plan:
        """Resolve by kind."""
        getattr(self, f"_{self.plan.scope.kind}")(self.plan.scope.key)
        return self.plan

    # --- kinds ----------------------------------------------------------------------------------

    def _customer(self, number: str) -> None:
        self._person(number, None)

    def _account(self, number: str) -> None:
        self._known(StreamName("account", number))
        self._pair(number)

    def _transaction(self, reference: str) -> None:
        if self.since or self.through:
            raise InputError("a transaction has no period", field="since", rule="none", remedy="leave it out")
        found = reconstruct.transaction(self.log, self.sealed, reference)
        versions: dict[str, set[int]] = {}
        for part in found.parts:
            wanted = versions.setdefault(part.told.stream.key, set())
            about = (part.told, *part.preceded, *part.followed, *(paper.told for paper in part.vouchers))
            wanted |= {told.recorded.row.version for told in about}
            if not part.searched_all:
                wanted |= self._followed(part.told, reference)
        for account, wanted in versions.items():
            self.plan.accounts.append(account)
            self._add(StreamName("account", account))
            self._add(StreamName("postings", account), versions=frozenset(wanted))
        for party in found.parties:
            self.plan.customers.append(party.known.stream.key)
            self._add(party.known.stream, classes=frozenset({RecordClass.IDENTITY}))

    def _followed(self, leg: Told, reference: str) -> set[int]:
        """What was recorded about a leg so long after it that a reconstruction leaves it out."""
        after = leg.recorded.row.version + FOLLOWED_MAX
        return {
            recorded.row.version
            for recorded in self.log.events(leg.stream, after=after)
            if getattr(recorded.event, "reference", None) == reference
        }

    def _period(self, _: str) -> None:
        if self.since is None or self.through is None:
            raise InputError("a period has two ends", field="since", rule="since, until", remedy="give both days")
        start = _end_of(self.since - timedelta(days=1), self.plan.scope.zone)
        self.plan.recorded_from, window = start, (start, self.plan.recorded_until + 1)
        found = sorted(self._recorded_within(window), key=lambda pair: (PERIOD_KINDS.index(pair[0].kind), pair[0]))
        for name, stream_id in found:
            hidden = frozenset(self.plan.scope.withhold) if name.kind == "customer" else frozenset()
            self.plan.parts.append(Part(name=name, stream_id=stream_id, recorded=window, withhold=hidden))
            {"customer": self.plan.customers, "account": self.plan.accounts}.get(name.kind, []).append(name.key)

    def _case(self, number: str) -> None:
        name = StreamName("case", number)
        events = self._known(name)
        self._other(name)
        customers: list[str] = []
        for event in events:
            if isinstance(event, CaseOpened):
                customers += event.customers
                for alert in event.alerts:
                    self._other(StreamName("alert", alert))
            elif isinstance(event, CaseCustomerAdded):
                customers.append(event.customer)
        for report in self._reports_of(number):
            self._other(report)
        for customer in dict.fromkeys(customers):
            self._other(StreamName("large-value", customer))
        self._persons(tuple(dict.fromkeys(customers)))

    def _order(self, number: str) -> None:
        name = StreamName("order", number)
        received = _accepted(fold("order", list(self.log.events(name))))
        if unknown := sorted(set(received.scope) - set(CODES)):
            raise RefusedError(
                "the order asks for what no export holds apart", field="scope", rule=", ".join(sorted(CODES)),
                remedy=f"answer {len(unknown)} of its fields on another way, or have it mended",
            )  # fmt: skip
        self.kinds = frozenset(CODES[code] for code in received.scope) or self.kinds
        if received.since and (self.since is None or self.since < received.since):
            self.since = received.since
        if received.until and (self.through is None or received.until < self.through):
            self.through = received.until
        hidden = CONTACT if received.scope and "contact" not in received.scope else ()
        self.plan.scope = replace(
            self.plan.scope, since=self.since, until=self.through,
            withhold=tuple(sorted({*self.plan.scope.withhold, *hidden})),
        )  # fmt: skip
        if self.through is not None:
            self.plan.recorded_until = _end_of(self.through, self.plan.scope.zone) - 1
        self._other(name)
        if received.customer:
            self._person(received.customer, received.accounts or None)
        else:
            self._accounts(received.accounts)

    def _notice(self, _: str) -> None:
        scope = self.plan.scope
        if not scope.customers and not scope.accounts:
            self._period("")
            return
        self._persons(scope.customers)
        self._accounts(tuple(number for number in scope.accounts if number not in self.plan.accounts))

    # --- building blocks ------------------------------------------------------------------------

    def _persons(self, numbers: Sequence[str]) -> None:
        for number in numbers:
            self._person(number, None)

    def _person(self, number: str, only: Sequence[str] | None) -> None:
        """A customer and the accounts held, or only some of these."""
        name = StreamName("customer", number)
        events = list(self.log.events(name))
        if not events:
            raise NotFoundError("no such customer", field="customer")
        links = [recorded for recorded in events if recorded.row.recorded_at <= self.plan.recorded_until]
        if "customer" in self.kinds:
            self.plan.customers.append(number)
            self._add(name)
        for held in accounts_of(links):
            if (only is None or held.account in only) and held.account not in self.plan.accounts:
                self._pair(held.account, held)
        if only is not None:
            self._accounts(tuple(account for account in only if account not in self.plan.accounts))

    def _accounts(self, numbers: Sequence[str]) -> None:
        for number in numbers:
            self._known(StreamName("account", number))
            self._pair(number)

    def _pair(self, number: str, held: Held | None = None) -> None:
        """An account and its postings, until its holder left."""
        wanted = self.kinds & {"account", "postings"}
        if wanted:
            self.plan.accounts.append(number)
        until = FOREVER if held is None or self.plan.scope.kind != "customer" else held.until
        for kind in ("account", "postings"):
            if kind in wanted:
                self._add(StreamName(kind, number), until=until)

    def _other(self, name: StreamName) -> None:
        """A stream that is told whole, whenever it was recorded: an order comes after what it asks about."""
        if name not in self.plan.others:
            self.plan.others.append(name)
            self._add(name, told_whole=True)

    def _add(
        self,
        name: StreamName,
        *,
        until: int = FOREVER,
        versions: frozenset[int] | None = None,
        classes: frozenset[RecordClass] | None = None,
        told_whole: bool = False,
    ) -> None:
        moves = name.kind in MOVEMENTS and versions is None
        self.plan.parts.append(
            Part(
                name=name, stream_id=self.log.stream_id(name), versions=versions, classes=classes,
                until=until if moves or told_whole else min(until, self.plan.recorded_until),
                since=self.since if moves else None, through=self.through if moves else None,
                withhold=frozenset(self.plan.scope.withhold) if name.kind == "customer" else frozenset(),
            )
        )  # fmt: skip

    def _known(self, name: StreamName) -> list[Event]:
        events = [recorded.event for recorded in self.log.events(name)]
        if not events:
            raise NotFoundError(f"no such {name.kind}", field=name.kind)
        return [event for event in events if event is not None]

    def _recorded_within(self, window: tuple[int, int]) -> Iterator[tuple[StreamName, bytes]]:
        """Every stream of the business with an event recorded then; one pass over the headers of the log."""
        for lane in range(self.log.lanes):
            with self.log.database.connection() as connection:
                found = connection.execute(_SQL["streams_recorded"], (lane, lane, *window), binary=True).fetchall()
            firsts = list(map(StoredEvent._make, found))
            for page in (firsts[at : at + _PAGE] for at in range(0, len(firsts), _PAGE)):
                yield from self._named(page)

    def _named(self, firsts: list[StoredEvent]) -> Iterator[tuple[StreamName, bytes]]:
        """The streams that belong to the business, by the names their first events give them."""
        kinds = [(row, event_type(context_of(row).topic).STREAM) for row in firsts]
        meant = [(row, kind) for row, kind in kinds if kind in PERIOD_KINDS]
        revealed = self.log.reveal([row for row, _ in meant])
        for (row, kind), recorded in zip(meant, revealed, strict=True):
            yield StreamName(kind, key_of(recorded.event) if recorded.event is not None else ""), row.stream_id

    def _reports_of(self, case: str) -> list[StreamName]:
        """The reports that were filed out of a case; found by their topic, since a case does not name them."""
        found: set[StreamName] = set()
        prefix = bytes((len(ReportFiled.TOPIC),)) + ReportFiled.TOPIC.encode()
        for lane in range(self.log.lanes):
            with self.log.database.connection() as connection:
                found_here = connection.execute(_SQL["streams_of_topic"], (lane, prefix), binary=True).fetchall()
                streams = [row[0] for row in found_here]
            for recorded in (r for stream in streams for r in self.log.events(stream, through=1)):
                if isinstance(recorded.event, ReportFiled) and recorded.event.case == case:
                    found.add(StreamName("report", recorded.event.report))
        return sorted(found)


def _accepted(state: OrderState | None) -> OrderReceived:
    """The order, where it may be followed and asks for data."""
    if state is None or state.received is None:
        raise NotFoundError("no such order", field="order", rule="received at home", remedy="record it first")
    if state.status not in {"accepted", "fulfilled"}:
        raise RefusedError(
            "the order is not accepted", field="order", rule="order.accepted by a second person",
            remedy="have it checked and accepted first",
        )  # fmt: skip
    received = state.received
    if not received.customer and not received.accounts:
        raise RefusedError("the order names nobody", field="order", rule="customer or accounts", remedy="mend it")
    return received
