"""The fixtures every test of the store stands on."""

from __future__ import annotations

import psycopg


def test_fresh_database_is_migrated(database):
    """A fresh database has the shipped migrations and no events."""
    with psycopg.connect(database) as connection:
        row = connection.execute("select (select count(*) from kyc_schema.migration) > 0, count(*) from kyc.event")
        assert row.fetchone() == (True, 0)


def test_databases_are_apart(database, empty_database):
    """The empty database holds no schema of ours while a migrated one stands beside it."""
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regnamespace('kyc')").fetchone() == (None,)
    with psycopg.connect(database) as connection:
        assert connection.execute("select to_regnamespace('kyc')::text").fetchone() == ("kyc",)
