"""The read door: what a decision and the durable record of it cost, and the decision alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from kyc.access.ask import Actor, Ask
from kyc.access.gate import Gate
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
