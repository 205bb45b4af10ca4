"""``python -m kyc.simulate``: writes a simulated bank to a file or to standard output.

Leaves generation to the modules beside it. Files appear under their name only when complete; progress goes to
standard error where the run takes longer than two seconds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from kyc.simulate.book import Book
from kyc.simulate.labels import Planted, label_line, noting
from kyc.simulate.lines import Lines, customer_lines
from kyc.simulate.population import Population
from kyc.simulate.rows import days
from kyc.simulate.submissions import simulate, wire

CUSTOMERS_MAX: Final = 10_000_000  # birthdays × orders, which make resident numbers unique, allow 10.9 million
_PROGRESS_AFTER_S: Final = 2.0
_PROGRESS_EVERY: Final = 5_000  # lines between two looks at the clock


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    with ExitStack() as files:
        out = files.enter_context(_output(options.out))
        note: Callable[[Planted], object] = _ignore
        if options.labels:
            note = partial(_write_label, files.enter_context(_output(options.labels)))
        for line in _shown(_lines(options, note), _about(options)):
            out.write(line)
    return 0


def _lines(options: argparse.Namespace, note: Callable[[Planted], object]) -> Iterator[bytes]:
    if not options.plain:
        bank = (options.seed, options.customers, options.transactions, options.start, options.days)
        yield from map(wire, simulate(*bank, scans=not options.no_scans, note=note))
        return
    population = Population(options.seed, options.customers, options.start)
    yield from customer_lines(population)
    book = Book(population)
    lines = Lines(book)
    for day in days(book, options.seed, options.transactions, options.start, options.days):
        yield from lines.of_day(day._replace(rows=noting(day.rows, note)))


def _about(options: argparse.Namespace) -> int:
    """How many records there will be, roughly: a customer's file has seven or eight."""
    return int(options.transactions) + int(options.customers) * (2 if options.plain else 8)


def _ignore(label: Planted) -> None:
    """Nobody asked for labels."""


def _write_label(out: BinaryIO, label: Planted) -> None:
    out.write(label_line(label))


@contextmanager
def _output(name: str) -> Iterator[BinaryIO]:
    """The file ``name``, there only if all of it was written; ``-`` is standard output."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = Path(f"{name}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(name)
    finally:
        part.unlink(missing_ok=True)


def _shown(lines: Iterable[bytes], expected: int) -> Iterator[bytes]:
    """``lines`` unchanged, with a count on standard error once two seconds have passed."""
    started = last = time.monotonic()
    number = 0
    for number, line in enumerate(lines, 1):
        yield line
        if (
            number % _PROGRESS_EVERY == 0
            and (now := time.monotonic()) - started > _PROGRESS_AFTER_S
            and now - last > 0.2
        ):
            last = now
            sys.stderr.write(f"\rsimulate: {number:,} of about {expected:,} records")
            sys.stderr.flush()
    if last != started:
        sys.stderr.write(f"\rsimulate: {number:,} records in {time.monotonic() - started:.1f} s\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulate", description="Simulated bank data, the same bytes for a seed.")
    parser.add_argument("--seed", type=int, default=1, help="any whole number (default 1)")
    parser.add_argument("--customers", type=_whole(1, CUSTOMERS_MAX), default=1_000, help="default 1000")
    parser.add_argument("--transactions", type=_whole(0, 10**12), default=100_000, help="default 100000")
    parser.add_argument("--start", type=_day, default=date(2025, 1, 1), help="first day, default 2025-01-01")
    parser.add_argument("--days", type=_whole(1, 36_500), default=90, help="default 90")
    parser.add_argument("--out", default="-", help="file for the records (default standard output)")
    parser.add_argument("--no-scans", action="store_true", help="documents without their images")
    parser.add_argument("--plain", action="store_true", help="plain records instead of submissions")
    parser.add_argument("--labels", default="", help="file for the labels of planted laundering schemes")
    return parser


def _whole(low: int, high: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"a whole number from {low} to {high} is needed")
        return int(text)

    return whole


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is needed, such as 2026-01-01") from None
    if not 1950 <= day.year <= 2100:
        raise argparse.ArgumentTypeError("a day of the years 1950 to 2100 is needed")
    return day


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        sys.exit(130)
