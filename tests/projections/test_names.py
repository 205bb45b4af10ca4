"""How names are looked for: spellings that are one, beginnings, characters, pinyin with all its readings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import names


def found(asked: str, name: str, *, by_sound: bool = False) -> bool:
    """Whether a query finds a name: in the index first, then by the name itself."""
    return any(
        one.tokens and one.tokens <= names.tokens(name) and names.matches(one, name)
        for one in names.queries(asked, by_sound=by_sound)
    )


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("ada", "Ada Lovelace"), ("LOVE", "Ada Lovelace"), ("lovelace ada", "Ada Lovelace"),
        ("adalove", "Ada Lovelace"),
        ("obrien", "José O\u2019Brien-Núñez"), ("jose nunez", "José O\u2019Brien-Núñez"),
        ("Ｏ'brien", "Jose OBrien"),
        ("bartholomew", "Bartholomew Featherstonehaugh"), ("featherstonehaug", "Bartholomew Featherstonehaugh"),
        ("strasse", "Straße"), ("soren", "Søren"), ("lukasz", "Łukasz"), ("иван", "Иванов Иван"),
        ("राम", "राम कुमार"),
        ("김", "김민준"), ("たなか", "たなか いちろう"),
    ],
)  # fmt: skip
def test_words_are_found_from_their_beginning(asked: str, name: str) -> None:
    """In any order, joined or apart, whatever case, width, accents and apostrophes; in other alphabets too."""
    assert found(asked, name)


@pytest.mark.parametrize(
    ("asked", "name"),
    [("ovelace", "Ada Lovelace"), ("ada byron", "Ada Lovelace"), ("featherstonehaupt", "Featherstonehaugh"),
     ("伟张", "张伟"), ("zhang ming", "张伟"), ("wz", "张伟"), ("lz", "吕布")],
)  # fmt: skip
def test_others_are_not_found(asked: str, name: str) -> None:
    """The middle of a word, another word, another order of characters."""
    assert not found(asked, name)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("张", "张伟明"), ("伟明", "张伟明"), ("张伟", "张 伟"), ("张 伟", "张伟"),
        ("工商银行", "中国工商银行股份有限公司"),
        ("zhang", "张伟明"), ("Zhang Weiming", "张伟明"), ("zhangweim", "张伟明"), ("weiming zhang", "张伟明"),
        ("zwm", "张伟明"), ("zhōng guó gōng shāng", "中国工商银行股份有限公司"),
        ("zggsyh", "中国工商银行股份有限公司"),
        ("zeng guofan", "曾国藩"), ("shan xiongxin", "单雄信"), ("xie", "解缙"), ("piao", "朴槿惠"),
        ("lü bu", "吕布"), ("lv bu", "吕布"), ("LYU BU", "吕布"), ("lu bu", "吕布"),
        ("maimaiti aili", "买买提·艾力"), ("maimaitiaili", "买买提·艾力"),
        ("Mai Mai Ti", "Maimaiti Aili"), ("艾力", "买买提·艾力"), ("𠮷田", "𠮷田 一"),
    ],
)  # fmt: skip
def test_chinese_names(asked: str, name: str) -> None:
    """Any part of the characters; pinyin, joined or apart, with every reading of a surname; initials."""
    assert found(asked, name)


def test_by_sound() -> None:
    """Characters find those who are read alike, in letters or in other characters, only when asked for."""
    for name in ("Zhang Weiming", "Weiming Zhang", "ZHANG WEI MING", "張偉明"):
        assert not found("张伟明", name)
        assert found("张伟明", name, by_sound=True)
    assert found("欧阳明", "Ouyang Ming", by_sound=True)
    assert not found("张伟明", "Zhang Weining", by_sound=True)
    assert names.queries("ada", by_sound=True) == names.queries("ada")


def test_too_short_a_query_has_no_tokens() -> None:
    """One letter alone would be everybody; with a longer word it counts."""
    (one,) = names.queries("x")
    assert one.tokens == frozenset()
    assert found("j lovelace", "Jane Lovelace")
    assert not found("x lovelace", "Jane Lovelace")


_LETTERS = st.text("abyzA é'-·zhangweilv", min_size=1, max_size=12)
_NAMES = st.text("张伟明曾国藩吕单 ·abzhéÀ中工商ー金", min_size=1, max_size=10)


@given(_NAMES, st.one_of(_NAMES, _LETTERS))
def test_the_index_hides_nobody(name: str, asked: str) -> None:
    """Whatever matches a name stands in the index with it: no answer is lost on the way."""
    for one in names.queries(asked):
        if names.matches(one, name):
            assert one.tokens <= names.tokens(name)


def test_the_table_of_readings() -> None:
    """The table knows the characters of the standard lists, and every reading of those that have several."""
    sounds = names._sounds()
    assert len(sounds) > 40_000
    assert set(sounds["行"]) >= {"xing", "hang"}
    assert set(sounds["女"]) == {"nv", "nu", "nyu", "ru"}
    assert all(one.isascii() and one.islower() for all_of in sounds.values() for one in all_of)
