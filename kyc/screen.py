"""What a command writes: its answer on stdout, as text or as one JSON document; progress and errors on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kyc.errors import KycError

PATIENCE: Final = 2.0
"""Seconds before anything says that it is still at work."""
_EVERY: Final = 5.0
"""Seconds between two lines of progress where there is no terminal."""

Step = Callable[[int, int], None]


class Screen:
    """Where a command's words go. ``json`` keeps stdout to one document."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self.errors = Console(stderr=True, highlight=False, soft_wrap=True)

    def answer(self, document: Any, lines: Sequence[str]) -> None:
        """The command's answer, once: the document with ``--json``, else the lines."""
        if self.json:
            print(json.dumps(document, ensure_ascii=False, default=str))
        else:
            print("\n".join(lines))

    def announce(self, document: Any, line: str) -> None:
        """What a command that goes on has to say now."""
        self.answer(document, [line])
        sys.stdout.flush()

    def say(self, text: str = "") -> None:
        """Text between answers; nothing with ``--json``."""
        if not self.json:
            print(text, flush=True)

    def error(self, error: KycError) -> None:
        """An error with field, rule and remedy."""
        if self.json:
            document = {
                "error": error.message, "kind": type(error).__name__, "field": error.field, "rule": error.rule,
                "remedy": error.remedy,
            }  # fmt: skip
            print(json.dumps(document, ensure_ascii=False), file=sys.stderr)
        else:
            print(f"kyc: {error.diagnostics()}", file=sys.stderr)

    @contextmanager
    def progress(self, title: str, *, patience: float = PATIENCE) -> Iterator[Step]:
        """A bar on a terminal, a line now and then elsewhere, nothing for what is quick."""
        if self.errors.is_terminal:
            with self._bar(title, patience) as step:
                yield step
        else:
            yield _lines(title, patience)

    @contextmanager
    def _bar(self, title: str, patience: float) -> Iterator[Step]:
        bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self.errors, transient=True,
        )  # fmt: skip
        task, start = bar.add_task(title, total=None), time.monotonic()

        def step(done: int, total: int) -> None:
            if not bar.live.is_started and time.monotonic() - start > patience:
                bar.start()
            bar.update(task, completed=done, total=max(total, done))

        try:
            yield step
        finally:
            bar.stop()


def _lines(title: str, patience: float) -> Step:
    start = time.monotonic()
    told = start + patience - _EVERY

    def step(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _EVERY:
            told = time.monotonic()
            left = f", about {(told - start) * (total - done) / done:,.0f} s left" if 0 < done < total else ""
            print(f"{title}: {done:,} of {max(total, done):,}{left}", file=sys.stderr, flush=True)

    return step
