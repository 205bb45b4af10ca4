"""Admission: 1,000 bookings shaped and checked against their accounts' states, against decoding the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from kyc.domain.admit import STATEFUL, check, evolve, reads, shape
from kyc.domain.fact import Submission, parse
from kyc.domain.policies import Policies, shipped_editions
from kyc.domain.stream import POLICIES
from kyc.domain.submission import StreamName
from kyc.domain.transaction import BookTransaction
from kyc.simulate.submissions import simulate, wire

Ratio = Callable[..., float]

BOOKINGS = 1_000
TODAY = date(2025, 3, 1)
PER_SECOND_MIN = 50_000
"""1,000 bookings in 20 ms."""
OF_DECODING_MIN = 0.5
"""Deciding on a booking costs about as much as reading its bytes (measured: 0.74 of the rate)."""


@pytest.fixture(scope="module")
def bank() -> tuple[dict[StreamName, Any], list[bytes]]:
    """The states of a bank that adopted the shipped rules, and the lines of its next bookings."""
    states: dict[StreamName, Any] = {POLICIES: Policies(jurisdiction="CN", editions=shipped_editions())}
    lines = []
    for submission in simulate(3, 300, BOOKINGS, date(2025, 1, 1), 20, scans=False):
        if isinstance(submission.data, BookTransaction):
            lines.append(wire(submission))
            continue
        for entry in admitted(submission, states).entries:
            if entry.stream.kind in STATEFUL:
                states[entry.stream] = evolve(entry.stream.kind, states.get(entry.stream), entry.event)
    assert len(lines) == BOOKINGS
    return states, lines


def admitted(submission: Submission, states: dict[StreamName, Any]) -> Any:
    """The unit of a submission, as the ledger asks for it."""
    unit = shape(submission, TODAY)
    return check(unit, {name: states.get(name) for name in reads(submission)}, TODAY)


def bench_bookings(bank: tuple[dict[StreamName, Any], list[bytes]], ratio: Ratio, benchmark: Any) -> None:
    """Shaping and checking 1,000 bookings, against decoding their lines: under 20 ms."""
    states, lines = bank
    submissions = [parse(line) for line in lines]

    def admit() -> None:
        for submission in submissions:
            admitted(submission, states)

    def decode() -> None:
        for line in lines:
            parse(line)

    measured = ratio(admit, decode, BOOKINGS, rounds=21, goal=f"≥ {OF_DECODING_MIN}, 1,000 in 20 ms")
    assert measured >= OF_DECODING_MIN
    assert benchmark.extra_info["rate"] >= PER_SECOND_MIN
