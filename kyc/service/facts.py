"""What callers may append: facts. An act that the access matrix decides has a route of its own, where it is asked.

Appending asks no door, so whoever may append could otherwise give themselves a right, lift a hold or approve a
disposal in the name of a second person. What the house records of reads, keys and exports is not theirs to say.
"""

from __future__ import annotations

from typing import Final

from kyc.domain import catalogue
from kyc.domain.event import topics
from kyc.domain.fact import Submission
from kyc.errors import RefusedError

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


def is_fact(kind: type) -> bool:
    """Whether an event may be appended by whoever may append."""
    return kind not in _ACTS


def held(submission: Submission) -> Submission:
    """A submission that is a fact.

    Raises:
        RefusedError: it is an act.
    """
    if type(submission.data) in _ACTS:
        raise RefusedError(
            "an act is not appended", field="topic", rule="what the access matrix decides has a route of its own",
            remedy="see docs/api.md",
        )  # fmt: skip
    return submission


assert catalogue.STREAMS, "the catalogue fills the table of topics"
_ACTS: Final = frozenset(kind for kind in topics().values() if kind.STREAM in ACTS or kind.TOPIC in _TOPICS)
