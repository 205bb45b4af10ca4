"""Whether an order of an authority may be followed: everything that stands against it, each with its rule. Pure.

Bank secrecy is the rule (CBL art. 29-30): an organ without a right in the table is refused. All defects are found,
not only the first, because the refusal is written. The table is in :mod:`kyc.domain.authorities`; the order's
stream, the second person inside the bank and the queue of freezes are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, NamedTuple

import msgspec

from kyc.domain.authorities import COUNTY, STRENGTH, Action, Authorities, Right, Subject, shipped_authorities
from kyc.domain.calendar import Feb29, lapses


class Officer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who presents an order; who it is stands elsewhere."""

    work_id: bool = False
    """Showed it, and a copy was taken."""
    registered: bool = False
    """Known beforehand on a network channel."""


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of an order decides whether it is followed; nothing personal."""

    action: Action
    organ: str
    """Kind of organ, as in ``authorities.toml``."""
    level: int
    """Level of the organ, 1 to 5."""
    approval: int
    """Level of the head who approved."""
    subject: Subject
    bases: tuple[str, ...]
    """Titles of the instruments it names."""
    papers: frozenset[str] = frozenset()
    officers: tuple[Officer, ...] = ()
    network: bool = False
    sealed: bool = False
    """Carries a valid electronic seal."""
    case: str = ""
    major: bool = False
    """A major or complex case."""
    accounts: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How many accounts it names; a query may name a subject instead."""
    amount: bool = False
    """Names an amount, or the whole account."""
    fruits_said: bool = False
    """Says whether fruits are covered."""
    destination: bool = False
    """Names the account that deducted money goes to."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    renewals: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The how-manieth renewal this is; 0: the first freeze."""
    frozen_since: datetime | None = None
    """Start of the first freeze, where this renews it."""
    lapsed_at: datetime | None = None
    """When the freeze it renews lapses."""


class Violation(NamedTuple):
    """One thing that stands against an order."""

    code: str
    field: str
    rule: str
    remedy: str


class Assessment(NamedTuple):
    """The answer and the row of law that gave it."""

    violations: tuple[Violation, ...]
    right: Right | None
    lapses_at: datetime | None
    """When a freeze ends by itself, in UTC; None: no freeze, or not accepted."""

    @property
    def accepted(self) -> bool:
        """Whether nothing stands against the order."""
        return not self.violations


def assess(
    order: Order, on: date, law: Authorities | None = None, *, zone: str = "Asia/Shanghai", feb29: Feb29 = "28-feb"
) -> Assessment:
    """Hold an order against the table as of the day it came.

    Args:
        order: what it says of itself.
        on: the day it was received, in the institution's zone.
        law: the table; None: as shipped.
        zone: where days and months of a freeze are counted.
        feb29: the declared rule for 29 February.
    """
    table = law or shipped_authorities()
    right = table.right_of(order.organ, order.action, order.subject, on)
    found = list(_basis(order, on, table))
    if right is None:
        return Assessment((*_no_right(order, on, table), *found), None, None)
    found += [*_organ(order, right), *_papers(order, right), *_people(order, right)]
    if order.action == "freeze":
        found += [*_frozen(order, right), *_term(order, right, zone, feb29)]
    elif order.action == "deduct":
        found += _deducted(order, right)
    ends = None if found or order.ends_at is None else order.ends_at
    return Assessment(tuple(found), right, ends)


def _no_right(order: Order, on: date, law: Authorities) -> Iterator[Violation]:
    refusal = next(law.refusals(order.organ, order.action, on), None)
    rule, why = (
        (refusal.source, refusal.why) if refusal else ("CBL art. 29-30", "no law gives this organ the right")
    )
    yield Violation("no-right", "organ", rule, f"refuse: {why}")


def _basis(order: Order, on: date, law: Authorities) -> Iterator[Violation]:
    needed = law.rank_needed(order.subject, order.action, on)
    ranks = [law.rank_of(title) for title in order.bases]
    if None in ranks:
        yield Violation("basis-unknown", "bases", "listed with its rank", "have the legal department add it")
    best = max((STRENGTH[rank] for rank in ranks if rank is not None), default=-1)
    if needed is None:
        yield Violation("basis-rank", "bases", "CBL art. 29-30", "refuse: nothing lifts secrecy here")
    elif best < STRENGTH[needed.rank]:
        yield Violation(
            "basis-rank", "bases", f"{needed.rank}: {needed.source}", "refuse, or wait for such a basis"
        )


def _organ(order: Order, right: Right) -> Iterator[Violation]:
    if order.level < max(right.level, COUNTY):
        yield Violation(
            "organ-level", "level", f"at least {right.level}: {right.source}", "a higher organ orders it"
        )
    least = right.major_approval if order.major and right.major_term is not None else right.approval
    if order.approval < least:
        yield Violation(
            "approval-level", "approval", f"at least {least}: {right.source}", "a higher head approves it"
        )
    if right.case and order.case != right.case:
        yield Violation("case", "case", f"only in a case of {right.case}: {right.source}", "name the case")


def _papers(order: Order, right: Right) -> Iterator[Violation]:
    for paper in right.papers:
        if order.papers.isdisjoint(paper.split("|")):
            yield Violation(f"paper-missing:{paper}", "papers", right.source, "bring it, signed and sealed")


def _people(order: Order, right: Right) -> Iterator[Violation]:
    if len(order.officers) < right.officers:
        yield Violation("officers", "officers", f"at least {right.officers}: AEL 18(2), AML24 43", "both come")
    if order.network and not right.network:
        yield Violation("channel", "network", f"in person: {right.source}", "officers come to the branch")
    elif order.network:
        if not order.sealed:
            yield Violation("seal", "sealed", "SPC 2013: electronic seal", "send it again, sealed")
        if not all(officer.registered for officer in order.officers):
            yield Violation("officer-unregistered", "officers", "SPC 2013: registered beforehand", "register them")
    elif not all(officer.work_id for officer in order.officers):
        yield Violation("officer-without-id", "officers", "work ID: QFD art. 8", "each shows it; copies are taken")


def _frozen(order: Order, right: Right) -> Iterator[Violation]:
    if not order.accounts:
        yield Violation("account", "accounts", "account name and number: AEL 31, 公安 239", "name them")
    if not order.amount:
        yield Violation("amount", "amount", "the amount: AEL 29, 31, 公安 239", "name it, or the whole account")
    if right.fruits and not order.fruits_said:
        yield Violation("fruits", "fruits_said", f"says whether fruits are covered: {right.source}", "say it")


def _deducted(order: Order, right: Right) -> Iterator[Violation]:
    for given, field in (
        (order.accounts, "accounts"),
        (order.amount, "amount"),
        (order.destination, "destination"),
    ):
        if not given:
            yield Violation(field.removesuffix("s"), field, f"a deduction names it: {right.source}", "name it")


def _term(order: Order, right: Right, zone: str, feb29: Feb29) -> Iterator[Violation]:
    starts, ends = order.starts_at, order.ends_at
    if starts is None or ends is None or ends <= starts:
        yield Violation("term", "ends_at", f"from when to when: {right.source}", "name the term")
        return
    term = right.major_term if order.major and right.major_term is not None else right.term
    if order.renewals:
        yield from _renewal(order, right)
        if not (order.major and right.major_term is not None):
            term = right.renewal or term
    assert term is not None, "every freeze has a term"
    if ends > lapses(starts, term, zone, feb29):
        yield Violation("term", "ends_at", f"at most {term}: {right.source}", "freeze for a shorter term")
    first = order.frozen_since or starts
    if right.total is not None and ends > lapses(first, right.total, zone, feb29):
        yield Violation("total", "ends_at", f"at most {right.total} in all: {right.source}", "let it lapse")


def _renewal(order: Order, right: Right) -> Iterator[Violation]:
    if right.renewals_max is not None and order.renewals > right.renewals_max:
        yield Violation("renewals", "renewals", f"at most {right.renewals_max}: {right.source}", "let it lapse")
    if order.lapsed_at is None or order.starts_at is None or order.starts_at > order.lapsed_at:
        yield Violation("lapsed", "starts_at", "renewed before it lapses", "order a new freeze")
    if right.total is not None and order.frozen_since is None:
        yield Violation("total", "frozen_since", f"at most {right.total} in all: {right.source}", "name its start")
