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

    def add(self, entry: T) -> None:
        """Append an entry, durable when this returns; one that is there already is not repeated."""
        if any(one.name == entry.name for one in self.entries()):
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            os.ftruncate(descriptor, self._whole())
            os.lseek(descriptor, 0, os.SEEK_END)
            os.write(descriptor, msgspec.json.encode(entry) + b"\n")
            os.fsync(descriptor)
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
        lines = self.path.read_bytes()[: self._whole()].splitlines()
        try:
            return [msgspec.json.decode(line, type=self._kind) for line in lines]
        except msgspec.DecodeError:
            raise FormatError("not such a register", field=self.path.name, rule="one entry a line") from None

    def digest(self) -> str:
        """The SHA-256 of all entries, in hexadecimal."""
        return sha256(self.path.read_bytes()[: self._whole()]).hexdigest()

    def _whole(self) -> int:
        """Bytes up to the end of the last whole line."""
        return self.path.read_bytes().rfind(b"\n") + 1


def destroyed_keys(home: Path) -> Lines[Destroyed]:
    """The register of destroyed keys below a home folder."""
    return Lines(home / "disposals.ndjson", Destroyed)


def own_exports(home: Path) -> Lines[Export]:
    """The register of our own exports below a home folder."""
    return Lines(home / "exports.ndjson", Export)
