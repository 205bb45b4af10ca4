"""Deadlines of everybody on a day, in one statement: the floor is reading and grouping the same triggers once.

A town is written straight into the read model: customers with an account, half of whom have left, years of
bookings, some holds, some files of one person. `--events N` sets how many units of disposal the large town has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

import psycopg
import pytest

from kyc.store.log import EventLog
from projections import retention_deadlines
from projections.engine import Engine
from projections.retention_deadlines import Asked

SMALL = 100_000
UNITS_PER_CUSTOMER = 8
ON = date(2036, 6, 1)

FILL = """
create function pg_temp.id(text) returns uuid language sql immutable as 'select md5($1)::uuid';
insert into kyc_read.retention_unit_b1 (data_key, stream, subject, record_class, period, kind, branch)
select pg_temp.id('k' || n || c), pg_temp.id(case when c < 2 then 'c' else 'a' end || n),
    pg_temp.id(case when c < 2 then 'c' else 'a' end || n),
    (array['identity', 'due-diligence', 'account'])[least(c, 3) + 1], '', 'x', 'B' || n % 40
from generate_series(1, {n}) n, generate_series(0, 2) c;
insert into kyc_read.retention_unit_b1 (data_key, stream, subject, record_class, period, kind, branch)
select pg_temp.id('t' || n || y), pg_temp.id('p' || n), pg_temp.id('a' || n), 'transaction', y::text, 'x',
    'B' || n % 40
from generate_series(1, {n}) n, generate_series(2022, 2026) y;
insert into kyc_read.retention_trigger_b1 (data_key, trigger, subject, record_class, period, on_date)
select data_key, 'record-made', subject, record_class, period, date '2020-01-01' + (hashtext(data_key::text) % 2000)
from kyc_read.retention_unit_b1;
insert into kyc_read.retention_trigger_b1 (data_key, trigger, subject, record_class, period, on_date)
select data_key, 'transaction-booked', subject, record_class, period, make_date(period::int, 6, 1)
from kyc_read.retention_unit_b1 where record_class = 'transaction';
insert into kyc_read.retention_trigger_b1 (data_key, trigger, subject, record_class, period, on_date)
select pg_temp.id('k' || n || c), t, pg_temp.id(s || n), k, '', d
from generate_series(1, {n}) n, (values
    (0, 'c', 'identity', 'relationship-established', date '2019-01-01', 1),
    (0, 'c', 'identity', 'relationship-ended', date '2024-03-01', 2),
    (2, 'a', 'account', 'account-opened', date '2019-01-01', 1),
    (2, 'a', 'account', 'account-closed', date '2024-02-01', 2)) v (c, s, k, t, d, every)
where n % every = 0;
insert into kyc_read.account_register_b1 (stream_id, holders, roles, former, version, data_key)
select pg_temp.id('a' || n), array[pg_temp.id('c' || n)], array['owner'], '{{}}', 1, pg_temp.id('k' || n || 2)
from generate_series(1, {n}) n;
insert into kyc_read.retention_hold_b1 (subject, hold, basis, classes, placed_on, data_key)
select pg_temp.id('c' || n), pg_temp.id('h' || n), 'audit', '{{}}', date '2025-01-01', pg_temp.id('h' || n)
from generate_series(1, {n}, 500) n;
insert into kyc_read.retention_merge_b1 (survivor, absorbed, data_key)
select pg_temp.id('c' || n), pg_temp.id('c' || n + 1), pg_temp.id('k' || n || 0)
from generate_series(2, {n} - 1, 100) n;
analyze;
"""
FLOOR = """
select count(*) from (
    select subject, record_class, period, max(on_date) from kyc_read.retention_trigger
    group by subject, record_class, period) u
"""


@pytest.fixture
def town(log: EventLog, scale: int, request: pytest.FixtureRequest) -> tuple[EventLog, int]:
    """A log with a read model of so many units."""
    units = request.param or max(scale, SMALL)
    Engine(log).catch_up()
    with psycopg.connect(log.database.dsn, autocommit=True) as owner:
        owner.execute(FILL.format(n=units // UNITS_PER_CUSTOMER).encode())
        owner.execute("vacuum analyze")
    return log, units // UNITS_PER_CUSTOMER * UNITS_PER_CUSTOMER


def grouped(log: EventLog) -> Callable[[], None]:
    """Every trigger read and grouped by its unit, once."""

    def work() -> None:
        with log.database.connection() as connection:
            connection.execute(FLOOR.encode()).fetchall()

    return work


@pytest.mark.parametrize("town", [SMALL, None], indirect=True, ids=["small", "large"])
def bench_totals(town: tuple[EventLog, int], ratio: Callable[..., float]) -> None:
    """How everything stands on a day, counted by class, branch and state."""
    log, units = town
    asked = Asked(ON)
    found = retention_deadlines.totals(log, asked)
    assert sum(one.units for one in found) == units
    assert {one.state for one in found} >= {"due", "running", "held", "no-clock"}
    ratio(lambda: retention_deadlines.totals(log, asked) and None, grouped(log), units, rounds=3)


@pytest.mark.parametrize("town", [SMALL], indirect=True, ids=["small"])
def bench_one_by_one(town: tuple[EventLog, int], ratio: Callable[..., float]) -> None:
    """The same dates by the pure function, unit by unit: what the statement saves."""
    log, units = town
    asked = Asked(ON)

    def one_by_one() -> float:
        start = time.perf_counter()
        done = 0
        for done, _ in enumerate(retention_deadlines.deadlines(log, asked), 1):
            if done == units // 10:
                break
        return (time.perf_counter() - start) * units / done

    ratio(one_by_one, lambda: retention_deadlines.listed(log, asked, "due") and None, units, rounds=1)
