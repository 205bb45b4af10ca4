"""Entries of camt.052, camt.053 and camt.054, all versions: from elements to :class:`kyc.ingest.entries.Entry`.

Only what is booked becomes an entry; pending and informational ones are told apart. Where versions differ, both
forms are taken: the status as text or code, payments under the entry (version 1) or its details, the amount of a
payment beside or within its amount details. Totals of a statement are the business of :mod:`kyc.ingest.totals`.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Final

from kyc.domain.values import Agent, Charge, Counterparty, Equivalent, Sum, Wire
from kyc.ingest import kinds
from kyc.ingest.entries import UNKNOWN, Entry, Payment
from kyc.ingest.readers import elements, remittance
from kyc.ingest.readers.elements import code, direction, fault, moment, money
from kyc.ingest.readers.markup import Node

BOOKED: Final = "BOOK"
UNBOOKED: Final = frozenset({"PDNG", "INFO", "FUTR"})
_AGENTS: Final = {
    "DbtrAgt": "debtor-agent", "CdtrAgt": "creditor-agent", "InstgAgt": "instructing", "InstdAgt": "instructed",
    "IntrmyAgt1": "intermediary-1", "IntrmyAgt2": "intermediary-2", "IntrmyAgt3": "intermediary-3",
    "RcvgAgt": "receiving", "DlvrgAgt": "delivering", "IssgAgt": "issuing", "SttlmPlc": "settlement-place",
}  # fmt: skip
_SUMS: Final = {
    "InstdAmt": "instructed", "TxAmt": "transaction", "CntrValAmt": "counter-value",
    "AnncdPstngAmt": "announced", "PrtryAmt": "proprietary",
}  # fmt: skip


def status(entry: Node) -> str:
    """``BOOK``, ``PDNG``, ``INFO`` or ``FUTR``.

    Raises:
        FaultError: missing or another.
    """
    found = code(entry, "Sts")
    if found != BOOKED and found not in UNBOOKED:
        raise fault(entry, "Sts", "no status that is known", "BOOK, PDNG, INFO or FUTR")
    return found


class EntryReader:
    """Reads the entries of one statement."""

    def __init__(self, source: str, account: Node | None, created: datetime | None, zone: tzinfo) -> None:
        self.source = source
        self.account = elements.account(account)
        servicer = elements.institution(None if account is None else account.find("Svcr"), "servicer")
        self.country = elements.country_of(self.account) or elements.country_of(servicer.code if servicer else "")
        self.created, self.zone = created, zone

    def entry(self, node: Node) -> Entry:
        """A booked entry.

        Raises:
            FaultError: an element is missing or not as it has to be.
        """
        if not self.account:
            raise fault(node, "", "the statement names no account", "Acct/Id")
        amount, currency = money(node, "Amt")
        side = direction(node)
        value = moment(node, "ValDt", self.zone)
        booked_at = moment(node, "BookgDt", self.zone) or value or self.created
        if booked_at is None:
            raise fault(node, "BookgDt", "no day of booking", "BookgDt, else ValDt, else the statement's CreDtTm")
        scheme = elements.bank_code(node.find("BkTxCd"))
        payments = [
            self._payment(detail, node, side, currency, booked_at)
            for detail in (*node.all("NtryDtls/TxDtls"), *node.all("TxDtls"))
        ]
        common = self._common(node, side, currency, booked_at, scheme)
        reference = node.get("AcctSvcrRef")
        if len(payments) == 1:
            reference = reference or payments[0].wire.servicer_reference
            _complete(payments[0], common)
        return Entry(
            account=self.account, direction=side, amount=amount, currency=currency, booked_at=booked_at,  # type: ignore[arg-type]
            value_date=(value or booked_at).date(), kind=kinds.kind(scheme), source=self.source,
            servicer_reference="" if reference == UNKNOWN else reference, reversal=elements.true(node, "RvslInd"),
            cash=kinds.cash(scheme), cross_border=any(map(self._abroad, payments)), payments=payments,
            common=common,
        )  # fmt: skip

    def _payment(self, node: Node, entry: Node, side: str, currency: str, booked_at: datetime) -> Payment:
        own = direction(node) if node.find("CdtDbtInd") is not None else side
        amount, unit = _amount(node, currency)
        parties, agents = node.find("RltdPties"), node.find("RltdAgts")
        originator, beneficiary = _ends(parties, agents)
        equivalents, sums = _amounts(node, currency, booked_at, self.zone, (amount, unit))
        fee, charges = _charges(node, currency)
        refs = node.find("Refs") or Node("Refs", {}, 0, 0, "")
        end_to_end = refs.get("EndToEndId")
        wire = Wire(
            scheme=elements.bank_code(node.find("BkTxCd")), service=remittance.service(node),
            servicer_reference=refs.get("AcctSvcrRef"), instruction=refs.get("InstrId"),
            transaction=refs.get("TxId", "AcctSvcrTxId", "Prtry/Ref"), uetr=refs.get("UETR"),
            clearing_reference=refs.get("ClrSysRef"), mandate=refs.get("MndtId"), cheque=refs.get("ChqNb"),
            batch=refs.get("PmtInfId"), return_reason=_returned(node), charges=charges, sums=sums,
            agents=_agents(agents), initiator=elements.party(_below(parties, "InitgPty")),
            ultimate_originator=elements.party(_below(parties, "UltmtDbtr")),
            ultimate_beneficiary=elements.party(_below(parties, "UltmtCdtr")), information=node.get("AddtlTxInf"),
        )  # fmt: skip
        return Payment(
            direction=own, amount=amount, currency=unit, originator=originator, beneficiary=beneficiary,  # type: ignore[arg-type]
            end_to_end="" if end_to_end == UNKNOWN else end_to_end, purpose=remittance.purpose(node),
            remittance=remittance.remittance(node), equivalents=equivalents, fee=fee,
            initiated_at=moment(node, "RltdDts/AccptncDtTm", self.zone), card=_card(node) or _card(entry),
            wire=wire, reversal=elements.true(entry, "RvslInd"),
        )  # fmt: skip

    def _common(self, node: Node, side: str, currency: str, booked_at: datetime, scheme: str) -> Payment:
        """What the entry says of itself."""
        equivalents, sums = _amounts(node, currency, booked_at, self.zone)
        fee, charges = _charges(node, currency)
        batch = node.find("NtryDtls/Btch") or node.find("Btch")
        count = len(node.all("NtryDtls/TxDtls")) + len(node.all("TxDtls"))
        several = count if count > 1 else 0
        wire = Wire(
            scheme=scheme, charges=charges, sums=sums, information=node.get("AddtlNtryInf"), payments=several,
            batch="" if batch is None else batch.get("PmtInfId", "MsgId"),
        )  # fmt: skip
        return Payment(side, equivalents=equivalents, fee=fee, card=_card(node), wire=wire)  # type: ignore[arg-type]

    def _abroad(self, payment: Payment) -> bool:
        """Whether the other side, or its institution, is in another country than the account."""
        other = payment.counterparty(self.account)
        if other is None or not self.country:
            return False
        there = elements.country_of(other.account) or elements.country_of(other.institution_code)
        return bool(there) and there != self.country


def _amount(node: Node, currency: str) -> tuple[Decimal | None, str | None]:
    """The amount of a payment in the currency of its entry, else the one it gives as its own, else nothing."""
    own, also = ("Amt", "AmtDtls/TxAmt/Amt"), ("AmtDtls/CntrValAmt/Amt", "AmtDtls/InstdAmt/Amt")
    given = {path: money(node, path) for path in (*own, *also) if node.find(path) is not None}
    same = [one for one in given.values() if one[1] == currency]
    rest = [given[path] for path in own if path in given]
    found = same or rest
    return found[0] if found else (None, None)


def _complete(payment: Payment, common: Payment) -> None:
    """Let a payment that is the whole entry know what the entry says of itself."""
    own, other = payment.wire, common.wire
    payment.equivalents = payment.equivalents or common.equivalents
    payment.fee = common.fee if payment.fee is None else payment.fee
    payment.wire = Wire(
        **{name: getattr(own, name) or getattr(other, name) for name in Wire.__struct_fields__}
    )  # fmt: skip


def _below(node: Node | None, tag: str) -> Node | None:
    return None if node is None else node.find(tag)


def _ends(parties: Node | None, agents: Node | None) -> tuple[Counterparty | None, Counterparty | None]:
    debtor, creditor = (
        elements.party(
            _below(parties, tag), elements.institution(_below(agents, f"{tag}Agt"), role),
            elements.account(_below(parties, f"{tag}Acct")),
        )
        for tag, role in (("Dbtr", "debtor-agent"), ("Cdtr", "creditor-agent"))
    )  # fmt: skip
    return debtor, creditor


def _agents(agents: Node | None) -> tuple[Agent, ...]:
    """Everybody on the way but those that stand with the parties."""
    if agents is None:
        return ()
    found = (
        elements.institution(node, _AGENTS.get(node.tag, "other"))
        for node in agents.children
        if node.tag not in {"DbtrAgt", "CdtrAgt"}
    )
    return tuple(filter(None, found))


def _amounts(
    node: Node,
    currency: str,
    booked_at: datetime,
    zone: tzinfo,
    own: tuple[Decimal | None, str | None] = (None, None),
) -> tuple[tuple[Equivalent, ...], tuple[Sum, ...]]:
    """Amounts in other currencies: with the rate where there is one, as they are where there is none."""
    equivalents: list[Equivalent] = []
    sums: list[Sum] = []
    details = node.find("AmtDtls")
    exchanges = () if details is None else [one for one in details.children if one.find("CcyXchg/XchgRate")]
    for kind in () if details is None else details.children:
        if kind.tag not in _SUMS:
            continue
        path = f"AmtDtls/{kind.tag}"
        amount, unit = money(node, f"{path}/Amt")
        if unit == currency or (amount, unit) == own:
            continue
        exchange = kind if kind.find("CcyXchg/XchgRate") else next(iter(exchanges), None)
        if exchange is None:
            sums.append(Sum(kind=_SUMS[kind.tag], amount=amount, currency=unit))
        elif amount and all(one.currency != unit or one.amount != amount for one in equivalents):
            at = f"AmtDtls/{exchange.tag}/CcyXchg"
            quoted = moment(node, f"{at}/QtnDt", zone) or booked_at
            source = node.get(f"{at}/CtrctId") or "account-servicer"
            equivalents.append(
                Equivalent(
                    amount=amount, currency=unit, rate=elements.rate(node, f"{at}/XchgRate"), rate_source=source,
                    rate_date=quoted.date(),
                )
            )  # fmt: skip
    return tuple(equivalents), tuple(sums)


def _charges(node: Node, currency: str) -> tuple[Decimal | None, tuple[Charge, ...]]:
    """The total in the entry's currency, and each charge: ``Chrgs/Rcrd``, or ``Chrgs`` itself before version 4."""
    charges: list[Charge] = []
    total: Decimal | None = None
    for group in node.all("Chrgs"):
        group.place = f"{node.place}/Chrgs"
        if group.find("TtlChrgsAndTaxAmt") is not None:
            amount, unit = money(group, "TtlChrgsAndTaxAmt")
            total = amount if unit == currency and amount else total
        for one in group.all("Rcrd") or ([group] if group.find("Amt") else []):
            one.place = group.place
            amount, unit = money(one, "Amt")
            agent = elements.institution(one.find("Agt") or one.find("Pty"), "charging")
            charges.append(
                Charge(
                    amount=amount, currency=unit, kind=code(one, "Tp"), bearer=one.get("Br"),
                    included=elements.true(one, "ChrgInclInd"), institution=agent.code if agent else "",
                )
            )  # fmt: skip
    return total, tuple(charges)


def _returned(node: Node) -> str:
    found = node.find("RtrInf")
    if found is None:
        return ""
    reason = code(found, "Rsn", "RtrRsn")
    return " ".join(
        filter(None, [reason, *(one.text for one in (*found.all("AddtlInf"), *found.all("AddtlRtrRsnInf")))])
    )


def _card(node: Node) -> str:
    return node.get("CardTx/Card/PlainCardData/PAN", "CardTx/Card/MskdPAN")
