"""Check digits of the numbers a bank meets: people, companies, documents, cards, accounts. Pure.

Says whether a number can exist under its published scheme and makes numbers that can; whether it *does* exist is a
question for a register. Input is the exact stored form (no spaces, upper case): tidying what a clerk typed is
the reader's work, because two spellings of one number must not both enter the ledger.

=================  ==========================  =======================================================
scheme             check                       every change of one character is caught
=================  ==========================  =======================================================
resident ID        MOD 11-2 (GB 11643)         yes, and every swap of two neighbours
social credit      MOD 31-3 (GB 32100)         yes, and every swap of two neighbours
IBAN, LEI          MOD 97-10 (ISO 7064)        yes, where a letter stays a letter and a digit a digit
card number        Luhn (ISO/IEC 7812-1)       yes, and swaps of neighbours except 0 and 9
MRZ field          7-3-1 (ICAO 9303-3 §4.9)    digits yes; letters ten apart, such as A and K, are equal
=================  ==========================  =======================================================
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final, Literal

import msgspec

from kyc.errors import InputError

# --- ISO 7064 and GB 11643: the resident identity number --------------------------------------------------

_RESIDENT_FORM: Final = re.compile(r"[1-9][0-9]{16}[0-9X]", re.ASCII)
_LEGACY_FORM: Final = re.compile(r"[1-9][0-9]{14}", re.ASCII)
_RESIDENT_WEIGHTS: Final = tuple(pow(2, 17 - place, 11) for place in range(17))
_PROVINCES: Final = frozenset(
    (
        "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
    ).split()
)
"""GB/T 2260 prefixes, with 81 to 83 of the residence permits for Hong Kong, Macao and Taiwan people."""
_FOREIGN_PERMANENT: Final = "9"
"""First digit of a foreigner's permanent residence number since 2023: the province follows in place 2 and 3."""


def resident_id_valid(text: str, *, historic: bool = False) -> bool:
    """Whether ``text`` is a resident identity number: 18 characters, province, calendar date, MOD 11-2.

    With ``historic`` the 15-digit number issued before 1999-10-01 (void since 2013-01-01, never checked by a digit)
    passes too; use it only for documents captured while it was valid.
    """
    if historic and _LEGACY_FORM.fullmatch(text):
        return text[:2] in _PROVINCES and _is_date("19" + text[6:12])
    if not _RESIDENT_FORM.fullmatch(text):
        return False
    province = text[1:3] if text[0] == _FOREIGN_PERMANENT else text[:2]
    return province in _PROVINCES and _is_date(text[6:14]) and _resident_check(text[:17]) == text[17]


def resident_id_make(region: str, birth: date, sequence: int) -> str:
    """The number of the ``sequence``-th person (0 to 999; odd for men, even for women) born then and there.

    Raises:
        InputError: ``region`` is not six digits of GB/T 2260 or ``sequence`` has more than three digits.
    """
    if len(region) != 6 or not _digits(region) or region[:2] not in _PROVINCES:
        raise InputError("not a region code", field="region", rule="six digits of GB/T 2260")
    if not 0 <= sequence <= 999:
        raise InputError("sequence out of range", field="sequence", rule="0 to 999")
    body = f"{region}{birth.year:04d}{birth.month:02d}{birth.day:02d}{sequence:03d}"
    return body + _resident_check(body)


def resident_id_from_legacy(text: str) -> str:
    """The 18-character number of a person whose historic 15-digit number is ``text``.

    All 15-digit numbers belong to the 1900s but the sequences 996 to 999, which GB 11643 kept for centenarians.

    Raises:
        InputError: ``text`` is not a historic number.
    """
    if len(text) != 15 or not resident_id_valid(text, historic=True):
        raise InputError("not a 15-digit resident number", field="number", rule="GB 11643-1989")
    century = "18" if text[12:] >= "996" else "19"
    body = text[:6] + century + text[6:]  # 1800 had no 29 February either, so every birthday exists in both
    return body + _resident_check(body)


def _resident_check(body: str) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(body, _RESIDENT_WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


# --- GB 32100 and GB 11714: the unified social credit code ------------------------------------------------

_USCC_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES: Final = {character: value for value, character in enumerate(_USCC_CHARACTERS)}
_USCC_FORM: Final = re.compile(rf"[{_USCC_CHARACTERS}]{{2}}[0-9]{{6}}[{_USCC_CHARACTERS}]{{10}}", re.ASCII)
_USCC_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)


def uscc_valid(text: str) -> bool:
    """Whether ``text`` is a unified social credit code: 18 characters, none of I O S V Z, and MOD 31-3."""
    return _USCC_FORM.fullmatch(text) is not None and _uscc_check(text[:17]) == text[17]


def uscc_make(authority: str, category: str, region: str, organisation: str) -> str:
    """The code of an entity: ``authority`` and ``category`` one character each (``9``, ``1``: a company registered
    with the market regulator; ``9``, ``2``: a sole trader), ``region`` six digits, ``organisation`` eight
    characters, to which the check digit of GB 11714 is added.

    Raises:
        InputError: a part has the wrong length or a character the scheme leaves out.
    """
    if len(organisation) != 8 or not all(character in _USCC_VALUES for character in organisation):
        raise InputError("not an organisation code", field="organisation", rule="8 characters of GB 32100")
    body = authority + category + region + organisation + _organisation_check(organisation)
    if not _USCC_FORM.fullmatch(body + "0"):
        raise InputError("not a social credit code", field="uscc", rule="GB 32100: two characters, six digits")
    return body + _uscc_check(body)


def _organisation_check(organisation: str) -> str:
    """GB 11714: letters count 10 to 35 there, whatever their place in the alphabet of GB 32100."""
    total = sum(
        int(character, 36) * weight for character, weight in zip(organisation, _ORGANISATION_WEIGHTS, strict=True)
    )
    return "0X987654321"[total % 11]


def _uscc_check(body: str) -> str:
    total = sum(_USCC_VALUES[character] * weight for character, weight in zip(body, _USCC_WEIGHTS, strict=True))
    return _USCC_CHARACTERS[-total % 31]


# --- ICAO 9303: the machine readable zone -----------------------------------------------------------------

_MRZ_FORM: Final = re.compile(r"[0-9A-Z<]*", re.ASCII)
_MRZ_VALUES: Final = {character: int(character, 36) for character in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"} | {
    "<": 0
}
_NOT_MRZ: Final = re.compile(r"[^0-9A-Z]+", re.ASCII)
_TD3_LENGTH: Final = 44
_TD1_LENGTH: Final = 30


class Mrz(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine readable zone says. Dates stay six digits ``YYMMDD``: the zone does not know the century."""

    kind: Literal["TD1", "TD3"]
    document: str
    """Document code, such as ``P`` or ``I``, fillers removed."""
    issuer: str
    """Three-letter code of the issuing state, such as ``GBR``; ``D`` for Germany."""
    number: str
    nationality: str
    birth: str
    sex: str
    """``M``, ``F`` or ``X`` where the zone says unspecified."""
    expiry: str
    surname: str
    given: str
    optional: str = ""
    """Optional data of the issuing state; in a TD1 the two fields joined by one ``<`` where the second is used."""


def mrz_check_digit(text: str) -> str:
    """The check digit of ``text`` (0-9, A-Z and the filler ``<``): weights 7, 3, 1 repeating, modulo 10.

    Raises:
        InputError: a character that cannot stand in a machine readable zone.
    """
    if not _MRZ_FORM.fullmatch(text):
        raise InputError("not a machine readable zone", field="mrz", rule="characters 0-9 A-Z <")
    return str(sum(_MRZ_VALUES[character] * (7, 3, 1)[place % 3] for place, character in enumerate(text)) % 10)


def mrz_td3(zone: Mrz) -> tuple[str, str]:
    """The two lines of 44 characters of a passport (ICAO 9303-4 §4.2). Names too long are cut, as it says.

    Raises:
        InputError: a field does not fit its place.
    """
    upper = _fit(zone.document, 2, "document") + _fit(zone.issuer, 3, "issuer") + _names(zone, 39)
    number = _checked(_fit(zone.number, 9, "number"))
    birth, expiry = _checked(_fit(zone.birth, 6, "birth")), _checked(_fit(zone.expiry, 6, "expiry"))
    optional = _fit(zone.optional, 14, "optional")
    # An unused personal number may carry a filler instead of its check digit (9303-4 §4.2.2); 0 is as good.
    personal = _checked(optional)
    lower = number + _fit(zone.nationality, 3, "nationality") + birth + _sex(zone) + expiry + personal
    return upper, lower + mrz_check_digit(number + birth + expiry + personal)


def mrz_td1(zone: Mrz) -> tuple[str, str, str]:
    """The three lines of 30 characters of an identity card (ICAO 9303-5 §4.2).

    Raises:
        InputError: a field does not fit its place; ``optional`` has room for 15 characters, ``<`` and 11 more.
    """
    first, _, second = zone.optional.partition("<")
    number = _checked(_fit(zone.number, 9, "number"))
    birth, expiry = _checked(_fit(zone.birth, 6, "birth")), _checked(_fit(zone.expiry, 6, "expiry"))
    one, two = _fit(first, 15, "optional"), _fit(second, 11, "optional")
    upper = _fit(zone.document, 2, "document") + _fit(zone.issuer, 3, "issuer") + number + one
    middle = birth + _sex(zone) + expiry + _fit(zone.nationality, 3, "nationality") + two
    composite = mrz_check_digit(number + one + birth + expiry + two)
    return upper, middle + composite, _names(zone, 30)


def parse_mrz(lines: tuple[str, ...] | list[str]) -> Mrz:
    """What the lines say, after every check digit agreed. Two lines of 44 or three of 30 characters.

    Raises:
        InputError: other dimensions, a foreign character or a wrong check digit; names the field.
    """
    shape = (len(lines), {len(line) for line in lines})
    if not _MRZ_FORM.fullmatch("".join(lines)):
        raise InputError("not a machine readable zone", field="mrz", rule="characters 0-9 A-Z <")
    if shape == (2, {_TD3_LENGTH}):
        return _parse_td3(*lines)
    if shape == (3, {_TD1_LENGTH}):
        return _parse_td1(*lines)
    raise InputError("not a machine readable zone", field="mrz", rule="two lines of 44 or three of 30 characters")


def _parse_td3(upper: str, lower: str) -> Mrz:
    _require(lower[:10], "number")
    _require(lower[13:20], "birth")
    _require(lower[21:28], "expiry")
    if lower[28:43] != "<" * 15:
        _require(lower[28:43], "optional")
    _require(lower[:10] + lower[13:20] + lower[21:44], "composite")
    surname, given = _parse_names(upper[5:])
    return Mrz(
        kind="TD3", document=_bare(upper[:2]), issuer=_bare(upper[2:5]), number=_bare(lower[:9]),
        nationality=_bare(lower[10:13]), birth=lower[13:19], sex=_parse_sex(lower[20]), expiry=lower[21:27],
        surname=surname, given=given, optional=_bare(lower[28:42]),
    )  # fmt: skip


def _parse_td1(upper: str, middle: str, names: str) -> Mrz:
    _require(upper[5:15], "number")
    _require(middle[:7], "birth")
    _require(middle[8:15], "expiry")
    _require(upper[5:] + middle[:7] + middle[8:15] + middle[18:], "composite")
    surname, given = _parse_names(names)
    first, second = _bare(upper[15:]), _bare(middle[18:29])
    return Mrz(
        kind="TD1", document=_bare(upper[:2]), issuer=_bare(upper[2:5]), number=_bare(upper[5:14]),
        nationality=_bare(middle[15:18]), birth=middle[:6], sex=_parse_sex(middle[7]), expiry=middle[8:14],
        surname=surname, given=given, optional=f"{first}<{second}" if second else first,
    )  # fmt: skip


def _require(field: str, name: str) -> None:
    """``field`` ends with its own check digit."""
    if mrz_check_digit(field[:-1]) != field[-1]:
        raise InputError("check digit does not agree", field=name, rule="ICAO 9303-3 §4.9", remedy="read it again")


def _checked(field: str) -> str:
    return field + mrz_check_digit(field)


def _fit(text: str, width: int, name: str) -> str:
    if len(text) > width or not _MRZ_FORM.fullmatch(text):
        raise InputError("does not fit the zone", field=name, rule=f"at most {width} of 0-9 A-Z <")
    return text.ljust(width, "<")


def _names(zone: Mrz, width: int) -> str:
    """Primary ``<<`` secondary identifier. Apostrophes vanish, other marks become one filler (9303-3 §4.6)."""
    parts = [_NOT_MRZ.sub("<", name.upper().replace("'", "")).strip("<") for name in (zone.surname, zone.given)]
    return "<<".join(part for part in parts if part)[:width].ljust(width, "<")


def _parse_names(field: str) -> tuple[str, str]:
    surname, _, given = field.rstrip("<").partition("<<")
    return surname.replace("<", " "), given.replace("<", " ")


def _sex(zone: Mrz) -> str:
    if zone.sex not in {"M", "F", "X"}:
        raise InputError("unknown sex", field="sex", rule="M, F or X")
    return "<" if zone.sex == "X" else zone.sex


def _parse_sex(character: str) -> str:
    if character not in {"M", "F", "<"}:
        raise InputError("unknown sex", field="sex", rule="M, F or <")
    return "X" if character == "<" else character


def _bare(field: str) -> str:
    return field.rstrip("<")


# --- ISO/IEC 7812: card numbers ---------------------------------------------------------------------------

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""A digit doubled, its digits added."""


def luhn_valid(text: str) -> bool:
    """Whether the last of at least two digits is the Luhn check digit of the others."""
    return len(text) >= 2 and _digits(text) and _luhn_check(text[:-1]) == text[-1]


def luhn_make(body: str) -> str:
    """``body`` with its Luhn check digit.

    Raises:
        InputError: ``body`` is empty or not digits.
    """
    if not body or not _digits(body):
        raise InputError("not a card number", field="number", rule="digits")
    return body + _luhn_check(body)


def _luhn_check(body: str) -> str:
    digits = [ord(character) - 48 for character in reversed(body)]
    return str(-(sum(_DOUBLED[digit] for digit in digits[::2]) + sum(digits[1::2])) % 10)


# --- ISO 13616 and ISO 17442: MOD 97-10 -------------------------------------------------------------------

_BBAN_STRUCTURES: Final = """
AD 8n12c  AE 19n  AL 8n16c  AT 16n  AZ 4a20c  BA 16n  BE 12n  BG 4a6n8c  BH 4a14c  BI 23n  BR 23n1a1c  BY 4c4n16c
CH 5n12c  CR 18n  CY 8n16c  CZ 20n  DE 18n  DJ 23n  DK 14n  DO 4c20n  EE 16n  EG 25n  ES 20n  FI 14n  FK 2a12n
FO 14n  FR 10n11c2n  GB 4a14n  GE 2a16n  GI 4a15c  GL 14n  GR 7n16c  GT 24c  HN 4a20n  HR 17n  HU 24n  IE 4a14n
IL 19n  IQ 4a15n  IS 22n  IT 1a10n12c  JO 4a4n18c  KW 4a22c  KZ 3n13c  LB 4n20c  LC 4a24c  LI 5n12c  LT 16n
LU 3n13c  LV 4a13c  LY 21n  MC 10n11c2n  MD 20c  ME 18n  MK 3n10c2n  MN 16n  MR 23n  MT 4a5n18c  MU 4a19n3a
NI 4a20n  NL 4a10n  NO 11n  OM 3n16c  PK 4a16c  PL 24n  PS 4a21c  PT 21n  QA 4a21c  RO 4a16c  RS 18n  RU 14n15c
SA 2n18c  SC 4a20n3a  SD 14n  SE 20n  SI 15n  SK 20n  SM 1a10n12c  SO 19n  ST 21n  SV 4a20n  TL 19n  TN 20n
TR 6n16c  UA 6n19c  VA 18n  VG 4a16n  XK 16n  YE 4a4n18c
"""
"""Account part by country as the ISO 13616 registry notes it (n digits, a capitals, c both), equal runs joined."""

_CLASSES: Final = {"n": "[0-9]", "a": "[A-Z]", "c": "[0-9A-Z]"}
_LEI_FORM: Final = re.compile(r"[0-9A-Z]{18}[0-9]{2}", re.ASCII)


def _patterns(table: str) -> dict[str, re.Pattern[str]]:
    words = table.split()
    return {
        country: re.compile(
            "".join(f"{_CLASSES[kind]}{{{count}}}" for count, kind in re.findall(r"(\d+)([nac])", structure)),
            re.ASCII,
        )
        for country, structure in zip(words[::2], words[1::2], strict=True)
    }


_BBAN: Final = _patterns(_BBAN_STRUCTURES)


def iban_valid(text: str) -> bool:
    """Whether ``text`` is an IBAN of a registered country: structure of the account part and MOD 97-10.

    National check digits inside the account part are the national bank's business and not looked at.
    """
    structure = _BBAN.get(text[:2])
    if structure is None or not structure.fullmatch(text, 4) or not _digits(text[2:4]):
        return False
    # 00, 01 and 99 leave the right remainder but are never issued (ISO 13616-1 annex A).
    return "02" <= text[2:4] <= "98" and _remainder(text[4:] + text[:4]) == 1


def iban_make(country: str, bban: str) -> str:
    """The IBAN of the account ``bban`` (bank, branch and account number as the country writes them).

    Raises:
        InputError: the country has no IBAN or ``bban`` breaks its structure.
    """
    structure = _BBAN.get(country)
    if structure is None:
        raise InputError("country without IBAN", field="country", rule="ISO 13616 registry")
    if not structure.fullmatch(bban):
        raise InputError("not an account number of that country", field="bban", rule="ISO 13616 registry")
    return f"{country}{98 - _remainder(bban + country + '00'):02d}{bban}"


def lei_valid(text: str) -> bool:
    """Whether ``text`` is a legal entity identifier: 18 of 0-9 A-Z, two digits, MOD 97-10 (ISO 17442)."""
    return _LEI_FORM.fullmatch(text) is not None and _remainder(text) == 1


def lei_make(body: str) -> str:
    """The identifier whose first 18 characters are ``body``: four of the issuer, ``00``, twelve of the entity.

    Raises:
        InputError: ``body`` is not 18 of 0-9 A-Z.
    """
    if not _LEI_FORM.fullmatch(body + "00"):
        raise InputError("not a legal entity identifier", field="lei", rule="18 of 0-9 A-Z")
    return f"{body}{98 - _remainder(body + '00'):02d}"


def _remainder(text: str) -> int:
    """Letters count 10 to 35, all digits side by side, modulo 97."""
    return int("".join(str(int(character, 36)) for character in text)) % 97


# --- common -----------------------------------------------------------------------------------------------


def _digits(text: str) -> bool:
    """ASCII digits only: ``str.isdigit`` would take other scripts' digits, which no scheme knows."""
    return text.isascii() and text.isdigit()


def _is_date(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return True
