"""Payments of pacs.008 and pacs.009, all versions: each an instruction on the accounts of ours that it names.

Whose accounts are ours the ledger knows: an instruction is made for the debtor's and for the creditor's account,
and one of the two may be another bank's. A cover payment (pacs.009 COV) keeps whose payment it covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from kyc.domain.fact import Submission
from kyc.domain.values import Agent, Charge, Counterparty, Equivalent, Sum, Wire
from kyc.ingest.entries import REMITTANCE_MAX, UNKNOWN
from kyc.ingest.instructions import Instructions
from kyc.ingest.readers import elements, remittance
from kyc.ingest.readers.elements import code, fault, institution, moment, money, party
from kyc.ingest.readers.markup import FaultError, Node
from kyc.ingest.repeats import Repeats
from kyc.ingest.setting import Setting
from kyc.ingest.totals import Told, Totals

_AGENTS: Final = {
    "PrvsInstgAgt": "previous", "PrvsInstgAgt1": "previous-1", "PrvsInstgAgt2": "previous-2",
    "PrvsInstgAgt3": "previous-3", "InstgAgt": "instructing", "InstdAgt": "instructed",
    "IntrmyAgt1": "intermediary-1", "IntrmyAgt2": "intermediary-2", "IntrmyAgt3": "intermediary-3",
}  # fmt: skip
_REIMBURSING: Final = {
    "InstgRmbrsmntAgt": "instructing-reimbursement", "InstdRmbrsmntAgt": "instructed-reimbursement",
    "ThrdRmbrsmntAgt": "third-reimbursement",
}  # fmt: skip
_NOTHING: Final = Node("GrpHdr", {}, 0, 0, "")


class PaymentFile:
    """Makes instructions of the payments of one message."""

    def __init__(self, message: str, setting: Setting, repeats: Repeats) -> None:
        self.message, self.setting = message, setting
        self.group = _NOTHING
        self.totals = Totals()
        self._instructions = Instructions(setting.origin, repeats)

    def header(self, part: Node) -> None:
        """Take the group header, which says what all payments share.

        Raises:
            FaultError: a number in it is none.
        """
        self.group = part
        total = part.find("CtrlSum")
        self.totals.told["all"] = Told(
            elements.whole(part, "NbOfTxs"),
            None if total is None else elements.decimal(total.text, part, "CtrlSum"),
        )
        if part.find("TtlIntrBkSttlmAmt") is not None:
            self.totals.told["credit"] = Told(None, money(part, "TtlIntrBkSttlmAmt")[0])

    def submissions(self, part: Node) -> Iterator[Submission]:
        """The instruction of a payment on the debtor's account, then on the creditor's.

        Raises:
            FaultError: an element is missing or not as it has to be.
        """
        try:
            amount, currency = money(part, "IntrBkSttlmAmt")
        except FaultError:
            self.totals.unread += 1
            raise
        self.totals.add("credit", amount, currency, booked=True)
        sides = [(side, number) for side in ("debit", "credit") if (number := self._account(part, side))]
        if not sides:
            raise fault(
                part, "CdtrAcct", "the payment names no account", "DbtrAcct or CdtrAcct",
                "name the account of its institution with --accounts",
            )  # fmt: skip
        told = self._instruction(part, amount, currency)
        own = [part.get("PmtId/TxId"), part.get("PmtId/InstrId")]
        names = [*own, told["end_to_end"], "" if any(own) else self.group.get("MsgId")]
        yield from self._instructions.submissions(sides, told, names)

    def _account(self, part: Node, side: str) -> str:
        """The account of a side in the ledger, as the payment or the list of other names says."""
        tag = "Dbtr" if side == "debit" else "Cdtr"
        number = elements.account(part.find(f"{tag}Acct"))
        if not number and (bank := institution(part.find(tag), tag)) is not None:
            return self.setting.accounts.get(bank.code, "")
        return self.setting.accounts.get(number, number)

    def _instruction(self, part: Node, amount: Decimal, currency: str) -> dict[str, Any]:
        zone = self.setting.zone
        at = moment(part, "AccptncDtTm", zone) or moment(self.group, "CreDtTm", zone)
        if at is None:
            raise fault(part, "", "no moment of the payment", "GrpHdr/CreDtTm")
        settled = moment(part, "IntrBkSttlmDt", zone) or moment(self.group, "IntrBkSttlmDt", zone)
        told = remittance.remittance(part) or remittance.remittance(part.find("UndrlygCstmrCdtTrf") or _NOTHING)
        end_to_end = part.get("PmtId/EndToEndId")
        originator, beneficiary = _ends(part)
        equivalents, sums = _amounts(part, amount, currency, settled or at)
        wire = self._wire(part, sums, told if len(told) > REMITTANCE_MAX else "")
        return {
            "occurred_at": at, "amount": amount, "currency": currency,
            "purpose": remittance.purpose(part), "end_to_end": "" if end_to_end == UNKNOWN else end_to_end,
            "remittance": told[:REMITTANCE_MAX], "settled_on": settled.date() if settled else None,
            "originator": originator, "beneficiary": beneficiary, "equivalents": equivalents, "wire": wire,
        }  # fmt: skip

    def _wire(self, part: Node, sums: tuple[Sum, ...], told: str) -> Wire:
        covered = part.find("UndrlygCstmrCdtTrf")
        underlying = (None, None) if covered is None else _ends(covered)
        return Wire(
            scheme=self.message, service=remittance.service(part) or remittance.service(self.group),
            instruction=part.get("PmtId/InstrId"), transaction=part.get("PmtId/TxId"), uetr=part.get("PmtId/UETR"),
            clearing_reference=part.get("PmtId/ClrSysRef"), settlement=self.group.get("SttlmInf/SttlmMtd"),
            charge_bearer=part.get("ChrgBr"), charges=_charges(part), sums=sums, agents=self._agents(part),
            initiator=party(part.find("InitgPty")), ultimate_originator=party(part.find("UltmtDbtr")),
            ultimate_beneficiary=party(part.find("UltmtCdtr")), underlying_originator=underlying[0],
            underlying_beneficiary=underlying[1], instructions=remittance.instructions(part),
            regulatory=remittance.regulatory(part), remittance=told,
        )  # fmt: skip

    def _agents(self, part: Node) -> tuple[Agent, ...]:
        found: list[Agent | None] = []
        for tag, role in _AGENTS.items():
            node = part.find(tag) or self.group.find(tag)
            found.append(institution(node, role, elements.account(part.find(f"{tag}Acct"))))
        settling = self.group.find("SttlmInf") or _NOTHING
        for tag, role in _REIMBURSING.items():
            found.append(institution(settling.find(tag), role, elements.account(settling.find(f"{tag}Acct"))))
        return tuple(filter(None, found))


def _ends(part: Node) -> tuple[Counterparty | None, Counterparty | None]:
    """Originator and beneficiary with their accounts and institutions."""
    debtor, creditor = (
        party(part.find(tag), institution(part.find(f"{tag}Agt"), role), elements.account(part.find(f"{tag}Acct")))
        for tag, role in (("Dbtr", "debtor-agent"), ("Cdtr", "creditor-agent"))
    )
    return debtor, creditor


def _amounts(
    part: Node, amount: Decimal, currency: str, on: datetime
) -> tuple[tuple[Equivalent, ...], tuple[Sum, ...]]:
    """What was instructed, where it is not what is settled: with its rate, if there is one."""
    if part.find("InstdAmt") is None:
        return (), ()
    instructed, unit = money(part, "InstdAmt")
    if (instructed, unit) == (amount, currency) or not instructed:
        return (), ()
    path = next((one for one in ("XchgRate", "AgrdRate/XchgRate") if part.find(one) is not None), "")
    if unit == currency or not path:
        return (), (Sum(kind="instructed", amount=instructed, currency=unit),)
    day: date = on.date()
    source = part.get("AgrdRate/CtrctId") or "message"
    rate = elements.rate(part, path)
    return (Equivalent(amount=instructed, currency=unit, rate=rate, rate_source=source, rate_date=day),), ()


def _charges(part: Node) -> tuple[Charge, ...]:
    """Charges that agents on the way took."""
    found = []
    for node in part.all("ChrgsInf"):
        node.place = f"{part.place}/ChrgsInf"
        amount, currency = money(node, "Amt" if node.find("Amt") else "ChrgsAmt")
        agent = institution(node.find("Agt") or node.find("Pty") or node.find("ChrgsPty"), "charging")
        found.append(
            Charge(amount=amount, currency=currency, kind=code(node, "Tp"), institution=agent.code if agent else "")
        )
    return tuple(found)
