"""Moves fixed before their day begins: salaries, pensions and rents. Laundering plans have the same shape."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from kyc.simulate.book import NOBODY, Book, Employment, Tenancy
from kyc.simulate.chance import between
from kyc.simulate.rhythm import Move
from kyc.simulate.workdays import previous_workday


class Label(NamedTuple):
    """Why a transaction was planted. Never part of an event."""

    scheme: str
    """One planted scheme, such as ``S000012``."""
    typology: str
    role: str


class Plan(NamedTuple):
    """A move due at ``second`` of local time of its day."""

    second: int
    move: Move
    label: Label | None = None


def monthly_plans(book: Book, random: Random, day: date) -> Iterator[Plan]:
    """What is due on ``day``: paydays that fall on a holiday are paid on the workday before."""
    paydays = {due.day for due in _due_dates(day)}
    if paydays:
        for job in book.employments:
            if job.payday in paydays:
                yield Plan(between(random, 32_400, 41_000), _pay(book, job))
    if day.day <= 5:
        for lease in book.tenancies:
            if lease.day == day.day:
                yield Plan(between(random, 28_800, 79_000), _rent(book, lease))


def _pay(book: Book, job: Employment) -> Move:
    branch = book.branch[job.account]
    if job.payer is book.world.pensions:
        return "pension", "batch", branch, job.monthly, NOBODY, job.account, job.payer, "养老金"
    return "salary", "batch", branch, job.monthly, job.employer, job.account, job.payer, "工资"


def _rent(book: Book, lease: Tenancy) -> Move:
    return (
        "rent",
        "mobile",
        book.branch[lease.account],
        lease.monthly,
        lease.account,
        NOBODY,
        lease.landlord,
        "房租",
    )


def _due_dates(day: date) -> list[date]:
    """The days from ``day`` on whose last workday is ``day``: itself and the holidays that follow."""
    if previous_workday(day) != day:
        return []
    dates = [day]
    while previous_workday(following := dates[-1] + timedelta(days=1)) == day:
        dates.append(following)
    return dates
