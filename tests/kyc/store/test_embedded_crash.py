"""The embedded server after kill -9 of its owner, of the server, of initdb: the next start gets it right."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
from fix_embedded import SMALL, Yard, pid_of, remember, remembered, state_of, wait_until

from kyc.errors import StoreUnavailableError
from kyc.store import embedded
from kyc.store.cluster import postmaster
from kyc.store.embedded import EmbeddedServer


def _processes_naming(path: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(path) in command and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def _locked(path: Path) -> bool:
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.pg15
def test_owner_killed(yard: Yard):
    """The server outlives its killed owner; the next process attaches to it, and can stop it."""
    home = yard.home()
    owner = yard.owner(home, mode="attach")
    server = yard.server(home)
    pid = pid_of(server)
    remember(server.dsn(), "before")
    owner.kill()
    owner.wait()
    assert server.running()
    server.start()
    assert pid_of(server) == pid
    assert remembered(server.dsn()) == ["before"]
    server.stop()
    assert state_of(pid) in {"", "Z"}
    assert not server.running()


@pytest.mark.pg15
def test_server_killed_while_its_owner_never_waits(yard: Yard):
    """A killed server that stays a zombie is seen to be dead; what was committed is recovered."""
    home = yard.home()
    owner = yard.owner(home)
    server = yard.server(home, fsync=True)
    remember(server.dsn(), "committed")
    open_transaction = psycopg.connect(server.dsn())
    open_transaction.execute("insert into word values ('open')")
    os.kill(owner.pid, signal.SIGSTOP)  # it lives, and will not wait for its child
    threads = list(Path(f"/proc/{owner.pid}/task").iterdir())
    wait_until(lambda: all(state_of(int(thread.name)) == "T" for thread in threads))
    dead = pid_of(server)
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: state_of(dead) == "Z")
    server.start()
    assert state_of(dead) == "Z"
    assert pid_of(server) != dead
    assert remembered(server.dsn()) == ["committed"]
    assert "automatic recovery in progress" in server.layout.log.read_text()
    open_transaction.close()


def test_server_killed_after_its_owner(yard: Yard):
    """Owner and server killed one after the other, busy backends and all: the next start recovers."""
    home = yard.home()
    owner = yard.owner(home)
    server = yard.server(home)
    remember(server.dsn(), "committed")
    busy = [psycopg.connect(server.dsn(), autocommit=True) for _ in range(3)]
    owner.kill()
    owner.wait()
    os.kill(pid_of(server), signal.SIGKILL)
    server.start()
    assert remembered(server.dsn()) == ["committed"]
    for connection in busy:
        connection.close()


def test_own_server_killed(yard: Yard):
    """The process that started a server waits for it, leaves no zombie, and can start it again."""
    server = yard.server(yard.home())
    server.start()
    dead = pid_of(server)
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: state_of(dead) == "")
    server.start()
    assert pid_of(server) != dead


@pytest.mark.parametrize("victim", ["owner", "both"])
def test_initdb_killed_half_way(yard: Yard, victim: str):
    """A cluster half made is never used: it is removed, and a whole one made."""
    home = yard.home(cold=True)
    pg = home / "pg"
    owner = yard.begin_owner(home)
    wait_until(lambda: list(pg.glob("data.new-*/cluster/PG_VERSION")))
    owner.kill()
    if victim == "both":
        for pid in _processes_naming(pg):
            os.kill(pid, signal.SIGKILL)
    owner.wait()
    assert not (pg / "data").exists()
    server = yard.server(home)
    remember(server.start(), "whole")
    assert remembered(server.dsn()) == ["whole"]
    assert not list(pg.glob("data.new-*"))


def test_leftover_of_initdb(yard: Yard):
    """A folder left by an attempt long ago goes away with the next cold start."""
    home = yard.home(cold=True)
    leftover = home / "pg" / "data.new-00000000" / "cluster"
    leftover.mkdir(parents=True)
    (leftover / "PG_VERSION").write_text(f"{yard.binaries.major}\n")
    server = yard.server(home)
    server.start()
    assert not leftover.parent.exists()


@pytest.mark.pg15
@pytest.mark.parametrize("content", ["stranger", "gone", "negative", "garbage"])
def test_stale_pid_file(yard: Yard, content: str):
    """A pid file is no proof: its number may be somebody else's by now, who is left alone."""
    home = yard.home()
    server = yard.server(home)
    with subprocess.Popen(["sleep", "600"]) as stranger, subprocess.Popen(["true"]) as gone:
        gone.wait()
        number = {"stranger": stranger.pid, "gone": gone.pid, "negative": -stranger.pid, "garbage": "?"}[content]
        lines = f"{number}\n{server.layout.data}\n1700000000\n5432\n{server.layout.run}\n\n"
        (server.layout.data / "postmaster.pid").write_text(lines)
        (server.layout.run / ".s.PGSQL.5432.lock").write_text(lines)
        (server.layout.run / ".s.PGSQL.5432").touch()
        server.start()
        assert server.running()
        assert stranger.poll() is None
        server.stop()
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.pg15
def test_die_with_parent(yard: Yard):
    """A server told so shuts down cleanly with its killed owner, and starts again."""
    home = yard.home()
    owner = yard.owner(home, mode="die-with-parent")
    server = yard.server(home)
    remember(server.dsn(), "kept")
    pid = pid_of(server)
    owner.kill()
    owner.wait()
    wait_until(lambda: state_of(pid) in {"", "Z"})
    assert not server.running()
    assert remembered(server.start()) == ["kept"]
    assert "automatic recovery" not in server.layout.log.read_text()


@pytest.mark.slow
def test_silent_server(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    """A server that lives but says nothing is neither doubled nor waited for for ever."""
    server = yard.server(yard.home())
    server.start()
    pid = pid_of(server)
    monkeypatch.setattr(embedded, "_SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(embedded, "_CONNECT_SECONDS", 2)  # libpq's shortest
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailableError, match="does not answer") as refused:
            server.start()
        with pytest.raises(StoreUnavailableError):
            server.stop(timeout=0.2)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert str(pid) in refused.value.rule


def test_server_started_by_hand(yard: Yard):
    """A server that somebody else started on our folder is never doubled, even without our lock."""
    home = yard.home()
    server = yard.server(home)
    server.start()
    pid = pid_of(server)
    (server.layout.pg / "alive").unlink()  # as if it had been started without it
    assert server._claim() is None
    assert postmaster(server.layout) == pid
    server.stop()
    assert state_of(pid) == ""


@pytest.mark.slow
def test_children_of_a_killed_server_are_waited_for(yard: Yard):
    """As long as one process of the dead server lives, no new one touches the data."""
    home = yard.home()
    server = yard.server(home)
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        os.kill(pid_of(server), signal.SIGKILL)
        next_owner = yard.begin_owner(home)
        wait_until(lambda: _locked(server.layout.pg / "lock"))  # it is at it
        with pytest.raises(subprocess.TimeoutExpired):
            next_owner.wait(1)
        assert postmaster(server.layout) is None
        assert _locked(server.layout.pg / "lock")
        os.kill(backend, signal.SIGKILL)
        assert next_owner.stdout.readline() == "ready\n"
    assert server.running()


def test_lock_of_a_hung_starter(yard: Yard):
    """Stopping does not wait for ever for a process that holds the lock."""
    home = yard.home()
    server = EmbeddedServer(home, yard.binaries, settings=SMALL)
    with (server.layout.pg / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailableError):
            server.stop(timeout=0.1)
