"""Values of SWIFT FIN fields: amounts with a comma, days of two-digit years, parties of their several options.

Formats in the notation of the standard stand beside each. What is not of its format is a fault with line and tag.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from kyc.domain.values import Agent, Counterparty
from kyc.ingest.amounts import exact, scaled
from kyc.ingest.readers.elements import BIC
from kyc.ingest.readers.fin import Field
from kyc.ingest.readers.markup import FaultError

_AMOUNT: Final = re.compile(r"(?=[0-9,]{2,15}$)[0-9]+,[0-9]*")
_MONEY: Final = re.compile(r"([A-Z]{3})([0-9,]+)")
_CENTURY: Final = 80
"""Years from here on are of the last century, as the standard has it."""


def fault(field: Field, message: str, rule: str) -> FaultError:
    """A fault of a field."""
    made = FaultError(message, field=field.tag, rule=rule, remedy="correct it at the source")
    return made.at(field.line, 0, f":{field.tag}:")


def amount(text: str, currency: str, field: Field) -> Decimal:
    """``15d``: digits and one comma.

    Raises:
        FaultError: another form.
    """
    if not _AMOUNT.fullmatch(text):
        raise fault(field, "not an amount", "15d: digits and a comma, at most 15 characters")
    return scaled(exact(text.replace(",", ".")), currency)


def money(text: str, field: Field) -> tuple[Decimal, str]:
    """``3!a15d``: currency and amount.

    Raises:
        FaultError: another form.
    """
    found = _MONEY.fullmatch(text.strip())
    if found is None:
        raise fault(field, "not an amount with its currency", "3!a15d")
    return amount(found[2], found[1], field), found[1]


def rate(text: str, field: Field) -> Decimal:
    """``12d``.

    Raises:
        FaultError: another form.
    """
    if not _AMOUNT.fullmatch(text) or len(text) > 12:
        raise fault(field, "not a rate", "12d: digits and a comma")
    return exact(text.replace(",", "."))


def day(text: str, field: Field) -> date:
    """``6!n``: YYMMDD.

    Raises:
        FaultError: no such day.
    """
    try:
        if not (len(text) == 6 and text.isascii() and text.isdecimal()):
            raise fault(field, "not a date", "YYMMDD")
        year = int(text[:2])
        return date((1900 if year >= _CENTURY else 2000) + year, int(text[2:4]), int(text[4:]))
    except ValueError:
        raise fault(field, "not a date", "YYMMDD") from None


def entry_day(text: str, value: date, field: Field) -> date:
    """``4!n``: MMDD of the year that brings it nearest to the value date.

    Raises:
        FaultError: no such day.
    """
    candidates = []
    for year in (value.year - 1, value.year, value.year + 1):
        try:
            candidates.append(date(year, int(text[:2]), int(text[2:])))
        except ValueError:
            continue
    if not candidates:
        raise fault(field, "not a date", "MMDD")
    found = min(candidates, key=lambda one: abs(one - value))
    if abs(found - value) > timedelta(days=183):
        raise fault(field, "not a date", "MMDD within half a year of the value date")
    return found


def party(field: Field | None, agent: Agent | None = None) -> Counterparty | None:
    """Options A (BIC), K and none (name and address), F (numbered lines) of fields 50 and 59."""
    if field is None:
        return None
    lines = [line.strip() for line in field.lines if line.strip()]
    number = lines.pop(0).lstrip("/") if lines and lines[0].startswith("/") else ""
    servicer = {} if agent is None else {
        "institution": agent.name, "institution_code": agent.code, "institution_code_kind": agent.code_kind,
    }  # fmt: skip
    if field.tag.endswith("F"):
        return _numbered(lines, number, servicer)
    if field.tag.endswith("A"):
        bic = lines[0] if lines else ""
        return Counterparty(name=bic, account=number, document_kind="BIC", document_number=bic, **servicer)
    return Counterparty(
        name=lines[0] if lines else "", account=number, address=", ".join(lines[1:]), **servicer
    )  # fmt: skip


def _numbered(lines: list[str], number: str, servicer: dict[str, str]) -> Counterparty:
    """Option F: ``1/`` name, ``2/`` address, ``3/`` country and town, ``6/`` and ``7/`` numbers that identify."""
    kind = identity = ""
    if (
        lines and lines[0][:4].isalpha() and lines[0][4:5] == "/"
    ):  # PASS/CC/number and its like, instead of an account
        kind, _, identity = lines.pop(0).partition("/")
    parts: dict[str, list[str]] = {}
    for line in lines:
        code, _, text = line.partition("/")
        parts.setdefault(code, []).append(text)
    country, _, town = "/".join(parts.get("3", [])[:1]).partition("/")
    for code, name in (("6", "CUST"), ("7", "NIDN")):
        if not identity and code in parts:
            kind, identity = name, parts[code][0]
    address = ", ".join(filter(None, [*parts.get("2", []), town, *parts.get("3", [])[1:]]))
    return Counterparty(
        name=" ".join(parts.get("1", [])), account=number, address=address, country=country, document_kind=kind,
        document_number=identity, **servicer,
    )  # fmt: skip


def agent(field: Field | None, role: str) -> Agent | None:
    """Options A (BIC), B (place), C (clearing number), D (name and address) of fields 51 to 58."""
    if field is None:
        return None
    lines = [line.strip() for line in field.lines if line.strip()]
    number = clearing = ""
    if lines and lines[0].startswith("/"):
        first = lines.pop(0)
        if first.startswith("//"):
            clearing = first[2:]
        else:
            number = re.sub(r"^/[CD]/", "/", first).lstrip("/")
    code, kind, name = clearing, "clearing" if clearing else "", ""
    if lines and BIC.fullmatch(lines[0]):
        code, kind = lines[0], "BIC"
    elif lines:
        name = ", ".join(lines)
    if not (code or name or number):
        return None
    return Agent(role=role, name=name, code=code, code_kind=kind, account=number)


def own_account(field: Field | None) -> str:
    """The account on the first line of a party or agent; empty where there is none."""
    first = field.lines[0].strip() if field is not None and field.lines else ""
    if not first.startswith("/") or first.startswith("//"):
        return ""
    return re.sub(r"^/[CD]/", "/", first).lstrip("/").replace(" ", "")
