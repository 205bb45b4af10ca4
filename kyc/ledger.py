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
from kyc.domain.policies import NOTHING, Policies
from kyc.domain.stream import POLICIES, TRANSACTION, Cited
from kyc.domain.submission import ANY, Entry, StreamName, Unit
from kyc.errors import CollisionError, KycError, RefusedError, VersionConflictError
from kyc.store.append import Outcome
from kyc.store.log import Answer, EventLog
from kyc.store.records import Batch

STATES_CACHED: Final = 200_000
"""Folded states kept in memory; about 1 kB each."""
ATTEMPTS: Final = 20
"""Decisions on stale knowledge are taken again this often, after a pause that grows and differs."""
_NOBODY: Final = StreamName("order", "")
IN_FLIGHT: Final = 2
"""Batches of a bulk load that are protected ahead of the one being written."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A folded state and the version it stands at; version 0 and None for a stream that does not exist."""

    version: int
    state: State | None


@dataclass(slots=True)
class Round:
    """One attempt at a list of submissions: what is on its way, by index, and what was refused at once."""

    number: int
    """Rounds are settled in their order."""
    submissions: Sequence[Submission]
    units: dict[int, Unit]
    waiting: list[int]
    """Those that cite a transaction that is on its way, and refused retries of what is itself on its way: decided
    once it has arrived, or has not."""
    answers: dict[int, Answer]
    batches: list[Batch | KycError]
    outcomes: Future[list[Outcome | KycError]]


class Ledger:
    """Records submissions. Thread-safe where each thread uses a ledger of its own over one event log."""

    def __init__(self, log: EventLog, zone: ZoneInfo) -> None:
        self.log = log
        self.zone = zone
        self._states: OrderedDict[StreamName, _Known] = OrderedDict()
        self._rounds = 0
        self._on_the_way: dict[str, int] = {}
        """References of transactions that are queued, and the round they are in."""
        self._facts: dict[tuple[StreamName, str], int] = {}
        """Facts that are queued, by stream and idempotency key, and the round they are in."""

    def record(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Record submissions in their order; one answer each.

        Raises:
            StoreUnavailableError: the database is out of reach; retry with the same keys.
        """
        return self.finish(self.begin(submissions))

    def must_record(self, *submissions: Submission) -> None:
        """Record what has to be on record before anything else is done.

        Raises:
            KycError: the first answer that is no receipt.
        """
        for answer in self.record(submissions):
            if isinstance(answer, KycError):
                raise answer

    def record_all(
        self, batches: Iterable[Sequence[Submission]]
    ) -> Iterator[tuple[Sequence[Submission], list[Answer]]]:
        """Record batch after batch, preparing the next while the last is being written; yields them in order."""
        running: list[Round] = []
        for submissions in batches:
            running.append(self.begin(submissions))
            if len(running) > IN_FLIGHT:
                first = running.pop(0)
                yield first.submissions, self.finish(first)
        for first in running:
            yield first.submissions, self.finish(first)

    def today(self) -> date:
        """The institution's present day."""
        return to_datetime(self.log.clock.now_us()).astimezone(self.zone).date()

    def state(self, name: StreamName) -> State | None:
        """The folded state of a stream as of now, None where it does not exist."""
        self._states.pop(name, None)
        self._load([name])
        return self._states[name].state

    def states(self, names: Iterable[StreamName]) -> dict[StreamName, State | None]:
        """The same of several streams, in one round trip however many they are; none is asked for as one."""
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            self._states.pop(name, None)
        self._load(wanted or [_NOBODY])
        return {name: self._states[name].state for name in wanted}

    def policies(self) -> Policies:
        """What head office has published as of now."""
        found: Policies = self.state(POLICIES) or NOTHING
        return found

    def begin(self, submissions: Sequence[Submission]) -> Round:
        """Admit submissions and send them on their way; :meth:`finish` waits for their answers.

        Rounds are finished in the order in which they were begun.
        """
        self._rounds += 1
        number = self._rounds
        try:
            return self._start(number, submissions, range(len(submissions)), {})
        except BaseException:
            self._states.clear()  # some may have moved along with what will not be recorded
            self._on_the_way = {key: of for key, of in self._on_the_way.items() if of != number}
            self._facts = {fact: of for fact, of in self._facts.items() if of != number}
            raise

    def finish(self, round_: Round) -> list[Answer]:
        """The answers of a round, one for each submission.

        Raises:
            StoreUnavailableError: the database is out of reach; retry with the same keys.
        """
        try:
            return self._settle(round_)
        except BaseException:
            self._states.clear()
            raise

    def _start(
        self, number: int, submissions: Sequence[Submission], pending: Sequence[int], answers: dict[int, Answer]
    ) -> Round:
        units: dict[int, Unit] = {}
        waiting: list[int] = []
        refused: dict[int, tuple[Unit, RefusedError]] = {}
        today = self.today()
        needs = {index: reads(submissions[index]) for index in pending}
        fresh = self._load([name for names in needs.values() for name in names])
        for index, names in needs.items():
            if self._awaited(names, number):
                waiting.append(index)
                continue
            try:
                unit = shape(submissions[index], today)
            except RefusedError as refusal:
                answers[index] = refusal
                continue
            try:
                unit = self._decided(unit, names, today, fresh)
            except RefusedError as refusal:
                if self._facts.get(_fact(unit), number + 1) <= number:
                    waiting.append(index)  # refused by what its own first attempt assumes
                else:
                    refused[index] = (unit, refusal)
                continue
            units[index] = self._advanced(unit, names)
            self._facts.setdefault(_fact(unit), number)
            self._on_the_way.update({claim.key: number for claim in unit.claims if claim.kind == TRANSACTION})
        for name in [name for name in fresh if name.kind == TRANSACTION]:
            self._states.pop(name, None)
        answers.update(self._refusals(refused))
        batches, outcomes = self.log.submit(list(units.values()))
        return Round(number, submissions, units, waiting, answers, batches, outcomes)

    def _settle(self, round_: Round) -> list[Answer]:
        for attempt in range(ATTEMPTS):
            conflicts: list[int] = []
            for (index, unit), answer in zip(round_.units.items(), self._arrived(round_), strict=True):
                if isinstance(answer, KycError) or answer[0].replayed:
                    self._forget(unit)  # what was assumed of its streams did not come about
                if isinstance(answer, VersionConflictError) and (
                    answer.field == "seen" or _versions_are_ours(round_.submissions[index], unit)
                ):
                    for name in unit.seen:
                        self._states.pop(name, None)
                    conflicts.append(index)
                else:
                    round_.answers[index] = answer
            again = sorted([*round_.waiting, *conflicts])
            if not again:
                return [round_.answers[index] for index in range(len(round_.submissions))]
            if conflicts:
                time.sleep(randbelow(1_000 * (attempt + 1)) / 1e6)
            round_ = self._start(round_.number, round_.submissions, again, round_.answers)
        raise CollisionError("the streams change too fast to decide on them", rule=f"{ATTEMPTS} attempts")

    def _arrived(self, round_: Round) -> list[Answer]:
        """What became of the units of a round; none of them is on its way any more."""
        try:
            return self.log.settle(round_.batches, round_.outcomes)
        finally:
            for unit in round_.units.values():
                self._facts.pop(_fact(unit), None)
                for claim in unit.claims:
                    self._on_the_way.pop(claim.key, None)

    def _awaited(self, names: Sequence[StreamName], number: int) -> bool:
        """Whether a transaction that is cited, and not on record, is on its way in this round or an earlier one."""
        return any(
            name.kind == TRANSACTION
            and self._states[name].state is None
            and self._on_the_way.get(name.key, number + 1) <= number
            for name in names
        )

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
        seen = {name: self._states[name].version for name in names if name.kind != TRANSACTION}
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
        folded: dict[StreamName, _Known] = {name: _Known(0, None) for name in missing}
        if cited := [name.key for name in missing if name.kind == TRANSACTION]:
            for reference, recorded in self.log.holders(TRANSACTION, cited).items():
                folded[StreamName(TRANSACTION, reference)] = _Known(0, Cited(recorded.event))
        by_id = {self.log.stream_id(name): name for name in missing if name.kind != TRANSACTION}
        for recorded in self.log.reveal(self.log.reader.streams(list(by_id)) if by_id else []):
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


def _fact(unit: Unit) -> tuple[StreamName, str]:
    """What a retry has in common with the first attempt."""
    return unit.entries[0].stream, unit.key


def _versions_are_ours(submission: Submission, unit: Unit) -> bool:
    """Whether the expected versions came from us, not from the caller."""
    return submission.expected is None and any(entry.stream.kind in STATEFUL for entry in unit.entries)
