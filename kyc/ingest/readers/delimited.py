"""Delimited text (CSV) with a mapping file that says how columns become submissions.

A mapping is TOML::

    topic = "transaction.booked"      # what each row is
    key = "core/{Ref}"                # the idempotency key; {…} are columns
    stream = "{Account}"              # where the event itself does not name it
    delimiter = ";"                   # default ","
    encoding = "gb18030"              # default "utf-8"
    skip = 2                          # lines before the header; default 0
    header = ["Ref", "Amount"]        # where the file has none
    [origin]
    actor = "core-banking"
    branch = "{Branch}"
    purpose = "account-service"
    legal_basis = "AML24-34"
    [fields]                          # dotted paths of the event; numbers are places in a list
    "reference" = "{Ref}"
    "legs.0.amount" = { column = "Amount", decimal = "," }
    "value_date" = { column = "Value", format = "%d.%m.%Y" }
    "booked_at" = { column = "Booked", format = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }   # or offset = "+08:00"
    "legs.0.account" = { column = ["IBAN", "Konto"], default = "A1" }     # the first that the file has; if empty
    "legs.0.direction" = { column = "DC", values = { C = "credit", D = "debit" } }   # anything else is refused
    "legs.1.amount" = { column = "Signed", absolute = true }              # without its sign
    "legs.1.direction" = { column = "Signed", signs = ["credit", "debit"] }          # what its sign means

Empty cells are left out. Rows are streamed; a faulty one is reported with its line and skipped.
"""

from __future__ import annotations

import codecs
import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self, TextIO
from zoneinfo import ZoneInfo

import msgspec

from kyc.domain import fact
from kyc.domain.located import Located
from kyc.errors import InputError, RefusedError

FIELD_MAX: Final = 1_048_576
"""Characters of one cell."""
ROW_MAX: Final = 16 * FIELD_MAX
"""Characters of one row."""


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one column is read."""

    column: str | Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Its name, or the names it may have: the first that the file has."""
    decimal: str = "."
    format: str = ""
    offset: str = ""
    zone: str = ""
    """IANA name, for times whose offset changes with the season."""
    default: str = ""
    """For empty cells."""
    values: dict[str, str] = {}
    """What each value means; others are refused."""
    absolute: bool = False
    """Without its sign."""
    signs: tuple[str, str] | None = None
    """What a number means that is not negative, and one that is."""


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file."""

    topic: str
    key: str
    fields: dict[str, str | Cell]
    origin: dict[str, str]
    stream: str = ""
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    skip: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    header: tuple[str, ...] = ()


def load_mapping(path: Path) -> ColumnMapping:
    """The mapping in a TOML file.

    Raises:
        InputError: not TOML, or not a mapping; names the field.
    """
    try:
        with path.open("rb") as file:
            mapping = msgspec.convert(tomllib.load(file), ColumnMapping)
        codecs.lookup(mapping.encoding)
        for spec in mapping.fields.values():
            if isinstance(spec, Cell) and spec.zone:
                ZoneInfo(spec.zone)
        return mapping
    except (LookupError, ValueError, tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as cause:
        raise InputError(
            "not a mapping file", field=path.name, rule=str(cause), remedy="see docs/ingest.md"
        ) from None


def submissions(path: Path, mapping: ColumnMapping) -> Iterator[Located]:
    """The submissions of a file with a header line; memory holds one row."""
    csv.field_size_limit(FIELD_MAX)
    with path.open(encoding=mapping.encoding, newline="", errors="strict") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=mapping.delimiter)
        try:
            for _ in range(mapping.skip):
                next(lines, "")
            header = list(mapping.header) or [cell.strip().lstrip("\ufeff") for cell in next(reader, [])]
        except (csv.Error, UnicodeDecodeError):
            raise InputError("the header cannot be read", field=path.name, rule=mapping.encoding) from None
        while True:
            line, lines.row = lines.read + 1, 0
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                rule = f"RFC 4180, at most {FIELD_MAX} characters in a cell and {ROW_MAX} in a row"
                yield Located(path.name, line, InputError("not a CSV row", field="row", rule=rule))
                continue
            except UnicodeDecodeError:
                yield Located(path.name, line, InputError("wrong encoding", field="row", rule=mapping.encoding))
                return  # the decoder has lost its place
            if row:
                yield Located(path.name, line, _submission(header, row, mapping))


class _Lines:
    """The lines of a file for the rows of a reader; whatever goes on for too long is passed over as a fault."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.read = 0
        """Lines so far."""
        self.row = 0
        """Characters of the present row so far."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._file.readline(ROW_MAX)
        if not line:
            raise StopIteration
        self.read += 1
        self.row += len(line)
        if self.row < ROW_MAX:
            return line
        while line and line[-1] not in "\r\n":
            line = self._file.readline(ROW_MAX)
        raise csv.Error


def _submission(header: list[str], row: list[str], mapping: ColumnMapping) -> Any:
    try:
        if len(row) != len(header):
            raise InputError("wrong number of cells", field="row", rule=f"{len(header)} columns")
        cells = dict(zip(header, row, strict=True))
        wire: dict[str, Any] = {
            "key": _filled(mapping.key, cells, "key"),
            "topic": mapping.topic,
            "origin": {name: _filled(text, cells, f"origin.{name}") for name, text in mapping.origin.items()},
            "data": _data(mapping.fields, cells),
        }
        if mapping.stream:
            wire["stream"] = _filled(mapping.stream, cells, "stream")
        return fact.parse(msgspec.json.encode(wire))
    except RefusedError as refusal:
        return refusal


def _data(fields: Mapping[str, str | Cell], cells: Mapping[str, str]) -> Any:
    root: dict[str, Any] = {}
    for path, spec in fields.items():
        value = _filled(spec, cells, path) if isinstance(spec, str) else _cell(spec, cells, path)
        if value:
            _put(root, path.split("."), value)
    return _lists(root)


def _put(root: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        root = root.setdefault(name, {})
    root[path[-1]] = {"true": True, "false": False}.get(value, value)


def _lists(node: Any) -> Any:
    """Mappings whose keys are all places become lists."""
    if not isinstance(node, dict):
        return node
    if node and all(name.isdecimal() for name in node):
        return [_lists(node[name]) for name in sorted(node, key=int)]
    return {name: _lists(child) for name, child in node.items()}


def _filled(template: str, cells: Mapping[str, str], field: str) -> str:
    def cell(match: re.Match[str]) -> str:
        if match[1] not in cells:
            raise InputError("the file lacks a mapped column", field=field, rule="named in the mapping file")
        return cells[match[1]].strip()

    return re.sub(r"\{([^{}]+)\}", cell, template)


def _cell(spec: Cell, cells: Mapping[str, str], field: str) -> str:
    names = (spec.column,) if isinstance(spec.column, str) else spec.column
    name = next((one for one in names if one in cells), names[0])
    text = _filled(f"{{{name}}}", cells, field) or spec.default
    if not text:
        return ""
    if spec.format:
        return _moment(spec, text, field)
    if spec.values:
        if text not in spec.values:
            raise InputError("not a value of the mapping", field=field, rule="one of those it lists")
        return spec.values[text]
    if spec.decimal != ".":
        text = text.replace(".", "").replace(spec.decimal, ".")
    negative = text.startswith("-")
    if spec.signs is not None:
        return spec.signs[negative]
    return text.lstrip("+-") if spec.absolute else text


def _moment(spec: Cell, text: str, field: str) -> str:
    """A day, or with an offset or a zone a moment."""
    try:
        # A date without offset stays a date: "+00:00" is only there to have an aware value in between.
        moment = datetime.strptime(text + (spec.offset or "+00:00"), spec.format + "%z")  # noqa: DTZ007 - it has one
    except ValueError:
        raise InputError("not a date of the declared form", field=field, rule=spec.format) from None
    if spec.zone:
        return moment.replace(tzinfo=ZoneInfo(spec.zone)).isoformat()
    return moment.isoformat() if spec.offset else moment.date().isoformat()
