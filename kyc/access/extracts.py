"""What the person may be told of accesses and disclosures.

Who reads under a duty of secrecy, and what went out under an order that is still secret, is left out without a gap:
no number counts it, no row stands for it (AML24 art. 35; gotchas 25, 26). Reports, cases, orders and the reasons of
risk are no part of an answer at all: the matrix shows them to no customer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from kyc.domain.access_log import DisclosureRecorded, RecordRead
from kyc.domain.event import Event

NOTHING_HELD: Final = "Nothing else is held that we may tell you of. You may complain to the authority or sue."
"""What every answer ends with, whether something was kept back or nothing was held."""


def for_the_person(events: Iterable[Event], secret_orders: Collection[str]) -> dict[str, Any]:
    """The person's extract of their access log: who looked in their business, what was given to whom.

    ``secret_orders`` are those whose secrecy is not released. Dates are days: a time would tell a pattern.
    """
    looked, given = [], []
    for event in events:
        if isinstance(event, RecordRead) and not event.hidden:
            looked.append({"day": event.occurred_at.date().isoformat(), "fields": list(event.fields)})
        if isinstance(event, DisclosureRecorded) and not _kept_back(event, secret_orders):
            given.append(
                {
                    "day": event.occurred_at.date().isoformat(),
                    "recipient": event.recipient,
                    "purpose": event.permitted_purpose,
                    "fields": list(event.fields),
                }
            )
    return {"access_log": looked, "disclosures": given, "closing": NOTHING_HELD}


def _kept_back(event: DisclosureRecorded, secret_orders: Collection[str]) -> bool:
    """What an authority got is told under an order that is not secret; what the intelligence unit got, never."""
    return event.kind == "authority" and (not event.order or event.order in secret_orders)
