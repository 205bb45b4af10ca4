"""The files of the embedded server below ``<home>/pg``: created whole or not at all, and cleaned of the dead.

``data`` the cluster · ``run`` the socket · ``lock`` held while somebody starts or stops · ``alive`` held by the
server and its children as long as one of them lives · ``password`` · ``log``. Processes and connections belong to
:mod:`kyc.store.embedded`. Every function here that changes something is called under ``lock``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from kyc import files
from kyc.errors import ConfigurationError, StoreError
from kyc.store.binaries import Binaries
from kyc.store.privileges import Way, owners

OWNER: Final = "kyc_owner"
"""Superuser of the cluster; the ledger's service gives up its power on connecting."""

PORT: Final = 5432
"""Only part of the socket's name; nothing listens on TCP."""

CLEAN_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C"}
"""Nothing of the caller's environment reaches the server: PG* variables would change it."""

_SOCKET_PATH_MAX: Final = 103  # bytes; sun_path holds 108 on Linux and 104 elsewhere, with the final zero
_LOG_BYTES_MAX: Final = 10_000_000
_LOGS_KEPT: Final = 3

_TUNING: Final = {
    # for 2 cores and 8 GiB or more, with the ledger's own processes beside it
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "maintenance_work_mem": "256MB",
    "work_mem": "16MB",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "max_connections": "100",
    "jit": "off",
    # times and messages do not depend on the machine's locale
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # statements and their details may hold personal values, which no log may
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Names and places below one home, which must be absolute and free of symbolic links."""

    home: Path

    @property
    def pg(self) -> Path:
        return self.home / "pg"

    @property
    def data(self) -> Path:
        return self.pg / "data"

    @property
    def password(self) -> Path:
        return self.pg / "password"

    @property
    def log(self) -> Path:
        return self.pg / "log"

    @property
    def run(self) -> Path:
        """The socket's folder; where its path would be too long for a socket, a private one below ``/tmp``."""
        beside = self.pg / "run"
        length = len(os.fsencode(beside / f".s.PGSQL.{PORT}"))
        if length <= _SOCKET_PATH_MAX and "," not in str(beside):  # libpq splits hosts at commas
            return beside
        name = sha256(os.fsencode(self.home)).hexdigest()[:20]
        return Path("/tmp") / f"kyc-pg-{name}"  # noqa: S108 - its mode and owner are checked

    def create(self) -> None:
        """Make the folders that are missing, for us alone."""
        # An account that root drops to must pass through; nothing in here is readable to others.
        self.home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        self.pg.mkdir(mode=0o700, exist_ok=True)

    def create_run(self, way: Way) -> None:
        """Make the socket's folder for the server alone.

        Raises:
            ConfigurationError: somebody else's folder, or one that others may enter, is in its place.
        """
        run = self.run
        try:
            run.mkdir(mode=0o700)
        except FileExistsError:
            found = run.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid in owners()
            if not ours or stat.S_IMODE(found.st_mode) & 0o077:
                raise ConfigurationError(
                    "the folder of the socket is not private to us",
                    field=str(run),
                    rule="a folder of our own, mode 0700",
                    remedy="remove it, and find out who made it",
                ) from None
        way.give(run)

    def check_data(self, binaries: Binaries) -> bool:
        """Whether there is a cluster these programs can run; false if there is none yet.

        Raises:
            ConfigurationError: it belongs to another major version, or the folder holds something else.
        """
        try:
            major = int((self.data / "PG_VERSION").read_text(encoding="ascii"))
        except FileNotFoundError:
            if self.data.is_dir() and any(self.data.iterdir()):
                raise ConfigurationError(
                    "the data folder holds something that is not a PostgreSQL cluster",
                    field=str(self.data),
                    remedy="choose another --home",
                ) from None
            return False
        if major != binaries.major:
            raise ConfigurationError(
                f"the data folder was written by PostgreSQL {major}, the programs are version {binaries.major}",
                field=str(self.data),
                rule="one major version reads a data folder",
                remedy=f"with the programs of version {major} (KYC_PG_BIN) export the ledger, then import "
                "the export into a new home",
            )
        if not self.password.exists():
            raise ConfigurationError(
                "the password of the database's owner is gone", field=str(self.password), remedy="restore the file"
            )
        return True

    def initialise(self, binaries: Binaries, way: Way, alive: int, *, sync: bool) -> None:
        """Make the cluster in a sibling and rename it, so that ``data`` is whole or absent.

        The sibling of an earlier attempt that was killed is removed. ``alive`` is inherited, so nobody removes it
        under an initdb that outlives its owner for a moment.

        Raises:
            StoreError: initdb failed.
        """
        for leftover in self.pg.glob("data.new-*"):
            shutil.rmtree(leftover)
        sibling = self.pg / f"data.new-{secrets.token_hex(4)}"
        cluster, word = sibling / "cluster", sibling / "word"
        password = secrets.token_urlsafe(32)
        self._write_password(password)
        sibling.mkdir(mode=0o700)
        cluster.mkdir(mode=0o700)
        _write_private(word, password)
        way.give(sibling)
        answer = subprocess.run(
            way.command(_initdb(binaries, cluster, word, sync=sync), os.getpid()),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            env=CLEAN_ENVIRONMENT,
            cwd="/",
            pass_fds=[alive],
            start_new_session=True,
        )
        if answer.returncode != 0:
            shutil.rmtree(sibling)
            reason = " ".join(line for line in answer.stderr.splitlines() if "error" in line or "FATAL" in line)
            raise StoreError("initdb failed", field=str(self.data), rule=reason or answer.stderr[-500:])
        cluster.rename(self.data)
        shutil.rmtree(sibling)
        if sync:
            files.sync(self.pg)

    def remove_stale(self) -> None:
        """Remove what a dead server left and a new one would stumble over: its pid file, socket and socket lock."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for path in self.run.glob(".s.PGSQL.*"):
            path.unlink(missing_ok=True)

    def remove_run(self) -> None:
        """Leave nothing below ``/tmp`` once the server is gone."""
        self.remove_stale()
        if self.run.parent != self.pg and self.run.is_dir():
            self.run.rmdir()

    def open_log(self) -> int:
        """A descriptor to append to the log; a large one is set aside first, and the oldest dropped."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES_MAX:
            for number in range(_LOGS_KEPT - 1, 0, -1):
                older = self.log.with_name(f"log.{number}")
                if older.exists():
                    older.rename(self.log.with_name(f"log.{number + 1}"))
            self.log.rename(self.log.with_name("log.1"))
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _write_password(self, password: str) -> None:
        """As a libpq password file (PostgreSQL manual 32.16), so that no DSN has to hold the secret."""
        new = self.password.with_name("password.new")
        new.unlink(missing_ok=True)
        _write_private(new, f"*:*:*:{OWNER}:{password}\n")
        new.rename(self.password)


def server_arguments(layout: Layout, *, fsync: bool, settings: Mapping[str, str]) -> list[str]:
    """The arguments of ``postgres``. ``settings`` may override tuning, never door, place or durability.

    Raises:
        ConfigurationError: ``settings`` names one that is not the caller's.
    """
    quoted = str(layout.run).replace('"', '""')
    fixed = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{quoted}"',
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "logging_collector": "off",
        "fsync": "on" if fsync else "off",
        "full_page_writes": "on" if fsync else "off",
        "synchronous_commit": "on",  # without fsync too: a killed server then still loses nothing
    }
    for name in settings:
        if name in fixed:
            raise ConfigurationError(
                "this setting of the embedded server is fixed", field=name, remedy="use a server of your own"
            )
    merged = _TUNING | dict(settings) | fixed
    return ["-D", str(layout.data), *(part for name, value in merged.items() for part in ("-c", f"{name}={value}"))]


def postmaster(layout: Layout) -> int | None:
    """The process id of the living server on this data folder, or None.

    The pid file alone proves nothing: its process may be gone, a zombie nobody has waited for (to the kernel and to
    postgres itself it exists), or, after the number was used again, somebody else's.
    """
    try:
        lines = (layout.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        pid = int(lines[0])
        process = Path("/proc") / str(abs(pid))
        state = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        command = (process / "cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None
    ours = any(part.endswith(os.fsencode(layout.data)) for part in command)
    return abs(pid) if ours and state not in {"Z", "X"} else None


def _initdb(binaries: Binaries, cluster: Path, word: Path, *, sync: bool) -> list[str | Path]:
    # From 17 on the collation is PostgreSQL's own, so an upgrade of the machine's C library cannot break an index.
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [
        binaries.bin / "initdb",
        f"--pgdata={cluster}",
        f"--username={OWNER}",
        f"--pwfile={word}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--data-checksums",
        "--no-instructions",
        *(builtin if binaries.major >= 17 else ["--locale=C.UTF-8"]),
        *([] if sync else ["--no-sync"]),
    ]


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
