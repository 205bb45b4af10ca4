"""Tables as files: CSV that a spreadsheet opens without running anything, and Parquet.

CSV is RFC 4180 with a byte order mark, so that Chinese text is read as such. A cell that a spreadsheet would take
for a formula gets an apostrophe in front; numbers stay numbers. Parquet needs the extra ``parquet``; every column
is text, because an amount is what was recorded and no float. Rows wait in a temporary file; memory does not grow.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from kyc.errors import ConfigurationError
from replay.container import Entry

_SPOOL_MAX: Final = 262_144  # bytes of a table in memory before it goes to disk
_ROWS: Final = 5_000  # rows of a Parquet row group
_FORMULA: Final = frozenset("=+-@\t\r\n|%＝＋－＠")
"""First characters that make a spreadsheet calculate, or call a program; wide ones do so in China and Japan."""
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
EMPTY: Final = "@N"
"""What reports to the PBOC write for nothing; a name of nothing that a spreadsheet knows."""
BOM: Final = b"\xef\xbb\xbf"
Row = Sequence[str]
Writer = tuple[str, Callable[[Entry, Row, Iterator[list[str]]], None]]
"""The suffix of a kind of file, and what writes it."""


class Sheet:
    """Rows of one table, waiting to be written."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.count = 0
        self._file = SpooledTemporaryFile(_SPOOL_MAX)  # noqa: SIM115 - lives as long as this object

    def add(self, values: dict[str, str]) -> None:
        """Append a row; columns that are not named stay empty."""
        row = [values.get(column, "") for column in self.columns]
        self._file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        self.count += 1

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()

    def rows(self) -> Iterator[list[str]]:
        """The rows again."""
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line)


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if cell and cell[0] in _FORMULA and cell != EMPTY and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def write_csv(entry: Entry, columns: Row, rows: Iterator[list[str]]) -> None:
    """A table as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    entry.write(BOM)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([safe(cell) for cell in row])
        if text.tell() > _SPOOL_MAX:
            entry.write(text.getvalue().encode())
            text.seek(0)
            text.truncate()
    entry.write(text.getvalue().encode())


def parquet_writer() -> Callable[[Entry, Row, Iterator[list[str]]], None]:
    """What writes a table as Parquet.

    Raises:
        ConfigurationError: the extra ``parquet`` is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as cause:
        raise ConfigurationError(
            "Parquet is not installed", field="parquet", remedy="pip install 'kyc-ledger[parquet]'"
        ) from cause

    def write(entry: Entry, columns: Row, rows: Iterator[list[str]]) -> None:
        schema = pa.schema([(column, pa.string()) for column in columns])
        sink: Any = pa.PythonFile(entry, mode="w")
        with parquet.ParquetWriter(sink, schema) as writer:
            while batch := list(islice(rows, _ROWS)):
                arrays = [pa.array(cells, pa.string()) for cells in zip(*batch, strict=True)]
                writer.write_table(pa.table(arrays, schema=schema))

    return write
