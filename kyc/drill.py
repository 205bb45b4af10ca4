"""The tamper drill: in a scratch copy of the database one byte of one event is changed, as a superuser could.

The copy is a database of its own, made from the live one as template and dropped afterwards; the live one is only
read. What the drill shows is that the verifier names exactly the event that was changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from kyc.errors import NotFoundError
from kyc.store.database import Database
from kyc.store.errors_pg import translated
from replay.audit import audit

_COPY_SECONDS: Final = 30
"""How long to wait for other sessions to leave the template."""


@dataclass(frozen=True, slots=True)
class Drill:
    """What was changed and what the verifier said."""

    changed: str
    """``event <stream id> version <n>``."""
    findings: tuple[str, ...]
    caught: bool


def tamper_drill(dsn: str, log_key: str) -> Drill:
    """Run the drill against a copy of the database behind ``dsn``; its sessions must be closed.

    Raises:
        NotFoundError: there is no event to change.
        StoreError: the database cannot be copied.
    """
    scratch = f"kyc_drill_{token_hex(4)}"
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    copy = make_conninfo(dsn, dbname=scratch)
    with translated(), psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as owner:
        _copy(owner, str(name), scratch)
        try:
            changed = _change(copy)
            database = Database(copy)
            try:
                report = audit(database, verifier_keys=[log_key])
            finally:
                database.close()
        finally:
            owner.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(scratch)))
    findings = tuple(map(str, report.findings))
    return Drill(changed, findings, any(changed.split()[1] in finding for finding in findings))


def _copy(owner: psycopg.Connection[Any], name: str, scratch: str) -> None:
    statement = sql.SQL("create database {} template {} strategy file_copy").format(
        sql.Identifier(scratch), sql.Identifier(name)
    )
    deadline = time.monotonic() + _COPY_SECONDS
    while True:
        try:
            owner.execute(statement)
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _change(copy: str) -> str:
    """Flip one bit of the context of an event in the middle of the log."""
    with psycopg.connect(copy, autocommit=True) as owner:
        owner.execute("alter table kyc.event disable trigger all")
        owner.execute("alter table kyc.event drop constraint event_hash_fits")
        row = owner.execute(
            "update kyc.event set context = set_byte(context, 8, get_byte(context, 8) # 1) where (lane, position) ="
            " (select lane, position from kyc.event order by position desc, lane limit 1"
            " offset (select count(*) / 2 from kyc.event)) returning stream_id, version"
        ).fetchone()
    if row is None:
        raise NotFoundError("the log is empty: there is nothing to change", remedy="ingest something first")
    return f"event {row[0]} version {row[1]}"
