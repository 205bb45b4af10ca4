"""The simulator: what is made and written, against writing the same number of things that are already made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path

from kyc.simulate.book import Book
from kyc.simulate.lines import transactions
from kyc.simulate.people import Document, Person
from kyc.simulate.population import Population
from kyc.simulate.rows import Row, days
from kyc.simulate.scans import scans_of
from kyc.simulate.submissions import simulate, wire

Ratio = Callable[..., float]
COUNT = 50_000
CUSTOMERS = 1_000
START = date(2025, 1, 1)
ROWS_PER_SECOND_MIN = 50_000
IMAGES_PER_SECOND_MIN = 2_000


def each(made: list[bytes]) -> Iterator[bytes]:
    """The floor yields as the simulator does."""
    yield from made


def write(lines: Iterable[bytes], path: Path) -> None:
    """One file."""
    with path.open("wb") as out:
        for line in lines:
            out.write(line)


def rows() -> Iterator[Row]:
    """The generation core, the accounts' columns included."""
    book = Book(Population(1, CUSTOMERS, START))
    return (row for day in days(book, 1, COUNT, START, 90) for row in day.rows)


def bench_lines(ratio: Ratio, benchmark, tmp_path: Path) -> None:
    """NDJSON of transactions: made and written, against written."""
    made = list(transactions(1, CUSTOMERS, COUNT, START, 90))
    ratio(
        lambda: write(transactions(1, CUSTOMERS, COUNT, START, 90), tmp_path / "made"),
        lambda: write(each(made), tmp_path / "floor"),
        COUNT,
        goal="≥ 0.01, 50,000/s",
    )
    assert (tmp_path / "made").read_bytes() == (tmp_path / "floor").read_bytes()
    assert benchmark.extra_info["rate"] > ROWS_PER_SECOND_MIN


def bench_rows(ratio: Ratio, benchmark) -> None:
    """Plain rows: made and counted, against counted."""
    made = list(rows())
    ratio(
        lambda: _exhaust(rows()),
        lambda: _exhaust(row for row in made),
        COUNT,
        goal="≥ 0.005, 50,000/s",
    )
    assert benchmark.extra_info["rate"] > ROWS_PER_SECOND_MIN


def bench_submissions(ratio: Ratio, benchmark, tmp_path: Path) -> None:
    """Typed submissions as NDJSON, customers' files with scans included: made and written, against written."""
    made = [wire(item) for item in simulate(1, CUSTOMERS, COUNT, START, 90)]
    ratio(
        lambda: write((wire(item) for item in simulate(1, CUSTOMERS, COUNT, START, 90)), tmp_path / "made"),
        lambda: write(each(made), tmp_path / "floor"),
        len(made),
        goal="≥ 0.01, 50,000/s",
    )
    assert benchmark.extra_info["rate"] > ROWS_PER_SECOND_MIN


def bench_scans(ratio: Ratio, benchmark, tmp_path: Path) -> None:
    """Scan images: drawn and written, against written."""
    papers = [_papers(Population(1, 1_000, START), serial) for serial in range(1_000)]
    made = [scan.content for document, holder in papers for scan in scans_of(document, holder)]
    ratio(
        lambda: write((scan.content for paper in papers for scan in scans_of(*paper)), tmp_path / "made"),
        lambda: write(each(made), tmp_path / "floor"),
        len(made),
        goal="≥ 0.05, 2,000/s",
    )
    assert benchmark.extra_info["rate"] > IMAGES_PER_SECOND_MIN


def _exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass


def _papers(population: Population, serial: int) -> tuple[Document, Person]:
    party = population.customer(serial).party
    return (party.document, party) if isinstance(party, Person) else (party.licence, party.representative)
