"""SWIFT MT messages: blocks, bare files, statements and payments, and what is wrong with them where."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from fix_messages import MARK, OURS, SETTING, THEIRS, events
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.admit import shape
from kyc.domain.located import Located
from kyc.domain.occasional import TransactionInstructed
from kyc.domain.transaction import BookTransaction
from kyc.domain.values import Charge, Equivalent
from kyc.ingest.readers import fin, mt

UETR = "8a562c67-ca16-48ba-b074-65581be6f001"
HEADS = "{1:F01BYLADEM1AXXX0000000000}{2:O%s1200260302AGRIFRPPAXXX00000000002603021200N}{3:{121:" + UETR + "}}{4:\n"
ENTRY = ":61:2603030302CR12,50NTRFNONREF//BANK-1\nline beneath\n"
GERMAN = (
    ":86:166?00GUTSCHRIFT?109075?20EREF+E2E-1?21SVWZ+invoice ?227?30AGRIFRPP?31" + THEIRS + "?32Grace Hop?33per\n"
)


def statement(*fields: str, opening: str = "C260301EUR1,00", closing: str = "C260302EUR13,50") -> str:
    """A bare statement."""
    ends = f":62F:{closing}\n" if closing else ""
    return f":20:S1\n:25:{OURS}\n:28C:1/1\n:60F:{opening}\n{''.join(fields)}{ends}-\n"


PAYMENT = f""":20:REF-103
:23B:CRED
:32A:260302EUR12,50
:33B:USD13,60
:36:0,9191
:50K:/{THEIRS}
Grace Hopper
1 Rue Vieille
Paris
:52A:AGRIFRPP
:56A:DEUTDEFF
:57A:BYLADEM1001
:59:/{OURS}
Ada Lovelace
:70:/ROC/E2E-1
invoice 7
:71A:SHA
:71F:USD1,00
:72:/ACC/call
-}}
"""


def told(folder: Path, text: str | bytes, **setting: str) -> list[Located]:
    """What a file of this text gives."""
    path = folder / "in.sta"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(mt.submissions(path, SETTING._replace(**setting)))


@pytest.mark.parametrize("frame", ["bare", "crlf", "blocks", "no end", "bank's head"])
def test_an_entry(tmp_path, frame):
    """An entry with its narrative is a booking, in bare files and in whole messages."""
    text = statement(ENTRY, GERMAN)
    text = {
        "bare": text, "crlf": text.replace("\n", "\r\n"), "blocks": HEADS % "940" + text[:-1] + "}{5:{CHK:1}}\n",
        "no end": text[:-2], "bank's head": "ABNANL2A\n940\nABNANL2A\n" + text,
    }[frame]  # fmt: skip
    (line,) = told(tmp_path, text)
    (booked,) = events([line])
    assert isinstance(booked, BookTransaction)
    (leg,) = booked.legs
    assert (leg.account, leg.direction, leg.amount, leg.currency) == (OURS, "credit", Decimal("12.50"), "EUR")
    assert (booked.booked_at.isoformat(), booked.value_date) == ("2026-03-02T00:00:00+01:00", date(2026, 3, 3))
    assert (leg.counterparty.name, leg.counterparty.account) == ("Grace Hopper", THEIRS)
    assert (booked.end_to_end, booked.remittance, booked.cross_border) == ("E2E-1", "invoice 7", True)
    assert (booked.wire.servicer_reference, booked.wire.scheme) == ("BANK-1", "NTRF")
    assert "166?00GUTSCHRIFT" in booked.wire.information
    assert booked.wire.information.startswith("line beneath")
    assert len(shape(line.item, date(2026, 3, 4)).entries) == 1


def test_other_narratives(tmp_path):
    """Codes between slashes are taken apart; plain text is the remittance; nothing is lost."""
    coded = f":86:/TRTP/SEPA/IBAN/{THEIRS}/BIC/AGRIFRPP/NAME/Grace/REMI/invoice\n 7/EREF/E2E-1\n"
    first, second = events(
        told(tmp_path, statement(ENTRY, coded, ENTRY.replace("-1", "-2"), ":86:plain\ntext\n", closing=""))
    )
    assert (first.remittance, first.end_to_end, first.originator.name) == ("invoice 7", "E2E-1", "Grace")
    assert (second.remittance, second.originator) == ("plain\ntext", None)


MARKS = [("C", "credit", False), ("D", "debit", False), ("RC", "debit", True), ("RD", "credit", True)]


@pytest.mark.parametrize(("mark", "side", "reversal"), MARKS)
def test_marks(tmp_path, mark, side, reversal):
    """A reversed credit is a debit, a reversed debit a credit, and both say what they are."""
    text = statement(f":61:260303{mark}12,NCHGNONREF\n", closing="")
    (booked,) = events(told(tmp_path, text))
    assert (booked.legs[0].direction, booked.reversal, booked.kind) == (side, reversal, "fee")
    assert (booked.legs[0].amount, booked.value_date) == (Decimal("12.00"), booked.booked_at.date())


def test_statement_and_message_of_another_kind_share_the_key(tmp_path):
    """The interim report and the statement tell of one entry; expected entries are not booked."""
    interim = (
        f":20:I\n:25:{OURS}\n:34F:EUR0,\n:13D:2603021200+0100\n{ENTRY}:61:260303ED1,NTRFX\n:90C:1EUR12,50\n-\n"
    )
    first, expected = told(tmp_path, interim)
    assert (expected.item.message, expected.item.grave, expected.line) == ("not booked yet", False, 7)
    assert first.item.key == told(tmp_path, statement(ENTRY))[0].item.key


def test_years_turn(tmp_path):
    """The day of booking is in the year that brings it nearest to the value date."""
    text = statement(":61:2601021231C1,NTRFX\n", ":61:2512310102C1,NTRFX\n", closing="")
    before, after = events(told(tmp_path, text))
    assert (before.booked_at.date(), after.booked_at.date()) == (date(2025, 12, 31), date(2026, 1, 2))


def test_statements_that_do_not_add_up(tmp_path):
    """Opening balance and entries that do not give the closing balance are told."""
    _, notice = told(tmp_path, statement(ENTRY, closing="C260302EUR13,51"))
    assert (notice.item.message, notice.item.grave) == ("the balances do not agree", True)


FAULTS = {
    "no amount": (":61:260303CNTRFX\n", "61", "not an entry"),
    "point": (":61:260303C12.50NTRFX\n", "61", "not an entry"),
    "impossible date": (":61:260230C1,NTRFX\n", "61", "not a date"),
    "impossible entry date": (":61:2603030230C1,NTRFX\n", "61", "not a date"),
    "long amount": (f":61:260303C{'1' * 15},NTRFX\n", "61", "not an amount"),
    "balance": (f":62F:{MARK}\n", "62F", "not a balance"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faulty_fields_are_named(tmp_path, case):
    """A faulty field is refused with line, tag and format, never a value; the entries around it are kept."""
    text, tag, message = FAULTS[case]
    first, fault, second, *_ = told(tmp_path, statement(ENTRY, text, ENTRY.replace("-1", "-2"), closing=""))
    assert isinstance(first.item.data, BookTransaction)
    assert isinstance(second.item.data, BookTransaction)
    assert (fault.item.message, fault.item.field, fault.line, fault.element) == (message, tag, 7, f":{tag}:")
    assert MARK not in fault.item.diagnostics()


def test_payment(tmp_path):
    """MT103: parties, institutions, instructed amount with rate, charges, references, on both accounts."""
    out, into = events(told(tmp_path, HEADS % "103" + PAYMENT))
    assert isinstance(into, TransactionInstructed)
    assert (out.account, out.direction, into.account, into.direction) == (THEIRS, "debit", OURS, "credit")
    assert (into.amount, into.currency, into.settled_on) == (Decimal("12.50"), "EUR", date(2026, 3, 2))
    assert (into.originator.name, into.originator.address) == ("Grace Hopper", "1 Rue Vieille, Paris")
    assert (into.originator.institution_code, into.beneficiary.institution_code) == ("AGRIFRPP", "BYLADEM1001")
    assert into.equivalents == (
        Equivalent(
            amount=Decimal("13.60"), currency="USD", rate=Decimal("0.9191"), rate_source="message",
            rate_date=date(2026, 3, 2),
        ),
    )  # fmt: skip
    assert into.wire.charges == (Charge(amount=Decimal("1.00"), currency="USD", kind="sender"),)
    assert (into.wire.uetr, into.wire.charge_bearer, into.wire.instruction) == (UETR, "SHA", "REF-103")
    assert [(agent.role, agent.code) for agent in into.wire.agents] == [("intermediary-1", "DEUTDEFF")]
    assert (into.end_to_end, into.wire.instructions) == ("E2E-1", "/ACC/call")
    assert into.reference.startswith(UETR)


def test_numbered_parties(tmp_path):
    """Option F: name, address, country and town, and the number that identifies."""
    text = PAYMENT.replace(
        ":50K:/" + THEIRS + "\nGrace Hopper\n1 Rue Vieille\nParis\n",
        ":50F:CCPT/FR/12345\n1/Grace\n1/Hopper\n2/1 Rue Vieille\n3/FR/Paris\n",
    )
    (into,) = events(told(tmp_path, HEADS % "103" + text))
    party = into.originator
    assert (party.name, party.country, party.address) == ("Grace Hopper", "FR", "1 Rue Vieille, Paris")
    assert (party.document_kind, party.document_number) == ("CCPT", "FR/12345")


def test_cover_payment(tmp_path):
    """MT202 COV: institutions pay, known by BIC in the list of accounts; the customers' payment is kept."""
    text = (
        f":20:R2\n:21:REF-103\n:32A:260302EUR12,50\n:52A:AGRIFRPP\n:58A:BYLADEM1\n:50K:/{THEIRS}\nGrace\n"
        f":59:/{OURS}\nAda\n:70:rent\n-}}\n"
    )
    heads = (HEADS % "202").replace("{121:", "{119:COV}{121:")
    (one,) = events(told(tmp_path, heads + text, accounts={"AGRIFRPP": "VOSTRO-1"}))  # type: ignore[arg-type]
    assert (one.account, one.direction, one.originator.name) == ("VOSTRO-1", "debit", "AGRIFRPP")
    assert (one.wire.underlying_originator.name, one.wire.underlying_beneficiary.name) == ("Grace", "Ada")
    assert (one.remittance, one.wire.transaction) == ("rent", "REF-103")


def test_many_messages(tmp_path):
    """Messages one after another, on one line or apart by a dollar; a damaged one does not hide the next."""
    good = HEADS % "103" + PAYMENT
    other = good.replace("REF-103", "R2").replace(UETR, "")
    text = good.rstrip("\n") + "{5:{CHK:1}}$" + other + HEADS % "103" + ":20:R3\n:23B:CRED\n-}\n" + good[:-2]
    lines = told(tmp_path, text)
    assert [type(line.item).__name__ for line in lines] == ["Submission"] * 4 + ["FaultError"] * 2
    assert [line.item.message for line in lines[4:]] == ["a field is missing", "the message breaks off"]
    assert len({line.item.key for line in lines[:4]}) == 4


def test_what_is_not_read(tmp_path):
    """Other types, other text, overlong lines and wrong encodings are refused with their line."""
    (line,) = told(tmp_path, HEADS % "700" + ":20:X\n-}\n")
    assert (line.item.message, line.item.remedy) == ("not a message that is read", "leave out MT700")
    found = told(tmp_path, f"{MARK}\n{'x' * 9_000}\n")
    assert [(line.line, line.item.message) for line in found] == [
        (1, "not a line of a message"), (2, "the line is too long"), (1, "no message"),
    ]  # fmt: skip
    text = statement(ENTRY, ":86:Zoë\n").encode("latin-1")
    wrong, _, totals = told(tmp_path, text)
    assert (wrong.item.message, wrong.line) == ("wrong encoding", 7)
    assert totals.item.message == "the totals cannot be compared"
    (booked,) = events(told(tmp_path, text, encoding="latin-1"))
    assert booked.remittance == "Zoë"


def test_a_field_without_end_is_told_once(tmp_path):
    """A field of too many lines is one fault, however many they are; the entry it belongs to is kept."""
    text = statement(ENTRY, ":86:narrative\n" + "more\n" * (fin.FIELD_MAX + 50), closing="")
    fault, booked, totals = told(tmp_path, text)
    assert (fault.item.message, fault.line) == ("the field is too long", 7 + fin.FIELD_MAX)
    assert isinstance(booked.item.data, BookTransaction)
    assert totals.item.message == "the totals cannot be compared"


@given(st.decimals(min_value=0, max_value=10**11, places=2), st.dates(date(1980, 1, 1), date(2079, 12, 31)))
def test_amounts_and_days_are_exact(tmp_path_factory, amount, day):
    """Whatever amount and day a field can hold are those that are booked."""
    text = statement(f":61:{day:%y%m%d}{day:%m%d}C{f'{amount:f}'.replace('.', ',')}NTRFX\n", closing="")
    (booked,) = events(told(tmp_path_factory.mktemp("x"), text))
    assert (booked.legs[0].amount, booked.value_date, booked.booked_at.date()) == (amount, day, day)
