"""Which disposal destroyed a data key, found by the key alone.

An event that was disposed of keeps the id of its key and nothing that names its subject; this is how its
certificate is found. The number and the certificate are read from the events.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from kyc.domain.disposal import KeyDestroyed, RecordDisposed
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.projection import Tables, reading

_SQL: Final = load("projections", "disposal_register.sql")


class Place(NamedTuple):
    """Where a disposal is recorded. Ids are 16 raw bytes."""

    data_key: bytes
    retention: bytes
    """Stream."""
    destroyed: int
    """Version of the event that says the key is destroyed."""
    certified: int | None
    """Version of the event that holds the certificate."""


class DisposalRegister:
    """One row for each destroyed key."""

    name = "disposal_register"
    version = 1
    topics = frozenset({KeyDestroyed.TOPIC, RecordDisposed.TOPIC})
    tables = ("disposal_register",)
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Note keys and certificates in their order; they are few."""
        for recorded in batch:
            event, row = recorded.event, recorded.row
            if not isinstance(event, KeyDestroyed | RecordDisposed):
                continue
            stream, disposal = UUID(bytes=row.stream_id), UUID(bytes=log.blinder.index("disposal", event.disposal))
            if isinstance(event, RecordDisposed):
                connection.execute(tables.fill(_SQL["certified"]), (row.version, stream, disposal))
            elif (key := _key(event)) is not None:
                kept_under = UUID(bytes=row.data_key)
                connection.execute(tables.fill(_SQL["destroyed"]), (key, stream, disposal, row.version, kept_under))

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what is said in events that were disposed of themselves."""
        return connection.execute(tables.fill(_SQL["sweep"]), (since,)).rowcount


def _key(event: KeyDestroyed) -> UUID | None:
    try:
        return UUID(event.data_key)
    except ValueError:
        return None  # names no key of ours


def of_keys(log: EventLog, keys: Collection[bytes]) -> list[Place]:
    """The disposals that destroyed some keys; keys without one are left out.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        found = connection.execute(_SQL["of_keys"], (pgbinary.uuids(list(keys)),), binary=True).fetchall()
    return list(map(Place._make, found))
