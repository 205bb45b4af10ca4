"""What the log's own files say of a bundle: that no stream goes on behind what is given.

A part of the shipped verifier: nothing of KYC Ledger but other parts may be imported here. The files are those that
the bank publishes, or that a witness has copied (C2SP tlog-tiles): one entry an event, of stream, version and hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from replay.verifier_base import need, sha256

BUNDLE = 256
"""Entries in a full bundle."""
ENTRY = 56
"""Bytes of an entry: stream, version, hash."""


def last_versions(folder: Path, size: int, root: bytes, streams: set[bytes]) -> dict[bytes, int]:
    """The last version of each stream among the log's first entries, once all of these give the signed root."""
    found = dict.fromkeys(streams, 0)
    stack: list[bytes] = []
    for index, entry in enumerate(_entries(folder, size)):
        if entry[:16] in found:
            found[entry[:16]] = max(found[entry[:16]], int.from_bytes(entry[16:24], "big"))
        value, left = sha256(b"\x00", entry), index
        while left % 2:
            value, left = sha256(b"\x01", stack.pop(), value), left // 2
        stack.append(value)
    whole = stack.pop() if stack else b""
    while stack:
        whole = sha256(b"\x01", stack.pop(), whole)
    need(whole == root, str(folder), "not the log whose checkpoint the bundle holds")
    return found


def _entries(folder: Path, size: int) -> Iterator[bytes]:
    for start in range(0, size, BUNDLE):
        width = min(BUNDLE, size - start)
        path = _bundle(folder, start // BUNDLE, width)
        raw, at = path.read_bytes(), 0
        for _ in range(width):
            need(int.from_bytes(raw[at : at + 2], "big") == ENTRY, str(path), "not an entry of this log")
            yield raw[at + 2 : at + 2 + ENTRY]
            at += 2 + ENTRY


def _bundle(folder: Path, number: int, width: int) -> Path:
    """The full bundle, or the smallest there is that holds as many entries."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    full = folder.joinpath("tile", "entries", *groups)
    parts = full.with_name(f"{full.name}.p")
    widths = sorted(int(path.name) for path in parts.iterdir() if path.name.isdigit()) if parts.is_dir() else []
    fits = [parts / str(found) for found in widths if found >= width]
    need(full.is_file() or fits, str(full), "no such entries")
    return full if full.is_file() else fits[0]
