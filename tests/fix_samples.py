"""One sample of every event, fields filled as far as they can be: what golden files and properties go through.

Beside them a strategy that makes any event of the catalogue out of its own type, within the limits it declares.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from kyc.domain import account as a
from kyc.domain import customer as c
from kyc.domain import document as d
from kyc.domain import transaction as t
from kyc.domain.catalogue import STREAMS
from kyc.domain.event import Event, Image, topics
from kyc.domain.values import Address, Counterparty, Equivalent, Name, Party, Phone

CHINA = timezone(timedelta(hours=8))
AT = datetime(2026, 3, 2, 10, 15, 30, 250_000, tzinfo=CHINA)
DAY = date(2026, 3, 2)
SHOP = Counterparty(
    name="阳光超市", account="6222020000000001", account_kind="settlement", institution="示例银行",
    institution_code="EXMPCNBJXXX", institution_code_kind="BIC", country="CHN", district="110101",
    address="北京市东城区1号", document_kind="uscc", document_number="91110000600037341L",
)  # fmt: skip
PARTY = Party(
    name="王·买买提", role="legal-representative", document_kind="resident-id",
    document_number="11010519491231002X", document_expires_on=date(2030, 1, 1), nationality="CHN",
    percentage=Decimal("25.00"), birth_date=date(1949, 12, 31), phone="+86 10 1234", customer="C9",
)  # fmt: skip
HOME = Address(
    lines=("1 Old Street", "Flat 2"), country="GBR", kind="habitual", city="London", region="LND",
    postcode="EC1V",
)  # fmt: skip
IMAGE = Image(name="front", media_type="image/png", size=2_048, commitment="ab" * 32, pages=2)
HALF = a.Holder(customer="C1", role="joint", share=Decimal(50))
POSTING = {"occurred_at": AT, "account": "A1", "reference": "T1"}


def _customer() -> list[Event]:
    return [
        c.CustomerRegistered(
            occurred_at=AT, customer="C1", type="sole-trader", template="sole-trader/1", notice="notice/3",
            names=(
                Name(text="㛃·Ōkami", script="Hans"),
                Name(text="O'Brien & Sons", kind="trade", script="Latn"),
            ),
            addresses=(HOME,), phones=(Phone(number="+44 20 7946 0000", kind="work"),), email="a@example.org",
            gender="female", birth_date=date(1990, 5, 17), birth_place="Leeds", nationalities=("GBR", "CHN"),
            occupation_code="20100", occupation="shopkeeper", employer="self", income_band="C",
            tax_residence="GBR", tax_number="QQ123456C", purpose="business payments", legal_form="sole trader",
            business_scope="retail", industry_code="F5211", registration_kind="uscc",
            registration_number="91110000600037341L", registered_capital="1000.00 CNY",
            incorporated_on=date(2015, 1, 1), parties=(PARTY,), collected_by="T-1", source="direct",
        ),
        c.NameChanged(occurred_at=AT, names=(Name(text="Ada King"),), evidence="deed poll", effective_from=DAY),
        c.AddressChanged(occurred_at=AT, addresses=(HOME,), effective_from=DAY, evidence="bill"),
        c.ContactChanged(
            occurred_at=AT, effective_from=DAY, phones=(Phone(number="13800000000"),), email="b@x.org"
        ),
        c.AttributeChanged(
            occurred_at=AT, attribute="occupation", now="baker", effective_from=DAY, evidence="contract"
        ),
        c.AttributeCorrected(
            occurred_at=AT, target=1, attribute="nationalities", was="GBR CHN", now="GBR", reason="typing error",
            evidence="passport", approver="T-2",
        ),
        c.AccountLinked(occurred_at=AT, account="A1", role="owner", on=DAY),
        c.AccountUnlinked(occurred_at=AT, account="A1", on=DAY),
        c.RelationshipEstablished(occurred_at=AT, on=DAY),
        c.RelationshipEnded(occurred_at=AT, on=DAY, reason="moved abroad", accounts=("A1", "A2")),
        c.IdentityVerified(
            occurred_at=AT, level="enhanced", method="chip", document_kind="passport", verified_by="T-1"
        ),
        c.RiskRated(
            occurred_at=AT, level="high", model="customer-risk/1", reasons=("cash",), score=80, rated_on=DAY
        ),
    ]  # fmt: skip


def _document() -> list[Event]:
    return [
        d.DocumentCaptured(
            occurred_at=AT, images=(IMAGE,), kind="passport", number="P1234567", issuing_country="GBR",
            issuing_authority="HMPO", name_as_printed="LOVELACE ADA", issued_on=date(2020, 1, 1),
            valid_from=date(2020, 1, 2), expires_on=date(2030, 1, 1), mrz=("P<GBR<<", "P123"),
            form="certified-copy", channel="counter", held_by="C2",
        ),
        d.DocumentVerified(
            occurred_at=AT, kind="passport", number="P1234567", method="chip", result="match", reference="V1",
            checked_by="T-1",
        ),
    ]  # fmt: skip


def _account() -> list[Event]:
    return [
        a.AccountOpened(
            occurred_at=AT, account="A1", currency="CNY", product="savings", opened_on=DAY,
            holders=(HALF, a.Holder(customer="C2", role="joint", share=Decimal(50))), mandate="all",
        ),
        a.HolderAdded(occurred_at=AT, holder=HALF, on=DAY),
        a.HolderRemoved(occurred_at=AT, customer="C1", on=DAY, reason="divorce"),
        a.StandingOrderRegistered(
            occurred_at=AT, order="S1", amount=Decimal("1200.00"), currency="CNY", counterparty=SHOP,
            purpose="rent", rhythm="quarterly",
        ),
        a.AccountClosed(occurred_at=AT, on=DAY, reason="asked"),
    ]  # fmt: skip


def booking(**changes: Any) -> t.BookTransaction:
    """A booking with every field filled, for 1,234.50 CNY from A1 to A2."""
    leg = t.Leg(
        account="A1", direction="debit", amount=Decimal("1234.50"), currency="CNY",
        balance_after=Decimal("-1.00"), fee=Decimal("0.50"), card="6222020000000001", counterparty=SHOP,
    )  # fmt: skip
    other = t.Leg(account="A2", direction="credit", amount=Decimal("1234.50"), currency="CNY")
    full = t.BookTransaction(
        occurred_at=AT, reference="T1", kind="transfer", channel="e-bank", booked_at=AT, value_date=DAY,
        initiated_at=AT - timedelta(minutes=2), authorised_at=AT - timedelta(minutes=1), serial="S-1",
        end_to_end="E2E-1", parent="T0", reversal=True, cash=True, cross_border=True, teller="T-1",
        authoriser="T-2", device="192.0.2.1", purpose="goods", remittance="invoice 7",
        balance_of_payments_code="121010", district="110101", country="CHN", originator=SHOP, beneficiary=SHOP,
        conductor=PARTY, documents=("D1",), funds_code="K", goods="bread", legs=(leg, other),
        equivalents=(
            Equivalent(
                amount=Decimal("170.27"), currency="USD", rate=Decimal("0.137925"), rate_source="SAFE",
                rate_date=DAY,
            ),
        ),
    )  # fmt: skip
    return msgspec.structs.replace(full, **changes)


def _transaction() -> list[Event]:
    return [
        t.postings(booking())[0],
        t.TransactionRejected(
            **POSTING, direction="debit", amount=Decimal("5.00"), currency="CNY", reason="limit",
            counterparty=SHOP,
        ),
        t.TransactionReversed(**POSTING, reversed_by="T2", reason="wrong payee"),
        t.TransactionCorrected(
            **POSTING, corrections=(t.FieldCorrection(field="purpose", was="goods", now="services"),),
            reason="typing error", approver="T-2",
        ),
        t.CounterpartyCompleted(**POSTING, counterparty=SHOP, source="pacs.008"),
        t.SupportingDocumentAttached(
            **POSTING, images=(IMAGE,), kind="invoice", document="I-7", digest="cd" * 32
        ),
    ]  # fmt: skip


# --- any event, out of its own type ---------------------------------------------------------------------

_OFFSETS = [UTC, CHINA, timezone(timedelta(hours=-3, minutes=-30))]
_TEXT = st.characters(codec="utf-8", exclude_characters=[chr(n) for n in (*range(9), 11, 12, *range(14, 32), 127)])
_FORMS = {
    "^[A-Z]{3}$": st.sampled_from(["CNY", "USD", "GBR"]),
    "^([A-Z][a-z]{3})?$": st.sampled_from(["", "Hans", "Latn"]),
    "^[a-z-]{1,32}/[!-~]{1,64}$": st.sampled_from(["customer/C1", "account/A1"]),
    "^[0-9]{4}-(0[1-9]|1[0-2])$": st.sampled_from(["2025-12", "2026-01"]),
    "^[0-9a-f]{64}$": st.binary(min_size=32, max_size=32).map(bytes.hex),
}


def _text(kind: Any) -> st.SearchStrategy[str]:
    form = _FORMS.get(kind.pattern or "")
    if form is not None:
        return form
    return st.text(_TEXT, min_size=kind.min_length or 0, max_size=min(kind.max_length or 40, 40))


def _whole(kind: Any) -> st.SearchStrategy[int]:
    low = kind.ge if kind.ge is not None else -(2**31)
    return st.integers(low, kind.le if kind.le is not None else 2**31)


_FIRST, _LAST = datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2100-01-01")
_MAKERS: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    msgspec.inspect.StrType: _text,
    msgspec.inspect.IntType: _whole,
    msgspec.inspect.DecimalType: lambda _: st.decimals(-(10**9), 10**9, places=2),
    msgspec.inspect.DateTimeType: lambda _: st.datetimes(_FIRST, _LAST, timezones=st.sampled_from(_OFFSETS)),
    msgspec.inspect.DateType: lambda _: st.dates(_FIRST.date(), _LAST.date()),
    msgspec.inspect.BoolType: lambda _: st.booleans(),
    msgspec.inspect.NoneType: lambda _: st.none(),
    msgspec.inspect.LiteralType: lambda kind: st.sampled_from(kind.values),
    msgspec.inspect.EnumType: lambda kind: st.sampled_from(list(kind.cls)),
    msgspec.inspect.UnionType: lambda kind: st.one_of(*map(values, kind.types)),
    msgspec.inspect.StructType: lambda kind: structs(kind.cls),
    msgspec.inspect.VarTupleType: lambda kind: st.lists(
        values(kind.item_type), min_size=kind.min_length or 0, max_size=3
    ).map(tuple),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """A strategy for values of a type as msgspec sees it."""
    return _MAKERS[type(kind)](kind)


def structs(cls: Any) -> st.SearchStrategy[Any]:
    """A strategy for structs of a class, defaults left out now and then."""
    fields = msgspec.inspect.type_info(cls).fields
    made = {field.name: values(field.type) for field in fields}
    needed = {field.name: made[field.name] for field in fields if field.required}
    return st.one_of(st.builds(cls, **made), st.builds(cls, **needed))


# --- one full event of a type ---------------------------------------------------------------------------

_FIXED: dict[type, Callable[[Any, str], Any]] = {
    msgspec.inspect.IntType: lambda kind, _: min((kind.ge or 0) + 7, kind.le or 7 + (kind.ge or 0)),
    msgspec.inspect.DecimalType: lambda _, __: Decimal("12.50"),
    msgspec.inspect.DateTimeType: lambda _, __: AT,
    msgspec.inspect.DateType: lambda _, __: DAY,
    msgspec.inspect.BoolType: lambda _, __: True,
    msgspec.inspect.LiteralType: lambda kind, name: _WORDS.get(name, kind.values[0]),
    msgspec.inspect.EnumType: lambda kind, _: next(iter(kind.cls)),
    msgspec.inspect.StructType: lambda kind, _: full(kind.cls),
    msgspec.inspect.VarTupleType: lambda kind, name: tuple(
        _value(kind.item_type, f"{name}-{n}") for n in range(1, (kind.min_length or 1) + 1)
    ),
    msgspec.inspect.UnionType: lambda kind, name: _value(
        next(one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType)), name
    ),
}
_WORDS = {"rules": "authorities"}
"""Values that stay as golden files have them, though a new one is first by the alphabet now."""
_FIXED_FORMS = {
    "^[A-Z]{3}$": "CNY",
    "^([A-Z][a-z]{3})?$": "Hans",
    "^[0-9a-f]{64}$": "ab" * 32,
    "^[0-9]{4}-(0[1-9]|1[0-2])$": "2026-03",
    "^[a-z-]{1,32}/[!-~]{1,64}$": "customer/C1",
}


def _value(kind: Any, name: str) -> Any:
    if isinstance(kind, msgspec.inspect.StrType):
        return _FIXED_FORMS.get(kind.pattern or "") or name.replace("_", "-")
    return _FIXED[type(kind)](kind, name)


def full(cls: Any) -> Any:
    """A struct with every field filled: text is the field's name, the rest the same everywhere."""
    return cls(**{field.name: _value(field.type, field.name) for field in msgspec.inspect.type_info(cls).fields})


PRODUCT = {topic: kind for topic, kind in topics().items() if kind.STREAM in STREAMS}
"""Topic → event, without those that tests define."""
SAMPLES = {topic: full(kind) for topic, kind in PRODUCT.items()} | {
    event.TOPIC: event for event in (*_customer(), *_document(), *_account(), *_transaction())
}
"""Topic → sample: written by hand where it tells something, filled by type elsewhere."""


@pytest.fixture(params=sorted(PRODUCT))
def topic(request: pytest.FixtureRequest) -> str:
    """Each topic of the product in turn."""
    return str(request.param)
