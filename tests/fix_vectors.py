"""The published vectors of tests/vectors, made from nothing but the rules of docs/format.md and fixed bytes.

``python tests/fix_vectors.py`` writes them; tests/conformance/test_vectors.py compares them, and lets the audit
find what each says. The log is written by code of its own: no writer, sealer or database of ours has a hand in it,
and no event class: what is published keeps the schemas it was published with, whatever becomes of the domain.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import blake2b, sha256, shake_256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FOLDER: Final = Path(__file__).parent / "vectors"
ORIGIN: Final = "vectors.example/log"
LANES: Final = 4
NOON: Final = "2026-03-02T12:00:00Z"
START: Final = 1_772_452_800_000_000
Json = dict[str, Any]


def fixed(what: str, length: int = 32) -> bytes:
    """Bytes that look random and are the same every time."""
    return shake_256(f"vectors/{what}".encode()).digest(length)


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


def linked(row: Json) -> bytes:
    """The chain hash of a row."""
    header = b"\x01" + row["stream_id"] + row["version"].to_bytes(8, "big")
    header += row["recorded_at"].to_bytes(8, "big", signed=True) + row["key"] + row["context"]
    return sha256(b"kyc-ledger/event/v1\0" + row["previous"] + header + row["commitment"]).digest()


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


# --- tampering --------------------------------------------------------------------------------------------


@dataclass
class Tampering:
    """What is done to the rows of the log."""

    rows: list[Json]
    changes: list[Json] = field(default_factory=list)

    def change(self, table: str, where: Json, **values: Any) -> None:
        """Change one row."""
        self.changes.append({"do": "update", "table": table, "where": where, "set": values})

    def edit(self, row: Json, **values: Any) -> None:
        """Change one event."""
        self.change("event", {"stream_id": row["stream_id"], "version": row["version"]}, **values)

    def remove(self, table: str, **where: Any) -> None:
        """Remove one row."""
        self.changes.append({"do": "delete", "table": table, "where": where})


def _flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


def _rewritten(work: Tampering, row: Json, **values: Any) -> None:
    """Change an event and make every hash behind it fit again."""
    later = [one for one in work.rows if one["stream_id"] == row["stream_id"] and one["version"] >= row["version"]]
    previous = row["previous"]
    for one in sorted(later, key=lambda event: event["version"]):
        changed = one | (values if one is row else {}) | {"previous": previous}
        previous = linked(changed)
        work.edit(one, previous=changed["previous"], hash=previous, **(values if one is row else {}))


class Book:
    """The vectors as they are written."""

    def __init__(self, made: Log) -> None:
        self.made = made
        self.found: list[Json] = []

    def event(self, kind: str, key: str, version: int) -> Json:
        """A row of the sound log."""
        stream = stream_id(kind, key)
        rows = self.made.tables["event"]
        return next(row for row in rows if (row["stream_id"], row["version"]) == (stream, version))

    def vector(
        self, name: str, says: str, kind: str, place: Json, *, keys: bool = False, trusted: str | None = None
    ) -> Tampering:
        """One more; what is done to the rows is added to it."""
        work = Tampering(self.made.tables["event"])
        self.found.append({
            "name": name, "says": says, "needs_keys": keys, "trusted": trusted, "changes": work.changes,
            "finding": {"kind": kind, **place},
        })  # fmt: skip
        return work


def tampering(made: Log) -> list[Json]:
    """Every vector: what it says, what is changed, and what must be named at which place."""
    book = Book(made)
    for write in (_edited, _moved_events, _sealed_log, _keys_and_records, _seen_elsewhere):
        write(book)
    return book.found


def _edited(book: Book) -> None:
    one, two, three = (book.event("customer", "C1", version) for version in (1, 2, 3))
    for column, what in (("context", "header"), ("commitment", "commitment")):
        work = book.vector(f"changed-{what}", f"one bit of the {what} of an event", "hash_wrong", _at(two))
        work.edit(two, **{column: _flipped(two[column], 8)})
    work = book.vector("changed-time", "the time of recording, by a microsecond", "hash_wrong", _at(two))
    work.edit(two, recorded_at=two["recorded_at"] + 1)
    work = book.vector("changed-ciphertext", "one bit of a ciphertext", "ciphertext_changed", _at(two))
    state = _flipped(two["state"], 30)
    work.edit(two, state=state)
    says = "a ciphertext whose digest was made to fit"
    work = book.vector("changed-payload", says, "payload_wrong", _at(two), keys=True)
    work.edit(two, state=state, digest=sha256(state).digest()[:16])
    says = "the ciphertext of another event of the same key"
    work = book.vector("exchanged-payload", says, "payload_wrong", _at(two), keys=True)
    work.edit(two, state=three["state"], digest=three["digest"])
    work = book.vector("broken-link", "the previous hash of an event", "link_broken", _at(two))
    work.edit(two, previous=_flipped(two["previous"], 0))
    says = "an event recorded before the one it follows"
    work = book.vector("clock-running-back", says, "time_backwards", _at(three))
    _rewritten(work, three, recorded_at=one["recorded_at"])
    work = book.vector(
        "rewritten-history", "an event and all links behind it", "root_wrong", {"item": "checkpoint 6"}
    )
    _rewritten(work, two, recorded_at=two["recorded_at"] + 1)


def _moved_events(book: Book) -> None:
    first, middle, last = (book.event("postings", "A1", version) for version in (1, 2, 3))
    says = "two neighbours of a stream in each other's place"
    work = book.vector("swapped-order", says, "version_wrong", _moved(last, middle))
    work.edit(middle, position=1_000)
    work.edit(last, position=middle["position"])
    work.edit(middle, position=last["position"])
    work = book.vector("removed-middle", "an event in the middle of a stream", "version_wrong", _at(last))
    work.remove("event", stream_id=middle["stream_id"], version=2)
    work = book.vector("truncated-tail", "the last event of a lane", "sealed_missing", _place(book.made, last))
    work.remove("event", stream_id=last["stream_id"], version=3)
    work = book.vector("removed-stream", "all events of a stream", "sealed_missing", _place(book.made, first))
    for row in (first, middle, last):
        work.remove("event", stream_id=row["stream_id"], version=row["version"])
    work = book.vector("lane-rewound", "a position given out twice", "position_repeated", {})
    work.edit(last, position=middle["position"])
    work = book.vector("moved-lane", "an event in another lane", "lane_wrong", {**_at(first), "lane": 9})
    work.edit(first, lane=9)


def _sealed_log(book: Book) -> None:
    newest = book.made.tables["checkpoint"][-1]
    work = book.vector(
        "resigned-checkpoint", "a checkpoint signed by another key", "signature_wrong", _item(newest)
    )
    work.change("checkpoint", {"size": newest["size"]}, note=note(newest["size"], newest["root"], OTHER_KEY))
    work = book.vector("edited-root", "the root beside a signed checkpoint", "checkpoint_differs", _item(newest))
    work.change("checkpoint", {"size": newest["size"]}, root=_flipped(newest["root"], 0))
    work = book.vector("edited-segment", "a run of leaves longer than it was", "segment_wrong", {})
    segment = book.made.tables["segment"][0]
    work.change("segment", {"first_index": 0}, position_to=segment["position_to"] + 1)


def _keys_and_records(book: Book) -> None:
    posted = book.event("postings", "A1", 1)
    keys = {row["id"]: row for row in book.made.tables["data_key"]}
    work = book.vector("swapped-key", "a wrapped key in the row of another", "key_unusable", {}, keys=True)
    other = keys[book.event("customer", "C1", 1)["data_key"]]
    work.change("data_key", {"id": posted["data_key"]}, wrapped=other["wrapped"])
    says = "a data key that is gone without being destroyed"
    work = book.vector("lost-key", says, "key_missing", _at(posted))
    work.remove("data_key", id=posted["data_key"])
    work = book.vector("emptied", "a ciphertext emptied though its key lives", "emptied_unlawfully", _at(posted))
    work.edit(posted, state=b"", digest=sha256().digest()[:16])
    says = "its first event says what the second says"
    for what, kind, number in (("policy", "policies", "institution"), ("access-log", "access", "C1")):
        row, after = book.event(kind, number, 1), book.event(kind, number, 2)
        work = book.vector(f"edited-{what}", says, "payload_wrong", _at(row), keys=True)
        work.edit(row, state=after["state"], digest=after["digest"])
    claim = book.made.tables["claim"][0]
    work = book.vector("edited-claim", "a reference that leads to another event", "claim_wrong", {}, keys=True)
    work.change("claim", {"key": claim["key"]}, version=2)
    work = book.vector("dangling-claim", "a reference that leads nowhere", "claim_dangling", {})
    work.change("claim", {"key": claim["key"]}, version=77)


def _seen_elsewhere(book: Book) -> None:
    size = book.made.tables["checkpoint"][-1]["size"]
    says = "a larger checkpoint was kept elsewhere"
    book.vector("rolled-back", says, "rolled_back", {}, trusted=note(size + 1, bytes(32)))
    says = "another root of that size was kept elsewhere"
    book.vector("forked", says, "forked", {}, trusted=note(size, bytes(32)))


def _at(row: Json) -> Json:
    return {name: row[name] for name in ("stream_id", "version", "lane", "position")}


def _moved(row: Json, to: Json) -> Json:
    return _at(row) | {"position": to["position"]}


def _place(made: Log, row: Json) -> Json:
    """Lane, position and log index: all that is known of an event that is gone."""
    for segment in made.tables["segment"]:
        if segment["lane"] == row["lane"] and segment["position_from"] <= row["position"] <= segment["position_to"]:
            index = segment["first_index"] + row["position"] - segment["position_from"]
            return {"lane": row["lane"], "position": row["position"], "index": index}
    raise AssertionError("not sealed")


def _item(checkpoint: Json) -> Json:
    return {"item": f"checkpoint {checkpoint['size']}"}


# --- commitments and chains -------------------------------------------------------------------------------


def commitments(made: Log) -> list[Json]:
    """Openings and payloads, what they are committed to by, and single fields."""
    found = []
    rows = {(row["stream_id"], row["version"]): row for row in made.tables["event"]}
    for opened in made.openings:
        row = rows[opened["stream_id"], opened["version"]]
        one: Json = {name: opened[name] for name in ("form", "opening", "payload")}
        one |= {"commitment": row["commitment"], "holds": True}
        if opened["form"] == "fields":
            one["fields"] = fields(opened["opening"], opened["payload"].encode())
        found.append(one)
    whole = next(one for one in found if one["form"] == "payload")
    split = next(one for one in found if one["form"] == "fields")
    for one in (whole, split):
        found.append(one | {"opening": _flipped(one["opening"], 0), "holds": False})
        found.append(one | {"payload": one["payload"].replace("2026", "2027", 1), "holds": False})
    return found


def chains(made: Log) -> list[Json]:
    """A stream of which nothing but header and commitment is left still proves itself; a changed one does not."""
    rows = [row for row in made.tables["event"] if row["stream_id"] == stream_id("customer", "C1")]
    kept = [
        {
            "header": b"\x01" + row["stream_id"] + row["version"].to_bytes(8, "big")
            + row["recorded_at"].to_bytes(8, "big", signed=True) + row["key"] + row["context"],
            "commitment": row["commitment"], "previous": row["previous"], "hash": row["hash"],
        }
        for row in rows
    ]  # fmt: skip
    broken = [dict(event) for event in kept]
    broken[1]["commitment"] = _flipped(broken[1]["commitment"], 31)
    return [
        {"says": "all events of a customer, crypto-shredded", "holds": True, "events": kept},
        {"says": "the same without the second", "holds": False, "events": [kept[0], kept[2]]},
        {"says": "the same with another second", "holds": False, "events": broken},
        {"says": "the same without the first", "holds": False, "events": kept[1:]},
    ]


def files() -> dict[str, bytes]:
    """File name → content."""
    made = log()
    keys = {
        "log_key": vkey(ORIGIN, LOG_KEY)[0], "secret_blind": SECRET, "kek": {"0001": KEK},
        "openings": made.openings,
    }  # fmt: skip
    contents: dict[str, Any] = {
        "log": {"origin": ORIGIN, "lanes": LANES, "tables": made.tables},
        "keys": keys,
        "tampering": tampering(made),
        "commitments": commitments(made),
        "chains": chains(made),
    }
    return {f"{name}.json": _written(content) for name, content in contents.items()}


def _written(content: Any) -> bytes:
    return json.dumps(_plain(content), indent=1, ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Ids as UUIDs, other bytes as hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        ids = {"stream_id", "id", "subject"}
        return {name: str(UUID(bytes=one)) if name in ids else _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)
