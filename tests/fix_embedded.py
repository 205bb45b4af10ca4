"""Embedded servers for tests that kill them: homes in short paths, owners in their own processes, no leftovers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fix_database
import psycopg
import pytest

from kyc.store.binaries import Binaries
from kyc.store.cluster import postmaster
from kyc.store.embedded import EmbeddedServer

SMALL = {"shared_buffers": "16MB", "max_connections": "20", "max_wal_size": "128MB"}

_OWNER = """
import json, sys, time
from pathlib import Path
from kyc.store.binaries import find
from kyc.store.embedded import EmbeddedServer
home, binaries, options = sys.argv[1:]
EmbeddedServer(Path(home), find(Path(binaries)), fsync=False, **json.loads(options)).start()
print("ready", flush=True)
time.sleep(600)
"""


@dataclass
class Yard:
    """Where a test keeps its servers; everything in it is stopped and removed after the test."""

    root: Path
    binaries: Binaries
    model: Path
    _servers: list[EmbeddedServer] = field(default_factory=list)
    _owners: list[subprocess.Popen[str]] = field(default_factory=list)

    def home(self, *, cold: bool = False) -> Path:
        """A home with an initialised, stopped cluster; or the name of one that is not there yet."""
        home = self.root / uuid.uuid4().hex[:6]
        if not cold:
            shutil.copytree(self.model, home, symlinks=True, ignore=shutil.ignore_patterns("lock", "alive"))
        return home

    def server(self, home: Path, binaries: Binaries | None = None, **options: Any) -> EmbeddedServer:
        """A server object of the test's own process, not started."""
        options = {"fsync": False, "settings": SMALL} | options
        server = EmbeddedServer(home, binaries or self.binaries, **options)
        self._servers.append(server)
        return server

    def owner(self, home: Path, **options: Any) -> subprocess.Popen[str]:
        """A process of its own that starts the server, or attaches, and then sleeps."""
        owner = self.begin_owner(home, **options)
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        return owner

    def begin_owner(self, home: Path, **options: Any) -> subprocess.Popen[str]:
        """The same, but not waited for."""
        import json

        self.server(home)
        arguments = [str(home), str(self.binaries.bin), json.dumps({"settings": SMALL} | options)]
        owner = subprocess.Popen([sys.executable, "-c", _OWNER, *arguments], stdout=subprocess.PIPE, text=True)
        self._owners.append(owner)
        return owner

    def close(self) -> None:
        """End all owners and servers."""
        for owner in self._owners:
            owner.kill()
            owner.wait()
            assert owner.stdout is not None
            owner.stdout.close()
        for server in self._servers:
            server.stop()
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture(scope="session")
def model_home(pytestconfig: pytest.Config, pg_binaries: Binaries) -> Path:
    """A home whose cluster was made and stopped, for copying."""
    home = pytestconfig.stash[fix_database.RUN_ROOT] / f"model-{uuid.uuid4().hex[:6]}"
    with EmbeddedServer(home, pg_binaries, fsync=False, settings=SMALL):
        pass
    return home


@pytest.fixture
def yard(pytestconfig: pytest.Config, pg_binaries: Binaries, model_home: Path) -> Iterator[Yard]:
    """Room for servers that may be hurt."""
    root = pytestconfig.stash[fix_database.RUN_ROOT] / uuid.uuid4().hex[:6]
    root.mkdir(mode=0o755)
    made = Yard(root, pg_binaries, model_home)
    yield made
    made.close()


def pid_of(server: EmbeddedServer) -> int:
    """The postmaster's process id."""
    pid = postmaster(server.layout)
    assert pid is not None
    return pid


def state_of(pid: int) -> str:
    """The kernel's letter for a process: Z for a zombie, empty when it is gone."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that must come about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def remember(dsn: str, word: str) -> None:
    """Commit a word."""
    with psycopg.connect(dsn) as connection:
        connection.execute("create table if not exists word (word text)")
        connection.execute("insert into word values (%s)", (word,))


def remembered(dsn: str) -> list[str]:
    """The committed words."""
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("select word from word order by 1")]
