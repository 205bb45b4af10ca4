"""Scan images of identity documents: small valid PNG files that say SPECIMEN across the page.

Real enough to be stored, encrypted, proved and destroyed; never mistaken for a real document: characters are
roman, the portrait is a shape, the fields are those of the simulated person. Same text, same bytes, on every
machine: the image data are *stored* deflate blocks (RFC 1951 §3.2.4), because compressed bytes differ between
builds of zlib. Black and white at 272 × 160 points keeps a file under 6 kB all the same.

A glyph row is six points, and base64 is six bits a character: so a row of a whole line of text is one
``translate`` and one ``a2b_base64``, which is what makes tens of thousands of images a second possible.
"""

from __future__ import annotations

import struct
import zlib
from binascii import a2b_base64
from functools import cache
from typing import Final

from kyc.domain.submission import Scan
from kyc.simulate.font import GLYPHS, HEIGHT, WIDTH
from kyc.simulate.people import Document, Person

POINTS_WIDE: Final = 272
POINTS_HIGH: Final = 160
_STRIDE: Final = 1 + POINTS_WIDE // 8
"""Bytes of a row: the filter type, always 0, and eight points a byte."""
_MEDIA_TYPE: Final = "image/png"
_LINE_ROWS: Final = 12
_FIRST_LINE: Final = 28
_LINES: Final = 6
_NARROW, _WIDE, _ZONE_COLUMNS = 28, 40, 44  # characters beside a portrait, without one, in a machine readable zone
_ZONE_ROWS: Final = (136, 147)
_FACES: Final = 16


def scans_of(document: Document, holder: Person) -> tuple[Scan, ...]:
    """The images of ``document``: both sides of a card, the data page of a passport, the face of a licence."""
    dates = f"ISSUED {document.issued}", _validity(document)
    birth, number = f"SEX {holder.sex}  BORN {holder.birth}", f"NO {document.number}"
    person = holder.roman, birth, f"NATIONALITY {holder.nationality}", number
    if document.kind == "resident-id":
        front = page("RESIDENT IDENTITY CARD", person, portrait=_face(document))
        back = page("RESIDENT IDENTITY CARD", (f"AUTHORITY {document.number[:6]}", *dates))
        return _scan("front", front), _scan("back", back)
    if document.kind == "passport":
        title = f"PASSPORT {document.country}"
        return (_scan("front", page(title, (*person, *dates), portrait=_face(document), zone=document.mrz)),)
    lines = f"CODE {document.number}", f"REPRESENTATIVE {holder.roman}", *dates
    return (_scan("front", page("BUSINESS LICENCE", lines)),)


def page(title: str, lines: tuple[str, ...], *, portrait: int | None = None, zone: tuple[str, ...] = ()) -> bytes:
    """A PNG file of 272 × 160 points.

    Args:
        title: heading; characters the font lacks become blanks, as everywhere.
        lines: at most six lines, cut at 28 characters beside a portrait and at 40 without one.
        portrait: which of the sixteen faces to show.
        zone: at most two lines of a machine readable zone at the foot, 44 characters each.
    """
    image = bytearray(_background(portrait))
    _write(image, 8, 1, f"{title} - SPECIMEN", _WIDE)
    columns = _WIDE if portrait is None else _NARROW
    for number, line in enumerate(lines[:_LINES]):
        _write(image, _FIRST_LINE + number * _LINE_ROWS, 1, line, columns)
    for top, line in zip(_ZONE_ROWS, zone, strict=False):
        _write(image, top, 0, line, _ZONE_COLUMNS)
    return _png(image)


def _scan(name: str, content: bytes) -> Scan:
    return Scan(name=name, media_type=_MEDIA_TYPE, content=content)


def _validity(document: Document) -> str:
    return "VALID WITHOUT END" if document.expires is None else f"VALID TO {document.expires}"


def _face(document: Document) -> int:
    return sum(document.number.encode()) % _FACES


# --- drawing: a point is black where its bit is set --------------------------------------------------------


def _row_tables() -> tuple[bytes, ...]:
    """Per row of the font: from the ASCII code of a character to the base64 letter of its six points."""
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    blank = GLYPHS[" "]
    return tuple(
        bytes(letters[GLYPHS.get(chr(code), blank)[row] << 1] for code in range(256)) for row in range(HEIGHT)
    )


_TABLES: Final = _row_tables()


def _write(image: bytearray, top: int, left: int, text: str, columns: int) -> None:
    """``text`` with its upper edge in row ``top`` from byte ``left`` on, cut at ``columns`` characters."""
    ascii_text = text[:columns].encode("ascii", "replace")
    ascii_text = ascii_text.ljust(-(-len(ascii_text) // 4) * 4)  # four characters are three whole bytes
    place = top * _STRIDE + 1 + left
    end = place + len(ascii_text) // 4 * 3
    for table in _TABLES:
        image[place:end] = a2b_base64(ascii_text.translate(table))
        place += _STRIDE
        end += _STRIDE


@cache
def _background(portrait: int | None) -> bytes:
    """Paper with a dotted pattern, a frame, the word SPECIMEN in grey, and the portrait."""
    canvas = [[(x * x // 37 + y * y // 23) % 17 == 0 for x in range(POINTS_WIDE)] for y in range(POINTS_HIGH)]
    for row in canvas:
        row[2] = row[-3] = True
    canvas[2] = canvas[-3] = [True] * POINTS_WIDE
    _stamp(canvas)
    if portrait is not None:
        _draw_portrait(canvas, portrait)
    return b"".join(b"\x00" + _packed(row) for row in canvas)


def _packed(row: list[bool]) -> bytes:
    return int("".join("01"[point] for point in row), 2).to_bytes(POINTS_WIDE // 8, "big")


def _grey(x: int, y: int) -> bool:
    return (x + y) % 2 == 0


def _stamp(canvas: list[list[bool]]) -> None:
    """SPECIMEN in large grey letters between the fields and the machine readable zone."""
    scale, left, top = 4, 40, 106
    for place, character in enumerate("SPECIMEN"):
        for y in range(HEIGHT * scale):
            for x in range((WIDTH - 1) * scale):
                if GLYPHS[character][y // scale] >> (WIDTH - 2 - x // scale) & 1:
                    across = left + place * WIDTH * scale + x
                    canvas[top + y][across] = _grey(across, top + y)


def _draw_portrait(canvas: list[list[bool]], face: int) -> None:
    """A head and shoulders; the four bits of ``face`` vary width, length, hair and shoulders."""
    top, high, left, wide = 22, 82, 196, 66
    half, length = 14 + 3 * (face & 1), 20 + 3 * (face >> 1 & 1)
    hair, shoulder = 7 + 9 * (face >> 2 & 1), 26 + 5 * (face >> 3 & 1)
    for y in range(high):
        for x in range(left, left + wide):
            dx, dy = x - left - wide // 2, y - 38
            black = x in {left, left + wide - 1} or y in {0, high - 1}
            if (dx * length) ** 2 + (dy * half) ** 2 <= (half * length) ** 2:
                black = dy <= hair - length or (_grey(x, y) and y % 2 == 0)
            elif y > 62 and dx * dx * 20 <= shoulder * shoulder * (y - 60):
                black = True
            canvas[top + y][x] = black


# --- PNG, ISO/IEC 15948 ------------------------------------------------------------------------------------


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Length, type, data and the CRC of type and data (§5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_IMAGE_BYTES: Final = _STRIDE * POINTS_HIGH
_HEAD: Final = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", POINTS_WIDE, POINTS_HIGH, 1, 3, 0, 0, 0))
    + _chunk(b"PLTE", bytes.fromhex("F4F1E81B2430"))  # paper, ink
    + _chunk(b"tEXt", b"Comment\x00SPECIMEN: generated test image, no real person or document")
)
_ZLIB_HEAD: Final = b"\x78\x01" + struct.pack("<BHH", 1, _IMAGE_BYTES, _IMAGE_BYTES ^ 0xFFFF)
"""zlib header and that of one last stored block: length and its complement (RFC 1951 §3.2.4)."""
_TAIL: Final = _chunk(b"IEND", b"")


def _png(image: bytearray) -> bytes:
    data = _ZLIB_HEAD + image + struct.pack(">I", zlib.adler32(image))
    return _HEAD + _chunk(b"IDAT", data) + _TAIL
