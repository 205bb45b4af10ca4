"""Questions to the ownership graph: who stands behind a customer on a day, and whom a person stands behind.

The read model is :mod:`projections.ownership_graph`. From which share on somebody counts as an owner is policy and
not decided here.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import sql

from kyc.domain.submission import StreamName
from kyc.errors import InputError
from kyc.store import pgbinary
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import account_register, rows
from projections.ownership_graph import Person, document_digest, name_digest
from projections.projection import reading

_SQL: Final = load("projections", "ownership_graph.sql")
OWNING: Final = (
    "beneficial-owner", "controller", "shareholder", "nominee", "settlor", "trustee", "protector", "beneficiary",
)  # fmt: skip
"""Roles through which somebody stands behind what the body itself owns or controls; agents and relatives do not."""
DEPTH: Final = 12
"""Bodies between two ends at most."""
FOUND: Final = 1_000


class Edge(NamedTuple):
    """Somebody who stands behind a customer or an account; ``person`` None: the key is destroyed."""

    stream_id: bytes
    """Of the customer or account whose file says so."""
    version: int
    part: int
    source: str
    """``registration``, ``relation``, ``owner`` or ``mandate``."""
    role: str
    basis: str | None
    percentage: Decimal | None
    since: date
    until: date | None
    ended_on: date | None
    customer: bytes | None
    """The other end's own file."""
    through: list[bytes]
    """Streams on the way from the one asked about to this edge; in :func:`before` from the person's on."""
    share: Decimal | None
    """Product of the shares on the way; None where one is not known."""
    person: Person | None


def behind(log: EventLog, customer: bytes, on: date, *, limit: int = FOUND) -> list[Edge]:
    """Everybody who stands behind a customer (stream id) on a day, the nearest first.

    That is who is named in the customer's file and in those of the accounts the customer holds or held; and through
    owners that are customers themselves, who owns or controls these.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    accounts = [account.stream_id for account in account_register.ever_held_by(log, customer)]
    arguments = {"streams": pgbinary.uuids([customer, *accounts]), "on": on, "limit": limit}
    return _edges(log, "behind", arguments)


def before(
    log: EventLog, on: date, *, customer: str | None = None, document: str | None = None, name: str | None = None,
    limit: int = FOUND,
) -> list[Edge]:  # fmt: skip
    """Everything a person or body stands behind on a day, found by customer number, document or whole name.

    Directly, and through bodies that are customers themselves; of :attr:`Edge.through` the last is what is owned.

    Raises:
        InputError: nothing is given to look for.
        NotFoundError: the read model is not built yet.
    """
    if not (customer or document or name):
        raise InputError("nobody to look for", field="person", rule="customer, document or name")
    arguments = {
        "customer": UUID(bytes=log.stream_id(StreamName("customer", customer))) if customer else None,
        "document": UUID(bytes=document_digest(log, document)) if document else None,
        "name": UUID(bytes=name_digest(log, name)) if name else None, "on": on, "limit": limit,
    }  # fmt: skip
    return _edges(log, "before", arguments)


def _edges(log: EventLog, statement: str, arguments: dict[str, Any]) -> list[Edge]:
    with reading(log) as connection:
        given = arguments | {"owning": list(OWNING), "depth": DEPTH}
        found = connection.execute(_composed(statement), given, binary=True).fetchall()
    cells = [(*row[:2], *row[-2:]) for row in found]
    persons = rows.unseal(log, Person, cells, [row[2] for row in found])
    return [Edge._make((*row[:-2], person)) for row, person in zip(found, persons, strict=True)]


def _composed(statement: str) -> sql.Composed:
    parts = {part: sql.SQL(_SQL[part]) for part in ("stands", "owns", "columns")}
    return sql.SQL(_SQL[statement]).format(**parts)
