"""The log of the published vectors: its rows, written by code of its own from the rules of docs/format.md.

No writer, sealer or database of ours has a hand in it, and no event class: what is published keeps the schemas it
was published with, whatever becomes of the domain.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import blake2b, sha256, shake_256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ORIGIN: Final = "vectors.example/log"
LANES: Final = 4
NOON: Final = "2026-03-02T12:00:00Z"
START: Final = 1_772_452_800_000_000
Json = dict[str, Any]


def fixed(what: str, length: int = 32) -> bytes:
    """Bytes that look random and are the same every time."""
    return shake_256(f"vectors/{what}".encode()).digest(length)


def flipped(raw: bytes, at: int) -> bytes:
    """One bit of it changed."""
    return raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


def vkey(name: str, key: Ed25519PrivateKey) -> tuple[str, bytes]:
    """The verifier key and its key id (C2SP signed-note)."""
    raw = b"\x01" + key.public_key().public_bytes_raw()
    key_id = sha256(name.encode() + b"\n" + raw).digest()[:4]
    return f"{name}+{key_id.hex()}+{b64encode(raw).decode()}", key_id


SECRET: Final = fixed("secret-blind")
KEK: Final = fixed("kek")
LOG_KEY: Final = Ed25519PrivateKey.from_private_bytes(fixed("log key"))
OTHER_KEY: Final = Ed25519PrivateKey.from_private_bytes(fixed("another key"))


def stream_id(kind: str, key: str) -> bytes:
    """A keyed digest, as a UUID of version 8; postings lie in the lane of their account."""
    digest = blake2b(kind.encode() + b"\0" + key.encode(), key=SECRET, digest_size=16, person=b"kyc stream")
    raw = bytearray(digest.digest())
    raw[6], raw[8] = raw[6] & 0x0F | 0x80, raw[8] & 0x3F | 0x80
    if kind == "postings":
        raw[:2] = stream_id("account", key)[:2]
    return bytes(raw)


def lane_of(raw: bytes) -> int:
    """The lane of an id: its first sixteen bits scaled to the number of lanes."""
    return (raw[0] << 8 | raw[1]) * LANES >> 16


def committed(opening: bytes, payload: bytes, *, by_field: bool) -> bytes:
    """The commitment, whole or field by field."""
    if not by_field:
        return sha256(b"kyc-ledger/commitment/v1\0" + opening + payload).digest()
    return sha256(
        b"kyc-ledger/fields/v1\0" + b"".join(one["commitment"] for one in fields(opening, payload))
    ).digest()


def fields(opening: bytes, payload: bytes) -> list[Json]:
    """The fields of a payload, each with its salt and what it is committed to by."""
    parts, at, decoder, text = [], 1, json.JSONDecoder(), payload.decode()
    while text[at - 1] != "}":
        name, end = decoder.raw_decode(text, at)
        _, after = decoder.raw_decode(text, end + 1)
        parts.append((name.encode(), text[end + 1 : after].encode()))
        at = after + 1
    salts = shake_256(b"kyc-ledger/salts/v1\0" + opening).digest(32 * len(parts))
    found = []
    for number, (name, value) in enumerate(parts):
        salt = salts[32 * number : 32 * number + 32]
        hashed = sha256(b"kyc-ledger/field/v1\0" + salt + bytes((len(name),)) + name + value).digest()
        found.append({"name": name.decode(), "salt": salt, "value": value, "commitment": hashed})
    return found


def header_of(row: Json) -> bytes:
    """The header of a row."""
    fixed_part = b"\x01" + row["stream_id"] + row["version"].to_bytes(8, "big")
    return fixed_part + row["recorded_at"].to_bytes(8, "big", signed=True) + row["key"] + row["context"]


def linked(row: Json) -> bytes:
    """The chain hash of a row."""
    return sha256(b"kyc-ledger/event/v1\0" + row["previous"] + header_of(row) + row["commitment"]).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """The Merkle tree head of RFC 6962 section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


def note(size: int, root: bytes, key: Ed25519PrivateKey = LOG_KEY) -> str:
    """A signed checkpoint."""
    text = f"{ORIGIN}\n{size}\n{b64encode(root).decode()}\n"
    signature = b64encode(vkey(ORIGIN, key)[1] + key.sign(text.encode())).decode()
    return f"{text}\n— {ORIGIN} {signature}\n"


@dataclass(frozen=True)
class Said:
    """An event as it was published: schema, where its key belongs, form of its commitment, content."""

    topic: str
    schema: int
    record_class: str
    period: str
    form: str
    content: Json

    def payload(self) -> bytes:
        """Canonical bytes (docs/format.md): names sorted, no space, UTF-8."""
        content = self.content | {"occurred_at": NOON}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Log:
    """The rows of a log, as they are stored."""

    tables: dict[str, list[Json]] = field(
        default_factory=lambda: {name: [] for name in ("event", "segment", "checkpoint", "claim", "data_key")}
    )
    openings: list[Json] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)

    def key(self, subject: bytes, kind: str, period: str) -> tuple[bytes, bytes]:
        """The id of a data key and the key, stored wrapped."""
        name = f"{subject.hex()}/{kind}/{period}"
        key_id, key = subject[:2] + fixed(f"key id {name}", 14), fixed(f"data key {name}")
        if all(row["id"] != key_id for row in self.tables["data_key"]):
            context = key_id + subject + bytes((len(kind),)) + kind.encode() + period.encode()
            nonce = fixed(f"wrap {name}", 12)
            self.tables["data_key"].append({
                "lane": lane_of(key_id), "id": key_id, "subject": subject, "record_class": kind, "period": period,
                "kek": "0001", "wrapped": nonce + AESGCM(KEK).encrypt(nonce, key, context), "created_at": START,
                "destroyed_at": None,
            })  # fmt: skip
        return key_id, key

    def add(self, stream: tuple[str, str], subject: tuple[str, str], event: Said) -> Json:
        """Append an event."""
        rows, stream_raw = self.tables["event"], stream_id(*stream)
        before = [row for row in rows if row["stream_id"] == stream_raw]
        lane, number = lane_of(stream_raw), len(rows)
        payload, opening = event.payload(), fixed(f"opening {number}")
        commitment = committed(opening, payload, by_field=event.form == "fields")
        data_key, key = self.key(stream_id(*subject), event.record_class, event.period)
        nonce = fixed(f"nonce {number}", 12)
        state = nonce + AESGCM(key).encrypt(nonce, opening + payload, commitment)
        texts = (event.topic, "T-0417", "310-0021", "account-service", "AML24-34")
        context = event.schema.to_bytes(2, "big") + b"".join(bytes((len(one),)) + one.encode() for one in texts)
        row = {
            "lane": lane, "position": 1 + sum(one["lane"] == lane for one in rows), "stream_id": stream_raw,
            "version": 1 + len(before), "recorded_at": START + number * 1_000_000,
            "key": fixed(f"key {number}", 16), "data_key": data_key,
            "previous": before[-1]["hash"] if before else bytes(32),
            "commitment": commitment, "digest": sha256(state).digest()[:16], "context": context, "state": state,
        }  # fmt: skip
        row["hash"] = linked(row)
        rows.append(row)
        self.openings.append({
            "stream_id": stream_raw, "version": row["version"], "stream": "/".join(stream), "form": event.form,
            "opening": opening, "payload": payload.decode(), "data_key": key,
        })  # fmt: skip
        return row

    def seal(self) -> None:
        """Make what was added leaves, lane by lane, and sign."""
        for lane in range(LANES):
            done = max((one["position_to"] for one in self.tables["segment"] if one["lane"] == lane), default=0)
            fresh = [row for row in self.tables["event"] if row["lane"] == lane and row["position"] > done]
            if fresh:
                self.tables["segment"].append({
                    "lane": lane, "position_from": done + 1, "position_to": done + len(fresh),
                    "first_index": len(self.leaves),
                })  # fmt: skip
            for row in fresh:
                entry = row["stream_id"] + row["version"].to_bytes(8, "big") + row["hash"]
                self.leaves.append(sha256(b"\0" + entry).digest())
        root = root_of(self.leaves)
        self.tables["checkpoint"].append({
            "size": len(self.leaves), "root": root, "note": note(len(self.leaves), root), "fence": 1,
            "signed_at": START,
        })  # fmt: skip


def log() -> Log:
    """A small bank: two customers, one account, a policy, the log of reads; sealed twice."""
    made = Log()
    for number, person in (("C1", "Li Wei"), ("C2", "Wang Fang")):
        registered = Said("customer.registered", 2, "identity", "", "fields", {
            "customer": number, "type": "natural", "template": "natural/1", "notice": "2026-1",
            "names": [{"text": person}], "birth_date": "1980-05-17", "occupation": "teacher",
        })  # fmt: skip
        made.add(("customer", number), ("customer", number), registered)
    for text in ("Li Wei-Chen", "Li Chen"):
        renamed = Said("customer.name_changed", 1, "identity", "", "payload", {
            "names": [{"text": text}], "evidence": "deed poll", "effective_from": "2026-03-02",
        })  # fmt: skip
        made.add(("customer", "C1"), ("customer", "C1"), renamed)
    for version in (1, 2):
        form = {"name": f"natural/{version}", "type": "natural", "mandatory": ["names"], "optional": []}
        published = Said("template.published", 2, "governance", "", "payload", {"approver": "A-2", "form": form})
        made.add(("policies", "institution"), ("policies", "institution"), published)
    made.seal()
    for times in (1, 2, 3):
        place = {"account": "A1", "direction": "debit"}
        booked = Said("transaction.booked", 1, "transaction", "2026", "payload", {
            "reference": f"T{times}", "kind": "transfer", "channel": "mobile", "booked_at": NOON,
            "value_date": "2026-03-02", "leg": place | {"amount": f"{times}", "currency": "CNY"}, "legs": [place],
        })  # fmt: skip
        row = made.add(("postings", "A1"), ("account", "A1"), booked)
        digest = blake2b(
            b"transaction\0" + f"T{times}".encode(), key=SECRET, digest_size=16, person=b"kyc claim"
        ).digest()
        made.tables["claim"].append({
            "lane": lane_of(digest), "kind": "transaction", "key": digest, "stream_id": row["stream_id"],
            "version": row["version"],
        })  # fmt: skip
    for call in (1, 2):
        content = {"customer": "C1", "fields": ["names"], "reason": f"call {call}"}
        read = Said("access.read", 2, "access", "2026", "payload", content)
        made.add(("access", "C1"), ("customer", "C1"), read)
    made.seal()
    return made
