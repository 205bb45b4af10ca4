"""Media that hold records of mixed periods: a batch is kept for its longest member (O2-07 art. 29). Pure.

Of several copies at least one must last the period. The dates of the members come from :mod:`kyc.retention.clocks`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from kyc.retention.clocks import Deadline

_DAY = timedelta(days=1)


class Batch(NamedTuple):
    """What a batch as a whole may do."""

    keep_through: date | None
    """Last day the medium must exist; None: a member has no date, or there is none."""
    must_delete_by: date | None
    """The earliest day by which a member must be gone."""
    conflict: bool
    """Whether a member must go before the medium may: it has to be copied without it, and a person decides."""
    held: bool

    @property
    def earliest_disposal(self) -> date | None:
        """First day the medium may go."""
        return None if self.keep_through is None else self.keep_through + _DAY


def batch(members: Sequence[Deadline]) -> Batch:
    """The dates of a medium, or archive batch, from those of all its members."""
    ends = [member.keep_through for member in members]
    limits = [member.must_delete_by for member in members if member.must_delete_by is not None]
    known = [end for end in ends if end is not None]
    keep = max(known) if known and len(known) == len(ends) else None
    delete = min(limits, default=None)
    conflict = delete is not None and (keep is None or delete < keep + _DAY)
    return Batch(keep, delete, conflict, any(member.held for member in members))


def may_destroy(medium: str, media: Mapping[str, Collection[str]], members: Mapping[str, Deadline]) -> bool:
    """Whether a medium may be destroyed on the day its members' deadlines are about.

    Each of its members must be due, or lie on another medium too; a member under a hold stays wherever it is.
    Destroyed media are taken out of ``media`` before the next is asked about, so that the last copy stays.

    Args:
        medium: the one to be destroyed.
        media: medium → ids of the records on it; all that still exist.
        members: record id → its deadline; a record without one is kept.
    """
    elsewhere = {record for other, records in media.items() if other != medium for record in records}
    for record in media[medium]:
        member = members.get(record)
        if member is None or member.held or not (member.due or record in elsewhere):
            return False
    return True
