"""Floors: what PostgreSQL itself does with the same bytes, and what the library we stand on does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import psycopg
from work import Feed, Transfer

from kyc.domain import codec
from kyc.store import pgbinary
from kyc.store.binaries import find
from kyc.store.records import StoredEvent

_TABLE = "create table if not exists public.raw (like kyc.event including storage)"
_KEYS = (
    "create unique index if not exists raw_version on public.raw (lane, stream_id, version)",
    "create unique index if not exists raw_position on public.raw (lane, position)",
)
_FLOOR = (
    (
        "create table if not exists public.floor (stream uuid not null, version bigint not null,"
        " topic text not null, data bytea not null, hash bytea not null, id bigserial not null,"
        " primary key (stream, version))"
    ),
    "create unique index if not exists floor_id on public.floor (id)",
)
_SCRIPT = """
\\set v :v + 1
\\set s random_zipfian(1, 10000, 1.05)
\\set ver :client_id * 1000000000 + :v
insert into public.floor (stream, version, topic, data, hash) values
(uuid(concat('00000000-0000-4000-8000-0000000', (10000 + :s)::text)), :ver, :topic, :payload::bytea, :hash::bytea);
"""


def pgbench(dsn: str, clients: int, seconds: int, folder: Path) -> tuple[float, float]:
    """(transactions per second, mean latency in ms) of one-row-per-commit prepared INSERTs.

    The row is that of an event as others keep it: stream, version, topic, payload and hash, all sent by the client.
    """
    with psycopg.connect(dsn, autocommit=True) as owner:
        for statement in (*_FLOOR, "truncate public.floor"):
            owner.execute(statement.encode())
    script = folder / "insert.sql"
    script.write_text(_SCRIPT)
    payload = codec.encode(Feed().unit().entries[0].event).hex()
    command = [
        str(find().bin / "pgbench"), "-n", "-M", "prepared", "-f", str(script), "-c", str(clients),
        "-j", str(min(clients, 2)), "-T", str(seconds), "-D", "v=0", "-D", f"topic={Transfer.TOPIC}",
        "-D", f"payload=\\x{payload}", "-D", "hash=\\x" + "ab" * 32, dsn,
    ]  # fmt: skip
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate, latency = re.search(r"tps = ([\d.]+)", text), re.search(r"latency average = ([\d.]+)", text)
    assert rate is not None
    assert latency is not None
    return float(rate[1]), float(latency[1])


class RawCopy:
    """COPY of prebuilt rows of the event table's shape into a table with its primary key and position key."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        for statement in (_TABLE, *_KEYS):
            self.connection.execute(statement.encode())

    def run(self, rows: list[bytes]) -> None:
        """One commit."""
        data = b"".join((pgbinary.COPY_SIGNATURE, *rows, pgbinary.COPY_TRAILER))
        with self.connection.cursor().copy("copy public.raw from stdin (format binary)") as copy:
            copy.write(data)

    def bytes_per_row(self) -> float:
        """Table and indexes, per row."""
        self.connection.execute("vacuum public.raw")
        row = self.connection.execute(
            "select pg_total_relation_size('public.raw')::float8 / count(*) from public.raw"
        ).fetchone()
        assert row is not None
        return float(row[0])

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()


def shifted(rows: list[StoredEvent], by: int) -> list[bytes]:
    """The same rows at positions and versions nobody used yet."""
    return pgbinary.event_rows(row._replace(position=row.position + by, version=row.version + by) for row in rows)
