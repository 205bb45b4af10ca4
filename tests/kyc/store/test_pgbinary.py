"""Packed parameters arrive as what they stand for."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from kyc.store import pgbinary

pytestmark = pytest.mark.pg15


def test_dates_arrive(empty_database: str) -> None:
    """The first and the last day there is, days before and after PostgreSQL's own zero, and none at all."""
    days = [date.min, date(1999, 12, 31), date(2000, 1, 1), date(2024, 2, 29), date.max]
    with psycopg.connect(empty_database) as connection:
        pgbinary.register(connection)
        for some in (days, []):
            (found,) = connection.execute("select %s", (pgbinary.dates(some),)).fetchone() or ()
            assert found == some
