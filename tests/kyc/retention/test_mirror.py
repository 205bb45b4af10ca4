"""PostgreSQL counts periods as we do: what docs/retention.md says of step 6 lets SQL mirror the arithmetic."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest

from kyc.domain.calendar import later

pytestmark = pytest.mark.pg15

DAYS = [date(2003, 12, 30) + timedelta(days=n) for n in range(4 * 366)] + [
    date(2096, 2, 29),
    date(2100, 2, 28),
]
PERIODS = ["P3Y", "P5Y", "P10Y", "P30Y", "P4Y", "P6M", "P12M", "P0D", "P30D", "P1Y2M3D"]
SQL = """
select start, period,
       (start + period::interval)::date
       + case when %(declared)s = '1-mar' and to_char(start, 'MMDD') = '0229' and to_char(months, 'MMDD') = '0228'
              then 1 else 0 end
  from unnest(%(days)s::date[]) as start, unnest(%(periods)s::text[]) as period,
       lateral (select start + make_interval(
           years => extract(year from period::interval)::int, months => extract(month from period::interval)::int
       ) as months) as counted
"""


@pytest.mark.parametrize("declared", ["28-feb", "1-mar"])
def test_postgresql_counts_alike(empty_database: str, declared: str) -> None:
    """Four years of starts and every shipped period, under both rules for 29 February."""
    with psycopg.connect(empty_database) as connection:
        rows = connection.execute(SQL, {"declared": declared, "days": DAYS, "periods": PERIODS}).fetchall()
    assert len(rows) == len(DAYS) * len(PERIODS)
    assert [row for row in rows if later(row[0], row[1], declared) != row[2]] == []
