"""A bitmap font of our own: capitals, digits and the marks that stand on identity documents, 5 × 7 points."""

from __future__ import annotations

from typing import Final

WIDTH: Final = 6
"""Points from one character to the next, the gap included."""
HEIGHT: Final = 7

_ROWS: Final = """
A 0E1111 1F111111  B 1E1111 1E11111E  C 0E1110 1010110E  D 1E1111 1111111E  E 1F1010 1E10101F  F 1F1010 1E101010
G 0E1110 1711110F  H 111111 1F111111  I 0E0404 0404040E  J 070202 0202120C  K 111214 18141211  L 101010 1010101F
M 111B15 15111111  N 111119 15131111  O 0E1111 1111110E  P 1E1111 1E101010  Q 0E1111 1115120D  R 1E1111 1E141211
S 0F1010 0E01011E  T 1F0404 04040404  U 111111 1111110E  V 111111 11110A04  W 111111 15151B11  X 11110A 040A1111
Y 11110A 04040404  Z 1F0102 0408101F  0 0E1113 1519110E  1 040C04 0404040E  2 0E1101 0204081F  3 1F0204 0201110E
4 02060A 121F0202  5 1F101E 0101110E  6 060810 1E11110E  7 1F0102 04080808  8 0E1111 0E11110E  9 0E1111 0F01020C
- 000000 1F000000  . 000000 00000C0C  : 000C0C 000C0C00  / 000102 04081000  < 020408 10080402  ' 0C0408 00000000
, 000000 000C0408
"""


def _glyphs() -> dict[str, tuple[int, ...]]:
    words = _ROWS.split()
    pairs = zip(words[::3], (top + low for top, low in zip(words[1::3], words[2::3], strict=True)), strict=True)
    return {" ": (0,) * HEIGHT} | {character: tuple(bytes.fromhex(rows)) for character, rows in pairs}


GLYPHS: Final = _glyphs()
"""Seven rows a character from the top; bit 4 is the leftmost of five points."""
