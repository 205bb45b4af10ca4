"""What every benchmark uses: a durable server, fresh databases, ratios against a floor of the same run.

Machines are noisy, so nothing is judged by seconds: each measurement alternates with its floor, round by round, and
what counts is the median of the rounds' ratios. `scripts/bench` runs them and prints the table.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kyc.keys.file_provider import FileKeyProvider
from kyc.settings import GC_THRESHOLDS
from kyc.store.database import Database
from kyc.store.embedded import EmbeddedServer
from kyc.store.log import EventLog
from kyc.store.migrate import migrate

gc.set_threshold(*GC_THRESHOLDS)  # as every process of ours does

LATENCIES: list[tuple[str, float, float, float, int, str]] = []
RESULTS: list[tuple[str, float, float, float, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--events N``: how large the large logs are."""
    parser.addoption(
        "--events", type=int, default=40_000, help="events of the large logs; 1000000 is what is published"
    )


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> int:
    """Events of the large logs."""
    return int(request.config.getoption("--events"))


@pytest.fixture(scope="session")
def durable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """An embedded server with fsync on, as in production."""
    with EmbeddedServer(tmp_path_factory.mktemp("bench"), mode="die-with-parent") as server:
        yield server


@pytest.fixture
def fresh(durable_server: EmbeddedServer) -> Iterator[Callable[[], str]]:
    """Makes conninfos of new, migrated databases."""
    made: list[str] = []
    with psycopg.connect(durable_server.dsn("postgres"), autocommit=True) as owner:

        def make() -> str:
            name = f"bench_{time.monotonic_ns()}"
            owner.execute(f"create database {name}".encode())
            made.append(name)
            migrate(durable_server.dsn(name))
            return durable_server.dsn(name)

        yield make
        for name in made:
            owner.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def dsn(fresh: Callable[[], str]) -> str:
    """One new database."""
    return fresh()


@pytest.fixture
def log(dsn: str, tmp_path: Path) -> Iterator[EventLog]:
    """An event log on it."""
    opened = EventLog(Database(dsn), FileKeyProvider.open(tmp_path / "keys"))
    yield opened
    opened.close()


@pytest.fixture
def ratio(benchmark: Callable[..., object], request: pytest.FixtureRequest) -> Callable[..., float]:
    """``ratio(ours, floor, units, rounds, goal)``: the median over rounds of rate(ours) / rate(floor).

    Both callables do ``units`` units of work and return the seconds that count, or None for the whole call.
    """

    def timed(work: Callable[[], float | None]) -> float:
        start = time.perf_counter()
        own = work()
        return own if own is not None else time.perf_counter() - start

    def measure(
        ours: Callable[[], float | None],
        floor: Callable[[], float | None],
        units: int,
        rounds: int = 5,
        goal: str = "",
    ) -> float:
        pairs: list[tuple[float, float]] = []

        def one_round() -> None:
            base = timed(floor)
            pairs.append((timed(ours), base))

        benchmark.pedantic(one_round, rounds=rounds, warmup_rounds=1, iterations=1)  # type: ignore[attr-defined]
        kept = pairs[1:]
        median = statistics.median(base / own for own, base in kept)
        rate = units / statistics.median(own for own, _ in kept)
        floor_rate = units / statistics.median(base for _, base in kept)
        benchmark.extra_info.update(ratio=median, rate=rate, floor_rate=floor_rate, goal=goal)  # type: ignore[attr-defined]
        RESULTS.append((request.node.name, rate, floor_rate, median, goal))
        return median

    return measure


@pytest.fixture
def latency(benchmark: Callable[..., object], request: pytest.FixtureRequest) -> Callable[..., float]:
    """``latency(work, items, goal, warm)``: calls ``work`` for each item and gives the 99th percentile in seconds.

    ``work`` may return the seconds that count. ``warm`` calls come first and do not count.
    """

    def measure(
        work: Callable[[Any], float | None], items: Sequence[Any], goal: str = "", *, warm: int = 0, label: str = ""
    ) -> float:
        taken: list[float] = []

        def all_of_them() -> None:
            for item in items:
                start = time.perf_counter()
                own = work(item)
                taken.append(own if own is not None else time.perf_counter() - start)

        benchmark.pedantic(all_of_them, rounds=1, iterations=1)  # type: ignore[attr-defined]
        kept = sorted(taken[warm:])
        cuts = statistics.quantiles(kept, n=100, method="inclusive")
        name = f"{request.node.name} {label}".rstrip()
        LATENCIES.append((name, cuts[49], cuts[98], kept[-1], len(kept), goal))
        return cuts[98]

    return measure


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tables of ratios and of latencies."""
    if LATENCIES:
        terminalreporter.section("latencies in milliseconds")
        terminalreporter.write_line(f"{'benchmark':<56}{'p50':>9}{'p99':>9}{'most':>9}{'calls':>8}  goal")
        for name, median, high, most, calls, goal in LATENCIES:
            times = "".join(f"{value * 1_000:>9.2f}" for value in (median, high, most))
            terminalreporter.write_line(f"{name:<56}{times}{calls:>8}  {goal}")
    if not RESULTS:
        return
    terminalreporter.section("ratios to the floor of the same run")
    terminalreporter.write_line(f"{'benchmark':<48}{'per second':>14}{'floor':>14}{'ratio':>8}  goal")
    for name, rate, floor_rate, median, goal in RESULTS:
        terminalreporter.write_line(f"{name:<48}{rate:>14,.0f}{floor_rate:>14,.0f}{median:>8.2f}  {goal}")
