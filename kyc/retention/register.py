"""The register of destroyed keys that lies outside the database, because a restored backup knows nothing of them.

One JSON object a line, appended durably; nothing personal in it: ids of keys and streams, and moments. Keep it
where backups of the database are not kept. What is in it is destroyed again by ``kyc disposal reapply``.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

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


class Register:
    """The file. One process at a time appends; a line that a crash cut off was not acknowledged and is dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, entry: Destroyed) -> None:
        """Append an entry, durable when this returns; one that is there already is not repeated."""
        known = self.entries()
        if any(one.data_key == entry.data_key for one in known):
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

    def entries(self) -> list[Destroyed]:
        """All destroyed keys.

        Raises:
            FormatError: a line is not an entry.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_bytes()[: self._whole()].splitlines()
        try:
            return [msgspec.json.decode(line, type=Destroyed) for line in lines]
        except msgspec.DecodeError:
            raise FormatError(
                "not a register of disposals", field=self.path.name, rule="one entry a line"
            ) from None

    def digest(self) -> str:
        """The SHA-256 of all entries, in hexadecimal."""
        return sha256(self.path.read_bytes()[: self._whole()]).hexdigest()

    def _whole(self) -> int:
        """Bytes up to the end of the last whole line."""
        return self.path.read_bytes().rfind(b"\n") + 1
