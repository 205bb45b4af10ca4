"""Where a bundle goes: a folder, a zip, or a zip that only its recipient can open; there as a whole or not at all.

Files are written one by one and hashed on the way. Two runs over the same content give the same bytes, unless they
are encrypted: order is the caller's, names are plain, and a zip carries no time but the first one it can express.
Content is streamed; only the list of files is in memory.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import IO, Final, NamedTuple, Protocol, cast

from cryptography.x509 import Certificate

from kyc.errors import ConflictError, InputError
from replay.envelope import Envelope

_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say
_MODE: Final = 0o644
_ENCRYPTED: Final = ".p7m"


class Written(NamedTuple):
    """One file of a bundle."""

    path: str
    sha256: str
    size: int
    """Bytes."""


class _Target(Protocol):
    def open(self, name: str, *, packed: bool) -> IO[bytes]: ...
    def close(self) -> None: ...


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(mode=0o700)

    def open(self, name: str, *, packed: bool) -> IO[bytes]:  # noqa: ARG002 - the port's
        place = self._path / name
        place.parent.mkdir(mode=0o700, exist_ok=True)
        return place.open("xb")

    def close(self) -> None:
        """Everything is closed already."""


class _Zip:
    def __init__(self, path: Path, certificate: Certificate | None) -> None:
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
        self._envelope = Envelope(self._file, certificate) if certificate is not None else None
        self._zip = zipfile.ZipFile(cast("IO[bytes]", self._envelope or self._file), "w", allowZip64=True)

    def open(self, name: str, *, packed: bool) -> IO[bytes]:
        member = zipfile.ZipInfo(name, _ZIP_TIME)
        member.create_system = 3  # Unix, wherever it is made
        member.external_attr = _MODE << 16
        member.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        return self._zip.open(member, "w", force_zip64=True)

    def close(self) -> None:
        self._zip.close()
        if self._envelope is not None:
            self._envelope.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


class Entry:
    """An open file of a bundle."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hashed = sha256()
        self.size = 0

    closed = False
    """Never: whoever writes a whole file may not end it for the container."""

    def write(self, data: bytes) -> int:
        """Append bytes."""
        self._file.write(data)
        self.hashed.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Written when the entry ends."""


class Container:
    """A bundle being written. ``written`` lists its files in the order they were written."""

    def __init__(self, target: _Target) -> None:
        self._target = target
        self.written: list[Written] = []

    @contextmanager
    def entry(self, name: str, *, packed: bool = True) -> Iterator[Entry]:
        """One file at a time, as a stream; ``packed`` false for what does not compress."""
        with self._target.open(name, packed=packed) as file:
            entry = Entry(file)
            yield entry
        self.written.append(Written(name, entry.hashed.hexdigest(), entry.size))

    def add(self, name: str, content: bytes, *, packed: bool = True) -> None:
        """One whole file."""
        with self.entry(name, packed=packed) as entry:
            entry.write(content)


@contextmanager
def container(out: Path, certificate: Certificate | None = None) -> Iterator[Container]:
    """A new bundle at ``out``: a zip where the name ends so, else a folder. After an error nothing is left.

    With a certificate it is a zip that only the certificate's owner can open, and the name ends in ``.p7m``.

    Raises:
        ConflictError: there is something at ``out`` already.
        InputError: there is no folder to put it into, or the name does not say that it is encrypted.
    """
    if (certificate is not None) != (out.suffix == _ENCRYPTED):
        raise InputError(
            "an encrypted bundle is called so, and no other", field="out", rule=f"{_ENCRYPTED} with a recipient",
            remedy=f"name a certificate and a file that ends in {_ENCRYPTED}, or neither",
        )  # fmt: skip
    if not out.parent.is_dir():
        raise InputError("there is no such folder", field="out", rule="an existing folder", remedy="make it first")
    if os.path.lexists(out):
        raise ConflictError("there is something at this place already", field="out", remedy="name another file")
    draft = out.with_name(f".{out.name}.{token_hex(8)}")
    try:
        zipped = out.suffix in {".zip", _ENCRYPTED}
        target: _Target = _Zip(draft, certificate) if zipped else _Folder(draft)
        with closing(target):
            yield Container(target)
        draft.rename(out)
    except BaseException:
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)
        raise
