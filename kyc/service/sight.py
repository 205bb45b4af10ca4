"""What of a replayed record a permission covers: events by what they tell of, differences by their field. Pure.

The door masks fields by their names. A replay also lists whole events and names fields in its texts; here those are
left out that tell what the asker may not see: a rating to whom risk is closed, a freeze to whom sealed orders are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kyc.access.gate import Grant
from kyc.domain.event import RecordClass, event_type

_NEEDS: Final = {
    RecordClass.IDENTITY: "names", RecordClass.ACCOUNT: "accounts", RecordClass.TRANSACTION: "transactions",
    RecordClass.DUE_DILIGENCE: "diligence", RecordClass.MONITORING: "cases", RecordClass.PRIVACY: "privacy",
    RecordClass.AUTHORITY: "secret_orders", RecordClass.ACCESS: "access_log", RecordClass.GOVERNANCE: "holds",
}  # fmt: skip
"""Record class → the field of the matrix without which its events are not told."""
_NARROWER: Final = {
    "cdd.risk_rated": "risk", "cdd.enhanced_applied": "risk", "cdd.simplified_applied": "risk",
    "cdd.screening": "hits", "cdd.pep_determined": "pep", "cdd.measure": "measures", "cdd.objection": "measures",
    "cdd.failed": "risk", "prospect.refused": "risk", "account.freeze": "secret_orders",
    "account.frozen": "secret_orders", "account.funds_deducted": "secret_orders",
}  # fmt: skip
"""The same by the beginning of a topic, where a class has parts that fewer may see. Any freeze may be secret."""


_TELLING: Final = frozenset({RecordClass.MONITORING, RecordClass.AUTHORITY})
"""Classes of which even a count would tell (AML24 art. 35): nobody learns how many cases were opened today."""


def seen(value: Any, grant: Grant) -> Any:
    """A document without the events, counts and differences that the permission does not cover."""
    if isinstance(value, Mapping):
        return {key: seen(part, grant) for key, part in value.items() if not _telling(key, grant)}
    if isinstance(value, list | tuple):
        return [seen(one, grant) for one in value if not _withheld(one, grant)]
    return value


def needs(topic: str) -> str:
    """The field of the matrix without which events of a topic are not told."""
    narrow = next((field for start, field in _NARROWER.items() if topic.startswith(start)), None)
    return narrow or _NEEDS[event_type(topic).RECORD_CLASS]


def _telling(key: str, grant: Grant) -> bool:
    """Whether a number of events by their topic tells what the asker may not know of."""
    try:
        kind = event_type(key)
    except KeyError:
        return False
    narrow = key.startswith(("hold.", *_NARROWER))
    return (narrow or kind.RECORD_CLASS in _TELLING) and grant.withholds(needs(key))


def _withheld(one: Any, grant: Grant) -> bool:
    if not isinstance(one, Mapping):
        return False
    if "topic" in one and "recorded_at" in one:
        return grant.withholds(needs(one["topic"]))
    if one.get("effect") is not None and "terms" in one:  # an order that was in effect at a booking
        return grant.withholds("secret_orders")
    if "name" in one and len(one) == 3 and ({"then", "now"} <= one.keys() or {"before", "after"} <= one.keys()):
        return grant.withholds(one["name"].replace(".", " ").split(" ")[0])
    return False
