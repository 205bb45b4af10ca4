"""Amounts: what a currency can have is taken, everything else is refused by name of the field."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.currencies import AMOUNT_BELOW, DIGITS, WITHDRAWN, check_money, check_number, digits_of
from kyc.errors import RefusedError


@given(st.sampled_from(sorted(DIGITS)), st.integers(-(10**14), 10**14))
def test_minor_units_fit(currency: str, minor: int):
    """Any whole number of minor units is an amount of its currency."""
    check_money(Decimal(minor).scaleb(-DIGITS[currency]), currency, "x")


@given(st.sampled_from(sorted(DIGITS)), st.integers(1, 9), st.integers(1, 3))
def test_parts_of_minor_units_do_not(currency: str, digit: int, beyond: int):
    """A fraction of a minor unit is no amount, however small."""
    with pytest.raises(RefusedError) as caught:
        check_money(Decimal(digit).scaleb(-DIGITS[currency] - beyond), currency, "x")
    assert caught.value.field == "x.amount"
    assert caught.value.rule == f"{currency} has {DIGITS[currency]}"


@given(st.decimals())
def test_only_storable_numbers_pass(number: Decimal):
    """Whatever passes is finite, below the limit and no finer than 18 digits; whatever does not is not repeated."""
    refusal = None
    try:
        check_number(number, "x")
    except RefusedError as caught:
        refusal = caught
    if refusal is not None:
        assert refusal.field == "x"
        assert str(number) not in f"{refusal.message} {refusal.remedy}"
    else:
        assert number.is_finite()
        assert abs(number) < AMOUNT_BELOW
        assert int(number.as_tuple().exponent) >= -18


@pytest.mark.parametrize("currency", ["", "cny", "RMB", "XXX", "BTC", "EURO"])
def test_what_is_no_currency(currency: str):
    """Only alphabetic codes of ISO 4217 are currencies."""
    with pytest.raises(RefusedError, match="unknown currency") as caught:
        digits_of(currency, "")
    assert caught.value.field == "currency"


def test_scales_of_the_standard():
    """Currencies without, with three and with four digits have them; no current currency is withdrawn as well."""
    assert (DIGITS["JPY"], DIGITS["CNY"], DIGITS["KWD"], DIGITS["CLF"]) == (0, 2, 3, 4)
    assert not DIGITS.keys() & WITHDRAWN.keys()


@pytest.mark.parametrize("currency", sorted(WITHDRAWN))
def test_withdrawn_currencies_have_a_last_day(currency: str):
    """A withdrawn currency is money until its last day, and none without a day or after it."""
    digits, last = WITHDRAWN[currency]
    assert digits_of(currency, "x", last) == digits
    for day in (date(last.year + 1, 1, 1), None):
        with pytest.raises(RefusedError, match="withdrawn"):
            digits_of(currency, "x", day)
