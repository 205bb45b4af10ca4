"""What a witness remembers: its keys, the logs it trusts, for each log what it cosigned last and what went wrong.

The folder, readable by the witness's account only::

    name                             the key name of this witness
    keys/                            its signing keys (kyc.keys.file_provider)
    logs                             a vkey a line; a log with rotated keys has several
    <origin hash>/checkpoint         the latest cosigned checkpoint: the record itself, under our own signature
    <origin hash>/history            every cosigned checkpoint, a line of JSON each
    <origin hash>/misbehaviour/      what a log signed and should not have, beside what was cosigned before
    <origin hash>/mirror/            the copy of the log, if one is kept

The record is read back through its signatures, so a damaged one is refused rather than believed. One call at a time
holds a log's lock, across processes: comparing and persisting are one step (C2SP tlog-witness).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kyc import files
from kyc.errors import ConfigurationError, ConflictError, FormatError, NotFoundError
from kyc.evidence import checkpoint, merkle, note
from kyc.evidence.checkpoint import SignedCheckpoint
from kyc.evidence.note import Cosigner, Verifier
from kyc.evidence.tiles import TileReader
from kyc.keys.file_provider import FileKeyProvider
from kyc.witness.protocol import origin_hash

CHECKPOINT: Final = "checkpoint"
MIRROR: Final = "mirror"
_NAME: Final = "name"
_LOGS: Final = "logs"
_HISTORY: Final = "history"
_MISBEHAVIOUR: Final = "misbehaviour"


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What a log signed and should not have: its kind, and the file with the evidence."""

    kind: str
    file: Path


class State:
    """The folder of one witness."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.name = (folder / _NAME).read_text(encoding="utf-8").removesuffix("\n")
        except FileNotFoundError:
            raise ConfigurationError(
                "not the folder of a witness", field=str(folder), remedy="kyc witness init"
            ) from None
        provider = FileKeyProvider.open(folder / "keys")
        self._key = provider.signing_key("witness")
        self._mirror_key = provider.signing_key("mirror")

    @classmethod
    def create(cls, folder: Path, name: str) -> State:
        """A new witness with new keys.

        Raises:
            ConflictError: there is one in the folder.
            FormatError: the name cannot be that of a key.
        """
        note.check_name(name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / _NAME).exists():
            raise ConflictError("the folder holds a witness", field=str(folder), remedy="another folder")
        files.write(folder / _NAME, f"{name}\n".encode())
        return cls(folder)

    @property
    def verifier(self) -> Verifier:
        """The witness's public key."""
        return self.cosigner(0).verifier

    def cosigner(self, time: int) -> Cosigner:
        """Signs as the witness at ``time`` (seconds)."""
        return Cosigner(self.name, self._key, time)

    def mirror_cosigner(self, time: int) -> Cosigner:
        """Signs as the mirror, a cosigner of its own name and key (C2SP tlog-mirror)."""
        return Cosigner(f"{self.name}/mirror", self._mirror_key, time)

    def trust(self, vkey: str) -> Verifier:
        """Watch a log from now on, or accept a further key of it.

        Raises:
            FormatError: not the vkey of a log.
        """
        verifier = Verifier.parse(vkey)
        if verifier.type != note.ED25519:
            raise FormatError("not the key of a log", field="vkey", rule="type 0x01 (C2SP tlog-checkpoint)")
        known = [one for keys in self.logs().values() for one in keys]
        if verifier not in known:
            files.write(self.folder / _LOGS, "".join(f"{one}\n" for one in [*known, verifier]).encode())
        return verifier

    def logs(self) -> dict[str, list[Verifier]]:
        """Origin → the keys trusted for it."""
        try:
            lines = (self.folder / _LOGS).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return {}
        found: dict[str, list[Verifier]] = {}
        for verifier in map(Verifier.parse, lines):
            found.setdefault(verifier.name, []).append(verifier)
        return found

    def log(self, origin: str) -> LogState:
        """What is remembered of a log.

        Raises:
            NotFoundError: this witness does not watch it.
        """
        keys = self.logs().get(origin)
        if keys is None:
            raise NotFoundError("this witness does not watch that log", field="origin", remedy="kyc witness trust")
        return LogState(self.folder / origin_hash(origin), keys, self.verifier)


class LogState:
    """What a witness remembers of one log."""

    def __init__(self, folder: Path, keys: list[Verifier], witness: Verifier) -> None:
        self.folder = folder
        self.keys = keys
        self._witness = witness

    @contextmanager
    def hold(self, what: str = CHECKPOINT) -> Iterator[None]:
        """Nobody else, thread or process, works at ``what`` of this log meanwhile."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with (self.folder / f"{what}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def latest(self) -> SignedCheckpoint | None:
        """The checkpoint cosigned last.

        Raises:
            SignatureError, FormatError: the record was damaged; cosigning anything more could help a fork.
        """
        text = self.latest_text()
        if text is None:
            return None
        opened = checkpoint.open_checkpoint(text, self.keys, [self._witness])
        if not opened.cosignatures:
            raise FormatError("the record lacks our own signature", field=str(self.folder / CHECKPOINT))
        return opened

    def latest_text(self) -> str | None:
        """The same as it is served."""
        try:
            return (self.folder / CHECKPOINT).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def record(self, signed: str, size: int) -> None:
        """Make ``signed``, with our cosignature, the latest; durable when this returns."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        line = json.dumps({"size": size, "checkpoint": signed}) + "\n"
        with (self.folder / _HISTORY).open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read() == b"\n" else f"\n{line}"  # after a line torn by a crash
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        files.write(self.folder / CHECKPOINT, signed.encode(), folder_mode=0o700)

    def cosigned(self, size: int) -> str | None:
        """The checkpoint of that size among all that were cosigned, the first where there are several."""
        try:
            with (self.folder / _HISTORY).open(encoding="utf-8") as file:
                for line in file:
                    known = _parse(line)
                    if known.get("size") == size:
                        return str(known["checkpoint"])
        except FileNotFoundError:
            pass
        return None

    def root(self, size: int) -> bytes | None:
        """The root of an earlier size, from what was cosigned or from the copy of the log, or None."""
        before = self.cosigned(size)
        if before is not None:
            return checkpoint.parse(note.parse(before).text).root
        try:
            return merkle.root(size, TileReader(files.Folder(self.folder / MIRROR)))
        except NotFoundError:
            return None

    def acquit(self, kind: str, about: checkpoint.Checkpoint) -> None:
        """Strike out what has since been shown to be in order."""
        self._evidence(kind, about).unlink(missing_ok=True)

    def accuse(self, kind: str, about: checkpoint.Checkpoint, *notes: str) -> Misbehaviour:
        """Keep what the log signed beside what was cosigned, once for each kind, size and root."""
        file = self._evidence(kind, about)
        if not file.exists():
            files.write(file, "\n".join(notes).encode(), folder_mode=0o700)
        return Misbehaviour(kind, file)

    def misbehaviours(self) -> list[Misbehaviour]:
        """Everything the log was caught at."""
        found = sorted((self.folder / _MISBEHAVIOUR).glob("*.txt"))
        return [Misbehaviour(file.name.partition("-")[0], file) for file in found]

    def _evidence(self, kind: str, about: checkpoint.Checkpoint) -> Path:
        return self.folder / _MISBEHAVIOUR / f"{kind}-{about.size}-{about.root.hex()[:16]}.txt"


def _parse(line: str) -> dict[str, Any]:
    """A line of the history; what a crash tore was never answered, and counts for nothing."""
    try:
        known = json.loads(line)
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}
