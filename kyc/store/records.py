"""The rows of the log as Python sees them, and where a stream lies. No I/O.

Ids, hashes and commitments are raw bytes: 16 for ids and keys, 32 for hashes and commitments, 16 for digests.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

import msgspec

from kyc.domain.submission import ANY

DIGEST_LENGTH = 16


def lane_of(stream_id: bytes, lanes: int) -> int:
    """The lane of a stream or key: its first sixteen bits scaled to the number of lanes."""
    return ((stream_id[0] << 8 | stream_id[1]) * lanes) >> 16


def digest_of(state: bytes) -> bytes:
    """The unchained digest of a ciphertext: shows damage without any key."""
    return sha256(state).digest()[:DIGEST_LENGTH]


class Draft(msgspec.Struct):
    """One protected event, ready to be appended; version, position and hash come from the writer."""

    lane: int
    stream_id: bytes
    key: bytes
    context: bytes
    commitment: bytes
    data_key: bytes
    digest: bytes
    state: bytes
    expected: int = ANY


class ClaimRow(NamedTuple):
    """A natural key to be claimed; ``holder`` is the index of its event within the batch's drafts."""

    lane: int
    kind: str
    key: bytes
    holder: int = 0


class ScanRow(NamedTuple):
    """One encrypted scan."""

    lane: int
    commitment: bytes
    data_key: bytes
    digest: bytes
    state: bytes


class Batch(msgspec.Struct):
    """What is recorded together or not at all: the drafts of one unit with their claims and scans."""

    drafts: list[Draft]
    claims: list[ClaimRow] = []
    scans: list[ScanRow] = []
    requires: list[tuple[int, bytes, int]] = []
    """(lane, stream id, version) of other streams it depends on; version EXISTS: at least one event."""


class StoredEvent(NamedTuple):
    """One row of the event table, in the order of its columns in :data:`EVENT_COLUMNS`."""

    position: int
    version: int
    recorded_at: int
    lane: int
    stream_id: bytes
    key: bytes
    data_key: bytes
    previous: bytes
    commitment: bytes
    hash: bytes
    digest: bytes
    context: bytes
    state: bytes


EVENT_COLUMNS = ", ".join(StoredEvent._fields)


class Head(msgspec.Struct, frozen=True, gc=False):
    """Where a stream stands: version 0 and the genesis hash for an empty one."""

    version: int
    hash: bytes
    recorded_at: int
