"""Counting equals of a message: exact however many they are, in memory that stays as it is, nothing in clear."""

from __future__ import annotations

import gc
import random
import resource
import tracemalloc
from collections import Counter
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest
from fix_messages import OURS, SETTING, credit, transfer

from kyc.domain.fact import Submission
from kyc.errors import KycError
from kyc.ingest import repeats
from kyc.ingest.readers import iso20022, mt
from kyc.ingest.repeats import Repeats

SMALL_KIB = 16
"""A cache that a few hundred counts fill."""
GROWTH_MAX = 100_000
"""Bytes that may be kept more; some 150 for each entry would be thrice as many."""


@pytest.fixture
def small(monkeypatch):
    """Counting with a cache that has to go to the file soon."""
    monkeypatch.setattr(repeats, "CACHE_KIB", SMALL_KIB)


def nameless() -> list[Path]:
    """Open files of this process that no folder holds."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        try:
            if one.stat().st_nlink == 0 and one.is_file():
                found.append(one)
        except OSError:  # the one that listed this folder
            continue
    return found


@pytest.mark.usefixtures("small")
def test_counts_are_exact_beyond_the_cache():
    """Every text has the number that a plain counter gives it, also once the counts lie in the file."""
    chance = random.Random(7)
    seen: Counter[str] = Counter()
    before = nameless()
    with Repeats() as counted:
        for _ in range(20_000):
            text = f"entry {chance.randrange(8_000)}"
            seen[text] += 1
            assert counted.identity(text) == sha256(f"{text}|{seen[text]}".encode()).hexdigest()[:40]
        (file,) = set(nameless()) - set(before)
        assert file.stat().st_size > 8 * SMALL_KIB * 1_024
    assert max(seen.values()) > 5
    assert nameless() == before


def test_messages_are_counted_apart():
    """What one message holds is no repetition in the next."""
    with Repeats() as counted:
        first = [counted.identity("a"), counted.identity("a")]
        counted.begin()
        assert [counted.identity("a"), counted.identity("a")] == first
    assert first[0] != first[1]


@pytest.mark.usefixtures("small")
def test_nothing_in_clear():
    """The file holds neither texts nor digests that somebody could guess them from."""
    before = nameless()
    texts = [f"{OURS}|credit|{number}.50" for number in range(2_000)]
    with Repeats() as counted:
        for text in texts:
            counted.identity(text)
        (file,) = set(nameless()) - set(before)
        content = file.read_bytes()
    assert len(content) > 2_000 * 16
    for text in texts:
        assert text.encode() not in content
        assert sha256(text.encode()).digest()[:8] not in content


@pytest.mark.usefixtures("small")
def test_no_room_for_the_file():
    """A disk that is full is told, with the folder to be mended; nothing is counted wrongly instead."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * SMALL_KIB * 1_024, hard))
    try:
        with Repeats() as counted, pytest.raises(KycError) as told:
            Counter(counted.identity(f"entry {number}") for number in range(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (told.value.message, told.value.field) == ("the temporary folder cannot be used", "TMPDIR")
    assert "room" in (told.value.remedy or "")


def statement(path: Path, entries: int) -> None:
    """One MT940 with so many different entries."""
    told = (f":61:2603030302C12,50NTRFNONREF//R{number}\n" for number in range(entries))
    path.write_text(f":20:S\n:25:{OURS}\n:28C:1\n:60F:C260301EUR0,00\n{''.join(told)}-\n", encoding="ascii")


def payments(path: Path, number: int) -> None:
    """One pacs.008 with so many different payments."""
    path.write_text(transfer(*(credit(transaction=f"T{one}") for one in range(number))), encoding="ascii")


@pytest.mark.parametrize(("reader", "make"), [(mt, statement), (iso20022, payments)])
def test_memory_of_a_long_message(tmp_path, reader, make):
    """At the last entry of a statement, or payment of a message, no more is kept of ten times as many."""

    def kept(entries: int) -> int:
        make(tmp_path / "in", entries)
        tracemalloc.start()
        lines = reader.submissions(tmp_path / "in", SETTING)
        assert sum(isinstance(line.item, Submission) for line in islice(lines, entries - 1)) == entries - 1
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        lines.close()
        return size

    short = kept(200)
    assert kept(2_000) < short + GROWTH_MAX
