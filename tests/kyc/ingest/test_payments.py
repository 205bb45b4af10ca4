"""Payments of pacs.008 and pacs.009: instructions on the accounts they name, complete, each once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from fix_messages import OURS, SETTING, THEIRS, credit, entry, events, payment, statement, told, transfer

from kyc.domain.admit import shape
from kyc.domain.occasional import TransactionInstructed
from kyc.domain.values import Charge, Equivalent, Sum

UETR = "8a562c67-ca16-48ba-b074-65581be6f001"


@pytest.mark.parametrize(
    ("kind", "version"), [("008", n) for n in range(1, 15)] + [("009", n) for n in range(1, 14)]
)
def test_every_version(tmp_path, kind, version):
    """A payment is an instruction for the debtor's and the creditor's account, with both parties on each."""
    lines = told(tmp_path, transfer(credit(version=version), kind=kind, version=version, total="12.5"))
    out, into = events(lines)
    assert isinstance(out, TransactionInstructed)
    assert (out.account, out.direction, into.account, into.direction) == (THEIRS, "debit", OURS, "credit")
    assert out.amount == into.amount == Decimal("12.50")
    assert out.counterparty == out.beneficiary == into.beneficiary
    assert into.counterparty == into.originator
    assert (into.originator.name, into.originator.account, into.originator.institution_code) == (
        "Grace Hopper", THEIRS, "AGRIFRPP",
    )  # fmt: skip
    assert (into.occurred_at, into.settled_on) == (datetime(2026, 3, 2, 9, tzinfo=UTC), date(2026, 3, 2))
    assert (into.end_to_end, into.remittance) == ("E2E-1", "invoice 7")
    assert (into.wire.scheme, into.wire.settlement, into.wire.transaction) == (f"pacs.{kind}", "CLRG", "T1")
    assert all(line.either for line in lines)
    assert len({line.item.key for line in lines}) == 2
    assert all(shape(line.item, date(2026, 3, 3)) for line in lines)


def test_instruction_and_booking_share_the_reference(tmp_path):
    """With a UETR the instruction has the reference of the booking that the statement tells of later."""
    (out, into) = events(told(tmp_path, transfer(credit(uetr=UETR))))
    detail = payment().replace("<Refs>", f"<Refs><UETR>{UETR}</UETR>")
    (booked,) = events(told(tmp_path, statement(entry(details=detail))))
    assert into.reference == booked.reference != out.reference


def test_copies_of_a_payment_have_one_key(tmp_path):
    """The same payment in another message has the same key; another one never has."""
    first = [line.item.key for line in told(tmp_path, transfer(credit()))]
    again = told(tmp_path, transfer(credit()).replace("M1", "M2").replace("09:00:00", "10:00:00"))
    assert [line.item.key for line in again] == first
    others = [credit(transaction="T2"), credit(amount="12.51"), credit(uetr=UETR), credit(), credit()]
    keys = [line.item.key for line in told(tmp_path, transfer(*others))]
    assert len(set(keys)) == 10


def test_cover_payments_name_whose_payment_they_cover(tmp_path):
    """pacs.009 COV: institutions pay, and the customers behind them stay on record."""
    bank = "<FinInstnId><BICFI>{}</BICFI><Nm>{}</Nm></FinInstnId>"
    under = (
        "<UndrlygCstmrCdtTrf><Dbtr><Nm>Grace Hopper</Nm></Dbtr><Cdtr><Nm>Ada Lovelace</Nm></Cdtr>"
        "<RmtInf><Ustrd>rent</Ustrd></RmtInf></UndrlygCstmrCdtTrf>"
    )
    text = credit(more=under).replace(
        "<Nm>Grace Hopper</Nm></Dbtr><Dbtr", bank.format("DEUTDEFF", "Bank A") + "</Dbtr><Dbtr", 1
    )
    text = text.replace("<RmtInf><Ustrd>invoice 7</Ustrd></RmtInf>", "")
    _, into = events(told(tmp_path, transfer(text, kind="009")))
    assert (into.originator.name, into.originator.institution_code) == ("Bank A", "AGRIFRPP")
    assert (into.wire.underlying_originator.name, into.wire.underlying_beneficiary.name) == (
        "Grace Hopper", "Ada Lovelace",
    )  # fmt: skip
    assert into.remittance == "rent"


def test_particulars(tmp_path):
    """Instructed amount with its rate, charges, agents, purpose, instructions and regulatory reporting are kept."""
    more = (
        '<InstdAmt Ccy="USD">13.60</InstdAmt><XchgRate>0.9191</XchgRate><ChrgBr>SHAR</ChrgBr>'
        '<ChrgsInf><Amt Ccy="EUR">0.50</Amt>'
        "<Agt><FinInstnId><BICFI>CHASUS33</BICFI></FinInstnId></Agt></ChrgsInf><IntrmyAgt1><FinInstnId>"
        "<ClrSysMmbId><ClrSysId><Cd>USABA</Cd></ClrSysId><MmbId>021000021</MmbId></ClrSysMmbId></FinInstnId>"
        "</IntrmyAgt1>"
        "<UltmtDbtr><Nm>Charles</Nm></UltmtDbtr><InstrForCdtrAgt><Cd>PHOB</Cd><InstrInf>call</InstrInf></InstrForCdtrAgt>"
        "<Purp><Cd>SUPP</Cd></Purp><RgltryRptg><Dtls><Cd>121010</Cd><Inf>goods</Inf></Dtls></RgltryRptg>"
    )
    _, into = events(told(tmp_path, transfer(credit(more=more))))
    assert into.equivalents == (
        Equivalent(
            amount=Decimal("13.60"), currency="USD", rate=Decimal("0.9191"), rate_source="message",
            rate_date=date(2026, 3, 2),
        ),
    )  # fmt: skip
    assert into.wire.charges == (Charge(amount=Decimal("0.50"), currency="EUR", institution="CHASUS33"),)
    (agent,) = into.wire.agents
    assert (agent.role, agent.code, agent.code_kind) == ("intermediary-1", "021000021", "USABA")
    assert (into.wire.ultimate_originator.name, into.wire.charge_bearer, into.purpose) == (
        "Charles",
        "SHAR",
        "SUPP",
    )
    assert (into.wire.instructions, into.wire.regulatory) == ("PHOB call", "Dtls/Cd: 121010, Dtls/Inf: goods")
    same = more.replace("USD", "EUR")
    _, into = events(told(tmp_path, transfer(credit(more=same))))
    assert into.wire.sums == (Sum(kind="instructed", amount=Decimal("13.60"), currency="EUR"),)


def test_totals_of_a_message(tmp_path):
    """Number and control sum that do not agree are told; every payment is taken."""
    lines = told(tmp_path, transfer(credit(), credit(transaction="T2"), number=3, total="24.99"))
    assert [line.item.message for line in lines[4:]] == [
        "the number of entries differs (all)", "the sum of entries differs (all)",
    ]  # fmt: skip


def test_payments_without_account(tmp_path):
    """A payment that names no account is refused; a bank's account may be known by its BIC."""
    (line,) = told(tmp_path, transfer(credit("", "")))
    assert (line.item.message, line.element) == (
        "the payment names no account", "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/CdtrAcct",
    )  # fmt: skip
    bank = credit("", "").replace("<Nm>Grace Hopper</Nm>", "<FinInstnId><BICFI>DEUTDEFF</BICFI></FinInstnId>")
    setting = SETTING._replace(accounts={"DEUTDEFF": "VOSTRO-1"})
    (one,) = events(told(tmp_path, transfer(bank, kind="009"), setting))
    assert (one.account, one.direction) == ("VOSTRO-1", "debit")
