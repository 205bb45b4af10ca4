"""Clocks of branches: one that is off is on record, once a day, and nothing is refused for it."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from fix_bank import registered
from fix_service import NDJSON, Provider, Running, ndjson, wire

from kyc.clock import to_datetime
from kyc.domain.operations import ClockSkewObserved
from kyc.domain.submission import StreamName
from kyc.store.log import Recorded

EVENTS, STREAM = "/v1/events", "/v1/events:stream"


def dated(running: Running, **off: float) -> dict[str, str]:
    """The header of a branch whose clock is so far off."""
    now = to_datetime(running.service.clock.now_us()) + timedelta(**off)
    return {"date": format_datetime(now, usegmt=True)}


def seen(running: Running) -> list[Recorded]:
    """What is on record about clocks."""
    return list(running.service.log.events(StreamName("operations", "service")))


def test_a_clock_that_is_off(running: Running, oidc: Provider) -> None:
    """Two hours ahead, then more: one event that day with branch and difference; another branch has its own."""
    with running.client(oidc.token()) as teller, running.client(oidc.token(branch="B-2")) as other:
        for number, hours in enumerate((2, 2, 3)):
            answer = teller.post(EVENTS, json=wire(registered(f"C{number}")), headers=dated(running, hours=hours))
            assert answer.status_code == 200
        line = ndjson(wire(registered("C7")))
        late = dated(running, minutes=-5) | {"content-type": NDJSON}
        assert other.post(STREAM, content=line, headers=late).status_code == 200
    ahead, behind = seen(running)
    assert isinstance(ahead.event, ClockSkewObserved)
    assert isinstance(behind.event, ClockSkewObserved)
    assert (ahead.event.branch, ahead.context.actor, behind.event.branch) == ("B-1", "service", "B-2")
    assert 7_000_000 < ahead.event.milliseconds <= 7_200_000
    assert -600_000 < behind.event.milliseconds <= -299_000


@pytest.mark.parametrize("said", [None, "", "yesterday", "Sun, 31 Feb 2026 10:00:00 GMT", "right"])
def test_nothing_is_known(running: Running, teller: httpx.Client, said: str | None) -> None:
    """No time, none that can be read, or the right one: nothing is recorded, and the submission is."""
    headers = dated(running) if said == "right" else {} if said is None else {"date": said}
    assert teller.post(EVENTS, json=wire(registered("C1")), headers=headers).status_code == 200
    assert seen(running) == []


def test_another_process_told_of_it(running: Running, teller: httpx.Client) -> None:
    """What is on record of that day and branch is not told again by a process that has forgotten it."""
    for hours in (2, 3):
        running.server._application.parts.clocks._told.clear()
        assert teller.post(
            EVENTS, json=wire(registered(f"C{hours}")), headers=dated(running, hours=hours)
        ).is_success
    assert len(seen(running)) == 1
