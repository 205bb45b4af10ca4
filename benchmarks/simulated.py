"""A simulated bank in a log, of any size: customers with documents and accounts, a year of transactions."""

from __future__ import annotations

from datetime import date
from itertools import islice
from zoneinfo import ZoneInfo

import psycopg

from kyc.domain.customer import CustomerRegistered
from kyc.domain.submission import Receipt
from kyc.domain.transaction import BookTransaction
from kyc.ledger import Ledger
from kyc.simulate.submissions import simulate
from kyc.store.log import EventLog

_PER_CUSTOMER = 13
"""Transactions of a customer in the year."""
_EVENTS_PER_TRANSACTION = 2.0
"""Events of a log for each of its transactions, customers' files included."""


class Bank:
    """Fills a log step by step, up to about ``events``."""

    def __init__(self, log: EventLog, events: int, seed: int = 7) -> None:
        self.log = log
        self.references: list[str] = []
        self.customers: list[str] = []
        transactions = max(100, int(events / _EVENTS_PER_TRANSACTION))
        customers = max(20, transactions // _PER_CUSTOMER)
        self._ledger = Ledger(log, ZoneInfo("Asia/Shanghai"))
        self._lines = simulate(
            seed, customers, transactions, date(2024, 1, 1), 365, scans=False, note=lambda _: None
        )  # fmt: skip

    def grow(self, events: int | None = None) -> int:
        """Record until the log has about so many events, or to the end; how many it has."""
        while (events is None or self.events() < events) and self.step(2_000):
            pass
        with psycopg.connect(self.log.database.dsn, autocommit=True) as owner:
            owner.execute("vacuum analyze")
        return self.events()

    def step(self, lines: int) -> list[Receipt]:
        """Record some more submissions; the receipts of those that were not refused."""
        batch = list(islice(self._lines, lines))
        for line in batch:
            if isinstance(line.data, BookTransaction):
                self.references.append(line.data.reference)
            elif isinstance(line.data, CustomerRegistered):
                self.customers.append(line.data.customer)
        answers = self._ledger.record(batch)
        return [receipt for answer in answers if isinstance(answer, tuple) for receipt in answer]

    def events(self) -> int:
        """Events in the log."""
        return sum(self.log.reader.positions().values())
