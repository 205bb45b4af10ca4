"""A small bank in a real log: customers with scanned documents, accounts with joint holders, transactions, sealed.

What is recorded follows admission's streams: ``customer``, ``account``, ``postings``. Time stands still but for
:meth:`Bank.later`, so that tests can say what was known when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from fix_log import noted

from kyc.clock import FixedClock, from_datetime, to_datetime
from kyc.domain.account import AccountOpened, Holder
from kyc.domain.customer import AccountLinked, CustomerRegistered, IdentityVerified, NameChanged
from kyc.domain.disposal import KeyDestroyed, RecordDisposed
from kyc.domain.document import DocumentCaptured, document_claim
from kyc.domain.event import Event
from kyc.domain.submission import Claim, Entry, Origin, Scan, StreamName, Unit
from kyc.domain.transaction import BookTransaction, Leg, postings
from kyc.domain.values import Counterparty, Name
from kyc.errors import KycError
from kyc.evidence import note
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.database import Database
from kyc.store.log import EventLog
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = 3_600_000_000  # microseconds
ORIGIN = Origin(actor="T-0417", branch="310-0021", purpose="account-service", legal_basis="AML24-29")
FRONT = b"\x89PNG front of the card" * 40
BACK = b"\x89PNG back of the card" * 40


@dataclass
class Bank:
    """A log with a few customers, its clock and its sealer."""

    log: EventLog
    provider: FileKeyProvider
    clock: FixedClock
    units: int = 0
    moments: dict[str, int] = field(default_factory=dict)

    @property
    def sealed(self) -> SealedLog:
        """The sealed log."""
        return SealedLog(self.log.database, self.log.reader)

    @property
    def vkey(self) -> str:
        """The log's verifier key, as handed out."""
        return str(note.Signer(self.log.database.origin(), self.provider.signing_key("log")).verifier)

    @property
    def now(self) -> datetime:
        """What the bank's clock says."""
        return to_datetime(self.clock.us)

    def later(self, hours: int = 1) -> None:
        """Let time pass."""
        self.clock.advance(hours * HOUR)

    def seal(self) -> str:
        """Seal; returns the checkpoint."""
        sealer = Sealer(self.log.database, self.provider.signing_key("log"), clock=self.clock)
        signed = sealer.seal().note
        sealer.release()
        return signed

    def record(self, *entries: Entry, claims: tuple[Claim, ...] = ()) -> None:
        """Record entries as one unit."""
        self.units += 1
        (answer,) = self.log.append([Unit(f"unit-{self.units}", ORIGIN, entries, claims)])
        assert not isinstance(answer, KycError), answer

    def customer(self, number: str, event: Event, *scans: Scan, claims: tuple[Claim, ...] = ()) -> None:
        """Record an event of a customer."""
        name = StreamName("customer", number)
        self.record(Entry(name, name, event, scans=scans), claims=claims)

    def register(self, number: str, name: str) -> None:
        """A new customer with a scanned and verified document."""
        at = self.now
        self.customer(
            number,
            CustomerRegistered(
                occurred_at=at, customer=number, type="natural", template="natural/1", notice="2026-1",
                names=(Name(text=name),), birth_date=date(1980, 5, 17), occupation="teacher",
            ),
        )  # fmt: skip
        self.later()
        paper = DocumentCaptured(
            occurred_at=at, kind="passport", number=f"E{number}", issuing_country="CHN", name_as_printed=name,
            issued_on=date(2020, 1, 1), expires_on=date(2030, 1, 1), channel="counter",
        )  # fmt: skip
        scans = (
            Scan(name="front", media_type="image/png", content=FRONT + number.encode()),
            Scan(name="back", media_type="image/png", content=BACK + number.encode()),
        )
        self.customer(number, paper, *scans, claims=(document_claim(paper),))
        self.customer(
            number,
            IdentityVerified(
                occurred_at=at, level="standard", method="visual", document_kind="passport", verified_by="T-0417"
            ),
        )

    def rename(self, number: str, name: str) -> None:
        """A customer's new name, in effect from the day the bank's clock shows."""
        changed = NameChanged(
            occurred_at=self.now, names=(Name(text=name),), evidence="deed poll", effective_from=self.now.date()
        )
        self.customer(number, changed)

    def open(self, account: str, *holders: str) -> None:
        """A new account."""
        name = StreamName("account", account)
        parts = tuple(Holder(customer=h, role="joint" if at else "owner") for at, h in enumerate(holders))
        opened = AccountOpened(
            occurred_at=self.now, account=account, currency="CNY", product="current",
            opened_on=self.now.date(), holders=parts,
        )  # fmt: skip
        customers = [StreamName("customer", holder.customer) for holder in parts]
        linked = [
            AccountLinked(occurred_at=self.now, account=account, role=holder.role, on=self.now.date())
            for holder in parts
        ]
        links = [Entry(customer, customer, event) for customer, event in zip(customers, linked, strict=True)]
        self.record(Entry(name, name, opened), *links)

    def book(self, reference: str, amount: str, *sides: tuple[str, str], **more: object) -> None:
        """A transaction between accounts: ``("A1", "debit"), ("A2", "credit")``."""
        legs = tuple(
            Leg(
                account=account, direction=direction, amount=Decimal(amount), currency="CNY",  # type: ignore[arg-type]
                counterparty=Counterparty(name="Acme Ltd", account="9-1"),
            )
            for account, direction in sides
        )  # fmt: skip
        said: dict[str, object] = {
            "occurred_at": self.now, "booked_at": self.now, "value_date": self.now.date(), "purpose": "rent",
            "device": "10.0.0.7",
        }  # fmt: skip
        booking = BookTransaction(
            reference=reference, kind="transfer", channel="mobile", legs=legs, **said | more,  # type: ignore[arg-type]
        )  # fmt: skip
        entries = [
            Entry(StreamName("postings", event.leg.account), StreamName("account", event.leg.account), event)
            for event in postings(booking)
        ]
        self.record(*entries, claims=(Claim("transaction", reference),))

    def dispose(self, kind: str, key: str, number: str = "", certificate: str = "") -> None:
        """Destroy the key of a stream's first event; under a recorded disposal where a number is given."""
        (first, *_) = self.log.reader.stream(self.log.stream_id(StreamName(kind, key)))
        self.log.key_store.destroy(first.data_key)
        self.log.ring.forget(first.data_key)
        subject = f"{'account' if kind == 'postings' else kind}/{key}"
        name = StreamName("retention", subject)
        said: list[Event] = []
        if number:
            data_key = str(UUID(bytes=first.data_key))
            said.append(KeyDestroyed(occurred_at=self.now, subject=subject, disposal=number, data_key=data_key))
        if certificate:
            said.append(
                RecordDisposed(
                    occurred_at=self.now, subject=subject, disposal=number, certificate=certificate,
                    places=("events",), events=1,
                )
            )  # fmt: skip
        for event in said:
            self.record(Entry(name, name, event))

    def fill(self, count: int) -> None:
        """Record notes of other customers, so that the log has full tiles."""
        first = self.units
        self.units += count
        names = [f"N{n % 40}" for n in range(count)]
        self.log.append([Unit(f"fill-{first + n}", ORIGIN, (noted(name, str(n)),)) for n, name in enumerate(names)])

    def owner(self) -> psycopg.Connection:
        """A superuser's connection on which no trigger and no constraint stands in the way."""
        connection = psycopg.connect(self.log.database.dsn, autocommit=True)
        connection.execute("set session_replication_role = replica")
        for constraint in ("event_hash_fits", "event_lengths", "event_position", "event_key"):
            connection.execute(f"alter table kyc.event drop constraint if exists {constraint}")
        return connection


@pytest.fixture
def empty_bank(database: str, tmp_path: Path) -> Iterator[Bank]:
    """A bank without customers."""
    provider = FileKeyProvider.open(tmp_path / "keys")
    (tmp_path / "keys" / "secret-blind").write_bytes(bytes(range(32)))  # so streams have the same lanes every time
    clock = FixedClock(from_datetime(START))
    log = EventLog(Database(database), provider, clock=clock)
    yield Bank(log, provider, clock)
    log.close()


@pytest.fixture
def bank(empty_bank: Bank) -> Bank:
    """A bank with three customers, three accounts and four transactions over two days, sealed twice."""
    bank = empty_bank
    bank.register("C1", "Li Wei")
    bank.register("C2", "Wang Fang")
    bank.register("C3", "Zhang Min")
    bank.later()
    bank.open("A1", "C1")
    bank.open("A2", "C2", "C1")
    bank.open("A3", "C3")
    bank.later()
    bank.book("T-1", "100.50", ("A1", "debit"), ("A2", "credit"))
    bank.seal()
    bank.moments["first day"] = bank.clock.us
    bank.later(24)
    bank.book("T-2", "20.00", ("A2", "credit"))
    bank.book("T-3", "77.00", ("A2", "debit"), ("A3", "credit"), remittance="invoice 7")
    bank.rename("C1", "Li Wei-Chen")
    bank.book("T-4", "5.00", ("A1", "debit"), ("A1", "credit"))
    bank.seal()
    bank.moments["second day"] = bank.clock.us
    return bank
