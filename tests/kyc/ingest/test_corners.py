"""Messages written from the corners of the schemas, not from samples: what is valid there is read, and exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from fix_messages import OURS, SETTING, SPACE, THEIRS, entry, events, payment, statement, told

from kyc.domain.admit import shape
from kyc.domain.transaction import BookTransaction, PaymentDetailed
from kyc.domain.values import Charge

CURRENCIES = f"""<?xml version="1.0" encoding="UTF-16"?>
<!-- two accounts of one customer, Swiss francs and yen -->
<ns2:Document xmlns:ns2="{SPACE}camt.053.001.10" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="{SPACE}camt.053.001.10 camt.053.001.10.xsd"><ns2:BkToCstmrStmt>
 <ns2:GrpHdr><ns2:MsgId>万-1</ns2:MsgId><ns2:CreDtTm>2026-03-03T24:00:00</ns2:CreDtTm></ns2:GrpHdr>
 <ns2:Stmt><ns2:Id>1</ns2:Id><ns2:Acct><ns2:Id><ns2:Othr><ns2:Id>CHF-1</ns2:Id><ns2:SchmeNm><ns2:Cd>BBAN</ns2:Cd>
   </ns2:SchmeNm></ns2:Othr></ns2:Id><ns2:Ccy>CHF</ns2:Ccy></ns2:Acct>
  <ns2:Ntry><ns2:NtryRef>7</ns2:NtryRef><ns2:Amt Ccy="CHF"> +1234.500 </ns2:Amt><ns2:CdtDbtInd>CRDT</ns2:CdtDbtInd>
   <ns2:Sts><ns2:Cd>BOOK</ns2:Cd></ns2:Sts><ns2:BookgDt><ns2:Dt>2026-03-02+01:00</ns2:Dt></ns2:BookgDt>
   <ns2:ValDt><ns2:DtTm>2026-03-02T23:59:59.1234567891+01:00</ns2:DtTm></ns2:ValDt>
   <ns2:BkTxCd><ns2:Prtry><ns2:Cd>4711</ns2:Cd></ns2:Prtry></ns2:BkTxCd>
   <ns2:NtryDtls><ns2:TxDtls><ns2:Refs><ns2:EndToEndId>NOTPROVIDED</ns2:EndToEndId></ns2:Refs>
    <ns2:Amt Ccy="CHF">1234.5</ns2:Amt><ns2:CdtDbtInd>CRDT</ns2:CdtDbtInd>
    <ns2:AmtDtls><ns2:InstdAmt><ns2:Amt Ccy="USD">1400.00</ns2:Amt></ns2:InstdAmt>
     <ns2:TxAmt><ns2:Amt Ccy="CHF">1240.5</ns2:Amt><ns2:CcyXchg><ns2:SrcCcy>USD</ns2:SrcCcy>
      <ns2:TrgtCcy>CHF</ns2:TrgtCcy><ns2:UnitCcy>USD</ns2:UnitCcy><ns2:XchgRate>+.8860714285</ns2:XchgRate>
      </ns2:CcyXchg>
     </ns2:TxAmt></ns2:AmtDtls>
    <ns2:Chrgs><ns2:Rcrd><ns2:Amt Ccy="CHF">6.</ns2:Amt><ns2:CdtDbtInd>DBIT</ns2:CdtDbtInd>
     <ns2:ChrgInclInd>1</ns2:ChrgInclInd><ns2:Tp><ns2:Prtry><ns2:Id>SWIFT fee</ns2:Id></ns2:Prtry></ns2:Tp>
     <ns2:Br>CRED</ns2:Br></ns2:Rcrd></ns2:Chrgs>
    <ns2:RltdPties><ns2:Dbtr><ns2:Pty><ns2:Nm>李<!-- x -->四 <![CDATA[& <Söhne>]]></ns2:Nm></ns2:Pty></ns2:Dbtr>
    </ns2:RltdPties></ns2:TxDtls></ns2:NtryDtls></ns2:Ntry></ns2:Stmt>
 <ns2:Stmt><ns2:Id>2</ns2:Id><ns2:Acct><ns2:Id><ns2:IBAN>{OURS}</ns2:IBAN></ns2:Id></ns2:Acct>
  <ns2:Ntry><ns2:Amt Ccy="JPY">140000</ns2:Amt><ns2:CdtDbtInd>DBIT</ns2:CdtDbtInd>
   <ns2:Sts><ns2:Cd>BOOK</ns2:Cd></ns2:Sts><ns2:BkTxCd/></ns2:Ntry></ns2:Stmt>
</ns2:BkToCstmrStmt></ns2:Document>
"""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be-bom", "utf-16-le-bom", "utf-8-sig"])
def test_accounts_in_several_currencies(tmp_path, encoding):
    """Prefixed, in UTF-16 or behind a byte order mark, with the rarer forms of decimals, days, texts and flags."""
    text = CURRENCIES
    if encoding == "utf-8-sig":
        text = text.replace(' encoding="UTF-16"', "")
    raw = {
        "utf-16-be-bom": lambda: b"\xfe\xff" + text.encode("utf-16-be"),
        "utf-16-le-bom": lambda: b"\xff\xfe" + text.encode("utf-16-le"),
    }.get(encoding, lambda: text.encode(encoding))()
    francs, yen = events(told(tmp_path, raw))
    (leg,) = francs.legs
    assert (leg.account, leg.amount, leg.currency, leg.fee) == ("CHF-1", Decimal("1234.50"), "CHF", None)
    assert leg.counterparty.name == "李四 & <Söhne>"
    assert francs.booked_at == datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=1)))
    assert (francs.value_date, francs.end_to_end, francs.wire.scheme) == (date(2026, 3, 2), "", "4711")
    (dollars,) = francs.equivalents
    assert (dollars.amount, dollars.currency, dollars.rate) == (Decimal("1400.00"), "USD", Decimal("0.8860714285"))
    assert francs.wire.charges == (
        Charge(amount=Decimal("6.00"), currency="CHF", kind="SWIFT fee", bearer="CRED", included=True),
    )
    (leg,) = yen.legs
    assert (leg.account, leg.direction, leg.amount, leg.currency) == (OURS, "debit", Decimal(140_000), "JPY")
    assert leg.counterparty is None
    assert yen.booked_at == datetime(2026, 3, 4, tzinfo=SETTING.zone), (
        "the end of a day is the beginning of the next"
    )


def test_a_batch_of_very_many(tmp_path):
    """A collection of 2,400 direct debits in two lots: one booking, each payment beside it, the poorest too."""
    poor = '<TxDtls><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></TxDtls>'
    back = poor.replace("1.00", "3.00").replace("CRDT", "DBIT")
    back = back.replace("</TxDtls>", "<RtrInf><Rsn><Cd>MD06</Cd></Rsn></RtrInf></TxDtls>")
    rich = payment(amount="2.00", more="<AddtlTxInf>member 7</AddtlTxInf>").removeprefix("<NtryDtls>")
    rich = rich.removesuffix("</NtryDtls>")

    def lot(number: int, payments: str) -> str:
        return f"<NtryDtls><Btch><PmtInfId>L{number}</PmtInfId><NbOfTxs>1200</NbOfTxs></Btch>{payments}</NtryDtls>"

    lots = lot(1, poor * 1_200) + lot(2, rich * 1_199 + back)
    lines = told(tmp_path, statement(entry("3595.00", details=lots), kind="054", version=4))
    booked, *beside = events(lines)
    assert isinstance(booked, BookTransaction)
    assert (booked.legs[0].amount, booked.wire.payments) == (Decimal("3595.00"), 2_400)
    assert all(isinstance(one, PaymentDetailed) and one.reference == booked.reference for one in beside)
    assert sum(one.amount if one.direction == "credit" else -one.amount for one in beside) == Decimal("3595.00")
    assert len({line.item.key for line in lines}) == 2_401
    assert (beside[0].counterparty, beside[-1].wire.return_reason) == (None, "MD06")
    assert (beside[1_200].counterparty.name, beside[1_200].wire.information) == ("Grace Hopper", "member 7")


def test_nothing_but_what_is_mandatory(tmp_path):
    """The least that an intraday report may say: amount, side, status, an empty code, and when it was made."""
    text = (
        f'<Document xmlns="{SPACE}camt.052.001.13"><BkToCstmrAcctRpt><GrpHdr><MsgId>M</MsgId>'
        "<CreDtTm>2026-03-02T10:00:00Z</CreDtTm></GrpHdr><Rpt><Id>R</Id>"
        f"<Acct><Id><IBAN>{THEIRS}</IBAN></Id></Acct>"
        '<Ntry><Amt Ccy="EUR">.5</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Prtry>BOOK</Prtry></Sts><BkTxCd/></Ntry>'
        "</Rpt></BkToCstmrAcctRpt></Document>"
    )
    (line,) = told(tmp_path, text)
    (booked,) = events([line])
    assert booked.booked_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert (booked.value_date, booked.legs[0].amount, booked.remittance) == (date(2026, 3, 2), Decimal("0.50"), "")
    assert shape(line.item, date(2026, 3, 3))
