"""Bounds of a branch machine: names, units and reasons in one frozen place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchLimits:
    """How a branch sends, and how long it waits."""

    batch_items: int = 1_000
    """Submissions of one request; the service takes ten times as many."""
    batch_bytes: int = 8_388_608
    """Bytes of one request: a batch of documents with scans is cut here. A larger line goes alone."""
    linger_seconds: float = 0.05
    """How long a batch that is not full waits for company."""
    connect_seconds: float = 10.0
    answer_seconds: float = 60.0
    """How long an answer may take before the line counts as broken and the batch is sent again."""
    pause_seconds: float = 0.2
    """First pause after a failure; it doubles with each, and differs, lest all branches come back together."""
    pause_most_seconds: float = 30.0
    retry_after_most_seconds: int = 300
    """A longer ``Retry-After`` than this is not believed."""
    answer_bytes: int = 67_108_864
    """A longer answer is not read: whoever sends it is not the service."""
