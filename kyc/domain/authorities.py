"""Who may order a bank to answer, freeze or deduct: law as effective-dated data, strictly loaded. Pure.

Which defects an order has under it is decided in :mod:`kyc.domain.legal_order_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from itertools import combinations
from typing import Annotated, Final, Literal

import msgspec

from kyc.domain.calendar import Period
from kyc.domain.rulefile import Row, parse, read, refuse, shipped_name

Action = Literal["query", "freeze", "deduct"]
Subject = Literal["natural", "organisation"]
Rank = Literal["law", "regulation", "other"]
Level = Annotated[int, msgspec.Meta(ge=1, le=5)]
"""1 township, 2 county or regiment, 3 city with districts, 4 province, 5 state."""
Organ = Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z-]{1,31}|\*)$")]
Paper = Annotated[str, msgspec.Meta(pattern=r"^[a-z-]+(\|[a-z-]+)*$")]

COUNTY: Final = 2
"""The least level of any organ that may come to a bank (QFD art. 8)."""
STRENGTH: Final[dict[Rank, int]] = {"other": 0, "regulation": 1, "law": 2}


class Right(Row, frozen=True, kw_only=True):
    """What an organ may order, about whom, on which papers, for how long."""

    organ: Organ
    action: Action
    subjects: Annotated[tuple[Subject, ...], msgspec.Meta(min_length=1)] = ("natural", "organisation")
    papers: Annotated[tuple[Paper, ...], msgspec.Meta(min_length=1)]
    """Each is needed; ``a|b`` is either."""
    level: Level = COUNTY
    """Least level of the organ itself."""
    approval: Level = COUNTY
    """Least level of the head who approved."""
    officers: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    network: bool = False
    """Whether it may come over a network, sealed electronically, from officers registered beforehand."""
    case: str = ""
    """Only in a case of this kind."""
    fruits: bool = False
    """Whether the order must say if it covers fruits (孳息)."""
    term: Period | None = None
    """So long a freeze lasts at most."""
    renewal: Period | None = None
    """So long each renewal lasts at most; None: as the first."""
    renewals_max: int | None = None
    """None: no limit."""
    total: Period | None = None
    """So long all of it lasts at most."""
    major_term: Period | None = None
    """In major and complex cases."""
    major_approval: Level = COUNTY

    def __post_init__(self) -> None:
        """Hold the row against itself.

        Raises:
            ValueError: a freeze without a term, or a term of something else.
        """
        super().__post_init__()
        if (self.action == "freeze") != (self.term is not None):
            raise ValueError("a freeze has a term, nothing else has")


class Secrecy(Row, frozen=True, kw_only=True):
    """The least rank of a legal basis that lifts bank secrecy."""

    subject: Subject
    actions: tuple[Action, ...]
    rank: Rank


class Refusal(Row, frozen=True, kw_only=True):
    """An organ, or any other (``*``), that may not, and why."""

    organ: Organ
    actions: tuple[Action, ...]
    why: str


class Authorities(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table."""

    right: tuple[Right, ...]
    secrecy: tuple[Secrecy, ...]
    refusal: tuple[Refusal, ...]
    instruments: dict[Rank, tuple[str, ...]]

    def right_of(self, organ: str, action: str, subject: str, on: date) -> Right | None:
        """What the organ may order about such a subject on a day; None: nothing."""
        rows = (row for row in self.right if row.in_force(on) and (row.organ, row.action) == (organ, action))
        return next((row for row in rows if subject in row.subjects), None)

    def rank_needed(self, subject: str, action: str, on: date) -> Secrecy | None:
        """What lifts secrecy on a day; None: nothing does."""
        rows = (row for row in self.secrecy if row.in_force(on) and row.subject == subject)
        return next((row for row in rows if action in row.actions), None)

    def refusals(self, organ: str, action: str, on: date) -> Iterator[Refusal]:
        """Why an organ may not, the most special reason first."""
        rows = [row for row in self.refusal if row.in_force(on) and action in row.actions]
        yield from (row for row in rows if row.organ == organ)
        yield from (row for row in rows if row.organ == "*")

    def rank_of(self, instrument: str) -> Rank | None:
        """The rank of an instrument by its title, with or without 中华人民共和国 and 《》; None: not listed."""
        title = instrument.strip().strip("《》").removeprefix("中华人民共和国")
        return next((rank for rank, titles in self.instruments.items() if title in titles), None)


def parse_authorities(text: str, name: str) -> Authorities:
    """The table in a file's text.

    Raises:
        ConfigurationError: not TOML, unknown or missing fields, two rows about one thing on a day.
    """
    table = parse(text, name, Authorities)
    for one, other in combinations(table.right, 2):
        same = (one.organ, one.action) == (other.organ, other.action) and {*one.subjects} & {*other.subjects}
        if same and one.overlaps(other):
            raise refuse(name, f"right {one.organ} {one.action}", "one row for organ, action and subject on a day")
    for first, second in combinations(table.secrecy, 2):
        if first.subject == second.subject and {*first.actions} & {*second.actions} and first.overlaps(second):
            raise refuse(name, f"secrecy {first.subject}", "one row for subject and action on a day")
    titles = [title for rank in table.instruments.values() for title in rank]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise refuse(name, f"instruments {twice[0]}", "an instrument has one rank")
    return table


@lru_cache
def shipped_authorities(jurisdiction: str = "CN") -> Authorities:
    """The table shipped for a jurisdiction.

    Raises:
        ConfigurationError: none shipped.
    """
    name = shipped_name("authorities", jurisdiction)
    return parse_authorities(read(name), name)
