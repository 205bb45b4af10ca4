"""Our own exports as a place of disposal: a bundle that still lies here goes with the records it holds.

A bundle is a medium with records of several subjects (O2-07 art. 29): it goes only if the records of everybody else
in it lie in the log too, which they do, and nobody's in it are held, for what is held stays on every medium. Then
the disposal is not certified before a person has seen to it. What recipients have is theirs to delete, and a bundle
that only its recipient can open is no copy of ours. What lies at a path is ours if it has the listed manifest.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from kyc.domain.submission import StreamName
from kyc.retention.clocks import Deadline
from kyc.retention.media import may_destroy
from kyc.retention.register import Export, Lines
from kyc.store.log import EventLog
from projections import retention_deadlines
from projections.retention_deadlines import Asked
from replay.bundle import Exported

_ENCRYPTED: Final = ".p7m"
_LOG: Final = "the log"


class _Doomed(Protocol):
    @property
    def data_key(self) -> bytes: ...
    @property
    def streams(self) -> tuple[bytes, ...]: ...


def note(log: EventLog, register: Lines[Export], exported: Exported) -> None:
    """List an export, unless only its recipient can open it."""
    if exported.path.suffix == _ENCRYPTED:
        return
    names = [("customer", key) for key in exported.customers] + [("account", key) for key in exported.accounts]
    register.add(
        Export(
            manifest=exported.manifest, path=str(exported.path.absolute()),
            subjects=tuple(str(UUID(bytes=log.stream_id(StreamName(*name)))) for name in names),
        )
    )  # fmt: skip


class Exports:
    """The exports that were written here and are still here."""

    def __init__(self, log: EventLog, register: Lines[Export], asked: Asked) -> None:
        self._log = log
        self._register = register
        self._asked = asked

    def clear(self, doomed: Sequence[_Doomed]) -> None:
        """Remove the bundles that hold records of what goes, where nothing in them is held."""
        gone = {UUID(bytes=stream) for one in doomed for stream in one.streams}
        for export in self._there(gone):
            if self._may_go(export, gone):
                path = Path(export.path)
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def left(self, doomed: Sequence[_Doomed]) -> dict[bytes, dict[str, int]]:
        """Bundles with records of each that are still here."""
        return {
            one.data_key: {"exports": len(self._there({UUID(bytes=stream) for stream in one.streams}))}
            for one in doomed
        }

    def _there(self, streams: set[UUID]) -> list[Export]:
        return [
            export for export in self._register.entries()
            if streams & set(map(UUID, export.subjects)) and _manifest(Path(export.path)) == export.manifest
        ]  # fmt: skip

    def _may_go(self, export: Export, gone: set[UUID]) -> bool:
        subjects = set(map(UUID, export.subjects))
        over = Deadline(on=self._asked.on, keep_through=self._asked.on - timedelta(days=1), must_delete_by=None)
        members = {str(one): over for one in subjects & gone}
        others = [one.bytes for one in subjects - gone]
        for due in retention_deadlines.deadlines(self._log, self._asked, *others) if others else ():
            name = str(UUID(bytes=due.subject))
            if name not in members or due.deadline.held:
                members[name] = due.deadline
        for one in subjects - gone:
            members.setdefault(str(one), over)  # nothing of theirs is recorded any more
        media = {export.path: export.subjects, _LOG: [str(one) for one in subjects - gone]}
        return may_destroy(export.path, media, members)


def _manifest(path: Path) -> str:
    """The SHA-256 of the manifest of a bundle that lies there; empty where none does."""
    try:
        if path.is_dir():
            return sha256((path / "manifest.json").read_bytes()).hexdigest()
        with zipfile.ZipFile(path) as box:
            return sha256(box.read("manifest.json")).hexdigest()
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""
