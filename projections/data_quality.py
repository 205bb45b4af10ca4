"""What is missing in customers' files or contradicts itself (PIPL art. 8; seed rule 10), by customer and by branch.

Completeness is held, on the day of the question, against the form in use for the customer's type; contradictions
stand in the profile, documents in their register. Kept here is only what no other read model has: records whose
retention clock has an unknown day, as imports of archives bring them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import sql

from kyc.domain.disposal import ClockRestarted, ClockStarted
from kyc.domain.policies import Policies
from kyc.domain.submission import StreamName
from kyc.domain.templates import form_on, shipped_templates
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.projection import Tables, reading

_SQL: Final = load("projections", "data_quality.sql")
_NOBODY: Final = UUID(int=0)
FOUND: Final = 1_000
"""Most files that a list answers with, unless asked for more."""


class File(NamedTuple):
    """A customer's file as it stands."""

    stream_id: bytes
    branch: str | None
    type: str
    status: str
    template: str
    """Of the registration; completeness is by the form in use now."""
    given: int
    asked: int
    """Fields the form asks for, mandatory and optional."""
    missing: list[str]
    """Mandatory fields that hold nothing."""
    findings: list[str]
    """What contradicts itself, by code."""
    documented: bool
    """Whether an identity document is valid that day."""
    unknown: list[str]
    """Record classes whose retention clock has an unknown day."""

    @property
    def score(self) -> Decimal:
        """Percent of the form's fields that are filled in."""
        return _percent(self.given, self.asked)


class Branch(NamedTuple):
    """The files of a branch together."""

    branch: str | None
    files: int
    given: int
    asked: int
    incomplete: int
    """Files without a mandatory field."""
    contradictory: int
    undocumented: int
    unknown: int

    @property
    def score(self) -> Decimal:
        """Percent of the forms' fields that are filled in."""
        return _percent(self.given, self.asked)


class DataQuality:
    """One row for each class of a subject's records whose clock has an unknown day."""

    name = "data_quality"
    version = 1
    topics = frozenset({ClockStarted.TOPIC, ClockRestarted.TOPIC})
    tables = ("unknown_trigger",)
    schema = _SQL["tables"]

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Note what is unknown, and what was found out; they are few."""
        for recorded in batch:
            event = recorded.event
            if not isinstance(event, ClockStarted | ClockRestarted):
                continue
            kind, _, key = event.subject.partition("/")
            subject = UUID(bytes=log.stream_id(StreamName(kind, key)))
            if event.on is not None:
                connection.execute(tables.fill(_SQL["known"]), (subject, str(event.record_class)))
            elif isinstance(event, ClockStarted):
                said_on, data_key = event.occurred_at.date(), UUID(bytes=recorded.row.data_key)
                arguments = (subject, str(event.record_class), event.trigger, said_on, data_key)
                connection.execute(tables.fill(_SQL["unknown"]), arguments)

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what was said under destroyed keys."""
        return connection.execute(tables.fill(_SQL["sweep"]), (since,)).rowcount


def listed(
    log: EventLog, policies: Policies, on: date, *, branch: str | None = None, faulty: bool = True,
    after: bytes | None = None, limit: int = FOUND,
) -> list[File]:  # fmt: skip
    """Files of customers who are or may become such, in the order of their stream ids, from ``after`` on.

    ``faulty``: only those with something to mend.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    asked = _asked(policies, on, branch) | {"faulty": faulty, "limit": limit}
    if after is not None:
        asked["after"] = UUID(bytes=after)
    return [File(*row) for row in _rows(log, "listed", asked)]


def of_streams(log: EventLog, streams: Sequence[bytes], policies: Policies, on: date) -> list[File]:
    """The files of some customers (stream ids); those who have left are left out.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    chosen = {"streams": pgbinary.uuids(streams), "faulty": False, "limit": len(streams)}
    return [File(*row) for row in _rows(log, "listed", _asked(policies, on, None) | chosen)]


def totals(log: EventLog, policies: Policies, on: date, branch: str | None = None) -> list[Branch]:
    """How complete the files of each branch are, and how many have something to mend.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    return [Branch(*row) for row in _rows(log, "totals", _asked(policies, on, branch))]


def _asked(policies: Policies, on: date, branch: str | None) -> dict[str, Any]:
    fields = list(_fields(policies, on))
    types, names, mandatory = (list(column) for column in zip(*fields, strict=True))
    return {
        "types": types, "fields": names, "mandatory": mandatory, "on": on, "branch": branch, "streams": None,
        "after": _NOBODY,
    }  # fmt: skip


def _fields(policies: Policies, on: date) -> Iterator[tuple[str, str, bool]]:
    """Type, field, whether it is mandatory."""
    published = policies.templates
    for type_ in sorted({form.type for form in shipped_templates().values()}):
        form = form_on(published, type_, on, jurisdiction=policies.jurisdiction)
        for names, mandatory in ((form.mandatory, True), (form.optional, False)) if form is not None else ():
            yield from ((type_, name, mandatory) for name in names)


def _rows(log: EventLog, statement: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    filled = sql.SQL(_SQL[statement]).format(scored=sql.SQL(_SQL["scored"]))
    with reading(log) as connection:
        return connection.execute(filled, asked, binary=True).fetchall()


def _percent(given: int, asked: int) -> Decimal:
    return (Decimal(100 * given) / asked).quantize(Decimal("0.1")) if asked else Decimal(100)
