"""How names are looked for: words, beginnings of words, Chinese characters and how they are read. Pure.

A name is kept as printed; what is made of it here serves searching only. It gives *tokens*, which stand in a blind
index, and a query gives tokens that every name it finds has: the index finds candidates, :func:`matches` compares
the name itself.

===================  =================================  ============================================
in the name          tokens                             finds it
===================  =================================  ============================================
words of letters     beginnings of 2 to 8 letters,      words in any order, from their beginning on;
                     from each word to the end          written together or apart
Chinese, Japanese,   characters and pairs of            any part of a run of them
Korean characters    neighbours
Chinese characters   their readings in pinyin, as       pinyin with or without blanks, every reading,
                     words of letters; the initials     ü as u, v or yu; ``zwm`` for Zhang Wei Ming
===================  =================================  ============================================

Case, width, accents, apostrophes and middle dots make no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice, product
from typing import Final, NamedTuple
from unicodedata import category, normalize

SHORTEST: Final = 2
"""Letters of the shortest beginning in the index."""
LONGEST: Final = 8
"""Letters of the longest; what a query says beyond is compared with the name itself."""
_SPOKEN: Final = 4
"""Characters of a run that may be a person's name: it is found by the reading from any of them on."""
_READINGS: Final = 256
"""Readings of a run of characters at most."""
_SOUNDS_MAX: Final = 24
"""Ways to write a query's characters in letters at most."""

_CJK: Final = "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
_IS_CJK: Final = re.compile(f"[{_CJK}]")
_RUN: Final = re.compile(f"[{_CJK}]+|[^{_CJK} ]+")
_ACCENT: Final = re.compile("[\u0300-\u036f]")
_SILENT: Final = "'\u2019\u02bc\u2018`\u00b4"
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"} | dict.fromkeys(_SILENT, "")
)


class Query(NamedTuple):
    """One way to write what is looked for: words, all of which a name has to have."""

    words: tuple[str, ...]

    @property
    def tokens(self) -> frozenset[str]:
        """What every name that is found has in the index; empty where the query is too short."""
        found: set[str] = set()
        for word in self.words:
            if not _is_cjk(word):
                found |= {word[:LONGEST]} if len(word) >= SHORTEST else set()
            else:
                found |= {word} if len(word) == 1 else _pairs(word)
        return frozenset(found)


@lru_cache(maxsize=20_000)
def words(text: str) -> tuple[str, ...]:
    """The words of a name in one form: runs of letters and digits, and runs of characters."""
    plain = _ACCENT.sub("", normalize("NFKD", text))
    folded = normalize("NFKC", plain).casefold().translate(_LETTERS)
    spaced = "".join([letter if category(letter)[0] in "LMN" else " " for letter in folded])
    return tuple(_RUN.findall(spaced))


@lru_cache(maxsize=20_000)
def tokens(name: str) -> frozenset[str]:
    """What a name stands under in the index."""
    own = words(name)
    characters, read = _characters(own), [one for run in _runs(own) for one in _readings(run)]
    found = {*characters, *_pairs(characters)}
    for start in (*_joined(own), *read, *_initials(characters)):
        found |= {start[:length] for length in range(SHORTEST, min(len(start), LONGEST) + 1)}
    return frozenset(found)


def queries(text: str, *, by_sound: bool = False) -> tuple[Query, ...]:
    """The ways to write what is looked for: also joined; with ``by_sound`` its Chinese characters in letters."""
    asked = words(text)
    if not by_sound or not any(map(_is_cjk, asked)):
        joined = Query(("".join(asked),))
        return (Query(asked),) if len(asked) == 1 or any(map(_is_cjk, asked)) else (Query(asked), joined)
    ways = product(*[_spelled(word) if _is_cjk(word) else ((word,),) for word in asked])
    return tuple(Query(tuple(part for way in parts for part in way)) for parts in islice(ways, _SOUNDS_MAX))


def matches(query: Query, name: str) -> bool:
    """Whether a name has every word of a query: characters anywhere, letters from the beginning of a word on."""
    own = words(name)
    characters = _characters(own)
    joined, runs = tuple(_joined(own)), tuple(_runs(own))

    def begins(word: str) -> bool:
        return (
            any(start.startswith(word) for start in joined)
            or any(_reads(run, word) for run in runs)
            or _abbreviates(characters, word)
        )

    return all(word in characters if _is_cjk(word) else begins(word) for word in query.words)


def _is_cjk(word: str) -> bool:
    return _IS_CJK.match(word) is not None


def _characters(own: Sequence[str]) -> str:
    return "".join(filter(_is_cjk, own))


def _pairs(run: str) -> set[str]:
    return {run[at : at + 2] for at in range(len(run) - 1)}


def _joined(own: Sequence[str]) -> Iterator[str]:
    """The words of letters from each on to the last, without blanks."""
    letters = [word for word in own if not _is_cjk(word)]
    for at in range(len(letters)):
        yield "".join(letters[at:])


def _runs(own: Sequence[str]) -> Iterator[str]:
    """The characters from each place on where reading may begin to the last."""
    runs = [word for word in own if _is_cjk(word)]
    for at, run in enumerate(runs):
        rest = "".join(runs[at:])
        for offset in range(len(run) if len(run) <= _SPOKEN else 1):
            yield rest[offset:]


def _readings(run: str) -> list[str]:
    """The ways to read a run of characters aloud, to the last letter that is in the index or the first unknown."""
    found = [""]
    for character in run:
        sounds = _sounds().get(character)
        if sounds is None or all(len(one) >= LONGEST for one in found):
            break
        longer = [(one + sound)[:LONGEST] for one in found for sound in sounds]
        found = list(dict.fromkeys(longer))[:_READINGS]
    return [one for one in found if one]


def _reads(run: str, word: str) -> bool:
    """Whether a word is the beginning of a reading of a run."""
    return bool(run) and any(
        sound.startswith(word) or (word.startswith(sound) and _reads(run[1:], word[len(sound) :]))
        for sound in _sounds().get(run[0], ())
    )


def _initials(run: str) -> list[str]:
    """The first letters of the readings of at least two characters."""
    found = [""]
    for character in run[:LONGEST]:
        letters = dict.fromkeys(sound[0] for sound in _sounds().get(character, ()))
        if not letters:
            break
        found = [one + letter for one in found for letter in letters][:_READINGS]
    return found if len(found[0]) >= SHORTEST else []


def _abbreviates(run: str, word: str) -> bool:
    return SHORTEST <= len(word) <= len(run) and all(
        any(sound[0] == letter for sound in _sounds().get(character, ()))
        for letter, character in zip(word, run, strict=False)
    )


def _spelled(run: str) -> list[tuple[str, ...]]:
    """A run of characters as words of letters: each for itself, or the first ones and the rest together."""
    sounds = [_sounds().get(character, ()) for character in run]
    ways: dict[tuple[str, ...], None] = {}
    for read in islice(product(*sounds), _SOUNDS_MAX):
        ways[read] = None
        for at in range(1, len(read) if 2 < len(read) <= _SPOKEN else 1):
            ways["".join(read[:at]), "".join(read[at:])] = None
    return list(ways)


@cache
def _sounds() -> dict[str, tuple[str, ...]]:
    """Character → its syllables without tones."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (files("projections") / "data" / "pinyin.txt").read_text(encoding="utf-8").splitlines():
        syllable, _, characters = line.partition(" ")
        if syllable != "#":
            written = _written(syllable)
            for character in characters:
                found[character] = (*found.get(character, ()), *written)
    return found


def _written(syllable: str) -> tuple[str, ...]:
    """A syllable as people type it: ü is u, v, or yu in passports."""
    return tuple(syllable.replace("v", letters) for letters in ("v", "u", "yu")) if "v" in syllable else (syllable,)
