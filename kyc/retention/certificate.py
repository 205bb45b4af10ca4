"""What a certificate of disposal states, as bytes that are the same whenever it is asked for. Pure.

The statement names nobody: streams, events, scans and the key by their ids. Its SHA-256 is recorded in the log by
``disposal.completed``, its bytes are signed with the export key; the proofs that go with it are made by
:mod:`replay.certified`. Its bytes are JSON (RFC 8259) in ASCII, names sorted, no blanks (docs/disposal.md).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Self
from uuid import UUID

import msgspec

FORMAT: Final = "kyc-ledger/disposal-certificate/v1"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What was destroyed, when, and where nothing was found any more."""

    disposal: str
    retention: str
    """Id of the stream in which it is recorded."""
    record_class: str
    span: str
    data_key: str
    destroyed_at: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    events: int
    events_sha256: str
    """Over stream id, version (8 bytes, big-endian) and hash of each event in that order, sorted."""
    scans: int
    scans_sha256: str
    """Over their commitments, sorted."""
    places: tuple[str, ...]
    """Where nothing was found any more."""
    note: str = ""

    @classmethod
    def of(
        cls, *, retention: bytes, data_key: bytes, events: Sequence[tuple[bytes, int, bytes]],
        scans: Sequence[bytes], **said: Any,
    ) -> Self:  # fmt: skip
        """The statement over these events (stream id, version, hash) and scans (commitments)."""
        listed = b"".join(stream + version.to_bytes(8, "big") + link for stream, version, link in sorted(events))
        return cls(
            retention=str(UUID(bytes=retention)), data_key=str(UUID(bytes=data_key)), events=len(events),
            events_sha256=sha256(listed).hexdigest(), scans=len(scans),
            scans_sha256=sha256(b"".join(sorted(scans))).hexdigest(), **said,
        )  # fmt: skip

    @property
    def raw(self) -> bytes:
        """The bytes that are signed."""
        said = msgspec.to_builtins(self) | {"format": FORMAT}
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes, in hexadecimal, as the log records it."""
        return sha256(self.raw).hexdigest()
