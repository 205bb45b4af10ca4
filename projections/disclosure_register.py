"""What left the house: recipient, purpose, legal basis, fields and the hash of what left (seed rule 28).

One row for each disclosure of a customer's data, answer to an order, answer to a person's request, signed export
and hand-over of the archive. Reports to the intelligence unit are not among them: nothing of them stands outside of
monitoring (AML24 art. 35). Who may look is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

import msgspec
from psycopg import sql

from kyc.clock import to_datetime
from kyc.domain.access_log import DisclosureRecorded
from kyc.domain.authority import DataDisclosed
from kyc.domain.event import Event
from kyc.domain.operations import CustodyTransferred, ExportSigned
from kyc.domain.privacy import RightsRequestFulfilled
from kyc.domain.submission import StreamName
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.cells import decrypt, encrypt
from projections.projection import Tables, reading

_SQL: Final = load("projections", "disclosure_register.sql")
_TYPES: Final = (
    "uuid", "int8", "text", "uuid", "uuid", "uuid", "uuid", "text[]", "text", "text", "text", "text", "timestamptz",
    "uuid", "bytea",
)  # fmt: skip
_LEFT: Final[tuple[type[Event], ...]] = (
    DisclosureRecorded, DataDisclosed, RightsRequestFulfilled, ExportSigned, CustodyTransferred,
)  # fmt: skip
FOUND: Final = 1_000
"""Most disclosures that a list answers with, unless asked for more."""


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is encrypted in a row."""

    digest: str
    """SHA-256 of what left, in hexadecimal."""
    recipient: str = ""
    """Empty: the person whose request it answers."""
    permitted_purpose: str = ""
    """What the recipient may use it for (AML24 art. 7)."""
    matter: str = ""
    """Number of the order or request that it answers."""


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Said).decode


class Disclosure(NamedTuple):
    """What left; ``said`` None: its key is destroyed."""

    stream_id: bytes
    version: int
    kind: str
    """``authority``, ``partner``, ``group``, ``person``, ``auditor``, ``custodian``, ``order``, ``request`` or
    ``export``."""
    customer: bytes | None
    """Stream id; None where it is about several, or an order says about whom."""
    fields: list[str]
    """Empty: whole events, as a manifest lists them."""
    actor: str
    branch: str
    purpose: str
    """Of the processing; what the recipient may use it for is in ``said``."""
    legal_basis: str
    at: datetime
    said: Said | None


class DisclosureRegister:
    """One row for each disclosure."""

    name = "disclosure_register"
    version = 1
    topics = frozenset(kind.TOPIC for kind in _LEFT)
    tables = ("disclosure_register",)
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Add the disclosures of the batch; nothing changes a row."""
        tables.copy(connection, self.name, _TYPES, _rows(log, batch))

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what stood under destroyed keys."""
        return connection.execute(tables.fill(_SQL["sweep"]), (since,)).rowcount


def _rows(log: EventLog, batch: Sequence[Recorded]) -> Iterator[tuple[object, ...]]:
    keys = log.ring.opening([recorded.row.data_key for recorded in batch])
    for recorded in batch:
        event, row, header = recorded.event, recorded.row, recorded.context
        key = keys[row.data_key]
        if event is None or key is None:
            continue
        kind, fields, said = _said(event)
        if not said.digest:
            continue  # a request that was fulfilled without anything handed over
        customer = None
        if isinstance(event, DisclosureRecorded):
            customer = log.stream_id(StreamName("customer", event.customer))
        yield (
            row.stream_id, row.version, kind, customer, _blind(log, "matter", said.matter),
            _blind(log, "recipient", said.recipient), _blind(log, "digest", said.digest), list(fields),
            header.actor, header.branch, header.purpose, header.legal_basis, to_datetime(row.recorded_at),
            row.data_key, encrypt(key, _context(row.stream_id, row.version), _encode(said)),
        )  # fmt: skip


def _said(event: Event) -> tuple[str, Sequence[str], Said]:
    """Kind, fields and what is encrypted."""
    match event:
        case DisclosureRecorded():
            return event.kind, event.fields, Said(
                event.digest, event.recipient, event.permitted_purpose, event.order
            )  # fmt: skip
        case DataDisclosed():
            return "order", event.fields, Said(event.digest, event.recipient, "", event.order)
        case RightsRequestFulfilled():
            return "request", (), Said(event.digest, matter=event.request)
        case ExportSigned():
            return "export", (), Said(event.manifest, event.recipient, event.permitted_purpose)
        case CustodyTransferred():
            return "custodian", (), Said(event.manifest, event.receiver, event.reason)
        case _:
            raise TypeError(type(event).__name__)


def _blind(log: EventLog, field: str, value: str) -> bytes | None:
    return log.blinder.index(f"disclosure-{field}", value.strip().casefold()) if value else None


def _context(stream: bytes, version: int) -> bytes:
    return stream + version.to_bytes(8, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which disclosures are looked for; None means any."""

    customer: str | None = None
    """Customer number; finds what was disclosed of this customer alone."""
    matter: str | None = None
    """Number of an order or a request."""
    recipient: str | None = None
    digest: str | None = None
    """Hash of what left, such as that of a manifest: whose copy is this?"""
    start: datetime | None = None
    """Recorded from this moment on."""
    stop: datetime | None = None
    """Recorded before this moment."""
    branch: str | None = None
    kind: str | None = None

    def conditions(self, log: EventLog) -> list[tuple[LiteralString, Any]]:
        """Conditions on columns, with the value of each."""
        customer = None if self.customer is None else log.stream_id(StreamName("customer", self.customer))
        given: list[tuple[LiteralString, Any]] = [
            ("customer = {}", _uuid(customer)),
            ("matter = {}", _uuid(_blind(log, "matter", self.matter or ""))),
            ("recipient = {}", _uuid(_blind(log, "recipient", self.recipient or ""))),
            ("digest = {}", _uuid(_blind(log, "digest", self.digest or ""))),
            ("at >= {}", self.start),
            ("at < {}", self.stop),
            ("branch = {}", self.branch),
            ("kind = {}", self.kind),
        ]
        return [(condition, value) for condition, value in given if value is not None]


def _uuid(raw: bytes | None) -> UUID | None:
    return None if raw is None else UUID(bytes=raw)


def search(
    log: EventLog, wanted: Wanted, limit: int = FOUND, *, after: tuple[datetime, UUID, int] | None = None
) -> list[Disclosure]:
    """Disclosures that meet all conditions, the latest first; after a place (when recorded, stream, version).

    Raises:
        NotFoundError: the read model is not built yet.
    """
    chosen = wanted.conditions(log)
    at, stream, version = after or (None, None, None)
    place = [] if after is None else [sql.SQL(_SQL["after"])]
    conditions = sql.SQL(" and ").join(
        [sql.SQL("true"), *(sql.SQL(text).format(sql.Placeholder()) for text, _ in chosen), *place]
    )
    statement = sql.SQL(_SQL["search"]).format(conditions=conditions, limit=sql.Placeholder())
    with reading(log) as connection:
        last = [] if after is None else [at, at, stream, stream, version]
        arguments = [*(value for _, value in chosen), *last, limit]
        found = connection.execute(statement, arguments, binary=True).fetchall()
    keys = log.ring.opening([row[-2] for row in found])
    disclosures = []
    for row in found:
        key = keys[row[-2]]
        said = _decode(decrypt(key, _context(row[0], row[1]), row[-1])) if key is not None else None
        disclosures.append(Disclosure._make((*row[:-2], said)))
    return disclosures
