"""Reads over HTTP in a log of any size (`--events N`): authenticated, decided, recorded, looked up, shown.

What the same look-ups take without the service, the decision and its event stands in ``bench_replay.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from callers import Request, Server, in_turn
from serving import serving
from simulated import Bank

from kyc.clock import to_datetime
from kyc.domain.access_log import AccessGranted
from kyc.domain.fact import Submission
from kyc.domain.submission import Origin
from kyc.keys.file_provider import FileKeyProvider
from kyc.ledger import Ledger
from kyc.store.database import Database
from kyc.store.log import EventLog
from kyc.store.seal import Sealer
from projections.engine import Engine

CALLS = 300
WARM = 20
"""First calls, which fill caches, and do not count."""
OFFICER = "bench-officer"
PLACES = {"transaction": "/v1/transactions/{}", "timeline": "/v1/customers/{}/history"}


def granted(log: EventLog) -> None:
    """The officer's right, given by two others."""
    at = to_datetime(log.clock.now_us())
    right = AccessGranted(
        occurred_at=at, operator=OFFICER, grant="bench", role="compliance", until=at + timedelta(hours=8),
        approver="bench-2",
    )  # fmt: skip
    origin = Origin(actor="bench-1", branch="HQ", purpose="supervision", legal_basis="AML24-35")
    Ledger(log, ZoneInfo("UTC")).must_record(Submission(key=f"bench/{at}", origin=origin, data=right))


def reading(token: str, place: str) -> Request:
    """One read by the officer."""
    head = (
        f"GET {place} HTTP/1.1", "Host: bench", f"Authorization: Bearer {token}", "KYC-Purpose: supervision",
        "KYC-Legal-Basis: AML24-35", "KYC-Reason: bench", "", "",
    )  # fmt: skip
    return Request("\r\n".join(head).encode(), [b'"shown":{"'])


@pytest.fixture
def bank(dsn: str, tmp_path: Path, scale: int) -> Iterator[tuple[Bank, Server, str]]:
    """A bank of so many events, sealed and projected, behind a service; the officer's token."""
    log = EventLog(Database(dsn), FileKeyProvider.open(tmp_path / "home" / "keys"))
    made = Bank(log, scale)
    made.grow()
    assert isinstance(log.provider, FileKeyProvider)
    sealer = Sealer(log.database, log.provider.signing_key("log"))
    while sealer.seal().size < made.events():
        pass
    sealer.release()
    Engine(log).catch_up()
    granted(log)
    with serving(dsn, tmp_path / "home", tmp_path) as (server, token):
        yield made, server, token(OFFICER, "HQ", "compliance")
    log.close()


@pytest.mark.parametrize("what", PLACES)
def bench_read(bank: tuple[Bank, Server, str], latency: Callable[..., float], what: str) -> None:
    """One after the other, each in full: a transaction with its proof, a year of a customer with postings."""
    made, server, token = bank
    numbers = made.references if what == "transaction" else made.customers
    chosen = Random(7).choices(numbers, k=CALLS + WARM)
    taken = in_turn(server, [reading(token, PLACES[what].format(number)) for number in chosen])
    latency(lambda seconds: seconds, taken, "p99 within 250 ms", warm=WARM, label=f"{made.events():,} events")
