"""Whole files or none, and folders read by relative path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kyc import files


def test_written_whole(tmp_path: Path) -> None:
    """A file takes the place of the one before; nothing else is left in its folder, which is made where needed."""
    path = tmp_path / "tile" / "0" / "000"
    files.write(path, b"first", folder_mode=0o700)
    files.write(path, b"second")
    assert path.read_bytes() == b"second"
    assert [entry.name for entry in path.parent.iterdir()] == ["000"]
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_interrupted_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the new content is on disk, the old one stands under the name."""
    path = tmp_path / "checkpoint"
    files.write(path, b"old")

    def lost(_: int) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(os, "fsync", lost)
    with pytest.raises(OSError, match="power cut"):
        files.write(path, b"new")
    assert path.read_bytes() == b"old"


def test_folder(tmp_path: Path) -> None:
    """Files are read by relative path; a folder is no file, and what is not there is None."""
    files.write(tmp_path / "a" / "b", b"content")
    read = files.Folder(tmp_path)
    assert (read("a/b"), read("a"), read("c")) == (b"content", None, None)
