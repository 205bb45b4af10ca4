"""Money: which currencies exist, how many digits follow their point, which amounts are none. Pure.

ISO 4217 tables A.1 (current) and A.3 (withdrawn within the retention of transactions). A decimal that is
not finite, too large or too fine is refused here, because the JSON reader would take all three.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from kyc.errors import RefusedError

_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU "
    "MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
    "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED "
    "VES WST XAD XCD XCG YER ZAR ZMW ZWG"
)

DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
"""Currency → digits after the point (ISO 4217, table A.1)."""

WITHDRAWN: Final[dict[str, tuple[int, date]]] = {
    "ANG": (2, date(2025, 6, 30)),
    "BGN": (2, date(2026, 1, 31)),
    "BYR": (0, date(2016, 12, 31)),
    "CUC": (2, date(2021, 6, 30)),
    "HRK": (2, date(2023, 1, 14)),
    "LTL": (2, date(2015, 1, 15)),
    "LVL": (2, date(2014, 1, 15)),
    "MRO": (2, date(2018, 12, 31)),
    "SLL": (2, date(2024, 3, 31)),
    "STD": (2, date(2018, 6, 30)),
    "VEF": (2, date(2018, 8, 20)),
    "ZMK": (2, date(2013, 1, 1)),
    "ZWL": (2, date(2024, 9, 1)),
}
"""Withdrawn currency → digits, last day on which a booking in it is taken (table A.3, with its exchange period)."""

AMOUNT_BELOW: Final = Decimal(10) ** 18
"""Larger amounts are mistakes; every amount below fits NUMERIC(22, 4)."""
_LEAST, _MOST = -AMOUNT_BELOW, AMOUNT_BELOW


def digits_of(currency: str, field: str, on: date | None = None) -> int:
    """Digits after the point of a currency, on a day where the day is known.

    Raises:
        RefusedError: unknown, or withdrawn before ``on``.
    """
    digits = DIGITS.get(currency)
    if digits is not None:
        return digits
    withdrawn = WITHDRAWN.get(currency)
    if withdrawn is None:
        raise RefusedError(
            "unknown currency", field=_under(field, "currency"), rule="ISO 4217", remedy="use its alphabetic code"
        )
    if on is None or on > withdrawn[1]:
        raise RefusedError(
            "withdrawn currency",
            field=_under(field, "currency"),
            rule=f"ISO 4217: until {withdrawn[1]}",
            remedy="book in the successor",
        )
    return withdrawn[0]


def check_money(amount: Decimal, currency: str, field: str, on: date | None = None) -> None:
    """Refuse an amount that its currency cannot have; ``field`` is the place of the struct that holds both.

    Raises:
        RefusedError: unknown currency, not finite, too large, or more digits than the currency has.
    """
    digits = DIGITS.get(currency)
    if digits is None:
        digits = digits_of(currency, field, on)
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= digits and _LEAST < amount < _MOST:
        return
    place = _under(field, "amount")
    check_number(amount, place)
    raise RefusedError(
        "more decimals than the currency has",
        field=place,
        rule=f"{currency} has {digits}",
        remedy="round at the source, where the rule for rounding is known",
    )


def check_positive(amount: Decimal, currency: str, field: str, on: date | None = None) -> None:
    """Refuse an amount that is not positive: the direction tells credit from debit.

    Raises:
        RefusedError: as :func:`check_money`, or zero or less.
    """
    check_money(amount, currency, field, on)
    if amount <= 0:
        raise RefusedError(
            "amount not positive",
            field=_under(field, "amount"),
            rule="above zero",
            remedy="the direction tells credit from debit",
        )


def check_number(number: Decimal, field: str) -> None:
    """Refuse a decimal that is no number one can store: not finite, too large, or finer than 18 digits.

    Raises:
        RefusedError: names ``field``.
    """
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise RefusedError("not a number", field=field, rule="a finite decimal", remedy="correct it")
    if not _LEAST < number < _MOST:
        raise RefusedError("number out of range", field=field, rule="below 10^18", remedy="correct it")
    if exponent < -DECIMALS_MAX:
        raise RefusedError("too many decimals", field=field, rule=f"at most {DECIMALS_MAX}", remedy="round it")


DECIMALS_MAX: Final = 18


def _under(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
