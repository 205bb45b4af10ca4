"""Files into the ledger: read, admit in batches, answer each line, keep what was refused with the reason.

Good rows are recorded, faulty ones go to the reject file with file, line, field, rule and remedy, never a value; so
do notices, such as a statement that does not add up, which refuse nothing. Memory does not grow with the file.
Running the same file again records nothing twice: the keys are the file's own, and where several messages tell of
one booking, they agree on its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

import msgspec

from kyc.domain.admit import shape
from kyc.domain.fact import Submission
from kyc.domain.located import Located, NoticeError
from kyc.domain.stream import unknown
from kyc.domain.submission import Receipt, StreamName
from kyc.domain.transaction import BookTransaction, PaymentDetailed, TransactionBooked
from kyc.errors import ConfigurationError, ConflictError, KycError, NotFoundError, RefusedError
from kyc.ingest.readers import delimited, iso20022, mt, ndjson
from kyc.ingest.setting import Setting
from kyc.ledger import Ledger
from kyc.simulate import amlsim, berka
from kyc.store.log import Answer
from kyc.store.records import lane_of

BATCH: Final = 2_000
"""Submissions admitted together: about 4,000 events and, with scans, 25 MB."""
UNKNOWN_ACCOUNT: Final = unknown("account", "").message
KNOWN_MAX: Final = 200_000
"""Accounts that a dry run remembers."""
REMEDY: Final = "correct it at the source, and take the file in again: what was good stays as it is"
"""Of whatever names none of its own."""
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
    elsewhere: int = 0
    """Sides of payments whose account is another bank's."""
    notices: int = 0
    """What somebody should look at; nothing of it was refused."""
    events: int = 0
    transactions: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Message → number of refusals and notices."""
    checks: int = 0
    """Notices that ask for a decision, such as a statement that does not add up."""

    @property
    def answered(self) -> int:
        """What became of something so far."""
        return self.recorded + self.replayed + self.refused + self.elsewhere

    def counts(self) -> dict[str, int]:
        """Every number by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "reasons"}

    def add(self, other: Tally) -> None:
        """Add another run."""
        for name, number in other.counts().items():
            setattr(self, name, getattr(self, name) + number)
        self.reasons += other.reasons


class Rejects:
    """The reject file: one JSON object for each refused line and each notice. Made with the first of
    them; one of an earlier run is removed.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._path.unlink(missing_ok=True)  # one of an earlier run tells of what may have been mended since
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, line: Located, refusal: KycError) -> None:
        """Write down one refusal or notice."""
        if self._path is None:
            return
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
        entry: dict[str, object] = {
            "file": line.file, "line": line.line, "error": refusal.message, "field": refusal.field,
            "rule": refusal.rule, "remedy": refusal.remedy or REMEDY, "severity": severity(refusal),
        }  # fmt: skip
        if line.element:
            entry |= {"column": line.column, "element": line.element}
        self._file.write(msgspec.json.encode(entry).decode() + "\n")


def severity(refusal: KycError) -> str:
    """``refused``; of notices ``check`` or, where they are only good to know, ``info``."""
    if isinstance(refusal, NoticeError):
        return "check" if refusal.grave else "info"
    return "refused"


def read(kind: str, path: Path, mapping: Path | None = None, setting: Setting | None = None) -> Iterator[Located]:
    """The lines of a source: ``iso20022``, ``mt``, ``csv``, ``ndjson``, or (folders) ``amlsim``, ``berka``.

    Raises:
        ConfigurationError: unknown kind, a mapping or the setting of messages is missing.
        NotFoundError: no such file.
        InputError: the source is not what it is said to be.
    """
    readers: Mapping[str, Callable[[], Iterator[Located]]] = {
        "amlsim": lambda: amlsim.submissions(path),
        "berka": lambda: berka.submissions(path),
        "ndjson": lambda: ndjson.submissions(_file(path)),
        "csv": lambda: _delimited(path, _given(mapping)),
        "iso20022": lambda: iso20022.submissions(_file(path), _set(setting)),
        "mt": lambda: mt.submissions(_file(path), _set(setting)),
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
    places: list[list[tuple[Located, bool]]] = []
    answering = _Answering(tally, keep)

    def batches() -> Iterator[list[Submission]]:
        rest = iter(lines)
        while batch := list(islice(rest, BATCH)):
            good: list[tuple[Located, Submission]] = []
            for line in batch:
                if isinstance(line.item, Submission):
                    tally.read += 1
                    good.append((line, line.item))
                else:
                    _without(tally, keep, line, line.item)
            besides = _as_booked(ledger, answering.besides_so_far())
            if good or besides:
                places.append([*((line, False) for line, _ in good), *((line, True) for line, _ in besides)])
                yield [submission for _, submission in (*good, *besides)]

    for _, answers in ledger.record_all(batches()):
        for (line, beside), answer in zip(places.pop(0), answers, strict=True):
            answering.take(line, answer, beside=beside)
        if receipts is not None:
            receipts([one for answer in answers if not isinstance(answer, KycError) for one in answer])
        if progress is not None:
            progress(tally)
    besides = _as_booked(ledger, answering.besides_so_far())
    for (line, _), answer in zip(besides, ledger.record([one for _, one in besides]), strict=True):
        answering.take(line, answer, beside=True)
    answering.close()
    return tally


def _as_booked(ledger: Ledger, besides: list[tuple[Located, Submission]]) -> list[tuple[Located, Submission]]:
    """What is told besides names the booking by the reference it is on record with, from another message."""
    log, places = ledger.log, []
    for line, _ in besides:
        assert isinstance(line.item, Submission)
        assert isinstance(line.item.data, BookTransaction)
        stream = log.stream_id(StreamName("postings", line.item.data.legs[0].account))
        places.append((lane_of(stream, log.lanes), log.blinder.key_digest(stream, line.item.key, 0)))
    booked = {one.row.key: one.event for one in log.reveal(log.reader.by_keys(places))} if places else {}
    named = []
    for (line, submission), (_, key) in zip(besides, places, strict=True):
        event, told = booked.get(key), submission
        if isinstance(event, TransactionBooked) and isinstance(told.data, PaymentDetailed):
            data = msgspec.structs.replace(told.data, reference=event.reference)
            told = msgspec.structs.replace(told, data=data)
        named.append((line, told))
    return named


def rehearse(
    lines: Iterable[Located], ledger: Ledger, *, rejects: Rejects | None = None, progress: Progress | None = None
) -> Tally:
    """A dry run: what a file says of itself, and whether accounts of messages are there; nothing is recorded."""
    tally, keep, today = Tally(), rejects or Rejects(None), ledger.today()
    answering, known = _Answering(tally, keep), _Known(ledger)
    for line in lines:
        if not isinstance(line.item, Submission):
            _without(tally, keep, line, line.item)
            continue
        tally.read += 1
        try:
            entries = shape(line.item, today).entries
            if line.element and not all(known.has(entry.subject) for entry in entries):
                answering.take(line, unknown("account", "account"))
                continue
            if line.either:
                answering.at_home(line)
            tally.events += len(entries)
            tally.recorded += 1
            tally.transactions += isinstance(line.item.data, BookTransaction)
        except RefusedError as refusal:
            _refuse(tally, keep, line, refusal)
        if progress is not None and tally.read % BATCH == 0:
            progress(tally)
    answering.close()
    return tally


class _Known:
    """Whether accounts are in the ledger; messages open none, so that what they name has to be there before."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.found: dict[StreamName, bool] = {}

    def has(self, name: StreamName) -> bool:
        if name not in self.found:
            if len(self.found) >= KNOWN_MAX:
                self.found.clear()
            self.found[name] = self.ledger.state(name) is not None
        return self.found[name]


class _Answering:
    """Counts the answers of the ledger; what other messages told before is no fault of this one."""

    def __init__(self, tally: Tally, rejects: Rejects) -> None:
        self.tally, self.rejects = tally, rejects
        self.besides: list[tuple[Located, Submission]] = []
        """What messages tell besides of bookings that others had told of, to be recorded next."""
        self.home: tuple[str, int, int, str] | None = None
        """The payment last seen of which one account is ours."""
        self.stray: tuple[Located, KycError] | None = None
        """A payment of which no account is ours so far."""

    def take(self, line: Located, answer: Answer, *, beside: bool = False) -> None:
        """Count an answer; what is told besides counts as events of its line, not as another line."""
        tally = self.tally
        if not isinstance(answer, KycError):
            if line.either:
                self.at_home(line)
            tally.events += 0 if answer[0].replayed else len(answer)
            if beside:
                return
            tally.replayed += answer[0].replayed
            tally.recorded += not answer[0].replayed
            tally.transactions += (
                not answer[0].replayed
                and isinstance(line.item, Submission)
                and isinstance(line.item.data, BookTransaction)
            )
        elif line.restated is not None and type(answer) is ConflictError and not beside:
            tally.replayed += 1
            told = line.restated()
            self.besides += [(line, told)] if told is not None else []
        elif line.either and answer.message == UNKNOWN_ACCOUNT:
            self._elsewhere(line, answer)
        else:
            _refuse(tally, self.rejects, line, answer)

    def besides_so_far(self) -> list[tuple[Located, Submission]]:
        """Hand over what is to be recorded besides."""
        besides, self.besides = self.besides, []
        return besides

    def close(self) -> None:
        """The end of the lines."""
        self._flush()

    def at_home(self, line: Located) -> None:
        """One account of this payment is ours."""
        self.home = _place(line)
        if self.stray is not None and _place(self.stray[0]) == self.home:
            self.stray = None
            self.tally.elsewhere += 1
        self._flush()

    def _elsewhere(self, line: Located, refusal: KycError) -> None:
        place = _place(line)
        if place == self.home or (self.stray is not None and _place(self.stray[0]) == place):
            self.tally.elsewhere += 1
            return
        self._flush()
        self.stray = line, refusal

    def _flush(self) -> None:
        if self.stray is not None:
            _refuse(self.tally, self.rejects, *self.stray)
            self.stray = None


def _place(line: Located) -> tuple[str, int, int, str]:
    return line.file, line.line, line.column, line.element


def _without(tally: Tally, rejects: Rejects, line: Located, refusal: RefusedError) -> None:
    """A place of a file that gave no submission."""
    if isinstance(refusal, NoticeError):
        tally.notices += 1
        tally.checks += refusal.grave
        tally.reasons[refusal.message] += 1
        rejects.add(line, refusal)
    else:
        tally.read += 1
        _refuse(tally, rejects, line, refusal)


def _refuse(tally: Tally, rejects: Rejects, line: Located, refusal: KycError) -> None:
    tally.refused += 1
    tally.reasons[refusal.message] += 1
    rejects.add(line, refusal)


def _delimited(path: Path, mapping: Path) -> Iterator[Located]:
    return delimited.submissions(_file(path), delimited.load_mapping(_file(mapping)))


def _file(path: Path) -> Path:
    if not path.is_file():
        raise NotFoundError("no such file", field=path.name)
    return path


def _set(setting: Setting | None) -> Setting:
    if setting is None:
        raise ConfigurationError("messages need to know who submits them", field="setting")
    return setting


def _given(mapping: Path | None) -> Path:
    if mapping is None:
        raise ConfigurationError("CSV needs a mapping file", field="mapping", remedy="see docs/ingest.md")
    return mapping
