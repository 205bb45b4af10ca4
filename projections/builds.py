"""Builds of read models: making their tables, showing one as the live one, throwing old ones away, digests.

The service's role owns the tables, so that a rebuild needs no other power than projecting does. Readers with less
power see of them what their scope covers (:mod:`projections.scopes`), in every build from its first moment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from psycopg import sql

from kyc.store.database import Connection
from kyc.store.statements import load
from projections import scopes
from projections.projection import SCHEMA, Projection, Tables

SQL: Final = load("projections", "engine.sql")
_INDEX: Final = re.compile(rb"^create index [^;]*;?\n?", re.MULTILINE)
"""What a build can be filled without: its keys and unique indexes are not among them."""
_STABLE: Final = ("timezone = 'UTC'", "datestyle = 'ISO'", "bytea_output = 'hex'", "extra_float_digits = 1")


class Build(NamedTuple):
    """One set of tables of a projection."""

    projection: str
    build: int
    version: int
    live: bool
    indexed: bool
    """Whether it has its indexes; its keys it has from the beginning."""
    tables: Sequence[str]


def known(connection: Connection) -> list[Build]:
    """All builds there are."""
    return [Build(*row) for row in connection.execute(SQL["builds"]).fetchall()]


def locked(connection: Connection, name: str) -> list[Build]:
    """The builds of one projection, which nobody else changes until the end of the caller's transaction."""
    connection.execute(SQL["lock_builds"], (name,))
    # Read again: a build that was made while we waited for the locks is not in the first answer.
    return [Build(*row) for row in connection.execute(SQL["lock_builds"], (name,)).fetchall()]


def create(
    connection: Connection, projection: Projection, build: int, lanes: int, *, live: bool = False,
    indexed: bool = True,
) -> Build:  # fmt: skip
    """Make the tables of a new build, at the beginning of every lane, inside the caller's transaction."""
    made = Build(projection.name, build, projection.version, live, indexed, projection.tables)
    connection.execute(SQL["add_build"], (*made[:-1], list(made.tables)))
    schema = Tables(build).fill(projection.schema)
    connection.execute(schema if indexed else _INDEX.sub(b"", schema))
    for table in projection.tables:
        scopes.wall(connection, table, Tables(build).name(table))
    connection.execute(SQL["add_positions"], (projection.name, build, lanes))
    if live:
        show(connection, projection, build)
    return made


def index(connection: Connection, projection: Projection, build: int) -> None:
    """Make the indexes of a build that has none, inside the caller's transaction, while nobody fills it.

    All at once takes a small part of what row by row does, and leaves them in better shape.
    """
    for statement in _INDEX.findall(Tables(build).fill(projection.schema)):
        connection.execute(statement)
    connection.execute(SQL["indexed"], (projection.name, build))


def show(connection: Connection, projection: Projection, build: int, hiding: Build | None = None) -> None:
    """Let the views of a projection show a build instead of another, inside the caller's transaction."""
    for table in hiding.tables if hiding else ():
        connection.execute(sql.SQL("drop view if exists {}").format(sql.Identifier(SCHEMA, table)))
    for table in projection.tables:
        view = sql.Identifier(SCHEMA, table)
        shown = sql.SQL("create view {} with (security_invoker = true) as select * from {}")
        connection.execute(shown.format(view, Tables(build).name(table)))
        connection.execute(sql.SQL("grant select on {} to kyc_reader").format(view))
    connection.execute(SQL["go_dark"], (projection.name,))
    connection.execute(SQL["go_live"], (projection.name, build))


def remove(connection: Connection, gone: Build) -> None:
    """Drop a build that no view shows, inside the caller's transaction."""
    connection.execute(SQL["remove_build"], (gone.projection, gone.build) * 3)
    for table in gone.tables:
        connection.execute(sql.SQL("drop table if exists {}").format(Tables(gone.build).name(table)))


def digest(connection: Connection, projection: Projection, build: int) -> str:
    """A digest of every row and column of a build, whatever their order: rows, then sums over row hashes.

    Runs inside the caller's transaction, whose settings of how values are written it fixes.
    """
    for setting in _STABLE:
        connection.execute(f"set local {setting}".encode())
    parts = []
    for table in projection.tables:
        statement = sql.SQL(SQL["digest"]).format(table=Tables(build).name(table))
        count, *sums = connection.execute(statement).fetchone() or (0,)
        parts.append(f"{count}:" + "".join(f"{int(one):x}." for one in sums).rstrip("."))
    return " ".join(parts)
