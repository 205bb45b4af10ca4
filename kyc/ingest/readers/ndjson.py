"""NDJSON of our own submissions: one JSON object a line, streamed; a faulty line is reported and skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kyc.domain import fact
from kyc.domain.located import Located
from kyc.errors import InputError, RefusedError


def submissions(path: Path) -> Iterator[Located]:
    """The submissions of a file, with their line numbers; memory holds one line."""
    with path.open("rb") as file:
        line = 0
        while raw := file.readline(fact.LINE_MAX + 1):
            line += 1
            if len(raw) > fact.LINE_MAX and not raw.endswith(b"\n"):
                yield Located(path.name, line, _too_long())
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(fact.LINE_MAX)
                continue
            if not raw.strip():
                continue
            try:
                yield Located(path.name, line, fact.parse(raw))
            except RefusedError as refusal:
                yield Located(path.name, line, refusal)


def _too_long() -> InputError:
    return InputError("the line is too long", field="line", rule=f"at most {fact.LINE_MAX} bytes")
