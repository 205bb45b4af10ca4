"""Row 27: name, number, contact, balance and transactions are confidential, also from who runs the database."""

from __future__ import annotations

import logging
from zoneinfo import ZoneInfo

import msgspec
from fix_cli import Call
from fix_world_china import onboard, open_account, paid, passport
from fix_world_gate import actor, ask, ticket

from kyc.access.gate import Gate
from kyc.domain.access_log import RecordRead
from kyc.domain.values import Phone

SECRETS = ("Person C1", "PASS-C1", "+86 10 5555 0101", "A-SECRET-1", "rent for March", "1990-05-17")


def everything_stored(world) -> str:
    """Each row of each table of the database, read models included, as its administrator would read them."""
    with world.unguarded() as superuser:
        tables = superuser.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname like 'kyc%'"
        ).fetchall()
        rows = [str(row) for (name,) in tables for row in superuser.execute(f"select t::text from {name} t")]
    assert len(rows) > 50
    return "\n".join(rows)


def test_the_administrator_reads_nothing(china, caplog):
    """Who can read every table, index and log line finds no name, number, telephone, account or remittance text."""
    with caplog.at_level(logging.DEBUG):
        onboard(china, "C1", phones=(Phone(number="+86 10 5555 0101"),))
        open_account(china, "A-SECRET-1", "C1")
        china.record(paid(china, "T1", "A-SECRET-1", "120.00", remittance="rent for March"))
        china.project()
    stored = everything_stored(china)
    for secret in SECRETS:
        for form in (secret, secret.encode().hex()):
            assert form not in stored
            assert form not in caplog.text


def test_who_may_sees_it_whole(china, call: Call):
    """Behind the keys nothing is masked or cut: what was recorded is kept as it was said (AMLR art. 77)."""
    onboard(china, "C1", phones=(Phone(number="+86 10 5555 0101"),))
    code, said, _ = call("customer", "show", "C1")
    assert code == 0
    assert "+86 10 5555 0101" in said
    assert "PASS-C1" in said


def test_a_masked_view_is_a_view(china):
    """That somebody saw masked fields is on record; the record itself is not masked by it."""
    onboard(china, "C1")
    before = china.events("customer", "C1")
    seen = RecordRead(
        occurred_at=china.now, customer="C1", fields=("documents",), reason="at the counter", ticket="S1"
    )
    china.record(seen)
    china.record(msgspec.structs.replace(seen, masked=False))
    assert [event.masked for event in china.events("access", "C1")] == [True, False]
    assert china.events("customer", "C1") == before


def test_a_teller_sees_the_last_four_unless_serving(china):
    """Another counter sees the last four of the number; who serves sees it whole; the record keeps it whole."""
    onboard(china, "C1")
    china.record(passport("GBR-0123456789", china), "C1")
    ticket(china)
    gate = Gate(china.log, ZoneInfo("UTC"))
    state = china.state("customer", "C1")
    view = {"names": state.names[0].text, "documents": msgspec.to_builtins(state.documents)}
    other = gate.admit(ask(actor("teller", "T-2"))).show(view)
    assert other["names"] == "Person C1"
    assert [paper["number"] for paper in other["documents"]] == ["****", "****6789"]  # eight or fewer tell nothing
    serving = gate.admit(ask(actor("teller", "T-1"))).show(view)
    assert [paper["number"] for paper in serving["documents"]] == ["PASS-C1", "GBR-0123456789"]
    assert [event.masked for event in china.events("access", "C1")] == [True, False]
