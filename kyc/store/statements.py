"""The store's statements, loaded from ``sql/queries.sql``: SQL is source, kept as SQL.

Blocks in the file begin with ``-- name --`` and one line of purpose.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final, LiteralString, NamedTuple, cast

from psycopg.pq import Format

_BLOCK = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def load(package: str, name: str) -> dict[str, LiteralString]:
    """The named blocks of one SQL file of a package."""
    text = (files(package) / "sql" / name).read_text(encoding="utf-8")
    parts = _BLOCK.split(text)
    return {key: cast("LiteralString", body.strip()) for key, body in zip(parts[1::2], parts[2::2], strict=True)}


_QUERIES: Final = load("kyc.store", "queries.sql")

SERVICE_ROLE: Final = _QUERIES["service_role"]
INSERT_ALL: Final = _QUERIES["insert_all"]
MOVED: Final = _QUERIES["moved"]
COPY_EVENTS: Final = _QUERIES["copy_events"]
COPY_CLAIMS: Final = _QUERIES["copy_claims"]
INSERT_SCANS: Final = _QUERIES["insert_scans"]
EVENTS_BY_KEY: Final = _QUERIES["events_by_key"]
CLAIMS_TAKEN: Final = _QUERIES["claims_taken"]
HEADS: Final = _QUERIES["heads"]
MOMENTS: Final = _QUERIES["moments"]
LAST_POSITIONS: Final = _QUERIES["last_positions"]
STREAM: Final = _QUERIES["stream"]
STREAMS: Final = _QUERIES["streams"]
LANE_PAGE: Final = _QUERIES["lane_page"]
CLAIM: Final = _QUERIES["claim"]
HOLDERS: Final = _QUERIES["holders"]
VERSIONS: Final = _QUERIES["versions"]
SCAN: Final = _QUERIES["scan"]
LIVING_KEYS: Final = _QUERIES["living_keys"]
KEYS_BY_ID: Final = _QUERIES["keys_by_id"]
SOME_KEYS: Final = _QUERIES["some_keys"]
ADD_KEYS: Final = _QUERIES["add_keys"]
DESTROY_KEY: Final = _QUERIES["destroy_key"]
EMPTY_DESTROYED: Final = _QUERIES["empty_destroyed"]
LEFT_UNDER_KEY: Final = _QUERIES["left_under_key"]
PROTECTED_EVENTS: Final = _QUERIES["protected_events"]
PROTECTED_SCANS: Final = _QUERIES["protected_scans"]
TAKE_LEASE: Final = _QUERIES["take_lease"]
HOLD_LEASE: Final = _QUERIES["hold_lease"]
RELEASE_LEASE: Final = _QUERIES["release_lease"]
SEALED_POSITIONS: Final = _QUERIES["sealed_positions"]
PREDECESSORS: Final = _QUERIES["predecessors"]
INSERT_SEGMENTS: Final = _QUERIES["insert_segments"]
INSERT_TILES: Final = _QUERIES["insert_tiles"]
INSERT_CHECKPOINT: Final = _QUERIES["insert_checkpoint"]
CHECKPOINT: Final = _QUERIES["checkpoint"]
INSERT_COSIGNED: Final = _QUERIES["insert_cosigned"]
COSIGNED: Final = _QUERIES["cosigned"]
SUCCEEDED: Final = _QUERIES["succeeded"]
INSERT_KEY_STATEMENT: Final = _QUERIES["insert_key_statement"]
KEY_STATEMENTS: Final = _QUERIES["key_statements"]
INSERT_ANCHOR: Final = _QUERIES["insert_anchor"]
ANCHORS: Final = _QUERIES["anchors"]
SEGMENTS: Final = _QUERIES["segments"]
INDEX_OF: Final = _QUERIES["index_of"]
TILE: Final = _QUERIES["tile"]
INSERT_SNAPSHOT: Final = _QUERIES["insert_snapshot"]
SNAPSHOTS: Final = _QUERIES["snapshots"]
TRACK: Final = _QUERIES["track"]
TRACKED: Final = _QUERIES["tracked"]

_EVENT_TYPES: Final = (20, 20, 20, 21, 2950, 2950, 2950, 17, 17, 17, 17, 17, 17)
"""Types of the event's columns: bigint, smallint, uuid, bytea."""


class Insert(NamedTuple):
    """The prepared statement that inserts a number of events: its name, and what libpq wants to know of it."""

    name: bytes
    text: bytes
    types: list[int]
    formats: list[Format]


@cache
def insert_of(rows: int) -> Insert:
    """The statement for so many events."""
    places = iter(range(1, rows * len(_EVENT_TYPES) + 1))
    groups = ["(" + ", ".join([f"${next(places)}" for _ in _EVENT_TYPES]) + ")" for _ in range(rows)]
    text = _QUERIES["insert_events"].replace("%s", ", ".join(groups)).encode()
    types = list(_EVENT_TYPES) * rows
    return Insert(b"kyc_insert_%d" % rows, text, types, [Format.BINARY] * len(types))
