"""Identifier schemes against published numbers, python-stdnum and every change of one character."""

from __future__ import annotations

import re
from datetime import date, timedelta
from random import Random

import msgspec
import pytest
import stdnum.iban
import stdnum.lei
import stdnum.luhn
from stdnum import numdb
from stdnum.cn import ric, uscc

from kyc.domain import identifiers as ids
from kyc.errors import InputError

DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COUNT = 2_000

ZONE = ids.Mrz(
    kind="TD3", document="P", issuer="UTO", number="L898902C3", nationality="UTO", birth="740812", sex="F",
    expiry="120415", surname="ERIKSSON", given="ANNA MARIA", optional="ZE184226B",
)  # fmt: skip
PASSPORT = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
CARD = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")


def substitutions(text: str, *, like: bool = True):
    """Every text that differs in one place; ``like``: digits by digits, letters by letters."""
    for place, character in enumerate(text):
        pool = (DIGITS if character in DIGITS else CAPITALS) if like else DIGITS + CAPITALS
        yield from (text[:place] + other + text[place + 1 :] for other in pool if other != character)


def swaps(text: str):
    """Every text with two different neighbours exchanged."""
    for place in range(len(text) - 1):
        if text[place] != text[place + 1]:
            yield text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def made_resident_ids(count: int):
    """Valid numbers over a century of birthdays and every sequence."""
    random = Random(1)
    for _ in range(count):
        region = random.choice(("110101", "310115", "440305", "510107", "650102", "542421", "360426"))
        birth = date(1930, 1, 1) + timedelta(days=random.randrange(30_000))
        yield ids.resident_id_make(region, birth, random.randrange(1_000))


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014", "360426199101010071"])
def test_published_resident_ids_are_valid(number: str) -> None:
    """The examples of GB 11643-1999 and of stdnum."""
    assert ids.resident_id_valid(number)
    assert ids.resident_id_make(number[:6], date.fromisoformat(number[6:14]), int(number[14:17])) == number


def test_made_resident_ids_satisfy_the_oracle() -> None:
    """Thousands of made numbers have stdnum's check digit and birthday."""
    for number in made_resident_ids(COUNT):
        assert ids.resident_id_valid(number)
        assert ric.calc_check_digit(number) == number[17]
        assert f"{ric.get_birth_date(number):%Y%m%d}" == number[6:14]


def test_random_digits_agree_with_the_oracle() -> None:
    """Where stdnum takes a number, so do we; where we take one, stdnum's check digit agrees."""
    random = Random(2)
    accepted = 0
    for _ in range(COUNT):
        body = f"110101{random.randrange(1950, 2010)}{random.randrange(1, 14):02d}{random.randrange(1, 32):02d}"
        number = body + f"{random.randrange(1000):03d}" + random.choice(DIGITS + "X")
        assert ids.resident_id_valid(number) or not ric.is_valid(number)
        if ids.resident_id_valid(number):
            accepted += 1
            assert ric.calc_check_digit(number) == number[17]
    assert 100 < accepted < 400


def test_resident_id_refuses_every_slip() -> None:
    """MOD 11-2 catches each changed character and each swap of neighbours."""
    for number in made_resident_ids(30):
        assert not any(ids.resident_id_valid(other) for other in substitutions(number, like=False))
        assert not any(ids.resident_id_valid(other) for other in swaps(number))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1101051949123100",
        "11010519491231002x",
        " 11010519491231002X",
        "11010519491231002X\n",
        "１1010519491231002X",
    ],
)
def test_resident_id_refuses_other_spellings(text: str) -> None:
    """Lower case, blanks, full-width digits and wrong lengths are another text, not the number."""
    assert not ids.resident_id_valid(text)


def test_resident_id_refuses_impossible_dates_and_provinces() -> None:
    """A right check digit does not help a day or a province that does not exist."""
    for body in ("11010519490229002", "11010520231301002", "99010519491231002", "17010519491231002"):
        assert not any(ids.resident_id_valid(body + check) for check in DIGITS + "X")


def test_foreign_permanent_residents_number_is_a_resident_number() -> None:
    """Since 2023 such cards carry 9, the province, the nationality and the same check digit."""
    body = "93115619850712002"
    assert sum(ids.resident_id_valid(body + check) for check in DIGITS + "X") == 1


def test_legacy_number_is_valid_only_as_historic_and_converts() -> None:
    """15 digits pass when asked for as historic, and become the 18 of the same person."""
    assert not ids.resident_id_valid("110105491231002")
    assert ids.resident_id_valid("110105491231002", historic=True)
    assert ids.resident_id_from_legacy("110105491231002") == "11010519491231002X"
    assert ids.resident_id_from_legacy("440524800101996")[6:14] == "18800101"
    for broken in ("110105491331002", "170105491231002", "11010519491231002X", ""):
        with pytest.raises(InputError):
            ids.resident_id_from_legacy(broken)


@pytest.mark.parametrize(
    ("region", "sequence"), [("11010", 1), ("1101０5", 1), ("990101", 1), ("110105", 1000), ("110105", -1)]
)
def test_resident_id_make_refuses_what_does_not_fit(region: str, sequence: int) -> None:
    """The maker names the field it refuses."""
    with pytest.raises(InputError) as refusal:
        ids.resident_id_make(region, date(1990, 1, 1), sequence)
    assert refusal.value.field in {"region", "sequence"}


def made_usccs(count: int):
    """Codes with every permitted character in the organisation part."""
    random = Random(3)
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    for _ in range(count):
        organisation = "".join(random.choice(alphabet) for _ in range(8))
        yield ids.uscc_make("9", random.choice("123"), f"{random.randrange(110000, 660000)}", organisation)


def test_published_uscc_is_valid() -> None:
    """Codes of companies printed in the press, and the organisation check digit inside one."""
    for code in ("91110000600037341L", "91350100M000100Y43", "91310115591693856W"):
        assert ids.uscc_valid(code) == uscc.is_valid(code)
    assert ids.uscc_valid("91110000600037341L")
    assert ids.uscc_make("9", "1", "110000", "60003734") == "91110000600037341L"


def test_made_usccs_satisfy_the_oracle() -> None:
    """Thousands of made codes pass stdnum."""
    assert all(ids.uscc_valid(code) and uscc.is_valid(code) for code in made_usccs(COUNT))


def test_uscc_refuses_every_slip() -> None:
    """MOD 31-3 catches each changed character and each swap of neighbours."""
    for code in made_usccs(30):
        assert not any(ids.uscc_valid(other) for other in substitutions(code, like=False))
        assert not any(ids.uscc_valid(other) for other in swaps(code))


@pytest.mark.parametrize(
    "parts",
    [
        ("9", "1", "11000A", "60003734"),
        ("9", "1", "110000", "6000373"),
        ("9", "I", "110000", "60003734"),
        ("9", "1", "110000", "6000373O"),
    ],
)
def test_uscc_make_refuses_left_out_characters(parts: tuple[str, str, str, str]) -> None:
    """I, O, S, V and Z and wrong lengths do not make a code."""
    with pytest.raises(InputError):
        ids.uscc_make(*parts)


def test_published_passport_is_built_and_read() -> None:
    """The specimen of ICAO 9303-4 appendix B, both ways."""
    assert ids.mrz_td3(ZONE) == PASSPORT
    assert ids.parse_mrz(PASSPORT) == ZONE


def test_published_card_is_built_and_read() -> None:
    """The specimen of ICAO 9303-5 appendix B, both ways."""
    zone = msgspec.structs.replace(ZONE, kind="TD1", document="I", number="D23145890", optional="")
    assert ids.mrz_td1(zone) == CARD
    assert ids.parse_mrz(CARD) == zone


@pytest.mark.parametrize("lines", [PASSPORT, CARD])
def test_mrz_refuses_every_changed_digit(lines: tuple[str, ...]) -> None:
    """Weights 7, 3, 1 have no common factor with 10, so no changed digit of a checked field passes."""
    tried = 0
    for index, line in enumerate(lines):
        for place in (place for place, character in enumerate(line) if character in DIGITS):
            for digit in DIGITS.replace(line[place], ""):
                broken = line[:place] + digit + line[place + 1 :]
                with pytest.raises(InputError):
                    ids.parse_mrz([*lines[:index], broken, *lines[index + 1 :]])
                tried += 1
    assert tried >= 150


def test_mrz_cannot_tell_letters_ten_apart() -> None:
    """The weakness the standard has, pinned so nobody builds on more."""
    assert ids.mrz_check_digit("A") == ids.mrz_check_digit("K") == ids.mrz_check_digit("U")


def test_mrz_knows_its_characters_and_three_sexes() -> None:
    """What cannot stand in a zone has no check digit, and no check digit covers the sex: it is looked at itself."""
    with pytest.raises(InputError, match="not a machine readable zone"):
        ids.mrz_check_digit("a")
    with pytest.raises(InputError, match="unknown sex"):
        ids.parse_mrz((PASSPORT[0], PASSPORT[1][:20] + "Q" + PASSPORT[1][21:]))


def test_mrz_survives_any_zone() -> None:
    """Random zones of both kinds come back as they went in."""
    random = Random(4)
    for _ in range(500):
        kind = random.choice(("TD1", "TD3"))
        zone = ids.Mrz(
            kind=kind, document="P" if kind == "TD3" else "I", issuer=random.choice(("CHN", "D", "GBR")),
            number="".join(random.choice(DIGITS + CAPITALS) for _ in range(9)), nationality="FRA",
            birth=f"{random.randrange(10**6):06d}", sex=random.choice("MFX"),
            expiry=f"{random.randrange(10**6):06d}",
            surname="VAN DER BERG", given=random.choice(("", "ANNA", "LI NA")),
            optional=random.choice(("", "A1B2")),
        )  # fmt: skip
        lines = ids.mrz_td1(zone) if kind == "TD1" else ids.mrz_td3(zone)
        assert ids.parse_mrz(lines) == zone


def test_mrz_names_are_transliterated_and_cut() -> None:
    """Apostrophes vanish, hyphens become fillers, and 39 characters are all there is."""
    upper, _ = ids.mrz_td3(msgspec.structs.replace(ZONE, surname="O'Connor-Smith", given="Mary " * 10))
    assert upper.startswith("P<UTOOCONNOR<SMITH<<MARY<MARY")
    assert len(upper) == 44


def test_unused_personal_number_may_lack_its_digit() -> None:
    """A filler in place of the check digit is the standard's other way to leave the field empty."""
    upper, lower = ids.mrz_td3(msgspec.structs.replace(ZONE, optional=""))
    assert lower[42] == "0"
    assert ids.parse_mrz((upper, lower[:42] + "<" + lower[43:])).optional == ""


@pytest.mark.parametrize(
    "change", [{"number": "1234567890"}, {"sex": "?"}, {"issuer": "utO"}, {"birth": "19740812"}, {"optional": "a"}]
)
def test_mrz_makers_refuse_what_does_not_fit(change: dict[str, str]) -> None:
    """Fields too long or outside the character set are refused by name."""
    for make in (ids.mrz_td1, ids.mrz_td3):
        with pytest.raises(InputError) as refusal:
            make(msgspec.structs.replace(ZONE, **change))
        assert refusal.value.field in change


@pytest.mark.parametrize(
    "lines", [(), ("P<", "X"), (PASSPORT[0],), (*PASSPORT, ""), (PASSPORT[0].lower(), PASSPORT[1])]
)
def test_mrz_of_other_dimensions_is_refused(lines: tuple[str, ...]) -> None:
    """Only two lines of 44 or three of 30 are a zone."""
    with pytest.raises(InputError):
        ids.parse_mrz(lines)


def test_luhn_agrees_with_the_oracle_and_catches_slips() -> None:
    """Made card numbers pass stdnum; each changed digit and each swap but 0 with 9 is caught."""
    random = Random(5)
    for _ in range(COUNT):
        number = ids.luhn_make("".join(random.choice(DIGITS) for _ in range(random.randrange(1, 19))))
        assert ids.luhn_valid(number)
        assert stdnum.luhn.is_valid(number)
    for _ in range(30):
        number = ids.luhn_make(f"62{random.randrange(10**16):016d}")
        assert not any(ids.luhn_valid(other) for other in substitutions(number))
        caught = [other for other in swaps(number) if not ids.luhn_valid(other)]
        assert len(caught) == sum(1 for _ in swaps(number)) - len(re.findall("(?=09|90)", number))


def test_luhn_takes_digits_only() -> None:
    """Empty text, letters and other scripts' digits are no card number."""
    for text in ("", "0", "62a6", "６２26"):
        assert not ids.luhn_valid(text)
    for body in ("", "62a", "６２"):
        with pytest.raises(InputError):
            ids.luhn_make(body)


@pytest.mark.parametrize(
    "iban",
    [
        "GB82WEST12345698765432",
        "DE89370400440532013000",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "GR1601101050000010547023795",
    ],
)
def test_published_ibans_are_valid(iban: str) -> None:
    """The examples of the registry, made again from their parts."""
    assert ids.iban_valid(iban)
    assert ids.iban_make(iban[:2], iban[4:]) == iban


def test_every_country_of_the_registry_agrees_with_the_oracle() -> None:
    """For each country: random account parts of its structure pass stdnum; one place more or less does not."""
    random = Random(6)
    pools = {"n": DIGITS, "a": CAPITALS, "c": DIGITS + CAPITALS}
    countries = [first + second for first in CAPITALS for second in CAPITALS]
    tried = 0
    for country in countries:
        known = numdb.get("iban").info(country)[0][1].get("bban")
        if known is None:
            with pytest.raises(InputError):
                ids.iban_make(country, "1" * 20)
            continue
        for _ in range(20):
            runs = re.findall(r"(\d+)!([nac])", known)
            bban = "".join(random.choice(pools[kind]) for length, kind in runs for _ in range(int(length)))
            iban = ids.iban_make(country, bban)
            assert ids.iban_valid(iban)
            assert stdnum.iban.is_valid(iban, check_country=False)
            assert not ids.iban_valid(iban + "0")
            assert not ids.iban_valid(iban[:-1])
            tried += 1
    assert tried >= 85 * 20


def test_iban_refuses_every_slip() -> None:
    """MOD 97-10 and the structure catch each changed character; lower case and blanks are another text."""
    for iban in ("GB82WEST12345698765432", "DE89370400440532013000", "MU17BOMM0101101030300200000MUR"):
        assert ids.iban_valid(iban)
        changed = (other for other in substitutions(iban, like=False) if other[:2] == iban[:2])
        assert not any(ids.iban_valid(other) for other in changed)
        assert not ids.iban_valid(iban.lower())
        assert not ids.iban_valid(f" {iban}")


def test_iban_check_digits_outside_02_to_98_are_never_issued() -> None:
    """97 more or less leaves the same remainder; the standard rules those digits out."""
    random = Random(7)
    made = (ids.iban_make("DE", f"{random.randrange(10**18):018d}") for _ in range(COUNT))
    shifted = {iban[:2] + "99" + iban[4:] for iban in made if iban[2:4] == "02"}
    assert shifted
    assert not any(ids.iban_valid(iban) for iban in shifted)


def test_iban_make_refuses_wrong_structure() -> None:
    """An account part of another country is refused by field."""
    with pytest.raises(InputError, match="not an account number"):
        ids.iban_make("DE", "WEST12345698765432")


def test_leis_agree_with_the_oracle_and_catch_slips() -> None:
    """A published identifier, thousands of made ones, and each changed character of some."""
    random = Random(8)
    assert ids.lei_valid("213800KUD8LAJWSQ9D15")
    assert ids.lei_make("213800KUD8LAJWSQ9D") == "213800KUD8LAJWSQ9D15"
    for trial in range(COUNT):
        lei = ids.lei_make("5493" + "00" + "".join(random.choice(DIGITS + CAPITALS) for _ in range(12)))
        assert ids.lei_valid(lei)
        assert stdnum.lei.is_valid(lei)
        if trial < 30:
            assert not any(ids.lei_valid(other) for other in substitutions(lei))
    assert not ids.lei_valid("213800kud8lajwsq9d15")
    with pytest.raises(InputError):
        ids.lei_make("213800")
