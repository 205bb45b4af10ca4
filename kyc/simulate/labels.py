"""Which transactions were planted, and why: beside the data, for whoever measures a detector, never inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple

import msgspec

from kyc.simulate.book import Book
from kyc.simulate.population import Population
from kyc.simulate.rows import Row, days


class Planted(NamedTuple):
    """One planted transaction."""

    reference: str
    scheme: str
    typology: str
    role: str


def labels(seed: int, customers: int, total: int, start: date, count: int) -> Iterator[Planted]:
    """The labels of the transactions that the same arguments give elsewhere."""
    for day in days(Book(Population(seed, customers, start)), seed, total, start, count):
        yield from planted(day.rows)


def planted(rows: Iterable[Row]) -> Iterator[Planted]:
    """The labels of ``rows``."""
    return (Planted(row.reference, *row.label) for row in rows if row.label is not None)


def noting(rows: Iterable[Row], note: Callable[[Planted], object]) -> Iterator[Row]:
    """``rows`` unchanged; each planted one is handed to ``note`` in passing."""
    for row in rows:
        if row.label is not None:
            note(Planted(row.reference, *row.label))
        yield row


def label_line(label: Planted) -> bytes:
    """One JSON object and a newline."""
    return msgspec.json.encode(label._asdict()) + b"\n"
