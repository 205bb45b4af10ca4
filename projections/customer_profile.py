"""Current profiles of customers, found by keyed digests of numbers and of what names are made of.

A profile is the customer's state folded from identity events alone, which share one data key: destroying that key
disposes of the whole row. What due diligence found is under another clock and belongs to other read models. The
state is folded on from the row, so an event costs the same however long the customer's history is. By what a
customer is found, formerly too, says :mod:`projections.customer_search`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as column
from itertools import islice
from typing import Any, Final, TypedDict, Unpack
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
from projections import customer_file, customer_search
from projections.cells import decrypt, encrypt
from projections.customer_search import Asked, Field, Value
from projections.projection import Tables, reading

_SQL: Final = load("projections", "customer_profile.sql")
_TYPES: Final = (
    "uuid", "uuid", "uuid[]", "uuid[]", "text", "text", "text", "text", "text[]", "text[]", "date", "int8", "uuid",
    "bytea",
)  # fmt: skip
_NOBODY: Final = UUID(int=0)
FOUND: Final = 1_000
"""Most profiles that a search answers with, unless asked for more."""


class State(CustomerState, frozen=True, kw_only=True):
    """The state as it is kept in a row: what folding leaves untyped has its type here, so that it can be read."""

    documents: tuple[DocumentCaptured, ...] = ()
    checks: tuple[DocumentVerified, ...] = ()


class _Kept(msgspec.Struct, frozen=True):
    """What is encrypted in a row."""

    state: State
    once: tuple[tuple[Field, str], ...] = ()
    """By what the customer was found and is not any more."""


_encode = msgspec.json.Encoder(order="sorted", decimal_format="string").encode
_decode = msgspec.json.Decoder(_Kept).decode


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer as of now. Without ``state`` the key is destroyed, and all but the version may be None."""

    stream_id: bytes
    type: str | None
    branch: str | None
    status: str
    version: int
    state: State | None
    once: tuple[Value, ...] = ()
    """Former names, numbers and so on."""

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
    now: frozenset[Value] = frozenset()
    """By what the customer is found."""
    ever: set[Value] = column(default_factory=set)

    def empty(self) -> None:
        """Nothing is known any more."""
        self.key = self.state = None
        self.now, self.ever = frozenset(), set()

    def fold(self, recorded: Recorded, key: DataKey | None) -> None:
        """The row after one more event."""
        assert recorded.event is not None
        state = evolve("customer", self.state, recorded.event)
        if state is not None and not _found_alike(self.state, state):
            self.now = customer_search.values(state)
            self.ever |= self.now
        self.state, self.key = state, key if state is not None else None


def _found_alike(before: CustomerState | None, after: CustomerState) -> bool:
    return before is not None and customer_search.sources(before) == customer_search.sources(after)


class CustomerProfile:
    """One row for each customer."""

    name = "customer_profile"
    version = 3
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
                row.empty()
                continue
            key = keys[recorded.row.data_key]
            if key is not row.key and row.key is not None and _destroyed(log, row.key.id):
                row.empty()  # known only because the key lingers in our cache
            row.fold(recorded, key)
        connection.execute(tables.fill(_SQL["delete"]), (streams,))
        tables.copy(connection, self.name, _TYPES, [_cells(log, row) for row in rows.values()])

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Empty the rows of destroyed keys."""
        return connection.execute(tables.fill(_SQL["sweep"]), (since,)).rowcount


class Given(TypedDict, total=False):
    """The one thing that is known (:data:`projections.customer_search.Field`), or the customer number."""

    number: str
    name: str
    """Words from their beginning on, in any order and script, in pinyin; or Chinese characters."""
    document: str
    phone: str
    email: str
    identifier: str
    account: str
    party: str
    party_document: str


def find(
    log: EventLog, *, former: bool = False, by_sound: bool = False, branch: str | None = None,
    after: bytes | None = None, limit: int = FOUND, **given: Unpack[Given],
) -> list[Profile]:  # fmt: skip
    """Profiles by one thing that is known of a customer; case, width, accents and blanks make no difference.

    Args:
        log: the event log.
        former: whether names, numbers and so on count that were known once and are not any more.
        by_sound: whether Chinese characters of a name are looked for by how they are read.
        branch: only customers this branch looks after.
        after: only those whose stream id comes after this one.
        limit: profiles at most.
        given: the one thing. Nobody found: an empty list.

    Raises:
        InputError: too little to look for.
        NotFoundError: the read model is not built yet.
    """
    ((what, text),) = given.items()
    assert isinstance(text, str)
    if what == "number":
        digest = UUID(bytes=log.blinder.index("customer", text))
        with reading(log) as connection:
            found = connection.execute(_SQL["by_number"], (digest, branch, branch), binary=True).fetchall()
        return [one for one in _profiles(log, found) if after is None or one.stream_id > after]
    (field,) = (known for known in customer_search.FIELDS if known.replace("-", "_") == what)
    found_by: dict[bytes, Profile] = {}
    for one in customer_search.asked(field, text, by_sound=by_sound):
        for profile in islice(_matching(log, one, branch, former=former, after=after), limit):
            found_by[profile.stream_id] = profile
    return [found_by[stream] for stream in sorted(found_by)][:limit]


def _matching(
    log: EventLog, one: Asked, branch: str | None, *, former: bool, after: bytes | None
) -> Iterator[Profile]:
    """Those who match in fact, among the candidates of the index, in the order of their stream ids."""
    digests = pgbinary.uuids(sorted(_digests(log, one.field, one.tokens)))
    statement, keys = ("by_any_key", (digests, digests)) if former else ("by_key", (digests,))
    start = _NOBODY if after is None else UUID(bytes=after)
    while True:
        with reading(log) as connection:
            page = connection.execute(
                _SQL[statement], (*keys, start, branch, branch, FOUND), binary=True
            ).fetchall()
        for profile in _profiles(log, page):
            if profile.state is None:
                continue  # its key is destroyed: whether it matches nobody can say
            known = customer_search.values(profile.state)
            if customer_search.matches(one, known) or (former and customer_search.matches(one, profile.once)):
                yield profile
        if len(page) < FOUND:
            return
        start = UUID(bytes=page[-1][0])


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


def _current(
    connection: Connection, log: EventLog, tables: Tables, streams: pgbinary.UuidArray
) -> dict[bytes, _Row]:
    found = connection.execute(tables.fill(_SQL["current"]), (streams,), binary=True).fetchall()
    keys = log.ring.opening([data_key for _, _, _, data_key, _ in found if data_key is not None])
    rows: dict[bytes, _Row] = {}
    for stream, branch, version, data_key, profile in found:
        row = rows[stream] = _Row(stream, branch or "", version, keys.get(data_key))
        if row.key is not None:
            kept = _decode(decrypt(row.key, stream, profile))
            row.state, row.now = kept.state, customer_search.values(kept.state)
            row.ever = {*row.now, *_values(kept.once)}
    return rows


def _destroyed(log: EventLog, key: bytes) -> bool:
    return not any(found.wrapped for found in log.key_store.by_id([key]))


def _cells(log: EventLog, row: _Row) -> tuple[object, ...]:
    state, key, nothing = row.state, row.key, pgbinary.uuids([])
    if state is None or key is None:
        return (
            row.stream_id, None, nothing, nothing, None, None, "disposed", None, [], [], None, row.version,
            None, None,
        )  # fmt: skip
    once = tuple(sorted(row.ever - row.now))
    return (
        row.stream_id,
        log.blinder.index("customer", state.customer),
        pgbinary.uuids(_index(log, row.now)),
        pgbinary.uuids(_index(log, once)),
        state.type,
        state.life.branch or row.branch,
        customer_file.status(state),
        state.registered.template,
        customer_file.filled(state),
        customer_file.findings(state),
        state.verified.occurred_at.date() if state.verified is not None else None,
        row.version,
        key.id,
        encrypt(key, row.stream_id, _encode({"state": state, "once": once})),
    )


def _index(log: EventLog, values: Iterable[Value]) -> list[bytes]:
    return sorted(
        {digest for value in values for digest in _digests(log, value.field, customer_search.tokens(value))}
    )


def _digests(log: EventLog, what: Field, tokens: Iterable[str]) -> list[bytes]:
    return [log.blinder.index(what, token) for token in tokens]


def _values(kept: Iterable[tuple[Field, str]]) -> tuple[Value, ...]:
    return tuple(Value(*one) for one in kept)


def _profiles(log: EventLog, found: Sequence[tuple[Any, ...]]) -> list[Profile]:
    keys = log.ring.opening([row[5] for row in found if row[5] is not None])
    profiles = []
    for stream, kind, branch, status, version, data_key, cell in found:
        key = keys.get(data_key)
        kept = _decode(decrypt(key, stream, cell)) if key is not None else None
        profiles.append(
            Profile(stream, kind, branch, status, version, kept.state, _values(kept.once))
            if kept is not None
            else Profile(stream, kind, branch, "disposed", version, None)
        )
    return profiles
