"""Verifying only what was added since the last time, without believing what that time left behind.

What is kept is the last verified checkpoint, a note the log has signed, under a code of a key that is not in the
database. From it on: the stored tiles must give its root; an event that continues an older stream is continued from
its predecessor only once that one is proved to lie under the root; new leaves, on the old edge, must give every
signed root since. What lies before is not looked at again, and the report says so.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from kyc import files
from kyc.errors import FormatError, LogMismatchError, NotFoundError
from kyc.evidence import tiles
from kyc.evidence.checkpoint import Checkpoint
from kyc.evidence.edge import Edge
from kyc.store import pgbinary
from kyc.store.records import StoredEvent
from kyc.store.sealed import SealedLog
from replay.leaves import leaf_of
from replay.proofs import Prover
from replay.snapshot import SQL, Snapshot

_TAG: Final = b"kyc-ledger/verified/v1\0"
_FIELDS: Final = {"checkpoint", "verified_at", "code"}
Head = tuple[int, bytes, int]
"""Version, hash and time of a stream's last event."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The checkpoint up to which a log was verified, as a signed note, and when (microseconds)."""

    checkpoint: str
    at: int

    @classmethod
    def read(cls, path: Path, secret: bytes) -> Verified | None:
        """What was kept in a file; None where there is none.

        Raises:
            FormatError: somebody else wrote it.
        """
        try:
            said = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            said = None
        if isinstance(said, dict) and set(said) == _FIELDS:
            kept = cls(str(said["checkpoint"]), int(said["verified_at"]))
            if hmac.compare_digest(kept._code(secret), str(said["code"])):
                return kept
        raise FormatError(
            "not what a verification of ours left behind", field=path.name, rule="its code, under the keys in use",
            remedy="look who changed it; verify everything once, without it",
        )  # fmt: skip

    def write(self, path: Path, secret: bytes) -> None:
        """Keep it for the next time."""
        said = {"checkpoint": self.checkpoint, "verified_at": self.at, "code": self._code(secret)}
        files.write(path, json.dumps(said).encode() + b"\n")

    def _code(self, secret: bytes) -> str:
        return hmac.new(secret, _TAG + self.at.to_bytes(8, "big") + self.checkpoint.encode(), sha256).hexdigest()


@dataclass(slots=True)
class Start:
    """Where an audit begins: at the beginning, or behind a checkpoint that was verified before."""

    lanes: dict[int, int] = field(default_factory=dict)
    """Lane → the last position that is not looked at again."""
    edge: Edge = field(default_factory=Edge)
    _prover: Prover | None = None

    @property
    def size(self) -> int:
        """Leaves that are not looked at again."""
        return self.edge.size

    @classmethod
    def behind(cls, view: Snapshot, sealed: SealedLog, tree: Checkpoint) -> Start:
        """Behind a checkpoint.

        Raises:
            LogMismatchError: the stored log does not give its root, or has no such size any more.
        """
        try:
            prover = Prover(tree.size, tree.root, sealed)
            edge = tiles.edge(tree.size, sealed)
        except NotFoundError as cause:
            raise LogMismatchError("the log has become shorter", field=f"size {tree.size}") from cause
        lanes = dict(view.rows(SQL["lanes_at"], (tree.size,)))
        if sum(lanes.values()) != tree.size:
            raise LogMismatchError("segments do not end at the checkpoint", field=f"size {tree.size}")
        return cls(lanes, edge, prover)

    def head(self, view: Snapshot, row: StoredEvent, derive: Callable[[StoredEvent], bytes]) -> Head | None:
        """The event before, once it is proved to be in the log as verified, or None."""
        if self._prover is None or row.version < 2:
            return None
        arguments = (
            pgbinary.int2s([row.lane]), pgbinary.uuids([row.stream_id]), pgbinary.int8s([row.version - 1]),
        )  # fmt: skip
        found = view.rows(SQL["events_named"], arguments)
        for before in map(StoredEvent._make, found):
            index = view.rows(SQL["index_of"], (before.position, before.lane, before.position, before.position))
            link = derive(before)
            try:
                self._prover.proof(int(index[0][0]), leaf_of(before, link))
            except (LogMismatchError, IndexError):
                return None
            return before.version, link, before.recorded_at
        return None
