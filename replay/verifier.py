"""Verify a bundle exported by KYC Ledger, with nothing of KYC Ledger: Python 3.10 and the package `cryptography`.

    python verify.py BUNDLE --log-key VKEY --export-key SHA256

BUNDLE is the zip file or the unpacked folder. VKEY is the public key of the bank's log, SHA256 the fingerprint of
the key it signs exports with; ask the bank for both on another way than this bundle. Without them the keys inside
the bundle are used, and that proves only that the bundle agrees with itself.

What is checked, in this order (docs/bundle.md and docs/format.md of KYC Ledger describe every byte):

 1. The container: no name twice, none that leaves the folder, no link, nothing encrypted.
 2. manifest.json is signed (manifest.sig, Ed25519) by the export key.
 3. Exactly the listed files are there, each with the listed size and SHA-256.
 4. checkpoint is signed by the log's key; it names size and root of the log.
 5. Every event: payload and opening give the commitment, header and commitment give the hash, the hash follows that
    of the event before, from version 1 on without a gap, and its leaf lies under the signed root.
 6. The readable copy of each event says what was committed to, and each stream is the one it is said to be.
 7. Every document: content and opening give the commitment to which an event refers; none is left out.
 8. Each stream ends where the trailer says, all counts are right, and every account that the customer's own stream
    names is part of the bundle.

Exit code: 0 all of it is proved; 1 refused; 2 wrong usage; 3 consistent, but no keys from outside were given.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

FORMAT = "kyc-ledger/bundle/v1"
UNLISTED = {"manifest.json", "manifest.sig"}  # the manifest cannot list itself, nor what signs it
NEEDED = {"README.txt", "SHA256SUMS", "verify.py", "export-key.pem", "log.vkey", "checkpoint", "trailer.json"}
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
    None: NO_CONTENT | {"opening", "payload", "event"},
    "disposed": NO_CONTENT | {"withheld"},
    "outside": HASH_ONLY | {"withheld"},
}
"""Why content is withheld → the fields an event record has then."""
STREAM = {"file", "kind", "key", "stream", "through", "head", "disposed", "outside", "unsealed"}


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


def open_checkpoint(note: bytes, keys: list[tuple[str, bytes, bytes]]) -> tuple[str, int, bytes]:
    """Name, size and root of the log that signed a checkpoint (C2SP tlog-checkpoint)."""
    text, _, lines = note.decode("utf-8", "replace").rpartition("\n\n")
    origin, size, root = [*text.split("\n"), "", ""][:3]
    need(text.count("\n") == 2 and lines.endswith("\n"), "checkpoint", "not a signed checkpoint")
    need(re.fullmatch("0|[1-9][0-9]{0,18}", size), "checkpoint", "no size")
    for line in lines[:-1].split("\n"):
        need(re.fullmatch("— [^ ]+ [^ ]+", line), "checkpoint", "not a signature line")
        _, name, encoded = line.split(" ")
        blob = unbase64(encoded, "checkpoint")
        for log, key_id, public in keys:
            if (name, blob[:4]) == (log, key_id):
                check_signature(public, blob[4:], (text + "\n").encode(), "checkpoint")
                need(origin == log, "checkpoint", "of another log")
                return log, int(size), unbase64(root, "checkpoint", 32)
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


class Verification:
    """One bundle, verified; `proved` and `not_proved` say what that means."""

    def __init__(self, path: str, log_keys: list[str], export_keys: list[str]) -> None:
        self.proved: list[str] = []
        self.not_proved: list[str] = []
        self.anchored = bool(log_keys and export_keys)
        self.counts = dict.fromkeys(("events", "disposed", "outside", "documents"), 0)
        self._images: dict[str, tuple[int, str]] = {}  # commitment → size and media type, as events state them
        self._linked: set[str] = set()
        self._schemas: dict[str, list[int]] = {}
        self._box = Box(path)  # step 1
        self._manifest = self._signed_manifest(export_keys)  # step 2
        self._listed = Listed(self._box, self._manifest["files"])  # step 3
        self._size, self._root = self._signed_root(log_keys)  # step 4
        streams = self._trailer()
        for stream in streams:  # steps 5 and 6
            self._check_stream(stream)
        self._check_documents()  # step 7
        self._check_scope(streams)  # step 8
        for name in set(self._box.names) - UNLISTED - self._listed.checked:
            self._listed.content(name)  # README and the like: nothing but their hash is checked
        self._conclude(streams)

    def _signed_manifest(self, fingerprints: list[str]) -> Json:
        raw, signature = self._box.read("manifest.json", SMALL_MAX), self._box.read("manifest.sig", 64)
        key = load_pem_public_key(self._box.read("export-key.pem", 4096))
        found = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
        need(found in fingerprints or not fingerprints, "export-key.pem", "not the expected key")
        check_signature(key.public_bytes(Encoding.Raw, PublicFormat.Raw), signature, raw, "manifest.sig")
        manifest: Json = parse_json(raw, "manifest.json")
        need(manifest["format"] == FORMAT, "manifest.json", f"not of the format {FORMAT}")
        need(manifest["export_key"] == found, "manifest.json", "names another export key")
        whose = "the expected key" if fingerprints else "the key inside the bundle"
        self.proved.append(f"the manifest of {manifest['created_at']} is signed by {whose}, SHA-256 {found}")
        if not fingerprints:
            self.not_proved.append("who made the bundle: compare the export key's fingerprint with the bank's word")
        return manifest

    def _signed_root(self, vkeys: list[str]) -> tuple[int, bytes]:
        inside = self._listed.content("log.vkey").decode().removesuffix("\n")
        trusted = [log_key(vkey) for vkey in vkeys or [inside]]
        origin, size, root = open_checkpoint(self._listed.content("checkpoint"), trusted)
        stated = {"origin": origin, "size": size, "root": root.hex()}
        need(self._manifest["checkpoint"] == stated, "manifest.json", "names another checkpoint")
        whose = "the expected key" if vkeys else "the key inside the bundle"
        self.proved.append(f"the log {origin} of {size} events is signed by {whose}")
        if not vkeys:
            self.not_proved.append("that this is the bank's log: compare its verifier key with the bank's own word")
        return size, root

    def _trailer(self) -> list[Json]:
        trailer = parse_json(self._listed.content("trailer.json"), "trailer.json")
        streams: list[Json] = trailer["streams"]
        need(all(set(stream) == STREAM for stream in streams), "trailer.json", "not a stream")
        files = sorted(name for name in self._box.names if name.startswith("events/"))
        need(sorted(stream["file"] for stream in streams) == files, "trailer.json", "not the files of the events")
        need(len({stream["stream"] for stream in streams}) == len(streams), "trailer.json", "a stream comes twice")
        scope = self._manifest["scope"]
        expected = [("customer", scope["customer"])]
        expected += [(kind, account) for account in scope["accounts"] for kind in ("account", "postings")]
        need([(s["kind"], s["key"]) for s in streams] == expected, "trailer.json", "not the streams of the scope")
        return streams

    def _check_stream(self, stream: Json) -> None:
        before, recorded_at, version = bytes(32), -(2**63), 0
        withheld = {"disposed": 0, "outside": 0}
        need(UUID.fullmatch(stream["stream"]), stream["file"], "not a stream id")
        for place, raw in self._listed.lines(stream["file"]):
            version += 1
            record = parse_json(raw, place)
            why = record.get("withheld")
            need(why in FIELDS and set(record) == FIELDS[why], place, "not an event record")
            named = (record["stream"], number(record["version"], place)) == (stream["stream"], version)
            need(named, place, f"not version {version} of stream {stream['stream']}")
            identity = bytes.fromhex(stream["stream"].replace("-", "")) + version.to_bytes(8, "big")
            after = unhex(record["hash"], place)
            if why != "outside":
                header = self._check_link(record, identity, before, after, place)
                need(header["recorded_at"] >= recorded_at, place, "recorded before the event it follows")
                recorded_at = header["recorded_at"]
                if why is None:
                    self._check_content(record, header, stream, place)
            proof = [unbase64(value, place, 32) for value in record["proof"]]
            leaf = sha256(b"\x00", identity, after)
            root = root_of(number(record["index"], place), self._size, leaf, proof, place)
            need(root == self._root, place, "not in the signed log")
            before = after
            if why is not None:
                withheld[why] += 1
        end = {"through": version, "head": before.hex(), **withheld}
        need({name: stream[name] for name in end} == end, stream["file"], "does not end as the trailer says")
        for name, value in (("events", version), *withheld.items()):
            self.counts[name] += value

    def _check_link(self, record: Json, identity: bytes, before: bytes, after: bytes, place: str) -> Json:
        raw, commitment = unbase64(record["header"], place), unhex(record["commitment"], place)
        need(unhex(record["previous"], place) == before, place, "does not follow the event before it")
        link = sha256(b"kyc-ledger/event/v1\0", before, raw, commitment)
        need(link == after, place, "the hash is not that of header and commitment")
        header = parse_header(raw, place)
        need(raw[1:25] == identity, place, "the header is of another event")
        need(canonical(record["read"]) == canonical(header), place, "the readable header differs from the header")
        return header

    def _check_content(self, record: Json, header: Json, stream: Json, place: str) -> None:
        opening, payload = unbase64(record["opening"], place, 32), unbase64(record["payload"], place)
        committed = sha256(b"kyc-ledger/commitment/v1\0", opening, payload).hex()
        need(committed == record["commitment"], place, "the payload is not what was committed to")
        event, topic = parse_json(payload, place), header["topic"]
        need(canonical(event) == canonical(record["event"]), place, "the readable event differs from the payload")
        # A stream's id is a keyed digest: which customer or account it is, only its payloads say.
        said = {
            "customer.registered": event.get("customer"),
            "account.opened": event.get("account"),
            "transaction.booked": event.get("leg", {}).get("account"),
        }.get(topic, event.get("account") if stream["kind"] == "postings" else stream["key"])
        need(said == stream["key"], place, f"not of {stream['kind']} {stream['key']}")
        schemas = self._schemas.setdefault(topic, [])
        schemas += [] if header["schema"] in schemas else [header["schema"]]
        for image in event.get("images", ()):
            stated = number(image["size"], place), str(image["media_type"])
            self._images[unhex(image["commitment"], place).hex()] = stated
        if topic == "customer.account_linked":
            self._linked.add(event["account"])

    def _check_documents(self) -> None:
        missing = dict(self._images)
        for place, raw in self._listed.lines("documents.ndjson"):
            entry = parse_json(raw, place)
            need(set(entry) == {"commitment", "media_type", "size", "file", "opening"}, place, "not a document")
            stated = missing.pop(entry["commitment"], None)
            need(stated == (entry["size"], entry["media_type"]), place, "no event refers to this document")
            hashed, size = hashlib.sha256(b"kyc-ledger/scan/v1\0" + unbase64(entry["opening"], place, 32)), 0
            for chunk in self._listed.chunks(entry["file"]):
                hashed.update(chunk)
                size += len(chunk)
            need(hashed.hexdigest() == entry["commitment"], place, "the document is not what was committed to")
            need(size == entry["size"], place, "not the document's size")
            self.counts["documents"] += 1
        need(not missing, "documents.ndjson", f"{len(missing)} documents are left out")
        unused = {name for name in self._box.names if name.startswith("documents/")} - self._listed.checked
        need(not unused, "documents", f"{len(unused)} files to which no event refers")

    def _check_scope(self, streams: list[Json]) -> None:
        accounts, customer = set(self._manifest["scope"]["accounts"]), streams[0]
        need(self._linked <= accounts, "manifest.json", "an account of the customer is left out")
        need(accounts <= self._linked or customer["disposed"], "manifest.json", "an account of somebody else")
        stated = self.counts | {"unsealed": sum(number(stream["unsealed"], "trailer.json") for stream in streams)}
        need(canonical(self._manifest["counts"]) == canonical(stated), "manifest.json", "counts differ")
        found = {topic: sorted(schemas) for topic, schemas in self._schemas.items()}
        need(canonical(self._manifest["schemas"]) == canonical(found), "manifest.json", "schemas differ")
        open_events = self.counts["events"] - self.counts["disposed"] - self.counts["outside"]
        need(open_events > 0, "events", "there is nothing in it to verify")
        self.proved += [
            f"{self.counts['events']} events lie in that log, each stream from its first version without a gap",
            f"{open_events} events and {self.counts['documents']} documents say what was committed to",
            f"they are of customer {customer['key']} and every account its own events name ({len(accounts)})",
        ]

    def _conclude(self, streams: list[Json]) -> None:
        for count, text in (
            (self.counts["disposed"], "events were disposed of: they existed, but their content is gone"),
            (self.counts["outside"], "events lie outside the scope and are given as a hash only"),
            (self._manifest["counts"]["unsealed"], "events, recorded after the checkpoint, are not in this bundle"),
        ):
            self.not_proved += [f"{count} {text}"] if count else []
        self.not_proved.append(
            f"that the {len(streams)} streams had no event after the last one here: that is the signer's word"
        )


def verify(path: str, log_keys: list[str], export_keys: list[str]) -> Verification:
    """Verify a bundle; whatever is wrong with it, the answer is Refused."""
    try:
        return Verification(path, log_keys, [key.lower().replace(":", "") for key in export_keys])
    except Refused:
        raise
    except Exception as cause:  # a verifier that stumbles has not verified
        raise Refused(f"{path}: malformed ({type(cause).__name__}: {cause})") from cause


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Verify a bundle exported by KYC Ledger.")
    parser.add_argument("bundle", help="zip file or folder")
    parser.add_argument("--log-key", action="append", default=[], metavar="VKEY", help="verifier key of the log")
    parser.add_argument("--export-key", action="append", default=[], metavar="SHA256", help="key's fingerprint")
    options = parser.parse_args()
    try:
        found = verify(options.bundle, options.log_key, options.export_key)
    except Refused as refusal:
        print(f"REFUSED  {refusal}")
        return 1
    print("VERIFIED" if found.anchored else "CONSISTENT WITH ITSELF, but not shown to be the bank's")
    print("\n".join([f"  proved      {text}" for text in found.proved]))
    print("\n".join([f"  not proved  {text}" for text in found.not_proved]))
    return 0 if found.anchored else 3


if __name__ == "__main__":
    sys.exit(main())
