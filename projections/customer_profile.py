"""Current profiles of customers, found by keyed digests of customer and document numbers, names and telephones.

A profile is the customer's state folded from identity events alone, which share one data key: destroying that key
disposes of the whole row. What due diligence found is under another clock and belongs to other read models. The
state is folded on from the row, so an event costs the same however long the customer's history is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from unicodedata import normalize
from uuid import UUID

import msgspec

from kyc.domain.admit import evolve
from kyc.domain.customer import CustomerState
from kyc.domain.document import DocumentCaptured, DocumentVerified
from kyc.domain.event import RecordClass, topics
from kyc.domain.submission import StreamName
from kyc.keys.ring import DataKey
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.cells import decrypt, encrypt
from projections.projection import Tables, reading

_SQL: Final = load("projections", "customer_profile.sql")
_TYPES: Final = ("uuid", "uuid", "uuid[]", "text", "text", "text", "int8", "uuid", "bytea")
_NOBODY: Final = UUID(int=0)
FOUND: Final = 1_000
"""Most profiles that a search answers with."""


class State(CustomerState, frozen=True, kw_only=True):
    """The state as it is kept in a row: what folding leaves untyped has its type here, so that it can be read."""

    documents: tuple[DocumentCaptured, ...] = ()
    checks: tuple[DocumentVerified, ...] = ()


_encode = msgspec.json.Encoder(order="sorted", decimal_format="string").encode
_decode = msgspec.json.Decoder(State).decode


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer as of now. Without ``state`` the key is destroyed, and all but the version may be None."""

    stream_id: bytes
    type: str | None
    branch: str | None
    status: str
    version: int
    state: State | None

    @property
    def fields(self) -> dict[str, Any] | None:
        """The personal fields as plain JSON values; None when disposed of."""
        return None if self.state is None else msgspec.json.decode(_encode(self.state))


@dataclass(slots=True)
class _Row:
    """A row under way; ``key`` None: disposed of."""

    stream_id: bytes
    branch: str
    version: int = 0
    key: DataKey | None = None
    state: CustomerState | None = None


class CustomerProfile:
    """One row for each customer."""

    name = "customer_profile"
    version = 2
    topics = frozenset(
        topic
        for topic, kind in topics().items()
        if kind.STREAM == "customer" and kind.RECORD_CLASS == RecordClass.IDENTITY
    )
    tables = ("customer_profile",)
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Fold the batch onto the rows of its customers."""
        streams = pgbinary.uuids(list(dict.fromkeys(recorded.row.stream_id for recorded in batch)))
        rows = _current(connection, log, tables, streams)
        keys = log.ring.opening([recorded.row.data_key for recorded in batch])
        for recorded in batch:
            stream = recorded.row.stream_id
            row = rows.get(stream)
            if row is None:
                row = rows[stream] = _Row(stream, recorded.context.branch)
            row.version = recorded.row.version
            if recorded.event is None:
                row.key = row.state = None
                continue
            key = keys[recorded.row.data_key]
            if key is not row.key and row.key is not None and _destroyed(log, row.key.id):
                row.state = None  # known only because the key lingers in our cache
            row.state = evolve("customer", row.state, recorded.event)
            row.key = key if row.state is not None else None
        connection.execute(tables.fill(_SQL["delete"]), (streams,))
        tables.copy(connection, self.name, _TYPES, [_cells(log, row) for row in rows.values()])

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Empty the rows of destroyed keys."""
        return connection.execute(tables.fill(_SQL["sweep"]), (since,)).rowcount


def find(
    log: EventLog, *, number: str | None = None, document: str | None = None, name: str | None = None,
    phone: str | None = None,
) -> list[Profile]:  # fmt: skip
    """Profiles by one of customer number, document number, full name in any script, telephone number.

    Names and numbers are compared without regard to case, width and spaces. Nobody found: an empty list.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    given = [
        (field, value)
        for field, value in (("customer", number), ("document", document), ("name", name), ("phone", phone))
        if value is not None
    ]
    assert len(given) == 1, "search by one thing"
    digest = UUID(bytes=_digest(log, *given[0]))
    with reading(log) as connection:
        if number is not None:
            found = connection.execute(_SQL["by_number"], (digest,), binary=True).fetchall()
        else:
            found = connection.execute(_SQL["by_key"], (digest, FOUND), binary=True).fetchall()
    return _profiles(log, found)


def of_streams(log: EventLog, streams: Iterable[bytes | StreamName]) -> list[Profile]:
    """The profiles of customers by stream; unknown ones are left out.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    ids = [stream if isinstance(stream, bytes) else log.stream_id(stream) for stream in streams]
    with reading(log) as connection:
        return _profiles(log, connection.execute(_SQL["by_stream"], (pgbinary.uuids(ids),), binary=True).fetchall())


def of_branch(
    log: EventLog, branch: str, *, status: str | None = None, after: bytes | None = None, limit: int = FOUND
) -> list[Profile]:
    """Customers a branch looks after, in the order of their stream ids, from ``after`` (exclusive) on.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    start = _NOBODY if after is None else UUID(bytes=after)
    with reading(log) as connection:
        arguments = (branch, status, status, start, limit)
        return _profiles(log, connection.execute(_SQL["of_branch"], arguments, binary=True).fetchall())


def normal(field: str, value: str) -> str:
    """A search value as it is digested: one width, one case; names keep single spaces, numbers none."""
    words = normalize("NFKC", value).casefold().split()
    return " ".join(words) if field == "name" else "".join(words)


def _current(
    connection: Connection, log: EventLog, tables: Tables, streams: pgbinary.UuidArray
) -> dict[bytes, _Row]:
    found = connection.execute(tables.fill(_SQL["current"]), (streams,), binary=True).fetchall()
    keys = log.ring.opening([data_key for _, _, _, data_key, _ in found if data_key is not None])
    rows: dict[bytes, _Row] = {}
    for stream, branch, version, data_key, profile in found:
        row = rows[stream] = _Row(stream, branch or "", version, keys.get(data_key))
        if row.key is not None:
            row.state = _decode(decrypt(row.key, stream, profile))
    return rows


def _destroyed(log: EventLog, key: bytes) -> bool:
    return not any(found.wrapped for found in log.key_store.by_id([key]))


def _cells(log: EventLog, row: _Row) -> tuple[object, ...]:
    state, key = row.state, row.key
    if state is None or key is None:
        return row.stream_id, None, pgbinary.uuids([]), None, None, "disposed", row.version, None, None
    return (
        row.stream_id,
        _digest(log, "customer", state.customer),
        pgbinary.uuids(sorted(_search(log, state))),
        state.type,
        state.life.branch or row.branch,
        _status(state),
        row.version,
        key.id,
        encrypt(key, row.stream_id, _encode(state)),
    )


def _search(log: EventLog, state: CustomerState) -> set[bytes]:
    values = [("document", document.number) for document in state.documents]
    values += [("name", name.text) for name in state.names]
    values += [("phone", phone.number) for phone in state.phones]
    return {_digest(log, field, value) for field, value in values}


def _status(state: CustomerState) -> str:
    if state.life.merged_into:
        return "merged"
    if state.life.deceased_on is not None:
        return "deceased"
    if state.relationship_to is not None:
        return "ended"
    if state.relationship_from is not None:
        return "active"
    return "verified" if state.verified is not None else "registered"


def _digest(log: EventLog, field: str, value: str) -> bytes:
    return log.blinder.index(field, value if field == "customer" else normal(field, value))


def _profiles(log: EventLog, found: Sequence[tuple[Any, ...]]) -> list[Profile]:
    keys = log.ring.opening([row[5] for row in found if row[5] is not None])
    profiles = []
    for stream, kind, branch, status, version, data_key, cell in found:
        key = keys.get(data_key)
        state = _decode(decrypt(key, stream, cell)) if key is not None else None
        profiles.append(Profile(stream, kind, branch, status if state else "disposed", version, state))
    return profiles
