"""Deadlines of all units at once touch rows in proportion to the units, whatever holds and mergers there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, LiteralString

import pytest

from kyc.store.log import EventLog
from projections import retention_deadlines
from projections.engine import Engine
from projections.projection import reading
from projections.retention_deadlines import Asked

pytestmark = pytest.mark.pg15
CUSTOMERS = 300
FILL = """
create function pg_temp.id(text) returns uuid language sql immutable as 'select md5($1)::uuid';
insert into kyc_read.retention_trigger_b1 (data_key, trigger, subject, record_class, period, on_date)
select pg_temp.id('k' || n || c), t, pg_temp.id(s || n), k, '', date '2020-01-01'
from generate_series(1, {n}) n, (values (0, 'c', 'identity', 'relationship-ended'),
    (1, 'c', 'due-diligence', 'record-made'), (2, 'a', 'account', 'account-closed')) v (c, s, k, t);
insert into kyc_read.account_register_b1 (stream_id, holders, roles, former, version, data_key)
select pg_temp.id('a' || n), array[pg_temp.id('c' || n)], array['owner'], '{{}}', 1, pg_temp.id('k' || n || 2)
from generate_series(1, {n}) n;
insert into kyc_read.retention_hold_b1 (subject, hold, basis, classes, placed_on, data_key)
select pg_temp.id('c' || n), pg_temp.id('h' || n), 'audit', '{{}}', date '2025-01-01', pg_temp.id('h' || n)
from generate_series(1, {n}, 3) n;
insert into kyc_read.retention_merge_b1 (survivor, absorbed, data_key)
select pg_temp.id('c' || n), pg_temp.id('c' || n + 1), pg_temp.id('k' || n || 0)
from generate_series(1, {n} - 1, 4) n;
analyze kyc_read.retention_trigger_b1, kyc_read.account_register_b1, kyc_read.retention_hold_b1;
"""
MOST = 12
"""Rows for each unit that any step may hand on or throw away: policies, links."""


def handled(node: dict[str, Any]) -> Iterator[tuple[float, str]]:
    """Rows that each step of a plan made or looked at in vain."""
    vain = sum(node.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter"))
    yield (node["Actual Rows"] + vain) * node["Actual Loops"], node["Node Type"]
    for below in node.get("Plans", ()):
        yield from handled(below)


def test_no_row_is_held_against_every_row(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the customers under a hold, half merged: no step handles more than a few rows for each unit."""
    Engine(log).catch_up()
    with log.database.connection() as connection:
        connection.execute(FILL.format(n=CUSTOMERS).encode())
    seen: list[tuple[float, str]] = []

    def explained(log: EventLog, statement: LiteralString, arguments: Mapping[str, Any]) -> list[Any]:
        with reading(log) as connection, connection.transaction():
            connection.execute(retention_deadlines._SQL["by_hash"])
            explain = "explain (analyze, format json, timing off) " + statement
            ((plan,),) = connection.execute(explain, arguments).fetchall()
        seen.extend(handled(plan[0]["Plan"]))
        return []

    asked = Asked(date(2036, 6, 1))
    found = retention_deadlines.totals(log, asked)
    assert sum(one.units for one in found) == 3 * CUSTOMERS
    assert {one.state for one in found} >= {"held", "due"}
    monkeypatch.setattr(retention_deadlines, "_at_once", explained)
    retention_deadlines.totals(log, asked)
    retention_deadlines.listed(log, asked)
    assert len(seen) > 50
    assert max(seen) < (MOST * 3 * CUSTOMERS, "")
