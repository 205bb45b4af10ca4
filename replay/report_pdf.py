"""The report as PDF: the same blocks, the same bytes for the same report.

Text is set in Adobe's standard Chinese font, which every reader brings and the file therefore does not hold; a
character beyond GB 18030's first planes shows as a box there, and rightly in the HTML.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from replay.report import Bars, Block, Grid, Heading, Pairs, Text
from replay.report_html import COLOURS
from replay.report_words import Language, word

FONT: Final = "STSong-Light"
ROWS_MAX: Final = 400
"""Rows of a table on paper; the HTML has more."""
_MARGIN: Final = 14 * mm
_WIDTH: Final = landscape(A4)[0] - 2 * _MARGIN
_CHART: Final = 150  # points
_FOOT: Final = 24
_SLOT_MAX: Final = 70.0


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(name, fontName=FONT, fontSize=size, leading=size * 1.4, wordWrap="CJK", **more)


_BODY: Final = _style("body", 9.5)
_CELL: Final = _style("cell", 7.5)
_NAME: Final = _style("name", 9.5, textColor=HexColor("#56627a"))
_HEADINGS: Final = {
    1: _style("title", 20, spaceAfter=10),
    2: _style("heading", 13, spaceBefore=12, spaceAfter=5, keepWithNext=1, textColor=HexColor("#2f6f9f")),
}
_LINES: Final = TableStyle([
    ("VALIGN", (0, 0), (-1, -1), "TOP"), ("BACKGROUND", (0, 0), (-1, 0), HexColor("#eef2f6")),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#dde3ea")), ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
])  # fmt: skip
_PLAIN: Final = TableStyle([
    ("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 1),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
])  # fmt: skip


def render(title: str, blocks: Sequence[Block], language: Language) -> Iterator[bytes]:
    """The file, as one part."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=landscape(A4), leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN,
        bottomMargin=_MARGIN, title=title, author="KYC Ledger", subject=title, creator="KYC Ledger", lang=language,
        invariant=1, pageCompression=1,
    )  # fmt: skip

    def footer(canvas: Any, _: Any) -> None:
        canvas.setFont(FONT, 8)
        canvas.drawRightString(_MARGIN + _WIDTH, 8 * mm, f"{word('page', language)} {canvas.getPageNumber()}")

    story: list[Any] = [_paragraph(title, _HEADINGS[1])]
    for block in blocks:
        story += _flowables(block, language)
    document.build(story, onFirstPage=footer, onLaterPages=footer)
    yield out.getvalue()


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(text, quote=False), style)


def _flowables(block: Block, language: Language) -> list[Any]:
    if isinstance(block, Heading):
        return [_paragraph(block.text, _HEADINGS[block.level])]
    if isinstance(block, Text):
        return [_paragraph(block.text, _BODY), Spacer(1, 4)]
    if isinstance(block, Pairs):
        rows = [[_paragraph(name, _NAME), _paragraph(value, _BODY)] for name, value in block.rows]
        return [LongTable(rows, colWidths=[_WIDTH * 0.2, _WIDTH * 0.8], style=_PLAIN)] if rows else []
    if isinstance(block, Grid):
        return _grid(block, language)
    return [_paragraph(block.title, _BODY), _bars(block), Spacer(1, 6)]


def _grid(block: Grid, language: Language) -> list[Any]:
    rows = [[_paragraph(cell, _CELL) for cell in row] for row in (block.columns, *block.rows[:ROWS_MAX])]
    whole = sum(block.widths)
    found: list[Any] = [
        LongTable(rows, colWidths=[_WIDTH * width / whole for width in block.widths], repeatRows=1, style=_LINES)
    ]
    note = block.note
    if len(block.rows) > ROWS_MAX:
        note = word("shortened", language, kept=f"{ROWS_MAX:,}", all=f"{len(block.rows):,}")
    return [*found, _paragraph(note, _NAME)] if note else found


def _bars(block: Bars) -> Drawing:
    drawing = Drawing(_WIDTH, _CHART)
    top = max((value for _, values in block.series for value in values), default=Decimal(0)) or Decimal(1)
    left, slot = 60.0, min((_WIDTH - 60.0) / max(1, len(block.labels)), _SLOT_MAX)
    thick = slot * 0.8 / len(block.series)
    for number, (name, values) in enumerate(block.series):
        colour = HexColor(COLOURS[number])
        for at, value in enumerate(values):
            tall = float((_CHART - _FOOT - 10) * value / top)
            place = left + slot * (at + 0.1) + thick * number
            drawing.add(Rect(place, _FOOT, thick, tall, fillColor=colour, strokeColor=None))
        drawing.add(String(left + 90 * number, 0, name, fontName=FONT, fontSize=8, fillColor=colour))
    every = max(1, len(block.labels) // 12)
    for at, label in enumerate(block.labels):
        if at % every == 0:
            middle = left + slot * (at + 0.5)
            drawing.add(String(middle, 12, label, fontName=FONT, fontSize=7, textAnchor="middle"))
    drawing.add(Line(left, _FOOT, _WIDTH, _FOOT, strokeColor=HexColor("#56627a")))
    drawing.add(String(left - 4, _CHART - 14, f"{top:,}", fontName=FONT, fontSize=7, textAnchor="end"))
    return drawing
