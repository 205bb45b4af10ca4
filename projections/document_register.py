"""Documents of customers, and where each stands on a day: valid, expiring, in the reasonable period, suspended.

No event arrives when a document runs out (O2-07 art. 19; AML24 art. 30): the register keeps what was captured and
what became of it, and the state is computed for the day of the question by the document rules in use that day
(:mod:`kyc.domain.document_rules`), set-based. Which customers a branch has to ask for a new document follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal, NamedTuple, get_args
from uuid import UUID

import msgspec
from psycopg import sql

from kyc.domain.calendar import Feb29, later, length
from kyc.domain.document import DocumentCaptured, DocumentVerified
from kyc.domain.document_rules import DocumentRules
from kyc.domain.event import Event
from kyc.domain.papers import (
    DocumentInvalidated,
    DocumentSuperseded,
    GraceEnded,
    GraceStarted,
    ServiceResumed,
    ServiceSuspended,
    VerificationFailed,
)
from kyc.keys.ring import DataKey
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections import customer_search
from projections.cells import decrypt, encrypt
from projections.projection import Tables, reading

_SQL: Final = load("projections", "document_register.sql")
_TYPES: Final = (
    "uuid", "int8", "uuid", "text", "text", "date", "date", "date", "date", "text", "int2", "text", "date", "text",
    "date", "date", "date", "uuid", "bytea",
)  # fmt: skip

State = Literal["valid", "expiring", "grace", "suspended", "expired", "not-yet-valid", "void"]
"""On a day; ``expired`` only where no document rules are in use, which say what follows."""
DUE: Final[tuple[State, ...]] = ("expiring", "grace", "suspended", "expired")
STATES: Final[tuple[State, ...]] = get_args(State)
FOUND: Final = 1_000
"""Most documents that a list answers with, unless asked for more."""
_NOBODY: Final = UUID(int=0)


class Printed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is encrypted in a row."""

    number: str
    issuing_authority: str = ""
    name_as_printed: str = ""
    form: str = ""


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Printed).decode


class Document(NamedTuple):
    """A document and where it stands; ``printed`` None: its key is destroyed."""

    stream_id: bytes
    version: int
    """Of the event that captured it."""
    kind: str
    country: str
    issued_on: date | None
    valid_from: date | None
    expires_on: date | None
    """Last valid day; None: without end."""
    captured_on: date
    branch: str
    """Where it was captured."""
    scans: int
    checked: str | None
    """Outcome of the last check: ``match``, ``no-match``, ``unavailable`` or ``failed``."""
    checked_on: date | None
    void: str | None
    """Why it identifies nobody any more: ``superseded``, ``lost``, ``stolen`` …"""
    void_on: date | None
    grace_to: date | None
    """Last day of a longer period that was granted."""
    state: State
    printed: Printed | None


class Due(NamedTuple):
    """A customer whose last document runs out or has run out."""

    stream_id: bytes
    version: int
    kind: str
    expires_on: date
    grace_to: date | None
    branch: str | None
    """Which looks after the customer, and has to ask for another document."""
    state: State
    suspended: bool
    """Whether service is recorded as suspended that day."""


@dataclass(slots=True)
class _Row:
    """A row under way, in the order of the columns."""

    stream_id: bytes
    version: int
    number: bytes
    kind: str
    country: str
    issued_on: date | None
    valid_from: date | None
    expires_on: date | None
    captured_on: date
    branch: str
    scans: int
    checked: str | None
    checked_on: date | None
    void: str | None
    void_on: date | None
    grace_from: date | None
    grace_to: date | None
    data_key: bytes
    document: bytes

    def cells(self) -> tuple[object, ...]:
        """The row as it is stored."""
        return tuple(getattr(self, name) for name in self.__slots__)


class DocumentRegister:
    """One row for each captured document."""

    name = "document_register"
    version = 1
    tables = ("document_register", "document_suspension")
    schema = _SQL["tables"]

    @property
    def topics(self) -> frozenset[str]:
        """What captures a document, and what becomes of it."""
        return frozenset(kind.TOPIC for kind in _KINDS)

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Fold the batch onto the documents of its customers."""
        streams = pgbinary.uuids(list(dict.fromkeys(recorded.row.stream_id for recorded in batch)))
        rows: dict[bytes, list[_Row]] = defaultdict(list)
        for found in connection.execute(tables.fill(_SQL["documents"]), (streams,), binary=True).fetchall():
            rows[found[0]].append(_Row(*found))
        keys = log.ring.opening([recorded.row.data_key for recorded in batch])
        for recorded in batch:
            event, stream = recorded.event, recorded.row.stream_id
            if event is None:
                rows[stream] = []
            elif isinstance(event, DocumentCaptured):
                key = keys[recorded.row.data_key]
                if key is not None:
                    rows[stream].append(_captured(log, recorded, event, key, rows[stream]))
            elif isinstance(event, ServiceSuspended | ServiceResumed):
                _serve(connection, tables, recorded, event)
            else:
                digest = _digest(log, event.number)  # type: ignore[attr-defined]
                for row in rows[stream]:
                    if row.number == digest and row.kind == event.kind:  # type: ignore[attr-defined]
                        _CHANGES[type(event)](row, event)
        connection.execute(tables.fill(_SQL["forget"]), (streams,))
        tables.copy(connection, self.name, _TYPES, [row.cells() for some in rows.values() for row in some])

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove documents and suspensions under destroyed keys."""
        return sum(
            connection.execute(tables.fill(_SQL[statement]), (since,)).rowcount
            for statement in ("sweep", "sweep_suspensions")
        )


def _captured(
    log: EventLog, recorded: Recorded, event: DocumentCaptured, key: DataKey, before: Iterable[_Row]
) -> _Row:
    stream, version, digest = recorded.row.stream_id, recorded.row.version, _digest(log, event.number)
    # Whatever made its number void holds for every capture of it, as it does in the customer's state.
    same = [row for row in before if (row.number, row.kind) == (digest, event.kind)]
    last = next((row for row in same if row.void and row.data_key == recorded.row.data_key), None)
    printed = Printed(
        number=event.number, issuing_authority=event.issuing_authority, name_as_printed=event.name_as_printed,
        form=event.form,
    )  # fmt: skip
    return _Row(
        stream, version, digest, event.kind, event.issuing_country, event.issued_on, event.valid_from,
        event.expires_on, event.occurred_at.date(), recorded.context.branch, len(event.images), None, None,
        last.void if last else None, last.void_on if last else None, None, None, recorded.row.data_key,
        encrypt(key, _context(stream, version), _encode(printed)),
    )  # fmt: skip


def _verified(row: _Row, event: DocumentVerified) -> None:
    row.checked, row.checked_on = event.result, event.occurred_at.date()


def _failed(row: _Row, event: VerificationFailed) -> None:
    row.checked, row.checked_on = "failed", event.occurred_at.date()


def _graced(row: _Row, event: GraceStarted) -> None:
    row.grace_from, row.grace_to = event.occurred_at.date(), event.until


def _lapsed(row: _Row, event: GraceEnded) -> None:
    if row.grace_to is not None:
        row.grace_to = min(row.grace_to, event.occurred_at.date())


def _superseded(row: _Row, event: DocumentSuperseded) -> None:
    row.void, row.void_on = "superseded", event.occurred_at.date()


def _invalidated(row: _Row, event: DocumentInvalidated) -> None:
    row.void, row.void_on = event.reason, event.occurred_at.date()


_CHANGES: Final[dict[type[Event], Callable[[_Row, Any], None]]] = {
    DocumentVerified: _verified,
    VerificationFailed: _failed,
    GraceStarted: _graced,
    GraceEnded: _lapsed,
    DocumentSuperseded: _superseded,
    DocumentInvalidated: _invalidated,
}
_KINDS: Final[tuple[type[Event], ...]] = (DocumentCaptured, ServiceSuspended, ServiceResumed, *_CHANGES)


def _serve(
    connection: Connection, tables: Tables, recorded: Recorded, event: ServiceSuspended | ServiceResumed
) -> None:
    stream, day = UUID(bytes=recorded.row.stream_id), event.occurred_at.date()
    if isinstance(event, ServiceResumed):
        connection.execute(tables.fill(_SQL["resume"]), (day, stream))
        return
    key = UUID(bytes=recorded.row.data_key)
    connection.execute(tables.fill(_SQL["suspend"]), (stream, recorded.row.version, day, list(event.exempt), key))


# --- questions -----------------------------------------------------------------------------------------


class Bounds(NamedTuple):
    """The expiry policy of a day as days of expiry; both None where no rules are in use."""

    remind: date | None
    """What expires up to this day expires soon."""
    lapsed: date | None
    """What expired up to this day is over its reasonable period."""


def bounds(rules: DocumentRules | None, on: date, feb29: Feb29 = "28-feb") -> Bounds:
    """The days of expiry at which the policy of the day ``on`` draws its lines.

    They are where :meth:`kyc.domain.document_rules.DocumentRules.expiry_on` changes its answer.
    """
    policy = next((row for row in rules.expiry if row.in_force(on)), None) if rules is not None else None
    if policy is None:
        return Bounds(None, None)
    period = length(policy.grace)
    lapsed = on - timedelta(days=period.months * 31 + period.days + 1)
    while later(lapsed + timedelta(days=1), policy.grace, feb29) < on:
        lapsed += timedelta(days=1)
    return Bounds(on + timedelta(days=length(policy.reminder).days), lapsed)


def of_streams(
    log: EventLog, streams: Sequence[bytes], on: date, rules: DocumentRules | None, *, feb29: Feb29 = "28-feb"
) -> list[Document]:
    """The documents that customers (stream ids) had on a day, in the order they were captured.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    return _documents(log, "of_streams", {"streams": pgbinary.uuids(streams)}, on, bounds(rules, on, feb29))


def of_number(
    log: EventLog, number: str, on: date, rules: DocumentRules | None, *, feb29: Feb29 = "28-feb"
) -> list[Document]:
    """The documents with a number, whoever showed them, on a day.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    digest = UUID(bytes=_digest(log, number))
    return _documents(log, "of_number", {"number": digest}, on, bounds(rules, on, feb29))


def due(
    log: EventLog, on: date, rules: DocumentRules | None, *, states: Sequence[State] = DUE,
    branch: str | None = None, after: Due | None = None, limit: int = FOUND, feb29: Feb29 = "28-feb",
) -> list[Due]:  # fmt: skip
    """Customers of whom another document is wanted on a day: the one that is valid longest is in one of ``states``.

    Only those with whom there is or may come a relationship; by day of expiry, from ``after`` (exclusive) on.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    lines = bounds(rules, on, feb29)
    past = {"grace", "suspended", "expired"}.intersection(states)
    arguments = {
        **_lines(on, lines), "states": list(states), "branch": branch, "limit": limit,
        "first": date.min if past else on,
        "last": (lines.remind or on) if "expiring" in states else on - timedelta(days=1),
        "after_day": after.expires_on if after else date.min,
        "after": UUID(bytes=after.stream_id) if after else _NOBODY,
    }  # fmt: skip
    with reading(log) as connection:
        return list(map(Due._make, connection.execute(_filled("due"), arguments, binary=True).fetchall()))


def _lines(on: date, lines: Bounds) -> dict[str, Any]:
    return {"on": on, "remind": lines.remind, "lapsed": lines.lapsed}


def _documents(log: EventLog, statement: str, arguments: dict[str, Any], on: date, lines: Bounds) -> list[Document]:
    with reading(log) as connection:
        found = connection.execute(_filled(statement), arguments | _lines(on, lines), binary=True).fetchall()
    keys = log.ring.opening([row[-2] for row in found])
    documents = []
    for row in found:
        key = keys[row[-2]]
        printed = _decode(decrypt(key, _context(row[0], row[1]), row[-1])) if key is not None else None
        documents.append(Document._make((*row[:-2], printed)))
    return documents


def _filled(statement: str) -> sql.Composed:
    parts = {part: sql.SQL(_SQL[part]) for part in ("state", "suspended")}
    return sql.SQL(_SQL[statement]).format(**parts)


def _digest(log: EventLog, number: str) -> bytes:
    return log.blinder.index("document", customer_search.normal("document", number))


def _context(stream: bytes, version: int) -> bytes:
    return stream + version.to_bytes(8, "big")
