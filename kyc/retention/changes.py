"""What another version of retention law would move: shown before it is published. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from kyc.domain.calendar import Feb29
from kyc.domain.retention_rules import PolicySet
from kyc.retention.clocks import Deadline, Record, evaluate


class Moved(NamedTuple):
    """A record whose answer differs between two versions."""

    record: str
    was: Deadline
    becomes: Deadline


def moved(
    records: Iterable[tuple[str, Record]], before: PolicySet, after: PolicySet, on: date, *,
    holds: Mapping[str, Sequence[str]] | None = None, feb29: Feb29 = "28-feb",
) -> Iterator[Moved]:  # fmt: skip
    """The records whose dates differ under two versions of the law on the same day, with both answers.

    Args:
        records: id and facts of each record still held.
        before: the version in use.
        after: the version about to be published.
        on: the day of the question; ask for a later one to see what the new version will do then.
        holds: record id → holds on it.
        feb29: the declared rule for 29 February.
    """
    for name, record in records:
        held = (holds or {}).get(name, ())
        was, becomes = (evaluate(record, law, on, holds=held, feb29=feb29) for law in (before, after))
        if (was.keep_through, was.must_delete_by) != (becomes.keep_through, becomes.must_delete_by):
            yield Moved(name, was, becomes)
