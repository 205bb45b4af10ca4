"""One stream as lines of a bundle: what is meant in clear, the rest as a hash or not at all. docs/bundle.md.

Each line is checked as it is made, so that nothing is written that a verifier refuses: chain against row, leaf
against the signed log. A stream is read page by page; memory does not grow with it. Who listens is told of every
event given in clear.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final
from uuid import UUID

import msgspec

from kyc.domain import codec
from kyc.domain.event import Event
from kyc.errors import ChainBrokenError, CiphertextDamagedError
from kyc.evidence import chain, fields, header, leaf
from kyc.evidence.commitment import commit
from kyc.store import pgbinary, statements
from kyc.store.log import EventLog, Recorded
from kyc.store.records import StoredEvent
from kyc.store.sealed import SealedLog
from replay.container import Entry
from replay.proofs import Prover
from replay.scopes import Part

PAGE: Final = 500
"""Events read, revealed and proved at a time."""
_SPOOL_MAX: Final = 1_048_576  # bytes in memory before lines that may not be needed go to disk
_SQL: Final = statements.load("replay", "bundle.sql")

See = Callable[[Part, Recorded], None]
"""Told of every event that is given in clear."""


@dataclass(slots=True)
class Extract:
    """What the trailer says of a stream."""

    file: str
    kind: str
    key: str
    stream: str
    first: int = 0
    """The first version given; 0 where none is."""
    through: int = 0
    """The last version given."""
    head: str = chain.GENESIS.hex()
    """The hash of the last version given."""
    last: int = 0
    """The last version under the checkpoint."""
    disposed: int = 0
    outside: int = 0
    fields: int = 0
    """Events of which some fields are withheld."""
    unsealed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The entry of the trailer; ``from`` is no name in Python."""
        return {
            "file": self.file, "kind": self.kind, "key": self.key, "stream": self.stream, "from": self.first,
            "through": self.through, "head": self.head, "last": self.last, "disposed": self.disposed,
            "outside": self.outside, "fields": self.fields, "unsealed": self.unsealed,
        }  # fmt: skip


class Extractor:
    """Writes streams of one log under one checkpoint."""

    def __init__(self, log: EventLog, sealed: SealedLog, size: int, root: bytes) -> None:
        self._log = log
        self._size = size
        self._prover = Prover(size, root, sealed)
        self.schemas: dict[str, set[int]] = {}
        """Topic → schema versions given in clear."""

    def write(self, part: Part, file: str, entry: Entry, see: See) -> Extract:
        """All of a part into one file.

        Raises:
            ChainBrokenError: an event does not continue its stream.
            LogMismatchError: an event is not the one that was sealed.
            CiphertextDamagedError: content cannot be opened though its key was not destroyed.
        """
        found = Extract(file, part.name.kind, part.name.key, str(UUID(bytes=part.stream_id)))
        with SpooledTemporaryFile(_SPOOL_MAX) as waiting:
            held_back = 0
            previous: bytes | None = chain.GENESIS if part.versions is None else None
            for row, index, opened, meant in self._rows(part, found):
                if previous is not None and row.previous != previous:
                    raise _broken(row)
                previous = row.hash
                hidden = _hidden(part, opened) if meant else frozenset()
                line = self._line(row, index, opened, hidden, meant=meant)
                if meant or part.whole:
                    found.first = found.first or row.version - held_back
                    found.outside += held_back + (not meant)
                    found.disposed += meant and opened is None
                    found.fields += bool(hidden)
                    found.through, found.head = row.version, row.hash.hex()
                    _flush(waiting, entry)
                    held_back = 0
                    entry.write(line)
                elif found.first:  # between two that are meant, if another one follows
                    held_back += 1
                    waiting.write(line)
                if opened is not None and meant:
                    self._see(part, row, opened[1], hidden, see)
        return found

    def _see(self, part: Part, row: StoredEvent, payload: bytes, hidden: frozenset[str], see: See) -> None:
        context = _context(row.context)
        self.schemas.setdefault(context.topic, set()).add(context.schema)
        event = codec.decode(context.topic, context.schema, payload)
        see(part, Recorded(row, context, _without(event, hidden) if hidden else event))

    # --- reading --------------------------------------------------------------------------------

    def _rows(
        self, part: Part, found: Extract
    ) -> Iterator[tuple[StoredEvent, int, tuple[bytes, bytes] | None, bool]]:
        """(row, global index, (opening, payload) or None, whether it is meant) of each sealed event."""
        span = (min(part.versions) - 1, max(part.versions)) if part.versions else (0, 2**63 - 1)
        rows = self._log.reader.stream(part.stream_id, after=span[0], through=span[1])
        expected = span[0] + 1
        while page := list(islice(rows, PAGE)):
            indexes = self._indexes(page)
            candidates = [row for row in page if part.admits(row, _context(row.context))]
            openings = dict(zip((row.version for row in candidates), self._openings(candidates), strict=True))
            for row in page:
                if row.version != expected:
                    raise _broken(row)
                expected += 1
                index = indexes.get(row.position)
                if index is None or index >= self._size:
                    found.unsealed += 1
                    continue
                found.last = row.version
                opened = openings.get(row.version)
                yield row, index, opened, row.version in openings and (opened is None or _means(part, row, opened))
        if part.versions is not None:
            found.last, found.unsealed = self._sealed_until(part.stream_id)

    def _indexes(self, page: list[StoredEvent]) -> dict[int, int]:
        arguments = (pgbinary.int8s([row.position for row in page]), page[0].lane)
        with self._log.database.connection() as connection:
            return dict(connection.execute(_SQL["indexes"], arguments).fetchall())

    def _sealed_until(self, stream_id: bytes) -> tuple[int, int]:
        """(last sealed version, versions after it) of a stream that is not read to its end."""
        head = self._log.reader.heads([stream_id])[stream_id].version
        for after in range(max(0, head - PAGE), -1, -PAGE):
            page = list(self._log.reader.stream(stream_id, after=after, through=after + PAGE))
            indexes = self._indexes(page)
            sealed = [row.version for row in page if indexes.get(row.position, self._size) < self._size]
            if sealed:
                return sealed[-1], head - sealed[-1]
        return 0, head

    def _openings(self, rows: list[StoredEvent]) -> list[tuple[bytes, bytes] | None]:
        """What opens the commitments; what cannot be opened was disposed of: its key is destroyed, not lost."""
        openings = self._log.openings(rows)
        shut = [row for row, opened in zip(rows, openings, strict=True) if opened is None]
        ids = list({row.data_key for row in shut})
        destroyed = {key.id for key in self._log.key_store.by_id(ids) if not key.wrapped} if ids else set()
        for row in shut:
            if row.data_key not in destroyed:
                raise CiphertextDamagedError(
                    "an event cannot be opened though its key was not destroyed", field=_named(row),
                    rule="disposal destroys the key", remedy="kyc verify",
                )  # fmt: skip
        return openings

    # --- writing --------------------------------------------------------------------------------

    def _line(
        self, row: StoredEvent, index: int, opened: tuple[bytes, bytes] | None, hidden: frozenset[str], *,
        meant: bool,
    ) -> bytes:  # fmt: skip
        """The line of one event, in the order of docs/bundle.md; the payload goes in as the very bytes it is."""
        # The context was read strictly, so its bytes are the only ones it has: they go in as they are.
        raw = header.pack_fixed(header.FORMAT, row.stream_id, row.version, row.recorded_at, row.key) + row.context
        if chain.link(row.previous, raw, row.commitment) != row.hash:
            raise _broken(row)
        proof = self._prover.proof(index, leaf.leaf_hash(leaf.entry(row.stream_id, row.version, row.hash)))
        hashes = ",".join([f'"{b64encode(value).decode()}"' for value in proof])
        line = f'{{"stream":"{UUID(bytes=row.stream_id)}","version":{row.version},"index":{index}'
        tail = f',"hash":"{row.hash.hex()}","proof":[{hashes}]'
        if not meant:
            return f'{line},"withheld":"outside"{tail}}}\n'.encode()
        if opened is None or hidden:
            line += ',"withheld":"fields"' if hidden else ',"withheld":"disposed"'
        line += f',"header":"{b64encode(raw).decode()}"'
        event = b"" if opened is None else opened[1]
        if opened is not None and hidden:
            shown, event = _shown(opened, hidden)
            line += f',"fields":{shown}'
        elif opened is not None:
            form = "payload" if commit(*opened) == row.commitment else "fields"
            line += f',"form":"{form}","opening":"{b64encode(opened[0]).decode()}"'
            line += f',"payload":"{b64encode(opened[1]).decode()}"'
        line += f',"previous":"{row.previous.hex()}","commitment":"{row.commitment.hex()}"{tail}'
        line += f',"read":{{"recorded_at":{row.recorded_at},{_readable(row.context)}'
        return line.encode() + (b',"event":' + event + b"}\n" if opened is not None else b"}\n")


def _flush(waiting: IO[bytes], entry: Entry) -> None:
    """Lines that turned out to stand between two that are meant."""
    if waiting.tell():
        waiting.seek(0)
        for line in waiting:
            entry.write(line)
        waiting.seek(0)
        waiting.truncate()


def _hidden(part: Part, opened: tuple[bytes, bytes] | None) -> frozenset[str]:
    """The fields of an event that are not given."""
    return part.withhold & fields.names(opened[1]) if part.withhold and opened is not None else frozenset()


def _shown(opened: tuple[bytes, bytes], hidden: frozenset[str]) -> tuple[str, bytes]:
    """(what opens the fields that are given, the event without the others), both JSON."""
    entries, readable = [], []
    for one in fields.fields(*opened):
        if one.name in hidden:
            entries.append(f'{{"commitment":"{one.commitment.hex()}"}}')
            continue
        name, value = json.dumps(one.name), b64encode(one.value).decode()
        entries.append(f'{{"name":{name},"salt":"{b64encode(one.salt).decode()}","value":"{value}"}}')
        readable.append(name.encode() + b":" + one.value)
    return f"[{','.join(entries)}]", b"{" + b",".join(readable) + b"}"


def _without(event: Event, hidden: frozenset[str]) -> Event:
    """The event as tables and reports may know it: hidden fields are empty."""
    blanks: dict[type, Any] = {str: "", tuple: ()}
    there = [name for name in hidden if hasattr(event, name)]
    return msgspec.structs.replace(event, **{name: blanks.get(type(getattr(event, name))) for name in there})


def _means(part: Part, row: StoredEvent, opened: tuple[bytes, bytes]) -> bool:
    if _hidden(part, opened) and commit(*opened) == row.commitment:
        return False  # committed to as a whole: with a field to be hidden it cannot be shown at all
    if part.withhold and b'"attribute"' in opened[1] and json.loads(opened[1]).get("attribute") in part.withhold:
        return False  # it changes or corrects a field to be hidden, and names old or new value
    if part.since is None and part.through is None:
        return True
    context = _context(row.context)
    event: Event = codec.decode(context.topic, context.schema, opened[1])
    return part.means(event)


@lru_cache(maxsize=10_000)
def _context(raw: bytes) -> header.Context:
    return header.decode_context(raw)


@lru_cache(maxsize=10_000)
def _readable(raw: bytes) -> str:
    """The context as JSON, without its opening brace."""
    return json.dumps(_context(raw)._asdict(), ensure_ascii=False, separators=(",", ":"))[1:]


def _named(row: StoredEvent) -> str:
    return f"event {UUID(bytes=row.stream_id)} version {row.version}"


def _broken(row: StoredEvent) -> ChainBrokenError:
    return ChainBrokenError(
        "an event does not continue its stream", field=_named(row), rule="version, previous hash, hash",
        remedy="kyc verify",
    )  # fmt: skip
