"""A certificate of disposal that an outsider verifies: the signed statement, and the proofs that the log agrees.

The statement is made anew from the log and the key table, and must be the one whose digest was recorded; so issuing
is looking again. With it go the events of the disposal, of which only the subject is withheld, and the headers of
the events that were disposed of, each with its inclusion proof under the newest checkpoint. docs/disposal.md has
the format; ``replay/verifier_certificate.py`` checks it without us.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kyc.domain.submission import StreamName
from kyc.errors import LogMismatchError, NotSealedError
from kyc.evidence.checkpoint import open_checkpoint
from kyc.evidence.note import Verifier
from kyc.retention.certificate import FORMAT
from kyc.store.log import EventLog
from kyc.store.sealed import SealedLog
from replay.container import Entry
from replay.extract import Extractor
from replay.scopes import Part

_WITHHELD: Final = frozenset({"subject"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposed:
    """What the certificate is of."""

    retention: StreamName
    versions: tuple[int, ...]
    """Of the proposal, the approval, the destruction and the completion."""
    events: tuple[tuple[StreamName, tuple[int, ...]], ...]
    """The streams and versions that were disposed of."""
    statement: bytes


@dataclass(slots=True)
class _Lines:
    """Takes the lines of an extract, instead of a file."""

    lines: list[bytes] = field(default_factory=list)

    def write(self, line: bytes) -> int:
        """One line, or what is left of one that waited."""
        self.lines += line.splitlines()
        return len(line)


def issue(log: EventLog, sealed: SealedLog, of: Disposed, key: Ed25519PrivateKey, log_key: str) -> bytes:
    """The certificate, as one JSON document.

    Raises:
        NotSealedError: the disposal is not sealed yet, or was recorded before its events could be shown in part.
        LogMismatchError: the statement is not the one that was recorded.
    """
    newest = sealed.published()
    if newest is None or not newest.size:
        raise NotSealedError("nothing is sealed yet")
    tree = open_checkpoint(newest.note, sealed.keys(Verifier.parse(log_key))).checkpoint
    extractor = Extractor(log, sealed, tree.size, tree.root)
    retention = _lines(log, extractor, of.retention, of.versions)
    shown = [json.loads(line) for line in retention]
    if sum(line.get("withheld") == "fields" for line in shown) != len(of.versions):
        raise NotSealedError("the disposal is not sealed yet")
    recorded = next(line["event"]["certificate"] for line in shown if "certificate" in line.get("event", {}))
    if recorded != sha256(of.statement).hexdigest():
        raise LogMismatchError(
            "the statement is not the one that was recorded",
            field="certificate",
            rule="SHA-256",
            remedy="kyc verify",
        )
    events = [line for name, versions in of.events for line in _lines(log, extractor, name, versions)]
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    said: dict[str, Any] = {
        "format": FORMAT, "statement": b64encode(of.statement).decode(),
        "signature": b64encode(key.sign(of.statement)).decode(), "export_key": pem, "log_key": log_key,
        "checkpoint": newest.note,
    }  # fmt: skip
    head = json.dumps(said, ensure_ascii=False, indent=1).encode().removesuffix(b"\n}")
    return head + b',\n "retention": ' + _listed(retention) + b',\n "events": ' + _listed(events) + b"\n}\n"


def _lines(log: EventLog, extractor: Extractor, name: StreamName, versions: Iterable[int]) -> list[bytes]:
    part = Part(name=name, stream_id=log.stream_id(name), versions=frozenset(versions), withhold=_WITHHELD)
    entry = _Lines()
    extractor.write(part, "certificate", cast("Entry", entry), lambda _, __: None)
    return entry.lines


def _listed(lines: list[bytes]) -> bytes:
    return b"[\n  " + b",\n  ".join(lines) + b"\n ]" if lines else b"[]"
