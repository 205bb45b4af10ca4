"""The parts of customers' and accounts' states, each folded by the module that owns the events. Pure values."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from kyc.domain.values import Party, Record


class Relation(Record, frozen=True, kw_only=True):
    """A person who acts for, owns or belongs to the customer."""

    id: str
    party: Party
    since: date
    until: date | None = None
    """Last day of a mandate that was given for a time."""


class Life(Record, frozen=True, kw_only=True):
    """What became of the customer as a person or a body."""

    branch: str = ""
    relations: tuple[Relation, ...] = ()
    deceased_on: date | None = None
    former: tuple[tuple[date, date], ...] = ()
    """Earlier relationships, each from and to: their records keep clocks of their own."""
    suspected: tuple[str, ...] = ()
    """Customers who may be the same person."""
    merged_into: str = ""
    absorbed: tuple[str, ...] = ()
    """Customers whose files belong to this one."""


class Papers(Record, frozen=True, kw_only=True):
    """What became of the customer's documents; numbers are bare."""

    void: tuple[str, ...] = ()
    """Lost, forged or superseded ones: they identify nobody any more."""
    graced: tuple[str, ...] = ()
    graced_until: date | None = None
    """Last day of the latest period that was granted."""
    suspended: bool = False
    """Service is suspended until a valid document is shown (中止办理)."""


class Owner(Record, frozen=True, kw_only=True):
    """A beneficial owner as identified."""

    id: str
    name: str
    basis: str
    until: date | None = None


class Diligence(Record, frozen=True, kw_only=True):
    """Where due diligence stands."""

    trigger: str = ""
    """Why it is under way; empty where none is."""
    discrepancies: tuple[str, ...] = ()
    """Open contradictions between what was said and what was found."""
    owners: tuple[Owner, ...] = ()
    pep: str = ""
    """Empty: not determined; ``none`` or the kind of exposure."""
    funds: date | None = None
    """Day on which the source of funds was last recorded."""
    approved: date | None = None
    """Day on which senior management last approved."""
    enhanced: bool = False
    review_due: date | None = None
    overdue: bool = False
    reviewed: date | None = None
    failed: date | None = None
    measures: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    """Objections to measures that are not answered yet."""
    hits: tuple[str, ...] = ()
    """Screening hits nobody has decided yet."""


class Privacy(Record, frozen=True, kw_only=True):
    """What the person knows of and agreed to."""

    notices: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()
    """Purposes consented to and not withdrawn."""
    restricted: bool = False
    """Storage and security only (PIPL art. 47)."""
    restriction: str = ""
    """The request that led to it."""


class Freeze(Record, frozen=True, kw_only=True):
    """A freeze of an account: in force, or waiting its turn."""

    id: str
    order: str
    organ: str
    amount: Decimal | None = None
    """None: the whole account."""
    since: datetime | None = None
    """From when on it holds; None: it waits."""
    until: datetime | None = None
    """The moment it lapses by itself; None: until released."""
    taken: Decimal = Decimal(0)
    """What was deducted from it."""

    def holds_at(self, moment: datetime) -> bool:
        """Whether it is in force at a moment."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


class Restraints(Record, frozen=True, kw_only=True):
    """What stands against free use of an account."""

    freezes: tuple[Freeze, ...] = ()
    queue: tuple[Freeze, ...] = ()
    """Freezes that wait for those in force (轮候), first come first."""
    suspended: bool = False
    dormant: bool = False
    agents: tuple[str, ...] = ()
    """Mandates in force, by number."""
    deducted: tuple[str, ...] = ()
    """References of transactions that booked deductions under orders."""
