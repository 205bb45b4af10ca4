"""Reading behind the second wall: connections that see what their scope covers, whatever SQL is sent over them.

A scope is a capability: some branches, or everything, for one backend and a minute,
under an HMAC whose key only the
database's owner and we have. The connection's own login may read and nothing else, and belongs to no other role, so
``reset role`` leads nowhere; ``set_config`` with anything but our capability gives a scope of nothing. Format:
``mac ‖ pid|backend start|expiry|branches``; mac is 64 hexadecimal digits, times are microseconds since the epoch,
branches are separated by U+001F, ``*`` is everything.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from kyc.clock import Clock, SystemClock
from kyc.errors import InputError
from kyc.store import pgbinary
from kyc.store.database import Connection
from kyc.store.errors_pg import translated

VALID_US: Final = 60_000_000
"""How long a capability is good for; a query that began in time goes on."""
EVERYTHING: Final = "*"
_SEPARATOR: Final = "\x1f"
_BLOCK: Final = 64
_BACKEND: Final = """
select pg_backend_pid(), (extract(epoch from backend_start) * 1000000)::bigint
from pg_stat_get_activity(pg_backend_pid())
"""
_ENTER: Final = "select set_config('kyc.scope', %s, true)"
_INSTALL: Final = """
insert into kyc_scope.capability (inner_pad, outer_pad) values (%s, %s)
on conflict (one) do update set inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad
"""


def capability(secret: bytes, backend: tuple[int, int], branches: frozenset[str] | None, until: int) -> str:
    """The signed scope of one backend (pid, start) until a moment; ``branches`` None: everything.

    Raises:
        InputError: a branch code that cannot stand in a capability.
    """
    if branches is not None and any({*"|*\x1f\x00"} & {*branch} or not branch for branch in branches):
        raise InputError("not a branch code", field="branch", rule="no bar, star or control character")
    covered = EVERYTHING if branches is None else _SEPARATOR.join(sorted(branches))
    body = f"{backend[0]}|{backend[1]}|{until}|{covered}"
    return hmac.new(secret, body.encode(), sha256).hexdigest() + body


def install(owner_dsn: str, secret: bytes) -> None:
    """Give the database the key that capabilities are checked with; as its owner, after every change of it."""
    key = (secret if len(secret) <= _BLOCK else sha256(secret).digest()).ljust(_BLOCK, b"\0")
    pads = bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)
    with translated(), psycopg.connect(owner_dsn, autocommit=True) as connection:
        connection.execute(_INSTALL, pads)


def add_login(owner_dsn: str, name: str, password: str) -> None:
    """A login that may read behind the wall and nothing else; made anew with this password where it exists."""
    role = sql.Identifier(name)
    with translated(), psycopg.connect(owner_dsn, autocommit=True) as connection, connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('kyc reader'))")
        known = connection.execute("select from pg_roles where rolname = %s", (name,)).fetchone()
        verb = sql.SQL("create role" if known is None else "alter role")
        connection.execute(
            sql.SQL("{} {} login nosuperuser nocreatedb nocreaterole password {}").format(
                verb, role, sql.Literal(password)
            )
        )
        connection.execute(sql.SQL("grant kyc_reader to {}").format(role))


class ScopedDatabase:
    """A bounded pool of readers' connections. Thread-safe."""

    def __init__(self, dsn: str, secret: bytes, *, clock: Clock | None = None, connections: int = 4) -> None:
        self._secret = secret
        self._clock = clock or SystemClock()
        self._pool = ConnectionPool(
            dsn, min_size=0, max_size=connections, kwargs={"autocommit": True}, configure=_configure,
            check=ConnectionPool.check_connection, open=False,
        )  # fmt: skip

    @contextmanager
    def reading(self, branches: frozenset[str] | None) -> Iterator[Connection]:
        """A read-only transaction that sees these branches, or with None everything.

        Raises:
            StoreUnavailableError: no connection within the pool's timeout.
            StoreError: the database refused a statement inside the block.
        """
        with translated():
            if self._pool.closed:
                self._pool.open()
            with self._pool.connection() as connection, connection.transaction():
                connection.execute("set transaction read only")
                pid, start = connection.execute(_BACKEND).fetchone() or (0, 0)
                said = capability(self._secret, (pid, start), branches, self._clock.now_us() + VALID_US)
                connection.execute(_ENTER, (said,))  # a parameter: no other session sees it in pg_stat_activity
                yield connection

    def close(self) -> None:
        """Return all connections."""
        self._pool.close()


def _configure(connection: Connection) -> None:
    pgbinary.register(connection)
