"""The simulated bank as the project's own submissions, in the order a bank would send them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

import msgspec

from kyc.domain.fact import Submission
from kyc.domain.transaction import BookTransaction, TransactionBooked
from kyc.simulate.book import Book
from kyc.simulate.bookings import Bookings
from kyc.simulate.changes import Changes
from kyc.simulate.files import Files
from kyc.simulate.labels import Planted, noting
from kyc.simulate.population import Population
from kyc.simulate.rows import days

_encode: Final = msgspec.json.Encoder(order="sorted", decimal_format="string").encode


def simulate(
    seed: int,
    customers: int,
    transactions: int,
    start: date,
    count: int,
    *,
    scans: bool = True,
    note: Callable[[Planted], object] | None = None,
) -> Iterator[Submission]:
    """First every customer's file, then ``count`` days of transactions and changes in order of time.

    Args:
        seed: any integer; the same arguments give the same submissions.
        customers: at least 1.
        transactions: exactly so many bookings come out.
        start: the first day of transactions; customers came in the 400 days before.
        count: days.
        scans: whether documents carry their images (about 6 kB each).
        note: is handed the label of each planted transaction just before its submission.
    """
    population = Population(seed, customers, start)
    files, changes, names = Files(scans=scans), Changes(population, count), []
    for serial in range(customers):
        customer = population.customer(serial)
        changes.watch(customer)
        names.append(customer.party.name)
        yield from files.onboarding(customer)
    book = Book(population)
    bookings = Bookings(book, names)
    for day in days(book, seed, transactions, start, count):
        midnight = bookings.midnight(day)
        pending = changes.of_day(day.date)
        for row in noting(day.rows, note) if note is not None else day.rows:
            while pending and pending[0].second <= row.second:
                change = pending.pop(0)
                yield from files.change(population.customer(change.serial), change, day.date)
            yield bookings.submission(row, midnight)
        for change in pending:
            yield from files.change(population.customer(change.serial), change, day.date)


def wire(submission: Submission) -> bytes:
    """One line that :func:`kyc.domain.fact.parse` reads back as the same submission."""
    data = submission.data
    topic = TransactionBooked.TOPIC if isinstance(data, BookTransaction) else data.TOPIC
    line: dict[str, object] = {"key": submission.key, "topic": topic, "origin": submission.origin, "data": data}
    if submission.stream:
        line["stream"] = submission.stream
    if submission.scans:
        line["scans"] = [
            {"name": scan.name, "media_type": scan.media_type, "content": b64encode(scan.content).decode("ascii")}
            for scan in submission.scans
        ]
    return _encode(line) + b"\n"
