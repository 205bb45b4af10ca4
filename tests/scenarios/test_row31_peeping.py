"""Row 31: who looks without need is found out, and cannot take back having looked (窥视、窃取、复制、传播)."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from fix_cli import Call, document
from fix_world_china import onboard
from fix_world_gate import actor, ask, ticket

from kyc.access.gate import Gate
from kyc.domain.access_log import AccessAnomalyFlagged, AccessDenied, RecordRead
from replay.day import day

LIMIT = 100


def look(world, number: str) -> RecordRead:
    """Somebody looks at a file."""
    return RecordRead(occurred_at=world.now, customer=number, fields=("names",), reason="serving", ticket="S1")


def test_a_hundred_looks_in_an_hour(china, call: Call):
    """One teller opens the same file a hundred times: the day at the branch shows it, a supervisor flags it."""
    onboard(china, "C1")
    since = china.now
    reads = [china.submission(look(china, "C1"), actor="T-9") for _ in range(LIMIT)]
    assert all(isinstance(answer, tuple) for answer in china.ledger.record(reads))
    china.record(look(china, "C1"), actor="T-2")
    china.record(
        AccessDenied(occurred_at=china.now, operator="T-9", customer="C2", fields=("names",), code="no-ticket"),
        actor="T-9",
    )
    china.project()
    told = day(china.log, "B-1", china.today)
    assert (told.topics["access.read"], told.topics["access.denied"]) == (LIMIT + 1, 1)
    assert told.actors["T-9"] == LIMIT + 1
    flagged = AccessAnomalyFlagged(
        occurred_at=china.now, operator="T-9", kind="bulk-read", count=LIMIT, since=since,
        until=since + timedelta(hours=1),
    )  # fmt: skip
    china.record(flagged, actor="M-1")
    assert china.topics("operator", "T-9") == ["access.anomaly_flagged"]
    assert "access.anomaly_flagged" not in china.topics("customer", "C1")
    china.project()
    span = ("--since", since.isoformat())
    (busy,) = document(call("--json", "reads", "busy", *span))["hours"]
    assert (busy["reader"], busy["reads"], busy["customers"], busy["refused"]) == ("T-9", LIMIT, 1, 1)
    (flag,) = document(call("--json", "reads", "flags"))["flags"]
    assert (flag["operator"], flag["kind"], flag["actor"]) == ("T-9", "bulk-read", "M-1")
    assert len(document(call("--json", "reads", "by", "T-9", *span))["accesses"]) == LIMIT + 1
    told_of = call("reads", "of", "C1", "--limit", "1")
    assert "T-2" in told_of[1]
    assert "C1 Person C1: names" in told_of[1]


def test_having_looked_cannot_be_taken_back(china):
    """Neither the service's own role nor the tables' owner removes a read; a superuser's cut is found."""
    onboard(china, "C1")
    china.record(look(china, "C1"), actor="T-9")
    china.seal()
    read = china.recorded("access", "C1")[0].row
    with psycopg.connect(china.log.database.dsn, autocommit=True) as owner, pytest.raises(psycopg.Error):
        owner.execute("delete from kyc.event where stream_id = %s", (read.stream_id.hex(),))
    with china.unguarded() as superuser:
        superuser.execute("delete from kyc.event where stream_id = %s", (read.stream_id.hex(),))
    assert (read.lane, read.position) in {
        (found.place.lane, found.place.position) for found in china.verify().findings
    }


def test_the_hundredth_look_is_told_by_itself(china):
    """Through the door, over two processes: the hundredth look within an hour flags the teller."""
    onboard(china, "C1")
    ticket(china)
    doors = [Gate(china.log, ZoneInfo("UTC")) for _ in range(2)]
    for at in range(LIMIT - 1):
        doors[at % 2].admit(ask(actor("teller")))
    assert "access.anomaly_flagged" not in china.topics("operator", "T-1")
    doors[0].admit(ask(actor("teller")))
    (flagged,) = china.events("operator", "T-1")
    assert (flagged.kind, flagged.count, flagged.until - flagged.since) == ("bulk-read", LIMIT, timedelta(hours=1))
