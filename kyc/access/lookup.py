"""Facts for decisions, straight from the log and always fresh: what another process recorded counts at once.

Every question costs the same statements whatever is found: the heads of the streams it concerns, the streams that
moved since they were folded, and the moments that tell whether a limit is reached. What a stream folded to is kept
with the version it stood at, also where there is no such stream, so that a stranger's number is no quicker than a
customer's. Thread-safe.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Final

from kyc.access import facts
from kyc.access.ask import Ask
from kyc.clock import from_datetime
from kyc.domain.access_log import Operator
from kyc.domain.access_rules import Limit, Matrix
from kyc.domain.admit import STATEFUL, evolve
from kyc.domain.policies import NOTHING
from kyc.domain.stream import POLICIES
from kyc.domain.submission import StreamName
from kyc.domain.transaction import PostingEvent, TransactionBooked
from kyc.store.log import EventLog
from kyc.store.records import Head

CACHED: Final = 50_000
"""Folded streams kept in memory; about 2 kB each."""
_LIMITED: Final = {"bulk-read": "lookups", "repeated-denial": "refusals"}
_OWNED: Final = {"postings": "account", "access": "customer", "watch": "customer"}
"""Kinds of streams that are about the customers of another of the same key."""
_TOGETHER: Final = 1_000
_NOBODY: Final = StreamName("customer", "")
_NO_ACCOUNT: Final = StreamName("account", "")


@dataclass(frozen=True, slots=True)
class Known:
    """A stream as it was folded: version 0 where there is none."""

    version: int
    state: Any
    branch: str
    """Where its first event was recorded."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a request is decided on."""

    facts: facts.Facts
    matrix: Matrix
    operator: Operator


class Lookup:
    """Looks up facts in one log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: OrderedDict[StreamName, Known] = OrderedDict()
        self._lock = Lock()

    def find(self, ask: Ask, customers: Sequence[str], at: datetime) -> Found:
        """The facts of a request about its subject, or about several customers, at a moment of the bank's zone."""
        subject = ask.subject
        operator = StreamName("operator", ask.actor.id)
        papers = {kind: StreamName(kind, ask.ticket) for kind in ("ticket", "case", "order", "request")}
        counted = {kind: StreamName(stream, ask.actor.id) for kind, stream in _LIMITED.items()}
        named = [subject.key] if subject is not None and subject.kind in {"customer", "access"} else [*customers]
        posted = self._accounts_of(subject) if subject is not None and subject.kind == "transaction" else ()
        first = [
            POLICIES, operator, *papers.values(), *counted.values(), *_people(named),
            *posted, *([subject] if subject is not None else []),
        ]  # fmt: skip
        heads, known = self._fold(first)
        if subject is not None and subject.kind not in {"customer", "access"}:
            records = [known.get(one) for one in posted or (subject,)]
            named = [*named, *(number for one in records for number in _concerned(subject, one))]
            known |= self._fold(_people(named) or [_NOBODY])[1]
        policies = known[POLICIES].state or NOTHING
        matrix = policies.access(at.date())
        rights = known[operator].state or Operator()
        limits = {limit for role in ask.actor.roles for limit in matrix.limits.get(role, ())}
        return Found(
            facts.Facts(
                authorities=policies.authorities(at.date()),
                persons=tuple(_person(number, known) for number in dict.fromkeys(named)),
                accounts=frozenset(one.key for one in (*posted, subject) if one and one.kind == "account"),
                **_papers(papers, known),
                rights=rights.rights,
                emergency_until=max((glass.until for glass in rights.emergencies), default=None),
                own=frozenset(rights.own),
                relatives=frozenset(rights.relatives),
                allowances=policies.allowances,
                reached=self._reached(limits, counted, heads, at),
                hour=at.hour,
            ),
            matrix,
            rights,
        )

    def concerned(self, subjects: Iterable[StreamName]) -> tuple[str, ...]:
        """The customers whom records concern, each once, in the order of the records."""
        asked = [StreamName(_OWNED.get(one.kind, one.kind), one.key) for one in dict.fromkeys(subjects)]
        found: dict[str, None] = {}
        for start in range(0, len(asked), _TOGETHER):
            part = asked[start : start + _TOGETHER]
            known = self._fold([one for one in part if one.kind != "customer"])[1] if part else {}
            for one in part:
                found |= dict.fromkeys([one.key] if one.kind == "customer" else _concerned(one, known.get(one)))
        return tuple(found)

    def _accounts_of(self, transaction: StreamName) -> tuple[StreamName, ...]:
        """The accounts of all legs of a transaction; a stream nobody began where there is no such transaction."""
        log = self._log
        found = log.reader.claim("transaction", log.blinder.claim_key("transaction", transaction.key))
        stream, version = found or (log.stream_id(_NOBODY), 1)
        for recorded in log.events(stream, after=version - 1, through=version):
            if isinstance(recorded.event, TransactionBooked):
                return tuple(dict.fromkeys(StreamName("account", one.account) for one in recorded.event.legs))
            if isinstance(recorded.event, PostingEvent):  # rejected: one account, no legs
                return (StreamName("account", recorded.event.account),)
        return (_NO_ACCOUNT,)

    def _fold(self, names: Iterable[StreamName]) -> tuple[dict[StreamName, Head], dict[StreamName, Known]]:
        """Where streams stand and what the foldable ones of them folded to."""
        by_id = {self._log.stream_id(name): name for name in dict.fromkeys(names)}
        heads = {by_id[one]: head for one, head in self._log.reader.heads(list(by_id)).items()}
        known: dict[StreamName, Known] = {}
        stale: dict[bytes, StreamName] = {}
        with self._lock:
            for identity, name in by_id.items():
                if name.kind not in STATEFUL:
                    continue
                kept = self._known.get(name)
                if kept is not None and kept.version == (heads[name].version if name in heads else 0):
                    known[name] = kept
                else:
                    stale[identity] = name
        if stale:
            known |= self._load(stale)
        return heads, known

    def _load(self, by_id: dict[bytes, StreamName]) -> dict[StreamName, Known]:
        loaded = {name: Known(0, None, "") for name in by_id.values()}
        for recorded in self._log.reveal(self._log.reader.streams(list(by_id))):
            name = by_id[recorded.row.stream_id]
            before = loaded[name]
            state = before.state if recorded.event is None else evolve(name.kind, before.state, recorded.event)
            loaded[name] = Known(recorded.row.version, state, before.branch or recorded.context.branch)
        with self._lock:
            for name, one in loaded.items():
                self._known.pop(name, None)
                self._known[name] = one
            while len(self._known) > CACHED:
                self._known.popitem(last=False)
        return loaded

    def _reached(
        self, limits: set[Limit], counted: dict[str, StreamName], heads: dict[StreamName, Head], at: datetime
    ) -> frozenset[tuple[str, int, int]]:
        """Limits that this request would reach, or that stop it.

        Versions are dense, so the moment of one event tells whether that many were recorded since: no counting.
        """
        ordered = sorted(limits, key=lambda limit: (limit.kind, limit.count, limit.minutes))
        if not ordered:
            return frozenset()
        places = []
        for limit in ordered:
            name = counted[limit.kind]
            head = heads[name].version if name in heads else 0
            before = limit.count - (limit.effect == "flag")  # the request itself is one more
            places.append((self._log.stream_id(name), head - before + 1 if before else head))
        moments = self._log.reader.moments(places)
        return frozenset(
            (limit.kind, limit.count, limit.minutes)
            for limit, moment in zip(ordered, moments, strict=True)
            if moment is not None and moment >= from_datetime(at - limit.window)
        )


def _people(numbers: Sequence[str]) -> list[StreamName]:
    return [StreamName(kind, number) for number in numbers for kind in ("customer", "watch")]


def _concerned(subject: StreamName, known: Known | None) -> tuple[str, ...]:
    """The customers a record is about."""
    if known is None or known.state is None:
        return ()
    if subject.kind in {"account", "transaction"}:
        return tuple(holder.customer for holder in known.state.holders)
    if subject.kind in {"case", "alert"}:
        return tuple(known.state.customers)
    if subject.kind == "order" and known.state.received is not None and known.state.received.customer:
        return (known.state.received.customer,)
    if subject.kind in {"ticket", "request"}:
        return (known.state.customer,)
    return ()


def _person(number: str, known: dict[StreamName, Known]) -> facts.Person:
    found = known[StreamName("customer", number)]
    watch = known[StreamName("watch", number)].state
    state = found.state
    if state is None:  # nobody, or disposed of
        return facts.Person(customer=number, exists=found.version > 0, home=found.branch)
    return facts.Person(
        customer=number,
        home=state.life.branch or found.branch,
        natural=state.type in {"natural", "sole-trader"},
        born=state.registered.birth_date,
        deceased_on=state.life.deceased_on,
        consents=frozenset(state.privacy.consents),
        restricted=state.privacy.restricted,
        relations=state.life.relations,
        watched=watch.why if watch is not None else "",
    )


def _papers(papers: dict[str, StreamName], known: dict[StreamName, Known]) -> dict[str, Any]:
    ticket, case, order, request = (known[papers[kind]].state for kind in ("ticket", "case", "order", "request"))
    received = order.received if order is not None else None
    return {
        "ticket": ticket
        and facts.Ticket(
            customer=ticket.customer, branch=ticket.branch, operator=ticket.operator, until=ticket.until,
            closed=ticket.closed,
        ),
        "case": case
        and facts.Case(customers=frozenset(case.customers), closed=case.closed, asked=bool(case.asked)),
        "order": order
        and facts.Order(
            action=order.action, organ=order.organ, status=order.status,
            subject=received.subject if received else "", customer=received.customer if received else "",
            accounts=frozenset(order.accounts),
            scope=frozenset(order.scope), since=received.since if received else None,
            until=received.until if received else None,
        ),
        "request": request
        and facts.Request(customer=request.customer, requester=request.requester, answered=request.answered),
    }  # fmt: skip
