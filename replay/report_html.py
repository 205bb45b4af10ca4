"""The report as one HTML file: no script, nothing from elsewhere, everything escaped; charts are SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from html import escape
from typing import Final

from replay.report import Bars, Block, Grid, Heading, Pairs, Text
from replay.report_words import Language

COLOURS: Final = ("#2f6f9f", "#c7672b", "#5b8c5a")
_STYLE: Final = """
body { font: 15px/1.5 system-ui, "Noto Sans", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #1c2330;
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { border-bottom: 2px solid #2f6f9f; } h2 { margin-top: 2.2rem; }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .2rem 1.5rem; }
dt { color: #56627a; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { text-align: left; background: #eef2f6; } th, td { padding: .25rem .5rem; border-bottom: 1px solid #dde3ea;
  vertical-align: top; overflow-wrap: anywhere; }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
.note { color: #56627a; font-style: italic; }
@media print { body { margin: 0; max-width: none; } tr, figure { break-inside: avoid; } }
"""
_WIDTH, _HEIGHT, _FOOT, _LEFT = 960, 240, 34, 70
_SLOT_MAX: Final = 90
"""Width of a label with its bars at most: one month is no wall."""


def render(title: str, blocks: Sequence[Block], language: Language) -> Iterator[bytes]:
    """The file, part by part."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    yield (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n"
    ).encode()
    for block in blocks:
        yield from _block(block)
    yield b"</body></html>\n"


def _block(block: Block) -> Iterator[bytes]:
    if isinstance(block, Heading):
        yield f"<h{block.level}>{escape(block.text)}</h{block.level}>\n".encode()
    elif isinstance(block, Text):
        yield f"<p>{escape(block.text)}</p>\n".encode()
    elif isinstance(block, Pairs):
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in block.rows)
        yield f"<dl>\n{rows}</dl>\n".encode()
    elif isinstance(block, Grid):
        yield from _grid(block)
    else:
        yield bars(block).encode()


def _grid(block: Grid) -> Iterator[bytes]:
    head = "".join(f"<th>{escape(name)}</th>" for name in block.columns)
    yield f"<table><thead><tr>{head}</tr></thead><tbody>\n".encode()
    for row in block.rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        yield f"<tr>{cells}</tr>\n".encode()
    yield b"</tbody></table>\n"
    if block.note:
        yield f'<p class="note">{escape(block.note)}</p>\n'.encode()


def bars(block: Bars) -> str:
    """A bar chart with its legend; each bar says its value when pointed at."""
    top = max((value for _, values in block.series for value in values), default=Decimal(0)) or Decimal(1)
    slot = min(Decimal(_WIDTH - _LEFT) / max(1, len(block.labels)), Decimal(_SLOT_MAX))
    thick = slot * Decimal("0.8") / len(block.series)
    parts = []
    for number, (name, values) in enumerate(block.series):
        for at, value in enumerate(values):
            tall = (_HEIGHT - _FOOT) * value / top
            left = _LEFT + slot * at + slot * Decimal("0.1") + thick * number
            parts.append(
                f'<rect x="{left:.1f}" y="{_HEIGHT - _FOOT - tall:.1f}" width="{thick:.1f}" height="{tall:.1f}"'
                f' fill="{COLOURS[number]}">'
                f"<title>{escape(block.labels[at])} {escape(name)}: {value:,}</title></rect>"
            )
    every = max(1, len(block.labels) // 12)
    for at, label in enumerate(block.labels):
        if at % every == 0:
            middle = _LEFT + slot * at + slot / 2
            parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 16}" text-anchor="middle">{escape(label)}</text>')
    axis = _HEIGHT - _FOOT
    parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{axis}" y2="{axis}" stroke="#56627a"/>')
    parts.append(f'<text x="{_LEFT - 6}" y="12" text-anchor="end">{top:,}</text>')
    legend = "".join(
        f'<text x="{_LEFT + 120 * at}" y="{_HEIGHT - 2}" fill="{COLOURS[at]}">■ {escape(name)}</text>'
        for at, (name, _) in enumerate(block.series)
    )
    return (
        f"<figure><figcaption>{escape(block.title)}</figcaption>\n"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-size="11">{"".join(parts)}{legend}</svg></figure>\n'
    )
