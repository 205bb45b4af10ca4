"""Numbered SQL migrations with checksums: the one way a schema comes about or changes.

Migrations run as the owner, one transaction each, under an advisory lock that keeps two installers apart. A shipped
file that differs from what was applied is refused, because nobody could tell what the database holds. Other rooms
ship their own folder of migrations and name it in ``folders``; names are applied in sorted order per folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import psycopg

from kyc.errors import MigrationError
from kyc.logs import logger
from kyc.settings import LANES_DEFAULT, LANES_MAX
from kyc.store.errors_pg import translated

FOLDERS: Final = ("kyc.store", "projections")
FLOOR: Final = 150_000
"""Oldest server version: PostgreSQL 15."""
_log = logger("migrate")
_LOCK: Final = 0x6B79_6300  # "kyc"

_BOOK: Final = """
create schema if not exists kyc_schema;
create table if not exists kyc_schema.migration (
    name text primary key, sha256 text not null, applied_at timestamptz not null default now())
"""


def shipped(folders: Sequence[str] = FOLDERS) -> dict[str, str]:
    """Name → SQL text of every shipped migration, in the order of application."""
    result: dict[str, str] = {}
    for package in folders:
        folder: Traversable = files(package) / "migrations"
        if folder.is_dir():
            for file in sorted(folder.iterdir(), key=lambda item: item.name):
                if file.name.endswith(".sql"):
                    result[f"{package}/{file.name}"] = file.read_text(encoding="utf-8")
    return result


def migrate(dsn: str, lanes: int = LANES_DEFAULT, origin: str = "kyc-ledger.example/log") -> list[str]:
    """Bring the database to the shipped schema; returns the names applied now.

    ``lanes`` and ``origin`` are constants of the log, used only when it is created.

    Raises:
        MigrationError: an applied migration differs from the shipped one, or the server is too old.
        StoreError: the database refuses.
    """
    if not 1 <= lanes <= LANES_MAX:
        raise MigrationError("lanes out of range", field="lanes", rule=f"1 to {LANES_MAX}")
    with translated(), psycopg.connect(dsn, autocommit=True) as connection:
        if connection.info.server_version < FLOOR:
            raise MigrationError(
                "the server is too old", field="database", rule="PostgreSQL 15 or newer", remedy="upgrade it"
            )
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        try:
            return _apply(connection, lanes, origin)
        finally:
            connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))


def pending(dsn: str) -> list[str]:
    """Names of shipped migrations that the database lacks.

    Raises:
        MigrationError: an applied migration differs from the shipped one.
    """
    with translated(), psycopg.connect(dsn, autocommit=True) as connection:
        exists = connection.execute("select to_regclass('kyc_schema.migration')").fetchone()
        if exists is None or exists[0] is None:
            return list(shipped())
        return list(_pending(connection))


def _apply(connection: psycopg.Connection[Any], lanes: int, origin: str) -> list[str]:
    connection.execute(_BOOK)
    applied = []
    for name, text in _pending(connection).items():
        with connection.transaction():
            connection.execute(text.encode())
            connection.execute(
                "insert into kyc_schema.migration (name, sha256) values (%s, %s)", (name, _checksum(text))
            )
        applied.append(name)
        _log.info("applied", migration=name)
    connection.execute(
        "insert into kyc.log (origin, lanes) values (%s, %s) on conflict do nothing", (origin, lanes)
    )
    return applied


def _pending(connection: psycopg.Connection[Any]) -> dict[str, str]:
    known = dict(connection.execute("select name, sha256 from kyc_schema.migration").fetchall())
    missing = {}
    for name, text in shipped().items():
        if name not in known:
            missing[name] = text
        elif known[name] != _checksum(text):
            raise MigrationError(
                "an applied migration differs from the shipped one",
                field=name,
                rule="applied migrations never change",
                remedy="install the version that created this database, or restore its migration file",
            )
    return missing


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()
