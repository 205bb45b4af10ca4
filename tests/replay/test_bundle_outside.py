"""What is outside the legal basis stayed out: all bytes of a bundle are searched for what must not be there."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fix_replay import Bank
from fix_signed import edit, export, resign, verified
from pypdf import PdfReader

from kyc.domain.authority import LegalBasis, OrderAccepted, OrderReceived
from kyc.domain.customer import AddressChanged, AttributeChanged, ContactChanged, CustomerRegistered, RiskRated
from kyc.domain.document import DocumentCaptured, document_claim
from kyc.domain.submission import Entry, Scan, StreamName
from kyc.domain.values import Address, Name, Phone
from replay import verifier
from replay.renderings import Form
from replay.scopes import Scope

pytestmark = pytest.mark.pg15

INSIDE = {"Zinnia Asked", "P7000ASKED", "71234.56", "rent of Askedstreet", "scan asked for"}
"""What the order asks for: the search must find each of it, or it finds nothing."""
OUTSIDE = {
    "another customer": ("Quentin Otherman", "1961-11-23", "19611123", "P8000OTHER", "scan of another"),
    "another account": ("ACC-OTHER", "82345.67", "dues of Otherstreet", "Otherpayer"),
    "another account of the customer": ("93456.78", "fees of Secondstreet"),
    "another period": ("64321.09", "loan of Laterstreet", "53210.98", "gift of Earlierstreet", "Zinnia Later"),
    "contact": ("13955501234", "zinnia@hidden.example", "7 Hidden Lane"),
    "another field": ("1975-06-04", "19750604", "astronomer"),
}  # fmt: skip


def unpacked(value: Any) -> Iterator[str]:
    """Every text of a JSON value, and what it says once base64 or hexadecimal is undone."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from unpacked(part)
        return
    text = str(value)
    yield text
    for decode in (lambda: b64decode(text, validate=True), lambda: bytes.fromhex(text)):
        try:
            yield decode().decode("utf-8", "replace")
        except (ValueError, Error):
            continue


def read(name: str, raw: bytes) -> str:
    """All that a file says, to whoever can take it apart."""
    texts = [raw.decode("utf-8", "replace"), raw.decode("utf-16-le", "replace")]
    if name.endswith((".json", ".ndjson")):
        lines = raw.splitlines() if name.endswith(".ndjson") else [raw]
        texts += [text for line in lines for text in unpacked(json.loads(line))]
    elif name.endswith(".html"):
        texts.append(html.unescape(re.sub(r"<[^>]*>", "", texts[0])))
    elif name.endswith(".pdf"):
        pdf = PdfReader(io.BytesIO(raw))
        texts += [page.extract_text() for page in pdf.pages] + [str(pdf.metadata)]
        texts += [b" ".join(page.get_contents().get_data() for page in pdf.pages).decode("latin-1")]  # type: ignore[union-attr]
    elif name.endswith(".parquet"):
        found = pq.ParquetFile(io.BytesIO(raw))
        texts += [str(found.read().to_pylist()), str(found.metadata.metadata), str(found.schema)]
    return "\n".join(texts)


def change(bank: Bank, attribute: Any, now: str) -> None:
    """A change of one of the customer's fields, recorded by itself."""
    changed = AttributeChanged(occurred_at=bank.now, attribute=attribute, now=now, effective_from=bank.now.date())
    bank.customer("C7", changed)


def register(bank: Bank, number: str, name: str, born: date, paper: str, scan: bytes) -> None:
    """A customer with occupation, document and scan."""
    registered = CustomerRegistered(
        occurred_at=bank.now, customer=number, type="natural", template="natural/1", notice="2026-1",
        names=(Name(text=name),), birth_date=born, occupation="astronomer" if number == "C7" else "baker",
    )  # fmt: skip
    bank.customer(number, registered)
    captured = DocumentCaptured(
        occurred_at=bank.now, kind="passport", number=paper, issuing_country="CHN", name_as_printed=name,
        issued_on=date(2020, 1, 1), expires_on=date(2030, 1, 1), channel="counter",
    )  # fmt: skip
    image = Scan(name="front", media_type="image/png", content=b"\x89PNG " + scan)
    bank.customer(number, captured, image, claims=(document_claim(captured),))


def pay(bank: Bank, reference: str, amount: str, account: str, purpose: str, remittance: str = "x") -> None:
    """A transaction of one account."""
    bank.book(reference, amount, (account, "debit"), purpose=purpose, remittance=remittance)


@pytest.fixture
def order(empty_bank: Bank) -> Bank:
    """A bank with one order: identity and transactions of one customer and one account, for one day."""
    bank = empty_bank
    register(bank, "C7", "Zinnia Asked", date(1975, 6, 4), "P7000ASKED", b"scan asked for")
    register(bank, "C8", "Quentin Otherman", date(1961, 11, 23), "P8000OTHER", b"scan of another")
    contact = ContactChanged(
        occurred_at=bank.now, effective_from=bank.now.date(), phones=(Phone(number="13955501234"),),
        email="zinnia@hidden.example",
    )  # fmt: skip
    lane = Address(lines=("7 Hidden Lane",), country="CHN")
    moved = AddressChanged(occurred_at=bank.now, addresses=(lane,), effective_from=bank.now.date())
    for event in (contact, moved):
        bank.customer("C7", event)
    change(bank, "birth_date", "1975-06-04")
    change(bank, "occupation", "astronomer")
    bank.open("ACC-ASKED", "C7")
    bank.open("ACC-SECOND", "C7")
    bank.open("ACC-OTHER", "C8")
    pay(bank, "T-1", "53210.98", "ACC-ASKED", "gift of Earlierstreet")
    bank.later(24)
    pay(bank, "T-2", "71234.56", "ACC-ASKED", "rent of Askedstreet")
    pay(bank, "T-3", "82345.67", "ACC-OTHER", "dues of Otherstreet", "Otherpayer")
    pay(bank, "T-4", "93456.78", "ACC-SECOND", "fees of Secondstreet")
    received = OrderReceived(
        occurred_at=bank.now, order="O-7", action="query", organ="court", organ_name="Pudong Court", level=2,
        bases=(LegalBasis(instrument="CPL", article="253"),), approval=2, channel="counter", handler="L-1",
        subject="natural", subject_name="Zinnia Asked", customer="C7", accounts=("ACC-ASKED",),
        since=date(2026, 3, 3), until=date(2026, 3, 3), scope=("identity", "transactions"),
    )  # fmt: skip
    name = StreamName("order", "O-7")
    bank.record(Entry(name, name, received))
    bank.record(Entry(name, name, OrderAccepted(occurred_at=bank.now, order="O-7", approver="L-2")))
    bank.later(24)
    bank.rename("C7", "Zinnia Later")
    bank.customer("C7", RiskRated(occurred_at=bank.now, level="high", model="m/1", reasons=("cash",)))
    pay(bank, "T-5", "64321.09", "ACC-ASKED", "loan of Laterstreet")
    bank.seal()
    return bank


def test_nothing_else_is_in_any_file(order: Bank, tmp_path: Path) -> None:
    """Under an order nothing of others, of other accounts, days or fields is in any file, however it is written."""
    out = tmp_path / "o7.zip"
    scope = Scope(kind="order", key="O-7", withhold=("birth_date", "occupation"))
    verified(out, export(order, out, scope=scope, form=Form(parquet=True)))
    with zipfile.ZipFile(out) as box:
        files = {name: box.read(name) for name in box.namelist()}
    texts = {name: read(name, raw) for name, raw in files.items()}
    for planted in INSIDE:
        assert [name for name, text in texts.items() if planted in text], planted
    for suffix in (".ndjson", ".csv", ".parquet", ".html", ".pdf"):
        assert "71234.56" in "".join(text for name, text in texts.items() if name.endswith(suffix)), suffix
    leaked = [
        (what, name) for what, planted in OUTSIDE.items() for name, text in texts.items()
        if any(secret in text or secret in name for secret in planted)
    ]  # fmt: skip
    assert not leaked


def test_outside_is_a_hash_only(order: Bank, tmp_path: Path) -> None:
    """An event outside the scope is stream, version, place in the log, hash and proof: nothing opens it."""
    scope = Scope(kind="order", key="O-7", withhold=("birth_date", "occupation"))
    verified(tmp_path / "o7", export(order, tmp_path / "o7", scope=scope))
    found = [
        json.loads(line) for file in (tmp_path / "o7" / "events").iterdir()
        for line in file.read_text(encoding="utf-8").splitlines()
    ]  # fmt: skip
    outside = [record for record in found if record.get("withheld") == "outside"]
    assert len(outside) == 6  # contact, address, two attributes; later: name and rating
    assert {frozenset(record) for record in outside} == {frozenset(verifier.FIELDS["outside"])}
    assert verifier.FIELDS["outside"] == {"stream", "version", "index", "withheld", "hash", "proof"}


def test_a_withheld_field_by_another_name(order: Bank, tmp_path: Path) -> None:
    """An event that changes a withheld field and is in clear all the same is refused, whoever signs it."""
    change(order, "employer", "Observatory")
    order.seal()
    out = tmp_path / "c7"
    exported = export(order, out, "C7", form=Form(tables=False, report=False))
    verified(out, exported)
    edit(out, "manifest.json", lambda m: m["scope"].update(withheld=["employer"]))
    resign(out)
    with pytest.raises(verifier.Refused, match="a field that is beyond the scope"):
        verified(out, exported)
