"""Files into the ledger: read, admit in batches, answer each line, keep what was refused with the reason.

Good rows are recorded, faulty ones go to the reject file with file, line, field, rule and remedy, never a value.
Memory does not grow with the file. Running the same file again records nothing twice: the keys are the file's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

import msgspec

from kyc.domain.admit import shape
from kyc.domain.fact import Submission
from kyc.domain.located import Located
from kyc.domain.submission import Receipt
from kyc.domain.transaction import BookTransaction
from kyc.errors import ConfigurationError, KycError, RefusedError
from kyc.ingest.readers import delimited, ndjson
from kyc.ledger import Ledger
from kyc.simulate import amlsim, berka
from kyc.store.log import Answer

BATCH: Final = 2_000
"""Submissions admitted together: about 4,000 events and, with scans, 25 MB."""
Progress = Callable[["Tally"], None]


@dataclass(slots=True)
class Tally:
    """What became of the lines of a run."""

    read: int = 0
    recorded: int = 0
    """Submissions recorded now."""
    replayed: int = 0
    """Submissions that were recorded before and got their first receipt."""
    refused: int = 0
    events: int = 0
    transactions: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Message → number of refusals."""


class Rejects:
    """The reject file: one JSON object for each refused line. Made when the first line is refused."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, file: str, line: int, refusal: KycError) -> None:
        """Write down one refusal."""
        if self._path is None:
            return
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
        entry = {
            "file": file, "line": line, "error": refusal.message, "field": refusal.field, "rule": refusal.rule,
            "remedy": refusal.remedy,
        }  # fmt: skip
        self._file.write(msgspec.json.encode(entry).decode() + "\n")


def read(kind: str, path: Path, mapping: Path | None = None) -> Iterator[Located]:
    """The lines of a source: ``amlsim`` or ``berka`` (a folder), ``csv`` (with a mapping) or ``ndjson`` (a file).

    Raises:
        ConfigurationError: unknown kind, or a mapping is missing.
        InputError: the source is not what it is said to be.
    """
    readers: Mapping[str, Callable[[], Iterator[Located]]] = {
        "amlsim": lambda: amlsim.submissions(path),
        "berka": lambda: berka.submissions(path),
        "ndjson": lambda: ndjson.submissions(path),
        "csv": lambda: delimited.submissions(path, delimited.load_mapping(_given(mapping))),
    }
    if kind not in readers:
        raise ConfigurationError("unknown kind of source", field="kind", rule=", ".join(readers))
    return readers[kind]()


def located(submissions: Iterable[Submission], source: str) -> Iterator[Located]:
    """Submissions made in this process, numbered."""
    for number, submission in enumerate(submissions, start=1):
        yield Located(source, number, submission)


def take_in(
    ledger: Ledger,
    lines: Iterable[Located],
    *,
    rejects: Rejects | None = None,
    progress: Progress | None = None,
    receipts: Callable[[list[Receipt]], None] | None = None,
) -> Tally:
    """Record all lines; the tally of what became of them. ``receipts`` is handed those of each batch.

    Raises:
        StoreUnavailableError: the database is out of reach; what was answered is recorded, run again for the rest.
    """
    tally, keep = Tally(), rejects or Rejects(None)
    places: list[list[Located]] = []

    def batches() -> Iterator[list[Submission]]:
        rest = iter(lines)
        while batch := list(islice(rest, BATCH)):
            tally.read += len(batch)
            good = []
            for line in batch:
                if isinstance(line.item, Submission):
                    good.append(line)
                else:
                    _refuse(tally, keep, line, line.item)
            if good:
                places.append(good)
                yield [line.item for line in good if isinstance(line.item, Submission)]

    for _, answers in ledger.record_all(batches()):
        for line, answer in zip(places.pop(0), answers, strict=True):
            _count(tally, keep, line, answer)
        if receipts is not None:
            receipts([one for answer in answers if not isinstance(answer, KycError) for one in answer])
        if progress is not None:
            progress(tally)
    return tally


def rehearse(
    lines: Iterable[Located], ledger: Ledger, *, rejects: Rejects | None = None, progress: Progress | None = None
) -> Tally:
    """A dry run: everything that can be checked without the ledger's states; nothing is recorded."""
    tally, keep, today = Tally(), rejects or Rejects(None), ledger.today()
    for line in lines:
        tally.read += 1
        try:
            if not isinstance(line.item, Submission):
                raise line.item
            tally.events += len(shape(line.item, today).entries)
            tally.recorded += 1
        except RefusedError as refusal:
            _refuse(tally, keep, line, refusal)
        if progress is not None and tally.read % BATCH == 0:
            progress(tally)
    return tally


def _count(tally: Tally, rejects: Rejects, line: Located, answer: Answer) -> None:
    if isinstance(answer, KycError):
        _refuse(tally, rejects, line, answer)
    elif answer[0].replayed:
        tally.replayed += 1
    else:
        tally.recorded += 1
        tally.events += len(answer)
        tally.transactions += isinstance(line.item, Submission) and isinstance(line.item.data, BookTransaction)


def _refuse(tally: Tally, rejects: Rejects, line: Located, refusal: KycError) -> None:
    tally.refused += 1
    tally.reasons[refusal.message] += 1
    rejects.add(line.file, line.line, refusal)


def _given(mapping: Path | None) -> Path:
    if mapping is None:
        raise ConfigurationError("CSV needs a mapping file", field="mapping", remedy="see docs/ingest.md")
    return mapping
