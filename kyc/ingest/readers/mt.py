"""SWIFT MT files: MT940 and MT942 become entries, MT103 and MT202 (COV) instructions.

Bare statement files, as banks hand them to customers, are read too; what a bare message is, its fields tell. Other
types are refused by number. Faults name line and tag; the messages around them are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kyc.domain.located import Located
from kyc.errors import InputError
from kyc.ingest.readers import fin
from kyc.ingest.readers.fin import Begin, End, Field
from kyc.ingest.readers.markup import FaultError
from kyc.ingest.readers.mt_payments import FIELDS_MAX, PaymentMessage
from kyc.ingest.readers.mt_statements import StatementMessage
from kyc.ingest.repeats import Repeats
from kyc.ingest.setting import Setting

STATEMENTS: Final = frozenset({"940", "942"})
PAYMENTS: Final = frozenset({"103", "202", "205"})
_TELLS: Final = {
    "60F": "940", "60M": "940", "34F": "942", "25": "940", "25P": "940", "23B": "103", "58A": "202", "58D": "202",
}  # fmt: skip
"""Fields that tell what a bare message is."""


def submissions(path: Path, setting: Setting) -> Iterator[Located]:
    """The submissions of a file, and what is wrong with it."""
    with path.open("rb") as file, Repeats() as repeats:
        reader = _Reader(path.name, setting, repeats)
        for step in fin.steps(file, setting.encoding):
            if isinstance(step, FaultError):
                reader.spoilt = reader.message is not None
                yield reader.located(step, step.line)
            else:
                yield from reader.step(step)
        yield from reader.finish()


class _Reader:
    """Where in a file the reading is."""

    def __init__(self, file: str, setting: Setting, repeats: Repeats) -> None:
        self.file, self.setting, self.repeats = file, setting, repeats
        self.message: StatementMessage | PaymentMessage | None = None
        self.begin: Begin | None = None
        self.waiting: list[Field] = []
        """Fields of a bare message that has not told yet what it is."""
        self.messages = 0
        self.passed = self.spoilt = False

    def step(self, step: Begin | Field | End) -> Iterator[Located]:
        if isinstance(step, Begin):
            self.messages += 1
            self.begin, self.message, self.waiting, self.passed, self.spoilt = step, None, [], False, False
            if step.type:
                yield from self._known(step.type)
        elif isinstance(step, Field):
            if self.message is None and not self.passed:
                self.waiting.append(step)
                if (kind := _TELLS.get(step.tag)) is not None:
                    yield from self._known(kind)
                elif len(self.waiting) > FIELDS_MAX:
                    yield from self._unknown()
            elif self.message is not None:
                yield from self._field(step)
        else:
            yield from self._end(step)

    def finish(self) -> Iterator[Located]:
        """What is wrong with a file that has ended."""
        if not self.messages:
            fault = FaultError("no message", field="file", rule="MT103, MT202, MT940 or MT942")
            yield self.located(fault.at(1, 0, ""), 1)

    def located(self, fault: InputError, line: int) -> Located:
        """A fault with its place."""
        element = fault.element if isinstance(fault, FaultError) else ""
        return Located(self.file, fault.line if isinstance(fault, FaultError) else line, fault, element=element)

    def _known(self, kind: str) -> Iterator[Located]:
        assert self.begin is not None
        if kind in STATEMENTS:
            self.message = StatementMessage(self.file, self.begin, f"MT{kind}", self.setting, self.repeats)
        elif kind in PAYMENTS:
            self.message = PaymentMessage(self.file, self.begin, f"MT{kind}", self.setting, self.repeats)
        else:
            yield from self._unknown(f"leave out MT{kind}")
        waiting, self.waiting = self.waiting, []
        if self.message is not None:
            for field in waiting:
                yield from self._field(field)

    def _unknown(self, remedy: str = "give messages of these types") -> Iterator[Located]:
        assert self.begin is not None
        self.passed, self.waiting = True, []
        rule = "MT103, MT202, MT940 or MT942"
        fault = FaultError("not a message that is read", field="{2:", rule=rule, remedy=remedy)
        yield self.located(fault.at(self.begin.line, 0, ""), self.begin.line)

    def _field(self, field: Field) -> Iterator[Located]:
        assert self.message is not None
        try:
            yield from self.message.field(field)
        except InputError as fault:
            self.spoilt = True
            yield self.located(fault, field.line)

    def _end(self, end: End) -> Iterator[Located]:
        if self.message is None:
            if not self.passed:
                yield from self._unknown()
            return
        if not end.complete:
            fault = FaultError("the message breaks off", field="-}", rule="its end", remedy="ask for the file anew")
            yield self.located(fault.at(end.line, 0, ""), end.line)
        try:
            yield from self.message.end(spoilt=self.spoilt or not end.complete)
        except InputError as fault:
            yield self.located(fault, end.line)
        self.message = None
