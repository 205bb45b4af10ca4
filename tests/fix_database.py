"""One embedded PostgreSQL for a whole test run, and a fresh database in it for each test that asks.

All xdist workers share the server. A process of its own keeps it: started by the first worker that needs a
database, it waits for the end of the pytest process that began the run, however that ends, then stops the server
and removes its folder. KYC_TEST_PG_BIN names the programs of another PostgreSQL. Durability is off here; tests that
are about crashes start servers of their own (fix_embedded.py).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from kyc.store.binaries import Binaries, find
from kyc.store.embedded import EmbeddedServer

RUN_ROOT = pytest.StashKey[Path]()
_RUN_LOCK = pytest.StashKey[int]()
_TEMPLATE = "kyc_template"
_SETTINGS = {"shared_buffers": "256MB", "max_connections": "200", "max_wal_size": "1GB"}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell an xdist worker where the run's folder is."""
    node.workerinput["kyc_test_root"] = str(node.config.stash[RUN_ROOT])


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder; the lock in it says that the run goes on."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[RUN_ROOT] = Path(worker["kyc_test_root"])
        return
    root = Path(tempfile.mkdtemp(prefix="kyc-test-"))
    root.chmod(0o711)  # an account that root drops to passes through
    config.stash[RUN_ROOT] = root
    config.stash[_RUN_LOCK] = _lock(root / "run")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run, and wait until its server and folder are gone."""
    if _RUN_LOCK not in config.stash:
        return
    root = config.stash[RUN_ROOT]
    os.close(config.stash[_RUN_LOCK])
    if not (root / "kept").exists():
        shutil.rmtree(root)
    deadline = time.monotonic() + 60
    while root.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.fixture(scope="session")
def pg_binaries() -> Binaries:
    """The PostgreSQL programs of this run: KYC_TEST_PG_BIN, or what a user would get."""
    return _binaries()


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> EmbeddedServer:
    """The run's embedded server, shared by all workers: not to be stopped or hurt."""
    root = pytestconfig.stash[RUN_ROOT]
    shared = _server(root)
    starting = _lock(root / "starting")
    try:
        if not shared.running():
            _start_keeper(root)
    finally:
        os.close(starting)
    return shared


@pytest.fixture(scope="session")
def database_template(server: EmbeddedServer) -> str:
    """Name of a database with all our migrations applied, made once per run."""
    from kyc.store.migrate import migrate

    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(1)")
        known = connection.execute("select 1 from pg_database where datname = %s", (_TEMPLATE,)).fetchone()
        if known is None:
            connection.execute("drop database if exists kyc_template_new with (force)")
            connection.execute("create database kyc_template_new")
            migrate(server.dsn("kyc_template_new"))
            # no autovacuum may sit in it when a test copies it
            connection.execute("alter database kyc_template_new is_template true allow_connections false")
            connection.execute(f"alter database kyc_template_new rename to {_TEMPLATE}")
    return _TEMPLATE


@pytest.fixture
def database(server: EmbeddedServer, database_template: str) -> Iterator[str]:
    """Connection string of a fresh database with our migrations applied, dropped after the test."""
    with _fresh(server, database_template) as dsn:
        yield dsn


@pytest.fixture
def database_factory(server: EmbeddedServer, database_template: str) -> Iterator[Callable[[], str]]:
    """Makes as many fresh, migrated databases as a test needs."""
    with ExitStack() as made:
        yield lambda: made.enter_context(_fresh(server, database_template))


@pytest.fixture
def empty_database(server: EmbeddedServer) -> Iterator[str]:
    """Connection string of a fresh database with nothing in it, dropped after the test."""
    with _fresh(server, "template1") as dsn:
        yield dsn


@contextmanager
def _fresh(server: EmbeddedServer, template: str) -> Iterator[str]:
    name = sql.Identifier(f"test_{uuid.uuid4().hex}")
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} template {}").format(name, sql.Identifier(template)))
    try:
        yield server.dsn(name.as_string().strip('"'))
    finally:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(name))


def _binaries() -> Binaries:
    named = os.environ.get("KYC_TEST_PG_BIN")
    return find(Path(named) if named else None)


def _server(root: Path) -> EmbeddedServer:
    return EmbeddedServer(root / "home", _binaries(), mode="die-with-parent", fsync=False, settings=_SETTINGS)


def _start_keeper(root: Path) -> None:
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(root)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert keeper.stdout is not None
    with keeper.stdout:
        said = keeper.stdout.readline()
    if said != "ready\n":
        keeper.wait()
        pytest.fail("the embedded server of the tests did not start: see stderr")
    keeper.returncode = 0  # it outlives this worker, which is not to be told so as a warning


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _keep(root: Path) -> None:
    server = _server(root)
    server.start()
    (root / "kept").touch()
    sys.stdout.write("ready\n")
    sys.stdout.close()
    run = _lock(root / "run")  # ours once the run has ended
    server.stop()
    shutil.rmtree(root)
    os.close(run)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
