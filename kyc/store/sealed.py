"""The sealed log as it is stored: segments, tiles, checkpoints, who signs them. No keys needed.

A segment says that lane positions ``position_from … position_to`` are the leaves from ``first_index`` on. Together
segments give every sealed event its dense global index without a row per event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kyc.errors import FormatError, LogMismatchError, NotFoundError, SignatureError
from kyc.evidence import key_history, tiles
from kyc.evidence.edge import HASH_LENGTH, TILE_WIDTH, Edge, tile_root
from kyc.evidence.key_history import Entry, Kept
from kyc.evidence.leaf import leaf_hashes
from kyc.evidence.note import Verifier
from kyc.evidence.policy import Policy
from kyc.store import statements
from kyc.store.database import Database
from kyc.store.read import Reader
from kyc.store.records import StoredEvent


class Segment(NamedTuple):
    """A run of lane positions and the global index of the first."""

    lane: int
    position_from: int
    position_to: int
    first_index: int


class SealedCheckpoint(NamedTuple):
    """A signed checkpoint as stored."""

    size: int
    root: bytes
    note: str
    fence: int
    signed_at: int


class SealedLog:
    """The Merkle log over the events, by global index. Implements the hash reader of the proofs."""

    def __init__(self, database: Database, reader: Reader, policy: Policy | None = None) -> None:
        self._database = database
        self._reader = reader
        self._policy = policy

    def checkpoint(self, size: int | None = None) -> SealedCheckpoint | None:
        """The newest checkpoint, or the one of exactly ``size``."""
        with self._database.connection() as connection:
            row = connection.execute(statements.CHECKPOINT, (size, size), binary=True).fetchone()
        return SealedCheckpoint._make(row) if row else None

    def published(self) -> SealedCheckpoint | None:
        """The newest checkpoint that may be given out: of all, or where a policy is set, of those that hold it."""
        if self._policy is None:
            return self.checkpoint()
        with self._database.connection() as connection:
            row = connection.execute(statements.COSIGNED, binary=True).fetchone()
        if row is None:
            return None
        newest = SealedCheckpoint._make(row)
        try:
            tree = self._policy.open(newest.note).checkpoint
        except (FormatError, SignatureError):
            return None  # edited, or of a policy that was laxer: the witnesses are asked again
        return newest if (tree.size, tree.root) == (newest.size, newest.root) else None

    def keep_cosigned(self, size: int, note: str, at: int) -> None:
        """Keep a checkpoint with the cosignatures that made the quorum; the caller has checked them."""
        with self._database.connection() as connection:
            connection.execute(statements.INSERT_COSIGNED, (size, at, note))

    def key_statements(self) -> list[tuple[int, str]]:
        """(number, signed note) of every statement about a signing key, in their order."""
        with self._database.connection() as connection:
            return connection.execute(statements.KEY_STATEMENTS).fetchall()

    def keys(self, trusted: Verifier) -> list[Verifier]:
        """Every key that the kept statements lead to from one that is trusted.

        Raises:
            FormatError, SignatureError: a statement is not what it must be, or a key was handed over twice.
        """
        said = [Kept(key_history.open_statement(note)) for _, note in self.key_statements()]
        return [period.key for period in key_history.line([trusted], said)]

    def key_history(self) -> bytes:
        """All statements with their timestamps, as handed out (``keys.ndjson``); empty: no key was replaced."""
        stamps: dict[int, list[tuple[bytes, str]]] = {}
        for kind, number, token, authority in self.anchors():
            if kind == "key":
                stamps.setdefault(number, []).append((token, authority))
        entries = [Entry(note, tuple(stamps.get(number, ()))) for number, note in self.key_statements()]
        return key_history.format_file(entries)

    def keep_key_statement(self, note: str, succeeded: str, at: int) -> int:
        """Keep a statement about a signing key; returns its number.

        Raises:
            CollisionError: somebody else makes one at the same time.
        """
        with self._database.connection() as connection:
            row = connection.execute(statements.INSERT_KEY_STATEMENT, (at, succeeded, note)).fetchone()
        assert row is not None, "an insert that returns"
        return int(row[0])

    def anchors(self) -> list[tuple[str, int, bytes, str]]:
        """(kind, number, token, authority's CA in PEM) of every timestamp over a checkpoint or statement."""
        with self._database.connection() as connection:
            return connection.execute(statements.ANCHORS).fetchall()

    def keep_anchor(self, kind: str, number: int, token: bytes, authority: str, at: int) -> None:
        """Keep a timestamp; the caller has checked it."""
        with self._database.connection() as connection:
            connection.execute(statements.INSERT_ANCHOR, (kind, number, at, token, authority))

    def sealed_positions(self) -> dict[int, int]:
        """Lane → the last sealed position; lanes without one are left out."""
        with self._database.connection() as connection:
            return dict(connection.execute(statements.SEALED_POSITIONS).fetchall())

    def segments(self, start: int, stop: int) -> Iterator[Segment]:
        """Segments that hold the global indices from ``start`` (inclusive) to ``stop`` (exclusive), clipped."""
        if start >= stop:
            return
        with self._database.connection() as connection:
            rows = connection.execute(statements.SEGMENTS, (start, stop), binary=True).fetchall()
        for lane, first, last, index in rows:
            skip, past = max(0, start - index), index + last - first + 1
            yield Segment(lane, first + skip, last - max(0, past - stop), index + skip)

    def rows(self, start: int, stop: int) -> Iterator[tuple[int, StoredEvent]]:
        """(global index, event) from ``start`` (inclusive) to ``stop`` (exclusive).

        Raises:
            LogMismatchError: a sealed event is missing.
        """
        for segment in self.segments(start, stop):
            index = segment.first_index
            for row in self._reader.lane(
                segment.lane, after=segment.position_from - 1, through=segment.position_to
            ):
                yield index, row
                index += 1
            if index != segment.first_index + segment.position_to - segment.position_from + 1:
                raise LogMismatchError(
                    "a sealed event is missing", field=f"lane {segment.lane}", rule=f"log index {index}"
                )

    def index_of(self, lane: int, position: int) -> int | None:
        """The global index of a lane position, or None while it is not sealed."""
        with self._database.connection() as connection:
            row = connection.execute(statements.INDEX_OF, (position, lane, position, position)).fetchone()
        return int(row[0]) if row else None

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile; an unfinished tile is derived from what lies below it.

        Raises:
            NotFoundError: the log is not that large.
        """
        with self._database.connection() as connection:
            row = connection.execute(statements.TILE, (level, index), binary=True).fetchone()
        if row is not None:
            return bytes(row[0][: width * HASH_LENGTH])
        start = index * TILE_WIDTH
        if level == 0:
            leaves = leaf_hashes(
                (row.stream_id, row.version, row.hash) for _, row in self.rows(start, start + width)
            )
            hashes = b"".join(leaves)
        else:
            hashes = b"".join(tile_root(self.read_tile(level - 1, start + at, TILE_WIDTH)) for at in range(width))
        if len(hashes) != width * HASH_LENGTH:
            raise NotFoundError("the log has no such tile", field=f"tile {level}/{index}")
        return hashes

    def edge(self, size: int) -> Edge:
        """The right edge of the log at ``size``, to go on appending."""
        return tiles.edge(size, self)
