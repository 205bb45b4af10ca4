"""The AMLSim data set (IBM/AMLSim) as submissions: accounts as customers with documents, transfers with both legs.

The set has numbers only: node, balance, transfer, time step. Who the customers are is drawn from the simulated
population with a fixed seed, one customer and one account per node. Which nodes are fraudulent is never part
of an event. Faulty lines are reported and skipped; the files are streamed.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TextIO

from kyc.domain.fact import Submission
from kyc.domain.located import Located
from kyc.domain.submission import Origin
from kyc.domain.transaction import BookTransaction, Leg
from kyc.domain.values import Counterparty
from kyc.errors import InputError, RefusedError
from kyc.simulate.files import CHINA, Files
from kyc.simulate.population import Account, Population
from kyc.simulate.regions import BRANCH_OF

START: Final = date(2025, 1, 6)
"""Day of time step 0."""
SEED: Final = 20_000
CURRENCY: Final = "CNY"
ORIGINS: Final = tuple(
    Origin(actor="core-banking", branch=branch, purpose="account-service", legal_basis="AML24-34")
    for branch in sorted(set(BRANCH_OF.values()))
)
"""Branches take turns as the place of booking."""
_NODES: Final = ("nodeid", "isFraud", "init_balance", "fraudStep")
_TRANSFERS: Final = ("sourceNodeId", "targetNodeId", "value", "time")


def account_of(node: int) -> str:
    """The account number of a node."""
    return f"AML{node:08d}"


def submissions(folder: Path) -> Iterator[Located]:
    """Customers, accounts, then transfers of ``nodes.csv.gz`` and ``transactions.csv.gz`` in a folder.

    Raises:
        InputError: a file is missing or has other columns.
    """
    nodes, transfers = _find(folder, "nodes"), _find(folder, "transactions")
    with _rows(nodes, _NODES) as rows:
        count = sum(1 for _ in rows)
    files, population = Files(), Population(SEED, max(count, 1), START)
    with _rows(nodes, _NODES) as rows:
        for line, row in enumerate(rows, start=2):
            yield from _located(nodes, line, _customer(files, population, row))
    with _rows(transfers, _TRANSFERS) as rows:
        for line, row in enumerate(rows, start=2):
            yield from _located(transfers, line, _transfer(line - 1, row))


def count(folder: Path) -> int:
    """How many submissions a run will make, about: six and one per node, one per transfer."""
    with _rows(_find(folder, "nodes"), _NODES) as rows:
        nodes = sum(1 for _ in rows)
    with _rows(_find(folder, "transactions"), _TRANSFERS) as rows:
        return nodes * 7 + sum(1 for _ in rows)


def _customer(files: Files, population: Population, row: list[str]) -> Iterator[Submission]:
    node = _node(row[0], "nodeid")
    customer = population.customer(node)
    account = Account(account_of(node), "current", CURRENCY, customer.registered, (customer.serial,))
    yield from files.onboarding(customer._replace(accounts=(account,)))


def _transfer(number: int, row: list[str]) -> Iterator[Submission]:
    source, target = _node(row[0], "sourceNodeId"), _node(row[1], "targetNodeId")
    try:
        amount = Decimal(row[2])
    except InvalidOperation:
        raise InputError("not an amount", field="value", rule="a decimal number") from None
    day = START + timedelta(days=_node(row[3], "time"))
    at = datetime.combine(day, time(9), CHINA) + timedelta(seconds=number % 28_800)
    reference = f"AML-{number:09d}"
    yield Submission(
        key=reference,
        origin=ORIGINS[source % len(ORIGINS)],
        data=BookTransaction(
            occurred_at=at, reference=reference, kind="transfer", channel="e-bank", booked_at=at,
            value_date=at.date(), purpose="transfer",
            legs=(
                Leg(
                    account=account_of(source), direction="debit", amount=amount, currency=CURRENCY,
                    counterparty=Counterparty(account=account_of(target)),
                ),
                Leg(
                    account=account_of(target), direction="credit", amount=amount, currency=CURRENCY,
                    counterparty=Counterparty(account=account_of(source)),
                ),
            ),
        ),
    )  # fmt: skip


def _node(text: str, field: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise InputError("not a whole number", field=field, rule="decimal digits")
    return int(text)


def _located(path: Path, line: int, made: Iterator[Submission]) -> Iterator[Located]:
    try:
        for submission in made:
            yield Located(path.name, line, submission)
    except RefusedError as refusal:
        yield Located(path.name, line, refusal)


def _find(folder: Path, name: str) -> Path:
    for suffix in (".csv.gz", ".csv"):
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    raise InputError(
        "a file of the data set is missing", field=f"{name}.csv.gz", remedy="name the folder of the set"
    )


@contextmanager
def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[Iterator[list[str]]]:
    with _text(path) as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if tuple(header) != columns:
            raise InputError("not a file of this data set", field=path.name, rule=",".join(columns))
        yield (row if len(row) == len(columns) else row + [""] * len(columns) for row in reader)


def _text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
