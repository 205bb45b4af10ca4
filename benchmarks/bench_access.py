"""The read door: what a decision and the durable record of it cost, and its parts: facts, decision, event."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from kyc.access.ask import Actor, Ask
from kyc.access.gate import Gate
from kyc.access.lookup import Lookup
from kyc.access.policy import Permit, decide
from kyc.clock import to_datetime
from kyc.domain.access_log import RecordRead
from kyc.domain.customer import CustomerRegistered
from kyc.domain.fact import Submission
from kyc.domain.submission import Origin, StreamName
from kyc.domain.values import Address, Name
from kyc.errors import AccessDeniedError
from kyc.ledger import Ledger
from kyc.store.log import EventLog

READS = 600
WARM = 100
CUSTOMERS = 50
ZONE = ZoneInfo("Asia/Shanghai")
ORIGIN = Origin(actor="bench", branch="B001", purpose="account-service", legal_basis="AML24-34")
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
DECISIONS = 1_000
"""At once: one is too quick to be timed."""
Latency = Callable[..., float]


def ask(number: int, role: str = "custodian") -> Ask:
    """What is asked of the door."""
    actor = Actor(id=f"K-{number % 5}", roles=frozenset({role}), branch="B001", authn="local-keys")
    return Ask(
        actor=actor, action="read", subject=StreamName("customer", f"C{number % CUSTOMERS}"), purpose="custody",
        legal_basis="bench", reason="bench",
    )  # fmt: skip


def registered(log: EventLog) -> Gate:
    """The door in front of some customers."""
    events = [
        CustomerRegistered(
            occurred_at=AT, customer=f"C{number}", type="natural", template="natural/1", notice="notice/1",
            names=(Name(text="Ada Lovelace"),), birth_date=date(1990, 5, 17), nationalities=("GBR",),
            addresses=(Address(lines=("1 Old Street",), country="GBR"),),
        ) for number in range(CUSTOMERS)
    ]  # fmt: skip
    answers = Ledger(log, ZONE).record([Submission(key=one.customer, origin=ORIGIN, data=one) for one in events])
    assert all(isinstance(answer, tuple) for answer in answers)
    return Gate(log, ZONE)


def bench_permitted(log: EventLog, latency: Latency) -> None:
    """A read that is permitted: facts from the log, the decision, its event on disk."""
    gate = registered(log)
    latency(lambda number: (gate.admit(ask(number)), None)[1], range(READS), warm=WARM)


def bench_refused(log: EventLog, latency: Latency) -> None:
    """A read that is refused costs what a permitted one costs, and is on record too."""
    gate = registered(log)

    def refused(number: int) -> None:
        try:
            gate.admit(ask(number, "partner"))
        except AccessDeniedError:
            return
        raise AssertionError

    latency(refused, range(READS), warm=WARM)


def bench_facts(log: EventLog, latency: Latency) -> None:
    """What a decision is made on, looked up: of this, heads and moments are read each time."""
    registered(log)
    lookup, at = Lookup(log), to_datetime(log.clock.now_us()).astimezone(ZONE)
    latency(lambda number: (lookup.find(ask(number), (), at), None)[1], range(READS), warm=WARM)


def bench_decision(log: EventLog, latency: Latency) -> None:
    """The decision alone, on facts at hand; the times are those of one in a thousand."""
    registered(log)
    at = to_datetime(log.clock.now_us()).astimezone(ZONE)
    found = Lookup(log).find(ask(1), (), at)
    assert isinstance(decide(ask(1), found.facts, found.matrix, at), Permit)

    def decided(_: int) -> float:
        start = time.perf_counter()
        for _ in range(DECISIONS):
            decide(ask(1), found.facts, found.matrix, at)
        return (time.perf_counter() - start) / DECISIONS

    latency(decided, range(20), warm=2)


def bench_event(log: EventLog, latency: Latency) -> None:
    """The event of a read alone: admitted, committed to, encrypted, on disk."""
    registered(log)
    ledger, at = Ledger(log, ZONE), to_datetime(log.clock.now_us())

    def recorded(number: int) -> None:
        event = RecordRead(
            occurred_at=at, operator=ORIGIN.actor, customer=f"C{number % CUSTOMERS}", action="read",
            fields=("name",), reason="bench", roles=("custodian",), policy="access",
        )  # fmt: skip
        ledger.must_record(Submission(key=f"access/{number}", origin=ORIGIN, data=event))

    latency(recorded, range(READS), warm=WARM)
