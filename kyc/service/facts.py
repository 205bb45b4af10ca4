"""What callers may append: facts. An act that the access matrix decides has a route of its own, where it is asked.

Appending asks no door, so whoever may append could otherwise give themselves a right, lift a hold or approve a
disposal in the name of a second person. What the house records of reads, keys and exports is not theirs to say.
Some facts are those of a few roles: who works on cases, and who reports, the matrix says.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from kyc.domain import catalogue
from kyc.domain.event import topics
from kyc.domain.fact import Submission
from kyc.errors import RefusedError
from kyc.service.route import may

ACTS: Final = frozenset(
    {"access", "branches", "lookups", "operator", "order", "policies", "refusals", "request", "retention", "watch"}
)
"""Streams of which every event is an act of a desk, or the house's own record."""
_TOPICS: Final = frozenset(
    {
        "account.freeze_lapsed", "account.freeze_queued", "account.freeze_released", "account.freeze_renewed",
        "account.frozen", "account.funds_deducted", "archive.renewed", "custody.transferred",
        "customer.attribute_corrected", "customer.merge_reverted", "customer.merged", "disposal.reapplied",
        "export.signed", "integrity.checkpoint_anchored", "integrity.verified", "integrity.violation_detected",
        "key.compromised", "key.succeeded", "large_value.detected", "projection.rebuilt",
    }
)  # fmt: skip
"""The same of other streams."""

_MATTERS: Final = {"case": "case", "report": "report", "alert.dismissed": "case", "alert.escalated": "case"}
"""Streams and topics whose facts are those of whoever the matrix gives an action. An alert is raised by anybody."""


def is_fact(kind: type) -> bool:
    """Whether an event may be appended by whoever may append."""
    return kind not in _ACTS


def held(submission: Submission, roles: Collection[str]) -> Submission:
    """A submission that is a fact, and one that a caller with these roles may state.

    Raises:
        RefusedError: it is an act, or a fact of others.
    """
    if type(submission.data) in _ACTS:
        raise RefusedError(
            "an act is not appended", field="topic", rule="what the access matrix decides has a route of its own",
            remedy="see docs/api.md",
        )  # fmt: skip
    whose = _WHOSE.get(type(submission.data))
    if whose is not None and whose.isdisjoint(roles):
        raise RefusedError(
            "not yours to record", field="topic", rule=f"recorded by: {', '.join(sorted(whose))}",
            remedy="tell whoever may",
        )  # fmt: skip
    return submission


assert catalogue.STREAMS, "the catalogue fills the table of topics"
_ACTS: Final = frozenset(kind for kind in topics().values() if kind.STREAM in ACTS or kind.TOPIC in _TOPICS)
_WHOSE: Final = {
    kind: may(action)
    for kind in topics().values()
    if (action := _MATTERS.get(kind.TOPIC) or _MATTERS.get(kind.STREAM))
}
