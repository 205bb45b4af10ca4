"""Due diligence of each customer: rating, exposure, approval, what is open, and when what is due.

Folded from the events of due diligence alone, which share one data key. When a review is due no event says: it is
computed for the day of the question, set-based, from the rating, the last review and the cycle that is policy that
day (O2-07 art. 18; AMLR art. 26); so are answers to objections (AML24 art. 39). Who has to see to it is the branch
that looks after the customer. The questions are in :mod:`projections.reviews`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import msgspec

from kyc.domain import diligence as q
from kyc.domain.customer import RiskRated
from kyc.domain.event import Event
from kyc.store.database import Connection
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections import rows
from projections.projection import Tables
from projections.rows import Row, Sheet, Table

_SQL: Final = load("projections", "due_diligence.sql")


class Rating(msgspec.Struct, frozen=True, omit_defaults=True):
    """A risk rating with what led to it."""

    level: Literal["low", "medium", "high"]
    model: str
    rated_on: date
    reasons: tuple[str, ...] = ()
    score: int = 0


class Open(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that waits to be decided, lifted or answered."""

    id: str
    since: date
    what: str
    """The field in doubt, the measure, the list of a hit, the measure objected to."""
    detail: str = ""


class Funds(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the money comes from, as stated."""

    kind: Literal["funds", "wealth"]
    recorded_on: date
    statement: str
    evidence: tuple[str, ...] = ()


class Screening(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last screening against a list."""

    list: str
    version: str
    engine: str
    on: date
    hits: int = 0


class State(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where due diligence stands."""

    trigger: str = ""
    """Why it is under way; empty where none is."""
    failed_on: date | None = None
    rating: Rating | None = None
    level: Literal["standard", "simplified", "enhanced"] = "standard"
    pep: str = ""
    pep_on: date | None = None
    funds: tuple[Funds, ...] = ()
    """The last of each kind."""
    approved_on: date | None = None
    approver: str = ""
    discrepancies: tuple[Open, ...] = ()
    hits: tuple[Open, ...] = ()
    measures: tuple[Open, ...] = ()
    objections: tuple[Open, ...] = ()
    screenings: tuple[Screening, ...] = ()
    """The last against each list."""
    scheduled: date | None = None
    reviewed_on: date | None = None
    outcome: str = ""
    anchor: date | None = None
    """The last review, or the rating that set the tier: from it the cycle runs."""
    relied_on: str = ""
    """Who else identified the customer (AML24 art. 32)."""


@dataclass(slots=True)
class _File(Row):
    tier: str | None
    model: str | None
    level: str
    pep: str | None
    open: int
    state: bytes


@dataclass(slots=True)
class _Review(Row):
    tier: str
    anchor: date | None
    scheduled: date | None
    since: date
    until: date | None


@dataclass(slots=True)
class _Screened(Row):
    list: str
    list_version: str
    on_date: date


@dataclass(slots=True)
class _Objection(Row):
    objection: bytes
    received_on: date
    answered_on: date | None


_KEY: Final = ("uuid", "int8", "uuid")
_FILES: Final = Table("due_diligence", _File, (*_KEY, "text", "text", "text", "text", "int4", "bytea"))
_REVIEWS: Final = Table("due_diligence_review", _Review, (*_KEY, "text", "date", "date", "date", "date"))
_SCREENED: Final = Table("due_diligence_screening", _Screened, (*_KEY, "text", "text", "date"))
_OBJECTIONS: Final = Table("due_diligence_objection", _Objection, (*_KEY, "uuid", "date", "date"))


class DueDiligence:
    """A row for each customer, for each stretch of days with one date of review, last screening and objection."""

    name = "due_diligence"
    version = 1
    tables = ("due_diligence", "due_diligence_review", "due_diligence_screening", "due_diligence_objection")
    schema = _SQL["tables"]

    @property
    def topics(self) -> frozenset[str]:
        """What changes where due diligence stands."""
        return frozenset(kind.TOPIC for kind in _CHANGES)

    def apply(self, connection: Connection, log: EventLog, tables: Tables, batch: Sequence[Recorded]) -> None:
        """Fold the batch onto the files of its customers."""
        streams = rows.streams_of(batch)
        files, reviews, screened, objections = (
            Sheet(connection, tables, table, streams) for table in (_FILES, _REVIEWS, _SCREENED, _OBJECTIONS)
        )
        known = {stream: found[0] for stream, found in files.rows.items()}
        cells = [(row.stream_id, row.version, row.data_key, row.state) for row in known.values()]
        states = dict(zip(known, rows.unseal(log, State, cells), strict=True))
        keys = log.ring.opening([recorded.row.data_key for recorded in batch])
        for recorded in batch:
            event, stream, key = recorded.event, recorded.row.stream_id, keys[recorded.row.data_key]
            if event is None or key is None:
                continue  # what the key protected leaves with the sweep
            file = known.get(stream)
            same = file is not None and file.data_key == recorded.row.data_key
            before = (states.get(stream) if same else None) or State()
            after = msgspec.structs.replace(before, **_CHANGES[type(event)](before, event))
            states[stream] = after
            known[stream] = _file(recorded, after)
            _schedule(reviews.rows[stream], recorded, event, after)
            _screen(screened.rows, recorded, event)
            _object(log, objections.rows[stream], recorded, event)
        for stream, file in known.items():
            key, state = keys.get(file.data_key), states[stream]
            if key is not None and state is not None:
                file.state = rows.seal(key, stream, file.version, state)
            files.rows[stream] = [file]
        for sheet in (files, reviews, screened, objections):
            sheet.write()

    def sweep(self, connection: Connection, tables: Tables, since: int) -> int:
        """Remove what is under destroyed keys."""
        return rows.sweep(connection, tables, self.tables, since)


def _file(recorded: Recorded, state: State) -> _File:
    rating, row = state.rating, recorded.row
    waiting = len(state.discrepancies) + len(state.hits) + len(state.measures) + len(state.objections)
    return _File(
        row.stream_id, row.version, row.data_key, rating.level if rating else None,
        rating.model if rating else None, state.level, state.pep or None, waiting, b"",
    )  # fmt: skip


def _schedule(spans: list[_Review], recorded: Recorded, event: Event, state: State) -> None:
    """Close the present stretch of days and begin another where the date of review may have become another."""
    tier = state.rating.level if state.rating else ""
    own = [span for span in spans if span.data_key == recorded.row.data_key]
    last = own[-1] if own else None
    now = (tier, state.anchor, state.scheduled)
    if now == ((last.tier, last.anchor, last.scheduled) if last else ("", None, None)):
        return
    day = event.occurred_at.date()
    if last is not None:
        day = max(day, last.since)
        last.until = day
        if last.since == day:
            spans.remove(last)
    spans.append(_Review(recorded.row.stream_id, recorded.row.version, recorded.row.data_key, *now, day, None))


def _screen(screened: dict[bytes, list[_Screened]], recorded: Recorded, event: Event) -> None:
    if isinstance(event, q.ScreeningPerformed):
        row = recorded.row
        others = [one for one in screened[row.stream_id] if one.list != event.list]
        new = _Screened(
            row.stream_id, row.version, row.data_key, event.list, event.list_version, event.occurred_at.date()
        )
        screened[row.stream_id] = [*others, new]


def _object(log: EventLog, objections: list[_Objection], recorded: Recorded, event: Event) -> None:
    row, day = recorded.row, event.occurred_at.date()
    if isinstance(event, q.ObjectionReceived):
        digest = log.blinder.index("objection", event.id)
        objections.append(_Objection(row.stream_id, row.version, row.data_key, digest, day, None))
    elif isinstance(event, q.ObjectionAnswered):
        digest = log.blinder.index("objection", event.id)
        for one in objections:
            if one.objection == digest and one.answered_on is None:
                one.answered_on = day


# --- how each event changes the file --------------------------------------------------------------------


def _rated(state: State, event: RiskRated) -> dict[str, Any]:
    day = event.rated_on or event.occurred_at.date()
    rating = Rating(event.level, event.model, day, event.reasons, event.score)
    same = state.rating is not None and state.rating.level == event.level
    # A rating that changes nothing puts no review off.
    return {"rating": rating, "anchor": state.anchor if same else max(day, state.anchor or day)}


def _reviewed(_: State, event: q.ReviewCompleted) -> dict[str, Any]:
    day = event.occurred_at.date()
    return {"reviewed_on": day, "outcome": event.outcome, "anchor": day, "scheduled": None, "trigger": ""}


def _funded(state: State, event: q.SourceOfFundsRecorded) -> dict[str, Any]:
    others = tuple(known for known in state.funds if known.kind != event.kind)
    return {"funds": (*others, Funds(event.kind, event.occurred_at.date(), event.statement, event.evidence))}


def _screened(state: State, event: q.ScreeningPerformed) -> dict[str, Any]:
    day = event.occurred_at.date()
    others = tuple(known for known in state.screenings if known.list != event.list)
    last = Screening(event.list, event.list_version, event.engine, day, len(event.hits))
    hits = tuple(Open(hit, day, event.list, event.list_version) for hit in event.hits)
    return {"screenings": (*others, last), "hits": (*state.hits, *hits)}


def _opens(part: str, what: str, detail: Callable[[Any], str]) -> Callable[[State, Any], dict[str, Any]]:
    def change(state: State, event: Any) -> dict[str, Any]:
        opened = Open(event.id, event.occurred_at.date(), getattr(event, what), detail(event))
        return {part: (*getattr(state, part), opened)}

    return change


def _closes(part: str, number: str = "id") -> Callable[[State, Any], dict[str, Any]]:
    def change(state: State, event: Any) -> dict[str, Any]:
        return {part: tuple(known for known in getattr(state, part) if known.id != getattr(event, number))}

    return change


_CHANGES: Final[dict[type[Event], Callable[[State, Any], dict[str, Any]]]] = {
    q.CddStarted: lambda _, event: {"trigger": event.trigger, "failed_on": None},
    q.CddFailed: lambda _, event: {"failed_on": event.occurred_at.date(), "trigger": ""},
    RiskRated: _rated,
    q.EnhancedCddApplied: lambda _, __: {"level": "enhanced"},
    q.SimplifiedCddApplied: lambda _, __: {"level": "simplified"},
    q.PepDetermined: lambda _, event: {"pep": event.status, "pep_on": event.occurred_at.date()},
    q.SourceOfFundsRecorded: _funded,
    q.SeniorApprovalGranted: lambda _, event: {
        "approved_on": event.occurred_at.date(),
        "approver": event.approver,
    },
    q.DiscrepancyRaised: _opens("discrepancies", "field", lambda event: ", ".join(event.sources)),
    q.DiscrepancyResolved: _closes("discrepancies"),
    q.RiskMeasureApplied: _opens("measures", "measure", lambda event: event.reason),
    q.RiskMeasureLifted: _closes("measures"),
    q.ObjectionReceived: _opens("objections", "measure", lambda event: event.statement),
    q.ObjectionAnswered: _closes("objections"),
    q.ScreeningPerformed: _screened,
    q.ScreeningHitDecided: _closes("hits", "hit"),
    q.ReviewScheduled: lambda _, event: {"scheduled": event.due},
    q.ReviewCompleted: _reviewed,
    q.RelianceRecorded: lambda _, event: {"relied_on": event.third_party},
}
