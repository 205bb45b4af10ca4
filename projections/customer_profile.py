"""Current profiles of customers, found by keyed digests of customer and document numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from psycopg import sql

from kyc.domain.event import RecordClass
from kyc.keys.ring import KeyName
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from projections.folding import Folded, fold
from projections.projection import Tables
from projections.sealed_profile import decrypt, encrypt

_TYPES = ("uuid", "uuid", "uuid[]", "text", "text", "text", "int8", "uuid", "bytea")
_FIND = sql.SQL(
    "select stream_id, type, branch, status, version, data_key, profile from kyc_read.customer_profile where "
)
_BY_NUMBER = _FIND + sql.SQL("number = %s")
_BY_DOCUMENT = _FIND + sql.SQL("identifiers @> array[%s]")
_encode = msgspec.json.Encoder(order="sorted", decimal_format="string").encode


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer as of now: what is in clear, and the fields once decrypted (None when disposed of)."""

    stream_id: bytes
    type: str
    branch: str
    status: str
    version: int
    fields: dict[str, Any] | None


class CustomerProfile:
    """One row for each customer."""

    name = "customer_profile"
    version = 1
    topics = frozenset(
        {
            "customer.registered", "customer.name_changed", "customer.address_changed", "customer.contact_changed",
            "customer.attribute_corrected", "customer.occupation_changed", "customer.relationship_established",
            "customer.relationship_ended", "customer.relationship_reopened", "document.captured",
            "document.verified", "document.superseded", "document.invalidated", "cdd.identity_verified",
            "cdd.risk_rated",
        }
    )  # fmt: skip

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Replace the rows of the customers in the batch."""
        folded = fold(log, "customer", batch)
        connection.execute(
            tables.statement("delete from {table} where stream_id = any (%s)", self.name),
            ([UUID(bytes=one.stream_id) for one in folded],),
        )
        names = [KeyName(one.stream_id, RecordClass.IDENTITY, "") for one in folded if one.state is not None]
        keys = log.ring.sealing(names)
        rows = []
        for one in folded:
            if one.state is None:
                continue
            key = keys[KeyName(one.stream_id, RecordClass.IDENTITY, "")]
            state = one.state
            sealed = encrypt(key, one.stream_id, _encode(state))
            rows.append(
                (
                    UUID(bytes=one.stream_id),
                    _digest(log, "customer", state.customer),
                    [_digest(log, "document", _normal(document.number)) for document in state.documents],
                    state.type,
                    one.first.context.branch,
                    _status(one),
                    one.version,
                    UUID(bytes=key.id),
                    sealed,
                )
            )
        tables.copy(connection, self.name, _TYPES, rows)


def find(log: EventLog, *, number: str | None = None, document: str | None = None) -> list[Profile]:
    """Profiles by customer number or by document number; empty where nobody is found."""
    field, value = ("customer", number) if number is not None else ("document", _normal(document or ""))
    condition = _BY_NUMBER if number is not None else _BY_DOCUMENT
    with log.database.connection() as connection:
        found = connection.execute(condition, (_digest(log, field, value or ""),), binary=True).fetchall()
    keys = log.ring.opening([row[5] for row in found])
    profiles = []
    for stream, type_, branch, status, version, key_id, sealed in found:
        key = keys[key_id]
        fields = msgspec.json.decode(decrypt(key, stream, sealed)) if key is not None and sealed else None
        profiles.append(Profile(stream, type_, branch, status, version, fields))
    return profiles


def _status(one: Folded) -> str:
    state = one.state
    if one.disposed:
        return "partly disposed"
    if state.relationship_to is not None:
        return "ended"
    if state.relationship_from is not None:
        return "active"
    return "verified" if state.verified is not None else "registered"


def _normal(number: str) -> str:
    return "".join(number.split()).upper()


def _digest(log: EventLog, field: str, value: str) -> UUID:
    return UUID(bytes=log.blinder.index(field, value))
