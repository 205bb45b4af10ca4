"""The other side of the call: asks witnesses to cosign a checkpoint, and reads what they or a log publish.

Nothing that comes back is believed before its signature was checked, and every answer is read up to a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kyc import files
from kyc.errors import ConfigurationError, FormatError, LogMismatchError, SignatureError, UnreachableError
from kyc.evidence import checkpoint, key_history, note
from kyc.evidence.checkpoint import SignedCheckpoint
from kyc.evidence.key_history import Kept
from kyc.evidence.note import Signature, Verifier
from kyc.evidence.tiles import Fetch
from kyc.witness import protocol
from kyc.witness.protocol import Answer, Request

SECONDS: Final = 10
"""How long another machine may take to answer."""
FILE_MAX: Final = 16_842_752
"""Bytes of the largest file of a log: a bundle of 256 entries of 65,535 bytes, with their lengths."""
Prover = Callable[[int, int], Sequence[bytes]]
"""(old size, new size) → the consistency proof between them."""


def cosignature(url: str, witness: Verifier, signed: str, prove: Prover) -> Signature:
    """The witness's cosignature of the checkpoint ``signed``.

    What the witness holds is asked for first, by its answer to a wrong old size: nothing has to be kept here.

    Raises:
        UnreachableError: the witness does not answer, or not as agreed.
        LogMismatchError: the witness has seen another log, or more of this one, than there is.
        SignatureError: it refuses the log's key, or its own signature is wrong.
    """
    tree = checkpoint.parse(note.parse(signed).text)
    old = 0
    for _ in range(3):  # somebody else may submit between two calls
        proof = tuple(prove(old, tree.size)) if 0 < old <= tree.size else ()
        answer = _post(url, protocol.format(Request(old, proof, signed)))
        if answer.status != 409:
            return _good(answer, witness, signed)
        old = protocol.parse_size(answer.body)
        if old > tree.size:
            raise LogMismatchError(
                "the log was rolled back: a witness has cosigned more of it", field=witness.name,
                rule=f"{old} leaves cosigned, {tree.size} here",
            )  # fmt: skip
    raise UnreachableError("the witness changes its mind about what it has seen", field=witness.name)


def _good(answer: Answer, witness: Verifier, signed: str) -> Signature:
    if answer.status == 422:
        raise LogMismatchError(
            "the witness has cosigned another history of this log", field=witness.name, rule=answer.body.strip(),
            remedy="kyc verify --policy names the place; do not publish",
        )  # fmt: skip
    if answer.status in {403, 404}:
        raise SignatureError(
            "the witness does not accept this log", field=witness.name, rule=answer.body.strip(),
            remedy="give the witness the log's verifier key (kyc keys show, kyc witness trust)",
        )  # fmt: skip
    if answer.status != 200:
        raise UnreachableError("the witness did not cosign", field=witness.name, rule=f"HTTP {answer.status}")
    text = note.parse(signed).text
    for signature in protocol.parse_cosignatures(answer.body):
        if witness.verify(text, signature):
            return signature
    raise SignatureError("the witness did not sign its answer", field=witness.name, rule="C2SP tlog-cosignature")


def seen(url: str, witness: Verifier, log_keys: Sequence[Verifier]) -> SignedCheckpoint | None:
    """The newest checkpoint of the log that the witness has cosigned, or None where it has none.

    Raises:
        UnreachableError: the witness does not answer, or not as agreed.
        FormatError, SignatureError: what it serves is not signed by both log and witness.
    """
    status, raw = _call(url, "GET", f"/{protocol.origin_hash(log_keys[0].name)}/checkpoint", None)
    if status == 404:
        return None
    if status != 200:
        raise UnreachableError(
            "the witness does not say what it has seen", field=witness.name, rule=f"HTTP {status}"
        )
    opened = checkpoint.open_checkpoint(raw, log_keys, [witness])
    if not opened.cosignatures:
        raise SignatureError("the witness has not signed what it serves", field=witness.name)
    return opened


def source(location: str) -> Fetch:
    """Reads the files of a published log, from a folder or an http(s) URL."""
    if "://" not in location:
        return files.Folder(Path(location))

    def get(path: str) -> bytes | None:
        status, raw = _call(location, "GET", f"/{path}", None)
        if status == 404:
            return None
        if status != 200:
            raise UnreachableError("a file of the log cannot be had", field=path, rule=f"HTTP {status}")
        return raw

    return get


def published(fetch: Fetch) -> str:
    """The checkpoint of a published log, unchecked.

    Raises:
        UnreachableError: there is none.
        FormatError: it is not text.
    """
    raw = fetch("checkpoint")
    if raw is None:
        raise UnreachableError("the log has no checkpoint", field="checkpoint")
    try:
        return raw.decode()
    except UnicodeDecodeError as cause:
        raise FormatError("the checkpoint is not UTF-8", field="checkpoint") from cause


def followed(fetch: Fetch, told: Sequence[Verifier]) -> list[Verifier]:
    """The keys that the told ones lead to by the statements which the log publishes (``keys.ndjson``).

    Timestamps are not looked at, so a key that was declared compromised leads nowhere.

    Raises:
        FormatError, SignatureError: a statement is not what it must be, or a key was handed over twice.
    """
    raw = fetch(key_history.FILE)
    said = [Kept(key_history.open_statement(entry.note)) for entry in key_history.parse_file(raw or b"")]
    return [period.key for period in key_history.line(told, said)]


def _post(url: str, body: bytes) -> Answer:
    status, raw = _call(url, "POST", protocol.PATH, body)
    return Answer(status, raw[: protocol.BODY_MAX].decode("utf-8", "replace"))


def _call(url: str, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError("not the address of a log or witness", field="URL", rule="http:// or https://")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=SECONDS)
    try:
        connection.request(method, parts.path.rstrip("/") + path, body)
        answer = connection.getresponse()
        raw = answer.read(FILE_MAX + 1)
    except (OSError, HTTPException) as cause:
        raise UnreachableError(field=parts.hostname, rule=type(cause).__name__) from cause
    finally:
        connection.close()
    if len(raw) > FILE_MAX:
        raise UnreachableError("an answer without end", field=parts.hostname, rule=f"at most {FILE_MAX} bytes")
    return answer.status, raw
