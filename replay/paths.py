"""Shortest paths between two customers through transactions: who paid whom, who was paid by whom, in how few steps.

Breadth first over accounts, ours and those of other banks: one step is one transaction between its two sides; from
an account to another one of the same holders costs none. The read models find the steps, level by level with a few
statements, within bounds that the answer owns up to; the transactions of the paths are told by
:mod:`replay.paths_told`.

Followed as money flows, a path goes from payer to payee and never back in time: of all ways to reach an account in
so many steps the one that arrives first is kept, because whoever goes on from there can only gain by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from kyc.domain.submission import StreamName
from kyc.errors import InputError, NotFoundError
from kyc.store import pgbinary, statements
from kyc.store.database import Connection
from kyc.store.log import EventLog
from projections.projection import reading

STEPS_MAX: Final = 4
"""Transactions of a path at most, unless asked for more or less."""
STEPS_LIMIT: Final = 8
PATHS_MAX: Final = 10
"""Paths told at most."""
LEGS_MAX: Final = 2_000
"""Transactions of one account that are looked at, the oldest of the span."""
ACCOUNTS_MAX: Final = 20_000
"""Accounts that are looked at."""
_SQL: Final = statements.load("replay", "paths.sql")
_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 30, tzinfo=UTC)


class Place(NamedTuple):
    """Where the leg of a step is recorded."""

    postings: bytes
    version: int


class Step(NamedTuple):
    """One transaction that leads from one account to another; accounts are keyed digests of their numbers."""

    source: bytes
    target: bytes
    booked_at: datetime
    place: Place
    outgoing: bool
    """Whether money went from source to target."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An account the search has come to, and how."""

    account: bytes
    at: datetime
    """When money could be there at the earliest; the beginning of the span where order does not matter."""
    steps: int
    step: Step | None = None
    """None: one of the first customer's accounts, or another account of the same holder."""
    before: Reached | None = None

    def way(self) -> list[Reached]:
        """All that was reached on the way, the first customer's account first."""
        found = [self]
        while (before := found[-1].before) is not None:
            found.append(before)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Ours:
    """An account that we keep."""

    stream: bytes
    number: bytes
    """Keyed digest."""
    holders: tuple[bytes, ...]
    """Stream ids of all who hold or held it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What kind of path is looked for."""

    follow: bool = False
    """As money flows: from payer to payee, and never back in time."""
    since: datetime | None = None
    until: datetime | None = None
    steps: int = STEPS_MAX
    paths: int = PATHS_MAX


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    paths: tuple[Reached, ...]
    """The last account of each path, the second customer's; all paths are of the same, least number of steps."""
    complete: bool
    """Whether all transactions within reach were looked at; False: there may be shorter paths, or some at all."""
    looked_at: int
    """Accounts."""
    ours: Mapping[bytes, Ours]
    """Those of ours that were met, by digest."""


def search(log: EventLog, first: str, second: str, wanted: Wanted | None = None) -> Found:
    """The shortest paths from one customer (number) to another.

    Raises:
        InputError: the same customer twice, or more steps than can be searched.
        NotFoundError: one of them holds no account, or the read models are not built yet.
    """
    wanted = wanted or Wanted()
    if first == second or not 1 <= wanted.steps <= STEPS_LIMIT:
        raise InputError(
            "no path can be looked for", field="steps", rule=f"two customers, 1 to {STEPS_LIMIT} steps"
        )
    with reading(log) as connection:
        return _Search(log, connection, wanted).run(first, second)


class _Search:
    """One search under way."""

    def __init__(self, log: EventLog, connection: Connection, wanted: Wanted) -> None:
        self._log = log
        self._connection = connection
        self._wanted = wanted
        self._since, self._until = wanted.since or _FIRST, wanted.until or _LAST
        self._ours: dict[bytes, Ours] = {}
        self._numbers: dict[bytes, bytes | None] = {}
        """Stream id → digest; None where the account was disposed of."""
        self._best: dict[bytes, datetime] = {}
        """Account → when money could be there at the earliest, of all levels so far."""
        self._complete = True
        self._looked_at = 0

    def run(self, first: str, second: str) -> Found:
        starts, goals = self._accounts(first), self._accounts(second)
        level = [Reached(account, self._since, 0) for account in sorted(starts)]
        self._best = {one.account: one.at for one in level}
        hits = [one for one in level if one.account in goals]
        for steps in range(1, self._wanted.steps + 1):
            if hits or not level:
                break
            level = self._level(level, steps)
            hits = [one for one in level if one.account in goals]
            level = self._spread(level)
        hits.sort(key=lambda one: (one.at, one.account))
        return Found(tuple(hits[: self._wanted.paths]), self._complete, self._looked_at, self._ours)

    def _accounts(self, customer: str) -> set[bytes]:
        ids = pgbinary.uuids([self._log.stream_id(StreamName("customer", customer))])
        found = self._learn(self._query("of_customers", ids, ids))
        if not found:
            raise NotFoundError("this customer holds no account", field="customer", remedy="kyc project")
        return {one.number for one in found}

    def _level(self, level: Sequence[Reached], steps: int) -> list[Reached]:
        """What one more transaction leads to; of ways to the same account, the one that arrives first."""
        room = ACCOUNTS_MAX - self._looked_at
        if len(level) > room:
            self._complete = False
        frontier = {one.account: one for one in level[:room]}
        self._looked_at += len(frontier)
        reached: dict[bytes, Reached] = {}
        for step in self._steps(frontier):
            at = step.booked_at if self._wanted.follow else self._since
            known = reached.get(step.target)
            if (known is not None and known.at <= at) or not self._gains(step.target, at):
                continue
            reached[step.target] = Reached(step.target, at, steps, step, frontier[step.source])
        self._best |= {one.account: one.at for one in reached.values()}
        return sorted(reached.values(), key=lambda one: (one.at, one.account))

    def _gains(self, account: bytes, at: datetime) -> bool:
        best = self._best.get(account)
        return best is None or at < best

    def _spread(self, level: list[Reached]) -> list[Reached]:
        """Also the other accounts of whoever holds an account that was reached."""
        unknown = [one.account for one in level if one.account not in self._ours]
        if unknown:
            self._learn(self._query("of_numbers", pgbinary.uuids(unknown)))
        holders = {holder for one in level if (ours := self._ours.get(one.account)) for holder in ours.holders}
        if not holders:
            return level
        ids = pgbinary.uuids(sorted(holders))
        held: dict[bytes, list[bytes]] = {}
        for account in self._learn(self._query("of_customers", ids, ids)):
            for holder in account.holders:
                held.setdefault(holder, []).append(account.number)
        spread = list(level)
        for one in level:
            ours = self._ours.get(one.account)
            for other in (number for holder in ours.holders for number in held.get(holder, ())) if ours else ():
                if self._gains(other, one.at):
                    self._best[other] = one.at
                    spread.append(Reached(other, one.at, one.steps, None, one))
        return spread

    # --- steps ----------------------------------------------------------------------------------

    def _steps(self, frontier: Mapping[bytes, Reached]) -> Iterator[Step]:
        ours = {self._ours[number].stream: number for number in frontier if number in self._ours}
        if ours:
            since = [frontier[number].at for number in ours.values()]
            rows = self._query("legs", pgbinary.uuids(list(ours)), since, self._until, LEGS_MAX + 1)
            yield from self._from_ours(ours, self._bounded(rows))
        since = [one.at for one in frontier.values()]
        numbers = pgbinary.uuids(list(frontier))
        for row in self._bounded(self._query("against", numbers, since, self._until, LEGS_MAX + 1)):
            number, account, direction, booked_at, *place = row
            target = self._number(account)
            # Money that our account got came from the other side.
            if target is not None and target != number and (direction == "credit" or not self._wanted.follow):
                yield Step(number, target, booked_at, Place(*place), direction == "credit")

    def _from_ours(self, ours: Mapping[bytes, bytes], rows: Sequence[tuple[Any, ...]]) -> Iterator[Step]:
        """Steps from legs on our accounts: to the other side they name, and to other legs of the transaction."""
        others: dict[bytes, list[tuple[bytes, str]]] = {}
        references = pgbinary.uuids(list({row[2] for row in rows}))
        siblings = self._query("siblings", references) if rows else []
        self._learn_streams({account for _, account, _ in siblings} | {row[0] for row in rows})
        for reference, account, direction in siblings:
            others.setdefault(reference, []).append((account, direction))
        for account, counterparty, reference, direction, booked_at, *place in rows:
            outgoing = direction == "debit"
            if self._wanted.follow and not outgoing:
                continue
            source = ours[account]
            targets = {self._number(other) for other, way in others[reference] if way != direction}
            for target in {counterparty, *targets} - {None, source}:
                yield Step(source, target, booked_at, Place(*place), outgoing)

    def _bounded(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows without the one too many of an account, which tells that there are more."""
        seen: dict[bytes, int] = {}
        kept = []
        for row in rows:
            seen[row[0]] = seen.get(row[0], 0) + 1
            if seen[row[0]] <= LEGS_MAX:
                kept.append(row)
            else:
                self._complete = False
        return kept

    # --- accounts -------------------------------------------------------------------------------

    def _number(self, stream: bytes) -> bytes | None:
        """The digest of the number of an account of ours; None where the account was disposed of."""
        if stream not in self._numbers:
            self._learn_streams({stream})
        return self._numbers.get(stream)

    def _learn_streams(self, streams: Collection[bytes]) -> None:
        unknown = [one for one in streams if one not in self._numbers]
        if unknown:
            self._learn(self._query("of_streams", pgbinary.uuids(unknown)))
            for one in unknown:
                self._numbers.setdefault(one, None)

    def _learn(self, rows: Iterable[tuple[Any, ...]]) -> list[Ours]:
        found = [Ours(stream, number, tuple(holders)) for stream, number, holders in rows]
        self._ours |= {one.number: one for one in found}
        self._numbers |= {one.stream: one.number for one in found}
        return found

    def _query(self, name: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(_SQL[name], arguments, binary=True).fetchall()
