"""Large values as facts: what a closed day came to is recorded once, and reported in time (O3-16 art. 5, 8).

Who reaches a threshold is computed by :mod:`projections.large_value_day`; here it becomes ``large_value.detected``
with the transactions behind it and the version of the rules. The same day again records nothing, unless what was
booked late changed a sum: that is a further detection. Reports are events of their own; what none of them covers is
due so many working days after the day, by the calendar head office has published.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from kyc.domain.admit import HEAD_OFFICE
from kyc.domain.calendar import day_ends
from kyc.domain.fact import Submission
from kyc.domain.monitoring import LargeValueDetected
from kyc.domain.occasional import OneOffCompleted
from kyc.domain.policies import Policies
from kyc.domain.rulebook import WorkingDays
from kyc.domain.submission import Origin
from kyc.domain.transaction import TransactionBooked
from kyc.errors import InputError, KycError
from kyc.ledger import Ledger
from kyc.store.log import EventLog
from projections import customer_profile, large_value_day, large_value_register
from projections.large_value_day import Reached

WITHIN: Final = "large-value.within"
TRANSACTIONS_MAX: Final = 10_000
"""As many are named in one detection; the sum is of all."""
_EVERYBODY: Final = 1_000_000


class Made(NamedTuple):
    """What became of a day."""

    recorded: int
    known: int
    """On record before."""
    gone: int
    """Of customers whose file was disposed of: nobody is left to report."""


class Due(NamedTuple):
    """A sum that was detected and not reported."""

    due: date | None
    """Last day for the report; None: no rule says when."""
    late: bool
    customer: str | None
    """Its number, the reference of one-off business; None: disposed of."""
    day: date
    direction: str
    feature: str
    amount: Decimal
    currency: str
    transactions: int


def record(ledger: Ledger, on: date, policies: Policies, zone: ZoneInfo, actor: str) -> Made:
    """Record every sum of a day that reaches a threshold; again, only what has changed since.

    The read models are up to date with all that was booked: the caller sees to it.

    Raises:
        InputError: the day is not over in the institution's zone.
        KycError: a detection was refused.
    """
    if on >= ledger.today():
        raise InputError("the day is not over", field="day", rule="before today", remedy="record it tomorrow")
    found = large_value_day.reached(ledger.log, on, policies, zone, limit=_EVERYBODY)
    detected = list(_detected(ledger.log, found, on, policies, zone))
    origin = Origin(actor=actor, branch=HEAD_OFFICE, purpose="aml-monitoring", legal_basis="O3-16-5")
    answers = ledger.record([Submission(key=_key(one), origin=origin, data=one) for one in detected])
    for answer in answers:
        if isinstance(answer, KycError):
            raise answer
    known = sum(answer[0].replayed for answer in answers if not isinstance(answer, KycError))
    return Made(len(answers) - known, known, len(found) - len(detected))


def due(log: EventLog, on: date, policies: Policies, limit: int = large_value_register.FOUND) -> list[Due]:
    """What was detected by a day and stands in no report filed by then, the oldest first.

    Raises:
        NotFoundError: the read model is not built yet.
        ConfigurationError: the calendar of working days does not reach the last day of a term.
    """
    calendar = None
    found = []
    detected = large_value_register.unreported(log, on, limit)
    events = log.at((one.stream_id, one.version) for one in detected)
    for one in detected:
        ruling = policies.ruling(WITHIN, one.day)
        last = None
        if ruling is not None:
            calendar = calendar or policies.calendar(on)
            last = calendar.add(one.day, ruling.of(WorkingDays).days)
        said = events[one.stream_id, one.version].event
        event = said if isinstance(said, LargeValueDetected) else None
        found.append(
            Due(
                last, last is not None and last < on, event.customer if event else None, one.day, one.direction,
                one.feature, one.amount, one.currency, len(event.transactions) if event else 0,
            )
        )  # fmt: skip
    return found


def _detected(
    log: EventLog, found: list[Reached], on: date, policies: Policies, zone: ZoneInfo
) -> Iterator[LargeValueDetected]:
    customers = [one.customer for one in found if not one.without_file]
    profiles = customer_profile.of_streams(log, list(dict.fromkeys(customers)))
    numbers = {one.stream_id: one.state.customer for one in profiles if one.state is not None}
    exempt = large_value_day.exempt(policies, on)
    for one in found:
        behind = list(_behind(log, one, numbers.get(one.customer), on, zone, exempt))
        customer = behind[0] if one.without_file and behind else numbers.get(one.customer)
        if customer is None or not behind:
            continue
        yield LargeValueDetected(
            occurred_at=day_ends(on, zone.key) - timedelta(microseconds=1), customer=customer, day=on,
            direction="receipts" if one.direction == "credit" else "payments",
            feature=one.means if one.reach == "*" else f"{one.means}-{one.reach}", policy=one.ruling.rule_id,
            policy_version=one.ruling.version, amount=one.total, currency=one.currency,
            transactions=tuple(behind[:TRANSACTIONS_MAX]), without_file=one.without_file,
        )  # fmt: skip


def _behind(
    log: EventLog, one: Reached, number: str | None, on: date, zone: ZoneInfo, exempt: frozenset[str]
) -> Iterator[str]:
    """References of the transactions that are in a sum."""
    if number is not None:
        for recorded in large_value_day.legs(log, number, on, zone):
            event = recorded.event
            if isinstance(event, TransactionBooked) and event.kind not in exempt and _in(one, event):
                yield event.reference
    for recorded in large_value_register.one_offs(log, one.customer, on, zone):
        done = recorded.event
        if isinstance(done, OneOffCompleted) and done.kind not in exempt and large_value_register.way(done) == (
            one.direction, one.means,
        ):  # fmt: skip
            yield done.reference


def _in(one: Reached, event: TransactionBooked) -> bool:
    reach = "cross-border" if event.cross_border else "domestic"
    foreign = one.currency == "USD" and event.leg.currency != large_value_day.home_of(one.ruling)
    return (
        event.leg.direction == one.direction
        and ("cash" if event.cash else "transfer") == one.means
        and one.reach in {"*", reach}
        and (event.leg.currency == one.currency or foreign)
    )


def _key(event: LargeValueDetected) -> str:
    """One for a sum under a version of the rules, and for what it came to."""
    came_to = sha256("|".join([str(event.amount), *event.transactions]).encode()).hexdigest()[:16]
    parts = (event.customer, event.day, event.direction, event.feature, event.currency, event.policy_version)
    return f"large-value/{'/'.join(map(str, parts))}/{came_to}"
