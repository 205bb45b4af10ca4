"""Large-value days: what a customer received and paid on a day, all accounts, branches and channels together.

Nothing is kept: the index of transactions has every leg with what it was worth, the register of accounts says who
held which account on the day, and sums are made for the day, zone and rules of the question, set-based. So what
arrives late counts at once, and a branch abroad changes no day. Serves O3-16 art. 5: receipts and payments apart,
cash and transfers apart, amounts inclusive, a day that meets two criteria told under each; art. 7 leaves kinds out.
Legs in the home currency are held against its threshold, all others in US dollars against theirs, by the rates in
the events; legs without such a rate are counted as not converted and never guessed. One-off
business counts with the customer, or else by the document that was shown (:mod:`projections.large_value_register`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import product
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from kyc.domain.policies import Policies
from kyc.domain.rulebook import ANY, Codes, Ruling, Threshold
from kyc.domain.submission import StreamName
from kyc.domain.transaction import Direction
from kyc.store.log import EventLog, Recorded
from kyc.store.statements import load
from projections.projection import reading

_SQL: Final = load("projections", "large_value_day.sql")
RULE: Final = "large-value.report"
EXEMPT: Final = "large-value.exempt"
FOUND: Final = 10_000
"""Most days that a list answers with, unless asked for more."""
_HOME: Final = {"CN": "CNY", "US": "USD"}
_FOREIGN: Final = "USD"

Subject = Literal["natural", "organisation"]
Means = Literal["cash", "transfer"]
_SUBJECTS: Final[tuple[Subject, ...]] = ("natural", "organisation")
_MEANS: Final[tuple[Means, ...]] = ("cash", "transfer")
_REACHES: Final = ("domestic", "cross-border")


class Reached(NamedTuple):
    """A customer's day that reaches a threshold, or the asked share of it."""

    customer: bytes
    """Stream id; of somebody without a file the keyed digest of the document that was shown."""
    direction: Direction
    """``credit``: receipts; ``debit``: payments."""
    subject: Subject
    means: Means
    reach: str
    """``domestic``, ``cross-border`` or ``*``: both together."""
    total: Decimal
    currency: str
    """Of the total and the threshold; US dollars for all but the home currency."""
    threshold: Threshold
    reached: bool
    """False: only the asked share of it."""
    legs: int
    largest: Decimal
    """The largest single leg."""
    accounts: int
    branches: tuple[str, ...]
    channels: tuple[str, ...]
    unconverted: int
    """Legs in other currencies without a rate: not in the total."""
    ruling: Ruling
    """Which rule says so."""
    without_file: bool = False
    """Only one-off business of somebody who is no customer."""

    @property
    def split(self) -> bool:
        """Whether no single leg reaches the threshold, though the day does."""
        return self.reached and not self.threshold.reached(self.largest)


class Total(NamedTuple):
    """What moved on a day in one direction, by one means, in one currency."""

    direction: Direction
    means: Means
    reach: str
    currency: str
    legs: int
    amount: Decimal
    cny: Decimal | None
    usd: Decimal | None
    without_cny: int
    """Legs whose event names no rate."""
    without_usd: int
    branches: list[str]
    channels: list[str]


class _Criterion(NamedTuple):
    """A threshold and whom and what it is for."""

    subject: Subject
    means: Means
    reach: str
    currency: str
    ruling: Ruling

    @property
    def threshold(self) -> Threshold:
        return self.ruling.of(Threshold)


def reached(
    log: EventLog, on: date, policies: Policies, zone: tzinfo, *, customer: str | None = None,
    share: Decimal = Decimal(1), limit: int = FOUND,
) -> list[Reached]:  # fmt: skip
    """Customers whose day reaches a threshold of the rulebook in use that day, furthest above first.

    Args:
        log: the event log.
        on: the day in the institution's zone.
        policies: what head office has published; nothing where it has published no thresholds.
        zone: the institution's zone, in which a day begins and ends.
        customer: only this customer, by number.
        share: of the threshold; 0.8 tells also whose day stays a fifth or less below.
        limit: days told at most.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    criteria = list(_criteria(policies, on))
    if not criteria:
        return []
    home = _HOME.get(policies.jurisdiction, "")
    arguments = _day(log, on, zone, customer) | {
        "subjects": [one.subject for one in criteria],
        "currencies": [one.currency for one in criteria],
        "means": [one.means for one in criteria],
        "reaches": [one.reach for one in criteria],
        "amounts": [one.threshold.amount for one in criteria],
        "inclusive": [one.threshold.comparison == "at-least" or share < 1 for one in criteria],
        "exempt": sorted(exempt(policies, on)),
        "home": home, "foreign": _FOREIGN, "share": share, "limit": limit,
    }  # fmt: skip
    with reading(log) as connection:
        rows = connection.execute(_SQL["reached"], arguments, binary=True).fetchall()
    return [_reached(row, criteria[row[2] - 1]) for row in rows]


def _reached(row: tuple[Any, ...], by: _Criterion) -> Reached:
    customer, direction, _, total, legs, largest, accounts, branches, channels, unconverted, new = row
    return Reached(
        customer, direction, by.subject, by.means, by.reach, total, by.currency, by.threshold,
        by.threshold.reached(total), legs, largest, accounts, tuple(branches), tuple(channels), unconverted,
        by.ruling, new,
    )  # fmt: skip


def exempt(policies: Policies, on: date) -> frozenset[str]:
    """Kinds of transactions that are in no sum (O3-16 art. 7)."""
    ruling = policies.ruling(EXEMPT, on)
    return frozenset() if ruling is None else frozenset(ruling.of(Codes).codes)


def home_of(ruling: Ruling) -> str:
    """The currency in which sums of a rule's jurisdiction are held against its own thresholds."""
    return _HOME.get(ruling.row.where["jurisdiction"], "")


def _criteria(policies: Policies, on: date) -> Iterator[_Criterion]:
    """Every threshold of the day once: for whom, by which means, how far, in which currency."""
    seen = set()
    home = _HOME.get(policies.jurisdiction, "")
    for subject, means, reach, currency in product(
        _SUBJECTS, _MEANS, _REACHES, dict.fromkeys((home or _FOREIGN, _FOREIGN))
    ):
        ruling = policies.ruling(RULE, on, subject=subject, means=means, reach=reach, currency=currency)
        if ruling is None:
            continue
        wide = ruling.row.where["reach"]
        key = (subject, means, wide if wide == ANY else reach, currency)
        if key not in seen:
            seen.add(key)
            yield _Criterion(*key, ruling)


def totals(log: EventLog, customer: str, on: date, zone: tzinfo) -> list[Total]:
    """What a customer (number) received and paid on a day through the accounts held that day.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    with reading(log) as connection:
        rows = connection.execute(_SQL["totals"], _day(log, on, zone, customer), binary=True).fetchall()
    return [Total(*row) for row in rows]


def unconverted(log: EventLog, on: date, policies: Policies, zone: tzinfo) -> int:
    """How many legs of a day, of anybody, are in no sum because their event names no rate.

    Raises:
        NotFoundError: the read model is not built yet.
    """
    with reading(log) as connection:
        arguments = _day(log, on, zone, None) | {"home": _HOME.get(policies.jurisdiction, "")}
        ((number,),) = connection.execute(_SQL["unconverted"], arguments, binary=True).fetchall()
    return int(number)


def legs(log: EventLog, customer: str, on: date, zone: tzinfo, limit: int = FOUND) -> list[Recorded]:
    """The legs behind a customer's day, oldest first, with rates and sources as they were recorded.

    Raises:
        NotFoundError: a read model is not built yet.
    """
    with reading(log) as connection:
        arguments = _day(log, on, zone, customer) | {"limit": limit}
        places = connection.execute(_SQL["legs"], arguments, binary=True).fetchall()
    return list(log.at(places).values())


def _day(log: EventLog, on: date, zone: tzinfo, customer: str | None) -> dict[str, Any]:
    stream = None if customer is None else UUID(bytes=log.stream_id(StreamName("customer", customer)))
    start, stop = (datetime.combine(day, time.min, zone) for day in (on, on + timedelta(days=1)))
    return {"on": on, "start": start, "stop": stop, "customer": stream}
