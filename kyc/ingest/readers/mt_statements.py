"""Statements of MT940 and interim reports of MT942: field 61 with its 86 is an entry.

Field 86 is free text to SWIFT; its two common structures are read (``?20…?32`` of the German banks,
``/EREF/…/NAME/…`` elsewhere), and the whole of it is kept in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from typing import Final

from kyc.domain.located import Located, NoticeError
from kyc.domain.values import Counterparty, Wire
from kyc.errors import InputError
from kyc.ingest import kinds
from kyc.ingest.entries import UNKNOWN, Entry, Payment, Statement
from kyc.ingest.readers import fin_fields
from kyc.ingest.readers.elements import country_of
from kyc.ingest.readers.fin import Begin, Field
from kyc.ingest.readers.fin_fields import fault
from kyc.ingest.repeats import Repeats
from kyc.ingest.setting import Setting
from kyc.ingest.totals import Told, Totals

_ENTRY: Final = re.compile(
    r"(?P<value>[0-9]{6})(?P<entry>[0-9]{4})?(?P<mark>R?[CD]|E[CD])(?P<funds>[A-Z])?(?P<amount>[0-9]+,[0-9]*)"
    r"(?P<kind>[A-Z][A-Z0-9]{3})(?P<ours>.{0,16}?)(//(?P<theirs>.{0,34}))?"
)
"""6!n[4!n]2a[1!a]15d1!a3!c16x[//16x]; some banks make the last longer."""
_BALANCE: Final = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9,]+)")
_SUM: Final = re.compile(r"([0-9]{1,5})([A-Z]{3})([0-9,]+)")
_WITH_CURRENCY: Final = re.compile(r"([A-Z]{2}[0-9]{2}[A-Z0-9]{11,30})[ ]+[A-Z]{3}")
_SIDES: Final = {"C": "credit", "D": "debit", "RC": "debit", "RD": "credit", "EC": "credit", "ED": "debit"}
_NONE: Final = frozenset({"", "NONREF", UNKNOWN})
_CODES: Final = (
    "EREF", "KREF", "MREF", "CRED", "DEBT", "SVWZ", "ABWA", "ABWE", "IBAN", "BIC",
    "NAME", "REMI", "MARF", "CSID", "TRTP", "PREF", "ORDP", "BENM", "PURP", "ULTD", "ULTC", "TRCD", "RTRN", "SWOD",
)  # fmt: skip
_GERMAN: Final = re.compile(r"\?([0-9]{2})")
_PLUS: Final = re.compile(rf"({'|'.join(_CODES)})\+")
_SLASH: Final = re.compile(rf"/({'|'.join(_CODES)})/")


class StatementMessage:
    """Reads the fields of one MT940 or MT942."""

    def __init__(self, file: str, begin: Begin, source: str, setting: Setting, repeats: Repeats) -> None:
        self.file, self.begin, self.source, self.zone = file, begin, source, setting.zone
        self.statement = Statement(setting.origin, setting.accounts, repeats)
        self.account = self.currency = ""
        self.totals = Totals()
        self.pending: tuple[Entry, Payment, Field] | None = None
        """An entry whose field 86 may follow."""

    def field(self, field: Field) -> Iterator[Located]:
        """What a field completes.

        Raises:
            FaultError: the field is not of its format.
        """
        if field.tag == "86" and self.pending is not None:
            _narrative(self.pending[1], field.text)
            return
        yield from self._flush()
        first = field.lines[0].strip()
        if field.tag in {"25", "25P"}:
            known = _WITH_CURRENCY.fullmatch(first)
            self.account = known[1] if known else first.replace(" ", "")
        elif field.tag in {"60F", "60M"}:
            self.totals.opening = self._balance(field)
        elif field.tag in {"62F", "62M"}:
            self.totals.closing = self._balance(field)
        elif field.tag == "34F":
            self.currency = self.currency or first[:3]
        elif field.tag in {"90D", "90C"}:
            found = _SUM.fullmatch(first)
            if found is None:
                raise fault(field, "not a number with a sum", "5n3!a15d")
            side = "debit" if field.tag == "90D" else "credit"
            self.totals.told[side] = Told(int(found[1]), fin_fields.amount(found[3], found[2], field))
        elif field.tag == "61":
            yield from self._entry(field)

    def end(self, *, spoilt: bool) -> Iterator[Located]:
        """The end of the message: the last entry, then what does not add up."""
        yield from self._flush()
        if spoilt:
            self.totals.unread += 1
        for notice in self.totals.notices():
            yield Located(self.file, self.begin.line, notice)

    def _balance(self, field: Field) -> Decimal:
        found = _BALANCE.fullmatch(field.lines[0].strip())
        if found is None:
            raise fault(field, "not a balance", "1!a6!n3!a15d")
        fin_fields.day(found[2], field)
        self.currency = found[3]
        amount = fin_fields.amount(found[4], found[3], field)
        return amount if found[1] == "C" else -amount

    def _entry(self, field: Field) -> Iterator[Located]:
        found = _ENTRY.fullmatch(field.lines[0].rstrip())
        if found is None:
            self.totals.unread += 1
            raise fault(field, "not an entry", "6!n[4!n]2a[1!a]15d1!a3!c16x[//16x]")
        if not self.account or not self.currency:
            raise fault(
                field, "the statement names no account or currency", ":25: and :60F: (or :34F:) come before"
            )
        value = fin_fields.day(found["value"], field)
        on = fin_fields.entry_day(found["entry"], value, field) if found["entry"] else value
        amount = fin_fields.amount(found["amount"], self.currency, field)
        mark = found["mark"]
        self.totals.add(_SIDES[mark], amount, self.currency, booked=not mark.startswith("E"))
        if mark.startswith("E"):
            yield Located(self.file, field.line, _expected(), element=":61:")
            return
        theirs, ours = (found["theirs"] or "").strip(), found["ours"].strip()
        entry = Entry(
            account=self.account, direction=_SIDES[mark], amount=amount, currency=self.currency,  # type: ignore[arg-type]
            booked_at=datetime.combine(on, time(), self.zone), value_date=value, kind=kinds.swift(found["kind"]),
            source=self.source, servicer_reference="" if theirs in _NONE else theirs, reversal=mark.startswith("R"),
            cash=kinds.swift(found["kind"]) == "cash",
        )  # fmt: skip
        wire = Wire(
            scheme=found["kind"], instruction="" if ours in _NONE else ours,
            information="\n".join(line for line in field.lines[1:] if line.strip()),
        )  # fmt: skip
        payment = Payment(entry.direction, amount, self.currency, wire=wire, reversal=entry.reversal)
        self.pending = entry, payment, field

    def _flush(self) -> Iterator[Located]:
        if self.pending is None:
            return
        entry, payment, field = self.pending
        self.pending = None
        entry.payments = [payment]
        other, own = payment.counterparty(entry.account), country_of(entry.account)
        there = "" if other is None else country_of(other.account) or country_of(other.institution_code)
        entry.cross_border = bool(own and there and own != there)
        try:
            for told in self.statement.submissions(entry):
                yield Located(self.file, field.line, told.submission, element=":61:", restated=told.restated)
        except InputError as refusal:
            yield Located(self.file, field.line, refusal, element=":61:")


def _narrative(payment: Payment, text: str) -> None:
    """Take field 86 apart as far as it has a known structure."""
    whole = f"{payment.wire.information}\n{text}".strip()
    parts = _german(text) if _GERMAN.search(text[:10]) else _coded(text)
    name, account, bank = parts.get("NAME", ""), parts.get("IBAN", ""), parts.get("BIC", "")
    if name or account or bank:
        other = Counterparty(
            name=name, account=account[:64], institution_code=bank[:64], institution_code_kind="BIC" if bank else ""
        )
        if (payment.direction == "credit") != payment.reversal:
            payment.originator = other
        else:
            payment.beneficiary = other
    reference = parts.get("EREF", "")
    payment.end_to_end = "" if reference in _NONE else reference[:64]
    payment.purpose = parts.get("PURP", "")
    payment.remittance = parts.get("SVWZ") or parts.get("REMI") or parts.get("", "")
    wire = payment.wire
    payment.wire = Wire(
        scheme=wire.scheme, instruction=wire.instruction or parts.get("KREF", "")[:64], information=whole,
        mandate=(parts.get("MREF") or parts.get("MARF") or "")[:64], return_reason=parts.get("RTRN", ""),
    )  # fmt: skip


def _german(text: str) -> dict[str, str]:
    """``166?00TEXT?20EREF+…?21…?30BIC?31IBAN?32NAME?33NAME``: numbered parts, in whose 20s codes may stand."""
    pieces = _GERMAN.split(text.replace("\n", ""))
    numbered: dict[int, str] = {}
    for number, value in zip(pieces[1::2], pieces[2::2], strict=True):
        numbered[int(number)] = numbered.get(int(number), "") + value
    purpose = "".join(
        value for number, value in sorted(numbered.items()) if 20 <= number <= 29 or 60 <= number <= 63
    )
    parts = _split(_PLUS, purpose)
    named = {"BIC": numbered.get(30, ""), "IBAN": numbered.get(31, "")}
    named["NAME"] = (numbered.get(32, "") + numbered.get(33, "")).strip()
    return parts | {name: value for name, value in named.items() if value}


def _coded(text: str) -> dict[str, str]:
    """``/EREF/…/NAME/…``: values between codes, where there are such; else the text as it is."""
    parts = _split(_SLASH, text.replace("\n", ""))
    return parts if len(parts) > 1 else {"": text}


def _split(codes: re.Pattern[str], text: str) -> dict[str, str]:
    pieces = codes.split(text)
    parts = {"": pieces[0].strip()}
    for name, value in zip(pieces[1::2], pieces[2::2], strict=True):
        parts.setdefault(name, value.strip().rstrip("/"))
    if "REMI" in parts:
        parts["REMI"] = parts["REMI"].removeprefix("USTD//").removeprefix("STRD/CUR/")
    return parts


def _expected() -> NoticeError:
    notice = NoticeError(
        "not booked yet", field="61", rule="EC and ED are expected, not booked",
        remedy="the statement that follows will tell",
    )  # fmt: skip
    notice.grave = False
    return notice
