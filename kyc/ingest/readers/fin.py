"""SWIFT FIN messages, streamed: headers and fields with their lines, from whole messages or from bare text blocks.

::

    {1:F01BANKBEBBAXXX0000000000}{2:O1031200…}{3:{121:UETR}}{4:     headers; bare files begin at the first field
    :20:REFERENCE                                                   a field: tag, text
    :50K:/ACCOUNT                                                   …
    NAME                                                            and the lines that go on with it
    -}{5:{CHK:…}}                                                   the end; "-" alone in bare files

Files hold one message after another, also apart by ``$``. Read line by line: memory is that of the longest field.
What fields mean is left to :mod:`kyc.ingest.readers.mt`; what is not of this form is a fault with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from kyc.ingest.readers.markup import FaultError

LINE_MAX: Final = 4_096
"""Bytes; lines of text have 78 at most, lines with all headers some hundred."""
FIELD_MAX: Final = 1_000
"""Lines of one field; narratives have 35 at most, and some banks do as they like."""
_FIELD: Final = re.compile(r":([0-9]{2}[A-Z]?):(.*)", re.DOTALL)
_TYPE: Final = re.compile(r"\{2:[IO]([0-9]{3})")
_BIC: Final = re.compile(r"\{1:F[0-9]{2}([A-Z0-9]{12})")
_OTHER: Final = re.compile(r"\{2:(?:I[0-9]{3}([A-Z0-9]{12})|O[0-9]{3}[0-9]{10}([A-Z0-9]{12}))")
_PREFIX: Final = re.compile(r"\$?|:?94[02]0?:?[0-9]*|94[02] 00|[A-Z]{6}[A-Z0-9]{2,6}")
"""What banks write before a bare statement: a dollar, the type, their BIC."""


@dataclass(slots=True)
class Begin:
    """A message begins."""

    line: int
    type: str = ""
    """Three digits; empty in bare files, which do not say."""
    headers: str = ""

    @property
    def uetr(self) -> str:
        """Field 121 of the user header."""
        return self._header("121")

    @property
    def cover(self) -> bool:
        """Whether the user header says that it covers a customer's payment."""
        return self._header("119") == "COV"

    @property
    def sender(self) -> str:
        """The BIC of who sent it: in an input message the first header's, in an output message the second's."""
        own, other = _BIC.search(self.headers), _OTHER.search(self.headers)
        if other is not None and other[2]:
            return other[2][:8] + other[2][9:]
        return own[1][:8] + own[1][9:] if own is not None else ""

    def _header(self, tag: str) -> str:
        found = re.search(rf"\{{{tag}:([^{{}}]*)\}}", self.headers)
        return found[1] if found else ""


@dataclass(slots=True)
class Field:
    """A field of a message."""

    tag: str
    line: int
    lines: list[str] = field(default_factory=list)
    cut: bool = False
    """It had more lines."""

    @property
    def text(self) -> str:
        """Its lines, one below the other."""
        return "\n".join(self.lines)


@dataclass(slots=True)
class End:
    """A message ends; ``complete`` where its end was there."""

    line: int
    complete: bool = True


Step = Begin | Field | End | FaultError


def steps(file: BinaryIO, encoding: str) -> Iterator[Step]:
    """What a file holds, in its order. Faults are handed on as steps; the reading goes on behind them."""
    machine = _Machine()
    number = 0
    while raw := file.readline(LINE_MAX + 1):
        number += 1
        if len(raw) > LINE_MAX:
            yield _fault("the line is too long", f"at most {LINE_MAX} bytes", number)
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LINE_MAX)
            continue
        try:
            line = raw.decode(encoding).rstrip("\r\n\x03\x1a").lstrip("\x01\ufeff")
        except UnicodeDecodeError:
            yield _fault("wrong encoding", encoding, number, "name the encoding with --encoding")
            line = raw.decode("ascii", errors="replace").rstrip("\r\n")
        yield from machine.line(line, number)
    yield from machine.close(number, complete=machine.bare)


class _Machine:
    def __init__(self) -> None:
        self.inside = self.bare = False
        self.headers = ""
        """Of a message whose text has not begun yet."""
        self.begun = 0
        self.field: Field | None = None

    def line(self, line: str, number: int) -> Iterator[Step]:
        if line.startswith(("{1:", "${1:")) or (self.headers and not self.inside):
            yield from self._header(line.removeprefix("$"), number)
            return
        if self.inside and (line.startswith("-}") or (line == "-" and self.bare)):
            yield from self.close(number)
            rest = line[1:].removeprefix("}")
            if (at := rest.find("{1:")) >= 0:
                yield from self._header(rest[at:], number)
            return
        found = _FIELD.fullmatch(line)
        if found is not None:
            if self.bare and found[1] == "20":
                yield from self.close(number)
            yield from self._flush()
            if not self.inside:
                self.inside = self.bare = True
                yield Begin(number)
            self.field = Field(found[1], number, [found[2]])
        elif self.field is not None:
            if len(self.field.lines) < FIELD_MAX:
                self.field.lines.append(line)
            elif not self.field.cut:
                self.field.cut = True
                yield _fault("the field is too long", f"at most {FIELD_MAX} lines", number)
        elif line.strip() and not _PREFIX.fullmatch(line.strip()):
            yield _fault("not a line of a message", "headers, :20:, or a line of a field", number)

    def close(self, number: int, *, complete: bool = True) -> Iterator[Step]:
        """The end of a message, where there is one."""
        if self.inside:
            yield from self._flush()
            yield End(number, complete)
        elif self.headers:
            yield _fault("a message without text", "{4: after the headers", self.begun)
        self.inside = self.bare = False
        self.headers = ""

    def _header(self, line: str, number: int) -> Iterator[Step]:
        if line.startswith("{1:"):
            yield from self.close(number, complete=self.bare)
            self.begun = number
        self.headers += line
        if len(self.headers) > LINE_MAX:
            self.headers = ""
            yield _fault("headers without end", f"at most {LINE_MAX} characters", number)
            return
        before, text, after = self.headers.partition("{4:")
        if text:
            found = _TYPE.search(before)
            self.inside, self.headers = True, ""
            yield Begin(self.begun, found[1] if found else "", before)
            if after.strip():
                yield from self.line(after, number)

    def _flush(self) -> Iterator[Step]:
        if self.field is not None:
            yield self.field
            self.field = None


def _fault(message: str, rule: str, line: int, remedy: str = "ask the sender for the file anew") -> FaultError:
    return FaultError(message, field="line", rule=rule, remedy=remedy).at(line, 0, "")
