"""Migrations: applied once, checked ever after, refused when they differ."""

from __future__ import annotations

import threading

import psycopg
import pytest

from kyc.errors import MigrationError
from kyc.store import migrate

pytestmark = pytest.mark.pg15


def test_applied_once(database: str) -> None:
    """A migrated database has nothing pending, and migrating again changes nothing."""
    assert migrate.pending(database) == []
    assert migrate.migrate(database) == []


def test_constants_of_the_log_are_kept(database: str) -> None:
    """Lanes and origin are chosen when the log is created and never change."""
    migrate.migrate(database, lanes=3, origin="other.example/log")
    with psycopg.connect(database) as connection:
        row = connection.execute("select lanes, origin from kyc.log").fetchone()
    assert row is not None
    assert row[0] != 3
    assert row[1] != "other.example/log"


def test_changed_migration_is_refused(database: str) -> None:
    """When the database was made by another text of a migration, nobody goes on."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("update kyc_schema.migration set sha256 = 'x' where name = 'kyc.store/0001_log.sql'")
    for call in (migrate.migrate, migrate.pending):
        with pytest.raises(MigrationError) as refused:
            call(database)
        assert refused.value.field == "kyc.store/0001_log.sql"


def test_two_installers_at_once(empty_database: str) -> None:
    """Two processes that install at the same moment end with one schema."""
    applied: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: applied.append(migrate.migrate(empty_database, lanes=4))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, applied)) == [0, len(migrate.shipped())]


def test_empty_database_has_all_pending(empty_database: str) -> None:
    """Before the first migration everything is pending."""
    assert migrate.pending(empty_database) == list(migrate.shipped())


@pytest.mark.parametrize("lanes", [0, 1025])
def test_lanes_out_of_range(empty_database: str, lanes: int) -> None:
    """The number of lanes has a floor and a ceiling."""
    with pytest.raises(MigrationError) as refused:
        migrate.migrate(empty_database, lanes=lanes)
    assert refused.value.field == "lanes"
