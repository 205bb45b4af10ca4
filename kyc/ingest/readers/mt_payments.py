"""Payments of MT103 and MT202 (with COV): each an instruction on the accounts of ours that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final

from kyc.domain.located import Located
from kyc.domain.values import Agent, Charge, Counterparty, Equivalent, Sum, Wire
from kyc.ingest.entries import REMITTANCE_MAX, UNKNOWN
from kyc.ingest.instructions import Instructions
from kyc.ingest.readers import fin_fields
from kyc.ingest.readers.fin import Begin, Field
from kyc.ingest.readers.fin_fields import agent, fault, own_account, party
from kyc.ingest.readers.markup import FaultError
from kyc.ingest.repeats import Repeats
from kyc.ingest.setting import Setting

FIELDS_MAX: Final = 200
"""Fields of a payment, and of a bare message until it tells what it is."""
_SETTLED: Final = re.compile(r"([0-9]{6})([A-Z]{3}[0-9,]+)")
_AGENTS: Final = {
    "51": "sending", "53": "sender-correspondent", "54": "receiver-correspondent", "55": "third-reimbursement",
    "56": "intermediary-1",
}  # fmt: skip
_ENDING: Final = re.compile(r"/ROC/([^/\n]+)")


class PaymentMessage:
    """Collects the fields of one message; they are few."""

    def __init__(self, file: str, begin: Begin, source: str, setting: Setting, repeats: Repeats) -> None:
        self.file, self.begin, self.source, self.setting, self.repeats = file, begin, source, setting, repeats
        self.fields: list[Field] = []
        self.covered: list[Field] = []
        """The second sequence of a cover payment: the customers' payment."""

    def field(self, field: Field) -> Iterator[Located]:
        """Take a field.

        Raises:
            FaultError: there are too many.
        """
        if len(self.fields) + len(self.covered) >= FIELDS_MAX:
            raise fault(field, "too many fields", f"at most {FIELDS_MAX}")
        second = self.source != "MT103" and (self.covered or field.tag[:2] == "50")
        (self.covered if second else self.fields).append(field)
        yield from ()

    def end(self, *, spoilt: bool) -> Iterator[Located]:
        """The instructions of the message; none where it was damaged.

        Raises:
            FaultError: a field is missing or not of its format.
        """
        if spoilt:
            return
        told = self._told()
        sides = [(side, number) for side, number in self._accounts() if number]
        if not sides:
            raise self._missing("50a or 59a", "the payment names no account", "an account on its first line")
        names = [self._text("20"), self.begin.sender, self._text("21")]
        for submission in Instructions(self.setting.origin, self.repeats).submissions(sides, told, names):
            yield Located(self.file, self.begin.line, submission, element=":32A:", either=True)

    def _told(self) -> dict[str, Any]:
        settled = self._find("32A")
        if settled is None:
            raise self._missing("32A", "a field is missing", f"{self.source} has :32A:")
        found = _SETTLED.fullmatch(settled.lines[0].strip())
        if found is None:
            raise fault(settled, "not a day with an amount", "6!n3!a15d")
        on = fin_fields.day(found[1], settled)
        amount, currency = fin_fields.money(found[2], settled)
        originator, beneficiary = self._ends(self.fields)
        equivalents, sums = self._amounts(amount, currency, settled)
        remittance = self._text("70") or self._text("70", self.covered)
        under = self._ends(self.covered) if self.covered else (None, None)
        ending = _ENDING.search(remittance)
        wire = Wire(
            scheme=self.source, service=" ".join(filter(None, [self._text("23B"), self._text("26T")])),
            instruction=self._text("20"), transaction=self._text("21"), uetr=self.begin.uetr,
            charge_bearer=self._text("71A"), charges=self._charges(), sums=sums, agents=self._agents(),
            instructions="\n".join(filter(None, [self._text("23E"), self._text("72")])),
            regulatory=self._text("77B"), underlying_originator=under[0], underlying_beneficiary=under[1],
            remittance=remittance if len(remittance) > REMITTANCE_MAX else "",
        )  # fmt: skip
        return {
            "occurred_at": datetime.combine(on, time(), self.setting.zone), "amount": amount, "currency": currency,
            "settled_on": on, "originator": originator, "beneficiary": beneficiary, "equivalents": equivalents,
            "end_to_end": ending[1].strip()[:64] if ending else "", "remittance": remittance[:REMITTANCE_MAX],
            "wire": wire,
        }  # fmt: skip

    def _accounts(self) -> list[tuple[str, str]]:
        """Both sides, by their accounts or by the names that banks have in the list."""
        names = self.setting.accounts
        if self.source == "MT103":
            ends = (("debit", self._find("50")), ("credit", self._find("59")))
            return [(side, names.get(own_account(one), own_account(one))) for side, one in ends]
        paying, paid = self._find("52"), self._find("58")
        numbers = own_account(self._find("53")) or own_account(paying), own_account(paid)
        banks = agent(paying, "paying"), agent(paid, "paid")
        codes = banks[0].code if banks[0] else self.begin.sender, banks[1].code if banks[1] else ""
        return [
            (side, names.get(number, number) or names.get(code, ""))
            for side, number, code in zip(("debit", "credit"), numbers, codes, strict=True)
        ]

    def _ends(self, fields: list[Field]) -> tuple[Counterparty | None, Counterparty | None]:
        if self.source != "MT103" and fields is self.fields:
            return self._bank("52"), self._bank("58")
        debtor = agent(self._find("52", fields), "debtor-agent")
        if debtor is None and self.begin.sender and fields is self.fields:
            debtor = Agent(role="debtor-agent", code=self.begin.sender, code_kind="BIC")
        creditor = agent(self._find("57", fields), "creditor-agent")
        return party(self._find("50", fields), debtor), party(self._find("59", fields), creditor)

    def _bank(self, tag: str) -> Counterparty | None:
        bank = agent(self._find(tag), "bank")
        if bank is None and tag == "52" and self.begin.sender:
            bank = Agent(role="bank", code=self.begin.sender, code_kind="BIC")
        if bank is None:
            return None
        return Counterparty(
            name=bank.name or bank.code, account=bank.account, institution_code=bank.code,
            institution_code_kind=bank.code_kind,
        )  # fmt: skip

    def _amounts(
        self, amount: Decimal, currency: str, settled: Field
    ) -> tuple[tuple[Equivalent, ...], tuple[Sum, ...]]:
        instructed, exchange = self._find("33B"), self._find("36")
        if instructed is None:
            return (), ()
        given, unit = fin_fields.money(instructed.lines[0], instructed)
        if (given, unit) == (amount, currency) or not given:
            return (), ()
        if unit == currency or exchange is None:
            return (), (Sum(kind="instructed", amount=given, currency=unit),)
        rate = fin_fields.rate(exchange.lines[0].strip(), exchange)
        on = fin_fields.day(settled.lines[0].strip()[:6], settled)
        return (Equivalent(amount=given, currency=unit, rate=rate, rate_source="message", rate_date=on),), ()

    def _charges(self) -> tuple[Charge, ...]:
        found = []
        for field in self.fields:
            if field.tag in {"71F", "71G"}:
                amount, currency = fin_fields.money(field.lines[0], field)
                kind = "sender" if field.tag == "71F" else "receiver"
                found.append(Charge(amount=amount, currency=currency, kind=kind))
        return tuple(found)

    def _agents(self) -> tuple[Agent, ...]:
        return tuple(filter(None, [agent(self._find(tag), role) for tag, role in _AGENTS.items()]))

    def _find(self, tag: str, fields: list[Field] | None = None) -> Field | None:
        """The first field of a tag, or of any option of it."""
        for field in self.fields if fields is None else fields:
            if field.tag == tag or (len(tag) == 2 and field.tag[:2] == tag):
                return field
        return None

    def _text(self, tag: str, fields: list[Field] | None = None) -> str:
        field = self._find(tag, fields)
        text = "" if field is None else field.text.strip()
        return "" if text in {"NONREF", UNKNOWN} else text

    def _missing(self, tag: str, message: str, rule: str) -> FaultError:
        made = FaultError(message, field=tag, rule=rule, remedy="correct it at the source")
        return made.at(self.begin.line, 0, f":{tag}:")
