"""Appending through HTTP: everything included, the load generator on the same cores.

The service is a process of its own, as it runs; the clients are one process of plain sockets. An answer comes after
the commit. What is sent is made before the clock runs, as pgbench makes its statement once. Open loop: requests
start when they are due, whether the last were answered or not, and their time counts from then.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
import pytest
from floors import pgbench
from joserfc import jwt
from joserfc.jwk import ECKey

from kyc.clock import SystemClock
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

    host: str
    port: int
    head: bytes
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
    key = ECKey.import_key(ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "bench"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    identity = tmp_path / "identity.toml"
    identity.write_text(f'[[issuer]]\nissuer = "bench"\naudience = "kyc"\nkeys = "{tmp_path / "jwks.json"}"\n')
    now = SystemClock().now_us() // 1_000_000
    claims = {
        "iss": "bench", "aud": "kyc", "sub": ORIGIN.actor, "branch": ORIGIN.branch, "roles": ["teller"], "iat": now,
        "exp": now + 3_600,
    }  # fmt: skip
    token = jwt.encode({"alg": "ES256", "kid": "bench"}, claims, key)
    command = [sys.executable, "-m", "kyc", "--home", str(tmp_path / "home"), "--database", dsn, "--json", "serve"]
    service = subprocess.Popen([*command, "--port", "0", "--identity", str(identity)], stdout=subprocess.PIPE)
    assert service.stdout is not None
    url = urlsplit(json.loads(service.stdout.readline())["url"])
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    )
    yield Running(str(url.hostname), int(url.port or 0), head.encode(), dsn, ledger)
    service.terminate()
    service.wait()
    service.stdout.close()
    log.close()


class _Client(asyncio.Protocol):
    """One connection, one request after the other."""

    def __init__(self) -> None:
        self._said = bytearray()
        self._answer: asyncio.Future[bytes] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._said += data
        end = self._said.find(b"\r\n\r\n")
        if end < 0:
            return
        length = int(self._said[:end].lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self._said) >= end + 4 + length and self._answer is not None:
            said, self._said = bytes(self._said), bytearray()
            self._answer.set_result(said)

    def close(self) -> None:
        """Disconnect."""
        assert self.transport is not None
        self.transport.close()

    async def ask(self, head: bytes, body: bytes) -> None:
        """One request, answered with 200."""
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        answer = await self._answer
        assert answer.startswith(b"HTTP/1.1 200 "), answer


async def connected(running: Running) -> _Client:
    """A client."""
    _, client = await asyncio.get_running_loop().create_connection(_Client, running.host, running.port)
    return client


def made(count: int) -> Iterator[bytes]:
    """Bodies, encoded now."""
    return iter([wire(booking()) for _ in range(count)])


def load(running: Running, clients: int, seconds: float) -> tuple[int, float, list[float]]:
    """(requests, seconds, latencies) of clients that each send one event after the other."""

    async def run() -> tuple[int, float, list[float]]:
        taken: list[float] = []
        opened = [await connected(running) for _ in range(clients)]
        bodies = made(int(seconds * RATE_MAX))
        start = time.perf_counter()

        async def client(one: _Client) -> None:
            asked = start
            while asked < start + seconds:
                body, asked = next(bodies), time.perf_counter()
                await one.ask(running.head, body)
                taken.append(time.perf_counter() - asked)

        await asyncio.gather(*[client(one) for one in opened])
        took = time.perf_counter() - start
        for one in opened:
            one.close()
        return len(taken), took, taken

    return asyncio.run(run())


def arrivals(running: Running, rate: float, seconds: float, connections: int = 64) -> list[float]:
    """Latencies of requests due at a steady rate, from when they were due; waiting for a connection counts."""

    async def run() -> list[float]:
        taken: list[float] = []
        free: asyncio.Queue[_Client] = asyncio.Queue()
        for _ in range(connections):
            free.put_nowait(await connected(running))
        total = int(rate * seconds)
        bodies = made(total)

        async def one(due: float, body: bytes) -> None:
            client = await free.get()
            await client.ask(running.head, body)
            taken.append(time.perf_counter() - due)
            free.put_nowait(client)

        start, asked = time.perf_counter(), []
        for number in range(total):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asked.append(asyncio.create_task(one(due, next(bodies))))
        await asyncio.gather(*asked)
        while not free.empty():
            free.get_nowait().close()
        return taken

    return asyncio.run(run())


@pytest.mark.parametrize("clients", [1, 32])
def bench_single_events(running: Running, ratio: Callable[..., float], tmp_path: Path, clients: int) -> None:
    """One event a request, durable, against one-row-per-commit pgbench with as many clients."""
    load(running, clients, 1)

    def ours() -> float:
        events, seconds, _ = load(running, clients, SECONDS)
        return seconds / events * 1_000

    def floor() -> float:
        return 1_000 / pgbench(running.dsn, clients, SECONDS, tmp_path)[0]

    ratio(ours, floor, 1_000, goal="≥ 0.3 × pgbench" if clients == 32 else "")


def bench_batches(running: Running, ratio: Callable[..., float]) -> None:
    """Batches of 1,000 through HTTP against the same append in process."""

    def ours() -> float:
        bodies = [b"[" + b",".join([wire(booking()) for _ in range(1_000)]) + b"]" for _ in range(4)]

        async def run() -> float:
            one = await connected(running)
            start = time.perf_counter()
            for body in bodies:
                await one.ask(running.head, body)
            taken = time.perf_counter() - start
            one.close()
            return taken

        return asyncio.run(run())

    def floor() -> float:
        batches = [[booking() for _ in range(1_000)] for _ in range(4)]
        start = time.perf_counter()
        for batch in batches:
            assert all(isinstance(answer, tuple) for answer in running.ledger.record(batch))
        return time.perf_counter() - start

    ratio(ours, floor, 4_000, goal="≥ 0.6 × in process")


@pytest.mark.parametrize("clients", [1, 32])
def bench_latency(running: Running, latency: Callable[..., float], clients: int) -> None:
    """What one request takes while others are under way."""
    load(running, clients, 1)
    _, _, taken = load(running, clients, SECONDS)
    latency(lambda seconds: seconds, taken, label=f"{clients} clients")


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def bench_open_loop(running: Running, latency: Callable[..., float], share: float) -> None:
    """What a request takes that is due at a steady rate, at a share of what 32 clients get answered."""
    events, seconds, _ = load(running, 32, SECONDS)
    rate = share * events / seconds
    latency(lambda taken: taken, arrivals(running, rate, SECONDS), label=f"of {events / seconds:,.0f}/s")
