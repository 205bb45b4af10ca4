"""Indexes of a build that begins before a long log: made when it is full, like any other's, whoever dies before."""

from __future__ import annotations

import pytest
from fix_bank import moved, receipts
from fix_projections import digests, fill

from kyc.ledger import Ledger
from kyc.store.log import EventLog
from projections import builds, engine
from projections.engine import Engine
from projections.registry import PROJECTIONS

pytestmark = pytest.mark.pg15


def indexes(log: EventLog, build: int) -> set[tuple[str, str]]:
    """(table, definition) of all indexes of the tables of one build, years of booking included."""
    with log.database.connection() as connection:
        found = connection.execute(
            "select tablename, indexdef from pg_indexes where schemaname = 'kyc_read' and tablename ~ %s",
            (f"_b{build}(_y[0-9]+)?$",),
        ).fetchall()
    return {(table.replace(f"_b{build}", ""), text.replace(f"_b{build}", "")) for table, text in found}


def test_made_when_full(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """First fill and rebuild of a long log have no index but their keys until they are full, then all of them."""
    fill(ledger)
    Engine(ledger.log).catch_up()
    usual = indexes(ledger.log, 1)
    before = digests(Engine(ledger.log))
    keys = {one for one in usual if "UNIQUE" in one[1]}
    assert len(usual) > 2 * len(keys)
    monkeypatch.setattr(engine, "BULK", 1)
    made: list[set[tuple[str, str]]] = []
    index = builds.index

    def watched(*arguments: object) -> None:
        if len(made) == 0:
            made.append(indexes(ledger.log, 2))
        index(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(builds, "index", watched)
    names = [projection.name for projection in PROJECTIONS]
    assert all(one.equal for one in Engine(ledger.log).rebuild_together(names))
    assert made[0] == keys
    assert indexes(ledger.log, 2) == usual
    assert digests(Engine(ledger.log)) == before


def test_made_by_whoever_comes_next(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first fill that ended before its indexes gets them from the next run, which has nothing else to do."""
    receipts_ = fill(ledger)
    monkeypatch.setattr(engine, "BULK", 1)
    first = Engine(ledger.log)
    with monkeypatch.context() as dying:
        dying.setattr(first, "sweep", lambda: 0)
        assert first.catch_up() == len(receipts_)
    bare = indexes(ledger.log, 1)
    assert all("UNIQUE" in text for _, text in bare)
    monkeypatch.setattr(engine, "BULK", 2)
    assert Engine(ledger.log).catch_up() == 0
    full = indexes(ledger.log, 1)
    assert bare < full
    receipts(ledger.record([moved("C1", "elsewhere")])[0])
    assert Engine(ledger.log).catch_up() == 1
    assert all(one.equal for one in map(Engine(ledger.log).rebuild, ["customer_profile", "transaction_index"]))
    assert {one for one in indexes(ledger.log, 2) if one[0].startswith("customer")} <= full
