"""What has to be remembered outside the database: keys that were destroyed, and our own exports.

One JSON object a line, appended durably; nothing personal in it: ids of keys and streams, hashes, paths, moments. A
restored backup of the database knows nothing of what was destroyed since; what the register lists is destroyed
again by ``kyc disposal reapply``. Keep it where backups of the database are not kept.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Generic, Protocol, TypeVar

import msgspec

from kyc.errors import FormatError
from kyc.files import sync

Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
_MODE: Final = 0o600
_LINE_MAX: Final = 16_777_216
"""Bytes of an entry: an export of a hundred thousand subjects has five million."""


class Destroyed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One destroyed key."""

    data_key: Id
    at: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    retention: Id
    """Stream in which the disposal is recorded."""
    streams: tuple[Id, ...]
    """Streams that had events under the key."""

    @property
    def name(self) -> str:
        """What is listed once."""
        return self.data_key


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One export that was written here: a medium with records of several subjects."""

    manifest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of its manifest."""
    path: str
    subjects: tuple[Id, ...]
    """Streams of the customers and accounts in it."""

    @property
    def name(self) -> str:
        """What is listed once."""
        return f"{self.manifest} {self.path}"


class _Entry(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Entry)


class Lines(Generic[T]):
    """A file of entries. One process at a time appends; a line that a crash cut off was not acknowledged."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        self.path = path
        self._kind = kind
        self._known: tuple[int, set[str]] = (0, set())
        """Bytes of the file when it was read last, and the names in it: appending does not read it again."""

    def add(self, entry: T) -> None:
        """Append an entry, durable when this returns; one that is there already is not repeated."""
        if entry.name in self._names():
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            os.ftruncate(descriptor, self._whole(descriptor))
            os.lseek(descriptor, 0, os.SEEK_END)
            os.write(descriptor, msgspec.json.encode(entry) + b"\n")
            os.fsync(descriptor)
            self._known[1].add(entry.name)
            self._known = (os.fstat(descriptor).st_size, self._known[1])
        finally:
            os.close(descriptor)
        sync(self.path.parent)

    def entries(self) -> list[T]:
        """All that is listed.

        Raises:
            FormatError: a line is not an entry.
        """
        if not self.path.exists():
            return []
        lines = self._raw().splitlines()
        try:
            return [msgspec.json.decode(line, type=self._kind) for line in lines]
        except msgspec.DecodeError:
            raise FormatError("not such a register", field=self.path.name, rule="one entry a line") from None

    def _names(self) -> set[str]:
        size = self.path.stat().st_size if self.path.exists() else 0
        if size != self._known[0]:
            self._known = (size, {one.name for one in self.entries()})
        return self._known[1]

    def digest(self) -> str:
        """The SHA-256 of all entries, in hexadecimal."""
        return sha256(self._raw()).hexdigest()

    def _raw(self) -> bytes:
        """The whole lines."""
        raw = self.path.read_bytes()
        return raw[: raw.rfind(b"\n") + 1]

    def _whole(self, descriptor: int) -> int:
        """Bytes up to the end of the last whole line; only the end of the file is read."""
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, min(size, _LINE_MAX), max(0, size - _LINE_MAX))
        return size - len(tail) + tail.rfind(b"\n") + 1


def destroyed_keys(home: Path) -> Lines[Destroyed]:
    """The register of destroyed keys below a home folder."""
    return Lines(home / "disposals.ndjson", Destroyed)


def own_exports(home: Path) -> Lines[Export]:
    """The register of our own exports below a home folder."""
    return Lines(home / "exports.ndjson", Export)
