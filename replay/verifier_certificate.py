"""Verify a certificate of disposal by KYC Ledger, with nothing of KYC Ledger: Python 3.10 and `cryptography`.

    python verify_certificate.py CERTIFICATE --log-key VKEY --export-key SHA256

VKEY is the public key of the bank's log, SHA256 the fingerprint of the key it signs with; ask the bank for both on
another way than this file. Without them the keys inside are used, and that proves only that it agrees with itself.

What is checked, in this order (docs/disposal.md of KYC Ledger describes every byte):

 1. The statement is signed by the export key.
 2. The checkpoint is signed by the log's key; it names size and root of the log.
 3. The disposal was proposed by one and approved by another person, its key destroyed, and the statement's SHA-256
    recorded, in this order, in one stream of that log. Whose records they were is withheld.
 4. Every event the statement counts lies in that log, with header and commitment and without content.

Exit code: 0 all of it is proved; 1 refused; 2 wrong usage; 3 consistent, but no keys from outside were given.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from replay.verifier_base import (
    FIELDS,
    UUID,
    Json,
    Refused,
    canonical,
    check_signature,
    log_key,
    need,
    open_checkpoint,
    parse_json,
    unbase64,
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

CERTIFICATE = "kyc-ledger/disposal-certificate/v1"
PARTS = {"format", "statement", "signature", "export_key", "log_key", "checkpoint", "retention", "events"}
STATED = {
    "format", "disposal", "retention", "record_class", "span", "data_key", "destroyed_at", "events",
    "events_sha256", "scans", "scans_sha256", "places", "note",
}  # fmt: skip
STEPS = ["disposal.proposed", "disposal.approved", "disposal.key_destroyed", "disposal.completed"]
WITHHELD = "subject"
"""The one field that is not shown: whose records they were."""


class Certificate(Verdict):
    """One certificate, verified; `proved` and `not_proved` say what that means."""

    def __init__(self, raw: bytes, log_keys: list[str], export_keys: list[str]) -> None:
        super().__init__(anchored=bool(log_keys and export_keys))
        self._file: Json = parse_json(raw, "certificate")
        need(set(self._file) == PARTS and self._file["format"] == CERTIFICATE, "certificate", "not of this format")
        self._stated = self._statement(export_keys)  # step 1
        self._log = self._checkpoint(log_keys)  # step 2
        self._decided()  # step 3
        self._destroyed()  # step 4
        self.not_proved.append("that no copy of the content is left anywhere: that is the signer's word")
        self.not_proved.append("that these are all events the key protected: that is the signer's word")

    def _statement(self, expected: list[str]) -> Json:
        raw = unbase64(self._file["statement"], "statement")
        key, found = read_key(self._file["export_key"].encode())
        need(found in expected or not expected, "export_key", "not the expected key")
        check_signature(key, unbase64(self._file["signature"], "signature", 64), raw, "signature")
        stated: Json = parse_json(raw, "statement")
        need(set(stated) == STATED and stated["format"] == CERTIFICATE, "statement", "not of this format")
        self._digest = hashlib.sha256(raw).hexdigest()
        whose = "the expected key" if expected else "the key inside"
        self.proved.append(f"the statement of disposal {stated['disposal']} is signed by {whose}, SHA-256 {found}")
        if not expected:
            self.not_proved.append("who made it: compare the export key's fingerprint with the bank's word")
        return stated

    def _checkpoint(self, vkeys: list[str]) -> tuple[int, bytes]:
        trusted = [log_key(vkey) for vkey in vkeys or [self._file["log_key"]]]
        origin, size, root, _ = open_checkpoint(self._file["checkpoint"].encode(), trusted)
        self.proved.append(
            f"the log {origin} of {size} events is signed by {'the expected' if vkeys else 'its own'} key"
        )
        if not vkeys:
            self.not_proved.append("that this is the bank's log: compare its verifier key with the bank's own word")
        return size, root

    # --- one record -------------------------------------------------------------------------------

    def _record(self, record: Json, place: str) -> tuple[bytes, Json]:
        """(stream, version and hash as the statement lists them, header); {} where only the hash is given."""
        why = record.get("withheld")
        need(why in FIELDS and why is not None and set(record) == FIELDS[why], place, "not an event record")
        need(UUID.fullmatch(record["stream"]), place, "not a stream id")
        entry = entry_of(record, place)
        check_leaf(record, entry, self._log, place)
        return entry, {} if why == "outside" else check_link(record, entry, place)

    def _shown(self, record: Json, place: str) -> Json:
        """The fields of an event of which one is withheld, held against its commitment."""
        need(record["withheld"] == "fields", place, "the event is not shown")
        event, hidden = open_fields(record, place)
        need(hidden == 1 and WITHHELD not in event, place, "more or less is withheld than whose records they were")
        need(canonical(event) == canonical(record["event"]), place, "the readable event differs from the fields")
        return event

    # --- steps ------------------------------------------------------------------------------------

    def _decided(self) -> None:
        told: dict[str, tuple[Json, Json]] = {}
        version = 0
        for at, record in enumerate(self._file["retention"]):
            place = f"retention {at}"
            _, header = self._record(record, place)
            need(record["stream"] == self._stated["retention"], place, "of another stream")
            need(record["version"] > version, place, "not behind the one before")
            version = record["version"]
            if header:
                event = self._shown(record, place)
                need(event["disposal"] == self._stated["disposal"], place, "of another disposal")
                need(header["topic"] not in told, place, "there twice")
                told[header["topic"]] = header, event
        need(list(told) == STEPS, "retention", "not proposed, approved, destroyed and completed, in this order")
        (first, proposed), (second, approved), (third, destroyed), (_, completed) = told.values()
        need(proposed["proposer"] == first["actor"], "retention", "somebody else proposed")
        need(
            approved["approver"] == second["actor"] != first["actor"], "retention", "not approved by another person"
        )
        said = {"record_class": proposed["record_class"], "span": proposed.get("span", "")}
        need({name: self._stated[name] for name in said} == said, "statement", "of other records than proposed")
        need(destroyed["data_key"] == self._stated["data_key"], "statement", "of another key than was destroyed")
        need(third["recorded_at"] == self._stated["destroyed_at"], "statement", "destroyed at another time")
        need(completed["certificate"] == self._digest, "statement", "not the one that was recorded")
        need(list(completed["places"]) == self._stated["places"], "statement", "names other places")
        self.proved.append(
            f"it was proposed by {first['actor']} and approved by {second['actor']}, and stands in that log"
        )
        self.proved.append(f"nothing was found any more in: {', '.join(self._stated['places'])}, says the signer")

    def _destroyed(self) -> None:
        listed = []
        for at, record in enumerate(self._file["events"]):
            place = f"events {at}"
            entry, header = self._record(record, place)
            need(record["withheld"] in {"disposed", "outside"}, place, "content that was not disposed of")
            if header:
                listed.append(entry)
        need(len(set(listed)) == len(listed) == self._stated["events"], "events", "not as many as stated")
        found = hashlib.sha256(b"".join(sorted(listed))).hexdigest()
        need(found == self._stated["events_sha256"], "events", "not those of the statement")
        self.proved.append(f"its {len(listed)} events lie in that log, each with its header and without content")


def verify(raw: bytes, log_keys: list[str], export_keys: list[str]) -> Certificate:
    """Verify a certificate; whatever is wrong with it, the answer is Refused."""
    try:
        return Certificate(raw, log_keys, fingerprints(export_keys))
    except Refused:
        raise
    except Exception as cause:  # a verifier that stumbles has not verified
        raise Refused(f"certificate: malformed ({type(cause).__name__}: {cause})") from cause


def main() -> int:
    """The command line."""
    parser = command_line("Verify a certificate of disposal by KYC Ledger.")
    parser.add_argument("certificate", help="the JSON file")
    options = parser.parse_args()
    return say(lambda: verify(Path(options.certificate).read_bytes(), options.log_key, options.export_key))


if __name__ == "__main__":
    sys.exit(main())
