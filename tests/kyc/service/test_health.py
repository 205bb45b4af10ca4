"""What operators look at: numbers that are right, readiness part by part, and a ledger thread that nothing ends."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from fix_bank import household, moved, registered
from fix_service import Running, wire
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kyc.domain import fact
from kyc.service import health
from projections.engine import Engine


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is not believed any longer than it takes to tell it."""
    monkeypatch.setattr(health, "_FRESH", -1.0)
    monkeypatch.setattr(health, "_LOG_FRESH", -1.0)


def numbers(running: Running) -> dict[str, float]:
    """Name with labels → value."""
    text = httpx.get(f"{running.url}/metrics", timeout=60).text
    return {name: float(value) for name, value in re.findall(r"^(kyc_\S+) ([0-9.e+-]+)$", text, re.MULTILINE)}


@pytest.mark.usefixtures("fresh")
def test_the_numbers_are_those_of_the_log(running: Running, teller: httpx.Client) -> None:
    """Outcomes, events, unsealed, behind: each as the log has it; labels are templates and names of ours only."""
    items = [wire(one) for one in household()]
    assert teller.post("/v1/events", json=items).status_code == 200
    assert teller.post("/v1/events", json=[items[0], wire(moved("C9", "x"))]).status_code == 200
    assert teller.get("/v1/customers/C1").status_code == 403
    service = running.service
    told, events = numbers(running), sum(service.log.reader.positions().values())
    assert told['kyc_append_submissions_total{outcome="recorded"}'] == len(items)
    assert told['kyc_append_submissions_total{outcome="replayed"}'] == 1
    assert told['kyc_append_submissions_total{outcome="refused"}'] == 1
    assert told["kyc_log_appended_events"] == told["kyc_log_unsealed_events"] == events
    assert told['kyc_projection_behind_events{projection="customer_profile"}'] == events
    assert told["kyc_queue_submissions"] == 0
    posts = 'kyc_request_seconds_count{method="POST",route="/v1/events",status="200"}'
    assert told[posts] == 2
    assert 'route="/v1/customers/{number}",status="403"' in str(told)
    service.sealer.seal()
    Engine(service.log).catch_up()
    later = numbers(running)
    assert later["kyc_log_unsealed_events"] == 0
    assert {value for name, value in later.items() if name.startswith("kyc_projection_behind")} == {0}
    assert not [word for word in ("C1", "T-1", "Lovelace") if word in str(list(told))]


@pytest.fixture
def beside(database: str) -> Iterator[psycopg.Connection]:
    """A superuser of the same server, in another database."""
    with psycopg.connect(make_conninfo(database, dbname="postgres"), autocommit=True) as connection:
        yield connection


@pytest.mark.usefixtures("fresh")
def test_ready_says_which_part(running: Running, database: str, beside: psycopg.Connection) -> None:
    """A migration that is missing, a database that lets nobody in: 503 and which; the process itself lives."""

    def ready() -> tuple[int, str, str]:
        answer = httpx.get(f"{running.url}/readyz", timeout=60)
        assert httpx.get(f"{running.url}/livez", timeout=60).status_code == 200
        return answer.status_code, answer.json()["database"], answer.json()["migrations"]

    assert ready() == (200, "ok", "ok")
    with psycopg.connect(database, autocommit=True) as owner:
        (last,) = owner.execute("select max(name) from kyc_schema.migration").fetchone() or ("",)
        kept = owner.execute("delete from kyc_schema.migration where name = %s returning *", (last,)).fetchone()
        assert kept is not None
        assert ready() == (503, "ok", "failing")
        places = ", ".join(["%s"] * len(kept))
        owner.execute(f"insert into kyc_schema.migration values ({places})", kept)
    assert ready() == (200, "ok", "ok")
    name = str(conninfo_to_dict(database)["dbname"])
    beside.execute(f'alter database "{name}" allow_connections false')
    try:
        beside.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        assert ready() == (503, "failing", "failing")
    finally:
        beside.execute(f'alter database "{name}" allow_connections true')
    deadline = time.monotonic() + 60
    while ready()[0] != 200:
        assert time.monotonic() < deadline


def test_a_line_that_breaks_us_is_one_line(
    running: Running, teller: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours in reading a line is answered as a fault, and the ledger goes on with all others."""
    parse = fact.parse

    def breaking(line: bytes, **given: str) -> object:
        if b"C-breaks" in bytes(line):
            raise ZeroDivisionError
        return parse(line, **given)

    monkeypatch.setattr(fact, "parse", breaking)
    batch = [wire(registered(number)) for number in ("C1", "C-breaks", "C2")]
    first, second, third = teller.post("/v1/events", json=batch).json()["results"]
    assert (second["problem"]["status"], "recorded" in first, "recorded" in third) == (500, True, True)
    assert teller.post("/v1/events", json=wire(registered("C3"))).status_code == 200
