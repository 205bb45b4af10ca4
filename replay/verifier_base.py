"""Texts, signatures, hashes and files: what the checks of a bundle are made of.

A part of the shipped verifier: nothing of KYC Ledger but other parts may be imported here. Formats are those of
docs/format.md and docs/bundle.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "kyc-ledger/bundle/v1"
UNLISTED = {"manifest.json", "manifest.sig", "manifest.p7s", "manifest.tst"}
"""The manifest cannot list itself, nor what signs it."""
NEEDED = {
    "README.txt", "SHA256SUMS", "verify.py", "export-key.pem", "ca.pem", "log.vkey", "checkpoint", "trailer.json",
}  # fmt: skip
SMALL_MAX = 256 * 1024 * 1024  # bytes of a file that is read as a whole
LINE_MAX = 16 * 1024 * 1024  # bytes; a payload of 1 MiB fits several times over
CHUNK = 1024 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Json = dict[str, Any]
READ = ("recorded_at", "topic", "schema", "actor", "branch", "purpose", "legal_basis")
HASH_ONLY = {"stream", "version", "index", "hash", "proof"}
NO_CONTENT = HASH_ONLY | {"previous", "header", "commitment", "read"}
FIELDS = {
    None: NO_CONTENT | {"form", "opening", "payload", "event"},
    "fields": NO_CONTENT | {"withheld", "fields", "event"},
    "disposed": NO_CONTENT | {"withheld"},
    "outside": HASH_ONLY | {"withheld"},
}
"""Why content is withheld → the fields an event record has then."""
STREAM = {
    "file", "kind", "key", "stream", "from", "through", "head", "last", "disposed", "outside", "fields",
    "unsealed",
}  # fmt: skip


class Refused(Exception):  # noqa: N818 - what is refused is the bundle
    """The bundle is not what it says, with the place and the reason."""


def need(holds: object, place: str, reason: str) -> None:
    """Go on only where something holds: nothing of a bundle counts once one thing in it is wrong."""
    if not holds:
        raise Refused(f"{place}: {reason}")


# --- texts and numbers, one spelling each ---------------------------------------------------------------


def parse_json(raw: bytes, place: str) -> Any:
    """A JSON object without repeated names, NaN or floats, all of which readers understand differently."""

    def pairs(items: list[tuple[str, Any]]) -> Json:
        need(len({name for name, _ in items}) == len(items), place, "a name is there twice")
        return dict(items)

    def whole_only(text: str) -> NoReturn:
        raise Refused(f"{place}: {text} is not a whole number")

    try:
        found = json.loads(raw.decode(), object_pairs_hook=pairs, parse_float=whole_only, parse_constant=whole_only)
    except (ValueError, RecursionError):
        found = None
    need(isinstance(found, dict), place, "not a JSON object")
    return found


def canonical(value: Any) -> str:
    """A text by which two JSON values can be compared; 1 and true stay apart."""
    return json.dumps(value, sort_keys=True)


def unbase64(text: str, place: str, length: int | None = None) -> bytes:
    """Standard base64, written the one way, of a known length if given."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise Refused(f"{place}: not base64") from None
    need(base64.b64encode(raw).decode() == text, place, "not base64 written the one way")
    need(length in {None, len(raw)}, place, f"not {length} bytes")
    return raw


def unhex(text: str, place: str) -> bytes:
    """32 bytes in lower-case hexadecimal."""
    need(re.fullmatch("[0-9a-f]{64}", text), place, "not 64 hexadecimal digits")
    return bytes.fromhex(text)


def number(value: Any, place: str) -> int:
    """A whole number from 0 to 2^63 - 1."""
    need(type(value) is int and 0 <= value < 2**63, place, "not a whole number")
    return int(value)


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()


# --- signatures -----------------------------------------------------------------------------------------

P = 2**255 - 19
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER = {0, 1, P - 1, ORDER_8, P - ORDER_8}  # y of the keys under which one signature fits many messages


def check_signature(public: bytes, signature: bytes, message: bytes, place: str) -> None:
    """Ed25519 (RFC 8032), under a key that an honest signer can have."""
    y = int.from_bytes(public, "little") & (2**255 - 1)
    need(len(public) == 32 and y < P and y not in SMALL_ORDER, place, "not an Ed25519 key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise Refused(f"{place}: the signature is wrong") from None


def log_key(vkey: str) -> tuple[str, bytes, bytes]:
    """Name, key id and public key out of `name+hex(key id)+base64(type, public key)` (C2SP signed-note)."""
    name, key_id, encoded = [*vkey.split("+", 2), "", ""][:3]
    raw = unbase64(encoded, "log key", 33)
    need(raw[0] == 1, "log key", "not an Ed25519 key")
    found = sha256(name.encode(), b"\n", raw)[:4]
    need(found.hex() == key_id, "log key", "its id does not belong to it")
    return name, found, raw[1:]


def note_parts(note: bytes, place: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a signed note, and (name, key id and signature) of each line below it, unchecked."""
    text, _, lines = note.decode("utf-8", "replace").rpartition("\n\n")
    need(text and lines.endswith("\n"), place, "not a signed note")
    found = []
    for line in lines[:-1].split("\n"):
        need(re.fullmatch("— [^ ]+ [^ ]+", line), place, "not a signature line")
        _, name, encoded = line.split(" ")
        found.append((name, unbase64(encoded, place)))
    return text + "\n", found


def open_checkpoint(
    note: bytes, keys: list[tuple[str, bytes, bytes]]
) -> tuple[str, int, bytes, tuple[str, bytes, bytes]]:
    """Name, size and root of the log, and the key that signed the checkpoint (C2SP tlog-checkpoint)."""
    text, lines = note_parts(note, "checkpoint")
    origin, size, root = [*text.split("\n"), "", ""][:3]
    need(text.count("\n") == 3, "checkpoint", "not a signed checkpoint")
    need(re.fullmatch("0|[1-9][0-9]{0,18}", size), "checkpoint", "no size")
    for name, blob in lines:
        for key in keys:
            if (name, blob[:4]) == key[:2]:
                check_signature(key[2], blob[4:], text.encode(), "checkpoint")
                need(origin == name, "checkpoint", "of another log")
                return name, int(size), unbase64(root, "checkpoint", 32), key
    raise Refused("checkpoint: not signed by the expected key")


# --- hashes (docs/format.md) ----------------------------------------------------------------------------


def root_of(index: int, size: int, leaf: bytes, proof: list[bytes], place: str) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    need(0 <= index < size, place, "the index lies outside the log")
    at, last, value = index, size - 1, leaf
    for sibling in proof:
        need(last > 0, place, "the proof is too long")
        if at % 2 or at == last:
            value = sha256(b"\x01", sibling, value)
            while at and at % 2 == 0:
                at, last = at >> 1, last >> 1
        else:
            value = sha256(b"\x01", value, sibling)
        at, last = at >> 1, last >> 1
    need(last == 0, place, "the proof is too short")
    return value


def parse_header(raw: bytes, place: str) -> Json:
    """What can be read in a header of format 1, behind stream id and version."""
    need(len(raw) > 51 and raw[0] == 1, place, "not a header of format 1")
    texts, at = [], 51
    for _ in range(5):
        need(at < len(raw) and at + 1 + raw[at] <= len(raw), place, "the header is cut off")
        texts.append(raw[at + 1 : at + 1 + raw[at]].decode())
        at += 1 + raw[at]
    need(at == len(raw), place, "the header is too long")
    recorded_at, schema = int.from_bytes(raw[25:33], "big", signed=True), int.from_bytes(raw[49:51], "big")
    return dict(zip(READ, (recorded_at, texts[0], schema, *texts[1:]), strict=True))


def split(payload: bytes, place: str) -> list[tuple[bytes, bytes]]:
    """(name, value) of each field of a JSON object, the very bytes, in their order."""
    text, at, found = payload.decode("utf-8", "replace"), 1, []
    decoder = json.JSONDecoder()
    try:
        while text[at : at + 1] not in {"}", ""}:
            name, end = decoder.raw_decode(text, at + (text[at] == ","))
            _, at = decoder.raw_decode(text, end + 1)
            found.append((name.encode(), text[end + 1 : at].encode()))
        again = b",".join(json.dumps(name.decode()).encode() + b":" + value for name, value in found)
    except (ValueError, IndexError, AttributeError, RecursionError):
        again = b""
    need(b"{" + again + b"}" == payload, place, "not a canonical payload")
    return found


def field_commitment(salt: bytes, name: bytes, value: bytes) -> bytes:
    """What one field is committed to by."""
    return sha256(b"kyc-ledger/field/v1\0", salt, bytes((len(name),)), name, value)


def commitment_by_field(opening: bytes, payload: bytes, place: str) -> bytes:
    """The commitment of a payload, field by field."""
    found = split(payload, place)
    salts = hashlib.shake_256(b"kyc-ledger/salts/v1\0" + opening).digest(32 * len(found))
    parts = [field_commitment(salts[32 * at : 32 * at + 32], *field) for at, field in enumerate(found)]
    return sha256(b"kyc-ledger/fields/v1\0", *parts)


class Box:
    """The files of a bundle by name: a folder or a zip."""

    def __init__(self, path: str) -> None:
        self._folder = Path(path)
        self._zip = None if self._folder.is_dir() else zipfile.ZipFile(path)
        self.names = self._files() if self._zip is None else [self._member(m) for m in self._zip.infolist()]
        for name in self.names:
            need(NAME.fullmatch(name), repr(name), "no such name belongs into a bundle")
        need(len(set(self.names)) == len(self.names), path, "a name is there twice")

    def _files(self) -> list[str]:
        names = []
        for parent, folders, files in os.walk(self._folder):
            for found in (Path(parent, name) for name in (*folders, *files)):
                mode, name = found.lstat().st_mode, found.relative_to(self._folder).as_posix()
                need(stat.S_ISREG(mode) or stat.S_ISDIR(mode), name, "a link or device")
                names += [name] if stat.S_ISREG(mode) else []
        return names

    @staticmethod
    def _member(member: zipfile.ZipInfo) -> str:
        name = member.orig_filename
        need(not member.flag_bits & 1 and member.compress_type in {0, 8}, name, "encrypted or of unknown packing")
        need(not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16), name, "a folder or link")
        return name

    def open(self, name: str) -> IO[bytes]:
        """A file for reading."""
        need(name in self.names, name, "missing")
        return (self._folder / name).open("rb") if self._zip is None else self._zip.open(name)

    def read(self, name: str, limit: int) -> bytes:
        """A whole small file."""
        with self.open(name) as file:
            raw = file.read(limit + 1)
        need(len(raw) <= limit, name, "too large")
        return raw


class Listed:
    """The listed files; each is hashed while it is read, and must be to its end exactly as listed."""

    def __init__(self, box: Box, entries: list[Json]) -> None:
        self._box = box
        self.checked: set[str] = set()
        self._entries = {e["path"]: (number(e["size"], e["path"]), e["sha256"]) for e in entries}
        need(len(self._entries) == len(entries), "manifest.json", "a file is listed twice")
        there = set(box.names) - UNLISTED
        for name in sorted(there - set(self._entries)):
            raise Refused(f"{name}: not listed in the manifest")
        for name in sorted((NEEDED | set(self._entries)) - there):
            raise Refused(f"{name}: missing")

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content, a chunk at a time; refuses at its end what differs from the manifest."""
        need(name in self._entries, name, "not listed in the manifest")
        size, digest = self._entries[name]
        seen, hashed = 0, hashlib.sha256()
        with self._box.open(name) as file:
            while chunk := file.read(CHUNK):
                seen += len(chunk)
                need(seen <= size, name, "larger than listed")
                hashed.update(chunk)
                yield chunk
        need(seen == size and hashed.hexdigest() == digest, name, "not the listed content")
        self.checked.add(name)

    def lines(self, name: str) -> Iterator[tuple[str, bytes]]:
        """(place, line) of a file whose every line ends in a newline."""
        rest, count = b"", 0
        for chunk in self.chunks(name):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                count += 1
                yield f"{name} line {count}", line
            need(len(rest) <= LINE_MAX, name, "a line is too long")
        need(not rest, name, "the last line is cut off")

    def content(self, name: str) -> bytes:
        """A whole file of no great size."""
        need(self._entries[name][0] <= SMALL_MAX, name, "too large")
        return b"".join(self.chunks(name))
