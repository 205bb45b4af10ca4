"""The embedded PostgreSQL: started, found again and stopped, whoever died in between.

The life-cycle (docs/decisions/0001-embedded-postgresql.md):

1. take ``lock``, so that of two starters one starts and the other attaches;
2. connect. A connection is the only proof that a server runs. One that is starting up or recovering is waited for;
3. take ``alive``, which the server and all its children inherit and hold: once we have it, all of them are dead,
   whatever pid files and zombies say;
4. make the cluster if there is none, remove what a dead server left, start ``postgres`` and wait for a connection.

Files are :mod:`kyc.store.cluster`'s, programs :mod:`kyc.store.binaries`', giving up root
:mod:`kyc.store.privileges`'. The server has no TLS, no TCP and one data folder: for evaluation, one-node pilots and
tests. Production is a DSN. Runs on Linux.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, Self, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from kyc.errors import ConfigurationError, StoreError, StoreUnavailableError
from kyc.store.binaries import Binaries, find
from kyc.store.cluster import CLEAN_ENVIRONMENT, OWNER, PORT, Layout, postmaster, server_arguments
from kyc.store.errors_pg import translated
from kyc.store.privileges import Privilege, choose

DATABASE: Final = "kyc"
"""The ledger's database, made at the first start."""

Mode = Literal["attach", "die-with-parent"]

_T = TypeVar("_T")

_SILENCE_SECONDS: Final = 60.0
"""A living server that does not even say that it is starting up is given up after this."""
_POLL_SECONDS: Final = 0.02
_CONNECT_SECONDS: Final = 10


class EmbeddedServer:
    """One PostgreSQL below ``home``, shared by every process that names the same home.

    ``binaries`` defaults to what :func:`kyc.store.binaries.find` finds. ``mode`` ``attach``: the server outlives a
    killed owner and the next process attaches; ``die-with-parent``: it shuts down with the process that started it.
    ``fsync=False`` survives a killed server but not a power cut: for tests only. ``settings`` override tuning
    parameters by name. ``privilege`` forces the way in which root is given up. As a context manager it stops only
    what it started.
    """

    def __init__(
        self,
        home: Path,
        binaries: Binaries | None = None,
        *,
        mode: Mode = "attach",
        fsync: bool = True,
        settings: Mapping[str, str] = {},
        privilege: Privilege | None = None,
    ) -> None:
        self.layout = Layout(home.resolve())
        self.mode = mode
        self._binaries = binaries
        self._privilege = privilege
        self._fsync = fsync
        self._arguments = server_arguments(self.layout, fsync=fsync, settings=settings)
        self._child: _Child | None = None

    def start(self) -> str:
        """Start the server, or attach to it where it runs; returns the DSN of the owner on database ``kyc``.

        Waits for a crash recovery as long as the server says that it is at it.

        Raises:
            ConfigurationError: no programs, another major version's data, no way to give up root, a foreign folder.
            StoreUnavailableError: a server lives on this folder but does not answer.
            StoreError: the server ended while starting; the error quotes its last words.
        """
        if sys.platform != "linux":
            raise ConfigurationError(
                "the embedded server runs on Linux", remedy="use a server of your own (--database)"
            )
        self.layout.create()
        with self._locked():
            claim = self._settle(self._claim)
            if claim is not None:
                try:
                    self._launch(claim)
                finally:
                    os.close(claim)
            self._create_database()
        return self.dsn()

    def stop(self, timeout: float = 60.0) -> None:
        """Shut down fast (open transactions roll back), whoever started it; returns when every process is gone.

        Raises:
            StoreUnavailableError: it did not end, or another process held the lock, for ``timeout`` seconds.
        """
        if not self.layout.pg.is_dir():
            return
        deadline = time.monotonic() + timeout
        asked = None
        with self._locked(deadline):
            while (claim := self._claim()) is None:
                pid = postmaster(self.layout)
                if pid is not None and pid != asked:
                    os.kill(pid, signal.SIGINT)
                    asked = pid
                _pause(deadline, self.layout)
            self.layout.remove_run()
            os.close(claim)
        self._child = None

    def running(self) -> bool:
        """Whether the server accepts a connection of its owner now."""
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def dsn(self, database: str = DATABASE, user: str = OWNER) -> str:
        """The libpq connection string. It holds no secret: the password stays in a file only we can read."""
        layout = self.layout
        return make_conninfo(
            host=str(layout.run), port=PORT, dbname=database, user=user, passfile=str(layout.password)
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self.stop()

    def _launch(self, claim: int) -> None:
        layout = self.layout
        way, binaries = choose(self._binaries or find(), layout.pg, self._privilege)
        if not layout.check_data(binaries):
            layout.initialise(binaries, way, claim, sync=self._fsync)
        layout.remove_stale()
        layout.create_run(way)
        way.give(layout.data)
        owner = os.getpid() if self.mode == "die-with-parent" else 0
        command = way.command([binaries.bin / "postgres", *self._arguments], owner)
        log = layout.open_log()
        try:
            before = os.fstat(log).st_size
            child = _Child(command, log, claim)
        finally:
            os.close(log)
        code = self._settle(child.ended)
        if code is not None:
            said = layout.log.read_bytes()[before:].decode(errors="replace")
            reason = [line for line in said.splitlines() if "FATAL" in line or "PANIC" in line]
            raise StoreError(
                f"the embedded server ended while starting (code {code})",
                field=str(layout.log),
                rule=" ".join(reason) or said[-500:],
            )
        self._child = child

    def _settle(self, gone: Callable[[], _T | None]) -> _T | None:
        """Wait until the server accepts us (None), or until ``gone`` has an answer that there is none."""
        deadline = time.monotonic() + _SILENCE_SECONDS
        while True:
            ping = self._ping()
            if ping is Ping.OK and self._accepts():
                return None
            if ping is Ping.REJECT:  # starting up, recovering or shutting down, and saying so: that may take long
                deadline = time.monotonic() + _SILENCE_SECONDS
            elif (answer := gone()) is not None:
                return answer
            _pause(deadline, self.layout)

    def _accepts(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError as cause:
            if self._ping() is not Ping.OK:
                return False  # it has begun to shut down in between
            if "PGPASSWORD" in os.environ:
                raise ConfigurationError(
                    "the embedded server refuses its owner", field="PGPASSWORD", remedy="unset it: libpq prefers it"
                ) from cause
            raise StoreUnavailableError(
                "the embedded server runs but refuses its owner",
                field=str(self.layout.password),
                remedy=f"see {self.layout.log}",
            ) from cause
        return True

    def _ping(self) -> Ping:
        return Ping(PGconn.ping(self._conninfo().encode()))  # psycopg's C build returns the bare number

    def _claim(self) -> int | None:
        """The descriptor of ``alive`` if every process of the last server is gone, else None."""
        descriptor = os.open(self.layout.pg / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if postmaster(self.layout) is not None:  # started by hand, so without our descriptor
            os.close(descriptor)
            return None
        return descriptor

    @contextmanager
    def _locked(self, deadline: float | None = None) -> Iterator[None]:
        """Keep other starters and stoppers out; the kernel ends it with our process."""
        descriptor = os.open(self.layout.pg / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if deadline is None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            while deadline is not None:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    _pause(deadline, self.layout)
            yield
        finally:
            os.close(descriptor)

    def _create_database(self) -> None:
        with translated(), self._connect() as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
            if known is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self._conninfo(), autocommit=True)

    def _conninfo(self) -> str:
        return make_conninfo(self.dsn("postgres"), connect_timeout=_CONNECT_SECONDS)


class _Child:
    """The server as a child of ours, started and waited for by a thread of its own.

    Waiting keeps it from becoming a zombie. And since the kernel's parent-death signal follows the thread that
    started the child, not the process, that thread must live as long as we do.
    """

    def __init__(self, command: list[str], log: int, alive: int) -> None:
        self._command = command
        self._started: Future[None] = Future()
        self._exit: Future[int] = Future()
        threading.Thread(target=self._keep, args=(log, alive), name="kyc-embedded-server", daemon=True).start()
        self._started.result()

    def ended(self) -> int | None:
        """The exit code once the server has ended; negative: the signal that ended it."""
        return self._exit.result() if self._exit.done() else None

    def _keep(self, log: int, alive: int) -> None:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=CLEAN_ENVIRONMENT,
                pass_fds=[alive],
                start_new_session=True,  # a Ctrl-C for us is not one for the server
            )
        except Exception as cause:  # noqa: BLE001 - raised again in the thread that waits for it
            self._started.set_exception(cause)
            return
        self._started.set_result(None)
        self._exit.set_result(process.wait())


def _pause(deadline: float, layout: Layout) -> None:
    if time.monotonic() > deadline:
        raise StoreUnavailableError(
            "the embedded server lives but does not answer in time",
            field=str(layout.data),
            rule=f"process {postmaster(layout) or 'unknown'}",
            remedy=f"see {layout.log}; kyc stop, or end its processes",
        )
    time.sleep(_POLL_SECONDS)
