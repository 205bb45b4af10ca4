"""Payment and statement messages for tests, written as the versions of the standard write them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kyc.domain.fact import Submission
from kyc.domain.located import Located
from kyc.domain.submission import Origin
from kyc.ingest.readers import iso20022
from kyc.ingest.setting import Setting

OURS, THEIRS = "DE02120300000000202051", "FR7630006000011234567890189"
ORIGIN = Origin(actor="message-reader", branch="HQ", purpose="account-service", legal_basis="AML24-34")
SETTING = Setting(ORIGIN, ZoneInfo("Europe/Berlin"), {})
BODIES = {
    "052": ("BkToCstmrAcctRpt", "Rpt"),
    "053": ("BkToCstmrStmt", "Stmt"),
    "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}
SPACE = "urn:iso:std:iso:20022:tech:xsd:"
MARK = "4T-MARK-X9"
"""A word that must never be told to anybody."""


def statement(
    *entries: str, kind: str = "053", version: int = 8, before: str = "", account: str = OURS, currency: str = "EUR"
) -> str:
    """A message with one statement; ``before`` stands between account and entries."""
    outer, inner = BODIES[kind]
    outer += "V01" if version == 1 else ""
    return (
        f'<Document xmlns="{SPACE}camt.{kind}.001.{version:02}"><{outer}>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-03-03T18:00:00+01:00</CreDtTm></GrpHdr>"
        f"<{inner}><Id>S1</Id><CreDtTm>2026-03-03T18:00:00+01:00</CreDtTm><Acct><Id><IBAN>{account}</IBAN></Id>"
        f"<Ccy>{currency}</Ccy></Acct>{before}{''.join(entries)}</{inner}></{outer}></Document>"
    )


def entry(
    amount: str = "12.50", side: str = "CRDT", reference: str = "R1", *, details: str = "", status: str = "",
    version: int = 8, more: str = "", currency: str = "EUR", booked: str = "<Dt>2026-03-02</Dt>",
) -> str:  # fmt: skip
    """An entry; ``more`` stands behind its status."""
    state = status or ("<Cd>BOOK</Cd>" if version >= 8 else "BOOK")
    known = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{more}<Sts>{state}</Sts>'
        f"<BookgDt>{booked}</BookgDt><ValDt><Dt>2026-03-03</Dt></ValDt>{known}"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"{details}</Ntry>"
    )


def payment(
    name: str = "Grace Hopper", end_to_end: str = "E2E-1", amount: str = "", version: int = 8, more: str = ""
) -> str:
    """Details of a payment that ``name`` sent us; ``more`` stands at its end."""
    party = f"<Nm>{name}</Nm><PstlAdr><TwnNm>Paris</TwnNm><Ctry>FR</Ctry></PstlAdr>"
    party = f"<Pty>{party}</Pty>" if version >= 8 else party
    agent = "<BICFI>AGRIFRPP</BICFI>" if version >= 3 else "<BIC>AGRIFRPP</BIC>"
    given = f'<AmtDtls><TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt></AmtDtls>' if amount and version < 4 else ""
    beside = f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>' if amount and version >= 4 else ""
    text = (
        f"<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>{beside}{given}"
        f"<RltdPties><Dbtr>{party}</Dbtr><DbtrAcct><Id><IBAN>{THEIRS}</IBAN></Id></DbtrAcct></RltdPties>"
        f"<RltdAgts><DbtrAgt><FinInstnId>{agent}</FinInstnId></DbtrAgt></RltdAgts>"
        f"<RmtInf><Ustrd>invoice 7</Ustrd></RmtInf>{more}</TxDtls>"
    )
    return text if version == 1 else f"<NtryDtls>{text}</NtryDtls>"


def told(folder: Path, text: str | bytes, setting: Setting = SETTING) -> list[Located]:
    """What a file of this text gives."""
    path = folder / "in.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(iso20022.submissions(path, setting))


def events(lines: Iterable[Located]) -> list[Any]:
    """The events of submissions; fails where there is anything else."""
    found = []
    for line in lines:
        assert isinstance(line.item, Submission), (line.item, line.item.field, line.item.rule)
        found.append(line.item.data)
    return found


def transfer(
    *payments: str, kind: str = "008", version: int = 8, number: int | None = None, total: str = ""
) -> str:
    """A message of payments between institutions; ``total`` is what the header says of their sum."""
    outer = {"008": "FIToFICstmrCdtTrf", "009": "FICdtTrf" if version > 2 else "FinInstnCdtTrf"}[kind]
    outer = f"pacs.{kind}.001.01" if version == 1 else outer
    summed = f"<CtrlSum>{total}</CtrlSum>" if total else ""
    return (
        f'<Document xmlns="{SPACE}pacs.{kind}.001.{version:02}"><{outer}><GrpHdr><MsgId>M1</MsgId>'
        f"<CreDtTm>2026-03-02T09:00:00Z</CreDtTm><NbOfTxs>{len(payments) if number is None else number}</NbOfTxs>"
        f"{summed}<SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf></GrpHdr>{''.join(payments)}</{outer}></Document>"
    )


def credit(
    debtor: str = THEIRS, creditor: str = OURS, amount: str = "12.50", uetr: str = "", transaction: str = "T1",
    version: int = 8, more: str = "",
) -> str:  # fmt: skip
    """A payment of Grace Hopper to Ada Lovelace; ``more`` stands at its end."""
    bic = "BICFI" if version >= 3 else "BIC"

    def side(tag: str, name: str, account: str, bank: str) -> str:
        known = f"<{tag}Acct><Id><IBAN>{account}</IBAN></Id></{tag}Acct>" if account else ""
        agent = f"<{tag}Agt><FinInstnId><{bic}>{bank}</{bic}></FinInstnId></{tag}Agt>"
        return f"<{tag}><Nm>{name}</Nm></{tag}>{known}{agent}"

    unique = f"<UETR>{uetr}</UETR>" if uetr else ""
    return (
        f"<CdtTrfTxInf><PmtId><InstrId>I1</InstrId><EndToEndId>E2E-1</EndToEndId><TxId>{transaction}</TxId>{unique}"
        f'</PmtId><IntrBkSttlmAmt Ccy="EUR">{amount}</IntrBkSttlmAmt><IntrBkSttlmDt>2026-03-02</IntrBkSttlmDt>'
        f"{side('Dbtr', 'Grace Hopper', debtor, 'AGRIFRPP')}{side('Cdtr', 'Ada Lovelace', creditor, 'BYLADEM1')}"
        f"<RmtInf><Ustrd>invoice 7</Ustrd></RmtInf>{more}</CdtTrfTxInf>"
    )
