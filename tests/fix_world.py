"""A bank without a database: admission over states in memory, for rules, scenarios and random histories.

It does what the ledger does (:mod:`kyc.ledger`), but nothing is encrypted or stored: each event goes through its
canonical bytes, streams are lists, and the natural keys used up are a set. Refusals are checked to repeat no value.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from kyc.domain import codec
from kyc.domain.admit import STATEFUL, check, evolve, reads, shape
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.stream import TRANSACTION, Cited
from kyc.domain.submission import ANY, EXISTS, Claim, Origin, Scan, StreamName, Unit
from kyc.errors import ClaimConflictError, RefusedError, VersionConflictError

TODAY = date(2026, 3, 2)
PUBLIC = {"template", "type", "field", "attribute", "mandatory", "optional", "kind", "outcome", "rules"}
"""Fields whose values are words of the form, not of the customer."""
SHORTEST = 6  # shorter values are codes that also stand in rules


class World:
    """Streams, states and natural keys of a bank; ``today`` moves only when told."""

    def __init__(self, today: date = TODAY) -> None:
        self.today = today
        self.streams: dict[StreamName, list[Event]] = {}
        self.states: dict[StreamName, Any] = {}
        self.claims: set[Claim] = set()
        self.cited: dict[str, Cited] = {}
        self._keys = 0

    @property
    def now(self) -> datetime:
        """Ten in the morning of today, UTC."""
        return datetime(self.today.year, self.today.month, self.today.day, 10, tzinfo=UTC)

    def submission(
        self, data: Event, stream: str = "", *, actor: str = "T-1", branch: str = "B-1", key: str = "",
        basis: str = "AML24-29", expected: int | None = None, scans: tuple[Scan, ...] = (),
    ) -> Submission:  # fmt: skip
        """A submission with a key of its own."""
        self._keys += 1
        origin = Origin(actor=actor, branch=branch, purpose="service", legal_basis=basis)
        return Submission(
            key=key or f"k{self._keys}", origin=origin, data=data, stream=stream, expected=expected, scans=scans
        )

    def record(self, data: Event, stream: str = "", **options: Any) -> Unit:
        """Record one submission.

        Raises:
            RefusedError: a rule, an expected version or a used-up natural key stands against it.
        """
        submission = self.submission(data, stream, **options)
        unit = shape(submission, self.today)
        unit = check(unit, {name: self._given(name) for name in reads(submission)}, self.today)
        self._append(unit)
        return unit

    def refuse(self, data: Event, stream: str = "", **options: Any) -> RefusedError:
        """The refusal of a submission that must be refused; nothing of it is recorded, nor repeated."""
        before = sum(map(len, self.streams.values()))
        with pytest.raises(RefusedError) as caught:
            self.record(data, stream, **options)
        assert sum(map(len, self.streams.values())) == before
        told = caught.value.diagnostics()
        assert not [value for value in texts(msgspec.to_builtins(data)) if value in told], told
        return caught.value

    def state(self, kind: str, key: str) -> Any:
        """The folded state of a stream, None where there is none."""
        return self.states.get(StreamName(kind, key))

    def events(self, kind: str, key: str) -> list[Event]:
        """The events of a stream in their order."""
        return self.streams.get(StreamName(kind, key), [])

    def topics(self, kind: str, key: str) -> list[str]:
        """The topics of a stream in their order."""
        return [event.TOPIC for event in self.events(kind, key)]

    def _given(self, name: StreamName) -> Any:
        """What a rule sees of a stream, or of a transaction by its reference."""
        return self.cited.get(name.key) if name.kind == TRANSACTION else self.states.get(name)

    def _append(self, unit: Unit) -> None:
        if taken := self.claims.intersection(unit.claims):
            raise ClaimConflictError(field=next(iter(taken)).kind)
        for entry in unit.entries:
            version = len(self.streams.get(entry.stream, []))
            if not all(name in self.streams for name in entry.requires):
                raise RefusedError("a stream is missing", rule="requires")
            if (entry.expected == EXISTS and not version) or entry.expected not in {ANY, EXISTS, version}:
                raise VersionConflictError(rule=f"{entry.expected} is {version}")
        for entry in unit.entries:
            event = codec.decode(entry.event.TOPIC, entry.event.SCHEMA, codec.encode(entry.event))
            assert event == entry.event
            self.streams.setdefault(entry.stream, []).append(event)
            if entry.stream.kind in STATEFUL:
                self.states[entry.stream] = evolve(entry.stream.kind, self.states.get(entry.stream), event)
        self.claims.update(unit.claims)
        self.cited.update({c.key: Cited(unit.entries[0].event) for c in unit.claims if c.kind == TRANSACTION})

    def replayed(self) -> dict[StreamName, Any]:
        """The states folded anew from the recorded events alone."""
        states: dict[StreamName, Any] = {}
        for name, events in self.streams.items():
            for event in events if name.kind in STATEFUL else ():
                states[name] = evolve(name.kind, states.get(name), event)
        return states


def texts(data: Any, field: str = "") -> Iterator[str]:
    """The texts of an event that a refusal must not repeat."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from texts(value, name)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from texts(value, field)
    elif isinstance(data, str) and len(data) >= SHORTEST and field not in PUBLIC:
        yield data


@pytest.fixture
def world() -> World:
    """An empty bank on 2 March 2026."""
    return World()
