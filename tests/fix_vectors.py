"""The published vectors of tests/vectors, made from nothing but the rules of docs/format.md and fixed bytes.

``python tests/fix_vectors.py`` writes them; tests/conformance/test_vectors.py compares them, and lets the audit
find what each says. Nothing of ours has a hand in it: :mod:`fix_vector_log` writes the log by itself,
:mod:`fix_vector_tampering` says what is done to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from fix_vector_log import (
    KEK,
    LANES,
    LOG_KEY,
    ORIGIN,
    SECRET,
    Json,
    Log,
    fields,
    flipped,
    header_of,
    log,
    stream_id,
    vkey,
)
from fix_vector_tampering import tampering

FOLDER: Final = Path(__file__).parent / "vectors"


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
        found.append(one | {"opening": flipped(one["opening"], 0), "holds": False})
        found.append(one | {"payload": one["payload"].replace("2026", "2027", 1), "holds": False})
    return found


def chains(made: Log) -> list[Json]:
    """A stream of which nothing but header and commitment is left still proves itself; a changed one does not."""
    rows = [row for row in made.tables["event"] if row["stream_id"] == stream_id("customer", "C1")]
    kept = [
        {"header": header_of(row)} | {name: row[name] for name in ("commitment", "previous", "hash")}
        for row in rows
    ]
    broken = [dict(event) for event in kept]
    broken[1]["commitment"] = flipped(broken[1]["commitment"], 31)
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
