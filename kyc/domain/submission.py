"""What a branch submits, and what admission makes of it. Pure; the wire form is one JSON object per line.

A *submission* is one business fact with the caller's idempotency key. Admission turns it into a *unit*: the
entries (events in streams) that are recorded together or not at all. A booked transfer between two of our
accounts is one submission and a unit of two entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, NamedTuple
from uuid import UUID

import msgspec

from kyc.domain.event import Event

KEY_LENGTH_MAX: Final = 200  # characters; longer keys are digests in disguise


Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern="^[!-~]+$")]
"""A code of the institution's own: printable ASCII without blanks, because it stands in clear in the header."""


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who submits, where, what for and on which legal basis. All are codes without personal content."""

    actor: Word
    branch: Word
    purpose: Word
    legal_basis: Word


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of one captured image, to be encrypted beside the event that refers to it."""

    name: str
    """Role of the image within its event, such as ``front`` or ``back``."""
    media_type: str
    content: bytes


class StreamName(NamedTuple):
    """The natural key of a stream, such as ``("customer", "C000042")``; its UUID is a keyed hash of both."""

    kind: str
    key: str


ANY: Final = -1
"""Expected version: none, append wherever the stream stands."""
EXISTS: Final = -2
"""Expected version: the stream must have at least one event."""
NEW: Final = 0
"""Expected version: the stream must be empty."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A natural key that may be used once in the whole institution, such as a transaction reference."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One event bound for one stream."""

    stream: StreamName
    subject: StreamName
    """Whose data key protects the payload: the customer, or the account for transaction records."""
    event: Event
    expected: int = ANY
    """Expected version of the stream before this entry, or ANY, EXISTS, NEW."""
    requires: tuple[StreamName, ...] = ()
    """Streams that must already exist, such as the account of a posting."""
    scans: tuple[Scan, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """All entries of one submission: recorded in one commit or refused together."""

    key: str
    """The caller's idempotency key, unique per caller's business fact."""
    origin: Origin
    entries: tuple[Entry, ...]
    claims: tuple[Claim, ...] = ()
    seen: Mapping[StreamName, int] = field(default_factory=dict)
    """Other streams it was decided on, and the versions they had: it is recorded only while they stand there."""


class Receipt(NamedTuple):
    """The answer to one recorded entry. Positions are dense per lane; ``recorded_at`` is UTC microseconds."""

    stream: bytes
    """The stream id as 16 raw bytes."""
    version: int
    hash: bytes
    lane: int
    position: int
    recorded_at: int
    replayed: bool = False
    """True where an earlier append under the same key is answered again."""

    @property
    def stream_id(self) -> UUID:
        """The stream id."""
        return UUID(bytes=self.stream)
