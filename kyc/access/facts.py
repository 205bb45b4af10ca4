"""What a decision rests on besides the request: facts about the subject, the papers and the asker. Pure values.

The gate looks all of them up before anything is decided, whatever will be decided, so that a refusal costs the same
work as another.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from kyc.domain.access_log import Right
from kyc.domain.authorities import Authorities
from kyc.domain.facets import Relation
from kyc.domain.policies import Allowance


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A customer whom the request concerns."""

    customer: str
    exists: bool = True
    home: str = ""
    """The branch that looks after the customer."""
    natural: bool = True
    born: date | None = None
    deceased_on: date | None = None
    consents: frozenset[str] = frozenset()
    restricted: bool = False
    """Storage and security only."""
    relations: tuple[Relation, ...] = ()
    watched: str = ""
    """Why looking at the customer is told to a supervisor; empty: it is not."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """The service ticket of that number."""

    customer: str
    branch: str
    operator: str
    until: datetime
    closed: bool = False


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """The case of that number."""

    customers: frozenset[str]
    closed: bool = False
    asked: bool = False
    """Whether the intelligence unit waits for an answer."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The order of that number."""

    action: str
    organ: str
    subject: str
    status: str
    customer: str
    accounts: frozenset[str] = frozenset()
    scope: frozenset[str] = frozenset()
    since: date | None = None
    until: date | None = None
    """The period that is asked about."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The person's request of that number."""

    customer: str
    requester: str
    answered: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known when a request is decided."""

    authorities: Authorities
    persons: tuple[Person, ...] = ()
    """Those whom the subject concerns; none for lists and the house's own records."""
    accounts: frozenset[str] = frozenset()
    """The account that is asked for, or those of all legs of a transaction."""
    ticket: Ticket | None = None
    case: Case | None = None
    order: Order | None = None
    request: Request | None = None
    rights: tuple[Right, ...] = ()
    emergency_until: datetime | None = None
    own: frozenset[str] = frozenset()
    relatives: frozenset[str] = frozenset()
    allowances: tuple[Allowance, ...] = ()
    reached: frozenset[tuple[str, int, int]] = frozenset()
    """Limits the asker has reached, as (kind, count, minutes)."""
    hour: int = 12
    """Of the institution's day."""
