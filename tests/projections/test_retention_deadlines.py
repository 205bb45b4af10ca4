"""Deadlines of everybody, computed by the database in one statement, are those of the pure function, one by one."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import get_args
from uuid import UUID

import msgspec
import psycopg
import pytest
from fix_bank import captured, closed, established, opened, receipts, registered, verified
from fix_projections import fill

from kyc.domain.retention_rules import Cap, Policy, PolicySet, Trigger, shipped_set
from kyc.domain.submission import StreamName
from kyc.ledger import Ledger
from kyc.retention.clocks import evaluate
from kyc.store.log import EventLog
from projections import retention_deadlines
from projections.engine import Engine
from projections.retention_deadlines import Asked, State

pytestmark = pytest.mark.pg15

CLASSES = ["identity", "due-diligence", "transaction", "account", "monitoring", "privacy", "governance"]
CLOSING = ["relationship-ended", "account-closed", "card-dormant", "customer-deceased", "estate-settled"]
STARTING = [
    "transaction-booked", "record-made", "report-filed", "onboarding-refused", "one-off-completed",
    "purpose-achieved", "consent-withdrawn", *CLOSING,
]  # fmt: skip
LAND = ["CN", "EU", "UK", "US", "FATF"]
LEAPS = [date(2020, 2, 29), date(2024, 2, 29), date(2025, 2, 28), date(2019, 12, 31)]


def day(chance: Random) -> date:
    """Some day of thirty years, often enough one of those that calendars stumble over."""
    return chance.choice(LEAPS) if chance.random() < 0.2 else date(2004, 1, 1) + timedelta(chance.randrange(11_000))


def law(chance: Random) -> PolicySet:
    """The shipped law with some policies nobody would write, of every form there is."""
    made: list[Policy] = []
    for number in range(chance.randrange(1, 7)):
        periods = [chance.choice(["P5Y", "P10Y", "P6M", "P0D", "P1Y2M3D", "P4Y"]) for _ in range(2)]
        least = chance.random() < 0.7
        made.append(
            Policy(
                policy_id=f"X{number}", jurisdiction=chance.choice(LAND), source="design", mark="C",
                effective_from=date(2000, 1, 1), record_classes=tuple(chance.sample([*CLASSES, "*"], 2)),
                triggers=tuple(chance.sample(STARTING, chance.randrange(1, 4))),
                min_len=periods[0] if least else None,
                max_len=periods[1] if not least or chance.random() < 0.5 else None,
                yields_to=chance.choice(["none", "jurisdiction"]),
                clock_rule=chance.choice(["date", "year_end"]),
                cap=Cap(trigger=chance.choice(get_args(Trigger)), length="P8Y1M1D")
                if chance.random() < 0.3
                else None,
            )
        )  # fmt: skip
    return PolicySet(version=2, effective_from=date.min, policies=(*shipped_set().policies, *made))


class Town:
    """Read models filled with what no bank would record: every combination of triggers, links, mergers, holds."""

    def __init__(self, log: EventLog, seed: int) -> None:
        self.chance = Random(seed)
        Engine(log).catch_up()
        with psycopg.connect(log.database.dsn) as self.connection:
            people = [self.id() for _ in range(40)]
            accounts = [self.id() for _ in range(30)]
            others = [self.id() for _ in range(10)]
            for account in accounts:
                self.account(account, people)
            for subject in (*people, *accounts, *others):
                for record_class in self.chance.sample(CLASSES, self.chance.randrange(1, 4)):
                    self.unit(subject, record_class)
            for subject in self.chance.sample([*people, *accounts], 25):
                self.hold(subject)
            for _ in range(8):
                self.insert("retention_merge", *self.chance.sample(people, 2), self.id())

    def id(self) -> UUID:
        """Any id."""
        return UUID(bytes=self.chance.randbytes(16))

    def insert(self, table: str, *cells: object) -> None:
        """One row of the first build; what is there stays."""
        places = ", ".join(["%s"] * len(cells))
        self.connection.execute(
            f"insert into kyc_read.{table}_b1 values ({places}) on conflict do nothing".encode(), cells
        )

    def unit(self, subject: UUID, record_class: str) -> None:
        """A unit or two, their triggers, and perhaps one that was only said."""
        for period in self.chance.sample(["", "2019", "2020"], self.chance.randrange(1, 3)):
            key = self.id()
            self.insert("retention_unit", key, self.id(), subject, record_class, period, "kind", "B-1")
            for trigger in {"record-made", *self.chance.sample(get_args(Trigger), self.chance.randrange(6))}:
                self.insert("retention_trigger", key, trigger, subject, record_class, period, day(self.chance))
        if self.chance.random() < 0.2:
            said = self.chance.choice(get_args(Trigger))
            self.insert("retention_stated", subject, record_class, said, day(self.chance), self.id())

    def account(self, account: UUID, people: list[UUID]) -> None:
        """An account of some of them, now or once; or one that was disposed of."""
        holders = self.chance.sample(people, self.chance.randrange(4))
        former = self.chance.sample(people, self.chance.randrange(2))
        self.insert(
            "account_register", account, None, None, None, None, None, None, holders, ["owner"] * len(holders),
            former, 1, None,
        )  # fmt: skip

    def hold(self, subject: UUID) -> None:
        """A hold on some or all classes, of some or any period, perhaps ended."""
        placed = day(self.chance)
        ended = placed + timedelta(self.chance.randrange(4_000)) if self.chance.random() < 0.5 else None
        classes = self.chance.sample(CLASSES, self.chance.randrange(3))
        since, until = (date(2019, 6, 1) if self.chance.random() < 0.5 else None for _ in range(2))
        self.insert("retention_hold", subject, self.id(), "audit", classes, since, until, placed, ended, self.id())


def compared(log: EventLog, asked: Asked) -> Counter[State]:
    """How many units stand in which state, after both ways of computing gave the same."""
    one_by_one = {
        (due.subject, due.record_class, due.period): (
            due.deadline.keep_through, due.deadline.must_delete_by, due.deadline.state, len(due.deadline.holds),
        )
        for due in retention_deadlines.deadlines(log, asked)
    }  # fmt: skip
    at_once = {tuple(row[:3]): tuple(row[5:]) for row in retention_deadlines.listed(log, asked)}
    assert at_once == one_by_one
    return Counter(row[2] for row in at_once.values())


@pytest.mark.parametrize("seed", range(6))
def test_at_once_as_one_by_one(log: EventLog, seed: int) -> None:
    """Whatever was recorded, whoever is linked, whatever the law and the day: both ways give every date alike."""
    town = Town(log, seed)
    seen: Counter[State] = Counter()
    for turn in range(8):
        land = tuple(town.chance.sample(LAND, town.chance.randrange(1, 4)))
        feb29 = town.chance.choice(["28-feb", "1-mar"])
        seen += compared(log, Asked(day(town.chance), shipped_set() if turn % 2 else law(town.chance), land, feb29))
    assert set(seen) == set(get_args(State))


@pytest.mark.parametrize("seed", range(2))
def test_what_an_edition_moves(log: EventLog, seed: int) -> None:
    """The units another edition moves, with both dates, are those whose two answers differ; totals count them."""
    town = Town(log, seed)
    asked, longer = Asked(date(2031, 1, 1), jurisdictions=("CN", "EU")), law(town.chance)
    other = msgspec.structs.replace(
        longer,
        policies=tuple(
            msgspec.structs.replace(one, min_len="P15Y" if one.min_len == "P10Y" else one.min_len)
            for one in longer.policies
        ),
    )
    shifts = retention_deadlines.moved(log, asked, other)
    differ = {}
    for due in retention_deadlines.deadlines(log, asked):
        new = evaluate(due.record, other, asked.on, holds=due.deadline.holds)
        was = due.deadline
        if (was.keep_through, was.must_delete_by) != (new.keep_through, new.must_delete_by):
            dates = was.keep_through, was.must_delete_by, was.state
            differ[due.subject, due.record_class, due.period] = (
                *dates, new.keep_through, new.must_delete_by, new.state,
            )  # fmt: skip
    assert {tuple(one[:3]): tuple(one[5:]) for one in shifts} == differ
    assert differ
    sums = retention_deadlines.moved_totals(log, asked, other)
    assert sum(one.units for one in sums) == len(differ)
    assert retention_deadlines.moved(log, asked, asked.law) == []


def test_lists_of_a_bank(ledger: Ledger, engine: Engine) -> None:
    """Events come out as lists: what is due, by class and branch, what goes first coming first, and totals."""
    log = ledger.log
    fill(ledger, 4)
    engine.catch_up()
    assert retention_deadlines.listed(log, Asked(date(2026, 6, 1)), "due", "conflict") == []
    later = Asked(date(2036, 3, 2))
    due = retention_deadlines.listed(log, later, "due")
    assert {(one.record_class, one.period, one.kind, one.branch) for one in due} == {
        ("transaction", "2026", "postings", "B-1")
    }
    assert {one.keep_through for one in due} == {date(2036, 3, 1)}
    assert retention_deadlines.listed(log, later, "due", record_class="identity") == []
    assert retention_deadlines.listed(log, later, "due", branch="B-2") == []
    assert len(retention_deadlines.listed(log, later, "due", limit=1)) == 1
    totals = {(one.record_class, one.state): one.units for one in retention_deadlines.totals(log, later)}
    assert totals["transaction", "due"] == 2
    assert totals["identity", "no-clock"] == 2
    (one,) = retention_deadlines.totals(log, later, record_class="transaction", branch="B-1")
    assert (one.units, one.earliest) == (2, date(2036, 3, 2))


def test_a_disposed_account_keeps_nobody(ledger: Ledger, engine: Engine) -> None:
    """An account whose records are gone has no holders any more; its transactions stand by themselves."""
    lines = [
        registered("C1"),
        captured("C1", "P1"),
        verified("C1"),
        established("C1"),
        opened("A1", "C1"),
        closed("A1"),
    ]
    for answer in ledger.record(lines):
        receipts(answer)
    log = ledger.log
    engine.catch_up()
    compared(log, Asked(date(2040, 1, 1), jurisdictions=("US",)))
    row = next(iter(log.events(StreamName("account", "A1")))).row
    assert log.key_store.destroy(row.data_key)
    log.ring.forget(row.data_key)
    engine.sweep()
    compared(log, Asked(date(2040, 1, 1), jurisdictions=("US",)))
