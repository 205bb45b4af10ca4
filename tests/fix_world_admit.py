"""What stories of admission begin with: a bank of one customer and one account, and the facts it is made of."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec
from fix_samples import CHINA, HOME
from fix_world import TODAY, World

from kyc.domain.account import AccountOpened, Holder
from kyc.domain.customer import (
    CustomerRegistered,
    IdentityVerified,
    RelationshipEstablished,
)
from kyc.domain.document import DocumentCaptured, DocumentVerified
from kyc.domain.submission import Scan
from kyc.domain.transaction import BookTransaction, Leg
from kyc.domain.values import Name

NOW = datetime(2026, 3, 2, 10, tzinfo=CHINA)
NAIVE = NOW.replace(tzinfo=None)
TOMORROW = TODAY + timedelta(days=2)
NUMBER = "91110000600037341L"
ID_NUMBER = "11010519491231002X"
PNG = Scan(name="front", media_type="image/png", content=b"png")

PERSON = CustomerRegistered(
    occurred_at=NOW, customer="C1", type="natural", template="natural/1", notice="notice/3",
    names=(Name(text="Ada Lovelace-Marker"),), addresses=(HOME,), birth_date=date(1990, 5, 17),
    nationalities=("GBR",),
)  # fmt: skip
PASSPORT = DocumentCaptured(
    occurred_at=NOW, kind="passport", number="P-MARKER-1", issuing_country="GBR", issued_on=date(2020, 1, 1),
    expires_on=date(2030, 1, 1),
)  # fmt: skip
CHECKED = DocumentVerified(
    occurred_at=NOW, kind="passport", number="P-MARKER-1", method="chip", result="match", checked_by="T-1"
)
VERIFIED = IdentityVerified(
    occurred_at=NOW, level="standard", method="chip", document_kind="passport", verified_by="T-1"
)
OPENED = AccountOpened(
    occurred_at=NOW, account="A1", currency="CNY", product="savings", opened_on=date(2026, 1, 1),
    holders=(Holder(customer="C1"),),
)  # fmt: skip
BOOKED = BookTransaction(
    occurred_at=NOW, reference="T-MARKER-1", kind="transfer", channel="counter", booked_at=NOW, value_date=TODAY,
    legs=(Leg(account="A1", direction="debit", amount=Decimal("1.00"), currency="CNY"),),
)  # fmt: skip


def changed(event, **fields):
    """The same event with other fields."""
    return msgspec.structs.replace(event, **fields)


def leg(**fields):
    """The booking with one leg changed."""
    return changed(BOOKED, legs=(changed(BOOKED.legs[0], **fields),))


def with_one_account(world: World) -> World:
    """A bank with a verified customer C1, a customer C2, and an account A1 of C1."""
    world.record(PERSON)
    world.record(PASSPORT, "C1", scans=(PNG,))
    world.record(VERIFIED, "C1")
    world.record(RelationshipEstablished(occurred_at=NOW, on=TODAY), "C1")
    world.record(changed(PERSON, customer="C2"))
    world.record(OPENED)
    return world
