"""Replay in a log of any size (`--events N`): latencies, and that they do not grow with the log.

The floor of each is reading and decrypting one event by its key, in the same log and run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random

import pytest
from simulated import Bank

from kyc.errors import NotFoundError
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.log import EventLog
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog
from projections.engine import Engine
from replay import day, history, paths, reconstruct
from replay.paths import Wanted

SMALL = 10_000
CALLS = 300
WARM = 20
"""First calls, which fill caches, and do not count."""
Latency = Callable[..., float]
BOTH = pytest.mark.parametrize("bank", [SMALL, None], indirect=True, ids=["small", "large"])


@pytest.fixture
def bank(log: EventLog, scale: int, request: pytest.FixtureRequest) -> Bank:
    """A bank with all its events, or with the first 10,000 of them, sealed and projected."""
    made = Bank(log, scale)
    made.grow(getattr(request, "param", None))
    assert isinstance(log.provider, FileKeyProvider)
    sealer = Sealer(log.database, log.provider.signing_key("log"))
    while sealer.seal().size < sum(log.reader.positions().values()):
        pass
    sealer.release()
    Engine(log).catch_up()
    return made


def _sample(items: list[str], count: int = CALLS + WARM) -> list[str]:
    return Random(7).choices(items, k=count)


@BOTH
def bench_transaction(bank: Bank, latency: Latency) -> None:
    """Any transaction in full: legs, parties, documents, proof."""
    sealed = SealedLog(bank.log.database, bank.log.reader)

    def one(reference: str) -> None:
        reconstruct.transaction(bank.log, sealed, reference)

    latency(one, _sample(bank.references), "p99 within 250 ms", warm=WARM, label=f"{bank.events():,} events")


@BOTH
def bench_timeline(bank: Bank, latency: Latency) -> None:
    """Everything recorded of a customer in a year, postings included."""

    def one(number: str) -> None:
        history.customer(bank.log, number)

    latency(one, _sample(bank.customers), "p99 within 250 ms", warm=WARM, label=f"{bank.events():,} events")


def bench_event(bank: Bank, latency: Latency) -> None:
    """One event by its key, decrypted: what everything else is made of."""
    log = bank.log
    claims = [
        log.reader.claim("transaction", log.blinder.claim_key("transaction", one))
        for one in _sample(bank.references)
    ]

    def one(claim: tuple[bytes, int]) -> None:
        stream, version = claim
        next(log.events(stream, after=version - 1, through=version))

    latency(one, claims, "the floor", warm=WARM)


def bench_paths(bank: Bank, latency: Latency) -> None:
    """The shortest path between two customers, at most three transactions."""

    def one(pair: tuple[str, str]) -> None:
        try:
            paths.search(bank.log, *pair, Wanted(steps=3))
        except NotFoundError:
            return

    firsts, seconds = _sample(bank.customers, 40), Random(8).choices(bank.customers, k=40)
    latency(one, [pair for pair in zip(firsts, seconds, strict=True) if pair[0] != pair[1]], warm=2)


def bench_day(bank: Bank, latency: Latency) -> None:
    """A day at a branch: everything of the log was recorded today, so this is its whole length for one branch."""
    branches = sorted({one.context.branch for one in bank.log.reveal(bank.log.reader.page(0, 0, 500))})
    today = date.fromordinal(date(1970, 1, 1).toordinal() + bank.log.clock.now_us() // 86_400_000_000)

    def one(branch: str) -> None:
        day.day(bank.log, branch, today)

    latency(one, branches[:5] * 2)
