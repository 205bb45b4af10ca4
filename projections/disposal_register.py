"""Disposals and where each stands, found by batch; and which of them destroyed a data key, found by the key alone.

An event that was disposed of keeps the id of its key and nothing that names its subject; this is how its
certificate is found. Subjects, numbers and certificates are read from the events.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final, Literal, NamedTuple
from uuid import UUID

from kyc.domain.disposal import (
    DisposalApproved,
    DisposalProposed,
    DisposalRejected,
    KeyDestroyed,
    RecordDisposed,
    batch_of,
)
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


Status = Literal["proposed", "approved", "rejected", "destroyed", "completed"]
_BECOMES: Final[dict[type, Status]] = {
    DisposalApproved: "approved",
    DisposalRejected: "rejected",
    KeyDestroyed: "destroyed",
    RecordDisposed: "completed",
}


class Case(NamedTuple):
    """One disposal: of which class and period, and where its events stand."""

    retention: bytes
    """Stream."""
    record_class: str
    span: str
    status: Status
    earliest: date
    proposed: int
    """Versions of the events; None: not yet."""
    decided: int | None
    destroyed: int | None
    certified: int | None


class DisposalRegister:
    """One row for each disposal, and one for each destroyed key."""

    name = "disposal_register"
    version = 2
    topics = frozenset(
        kind.TOPIC for kind in (DisposalProposed, DisposalApproved, DisposalRejected, KeyDestroyed, RecordDisposed)
    )
    tables = ("disposal_register", "disposal_case")
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Note proposals, decisions, keys and certificates in their order."""
        for recorded in batch:
            event, row = recorded.event, recorded.row
            stream, kept_under = UUID(bytes=row.stream_id), UUID(bytes=row.data_key)
            if isinstance(event, DisposalProposed):
                number, whole = _digest(log, event.disposal), _digest(log, batch_of(event.disposal))
                connection.execute(
                    tables.fill(_SQL["propose"]),
                    (
                        stream,
                        number,
                        whole,
                        event.record_class,
                        event.span,
                        event.earliest,
                        row.version,
                        kept_under,
                    ),
                )
            elif event is not None and (status := _BECOMES.get(type(event))) is not None:
                assert isinstance(event, DisposalApproved | DisposalRejected | KeyDestroyed | RecordDisposed)
                number = _digest(log, event.disposal)
                if isinstance(event, KeyDestroyed) and (key := _key(event)) is not None:
                    place = (key, stream, number, row.version, kept_under)
                    connection.execute(tables.fill(_SQL["destroyed"]), place)
                if isinstance(event, RecordDisposed):
                    connection.execute(tables.fill(_SQL["certified"]), (row.version, stream, number))
                connection.execute(
                    tables.fill(_SQL["advance"]), (status, status, row.version, status, row.version, status,
                    row.version, stream, number),
                )  # fmt: skip

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what is said in events that were disposed of themselves."""
        cases = connection.execute(tables.fill(_SQL["sweep_cases"]), (since,)).rowcount
        return cases + connection.execute(tables.fill(_SQL["sweep"]), (since,)).rowcount


def _digest(log: EventLog, number: str) -> UUID:
    return UUID(bytes=log.blinder.index("disposal", number))


def of_batch(log: EventLog, batch: str | None, *statuses: Status) -> list[Case]:
    """The disposals of a batch, or of all, in some status, or in any; in the order they were proposed in.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    chosen = None if batch is None else _digest(log, batch)
    arguments = (chosen, chosen, list(statuses), list(statuses))
    with reading(log) as connection:
        return [Case(*row) for row in connection.execute(_SQL["of_batch"], arguments, binary=True)]


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
