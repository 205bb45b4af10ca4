"""Values that events are made of: names, addresses, papers, money. Pure; what they hold is stored as given.

Money is a decimal with its currency; ISO 4217 says how many digits may follow the point. A decimal that is not
finite, too large or too fine is refused here, because the JSON reader would take all three.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from kyc.errors import RefusedError

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
"""ISO 3166-1 alpha-3."""
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
"""ISO 4217."""

_TWO: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU "
    "MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
    "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED "
    "VES WST XAD XCD XCG YER ZAR ZMW ZWG"
)
_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
    "CLF": 4,
    "UYW": 4,
}
"""Currency → digits after the point (ISO 4217, table A.1)."""

AMOUNT_BELOW: Final = Decimal(10) ** 18
"""Larger amounts are mistakes."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value inside an event."""


class Name(Record, frozen=True, kw_only=True):
    """A name as printed; never normalised, because it is what was committed to."""

    text: Text
    kind: Literal["legal", "alias", "former", "birth", "romanised", "trade"] = "legal"
    script: Annotated[str, msgspec.Meta(pattern="^([A-Z][a-z]{3})?$")] = ""
    """ISO 15924, such as ``Hans`` or ``Latn``."""


class Address(Record, frozen=True, kw_only=True):
    """A postal address."""

    lines: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=6)]
    country: Country
    kind: Literal["residence", "habitual", "work", "registered", "business", "correspondence"] = "residence"
    city: str = ""
    region: str = ""
    """Administrative division, GB/T 2260 in China."""
    postcode: str = ""


class Phone(Record, frozen=True, kw_only=True):
    """A telephone or fax number as dialled from abroad or as given."""

    number: Code
    kind: Literal["mobile", "home", "work", "fax"] = "mobile"


class Party(Record, frozen=True, kw_only=True):
    """A natural person named in somebody else's record: legal representative, agent, beneficial owner."""

    name: Text
    role: Code
    document_kind: str = ""
    document_number: str = ""
    document_expires_on: date | None = None
    nationality: str = ""
    percentage: Decimal | None = None


class Counterparty(Record, frozen=True, kw_only=True):
    """The other side of a leg, as far as it is known."""

    name: str = ""
    account: str = ""
    account_kind: str = ""
    institution: str = ""
    institution_code: str = ""
    """BIC or domestic clearing number."""
    institution_code_kind: str = ""
    country: str = ""
    district: str = ""
    address: str = ""
    document_kind: str = ""
    document_number: str = ""


class Equivalent(Record, frozen=True, kw_only=True):
    """An amount in another currency with the rate that gave it."""

    amount: Decimal
    currency: Currency
    rate: Decimal
    rate_source: Code
    rate_date: date


def check_money(amount: Decimal, currency: str, field: str) -> None:
    """Refuse an amount that its currency cannot have.

    Raises:
        RefusedError: unknown currency, not finite, too large, or more digits than the currency has.
    """
    digits = DIGITS.get(currency)
    if digits is None:
        raise RefusedError(
            "unknown currency", field=f"{field}.currency", rule="ISO 4217", remedy="use its alphabetic code"
        )
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int):
        raise RefusedError("not an amount", field=f"{field}.amount", rule="a finite decimal", remedy="correct it")
    if not -AMOUNT_BELOW < amount < AMOUNT_BELOW:
        raise RefusedError("amount out of range", field=f"{field}.amount", rule="below 10^18", remedy="correct it")
    if -exponent > digits:
        raise RefusedError(
            "more decimals than the currency has",
            field=f"{field}.amount",
            rule=f"{currency} has {digits}",
            remedy="round at the source, where the rule for rounding is known",
        )
