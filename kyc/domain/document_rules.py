"""Which documents identify whom, how long they may be valid, and what follows from their expiry. Pure.

Law as effective-dated data. Expiry is a state computed for a day: no event arrives for it (RO285 art. 5; O2-07
art. 19; AML24 art. 30). Numbers and check digits are in :mod:`kyc.domain.identifiers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import combinations
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from kyc.domain.calendar import DatePeriod, Feb29, age_on, later, length
from kyc.domain.rulefile import Row, parse, read, refuse, shipped_name
from kyc.errors import ConfigurationError

Kind = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z-]{1,63}$")]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Age = Annotated[int, msgspec.Meta(ge=0, le=150)]
_LEEWAY: Final = timedelta(days=1)
"""Some issuers print the last day of validity, others the day after."""


class Validity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The longest time from issue to expiry for holders below an age at issue."""

    period: DatePeriod
    below_age: Age | None = None


class DocumentKind(Row, frozen=True, kw_only=True):
    """A kind of document and whom it identifies."""

    kind: Kind
    identifies: Annotated[
        tuple[Literal["natural", "legal", "sole-trader", "trust"], ...], msgspec.Meta(min_length=1)
    ]
    countries: tuple[Country, ...] = ()
    """Issued by these only; empty: by any."""
    not_countries: tuple[Country, ...] = ()
    below_age: Age | None = None
    """Only of holders younger than this on the day it is shown."""
    valid_for: tuple[Validity, ...] = ()
    """By age at issue, first fitting; empty: as printed."""
    no_expiry_from_age: Age | None = None
    """May be issued without end from this age; None: never."""


class ExpiryPolicy(Row, frozen=True, kw_only=True):
    """Reminder before expiry, reasonable period after it, then service is suspended (中止办理)."""

    reminder: DatePeriod
    grace: DatePeriod
    stays_open: tuple[Kind, ...]
    """What a suspension does not touch (AML24 art. 30)."""


class Presented(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a document the rules look at; nothing personal but a birth date."""

    kind: str
    issuing_country: str
    customer_type: str
    issued_on: date | None = None
    expires_on: date | None = None
    no_expiry: bool = False
    born_on: date | None = None


class Defect(NamedTuple):
    """One thing that stands against a document."""

    code: str
    field: str
    rule: str


class Expiry(NamedTuple):
    """Where a document stands on a day."""

    state: Literal["valid", "expiring", "grace", "suspended"]
    remind_on: date | None
    """First day of reminding; None: it has no end."""
    suspend_on: date | None
    """First day without service, unless it is renewed."""
    stays_open: tuple[str, ...]
    """What goes on even when suspended."""


class DocumentRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All kinds and the expiry policy."""

    kind: tuple[DocumentKind, ...]
    expiry: tuple[ExpiryPolicy, ...]

    def kind_on(self, kind: str, on: date) -> DocumentKind | None:
        """The rules of a kind on a day; None: it identifies nobody."""
        return next((row for row in self.kind if row.kind == kind and row.in_force(on)), None)

    def defects(self, document: Presented, on: date) -> tuple[Defect, ...]:
        """Why a document that is shown on a day does not identify; empty: it does."""
        row = self.kind_on(document.kind, on)
        if row is None:
            return (Defect("kind", "kind", "a kind that identifies: RO285 art. 5"),)
        return (*_holder(row, document, on), *_validity(row, document, on))

    def expiry_on(
        self, expires_on: date | None, on: date, *, extended_to: date | None = None, feb29: Feb29 = "28-feb"
    ) -> Expiry:
        """Where a document stands on a day.

        Args:
            expires_on: its last valid day; None: without end.
            on: the day of the question.
            extended_to: last day of a longer grace that was granted for a reason.
            feb29: the declared rule for 29 February.

        Raises:
            ConfigurationError: no expiry policy is law on that day.
        """
        policy = next((row for row in self.expiry if row.in_force(on)), None)
        if policy is None:
            raise ConfigurationError(
                "no expiry policy on that day", field="expiry", rule=f"one that is law on {on}"
            )
        if expires_on is None:
            return Expiry("valid", None, None, policy.stays_open)
        remind = expires_on - timedelta(days=length(policy.reminder).days)
        last = max(later(expires_on, policy.grace, feb29), extended_to or date.min)
        suspend = last + timedelta(days=1)
        if on >= suspend:
            return Expiry("suspended", remind, suspend, policy.stays_open)
        if on > expires_on:
            return Expiry("grace", remind, suspend, policy.stays_open)
        return Expiry("expiring" if on >= remind else "valid", remind, suspend, policy.stays_open)


def _holder(row: DocumentKind, document: Presented, on: date) -> Iterator[Defect]:
    if document.customer_type not in row.identifies:
        yield Defect("customer-type", "kind", f"identifies {', '.join(row.identifies)}: {row.source}")
    country = document.issuing_country
    if (row.countries and country not in row.countries) or country in row.not_countries:
        yield Defect("issuing-country", "issuing_country", row.source)
    if row.below_age is not None and (document.born_on is None or age_on(document.born_on, on) >= row.below_age):
        yield Defect("age", "kind", f"holders younger than {row.below_age}: {row.source}")


def _validity(row: DocumentKind, document: Presented, on: date) -> Iterator[Defect]:
    issued, expires, born = document.issued_on, document.expires_on, document.born_on
    age = age_on(born, issued) if born is not None and issued is not None else None
    if document.no_expiry == (expires is not None):
        yield Defect("expiry", "expires_on", "a day of expiry, or none said expressly")
        return
    if expires is None:
        least = row.no_expiry_from_age
        if least is None or (least and (age is None or age < least)):
            yield Defect("no-expiry", "no_expiry", row.source)
        return
    if expires < on:
        yield Defect("expired", "expires_on", "valid on the day it is shown: RO285 art. 7")
    longest = next(
        (v.period for v in row.valid_for if v.below_age is None or (age is not None and age < v.below_age)), None
    )
    if longest is not None and issued is not None and expires > later(issued, longest, "1-mar") + _LEEWAY:
        yield Defect("validity", "expires_on", f"at most {longest} from issue: {row.source}")


def parse_documents(text: str, name: str) -> DocumentRules:
    """The rules in a file's text.

    Raises:
        ConfigurationError: not TOML, unknown or missing fields, two rows of one thing on a day, a reminder that is
            not counted in days.
    """
    rules = parse(text, name, DocumentRules)
    for one, other in combinations(rules.kind, 2):
        if one.kind == other.kind and one.overlaps(other):
            raise refuse(name, f"kind {one.kind}", "one row of a kind on a day")
    for first, second in combinations(rules.expiry, 2):
        if first.overlaps(second):
            raise refuse(name, "expiry", "one policy on a day")
    if any(length(row.reminder).months for row in rules.expiry):
        raise refuse(name, "expiry", "a reminder is counted back in days")
    return rules


@lru_cache
def shipped_documents(jurisdiction: str = "CN") -> DocumentRules:
    """The rules shipped for a jurisdiction.

    Raises:
        ConfigurationError: none shipped.
    """
    name = shipped_name("documents", jurisdiction)
    return parse_documents(read(name), name)
