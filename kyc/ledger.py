"""The one write door: admit → protect → append → receipts.

A submission is shaped into a unit, checked against the states its rules need, protected and appended; the answer is
a receipt per entry or the reason for refusal. States are folded from events, cached, and moved along with what is
recorded. Whatever an entry was decided on, its own stream or another, is named with the version that was read, and
the entry is recorded only while all of them stand there: a decision on stale knowledge collides and is taken again,
whoever wrote meanwhile, in this process or another. A refusal is looked up once before it is said. A retry is
answered with its first receipt before any rule is asked.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date
from secrets import randbelow
from typing import Final
from zoneinfo import ZoneInfo

from kyc.clock import to_datetime
from kyc.domain.admit import STATEFUL, State, check, evolve, reads, shape
from kyc.domain.fact import Submission
from kyc.domain.submission import ANY, Entry, StreamName, Unit
from kyc.errors import CollisionError, KycError, RefusedError, VersionConflictError
from kyc.store.append import Outcome
from kyc.store.log import Answer, EventLog
from kyc.store.records import Batch

STATES_CACHED: Final = 200_000
"""Folded states kept in memory; about 1 kB each."""
ATTEMPTS: Final = 20
"""Decisions on stale knowledge are taken again this often, after a pause that grows and differs."""
IN_FLIGHT: Final = 2
"""Batches of a bulk load that are protected ahead of the one being written."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A folded state and the version it stands at; version 0 and None for a stream that does not exist."""

    version: int
    state: State | None


@dataclass(slots=True)
class _Round:
    """One attempt at a list of submissions: what is on its way, by index, and what was refused at once."""

    submissions: Sequence[Submission]
    units: dict[int, Unit]
    answers: dict[int, Answer]
    batches: list[Batch | KycError]
    outcomes: Future[list[Outcome | KycError]]


class Ledger:
    """Records submissions. Thread-safe where each thread uses a ledger of its own over one event log."""

    def __init__(self, log: EventLog, zone: ZoneInfo) -> None:
        self.log = log
        self.zone = zone
        self._states: OrderedDict[StreamName, _Known] = OrderedDict()

    def record(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Record submissions in their order; one answer each.

        Raises:
            StoreUnavailableError: the database is out of reach; retry with the same keys.
        """
        return self._settle(self._start(submissions, range(len(submissions)), {}))

    def record_all(
        self, batches: Iterable[Sequence[Submission]]
    ) -> Iterator[tuple[Sequence[Submission], list[Answer]]]:
        """Record batch after batch, preparing the next while the last is being written; yields them in order."""
        running: list[_Round] = []
        for submissions in batches:
            running.append(self._start(submissions, range(len(submissions)), {}))
            if len(running) > IN_FLIGHT:
                first = running.pop(0)
                yield first.submissions, self._settle(first)
        for first in running:
            yield first.submissions, self._settle(first)

    def today(self) -> date:
        """The institution's present day."""
        return to_datetime(self.log.clock.now_us()).astimezone(self.zone).date()

    def state(self, name: StreamName) -> State | None:
        """The folded state of a stream as of now, None where it does not exist."""
        self._states.pop(name, None)
        self._load([name])
        return self._states[name].state

    def _start(
        self, submissions: Sequence[Submission], pending: Sequence[int], answers: dict[int, Answer]
    ) -> _Round:
        units: dict[int, Unit] = {}
        today = self.today()
        fresh = self._load([name for index in pending for name in reads(submissions[index])])
        refused: dict[int, tuple[Unit, RefusedError]] = {}
        for index in pending:
            try:
                unit = shape(submissions[index], today)
            except RefusedError as refusal:
                answers[index] = refusal
                continue
            names = reads(submissions[index])
            try:
                unit = self._decided(unit, names, today, fresh)
            except RefusedError as refusal:
                refused[index] = (unit, refusal)
                continue
            units[index] = self._advanced(unit, names)
        answers.update(self._refusals(refused))
        batches, outcomes = self.log.submit(list(units.values()))
        return _Round(submissions, units, answers, batches, outcomes)

    def _settle(self, round_: _Round) -> list[Answer]:
        for attempt in range(ATTEMPTS):
            again: list[int] = []
            given = self.log.settle(round_.batches, round_.outcomes)
            for (index, unit), answer in zip(round_.units.items(), given, strict=True):
                if isinstance(answer, KycError) or answer[0].replayed:
                    self._forget(unit)  # what was assumed of its streams did not come about
                if isinstance(answer, VersionConflictError) and (
                    answer.field == "seen" or _versions_are_ours(round_.submissions[index], unit)
                ):
                    for name in unit.seen:
                        self._states.pop(name, None)
                    again.append(index)
                else:
                    round_.answers[index] = answer
            if not again:
                return [round_.answers[index] for index in range(len(round_.submissions))]
            time.sleep(randbelow(1_000 * (attempt + 1)) / 1e6)
            round_ = self._start(round_.submissions, again, round_.answers)
        raise CollisionError("the streams change too fast to decide on them", rule=f"{ATTEMPTS} attempts")

    def _decided(self, unit: Unit, names: Sequence[StreamName], today: date, fresh: set[StreamName]) -> Unit:
        """The unit as it may be recorded. What memory would refuse is looked up once before it is refused."""
        try:
            return check(unit, self._view(names), today)
        except RefusedError:
            doubtful = [name for name in names if name not in fresh]
            fresh.update(doubtful)
            if not doubtful or not self._overtaken(doubtful):
                raise
            self._load(doubtful)
        return check(unit, self._view(names), today)

    def _view(self, names: Sequence[StreamName]) -> dict[StreamName, State | None]:
        return {name: self._states[name].state for name in names}

    def _overtaken(self, names: Sequence[StreamName]) -> bool:
        """Forget those of the states that somebody else moved; whether there were any."""
        ids = {name: self.log.stream_id(name) for name in names}
        heads = self.log.reader.heads(list(ids.values()))
        moved = [n for n, id_ in ids.items() if id_ in heads and heads[id_].version > self._states[n].version]
        for name in moved:
            del self._states[name]
        return bool(moved)

    def _advanced(self, unit: Unit, names: Sequence[StreamName]) -> Unit:
        """The unit with the versions of the states it was decided on; the states move along."""
        seen = {name: self._states[name].version for name in names}
        entries: list[Entry] = []
        for entry in unit.entries:
            kind = entry.stream.kind
            known = self._states.get(entry.stream) if kind in STATEFUL else None
            if known is not None:  # one never read is not guessed at
                seen.pop(entry.stream, None)  # its own expected version says it
                if entry.expected == ANY:
                    entry = replace(entry, expected=known.version)  # noqa: PLW2901
                self._states[entry.stream] = _Known(known.version + 1, evolve(kind, known.state, entry.event))
            entries.append(entry)
        return Unit(unit.key, unit.origin, tuple(entries), unit.claims, seen)

    def _refusals(self, refused: dict[int, tuple[Unit, RefusedError]]) -> dict[int, Answer]:
        """A refused unit that was recorded before is a retry: it gets its receipt instead of the refusal."""
        if not refused:
            return {}
        found = self.log.recorded([unit for unit, _ in refused.values()])
        return {
            index: refusal if answer is None else answer
            for (index, (_, refusal)), answer in zip(refused.items(), found, strict=True)
        }

    def _load(self, names: Iterable[StreamName]) -> set[StreamName]:
        """Have the states of these streams in memory; which of them were read just now."""
        states, missing = self._states, []
        wanted = dict.fromkeys(names)
        for name in wanted:
            if name in states:
                states.move_to_end(name)
            else:
                missing.append(name)
        if not missing:
            return set()
        by_id = {self.log.stream_id(name): name for name in missing}
        folded: dict[StreamName, _Known] = {name: _Known(0, None) for name in missing}
        for recorded in self.log.reveal(self.log.reader.streams(list(by_id))):
            name = by_id[recorded.row.stream_id]
            state = folded[name].state
            if recorded.event is not None:  # a disposed event leaves no trace in a state
                state = evolve(name.kind, state, recorded.event)
            folded[name] = _Known(recorded.row.version, state)
        states.update(folded)
        while len(states) > max(STATES_CACHED, len(wanted)):
            states.popitem(last=False)
        return set(missing)

    def _forget(self, unit: Unit) -> None:
        for entry in unit.entries:
            self._states.pop(entry.stream, None)


def _versions_are_ours(submission: Submission, unit: Unit) -> bool:
    """Whether the expected versions came from us, not from the caller."""
    return submission.expected is None and any(entry.stream.kind in STATEFUL for entry in unit.entries)
