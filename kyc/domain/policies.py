"""What head office has published: rule sets, forms, notices, allowances, each with the days it is in use. Pure.

Law is never code. Rule sets are the texts of rule files (:mod:`kyc.domain.rulefile`), published whole; a correction
is the next version, and the stream of publications says which rule gave an answer on a day. Where nothing is
published, orders and deadlines are held against the shipped files, because secrecy and keeping are the rule;
documents, reviews, thresholds and shares are then not limited.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec

from kyc.domain.access_rules import Matrix, parse_matrix, shipped_matrix
from kyc.domain.authorities import Authorities, parse_authorities, shipped_authorities
from kyc.domain.calendar import WorkCalendar, parse_calendar, shipped_calendar
from kyc.domain.document_rules import DocumentRules, parse_documents
from kyc.domain.retention_rules import PolicySet, parse_retention, shipped_set, shipped_text
from kyc.domain.rulebook import FILES, SHIPPED_FROM, Rulebook, Ruling, book, parse_rules
from kyc.domain.rulefile import edition_on, read, shipped_name
from kyc.domain.stream import POLICIES, Given, Stream
from kyc.domain.templates import Template
from kyc.domain.values import Code, Record, Word
from kyc.errors import ConfigurationError, NotFoundError

RuleSet = Literal["authorities", "documents", "retention", "rulebook", "access", "calendar"]
"""Who may order what; which documents identify; how long what is kept; thresholds and reviews; who may see what;
which days are worked. Registration forms are published one by one (:class:`kyc.domain.templates.Template`)."""
TEXT_MAX: Final = 500_000
"""Characters of a rule set; all shipped files together have a tenth."""


class PolicyEdition(Record, frozen=True, kw_only=True):
    """One version of a rule set, as text."""

    rules: RuleSet
    version: Annotated[int, msgspec.Meta(ge=1)]
    effective_from: date
    """From this day on it is the version in use, until a higher one has begun."""
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]
    """TOML, as the shipped files in ``kyc/domain/rules``."""


class Notice(Record, frozen=True, kw_only=True):
    """A version of the privacy notice (PIPL art. 17)."""

    name: Code
    effective_from: date
    effective_to: date | None = None
    digest: Word = ""


class Allowance(Record, frozen=True, kw_only=True):
    """The fields a partner may be given for a purpose, under a separate consent (seed rule 29; PIPL art. 23)."""

    recipient: Code
    purpose: Code
    fields: Annotated[tuple[Code, ...], msgspec.Meta(max_length=200)]
    """None: nothing any more."""


class Policies(Record, frozen=True, kw_only=True):
    """What head office has published and not replaced."""

    jurisdiction: str = ""
    """Whose law the rulebook is asked for."""
    editions: tuple[PolicyEdition, ...] = ()
    forms: tuple[Template, ...] = ()
    notices: tuple[Notice, ...] = ()
    allowances: tuple[Allowance, ...] = ()

    @property
    def templates(self) -> dict[str, Template]:
        """Published templates by name."""
        return {form.name: form for form in self.forms}

    def version(self, rules: RuleSet) -> int:
        """The highest version of a rule set, 0 where none is published."""
        return max((edition.version for edition in self.editions if edition.rules == rules), default=0)

    def edition(self, rules: RuleSet, on: date) -> PolicyEdition | None:
        """The version of a rule set that is in use on a day: of those that have begun, the highest."""
        begun = [known for known in self.editions if known.rules == rules and known.effective_from <= on]
        return edition_on(begun, on) if begun else None

    def in_use(self, rules: RuleSet, on: date) -> Any:
        """The parsed rule set in use on a day, None where none is."""
        edition = self.edition(rules, on)
        return None if edition is None else read_edition(edition)

    def authorities(self, on: date) -> Authorities:
        """Who may order what, as of a day."""
        return self.in_use("authorities", on) or shipped_authorities(self.jurisdiction)

    def documents(self, on: date) -> DocumentRules | None:
        """Which documents identify, as of a day."""
        rules: DocumentRules | None = self.in_use("documents", on)
        return rules

    def retention(self, on: date) -> PolicySet:
        """How long what is kept, as of a day."""
        return self.in_use("retention", on) or shipped_set()

    def access(self, on: date) -> Matrix:
        """Who may see and do what, as of a day."""
        return self.in_use("access", on) or shipped_matrix()

    def calendar(self, on: date) -> WorkCalendar:
        """Which days are worked, as known on a day; the shipped one of China where it counts and none is published.

        Raises:
            ConfigurationError: none is published, and none is shipped for this jurisdiction.
        """
        calendar: WorkCalendar | None = self.in_use("calendar", on)
        return calendar or shipped_calendar(self.jurisdiction or "CN")

    def ruling(self, rule_id: str, on: date, **selectors: str) -> Ruling | None:
        """What the rulebook says on a day in this jurisdiction; None where it says nothing."""
        rules: Rulebook | None = self.in_use("rulebook", on)
        if rules is None:
            return None
        try:
            return rules.value(rule_id, on, jurisdiction=self.jurisdiction, **selectors)
        except (NotFoundError, ConfigurationError):  # no row for it, or a book that leaves the rule out
            return None


Rules = Authorities | DocumentRules | Matrix | PolicySet | Rulebook | WorkCalendar


@lru_cache(maxsize=64)
def read_edition(edition: PolicyEdition) -> Rules:
    """The rules in an edition's text.

    Raises:
        ConfigurationError: the text breaks the schema of its rule set.
    """
    return _PARSERS[edition.rules](edition)


_PARSERS: Final[dict[str, Callable[[PolicyEdition], Rules]]] = {
    "access": lambda edition: parse_matrix(edition.text, edition.version),
    "authorities": lambda edition: parse_authorities(edition.text, "authorities"),
    "calendar": lambda edition: parse_calendar(edition.text, "calendar"),
    "documents": lambda edition: parse_documents(edition.text, "documents"),
    "retention": lambda edition: parse_retention(
        edition.text, "retention", edition.version, edition.effective_from
    ),
    "rulebook": lambda edition: book(
        parse_rules(edition.text, "rulebook"), edition.version, edition.effective_from
    ),
}


def shipped_editions(jurisdiction: str = "CN") -> tuple[PolicyEdition, ...]:
    """The rule files shipped for a jurisdiction as first editions, ready to be published.

    Retention law and the rulebook hold all jurisdictions; working days are shipped for China only.
    """
    texts: list[tuple[RuleSet, str]] = [
        ("authorities", read(shipped_name("authorities", jurisdiction))),
        ("documents", read(shipped_name("documents", jurisdiction))),
        ("retention", shipped_text()),
        ("rulebook", "\n".join(map(read, FILES))),
        ("access", shipped_matrix().text),
    ]
    if jurisdiction == "CN":
        texts.append(("calendar", read("calendar-cn.toml")))
    return tuple(
        PolicyEdition(rules=rules, version=1, effective_from=SHIPPED_FROM, text=text) for rules, text in texts
    )


NOTHING: Final = Policies()
STREAM: Final = Stream("policies", Policies, empty=NOTHING, key=POLICIES.key, head_office=True)


def published(given: Given) -> Policies:
    """What head office has published, as a rule sees it (its event must consult :data:`POLICIES`)."""
    policies = given.seen(POLICIES)
    assert isinstance(policies, Policies)
    return policies
