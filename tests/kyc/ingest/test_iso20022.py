"""Statements of ISO 20022, version by version: what an entry becomes, what is a fault and where, what adds up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from fix_messages import BODIES, MARK, OURS, SETTING, SPACE, THEIRS, entry, events, payment, statement, told
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.admit import shape
from kyc.domain.fact import Submission
from kyc.domain.located import NoticeError
from kyc.domain.transaction import BookTransaction, PaymentDetailed
from kyc.domain.values import Charge, Counterparty, Equivalent, Sum
from kyc.errors import RefusedError

TODAY = date(2026, 3, 4)
SENDER = Counterparty(
    name="Grace Hopper", account=THEIRS, institution_code="AGRIFRPP", institution_code_kind="BIC", country="FR",
    address="Paris",
)  # fmt: skip


def balance(kind: str, amount: str, side: str = "CRDT") -> str:
    """A balance of a statement."""
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>2026-03-03</Dt></Dt></Bal>"
    )


def faults(lines):
    """What is no submission."""
    return [line for line in lines if isinstance(line.item, RefusedError)]


@pytest.mark.parametrize("version", range(1, 15))
@pytest.mark.parametrize("kind", BODIES)
def test_every_version(tmp_path, kind, version):
    """An entry of each message in each of its versions is one booking with everything that was told of it."""
    text = statement(entry(details=payment(version=version), version=version), kind=kind, version=version)
    (line,) = told(tmp_path, text)
    (booked,) = events([line])
    assert isinstance(booked, BookTransaction)
    (leg,) = booked.legs
    assert (leg.account, leg.direction, leg.amount, leg.currency) == (OURS, "credit", Decimal("12.50"), "EUR")
    assert leg.counterparty == booked.originator == SENDER
    assert booked.beneficiary is None
    assert booked.booked_at == datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert (booked.value_date, booked.end_to_end, booked.remittance) == (date(2026, 3, 3), "E2E-1", "invoice 7")
    assert (booked.kind, booked.cash, booked.cross_border, booked.reversal) == ("transfer", False, True, False)
    assert booked.wire is not None
    assert (booked.wire.scheme, booked.wire.servicer_reference) == ("PMNT/RCDT/ESCT", "R1")
    assert booked.reference.startswith("R1/")
    assert line.element.endswith(f"/{BODIES[kind][1]}/Ntry")
    assert isinstance(line.item.data, BookTransaction)
    assert len(shape(line.item, TODAY).entries) == 1


def test_the_same_entry_in_every_message_has_one_key(tmp_path):
    """Report, statement and notification of an entry agree on its key and its content, whatever surrounds it."""
    found = []
    for kind in BODIES:
        for version in (2, 4, 8, 13):
            text = statement(
                entry(details=payment(version=version), version=version, booked="<DtTm>2026-03-02T00:00:00</DtTm>"),
                kind=kind, version=version,
            )  # fmt: skip
            found += told(tmp_path, text)
    assert len({line.item.key for line in found}) == 1
    assert len({line.item.data for line in found}) == 1
    assert all(line.restated is not None for line in found)


def test_entries_are_told_apart(tmp_path):
    """Equal entries of one statement are two; other accounts, sides, amounts, days and references are others."""
    differing = [
        entry(), entry(), entry(reference="R2"), entry(side="DBIT"), entry("12.51"), entry(reference=""),
        entry(reference=""), entry(booked="<Dt>2026-03-01</Dt>"), entry(more="<RvslInd>true</RvslInd>"),
        entry(reference="", details=payment(end_to_end="E2E-2")),
    ]  # fmt: skip
    lines = told(tmp_path, statement(*differing)) + told(tmp_path, statement(entry(), account=THEIRS))
    keys = [line.item.key for line in lines]
    assert len(set(keys)) == len(keys) == 11
    assert len({line.item.data.reference for line in lines}) == 11
    again = [line.item.key for line in told(tmp_path, statement(*differing))]
    assert again == keys[:10]


def test_batches(tmp_path):
    """A batch is one booking; each payment in it is recorded beside it, and has to add up."""
    several = payment("Ada", "E1", "7.50") + payment("Bea", "E2", "5.00")
    first, *rest = events(told(tmp_path, statement(entry(details=several))))
    assert (first.legs[0].amount, first.legs[0].counterparty, first.wire.payments) == (Decimal("12.50"), None, 2)
    assert [(one.amount, one.counterparty.name, one.end_to_end) for one in rest] == [
        (Decimal("7.50"), "Ada", "E1"), (Decimal("5.00"), "Bea", "E2"),
    ]  # fmt: skip
    assert all(isinstance(one, PaymentDetailed) and one.reference == first.reference for one in rest)
    lines = told(tmp_path, statement(entry("12.51", details=several)))
    (wrong,) = faults(lines)
    assert (wrong.item.message, wrong.element) == (
        "the payments do not add up to the entry", "/Document/BkToCstmrStmt/Stmt/Ntry",
    )  # fmt: skip
    assert len(lines) == 4


def test_a_statement_without_the_batch_has_the_key_of_the_one_with_it(tmp_path):
    """The statement gives the sum, the notification its payments: one booking, in whichever order they come."""
    several = payment("Ada", "E1", "7.50") + payment("Bea", "E2", "5.00")
    plain = told(tmp_path, statement(entry()))
    full = told(tmp_path, statement(entry(details=several), kind="054"))
    assert plain[0].item.key == full[0].item.key
    assert plain[0].item.data.reference == full[0].item.data.reference == full[1].item.data.reference


@pytest.mark.parametrize("state", ["<Cd>PDNG</Cd>", "<Cd>INFO</Cd>", "<Cd>FUTR</Cd>", "PDNG"])
def test_what_is_not_booked_is_only_told(tmp_path, state):
    """A pending or informational entry is no booking, and somebody is told."""
    (line,) = told(tmp_path, statement(entry(status=state)))
    assert isinstance(line.item, NoticeError)
    assert (line.item.message, line.item.grave) == ("not booked yet", False)


def test_reversals_keep_their_parties(tmp_path):
    """An entry that takes a debit back is a credit whose counterparty is still the creditor."""
    text = payment().replace("Dbtr", "Cdtr")
    (booked,) = events(told(tmp_path, statement(entry(details=text, more="<RvslInd>true</RvslInd>"))))
    assert (booked.reversal, booked.parent, booked.wire.reversal) == (True, "E2E-1", True)
    assert booked.legs[0].counterparty == booked.beneficiary == SENDER


MORE = (
    '<AmtDtls><InstdAmt><Amt Ccy="USD">13.60</Amt><CcyXchg><SrcCcy>USD</SrcCcy><XchgRate>0.919117647</XchgRate>'
    "<CtrctId>FX-1</CtrctId><QtnDt>2026-02-27T10:00:00Z</QtnDt></CcyXchg></InstdAmt></AmtDtls>"
)
CHARGES = (
    '<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">1.50</TtlChrgsAndTaxAmt><Rcrd><Amt Ccy="EUR">1.50</Amt>'
    "<ChrgInclInd>true</ChrgInclInd><Tp><Cd>COMM</Cd></Tp><Br>SHAR</Br></Rcrd></Chrgs>"
)
REST = (
    "<Purp><Cd>SALA</Cd></Purp><RltdDts><AccptncDtTm>2026-03-01T08:00:00Z</AccptncDtTm></RltdDts>"
    "<RtrInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed</AddtlInf></RtrInf>"
    "<SplmtryData><Envlp><Any>thing</Any></Envlp></SplmtryData>"
)


def test_particulars(tmp_path):
    """Exchange with its rate, charges, purpose, return, references and structured remittance are all kept."""
    text = payment(more=MORE + CHARGES + REST)
    text = text.replace(
        "<Refs>",
        "<Refs><InstrId>I1</InstrId><UETR>8a562c67-ca16-48ba-b074-65581be6f001</UETR><TxId>T1</TxId><MndtId>M9</MndtId>",
    ).replace("</Ustrd>", "</Ustrd><Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd>")
    (booked,) = events(told(tmp_path, statement(entry(details=text))))
    assert booked.equivalents == (
        Equivalent(
            amount=Decimal("13.60"), currency="USD", rate=Decimal("0.919117647"), rate_source="FX-1",
            rate_date=date(2026, 2, 27),
        ),
    )  # fmt: skip
    assert booked.legs[0].fee == Decimal("1.50")
    assert booked.wire.charges == (
        Charge(amount=Decimal("1.50"), currency="EUR", kind="COMM", bearer="SHAR", included=True),
    )
    assert (booked.purpose, booked.wire.return_reason) == ("SALA", "AC04 closed")
    assert booked.initiated_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert (booked.serial, booked.wire.instruction, booked.wire.mandate) == ("T1", "I1", "M9")
    assert booked.remittance == "invoice 7\nRF18539007547034"
    assert booked.reference.startswith(booked.wire.uetr + "/")


def test_amounts_without_rate_and_long_remittance(tmp_path):
    """A foreign amount without rate is kept as it is; a long remittance stands in full beside the short field."""
    text = payment(more='<AmtDtls><InstdAmt><Amt Ccy="USD">13.6</Amt></InstdAmt></AmtDtls>')
    text = text.replace("<Ustrd>invoice 7</Ustrd>", f"<Ustrd>{'x' * 140}</Ustrd>" * 5)
    (booked,) = events(told(tmp_path, statement(entry(details=text))))
    assert booked.wire.sums == (Sum(kind="instructed", amount=Decimal("13.60"), currency="USD"),)
    assert (len(booked.remittance), len(booked.wire.remittance)) == (500, 704)


FAULTS = {
    "no amount": (lambda text: text.replace('<Amt Ccy="EUR">12.50</Amt>', "", 1), "Amt", "an element is missing"),
    "misspelt": (lambda text: text.replace("CdtDbtInd", "CdtDbt"), "CdtDbtInd", "an element is missing"),
    "no currency": (lambda text: text.replace(' Ccy="EUR"', "", 1), "Amt", "an amount without currency"),
    "small letters": (lambda text: text.replace('Ccy="EUR"', 'Ccy="eur"', 1), "Amt", "an amount without currency"),
    "not a number": (lambda text: text.replace("12.50", MARK, 1), "Amt", "not an amount"),
    "NaN": (lambda text: text.replace("12.50", "NaN", 1), "Amt", "not an amount"),
    "exponent": (lambda text: text.replace("12.50", "1E+2", 1), "Amt", "not an amount"),
    "negative": (lambda text: text.replace("12.50", "-12.50", 1), "Amt", "not an amount"),
    "comma": (lambda text: text.replace("12.50", "12,50", 1), "Amt", "not an amount"),
    "huge": (lambda text: text.replace("12.50", "1" * 19, 1), "Amt", "not an amount"),
    "sideways": (lambda text: text.replace("CRDT", MARK, 1), "CdtDbtInd", "neither credit nor debit"),
    "unknown status": (lambda text: text.replace("BOOK", MARK), "Sts", "no status that is known"),
    "impossible date": (lambda text: text.replace("2026-03-02<", "2026-02-30<"), "BookgDt/Dt", "not a date"),
    "week date": (lambda text: text.replace("2026-03-02<", "2026-W10-1<"), "BookgDt/Dt", "not a date"),
    "no account": (lambda text: text.replace("Acct>", "Account>"), "Ntry", "the statement names no account"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faulty_entries_are_named(tmp_path, case):
    """A faulty entry is refused with line, element, field and rule, never a value; the others are kept."""
    change, field, message = FAULTS[case]
    bad = change(statement("\n", entry(), before=""))
    if case == "no account":
        (line,) = faults(told(tmp_path, bad))
    else:
        bad = bad.replace("</Stmt>", f"\n{entry(reference='R2')}</Stmt>")
        *_, line, good = sorted(told(tmp_path, bad), key=lambda one: one.line)
        assert isinstance(good.item.data, BookTransaction)
    assert (line.item.message, line.item.field, line.line) == (message, field, 2)
    assert line.element.startswith("/Document/BkToCstmrStmt/Stmt/Ntry")
    assert MARK not in repr((line.item.diagnostics(), line.element))


def test_more_decimals_than_the_currency_has(tmp_path):
    """Zeros beyond the currency's digits mean nothing; digits there are refused on admission, by name."""
    (good,) = told(tmp_path, statement(entry("12.50000")))
    assert good.item.data.legs[0].amount == Decimal("12.50")
    (fine,) = told(tmp_path, statement(entry("12.50001")))
    with pytest.raises(RefusedError, match="more decimals"):
        shape(fine.item, TODAY)


@given(st.decimals(min_value=0, max_value=10**15, places=5), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_amounts_are_exact(tmp_path_factory, amount, currency):
    """Whatever decimal a message can hold is the one that is booked, to the last digit."""
    text = statement(entry(f"{amount:f}", currency=currency), currency=currency)
    (booked,) = events(told(tmp_path_factory.mktemp("x"), text))
    assert booked.legs[0].amount == amount


@given(
    st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2100-01-01")), st.integers(-14, 14)
)
def test_moments_are_exact(tmp_path_factory, moment, hours):
    """A moment with offset is that instant; one without is of the institution's zone; a day begins there."""
    folder = tmp_path_factory.mktemp("x")
    text = moment.isoformat()
    offset = f"{text}{'-' if hours < 0 else '+'}{abs(hours):02}:00"
    (exact,) = events(told(folder, statement(entry(booked=f"<DtTm>{offset}</DtTm>"))))
    assert exact.booked_at == datetime.fromisoformat(offset)
    (local,) = events(told(folder, statement(entry(booked=f"<DtTm>{text}</DtTm>"))))
    assert local.booked_at == moment.replace(tzinfo=SETTING.zone)
    (day,) = events(told(folder, statement(entry(booked=f"<Dt>{text[:10]}</Dt>"))))
    assert (day.booked_at.date(), day.booked_at.hour) == (moment.date(), 0)


def test_missing_days(tmp_path):
    """Without a day of booking the value date is one, without both the statement's."""
    text = entry().replace("<BookgDt><Dt>2026-03-02</Dt></BookgDt>", "")
    (booked,) = events(told(tmp_path, statement(text)))
    assert booked.booked_at.date() == booked.value_date == date(2026, 3, 3)
    (booked,) = events(told(tmp_path, statement(text.replace("<ValDt><Dt>2026-03-03</Dt></ValDt>", ""))))
    assert booked.booked_at.isoformat() == "2026-03-03T18:00:00+01:00"


SUMMARY = (
    "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>20.00</Sum><TtlNetNtry><Amt>5.00</Amt>"
    "<CdtDbtInd>CRDT</CdtDbtInd></TtlNetNtry></TtlNtries><TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>12.50</Sum>"
    "</TtlCdtNtries><TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>7.5</Sum></TtlDbtNtries></TxsSummry>"
)


def test_statements_that_add_up(tmp_path):
    """Balances, numbers and sums that agree are silent; each that does not is told, and nothing is refused."""
    before = balance("OPBD", "1.00", "DBIT") + balance("CLBD", "4.00") + SUMMARY
    both = (entry(), entry("7.50", "DBIT", "R2"))
    assert len(events(told(tmp_path, statement(*both, before=before)))) == 2
    lines = told(tmp_path, statement(entry(), before=before))
    assert [line.item.message for line in faults(lines)] == [
        "the balances do not agree", "the number of entries differs (all)", "the sum of entries differs (all)",
        "the number of entries differs (debit)", "the sum of entries differs (debit)",
        "the net sum of entries differs",
    ]  # fmt: skip
    assert len(lines) == 7
    pages = "<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"
    assert len(events(told(tmp_path, statement(entry(), before=pages + before)))) == 1


ENVELOPES = {
    "bare": "{}",
    "header": f'<m><AppHdr xmlns="{SPACE}head.001.001.02"><BizMsgIdr>B</BizMsgIdr></AppHdr>{{}}</m>',
    "deep": '<s:E xmlns:s="urn:s"><s:B><x:DataPDU xmlns:x="urn:swift"><Body>{}</Body></x:DataPDU></s:B></s:E>',
}


@pytest.mark.parametrize("case", ENVELOPES)
def test_envelopes(tmp_path, case):
    """Any wrapper, with or without business application header, and several messages in it."""
    text = ENVELOPES[case].format(statement(entry()))
    assert len(events(told(tmp_path, text))) == 1
    if case != "bare":
        text = ENVELOPES[case].format(statement(entry()) + statement(entry(reference="R2"), kind="052", version=2))
        assert len(events(told(tmp_path, text))) == 2


def test_namespaces(tmp_path):
    """A prefix, another namespace or none at all: the message is known by its name."""
    text = statement(entry())
    prefixed = (
        text.replace("</", "</d:").replace("<", "<d:").replace("<d:/d:", "</d:").replace(" xmlns=", " xmlns:d=")
    )
    for one in (
        prefixed,
        text.replace(f' xmlns="{SPACE}camt.053.001.08"', ""),
        text.replace(SPACE, "urn:swift:xsd:"),
    ):
        assert len(events(told(tmp_path, one))) == 1


def test_messages_that_are_not_read(tmp_path):
    """Another message, a file without any, and one without a statement are refused by name, with their line."""
    other = f'<m><Document xmlns="{SPACE}pain.001.001.09"><CstmrCdtTrfInitn/></Document>\n{statement(entry())}</m>'
    refused, good = told(tmp_path, other)
    assert (refused.item.message, refused.item.remedy) == ("not a message that is read", "leave out pain.001")
    assert isinstance(good.item.data, BookTransaction)
    (line,) = told(tmp_path, "<a><b/></a>")
    assert line.item.message == "not a message that is read"
    text = statement(entry())
    (line,) = told(tmp_path, text[: text.index("<Stmt>")] + "</BkToCstmrStmt></Document>")
    assert (line.item.field, line.element) == ("Stmt", "/Document/BkToCstmrStmt/Stmt")


def test_what_breaks_off_keeps_its_entries(tmp_path):
    """A truncated file gives its complete entries and the fault's line and element; no totals are guessed at."""
    text = statement("\n", entry(), "\n", entry(reference="R2"), before=balance("OPBD", "1") + balance("CLBD", "9"))
    good, fault = told(tmp_path, text[: text.index("R2")])
    assert isinstance(good.item.data, BookTransaction)
    assert (fault.item.message, fault.line) == ("not well-formed XML", 3)
    assert fault.element == "/Document/BkToCstmrStmt/Stmt/Ntry[2]/AcctSvcrRef"


def test_texts_longer_than_their_fields(tmp_path):
    """A text that no field holds is refused by name of the field, because it could not be read again."""
    (line,) = told(tmp_path, statement(entry(details=payment(name="x" * 501))))
    assert (line.item.field, line.item.rule) == ("legs[0].counterparty.name", "Expected `str` of length <= 500")


def test_charges_of_the_first_versions(tmp_path):
    """Before version 4 each charge stood by itself, also beside a total."""
    one = '<Chrgs><Amt Ccy="EUR">0.50</Amt><Tp><Cd>COMM</Cd></Tp></Chrgs>'
    text = payment(version=2, more=f'<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">0.75</TtlChrgsAndTaxAmt></Chrgs>{one}')
    (booked,) = events(told(tmp_path, statement(entry(details=text, version=2), version=2)))
    assert booked.legs[0].fee == Decimal("0.75")
    assert booked.wire.charges == (Charge(amount=Decimal("0.50"), currency="EUR", kind="COMM"),)


def test_half_an_amount(tmp_path):
    """What is told beside a booking has amount and currency, or neither."""
    _, detail, _ = told(tmp_path, statement(entry(details=payment(amount="7.50") + payment(amount="5.00"))))
    half = msgspec.structs.replace(detail.item.data, currency=None)
    with pytest.raises(RefusedError, match="half an amount"):
        shape(Submission(key="k", origin=SETTING.origin, data=half), TODAY)
