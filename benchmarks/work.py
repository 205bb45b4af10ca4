"""The work unit of the benchmarks: a booked transaction of sixteen fields, about 530 bytes as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import ClassVar

from kyc.domain.event import Event, RecordClass
from kyc.domain.submission import Entry, Origin, StreamName, Unit

ORIGIN = Origin(actor="T-01234", branch="BR-001", purpose="account-service", legal_basis="AML24-34")
_MOMENT = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


class Transfer(Event, frozen=True, kw_only=True):
    """The measured event."""

    TOPIC: ClassVar[str] = "bench.transfer"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.TRANSACTION

    event_id: str
    reference: str
    account: str
    counterparty_name: str
    counterparty_account: str
    counterparty_bank: str
    amount: str
    currency: str
    value_date: str
    channel: str
    branch: str
    teller: str
    purpose: str
    direction: str
    agent: str

    def period(self) -> str:
        """The year of booking."""
        return self.value_date[:4]


class Feed:
    """An endless, seeded feed of units over a number of account streams."""

    def __init__(self, streams: int = 10_000, seed: int = 7) -> None:
        self._random = Random(seed)
        self._names = [StreamName("account", f"A-{seed}-{n:06d}") for n in range(streams)]
        self._count = 0
        self._seed = seed

    def every_stream(self) -> list[Unit]:
        """One unit for each stream, so that all data keys exist."""
        return [self.unit(name) for name in self._names]

    def unit(self, name: StreamName | None = None, event: Transfer | None = None) -> Unit:
        """The next transaction as a unit of one entry; of a given content where that does not matter."""
        random, self._count = self._random, self._count + 1
        name = name or self._names[int(len(self._names) * random.random() ** 2)]
        number = f"{self._seed}-{self._count:010d}"
        event = event or self._event(number)
        return Unit(number, ORIGIN, (Entry(name, name, event),))

    def _event(self, number: str) -> Transfer:
        random = self._random
        return Transfer(
            occurred_at=_MOMENT,
            event_id=f"{random.getrandbits(128):032x}",
            reference=f"TXN-20260115-{number}",
            account=f"SE45 5000 0000 {random.randrange(10**12):012d}",
            counterparty_name="Amina Costa Oliveira",
            counterparty_account=f"DE89 3704 0044 {random.randrange(10**8):08d} 00",
            counterparty_bank="DEUTDEFFXXX",
            amount=f"{random.randrange(100, 2_000_000) / 100:.2f}",
            currency="EUR",
            value_date="2026-01-15",
            channel="mobile-app",
            branch="BR-001",
            teller="T-01234",
            purpose="Invoice settlement 2026/0042 consulting services",
            direction="credit",
            agent="agent-0042@branch.example",
        )

    def units(self, count: int) -> list[Unit]:
        """The next units."""
        return [self.unit() for _ in range(count)]

    def decoded(self, count: int) -> list[Unit]:
        """The next units, their contents a few that come again and again.

        What has just been decoded lies in the processor's cache; what was made long beforehand does not.
        """
        events = [self._event(f"{self._seed}-{number:010d}") for number in range(256)]
        return [self.unit(event=events[number % len(events)]) for number in range(count)]
