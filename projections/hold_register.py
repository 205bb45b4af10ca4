"""Holds as people look for them: by subject, and by the case, order or claim they rest on; who released them.

What a hold lies on, and from when to when, is kept once, where deadlines are computed from it (table
``retention_hold`` of :mod:`projections.retention_trigger`); here stands what that table does not need, and both are
read together. A hold that is placed again under its number replaces the earlier one in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

import msgspec

from kyc.domain.disposal import HoldPlaced, HoldReleased
from kyc.domain.event import Event
from kyc.domain.submission import StreamName
from kyc.store.log import EventLog
from kyc.store.statements import load
from projections import rows
from projections.projection import reading
from projections.rows import Desk, Row, Table

_SQL: Final = load("projections", "hold_register.sql")
FOUND: Final = 1_000
"""Most holds that a list answers with, unless asked for more."""
_NOBODY: Final = UUID(int=0)

Place = tuple[UUID, UUID, int]
"""Where a list goes on: the subject of the last one told, its stream and version."""


class Placed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is encrypted of a hold."""

    hold: str
    subject: str
    """Kind and key of the subject's stream, such as ``customer/C1``."""
    reference: str = ""


class Released(msgspec.Struct, frozen=True):
    """What is encrypted of a release."""

    reason: str
    approver: str


class Hold(NamedTuple):
    """A hold as of a day; ``placed`` None: its key is destroyed."""

    stream_id: bytes
    version: int
    """Of the event that placed it."""
    subject: bytes
    basis: str
    classes: list[str]
    """Empty: all."""
    since: date | None
    until: date | None
    """Period of the records it lies on."""
    placed_on: date
    ended_on: date | None
    """From this day on it holds no more; None: in force."""
    released: Released | None
    placed: Placed | None


@dataclass(slots=True)
class _Hold(Row):
    subject: bytes
    hold: bytes
    reference: bytes | None
    content: bytes


@dataclass(slots=True)
class _Release(Row):
    placed: int
    content: bytes


_KEY: Final = ("uuid", "int8", "uuid")
_HOLDS: Final = Table("hold_register", _Hold, (*_KEY, "uuid", "uuid", "uuid", "bytea"))
_RELEASES: Final = Table("hold_release", _Release, (*_KEY, "int8", "bytea"))


def reference_digest(log: EventLog, reference: str) -> bytes:
    """What stands for a case, order or claim that holds rest on."""
    return log.blinder.index("hold-reference", reference)


def _hold(desk: Desk, number: str) -> bytes:
    return desk.log.blinder.index("hold", number)


def _placed(desk: Desk, event: HoldPlaced) -> None:
    kind, _, key = event.subject.partition("/")
    hold = _hold(desk, event.hold)
    desk.drop(_HOLDS, lambda row: row.hold == hold)
    reference = reference_digest(desk.log, event.reference) if event.reference else None
    content = desk.seal(Placed(event.hold, event.subject, event.reference))
    desk.add(_HOLDS, desk.stream(kind, key), hold, reference, content)


def _released(desk: Desk, event: HoldReleased) -> None:
    hold = _hold(desk, event.hold)
    placed = next((row.version for row in desk.of(_HOLDS) if row.hold == hold), None)
    if placed is not None:
        desk.drop(_RELEASES, lambda release: release.placed == placed)
        desk.add(_RELEASES, placed, desk.seal(Released(event.reason, event.approver)))


class HoldRegister(rows.Register):
    """A row for each hold, and for its release."""

    name = "hold_register"
    version = 1
    schema = _SQL["tables"]
    sheets = (_HOLDS, _RELEASES)
    changes: ClassVar[Mapping[type[Event], Callable[[Desk, Any], object]]] = {
        HoldPlaced: _placed,
        HoldReleased: _released,
    }


def find(
    log: EventLog, on: date, *, subject: StreamName | None = None, reference: str | None = None,
    basis: str | None = None, in_force: bool | None = None, after: Place | None = None, limit: int = FOUND,
) -> list[Hold]:  # fmt: skip
    """Holds placed by a day, in the order of their subjects, those of each in the order they were placed.

    Args:
        log: the event log.
        on: the day.
        subject: whose records; None: everybody's.
        reference: the case, order or claim they rest on.
        basis: only of this kind.
        in_force: only those in force that day, or only those released by then.
        after: the place of the last one of the page before.
        limit: holds at most.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    last_subject, last_stream, last_version = after or (_NOBODY, _NOBODY, 0)
    arguments = {
        "on": on, "subject": UUID(bytes=log.stream_id(subject)) if subject else None,
        "reference": UUID(bytes=reference_digest(log, reference)) if reference else None, "basis": basis,
        "in_force": in_force, "after_subject": last_subject, "after_stream": last_stream,
        "after_version": last_version, "limit": limit,
    }  # fmt: skip
    with reading(log) as connection:
        found = connection.execute(_SQL["holds"], arguments, binary=True).fetchall()
    placed = rows.unseal(log, Placed, [(*row[:2], *row[-2:]) for row in found])
    ended = [row for row in found if row[9] is not None]
    told = rows.unseal(log, Released, [(row[0], *row[9:12]) for row in ended])
    released = dict(zip([row[:2] for row in ended], told, strict=True))
    return [Hold._make((*row[:9], released.get(row[:2]), cell)) for row, cell in zip(found, placed, strict=True)]
