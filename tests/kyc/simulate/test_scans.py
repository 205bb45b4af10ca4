"""Scan images: read back chunk by chunk by a parser of their own, and their text by its points."""

from __future__ import annotations

import hashlib
import struct
import zlib
from datetime import date

import pytest

from kyc.domain.identifiers import parse_mrz
from kyc.simulate import scans
from kyc.simulate.font import GLYPHS, HEIGHT, WIDTH
from kyc.simulate.people import Person
from kyc.simulate.population import Population

POPULATION = Population(1, 100, date(2026, 1, 1))


def papers(serial: int):
    """The document and holder of a customer."""
    party = POPULATION.customer(serial).party
    return (party.document, party) if isinstance(party, Person) else (party.licence, party.representative)


def chunks(content: bytes):
    """Type and data of every chunk; each CRC is checked."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place = 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        (crc,) = struct.unpack_from(">I", content, place + 8 + length)
        assert crc == zlib.crc32(kind + data)
        yield kind, data
        place += 12 + length
    assert place == len(content)


def points(content: bytes):
    """Rows of 0 and 1, decoded as the header says."""
    found = dict(chunks(content))
    wide, high, depth, colour, *rest = struct.unpack(">IIBBBBB", found[b"IHDR"])
    assert (wide, high, depth, colour, rest) == (272, 160, 1, 3, [0, 0, 0])
    raw = zlib.decompress(found[b"IDAT"])
    stride = 1 + wide // 8
    assert len(raw) == stride * high
    rows = [raw[start : start + stride] for start in range(0, len(raw), stride)]
    assert {row[0] for row in rows} == {0}
    return ["".join(f"{byte:08b}" for byte in row[1:]) for row in rows]


def read(rows: list[str], top: int, left: int, columns: int) -> str:
    """What stands in the rows from ``top`` on, glyph by glyph; ``?`` where no glyph fits."""
    names = {tuple(f"{row:05b}0" for row in glyph): character for character, glyph in GLYPHS.items()}
    cells = (
        tuple(rows[top + number][left + place * WIDTH : left + (place + 1) * WIDTH] for number in range(HEIGHT))
        for place in range(columns)
    )
    return "".join(names.get(cell, "?") for cell in cells)


def test_resident_card_has_two_sides_that_say_specimen() -> None:
    """Front and back are valid PNG files of 2 to 6 kB with the heading and SPECIMEN in the first line."""
    sides = scans.scans_of(*papers(0))
    assert [scan.name for scan in sides] == ["front", "back"]
    for scan in sides:
        assert scan.media_type == "image/png"
        assert 2_000 < len(scan.content) < 6_200
        assert [kind for kind, _ in chunks(scan.content)] == [b"IHDR", b"PLTE", b"tEXt", b"IDAT", b"IEND"]
        assert read(points(scan.content), 8, 8, 33) == "RESIDENT IDENTITY CARD - SPECIMEN"
        assert b"SPECIMEN" in scan.content


def test_text_on_the_image_is_that_of_the_document() -> None:
    """Name, birthday and number can be read off the points of the front."""
    document, holder = papers(0)
    rows = points(scans.scans_of(document, holder)[0].content)
    assert read(rows, 28, 8, len(holder.roman)) == holder.roman
    assert read(rows, 40, 8, 22) == f"SEX {holder.sex}  BORN {holder.birth}"
    assert read(rows, 64, 8, 21) == f"NO {document.number}"


def test_zone_of_a_passport_can_be_read_and_checked() -> None:
    """Both machine readable lines stand at the foot and agree with the document."""
    document, holder = papers(22)
    rows = points(scans.scans_of(document, holder)[0].content)
    lines = tuple(read(rows, top, 0, 44) for top in (136, 147))
    assert lines == document.mrz
    assert parse_mrz(lines).number == document.number


def test_licence_of_a_company_has_one_page_without_portrait() -> None:
    """A business licence shows its code."""
    document, holder = papers(7)
    (scan,) = scans.scans_of(document, holder)
    assert read(points(scan.content), 28, 8, 23) == f"CODE {document.number}"


def test_every_character_of_the_font_is_drawn_apart() -> None:
    """No two characters share a glyph, and each row fits five points."""
    assert len(set(GLYPHS.values())) == len(GLYPHS)
    assert all(len(rows) == HEIGHT and max(rows) < 32 for rows in GLYPHS.values())
    text = "".join(character for character in GLYPHS if character != " ")
    rows = points(scans.page(text[:20], (text[20:],)))
    assert read(rows, 8, 8, 20) + read(rows, 28, 8, len(text) - 20) == text


def test_sixteen_faces_differ() -> None:
    """Each portrait gives another image."""
    assert len({scans.page("A", (), portrait=face) for face in range(16)}) == 16


@pytest.mark.parametrize("text", ["王伟", "é" * 50, "", "a" * 100])
def test_text_outside_the_font_becomes_blank_and_long_text_is_cut(text: str) -> None:
    """Whatever is written, the file keeps its dimensions."""
    rows = points(scans.page(text, (text,) * 20, portrait=3, zone=(text, text)))
    assert len(rows) == 160


def test_images_are_the_same_bytes_everywhere() -> None:
    """Pinned digest: stored blocks do not depend on the zlib that Python was built with."""
    content = scans.page("PASSPORT UTO", ("ERIKSSON ANNA MARIA", "NO L898902C3"), portrait=5)
    assert hashlib.sha256(content).hexdigest() == PINNED


PINNED = "d26f7b1b319d3333e46206088a3c463f5edd7a56f38a213e8ee003ddd4ecffad"
