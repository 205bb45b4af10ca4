"""Appending through HTTP: everything included, the load generator on the same cores.

The service is a process of its own, as it runs; the clients are one process of plain sockets, each with its own
token. An answer comes after the commit, and is read whole and compared with what was asked. What is sent is made
before the clock runs, as pgbench makes its statement once. Open loop: requests start when they are due, whether the
last were answered or not, and their time counts from then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count, cycle, islice
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest
from callers import Request, Server, closed_loop, in_turn, open_loop
from floors import pgbench
from serving import serving

from kyc.domain.account import AccountOpened, Holder
from kyc.domain.customer import CustomerRegistered, IdentityVerified, RelationshipEstablished
from kyc.domain.document import DocumentCaptured
from kyc.domain.event import Event, Scanned
from kyc.domain.fact import Submission
from kyc.domain.submission import Origin, Scan
from kyc.domain.transaction import BookTransaction, Leg
from kyc.domain.values import Address, Counterparty, Name
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.store.database import Database
from kyc.store.log import EventLog

SECONDS = 3
RATE_MAX = 10_000
"""Requests a second that no machine of ours answers."""
CALLERS = 32
"""Accounts of branch systems."""
ACCOUNTS = 500
ORIGIN = Origin(actor="bench", branch="B001", purpose="account-service", legal_basis="AML24-34")
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
_numbers = count(1)
_random = Random(7)


def opening(number: int) -> list[tuple[str, str, Event]]:
    """(key, stream, event) of a customer with an account."""
    customer, account = f"C{number}", f"A{number}"
    return [
        (f"{customer}/new", "", CustomerRegistered(
            occurred_at=AT, customer=customer, type="natural", template="natural/1", notice="notice/1",
            names=(Name(text="Ada Lovelace"),), birth_date=date(1990, 5, 17), nationalities=("GBR",),
            addresses=(Address(lines=("1 Old Street",), country="GBR"),),
        )),
        (f"{customer}/paper", customer, DocumentCaptured(
            occurred_at=AT, kind="passport", number=f"P{number}", issuing_country="GBR", issued_on=date(2025, 1, 1),
            expires_on=date(2035, 1, 1),
        )),
        (f"{customer}/seen", customer, IdentityVerified(
            occurred_at=AT, level="standard", method="visual", document_kind="passport", verified_by="bench"
        )),
        (f"{customer}/since", customer, RelationshipEstablished(occurred_at=AT, on=AT.date())),
        (f"{account}/new", "", AccountOpened(
            occurred_at=AT, account=account, currency="EUR", product="current", opened_on=AT.date(),
            holders=(Holder(customer=customer),),
        )),
    ]  # fmt: skip


def _scans(event: Event) -> tuple[Scan, ...]:
    return (Scan(name="front", media_type="image/png", content=b"scan"),) if isinstance(event, Scanned) else ()


def booking() -> Submission:
    """The next transaction, on one of the accounts."""
    reference = f"TXN-20260301-{next(_numbers):010d}"
    leg = Leg(
        account=f"A{_random.randrange(ACCOUNTS)}", direction="credit", amount=Decimal("1250.00"), currency="EUR",
        counterparty=Counterparty(name="Amina Costa Oliveira", account="DE89370400440532013000", country="DEU"),
    )  # fmt: skip
    data = BookTransaction(
        occurred_at=AT, reference=reference, kind="transfer", channel="mobile", booked_at=AT, value_date=AT.date(),
        legs=(leg,), remittance="Invoice settlement 2026/0042 consulting services",
    )  # fmt: skip
    return Submission(key=reference, origin=ORIGIN, data=data)


def wire(submission: Submission) -> bytes:
    """A booking as it travels."""
    return msgspec.json.encode(
        {"key": submission.key, "topic": "transaction.booked", "data": submission.data,
         "origin": {"purpose": ORIGIN.purpose, "legal_basis": ORIGIN.legal_basis}}
    )  # fmt: skip


@dataclass
class Running:
    """A service and how to call it."""

    server: Server
    heads: list[bytes]
    """Of a request of each caller, up to the length of its body."""
    dsn: str
    ledger: Ledger


@pytest.fixture
def running(dsn: str, tmp_path: Path) -> Iterator[Running]:
    """A service over a database with customers and accounts."""
    log = EventLog(Database(dsn), FileKeyProvider.open(tmp_path / "home" / "keys"))
    ledger = Ledger(log, ZoneInfo("Asia/Shanghai"))
    answers = ledger.record([
        Submission(key=key, origin=ORIGIN, data=event, stream=stream, scans=_scans(event))
        for number in range(ACCOUNTS) for key, stream, event in opening(number)
    ])  # fmt: skip
    assert all(isinstance(answer, tuple) for answer in answers)
    with serving(dsn, tmp_path / "home", tmp_path) as (server, token):
        heads = [_head(token(f"bench-{number}", f"B{number:03d}", "branch-system")) for number in range(CALLERS)]
        yield Running(server, heads, dsn, ledger)
    log.close()


def _head(token: str) -> bytes:
    return (
        f"POST /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()


def single(head: bytes) -> Request:
    """One event."""
    submission = booking()
    body = wire(submission)
    return Request(b"%b%d\r\n\r\n%b" % (head, len(body), body), [submission.key.encode()])


def batch(head: bytes, size: int) -> Request:
    """An array of events."""
    submissions = [booking() for _ in range(size)]
    body = b"[" + b",".join(map(wire, submissions)) + b"]"
    return Request(b"%b%d\r\n\r\n%b" % (head, len(body), body), [one.key.encode() for one in submissions])


def load(running: Running, clients: int, seconds: float) -> list[float]:
    """Latencies of clients that each send one event after the other for so long."""
    made = int(seconds * RATE_MAX / clients)
    heads = islice(cycle(running.heads), clients)
    return closed_loop(running.server, [iter([single(head) for _ in range(made)]) for head in heads], seconds)


@pytest.mark.parametrize("clients", [1, 32])
def bench_single_events(running: Running, ratio: Callable[..., float], tmp_path: Path, clients: int) -> None:
    """One event a request, durable, against one-row-per-commit pgbench with as many clients."""
    load(running, clients, 1)

    def ours() -> float:
        return SECONDS / len(load(running, clients, SECONDS)) * 1_000

    def floor() -> float:
        return 1_000 / pgbench(running.dsn, clients, SECONDS, tmp_path)[0]

    ratio(ours, floor, 1_000, goal="≥ 0.3 × pgbench" if clients == 32 else "")


def bench_batches(running: Running, ratio: Callable[..., float]) -> None:
    """Batches of 1,000 through HTTP against the same append in process."""

    def ours() -> float:
        return sum(in_turn(running.server, [batch(running.heads[0], 1_000) for _ in range(4)]))

    def floor() -> float:
        batches = [[booking() for _ in range(1_000)] for _ in range(4)]
        start = time.perf_counter()
        for one in batches:
            assert all(isinstance(answer, tuple) for answer in running.ledger.record(one))
        return time.perf_counter() - start

    ratio(ours, floor, 4_000, goal="≥ 0.6 × in process")


@pytest.mark.parametrize("clients", [1, 32])
def bench_latency(running: Running, latency: Callable[..., float], clients: int) -> None:
    """What one request takes while others are under way."""
    load(running, clients, 1)
    latency(lambda seconds: seconds, load(running, clients, SECONDS), label=f"{clients} clients")


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def bench_open_loop(running: Running, latency: Callable[..., float], share: float) -> None:
    """What a request takes that is due at a steady rate, at a share of what 32 clients get answered."""
    most = len(load(running, 32, SECONDS)) / SECONDS
    due = [single(head) for head in islice(cycle(running.heads), int(share * most * SECONDS))]
    latency(lambda taken: taken, open_loop(running.server, due, share * most), label=f"of {most:,.0f}/s")
