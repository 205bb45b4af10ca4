"""A small bank for tests: submissions that need no simulator, and a ledger over a fresh log."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kyc.domain.account import AccountClosed, AccountOpened, Holder
from kyc.domain.customer import AddressChanged, CustomerRegistered, IdentityVerified, RelationshipEstablished
from kyc.domain.document import DocumentCaptured
from kyc.domain.event import Event
from kyc.domain.fact import Submission
from kyc.domain.submission import Origin, Receipt, Scan
from kyc.domain.transaction import BookTransaction, Leg
from kyc.domain.values import Address, Counterparty, Name
from kyc.ledger import Ledger
from kyc.store.log import EventLog

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TELLER = Origin(actor="T-1", branch="B-1", purpose="account-service", legal_basis="AML24-34")


def submission(key: str, data: Event, stream: str = "", **options: Any) -> Submission:
    """A submission from the test branch."""
    return Submission(key=key, origin=TELLER, data=data, stream=stream, **options)


def registered(number: str, name: str = "Ada Lovelace", **fields: Any) -> Submission:
    """The registration of a natural person."""
    data = CustomerRegistered(
        occurred_at=AT, customer=number, type="natural", template="natural/1", notice="notice/1",
        names=(Name(text=name),), birth_date=date(1990, 5, 17), nationalities=("GBR",),
        addresses=(Address(lines=("1 Old Street",), country="GBR"),), **fields,
    )  # fmt: skip
    return submission(f"{number}/registered", data)


def captured(number: str, paper: str, expires: date | None = date(2035, 1, 1)) -> Submission:
    """The capture of a passport with one scan."""
    data = DocumentCaptured(
        occurred_at=AT, kind="passport", number=paper, issuing_country="GBR", issued_on=date(2025, 1, 1),
        expires_on=expires, no_expiry=expires is None,
    )  # fmt: skip
    scan = Scan(name="front", media_type="image/png", content=b"scan of " + paper.encode())
    return submission(f"{number}/passport/{paper}", data, number, scans=(scan,))


def verified(number: str) -> Submission:
    """The verification against the passport."""
    data = IdentityVerified(
        occurred_at=AT, level="standard", method="visual", document_kind="passport", verified_by="T-1"
    )
    return submission(f"{number}/verified", data, number)


def established(number: str) -> Submission:
    """The beginning of the relationship."""
    return submission(f"{number}/since", RelationshipEstablished(occurred_at=AT, on=AT.date()), number)


def moved(number: str, line: str, key: str = "") -> Submission:
    """A change of address."""
    data = AddressChanged(
        occurred_at=AT, addresses=(Address(lines=(line,), country="GBR"),), effective_from=AT.date()
    )
    return submission(key or f"{number}/moved/{line}", data, number)


def opened(account: str, *customers: str, currency: str = "EUR") -> Submission:
    """The opening of an account."""
    holders = tuple(Holder(customer=number) for number in customers)
    data = AccountOpened(
        occurred_at=AT, account=account, currency=currency, product="current", opened_on=date(2026, 1, 1),
        holders=holders,
    )  # fmt: skip
    return submission(f"{account}/opened", data)


def closed(account: str, on: date = date(2026, 2, 1)) -> Submission:
    """The closing of an account."""
    return submission(f"{account}/closed", AccountClosed(occurred_at=AT, on=on, reason="asked"), account)


def booked(reference: str, *legs: tuple[str, str, str], currency: str = "EUR", **fields: Any) -> Submission:
    """A booked transaction; legs are (account, direction, amount)."""
    made = tuple(
        Leg(
            account=account, direction=direction, amount=Decimal(amount), currency=currency,  # type: ignore[arg-type]
            counterparty=Counterparty(name="Charles Babbage"),
        )
        for account, direction, amount in legs
    )  # fmt: skip
    data = BookTransaction(
        occurred_at=AT, reference=reference, kind="transfer", channel="counter", booked_at=AT,
        value_date=AT.date(), legs=made, **fields,
    )  # fmt: skip
    return submission(reference, data)


def household() -> list[Submission]:
    """Two customers with papers, an account each, and one transfer between them."""
    return [
        registered("C1"), captured("C1", "P1"), verified("C1"), established("C1"),
        registered("C2", "Grace Hopper"), captured("C2", "P2"), verified("C2"), established("C2"),
        opened("A1", "C1"), opened("A2", "C2"),
        booked("T1", ("A1", "debit", "12.50"), ("A2", "credit", "12.50"), remittance="rent for March"),
    ]  # fmt: skip


def receipts(answer: object) -> tuple[Receipt, ...]:
    """The receipts of an answer that must not be an error."""
    assert isinstance(answer, tuple), answer
    return answer


@pytest.fixture
def ledger(log: EventLog) -> Ledger:
    """A ledger over a fresh log."""
    return Ledger(log, ZoneInfo("Europe/London"))
