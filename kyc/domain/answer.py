"""The wire form of the answer to an append: what the service says and the branch's client reads. Pure.

Its counterpart is the wire form of a submission (:mod:`kyc.domain.fact`).
"""

from __future__ import annotations

import msgspec


class Problem(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True):
    """A problem document (RFC 9457); ``field``, ``rule`` and ``remedy`` are extensions of ours."""

    type: str
    title: str
    status: int
    detail: str = ""
    field: str = ""
    rule: str = ""
    remedy: str = ""
    request: str = ""
    """The id of the request, to be named when asking for help."""


class RecordedEvent(msgspec.Struct, frozen=True):
    """One event as recorded."""

    stream: str
    """The stream's UUID."""
    version: int
    """Its version within the stream, from 1."""
    hash: str
    """The chain hash in hexadecimal."""
    lane: int
    position: int
    recorded_at: str
    """When, UTC."""


class Result(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one submission: its events, or the problem."""

    key: str = ""
    """The idempotency key, where the submission could be read."""
    recorded: tuple[RecordedEvent, ...] = ()
    replayed: bool = False
    """True where the key was recorded before with this content: these are the first receipts."""
    problem: Problem | None = None


class Appended(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The answer to an append."""

    results: list[Result]
    """One for each submission, in their order."""
    receipt: str = ""
    """A signed note over all recorded events (docs/format.md)."""
    position: str = ""
    """Pass it as ``wait`` to a read that must see these events."""
