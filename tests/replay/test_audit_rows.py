"""Rows taken apart from their binary form are those the driver gives, and nothing misshapen passes for a row."""

from __future__ import annotations

import psycopg
import pytest

from kyc.store import pgbinary
from kyc.store.records import StoredEvent
from replay.audit_rows import decoded, well_formed

COLUMNS = [
    "1::bigint", "2::bigint", "-3::bigint", "4::smallint",
    *[f"'{n}0000000-0000-8000-8000-000000000000'::uuid" for n in "567"],
    *[f"decode(repeat('0{n}', 32), 'hex')" for n in (1, 2, 3)], "decode(repeat('04', 16), 'hex')",
    r"'\x05'::bytea", r"'\x0607'::bytea",
]  # fmt: skip


def rows(server: psycopg.Connection, columns: list[str]) -> tuple[bytes, tuple[object, ...]]:
    """The same row as COPY gives it and as the driver reads it."""
    pgbinary.register(server)
    one = "select " + ", ".join(
        f"{said} as {name}" for said, name in zip(columns, StoredEvent._fields, strict=True)
    )
    with server.cursor().copy(f"copy ({one}) to stdout (format binary)".encode()) as copy:
        raw, end = map(bytes, copy)
    plain = server.execute(one.encode(), binary=True).fetchone()
    assert end == b"\xff\xff"
    assert plain is not None
    return raw[19:], plain


@pytest.mark.pg15
def test_rows_are_those_of_the_driver(database: str) -> None:
    """A whole row, and one with a null or another length in any column: only the first is well-formed."""
    with psycopg.connect(database) as server:
        raw, plain = rows(server, COLUMNS)
        assert well_formed(raw) == decoded(raw) == plain
        for at, said in enumerate(COLUMNS):
            raw, plain = rows(
                server, [*COLUMNS[:at], "null::" + ("bytea" if at > 6 else "bigint"), *COLUMNS[at + 1 :]]
            )
            assert (well_formed(raw), decoded(raw)) == (None, plain)
            if 6 < at < 11:
                raw, plain = rows(server, [*COLUMNS[:at], f"{said} || '\\x00'::bytea", *COLUMNS[at + 1 :]])
                assert (well_formed(raw), decoded(raw)) == (None, plain)


@pytest.mark.pg15
def test_lengths_that_make_up_for_each_other(database: str) -> None:
    """A hash a byte too short before one a byte too long has the right size as a whole, and is still refused."""
    with psycopg.connect(database) as server:
        shifted = [*COLUMNS[:7], f"substr({COLUMNS[7]}, 2)", f"{COLUMNS[8]} || '\\x00'::bytea", *COLUMNS[9:]]
        raw, plain = rows(server, shifted)
        assert len(raw) == len(rows(server, COLUMNS)[0])
        assert (well_formed(raw), decoded(raw)) == (None, plain)


@pytest.mark.pg15
def test_rows_cut_short(database: str) -> None:
    """No beginning of a row is a row."""
    with psycopg.connect(database) as server:
        raw, _ = rows(server, COLUMNS)
    assert [well_formed(raw[:length]) for length in range(len(raw))] == [None] * len(raw)
