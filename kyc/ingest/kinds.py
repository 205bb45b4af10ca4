"""What kind of transaction a bank transaction code means (ISO 20022 external code set; SWIFT field 61).

The code itself is kept in ``wire.scheme``; this is the coarse word that searches and rules go by.
"""

from __future__ import annotations

from typing import Final

CASH: Final = "CNTR"
"""Family of counter transactions."""
_FAMILIES: Final = {
    CASH: "cash", "CCRD": "card", "MCRD": "card", "DRFT": "cheque", "ICHQ": "cheque",
    "RCHQ": "cheque", "IDDT": "direct-debit", "RDDT": "direct-debit", "LBOX": "cheque",
}  # fmt: skip
_LAST: Final = {
    "CHRG": "fee", "FEES": "fee", "COMM": "fee", "COME": "fee", "COMI": "fee", "COMT": "fee", "INTR": "interest",
    "CDPT": "cash", "CWDL": "cash", "BCDP": "cash", "BCWD": "cash", "CDWL": "cash", "NCDP": "cash", "XBCW": "cash",
}  # fmt: skip
_DOMAINS: Final = {"FORX": "exchange", "SECU": "securities", "LDAS": "loan", "TRAD": "trade"}
_SWIFT: Final = {
    "CHG": "fee", "COM": "fee", "BRF": "fee", "INT": "interest", "CHK": "cheque", "DDT": "direct-debit",
    "FEX": "exchange", "MSC": "other", "SEC": "securities", "LDP": "loan", "CSH": "cash",
}  # fmt: skip


def kind(scheme: str) -> str:
    """``transfer``, ``cash``, ``card``, ``fee`` …; ``other`` where the code is none of the standard."""
    domain, _, rest = scheme.partition("/")
    family, _, last = rest.partition("/")
    if last in _LAST:
        return _LAST[last]
    if family in _FAMILIES:
        return _FAMILIES[family]
    if domain == "PMNT":
        return "transfer"
    if domain in _DOMAINS:
        return _DOMAINS[domain]
    return "other" if scheme and not rest else "transfer"


def swift(scheme: str) -> str:
    """The kind of an entry of field 61, whose code is a letter and three."""
    return _SWIFT.get(scheme[1:], "transfer")


def cash(scheme: str) -> bool:
    """Whether the code says that notes and coins changed hands."""
    return kind(scheme) == "cash"
