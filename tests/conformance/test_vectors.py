"""The published vectors say what they say: made again byte for byte, and each named by the audit at its place."""

from __future__ import annotations

import ast
import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import fix_vector_log
import fix_vector_tampering
import fix_vectors
import psycopg
import pytest
from psycopg import sql

from kyc.clock import FixedClock
from kyc.evidence import commitment, fields
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.database import Database
from kyc.store.log import EventLog
from replay.audit import audit
from replay.findings import Finding, Report
from replay.verifier_base import commitment_by_field, field_commitment

FOLDER = fix_vectors.FOLDER
HEX = {
    "key", "data_key", "previous", "commitment", "hash", "digest", "context", "state", "root", "wrapped",
}  # fmt: skip
UUIDS = {"stream_id", "id", "subject", "key", "data_key"}


def load(name: str) -> Any:
    """A published file."""
    return json.loads((FOLDER / f"{name}.json").read_bytes())


def value(name: str, text: Any) -> Any:
    """A column of a row as the database takes it."""
    if not isinstance(text, str) or name not in HEX | UUIDS:
        return text
    return UUID(text) if name in UUIDS else bytes.fromhex(text)


def change(owner: psycopg.Connection, table: str, said: dict[str, Any]) -> None:
    """One change of a vector."""
    schema = "kyc_keys" if table == "data_key" else "kyc"
    where = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in said["where"])
    found = [value(name, one) for name, one in said["where"].items()]
    target = sql.Identifier(schema, table)
    if said["do"] == "delete":
        statement = sql.SQL("delete from {} where {}").format(target, where)
    else:
        sets = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in said["set"])
        statement = sql.SQL("update {} set {} where {}").format(target, sets, where)
        found = [value(name, one) for name, one in said["set"].items()] + found
    assert owner.execute(statement, found).rowcount == 1, said


class Bench:
    """A database that holds the rows of log.json, as often as they are wanted."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn, self.folder = dsn, folder
        keys = load("keys")
        folder.mkdir(mode=0o700)
        (folder / "secret-blind").write_bytes(bytes.fromhex(keys["secret_blind"]))
        for name, kek in keys["kek"].items():
            (folder / f"kek-{name}").write_bytes(bytes.fromhex(kek))
        self.key = keys["log_key"]
        self.rows = load("log")

    def owner(self) -> psycopg.Connection:
        """A superuser on whom no guard is left."""
        owner = psycopg.connect(self.dsn, autocommit=True)
        owner.execute("set session_replication_role = replica")
        for constraint in ("event_hash_fits", "event_lengths", "event_position"):
            owner.execute(f"alter table kyc.event drop constraint if exists {constraint}")
        return owner

    def fill(self) -> None:
        """The rows as they were, and no others."""
        with self.owner() as owner:
            owner.execute("truncate kyc.event, kyc.segment, kyc.checkpoint, kyc.claim, kyc_keys.data_key, kyc.log")
            owner.execute("insert into kyc.log values (true, %s, %s)", (self.rows["origin"], self.rows["lanes"]))
            for table, rows in self.rows["tables"].items():
                schema = "kyc_keys" if table == "data_key" else "kyc"
                for row in rows:
                    names = sql.SQL(", ").join(map(sql.Identifier, row))
                    places = sql.SQL(", ").join([sql.SQL("%s")] * len(row))
                    statement = sql.SQL("insert into {} ({}) values ({})")
                    values = [value(name, one) for name, one in row.items()]
                    owner.execute(statement.format(sql.Identifier(schema, table), names, places), values)

    def audited(self, *, keys: bool, trusted: str | None) -> Report:
        """What the audit says of the rows."""
        clock = FixedClock(fix_vector_log.START)
        log = EventLog(Database(self.dsn), FileKeyProvider.open(self.folder), clock=clock)
        try:
            return audit(log, verifier_keys=[self.key], keys=log.ring if keys else None, trusted=trusted)
        finally:
            log.close()


def place(found: Finding) -> dict[str, Any]:
    """Where a finding is, as the vectors say it."""
    stream = found.place.stream
    return {
        "stream_id": str(UUID(bytes=stream)) if stream is not None else None, "version": found.place.version,
        "lane": found.place.lane, "position": found.place.position, "index": found.place.index,
        "item": found.place.item,
    }  # fmt: skip


def test_vectors_are_made_again() -> None:
    """The script gives the published files, byte for byte, and there is no other file."""
    made = fix_vectors.files()
    assert {path.name for path in FOLDER.iterdir()} == set(made)
    for name, content in made.items():
        assert (FOLDER / name).read_bytes() == content, f"{name}: python tests/fix_vectors.py"


def test_vectors_keep_their_schemas() -> None:
    """What is published reads nothing of ours, so that no later version of the domain changes it."""
    parts = [fix_vectors, fix_vector_log, fix_vector_tampering]
    nodes = [node for part in parts for node in ast.walk(ast.parse(Path(part.__file__).read_text()))]
    named = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    named -= {part.__name__ for part in parts}
    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names | {"cryptography"}


@pytest.mark.pg15
def test_every_tampering_is_named(database: str, tmp_path: Path) -> None:
    """The untouched rows are green; each vector's finding is among those of the audit, at its very place."""
    bench = Bench(database, tmp_path / "keys")
    bench.fill()
    report = bench.audited(keys=True, trusted=None)
    assert (report.findings, report.ok, report.counts["opened"]) == ([], True, 11)
    vectors = load("tampering")
    assert len({one["name"] for one in vectors}) == len(vectors) >= 25
    for one in vectors:
        bench.fill()
        with bench.owner() as owner:
            for said in one["changes"]:
                change(owner, said["table"], said)
        report = bench.audited(keys=one["needs_keys"], trusted=one["trusted"])
        expected = {name: said for name, said in one["finding"].items() if name != "kind"}
        named = [place(found) for found in report.findings if found.kind.name.lower() == one["finding"]["kind"]]
        assert any(expected.items() <= at.items() for at in named), (one["name"], report.findings)
        if one["needs_keys"]:
            assert bench.audited(keys=False, trusted=None).ok, f"{one['name']} takes no keys"


def test_commitments() -> None:
    """Every opening gives its commitment or, where it says so, does not; a field is proved without the others."""
    for one in load("commitments"):
        opening, payload = bytes.fromhex(one["opening"]), one["payload"].encode()
        committed = bytes.fromhex(one["commitment"])
        opens = fields.opens if one["form"] == "fields" else commitment.opens
        assert opens(committed, opening, payload) is one["holds"]
        if one["form"] != "fields" or not one["holds"]:
            continue
        assert commitment_by_field(opening, payload, "here") == committed
        parts = []
        for said in one["fields"]:
            raw = [bytes.fromhex(said[name]) for name in ("salt", "value")]
            assert field_commitment(raw[0], said["name"].encode(), raw[1]).hex() == said["commitment"]
            parts.append(bytes.fromhex(said["commitment"]))
        assert sha256(b"kyc-ledger/fields/v1\0" + b"".join(parts)).digest() == committed


def test_chains() -> None:
    """A stream without any content proves itself by headers and commitments, and a changed one does not."""
    for one in load("chains"):
        previous, holds = bytes(32), True
        for event in one["events"]:
            raw = {name: bytes.fromhex(text) for name, text in event.items()}
            link = sha256(b"kyc-ledger/event/v1\0" + previous + raw["header"] + raw["commitment"]).digest()
            holds &= (raw["previous"], raw["hash"]) == (previous, link)
            previous = raw["hash"]
        assert holds is one["holds"], one["says"]
