"""What both shipped verifiers share: the signing key, one event record, the command line, the verdict.

A part of the shipped verifiers: nothing of KYC Ledger but other parts may be imported here.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from replay.verifier_base import (
    Json,
    Refused,
    canonical,
    field_commitment,
    need,
    number,
    parse_header,
    parse_json,
    root_of,
    sha256,
    unbase64,
    unhex,
)


def read_key(pem: bytes) -> tuple[bytes, str]:
    """The Ed25519 key of a PEM file and its fingerprint, the SHA-256 of it as SubjectPublicKeyInfo."""
    key = load_pem_public_key(pem)
    whole = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw), hashlib.sha256(whole).hexdigest()


# --- one event ------------------------------------------------------------------------------------------


def entry_of(record: Json, place: str) -> bytes:
    """What stands in the log of an event: stream id, version, hash."""
    stream, version = bytes.fromhex(record["stream"].replace("-", "")), number(record["version"], place)
    return stream + version.to_bytes(8, "big") + unhex(record["hash"], place)


def check_leaf(record: Json, entry: bytes, log: tuple[int, bytes], place: str) -> None:
    """Refuse an event whose entry does not lie in the log of this size and root."""
    size, root = log
    proof = [unbase64(value, place, 32) for value in record["proof"]]
    found = root_of(number(record["index"], place), size, sha256(b"\x00", entry), proof, place)
    need(found == root, place, "not in the signed log")


def check_link(record: Json, entry: bytes, place: str) -> Json:
    """What can be read in the header, once it gives the hash with what stands beside it."""
    raw, commitment = unbase64(record["header"], place), unhex(record["commitment"], place)
    link = sha256(b"kyc-ledger/event/v1\0", unhex(record["previous"], place), raw, commitment)
    need(link == entry[24:], place, "the hash is not that of header and commitment")
    header = parse_header(raw, place)
    need(raw[1:25] == entry[:24], place, "the header is of another event")
    need(canonical(record["read"]) == canonical(header), place, "the readable header differs from the header")
    return header


def open_fields(record: Json, place: str) -> tuple[Json, int]:
    """The fields that are given of an event, and how many are not, once all give what was committed to."""
    event: Json = {}
    parts, hidden = [], 0
    for field in record["fields"]:
        if set(field) == {"commitment"}:
            hidden += 1
            parts.append(unhex(field["commitment"], place))
            continue
        need(set(field) == {"name", "salt", "value"} and field["name"] not in event, place, "not a field")
        salt, value = unbase64(field["salt"], place, 32), unbase64(field["value"], place)
        parts.append(field_commitment(salt, field["name"].encode(), value))
        said = parse_json(b'{"value":' + value + b"}", place)
        need(set(said) == {"value"}, place, "not a value")
        event[field["name"]] = said["value"]
    committed = sha256(b"kyc-ledger/fields/v1\0", *parts).hex()
    need(committed == record["commitment"], place, "the fields are not what was committed to")
    return event, hidden


# --- command line ---------------------------------------------------------------------------------------


class Verdict:
    """What was proved and what was not; ``anchored``: under keys that were told out of band."""

    def __init__(self, *, anchored: bool) -> None:
        self.proved: list[str] = []
        self.not_proved: list[str] = []
        self.anchored = anchored


def command_line(description: str) -> argparse.ArgumentParser:
    """A parser that takes the two keys which are told out of band."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--log-key", action="append", default=[], metavar="VKEY", help="verifier key of the log")
    parser.add_argument("--export-key", action="append", default=[], metavar="SHA256", help="key's fingerprint")
    return parser


def fingerprints(texts: list[str]) -> list[str]:
    """Fingerprints as they are compared, however openssl or a person has written them."""
    return [text.lower().replace(":", "") for text in texts]


def say(verify: Callable[[], Verdict]) -> int:
    """Verify, and print what came of it; the exit code."""
    try:
        found = verify()
    except (Refused, OSError) as refusal:
        print(f"REFUSED  {refusal}")
        return 1
    print("VERIFIED" if found.anchored else "CONSISTENT WITH ITSELF, but not shown to be the bank's")
    print("\n".join([f"  proved      {text}" for text in found.proved]))
    print("\n".join([f"  not proved  {text}" for text in found.not_proved]))
    return 0 if found.anchored else 3
