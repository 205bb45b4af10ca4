"""Whatever legs are looked for by, an index finds them; a year has a table of its own, others are not touched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from fix_bank import household
from fix_projections import another
from psycopg import sql

from kyc.ledger import Ledger
from kyc.store import pgbinary
from kyc.store.log import EventLog
from projections import transaction_index
from projections.engine import Engine
from projections.projection import Tables
from projections.transaction_index import Wanted

pytestmark = pytest.mark.pg15
LEGS = 40_000
START, STOP = datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 6, 3, tzinfo=UTC)
_FILL = f"""
insert into kyc_read.transaction_index_b1
select 0, 1000 + n, id, n, id, md5('r' || n / 2)::uuid, md5('p' || n %% 5000)::uuid, 'account', id, 'credit',
    (n * 7919 %% 1000003) / 100.0, 'CNY', 1, null, false, false,
    timestamptz '2025-01-01Z' + n * interval '25 minutes', date '2025-01-01', 'B-' || n %% 300, 'ch-' || n %% 40,
    'transfer'
from generate_series(1, {LEGS}) as n cross join lateral (select md5('a' || n %% 2000)::uuid) as a (id)
"""
_ACCOUNT = "5d41402abc4b2a76b9719d911017c592"
_SOME = pgbinary.uuids([bytes.fromhex(_ACCOUNT)])


@pytest.fixture
def filled(ledger: Ledger) -> Iterator[EventLog]:
    """Forty thousand legs of two years beside those of the household, and what the planner knows of them."""
    ledger.record(household())
    log = ledger.log
    Engine(log).catch_up()
    with log.database.connection() as connection, connection.transaction():
        transaction_index._make_years(connection, Tables(1), {2025})
        connection.execute(_FILL.replace("%%", "%").encode())
        connection.execute("analyze kyc_read.transaction_index_b1")
    return log


def plan(log: EventLog, statement: Any, arguments: Any) -> str:
    """How the server would answer."""
    with log.database.connection() as connection:
        composed = statement if isinstance(statement, sql.Composable) else sql.SQL(statement)
        rows = connection.execute(sql.SQL("explain ") + composed, arguments).fetchall()
    return "\n".join(line for (line,) in rows)


def of_search(log: EventLog, wanted: Wanted, limit: int = 100) -> str:
    """The plan of a search."""
    chosen = wanted.conditions()
    return planned(
        log, [sql.SQL(text).format(sql.Placeholder()) for text, _ in chosen], [v for _, v in chosen], limit
    )


def planned(log: EventLog, conditions: list[sql.Composable], values: list[Any], limit: int = 100) -> str:
    """The plan of a search by conditions."""
    joined = sql.SQL(" and ").join(conditions)
    statement = sql.SQL(transaction_index._SQL["search"]).format(conditions=joined, limit=sql.Placeholder())
    return plan(log, statement, [*values, limit])


def test_every_search_has_an_index(filled: EventLog) -> None:
    """By account, counterparty, amount, period, branch, channel or reference: no search reads all legs."""
    everything = {"start": START, "stop": STOP, "least": Decimal(1), "currency": "CNY", "kind": "transfer"}
    plans = {
        "reference_idx": [plan(filled, transaction_index._SQL["of_reference"], (_ACCOUNT,))],
        "account_booked_at_idx": [of_search(filled, Wanted(accounts=[bytes.fromhex(_ACCOUNT)]))],
        "counterparty_booked_at_idx": [
            planned(filled, [sql.SQL("counterparty = %s")], [_ACCOUNT]),
            planned(filled, [transaction_index._OTHER], [_ACCOUNT, _SOME, _SOME, _SOME]),
        ],
        "transaction_detail_b1_counterparty": [plan(filled, transaction_index._SQL["detailed"], (_ACCOUNT,))],
        "_amount_idx": [of_search(filled, Wanted(least=Decimal("9999.00"), most=Decimal("9999.90")))],
        "Index Cond: ((booked_at >= ": [of_search(filled, Wanted(start=START, stop=STOP))],
        "branch_booked_at_idx": [
            of_search(filled, Wanted(branch="B-7")), of_search(filled, Wanted(branch="B-7", **everything))
        ],
        "channel_booked_at_idx": [
            of_search(filled, Wanted(channel="ch-7")), of_search(filled, Wanted(channel="ch-7", start=START))
        ],
    }  # fmt: skip
    for index, found in plans.items():
        for told in found:
            assert index in told, told
            assert "Seq Scan on transaction_index_b1_y2025" not in told, told


def test_a_period_touches_its_years_only(filled: EventLog) -> None:
    """A search within 2025 does not look at the table of 2026, nor the other way round."""
    told = of_search(filled, Wanted(start=START, stop=STOP))
    assert "_y2025" in told
    assert "_y2026" not in told
    later = of_search(filled, Wanted(accounts=[bytes.fromhex(_ACCOUNT)], start=datetime(2026, 3, 1, tzinfo=UTC)))
    assert "_y2026" in later
    assert "_y2025" not in later


def test_two_makers_of_a_year(filled: EventLog) -> None:
    """Two engines need a year's table at the same time: the second waits for the first, and both write to it."""
    holding, entered = threading.Event(), threading.Event()

    def second() -> None:
        with another(filled) as log, log.database.connection() as connection, connection.transaction():
            entered.set()
            transaction_index._make_years(connection, Tables(1), {1999, 2000})
        holding.set()

    thread = threading.Thread(target=second)
    with filled.database.connection() as connection, connection.transaction():
        transaction_index._make_years(connection, Tables(1), {2000})
        thread.start()
        assert entered.wait(60)
        assert transaction_index.count(filled) > 0, "readers do not wait"
        assert not holding.wait(0.2)
    thread.join(60)
    assert not thread.is_alive()
    with filled.database.connection() as connection:
        rows = connection.execute(
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid"
            " where i.inhparent = 'kyc_read.transaction_index_b1'::regclass order by 1"
        ).fetchall()
    assert [name[-5:] for (name,) in rows] == ["y1999", "y2000", "y2025", "y2026"]
