"""What an export says once more for people and their programs: tables now, and whatever else is asked for.

They are told of every event that is given in clear, in the order of the streams, and write their files at the end.
Nothing here is proved by commitments: it is the signer's rendering of the events beside it, as the verifier says.
"""

from __future__ import annotations

from dataclasses import dataclass

from kyc.domain.governance import Branches
from kyc.domain.submission import StreamName
from kyc.store.log import EventLog, Recorded
from replay.container import Container
from replay.history import fold
from replay.scopes import Part
from replay.sheets import parquet_writer, write_csv
from replay.tables import Tables

_BRANCHES = StreamName("branches", "institution")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is given besides events, documents and proofs."""

    tables: bool = True
    """The inspection tables as CSV."""
    parquet: bool = False
    """The inspection tables as Parquet too."""


class Renderings:
    """The renderings of one export.

    Raises:
        ConfigurationError: one is asked for that is not installed.
    """

    def __init__(self, log: EventLog, form: Form) -> None:
        branches: Branches | None = fold("branches", list(log.events(_BRANCHES)))
        self._csv = form.tables
        self._parquet = parquet_writer() if form.parquet else None
        self._tables = Tables(branches) if form.tables or form.parquet else None

    def see(self, part: Part, recorded: Recorded) -> None:
        """An event that is given in clear."""
        if self._tables is not None:
            self._tables.see(part, recorded)

    def write(self, box: Container) -> None:
        """All files, in one folder for each kind."""
        if self._tables is None:
            return
        for name, sheet, rows in self._tables.finish():
            if self._csv:
                with box.entry(f"tables/{name}.csv") as entry:
                    write_csv(entry, sheet.columns, rows())
            if self._parquet is not None:
                with box.entry(f"tables/{name}.parquet", packed=False) as entry:
                    self._parquet(entry, sheet.columns, rows())

    def close(self) -> None:
        """Give the disk back."""
        if self._tables is not None:
            self._tables.close()
