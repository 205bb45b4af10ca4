"""The log as plain files: paths, hash tiles and entry bundles (C2SP tlog-tiles).

The files of a log::

    checkpoint                    the newest signed checkpoint; the only file that changes
    tile/<L>/<N>[.p/<W>]          W hashes of 32 bytes; W = 256 and no suffix for a full tile
    tile/entries/<N>[.p/<W>]      W entries, each a u16 big-endian length and that many bytes

Tile ``(L, N)`` holds the roots of the complete subtrees of ``256**L`` leaves from subtree ``256 * N`` on; level 0
are the leaf hashes, bundle N the entries behind tile ``(0, N)``. N is written in groups of three digits, all but
the last with an ``x``: 1234067 is ``x001/x234/067``. A full tile never changes; no hash exists above a partial one.

:func:`files_for` says what a log writes when it grows, :class:`TileReader` reads it back from any static server.
Fetching and storing is the caller's. Nothing read here is believed: a proof made from tiles must still verify under
a signed root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from kyc.errors import FormatError, LogMismatchError, NotFoundError
from kyc.evidence import strict
from kyc.evidence.edge import HASH_LENGTH, TILE_WIDTH, Edge
from kyc.evidence.leaf import leaf_hash
from kyc.evidence.merkle import TILE_HEIGHT, HashReader

ENTRIES: Final = -1
"""The level of entry bundles."""
LEVEL_MAX: Final = 63
ENTRY_MAX: Final = 65_535
CHECKPOINT_PATH: Final = "checkpoint"

_PATH: Final = re.compile(
    r"tile/(?P<level>[0-9]{1,2}|entries)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile or bundle lies. ``width`` is 256 for a full one.

    Raises:
        FormatError: there is no such place.
    """

    level: int
    """0 to 63, or :data:`ENTRIES`."""
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not (ENTRIES <= self.level <= LEVEL_MAX and 0 <= self.index <= strict.NUMBER_MAX):
            raise FormatError("no such tile", field="tile", rule=f"level 0 to {LEVEL_MAX}, index from 0")
        if not 1 <= self.width <= TILE_WIDTH:
            raise FormatError("no such width of a tile", field="tile", rule=f"1 to {TILE_WIDTH}")

    @property
    def path(self) -> str:
        """The path below the log's prefix."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        groups = [f"{self.index % 1000:03}"]
        rest = self.index // 1000
        while rest:
            groups.append(f"x{rest % 1000:03}")
            rest //= 1000
        suffix = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(reversed(groups))}{suffix}"

    @classmethod
    def parse(cls, path: str) -> Place:
        """The strict inverse of :attr:`path`.

        Raises:
            FormatError: it would not be written that way.
        """
        found = _PATH.fullmatch(path)
        if found is None:
            raise FormatError("not the path of a tile", field="path", rule="C2SP tlog-tiles")
        level = ENTRIES if found["level"] == "entries" else int(found["level"])
        place = cls(level, int(found["index"].replace("x", "").replace("/", "")), int(found["width"] or TILE_WIDTH))
        if place.path != path:
            raise FormatError("the path is not written the one way", field="path", rule="C2SP tlog-tiles")
        return place


def tiles_for(old_size: int, new_size: int) -> list[Place]:
    """The hash tiles a log must write when it grows from ``old_size`` to ``new_size`` leaves, lowest level first.

    Raises:
        FormatError: the log would shrink.
    """
    if not 0 <= old_size <= new_size:
        raise FormatError("a log never shrinks", field="size", rule="0 <= old <= new")
    places: list[Place] = []
    level = 0
    while new_size > old_size:
        places += _grown(level, old_size, new_size)
        old_size, new_size, level = old_size >> TILE_HEIGHT, new_size >> TILE_HEIGHT, level + 1
    return places


def bundles_for(old_size: int, new_size: int) -> list[Place]:
    """The entry bundles a log must write when it grows from ``old_size`` to ``new_size`` leaves."""
    return _grown(ENTRIES, old_size, new_size)


def _grown(level: int, old: int, new: int) -> list[Place]:
    full = [Place(level, index) for index in range(old // TILE_WIDTH, new // TILE_WIDTH)]
    if new > old and new % TILE_WIDTH:
        full.append(Place(level, new // TILE_WIDTH, new % TILE_WIDTH))
    return full


def bundle(entries: Iterable[bytes]) -> bytes:
    """The bundle of up to 256 entries.

    Raises:
        FormatError: none or too many, or one is longer than 65,535 bytes.
    """
    parts = list(entries)
    if not 0 < len(parts) <= TILE_WIDTH or any(len(part) > ENTRY_MAX for part in parts):
        raise FormatError("not a bundle", field="entries", rule=f"1 to {TILE_WIDTH} of at most {ENTRY_MAX} bytes")
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def parse_bundle(raw: bytes) -> list[bytes]:
    """The strict inverse of :func:`bundle`.

    Raises:
        FormatError: truncated, empty, or more than 256 entries.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(raw):
        start = at + 2
        end = start + int.from_bytes(raw[at:start], "big")
        if end > len(raw) or start > len(raw):
            raise FormatError("an entry bundle is truncated", field=f"entry {len(entries)}")
        entries.append(raw[start:end])
        at = end
    if not 0 < len(entries) <= TILE_WIDTH:
        raise FormatError("an entry bundle is empty or too long", field="entries", rule=f"1 to {TILE_WIDTH}")
    return entries


class EntryReader(Protocol):
    """Where the entries of a log come from."""

    def read_entries(self, start: int, stop: int) -> Iterable[bytes]:
        """The entries from index ``start`` (inclusive) to ``stop`` (exclusive), in order."""
        ...


def files_for(
    old_size: int, new_size: int, hashes: HashReader, entries: EntryReader
) -> Iterator[tuple[str, bytes]]:
    """(path, content) of every file the log needs on its way from ``old_size`` to ``new_size`` leaves.

    One tile is in memory at a time. The caller writes the checkpoint last, when all of these are durable: whoever
    sees a checkpoint may fetch the tiles of its size.

    Raises:
        LogMismatchError: a reader gave less than was asked for.
    """
    for place in bundles_for(old_size, new_size):
        start = place.index * TILE_WIDTH
        content = list(entries.read_entries(start, start + place.width))
        if len(content) != place.width:
            raise LogMismatchError("the log has too few entries", field=place.path, rule=f"{place.width} entries")
        yield place.path, bundle(content)
    for place in tiles_for(old_size, new_size):
        tile = hashes.read_tile(place.level, place.index, place.width)
        if len(tile) != place.width * HASH_LENGTH:
            raise LogMismatchError("the log has too few hashes", field=place.path, rule=f"{place.width} hashes")
        yield place.path, tile


def edge(size: int, hashes: HashReader) -> Edge:
    """The right edge of the log at ``size``, to go on appending."""
    levels: list[list[bytes]] = []
    count, level = size, 0
    while count:
        width = count % TILE_WIDTH
        raw = hashes.read_tile(level, count // TILE_WIDTH, width) if width else b""
        levels.append([raw[at : at + HASH_LENGTH] for at in range(0, len(raw), HASH_LENGTH)])
        count //= TILE_WIDTH
        level += 1
    return Edge(size, levels)


class Fetch(Protocol):
    """How to get a file of a published log."""

    def __call__(self, path: str) -> bytes | None:
        """The content at ``path`` below the log's prefix, or None where there is no such file."""
        ...


class TileReader:
    """Reads a published log. A :class:`kyc.evidence.merkle.HashReader` for proofs of any size it has had."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile; from the full tile where the partial one was removed.

        Raises:
            NotFoundError: the log has neither.
            LogMismatchError: the file has a wrong length.
        """
        place = Place(level, index, width)
        raw = self._fetch(place.path)
        if raw is None and width < TILE_WIDTH:
            place = Place(level, index)
            raw = self._fetch(place.path)
        if raw is None:
            raise NotFoundError("the log has no such tile", field=place.path)
        if len(raw) != place.width * HASH_LENGTH:
            raise LogMismatchError("a tile has a wrong length", field=place.path, rule=f"{place.width} hashes")
        return raw[: width * HASH_LENGTH]

    def read_entries(self, start: int, stop: int, size: int | None = None) -> Iterator[bytes]:
        """The entries from ``start`` to ``stop``, each checked against its leaf hash.

        Args:
            start: first index.
            stop: index after the last.
            size: a size the log has published a checkpoint of, by default ``stop``.

        Raises:
            NotFoundError: the log has no such bundle.
            LogMismatchError, FormatError: bundle and tile disagree, or the bundle is malformed.
        """
        for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)):
            first = index * TILE_WIDTH
            width = min(TILE_WIDTH, (size or stop) - first)
            hashes = self.read_tile(0, index, width)
            for at, entry in enumerate(self._bundle(index, width)):
                if leaf_hash(entry) != hashes[at * HASH_LENGTH : (at + 1) * HASH_LENGTH]:
                    raise LogMismatchError("an entry is not the one that was logged", field=f"index {first + at}")
                if start <= first + at < stop:
                    yield entry

    def _bundle(self, index: int, width: int) -> list[bytes]:
        place = Place(ENTRIES, index, width)
        raw = self._fetch(place.path)
        if raw is None and width < TILE_WIDTH:
            place = Place(ENTRIES, index)
            raw = self._fetch(place.path)
        if raw is None:
            raise NotFoundError("the log has no such entries", field=place.path)
        entries = parse_bundle(raw)
        if len(entries) != place.width:
            raise LogMismatchError("a bundle has too few entries", field=place.path, rule=f"{place.width} entries")
        return entries[:width]
