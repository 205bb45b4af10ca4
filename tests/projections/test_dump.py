"""A full dump of the database after everything is projected: not one personal value in it, in whatever writing."""

from __future__ import annotations

import re
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from fix_bank import AT, booked, closed, established, opened, receipts, submission, verified

from kyc.domain.customer import CustomerRegistered
from kyc.domain.document import DocumentCaptured
from kyc.domain.fact import Submission
from kyc.domain.submission import Scan, StreamName
from kyc.domain.transaction import Leg
from kyc.domain.values import Address, Counterparty, Name, Phone
from kyc.ledger import Ledger
from kyc.simulate.submissions import simulate
from kyc.store.binaries import Binaries
from kyc.store.log import EventLog
from projections import customer_profile, retention_trigger, transaction_index
from projections.engine import Engine

pytestmark = pytest.mark.pg15

NAMES = (
    "Zerlina Quackenbush-Featherstonehaugh",
    "欧阳泽琳娜",
    "འཇམ་དབྱངས་སྒྲོལ་མ",
    "قۇربانجان ئابدۇراخمان",
    "Żółć-Gęślą",
)
SCAN = b"\x89PNG the face of Zerlina, front and back, " + bytes(range(256))
SHORTEST = 6
"""Shorter texts are codes, or would be found by accident."""
CODE = re.compile(r"[a-z][a-z0-9/.-]*|HQ.*")
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?|\d{4}-\d\d-\d\d(T.*)?")
"""Amounts, days and moments: those are columns in clear."""


def person() -> list[Submission]:
    """Somebody whose every field is a value nobody else has, with a document, an account and a payment."""
    registered = CustomerRegistered(
        occurred_at=AT, customer="CUST-991-771", type="natural", template="natural/1", notice="notice/1",
        names=tuple(Name(text=text, kind="legal" if not at else "alias") for at, text in enumerate(NAMES)),
        birth_date=date(1911, 10, 10), nationalities=("GBR",),
        phones=(Phone(number="+8613955512345"), Phone(number="+441632960961")),
        addresses=(Address(lines=("77 Nightingale Lane", "江岸区长江路441号"), country="GBR"),),
        email="zerlina.q@example.org",
    )  # fmt: skip
    paper = DocumentCaptured(
        occurred_at=AT, kind="passport", number="X7734420K", issuing_country="GBR", issued_on=date(2025, 1, 1),
        expires_on=date(2035, 1, 1),
    )  # fmt: skip
    leg = Leg(
        account="ACCT-556-113", direction="debit", amount=Decimal("4711.00"), currency="EUR",
        counterparty=Counterparty(name="Barnaby Thistlewaite", account="OTHER-9-8-7"),
    )  # fmt: skip
    legs = ("ACCT-556-113", "debit", "4711.00")
    booking = booked("REF-20260301-77341", legs, remittance="for the emerald necklace 祖母绿项链")
    scan = Scan(name="front", media_type="image/png", content=SCAN)
    return [
        submission("registered", registered), submission("paper", paper, "CUST-991-771", scans=(scan,)),
        verified("CUST-991-771"), established("CUST-991-771"), opened("ACCT-556-113", "CUST-991-771"),
        submission("booking", msgspec.structs.replace(booking.data, legs=(leg,))),
        closed("ACCT-556-113", AT.date()),
    ]  # fmt: skip


def texts(value: object) -> Iterator[str]:
    """Every text within a decoded payload."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


def personal(log: EventLog) -> set[str]:
    """What the events say of anybody: every text of theirs but codes, amounts and days."""
    found: set[str] = set()
    clear: set[str] = set()
    for lane in range(log.lanes):
        for recorded in log.reveal(list(log.reader.lane(lane))):
            found.update(texts(msgspec.to_builtins(recorded.event)))
            clear.update(texts(recorded.context))  # whom a header names is a pseudonym of the house
            images = getattr(recorded.event, "images", ())
            clear.update(image.commitment for image in images)  # salted, and what scans are found by
    found -= clear
    return {
        text for text in found
        if len(text.encode()) >= SHORTEST and not CODE.fullmatch(text) and not PLAIN.fullmatch(text)
    }  # fmt: skip


def writings(value: bytes) -> Iterator[bytes]:
    """A value as it is, in hexadecimal, and in base64 wherever its bytes may fall."""
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for shift in range(3):
        whole = b64encode(bytes(shift) + value)
        yield whole[-(-shift * 8 // 6) : len(value + bytes(shift)) * 8 // 6]  # only characters of whole bytes


def forms(text: str) -> Iterator[bytes]:
    """A text in the encodings a dump could have it in."""
    escaped = text.encode("ascii", "backslashreplace")
    for value in {text.encode(), text.encode("utf-16-be"), escaped, escaped.replace(b"\\", b"\\\\")}:
        yield from writings(value)


def dumped(binaries: Binaries, log: EventLog) -> bytes:
    """All there is, read models included, as the owner dumps it."""
    command = [str(binaries.bin / "pg_dump"), "--dbname", log.database.dsn]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_dump_holds_no_planted_value(ledger: Ledger, engine: Engine, pg_binaries: Binaries) -> None:
    """Names in every script, numbers, addresses, texts, scans: none is found, as text, hex or base64."""
    log = ledger.log
    for answer in ledger.record(person()):
        receipts(answer)
    everybody = list(simulate(7, 12, 40, date(2026, 1, 1), 30, scans=True, note=lambda _: None))
    assert not [answer for answer in ledger.record(everybody) if not isinstance(answer, tuple)]
    engine.catch_up()
    assert customer_profile.find(log, name="\u6cfd\u7433\u5a1c")
    assert len(transaction_index.of_account(log, "ACCT-556-113")) == 1
    dump, values = dumped(pg_binaries, log), personal(log)
    assert {
        *NAMES,
        "zerlina.q@example.org",
        "X7734420K",
        "OTHER-9-8-7",
        "CUST-991-771",
        "REF-20260301-77341",
    } <= values
    assert len(values) > 200
    assert all(kept in dump for kept in (b"customer_profile_b1", b"4711.00", b"retention_trigger"))
    assert [text for text in values if any(form in dump for form in forms(text))] == []
    scans = [scan.content for line in everybody for scan in line.scans]
    assert len(scans) > 12
    for content in (SCAN, *scans):
        for at in range(0, len(content) - 32, max(32, len(content) // 4)):
            assert not [form for form in writings(content[at : at + 32]) if form in dump]
    assert b"1911-10-10" not in dump


@pytest.mark.parametrize("before", [b"", b"x", b"xy"])
def test_the_search_finds(before: bytes) -> None:
    """What the search looks for is found wherever it stands in a longer value, however that is written."""
    for text in (*NAMES, "77 Lane"):
        for value in (text.encode(), text.encode("utf-16-be"), text.encode("ascii", "backslashreplace")):
            for longer in (before + value + b"z", before + value):
                written = (longer, longer.hex().encode(), longer.hex().upper().encode(), b64encode(longer))
                assert all(any(form in one for form in forms(text)) for one in written)


def test_destroyed_key_is_unreadable_at_once_and_swept(ledger: Ledger, engine: Engine) -> None:
    """The destroyed key takes the profile with it before any sweep; the sweep takes the rows."""
    for answer in ledger.record(person()):
        receipts(answer)
    engine.catch_up()
    log = ledger.log
    stream = StreamName("customer", "CUST-991-771")
    row = next(iter(log.events(stream))).row
    assert log.key_store.destroy(row.data_key)
    log.ring.forget(row.data_key)
    (gone,) = customer_profile.find(log, number="CUST-991-771")
    assert (gone.state, gone.status) == (None, "disposed")
    assert [one.event for one in log.events(stream)] == [None] * 5
    engine.sweep()
    assert customer_profile.find(log, number="CUST-991-771") == []
    assert retention_trigger.units(log, [row.data_key]) == []
    with log.database.connection() as connection:
        left = connection.execute(
            "select table_name from information_schema.columns where table_schema = 'kyc_read'"
            " and column_name = 'data_key' and table_name ~ '_b[0-9]+$'"
        ).fetchall()
        assert len(left) > 5
        for (table,) in left:
            query = f"select count(*) from kyc_read.{table} where data_key = %s".encode()
            assert connection.execute(query, (row.data_key.hex(),)).fetchone() == (0,)
