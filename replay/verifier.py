"""Verify a bundle exported by KYC Ledger, with nothing of KYC Ledger: Python 3.10 and the package `cryptography`.

    python verify.py BUNDLE --log-key VKEY --export-key SHA256

BUNDLE is the zip file or the unpacked folder. VKEY is the public key of the bank's log, SHA256 the fingerprint of
the key it signs exports with; ask the bank for both on another way than this bundle. Instead of the second, or with
it, --ca SHA256 names the CA of the bank's export certificate. Without them the keys inside the bundle are used, and
that proves only that the bundle agrees with itself.

Where the bank has replaced its keys since, --keys FILE (keys.ndjson) brings its signed statements about them: the
key you were told leads to the one that signed, older or newer. Where it has declared a key compromised, what it
signed counts only if a timestamp shows it to be older; --tsa SHA256 names the CA of an authority you trust.

Where you have the log's own files (what the bank publishes, or a witness has copied), --log FOLDER shows that no
stream goes on behind what is given. Without them that is the signer's word.

What is checked, in this order (docs/bundle.md and docs/format.md of KYC Ledger describe every byte):

 1. The container: no name twice, none that leaves the folder, no link, nothing encrypted.
 2. manifest.json is signed by the export key (manifest.sig, Ed25519) and under the CA (manifest.p7s, CMS); and
    stamped by a timestamp authority where there is a manifest.tst (RFC 3161).
 3. Exactly the listed files are there, each with the listed size and SHA-256.
 4. checkpoint is signed by the log's key; it names size and root of the log.
 5. Every event: payload and opening give the commitment, header and commitment give the hash, the hash follows that
    of the event before, without a gap from the first version given, and its leaf lies under the signed root.
 6. The readable copy of each event says what was committed to, and each stream is the one it is said to be.
 7. Every document: content and opening give the commitment to which an event refers; none is left out.
 8. Each stream begins and ends where the trailer says, all counts are right, nothing that the scope demands is left
    out (such as an account that the customer's own stream names), and nothing beyond the scope is in clear.

Exit code: 0 all of it is proved; 1 refused; 2 wrong usage; 3 consistent, but no keys from outside were given.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

from replay.verifier_base import (
    FIELDS,
    FORMAT,
    SMALL_MAX,
    STREAM,
    UNLISTED,
    UUID,
    Box,
    Json,
    Listed,
    Refused,
    canonical,
    check_signature,
    commitment_by_field,
    log_key,
    need,
    number,
    open_checkpoint,
    parse_json,
    sha256,
    unbase64,
    unhex,
)
from replay.verifier_events import (
    Verdict,
    check_leaf,
    check_link,
    command_line,
    entry_of,
    fingerprints,
    open_fields,
    read_key,
    say,
)
from replay.verifier_keys import KeyHistory, check_period, fingerprint, key_names, microseconds
from replay.verifier_log import last_versions
from replay.verifier_scope import ScopeRules
from replay.verifier_seals import check_seal, check_timestamp, moment, trusted_ca

MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
HISTORY = "keys.ndjson"
ALWAYS: Json = {"after": -1, "through": 2**63, "until": 2**63, "compromised": None}


class Told(NamedTuple):
    """What the recipient was told on another way: keys, fingerprints of certificates; and statements about keys."""

    log_keys: list[str]
    export_keys: list[str]
    cas: list[str]
    authorities: list[str]
    histories: list[str]
    published: str


class Verification(Verdict):
    """One bundle, verified; `proved` and `not_proved` say what that means."""

    def __init__(self, path: str, told: Told) -> None:
        log_keys, export_keys, cas = told.log_keys, told.export_keys, told.cas
        super().__init__(anchored=bool(log_keys and (export_keys or cas)))
        self._told = told
        self._stamped: int | None = None
        self.counts = dict.fromkeys(("events", "disposed", "outside", "fields", "documents"), 0)
        self._images: dict[str, tuple[int, str]] = {}  # commitment → size and media type, as events state them
        self._schemas: dict[str, list[int]] = {}
        self._box = Box(path)  # step 1
        self._keys = self._key_history()
        self._manifest = self._signed_manifest(export_keys, cas)  # step 2
        self._listed = Listed(self._box, self._manifest["files"])  # step 3
        self._log = self._signed_root(log_keys)  # step 4
        streams = self._trailer()
        self._partial = 0  # streams of which something before or behind is not given
        self._scope = ScopeRules(self._manifest["scope"], streams)
        for stream in streams:  # steps 5 and 6
            self._check_stream(stream)
        self._check_documents()  # step 7
        self._check_scope(streams)  # step 8
        for name in set(self._box.names) - UNLISTED - self._listed.checked:
            self._listed.content(name)  # README and the like: nothing but their hash is checked
        self._conclude(streams)
        self._check_ends([stream for stream in streams if stream["from"]])

    def _key_history(self) -> KeyHistory:
        """What the bundle and the caller bring of statements about keys; each is signed, wherever it comes from."""
        raw = self._box.read(HISTORY, SMALL_MAX) if HISTORY in self._box.names else b""
        lines = [(f"{HISTORY} line {at}", line) for at, line in enumerate(raw.split(b"\n"), 1)]
        for name in self._told.histories:
            given = Path(name).read_bytes().split(b"\n")
            lines += [(f"{name} line {at}", line) for at, line in enumerate(given, 1)]
        return KeyHistory(lines, self._told.authorities)

    def _signed_manifest(self, expected: list[str], cas: list[str]) -> Json:
        raw, signature = self._box.read("manifest.json", SMALL_MAX), self._box.read("manifest.sig", 64)
        key, found = read_key(self._box.read("export-key.pem", 4096))
        line = self._exporters(expected)
        need(found in line or not expected, "export-key.pem", "not the expected key")
        check_signature(key, signature, raw, "manifest.sig")
        manifest: Json = parse_json(raw, "manifest.json")
        need(manifest["format"] == FORMAT, "manifest.json", f"not of the format {FORMAT}")
        need(manifest["export_key"] == found, "manifest.json", "names another export key")
        whose = "the expected key" if expected else "the key inside the bundle"
        self.proved.append(f"the manifest of {manifest['created_at']} is signed by {whose}, SHA-256 {found}")
        if not expected and not cas:
            self.not_proved.append("who made the bundle: compare the export key's fingerprint with the bank's word")
        self._check_seals(raw, manifest, cas)
        if found in line:
            created = microseconds(moment(manifest["created_at"], MOMENT))
            self._within(line[found], None, created, "manifest.sig")
        return manifest

    def _exporters(self, expected: list[str]) -> dict[str, tuple[str, Json]]:
        """Fingerprint of an export key → the key and its period, as far as the ones that were told lead."""
        known = {key for said in self._keys.statements if said["role"] == "export" for key in key_names(said)}
        told = [key for key in known if fingerprint(key) in expected or not expected]
        bare: dict[str, tuple[str, Json]] = {name: (name, ALWAYS) for name in expected}
        return bare | {fingerprint(key): (key, at) for key, at in self._keys.reach(told, "export").items()}

    def _within(self, signed: tuple[str, Json], size: int | None, created: int, place: str) -> None:
        said = check_period(*signed, size, created, self._stamped, place)
        self.proved += [said] if said else []

    def _check_seals(self, raw: bytes, manifest: Json, cas: list[str]) -> None:
        """The CMS signature, and the timestamp where there is one."""
        ca, found = trusted_ca(self._box.read("ca.pem", SMALL_MAX), cas, "ca.pem")
        subject = check_seal(self._box.read("manifest.p7s", SMALL_MAX), raw, ca, manifest["created_at"])
        need(manifest["seal"] == {"subject": subject, "ca": found}, "manifest.json", "names another seal")
        whose = "the expected CA" if cas else "the CA inside the bundle"
        self.proved.append(f"the manifest is signed by {subject} too, as vouched for by {whose}, SHA-256 {found}")
        stamped = "manifest.tst" in self._box.names
        declared = ["manifest.sig", "manifest.p7s"] + ["manifest.tst"] * stamped
        need(manifest["declared_files"] == declared, "manifest.json", "names other signatures")
        if stamped:
            expected = self._told.authorities
            authority, told = trusted_ca(self._box.read("tsa.pem", SMALL_MAX), expected, "tsa.pem")
            at = check_timestamp(self._box.read("manifest.tst", SMALL_MAX), raw, authority, "manifest.tst")
            self.proved.append(
                f"the manifest existed on {at.isoformat()}, says the authority of the CA with SHA-256 {told}"
            )
            if expected:
                self._stamped = microseconds(at)
            else:
                self.not_proved.append("that the timestamp's CA is one you trust: compare tsa.pem")

    def _signed_root(self, vkeys: list[str]) -> tuple[int, bytes]:
        inside = self._listed.content("log.vkey").decode().removesuffix("\n")
        periods = self._keys.reach(vkeys or [inside], "log")
        keys = {log_key(vkey): vkey for vkey in periods}
        origin, size, root, key = open_checkpoint(self._listed.content("checkpoint"), list(keys))
        self._within((keys[key], periods[keys[key]]), size, 0, "checkpoint")
        stated = {"origin": origin, "size": size, "root": root.hex()}
        need(self._manifest["checkpoint"] == stated, "manifest.json", "names another checkpoint")
        whose = "the expected key" if vkeys else "the key inside the bundle"
        if keys[key] not in (vkeys or [inside]):
            whose += f", to which {keys[key]} is tied by signed statements"
        self.proved.append(f"the log {origin} of {size} events is signed by {whose}")
        if not vkeys:
            self.not_proved.append("that this is the bank's log: compare its verifier key with the bank's own word")
        return size, root

    def _trailer(self) -> list[Json]:
        trailer = parse_json(self._listed.content("trailer.json"), "trailer.json")
        streams: list[Json] = trailer["streams"]
        need(all(set(stream) == STREAM for stream in streams), "trailer.json", "not a stream")
        files = sorted(name for name in self._box.names if name.startswith("events/"))
        need([stream["file"] for stream in streams] == files, "trailer.json", "not the files of the events")
        return streams

    def _check_stream(self, stream: Json) -> None:
        before, recorded_at, count = bytes(32), -(2**63), 0
        last_why: str | None = None
        withheld = {"disposed": 0, "outside": 0, "fields": 0}
        need(UUID.fullmatch(stream["stream"]), stream["file"], "not a stream id")
        first, whole = number(stream["from"], stream["file"]), self._scope.whole(stream)
        for place, raw in self._listed.lines(stream["file"]):
            record, version = parse_json(raw, place), first + count
            why = last_why = record.get("withheld")
            need(why in FIELDS and set(record) == FIELDS[why], place, "not an event record")
            named = (record["stream"], number(record["version"], place)) == (stream["stream"], version)
            need(named, place, f"not version {version} of stream {stream['stream']}")
            need(whole or count or why != "outside", place, "an event outside that stands before all others")
            entry = entry_of(record, place)
            if why != "outside":
                before = before if count or first == 1 else unhex(record["previous"], place)
                need(unhex(record["previous"], place) == before, place, "does not follow the event before it")
                header = check_link(record, entry, place)
                need(header["recorded_at"] >= recorded_at, place, "recorded before the event it follows")
                recorded_at = header["recorded_at"]
                if why in {None, "fields"}:
                    self._check_content(record, header, stream, place)
            check_leaf(record, entry, self._log, place)
            before, count = entry[24:], count + 1
            if why is not None:
                withheld[why] += 1
        end = {"from": first, "through": first + count - 1 if count else 0, "head": before.hex(), **withheld}
        need({name: stream[name] for name in end} == end, stream["file"], "does not end as the trailer says")
        need(bool(first) == bool(count), stream["file"], "does not begin as the trailer says")
        need(whole or last_why != "outside", stream["file"], "an event outside that stands behind all others")
        through, last = first + count - 1 if count else 0, number(stream["last"], stream["file"])
        complete = (first, through) == (min(1, last), last)
        need(complete or not whole, stream["file"], "not given whole")
        need(through <= last, stream["file"], "ends behind its end")
        self._partial += not complete
        for name, value in (("events", count), *withheld.items()):
            self.counts[name] += value

    def _check_content(self, record: Json, header: Json, stream: Json, place: str) -> None:
        event, topic = self._opened(record, place), header["topic"]
        need(canonical(event) == canonical(record["event"]), place, "the readable event differs from the payload")
        self._scope.event(stream, header, event, place)
        schemas = self._schemas.setdefault(topic, [])
        schemas += [] if header["schema"] in schemas else [header["schema"]]
        for image in event.get("images", ()):
            stated = number(image["size"], place), str(image["media_type"])
            self._images[unhex(image["commitment"], place).hex()] = stated

    def _opened(self, record: Json, place: str) -> Json:
        """What was committed to: all of it, or the fields that are given."""
        if record.get("withheld") == "fields":
            return self._opened_fields(record, place)
        opening, payload = unbase64(record["opening"], place, 32), unbase64(record["payload"], place)
        need(record["form"] in {"payload", "fields"}, place, "committed to in an unknown form")
        whole = record["form"] == "payload"
        made = sha256(b"kyc-ledger/commitment/v1\0", opening, payload) if whole else None
        committed = (made or commitment_by_field(opening, payload, place)).hex()
        need(committed == record["commitment"], place, "the payload is not what was committed to")
        found: Json = parse_json(payload, place)
        return found

    def _opened_fields(self, record: Json, place: str) -> Json:
        event, hidden = open_fields(record, place)
        allowed = len(self._manifest["scope"]["withheld"])
        need(0 < hidden <= allowed, place, "more or fewer fields withheld than the scope says")
        return event

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
        said = self._scope.finish()
        stated = self.counts | {"unsealed": sum(number(stream["unsealed"], "trailer.json") for stream in streams)}
        need(canonical(self._manifest["counts"]) == canonical(stated), "manifest.json", "counts differ")
        found = {topic: sorted(schemas) for topic, schemas in self._schemas.items()}
        need(canonical(self._manifest["schemas"]) == canonical(found), "manifest.json", "schemas differ")
        open_events = self.counts["events"] - self.counts["disposed"] - self.counts["outside"]
        need(open_events > 0, "events", "there is nothing in it to verify")
        whole = f", {self._partial} of them in part" if self._partial else ""
        self.proved += [
            f"{self.counts['events']} events lie in that log, no stream with a gap from its first version{whole}",
            f"{open_events} events and {self.counts['documents']} documents say what was committed to",
            *said,
        ]

    def _check_ends(self, streams: list[Json]) -> None:
        """Hold the ends that the trailer states against the log's own files, where there are any."""
        if not self._told.published:
            said = "streams had no event after the last one here: that is the signer's word"
            self.not_proved.append(f"that the {len(streams)} {said}")
            return
        ids = {bytes.fromhex(stream["stream"].replace("-", "")): stream for stream in streams}
        for raw, last in last_versions(Path(self._told.published), *self._log, set(ids)).items():
            need(ids[raw]["last"] == last, ids[raw]["file"], f"the log has version {last}: the end is withheld")
        self.proved.append(f"the {len(streams)} streams end in the log where the trailer says, by its own files")

    def _conclude(self, streams: list[Json]) -> None:
        empty = sum(not stream["from"] for stream in streams)
        for count, text in (
            (self.counts["disposed"], "events were disposed of: they existed, but their content is gone"),
            (self.counts["fields"], "events are given without some of their fields: what these say is not shown"),
            (self.counts["outside"], "events lie outside the scope and are given as a hash only"),
            (self._partial, "streams are given in part: that the rest is not meant is the signer's word"),
            (empty, "streams are given without an event: that they have none here is the signer's word"),
            (self._manifest["counts"]["unsealed"], "events, recorded after the checkpoint, are not in this bundle"),
        ):
            self.not_proved += [f"{count} {text}"] if count else []
        if any(name.startswith(("tables/", "report/", "reports/")) for name in self._box.names):
            self.not_proved.append("that tables and reports say what the events say: that is the signer's word")
        self.not_proved += self._scope.unproved()


def verify(
    path: str,
    log_keys: list[str],
    export_keys: list[str],
    cas: list[str] | None = None,
    histories: list[str] | None = None,
    authorities: list[str] | None = None,
    published: str = "",
) -> Verification:
    """Verify a bundle; whatever is wrong with it, the answer is Refused."""
    prints = [fingerprints(texts or []) for texts in (export_keys, cas, authorities)]
    told = Told(log_keys, prints[0], prints[1], prints[2], histories or [], published)
    try:
        return Verification(path, told)
    except Refused:
        raise
    except Exception as cause:  # a verifier that stumbles has not verified
        raise Refused(f"{path}: malformed ({type(cause).__name__}: {cause})") from cause


def main() -> int:
    """The command line."""
    parser = command_line("Verify a bundle exported by KYC Ledger.")
    parser.add_argument("bundle", help="zip file or folder")
    parser.add_argument("--ca", action="append", default=[], metavar="SHA256", help="fingerprint of the bank's CA")
    parser.add_argument("--keys", action="append", default=[], metavar="FILE", help="key history of the bank")
    parser.add_argument("--tsa", action="append", default=[], metavar="SHA256", help="CA of a timestamp authority")
    parser.add_argument("--log", default="", metavar="FOLDER", help="the log's own files, as published or copied")
    options = parser.parse_args()
    told = options.log_key, options.export_key, options.ca, options.keys, options.tsa, options.log
    return say(lambda: verify(options.bundle, *told))


if __name__ == "__main__":
    sys.exit(main())
