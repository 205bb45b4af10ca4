"""Values of ISO 20022 elements: amounts, days, moments, codes, parties, agents, accounts.

Fields are taken by name, wherever the version of the message puts them: ``BIC`` or ``BICFI``, ``Sts`` or
``Sts/Cd``, ``Dbtr`` or ``Dbtr/Pty``. What is not as the standard says is a fault with line, column and element.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final

from kyc.domain.values import Agent, Counterparty
from kyc.ingest.amounts import exact, scaled
from kyc.ingest.readers.markup import FaultError, Node

_AMOUNT: Final = re.compile(r"\+?[0-9]{1,18}(\.[0-9]{0,17})?|\+?\.[0-9]{1,17}")
_RATE: Final = re.compile(r"\+?[0-9]{1,11}(\.[0-9]{0,11})?|\+?\.[0-9]{1,11}")
_DAY: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?")
_MIDNIGHT: Final = re.compile(r"T24:00:00(?:\.0+)?")
"""How XML Schema may also write the end of a day, which is the beginning of the next."""
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Za-z0-9]{8,30}")
_DIRECTIONS: Final = {"CRDT": "credit", "DBIT": "debit"}


def fault(part: Node, path: str, message: str, rule: str, remedy: str = "correct it at the source") -> FaultError:
    """A fault of an element below a part; where it is not there, of the nearest that is."""
    nearest = part
    for tag in path.split("/") if path else ():
        below = nearest.find(tag)
        if below is None:
            break
        nearest = below
    full = f"{part.place}/{path}" if path else part.place
    return FaultError(message, field=path or part.tag, rule=rule, remedy=remedy).at(
        nearest.line, nearest.column, full
    )


def needed(part: Node, path: str) -> Node:
    """An element that has to be there.

    Raises:
        FaultError: it is not.
    """
    node = part.find(path)
    if node is None:
        raise fault(part, path, "an element is missing", f"{path.rpartition('/')[2]} is mandatory")
    return node


def decimal(text: str, part: Node, path: str) -> Decimal:
    """A decimal as XML Schema writes it: no exponent, no NaN. Zeros at its end are dropped, nothing is rounded.

    Raises:
        FaultError: it is none.
    """
    if not _AMOUNT.fullmatch(text):
        raise fault(part, path, "not an amount", "digits and a point, at most 18 before it")
    return exact(text.removeprefix("+"))


def money(part: Node, path: str) -> tuple[Decimal, str]:
    """Amount and currency of an element that has to be there.

    Raises:
        FaultError: missing, or not an amount with its currency.
    """
    node = needed(part, path)
    currency = node.attributes.get("Ccy", "")
    if not _CURRENCY.fullmatch(currency):
        raise fault(part, path, "an amount without currency", "Ccy, three letters of ISO 4217")
    return scaled(decimal(node.text, part, path), currency), currency


def rate(part: Node, path: str) -> Decimal:
    """A rate of exchange (BaseOneRate).

    Raises:
        FaultError: it is none.
    """
    text = part.get(path)
    if not _RATE.fullmatch(text):
        raise fault(part, path, "not a rate", "digits and a point")
    return exact(text.removeprefix("+"))


def direction(part: Node, path: str = "CdtDbtInd") -> str:
    """``credit`` or ``debit``.

    Raises:
        FaultError: missing or neither.
    """
    found = _DIRECTIONS.get(needed(part, path).text)
    if found is None:
        raise fault(part, path, "neither credit nor debit", "CRDT or DBIT")
    return found


def moment(part: Node, path: str, zone: tzinfo) -> datetime | None:
    """The moment in an element that holds a day or a moment, or in its ``Dt`` or ``DtTm``; None where it is absent.

    A day is its beginning; what has no offset is of the institution's zone.

    Raises:
        FaultError: neither.
    """
    node = part.find(path)
    if node is None:
        return None
    for choice in ("DtTm", "Dt"):
        if node.find(choice) is not None:
            return moment(part, f"{path}/{choice}", zone)
    text = node.text
    try:
        day = _DAY.fullmatch(text)
        if day is not None:
            text = f"{day[1]}T00:00:00{day[2] or ''}"
        text, ends = _MIDNIGHT.subn("T00:00:00", text)
        found = datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "") + timedelta(days=ends)
    except (ValueError, OverflowError):
        raise fault(part, path, "not a date", "YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss with offset") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def whole(part: Node, path: str) -> int | None:
    """A number of things; None where it is absent.

    Raises:
        FaultError: it is none.
    """
    node = part.find(path)
    if node is None:
        return None
    if not node.text.isascii() or not node.text.isdecimal() or len(node.text) > 15:
        raise fault(part, path, "not a number", "up to 15 digits")
    return int(node.text)


def true(part: Node, path: str) -> bool:
    """Whether an indicator is there and set."""
    return part.get(path) in {"true", "1"}


def code(part: Node | None, *paths: str) -> str:
    """A code that may stand by itself, or under ``Cd`` or ``Prtry`` (and there under ``Cd``, ``Id`` …)."""
    for path in paths:
        node = part.find(path) if part is not None else None
        if node is not None:
            text = node.text if not node.children else node.get("Cd", "Prtry", "Prtry/Cd", "Prtry/Id", "Prtry/Tp")
            if text:
                return text
    return ""


def texts(part: Node | None) -> list[str]:
    """Every text below an element, in order."""
    if part is None:
        return []
    if not part.children:
        return [part.text] if part.text else []
    return [text for child in part.children for text in texts(child)]


def bank_code(node: Node | None) -> str:
    """Bank transaction code: domain, family and sub-family, else the proprietary one."""
    if node is None:
        return ""
    parts = [node.get("Domn/Cd"), node.get("Domn/Fmly/Cd"), node.get("Domn/Fmly/SubFmlyCd")]
    return "/".join(parts) if parts[0] else node.get("Prtry/Cd", "Prtry")


# --- who and where --------------------------------------------------------------------------------------


def account(node: Node | None) -> str:
    """The number of an account: IBAN, or whatever else identifies it."""
    if node is None:
        return ""
    return node.get("Id/IBAN", "Id/Othr/Id", "Id/BBAN", "Id/UPIC", "Id/PrtryAcct/Id", "Prxy/Id").replace(" ", "")


def institution(node: Node | None, role: str, at: str = "") -> Agent | None:
    """An agent; None where the message names none."""
    found = None if node is None else node.find("FinInstnId")
    if found is None:
        return None
    inner = found.find("CmbndId") or found
    bic = inner.get("BICFI", "BIC", "BICOrBEI", "AnyBIC")
    member = inner.get("ClrSysMmbId/MmbId", "ClrSysMmbId/Id", "ClrSysMmbId/Prtry")
    lei, other = inner.get("LEI"), inner.get("Othr/Id", "PrtryId/Id")
    kinds = (
        (bic, "BIC"), (member, code(inner.find("ClrSysMmbId"), "ClrSysId") or "clearing"), (lei, "LEI"),
        (other, code(inner.find("Othr"), "SchmeNm") or "other"),
    )  # fmt: skip
    number, kind = next(((value, kind) for value, kind in kinds if value), ("", ""))
    name = inner.get("Nm", "NmAndAdr/Nm")
    country = inner.get("PstlAdr/Ctry", "NmAndAdr/PstlAdr/Ctry")
    if not (number or name or at):
        return None
    return Agent(role=role, name=name, code=number, code_kind=kind, country=country, account=at)


def party(node: Node | None, agent: Agent | None = None, at: str = "") -> Counterparty | None:
    """A party with its account and institution, as far as the message tells; None where it tells nothing."""
    inner = None if node is None else node.find("Pty") or node
    if inner is not None and (bank := inner.find("Agt") or (inner if inner.find("FinInstnId") else None)):
        return _bank_as_party(bank, agent, at)
    name = address = country = kind = number = ""
    if inner is not None:
        home = inner.find("PstlAdr")
        name = inner.get("Nm")
        country = inner.get("PstlAdr/Ctry", "CtryOfRes")
        address = "" if home is None else _address(home)
        kind, number = _identity(inner.find("Id"))
    if not (name or address or country or number or at or agent):
        return None
    return Counterparty(
        name=name, account=at, address=address, country=country, document_kind=kind, document_number=number,
        **_servicer(agent),
    )  # fmt: skip


def _bank_as_party(node: Node, agent: Agent | None, at: str) -> Counterparty | None:
    bank = institution(node, "party", at)
    if bank is None:
        return None
    home = node.find("FinInstnId/PstlAdr")
    own = {"institution": bank.name, "institution_code": bank.code, "institution_code_kind": bank.code_kind}
    return Counterparty(
        name=bank.name or bank.code, account=at, country=bank.country,
        address="" if home is None else _address(home), **(_servicer(agent) if agent else own),
    )  # fmt: skip


def _servicer(agent: Agent | None) -> dict[str, str]:
    if agent is None:
        return {}
    return {
        "institution": agent.name,
        "institution_code": agent.code,
        "institution_code_kind": agent.code_kind,
    }


def _address(home: Node) -> str:
    """All lines, the structured ones too, but neither the kind of address nor the country."""
    return ", ".join(text for child in home.children if child.tag not in {"AdrTp", "Ctry"} for text in texts(child))


def _identity(identity: Node | None) -> tuple[str, str]:
    """Kind and number of the first document or register that identifies a party."""
    if identity is None:
        return "", ""
    for holder in identity.children:
        for path, kind in (("LEI", "LEI"), ("AnyBIC", "BIC"), ("BICOrBEI", "BIC"), ("BIC", "BIC")):
            if number := holder.get(path):
                return kind, number
        for other in holder.all("Othr") or holder.all("OthrId"):
            if number := other.get("Id"):
                return code(other, "SchmeNm", "IdTp") or "other", number
        for child in holder.children:  # version 1 names each kind by an element of its own
            if child.text and child.tag not in {"BirthDt", "CityOfBirth", "CtryOfBirth"}:
                return child.tag, child.text
    return "", ""


def country_of(number: str) -> str:
    """The country that an IBAN or a BIC begins with or holds; empty where it is neither."""
    if _IBAN.fullmatch(number):
        return number[:2]
    return number[4:6] if BIC.fullmatch(number) else ""
