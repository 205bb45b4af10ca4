"""Files written whole and durably: after a crash there is the old content or the new.

Locks, and files that must not replace another, are their owners' business.
"""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex


def write(path: Path, content: bytes, *, folder_mode: int = 0o777) -> None:
    """Write a file in place of what was there, making its folder where there is none; durable when this returns."""
    path.parent.mkdir(mode=folder_mode, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{token_hex(4)}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the entries of a folder durable: a file is not safe before its name is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Folder:
    """Reads the files below a folder by their relative path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, path: str) -> bytes | None:
        """The content of a file, None where there is none."""
        file = self._path / path
        return file.read_bytes() if file.is_file() else None
