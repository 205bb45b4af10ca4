"""Decimals of messages: read exactly, never rounded, written with as many digits as the currency has."""

from __future__ import annotations

from decimal import Decimal

from kyc.domain.currencies import DIGITS


def exact(text: str) -> Decimal:
    """The decimal of digits with at most one point, without zeros at the end of its fraction."""
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return Decimal(f"{whole or '0'}.{fraction}" if fraction else whole or "0")


def scaled(amount: Decimal, currency: str) -> Decimal:
    """The same amount with the currency's digits; one that is finer stays as it is, to be refused by name."""
    digits, exponent = DIGITS.get(currency), amount.as_tuple().exponent
    if digits is None or not isinstance(exponent, int) or -exponent >= digits:
        return amount
    return amount.quantize(Decimal(1).scaleb(-digits))
