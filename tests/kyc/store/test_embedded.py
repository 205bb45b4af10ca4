"""The embedded server's life: cold, warm, shared; what it lets in, what it shows, what it refuses."""

from __future__ import annotations

import os
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from fix_embedded import SMALL, Yard, pid_of, remember, remembered, wait_until
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kyc.errors import ConfigurationError, StoreError
from kyc.store import embedded
from kyc.store.binaries import Binaries, find
from kyc.store.embedded import EmbeddedServer

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _show(dsn: str, *names: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [connection.execute("select current_setting(%s)", (name,)).fetchone()[0] for name in names]


def _processes(server: EmbeddedServer) -> list[Path]:
    top = pid_of(server)
    children = Path(f"/proc/{top}/task/{top}/children").read_text().split()
    return [Path(f"/proc/{pid}") for pid in (str(top), *children)]


@pytest.mark.pg15
def test_cold_start(yard: Yard):
    """An empty home becomes a durable, checksummed UTF-8 cluster with our database, and nothing is left over."""
    server = yard.server(yard.home(cold=True), fsync=True)
    dsn = server.start()
    durable = _show(dsn, "fsync", "full_page_writes", "synchronous_commit", "data_checksums", "server_encoding")
    assert durable == ["on", "on", "on", "on", "UTF8"]
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select current_user, current_database()").fetchone() == ("kyc_owner", "kyc")
        collation = "datlocprovider::text" + (", datlocale" if yard.binaries.major >= 17 else ", datcollate")
        found = connection.execute(f"select {collation} from pg_database where datname = 'kyc'").fetchone()
    assert found == ("b" if yard.binaries.major >= 17 else "c", "C.UTF-8")
    assert sorted(path.name for path in server.layout.pg.iterdir()) == [
        "alive", "data", "lock", "log", "password", "run",
    ]  # fmt: skip


@pytest.mark.pg15
def test_warm_start(yard: Yard):
    """What was committed before a stop is there after the next start, by another object."""
    home = yard.home()
    first = yard.server(home)
    remember(first.start(), "kept")
    first.stop()
    assert not first.running()
    second = yard.server(home)
    assert remembered(second.start()) == ["kept"]


def test_start_twice_attaches(yard: Yard):
    """A second start, by the same or another object, finds the running server."""
    home = yard.home()
    server = yard.server(home)
    server.start()
    pid = pid_of(server)
    other = yard.server(home)
    assert server.start() == other.start()
    assert pid_of(other) == pid


def test_two_cold_starts_at_once(yard: Yard):
    """Of two processes that start on an empty home, one makes the cluster and both reach the same server."""
    home = yard.home(cold=True)
    owners = [yard.begin_owner(home), yard.begin_owner(home)]
    assert [owner.stdout.readline() for owner in owners] == ["ready\n", "ready\n"]
    server = yard.server(home)
    assert server.running()
    assert server.layout.log.read_text().count("ready to accept connections") == 1


def test_context_manager_stops_only_what_it_started(yard: Yard):
    """Leaving the block of an attached object leaves the server to who started it."""
    home = yard.home()
    with yard.server(home) as first:
        with yard.server(home) as second:
            assert second.running()
        assert first.running()
    assert not first.running()


def test_stop_of_nothing(tmp_path: Path):
    """Stopping a server that never was does nothing, and leaves nothing."""
    server = EmbeddedServer(tmp_path / "home")
    server.stop()
    assert not server.running()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.pg15
def test_scram_is_demanded(yard: Yard):
    """A wrong password and no password are refused, and only a SCRAM verifier is stored."""
    dsn = yard.server(yard.home()).start()
    bare = {key: value for key, value in conninfo_to_dict(dsn).items() if key != "passfile"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(make_conninfo(**bare, password="wrong"))
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(make_conninfo(**bare, passfile="/dev/null"))
    with psycopg.connect(dsn) as connection:
        methods = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        secret = connection.execute("select rolpassword from pg_authid where rolname = 'kyc_owner'").fetchone()
    assert methods == [("scram-sha-256",)]
    assert secret[0].startswith("SCRAM-SHA-256$")


def test_secret_stays_in_its_file(yard: Yard):
    """The password is in one private file: not in the DSN, a command line, an environment or the log."""
    server = yard.server(yard.home(cold=True))
    dsn = server.start()
    password = server.layout.password.read_text().strip().rsplit(":", 1)[1]
    assert len(password) >= 40
    assert _mode(server.layout.password) == 0o600
    texts = [dsn, server.layout.log.read_text()]
    for path in [path / name for path in _processes(server) for name in ("cmdline", "environ")]:
        with suppress(ProcessLookupError, FileNotFoundError):  # workers come and go
            texts.append(path.read_bytes().decode(errors="replace"))
    assert len(texts) > 6
    assert not [text for text in texts if password in text]


def test_no_tcp_listener(yard: Yard):
    """No process of the server listens on TCP; the one door is a socket in a folder of mode 0700."""
    server = yard.server(yard.home())
    server.start()
    listening = {
        line.split()[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    held = set()
    for process in _processes(server):
        with suppress(FileNotFoundError):  # a worker that came and went meanwhile
            held |= {str(fd.readlink()) for fd in (process / "fd").iterdir() if fd.is_symlink()}
    assert not held & {f"socket:[{inode}]" for inode in listening}
    assert any(name.startswith("socket:") for name in held)
    assert _mode(server.layout.run) == 0o700
    assert _mode(server.layout.data) == 0o700


def test_long_home_path(yard: Yard):
    """Where the socket's path would be too long, a private folder below /tmp holds it, and goes with the server."""
    home = yard.home(cold=True)
    deep = home / ("d" * 60) / ("e" * 60)
    deep.parent.mkdir(parents=True)
    yard.home().rename(deep)
    server = yard.server(deep)
    dsn = server.start()
    run = server.layout.run
    assert run.parent == Path("/tmp")
    assert (_mode(run), run.stat().st_uid) == (0o700, os.geteuid())
    assert yard.server(deep).start() == dsn
    server.stop()
    assert not run.exists()


@pytest.mark.parametrize("flaw", ["open", "link"])
def test_long_home_path_squatted(yard: Yard, flaw: str):
    """A folder below /tmp that others may enter, or a link in its place, is refused."""
    server = yard.server(yard.root / ("d" * 60) / ("e" * 60))
    run = server.layout.run
    if flaw == "open":
        run.mkdir(mode=0o755)
    else:
        run.symlink_to(yard.root)
    try:
        with pytest.raises(ConfigurationError, match="not private"):
            server.start()
    finally:
        run.rmdir() if flaw == "open" else run.unlink()


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="no PostgreSQL 15 from Debian here")
def test_debian_15_and_an_upgrade(yard: Yard):
    """Debian's PostgreSQL 15 serves a cold home; programs of another major refuse its data and name the way out."""
    debian = find(DEBIAN_15)
    assert debian.major == 15
    home = yard.home(cold=True)
    server = yard.server(home, debian)
    dsn = server.start()
    assert _show(dsn, "server_version_num")[0].startswith("15")
    remember(dsn, "fifteen")
    server.stop()
    newer = find(environment={})
    if newer.major != 15:
        with pytest.raises(ConfigurationError, match="written by PostgreSQL 15") as refused:
            yard.server(home, newer).start()
        assert "export" in refused.value.remedy
        assert "new home" in refused.value.remedy
    assert remembered(yard.server(home, debian).start()) == ["fifteen"]


def test_other_major(yard: Yard):
    """A data folder of another major version is not started, and not touched."""
    home = yard.home()
    server = yard.server(home)
    (server.layout.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(ConfigurationError, match="written by PostgreSQL 14") as refused:
        server.start()
    assert "import" in refused.value.remedy
    assert (server.layout.data / "PG_VERSION").read_text() == "14\n"


def test_foreign_data_folder(yard: Yard):
    """Files that are no cluster are neither used nor removed."""
    home = yard.home(cold=True)
    stranger = home / "pg" / "data" / "letters.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("dear")
    with pytest.raises(ConfigurationError, match="not a PostgreSQL cluster"):
        yard.server(home).start()
    assert stranger.read_text() == "dear"


def test_lost_password(yard: Yard):
    """Without the password file the error names the file, and the cluster is left as it is."""
    server = yard.server(yard.home())
    server.layout.password.unlink()
    with pytest.raises(ConfigurationError, match="password") as refused:
        server.start()
    assert refused.value.field == str(server.layout.password)


def test_environment_password_hides_ours(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    """PGPASSWORD, which libpq prefers to any file, is named as the cause."""
    server = yard.server(yard.home())
    server.start()
    monkeypatch.setenv("PGPASSWORD", "another")
    with pytest.raises(ConfigurationError) as refused:
        server.start()
    assert refused.value.field == "PGPASSWORD"


@pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "listen_addresses", "unix_socket_directories"])
def test_fixed_settings(tmp_path: Path, name: str):
    """Neither durability nor the door can be changed by a setting."""
    with pytest.raises(ConfigurationError) as refused:
        EmbeddedServer(tmp_path, settings={name: "off"})
    assert refused.value.field == name


def test_tuning(yard: Yard):
    """Tuning given by the caller wins over ours; the rest of ours holds."""
    dsn = yard.server(yard.home(), settings=SMALL | {"work_mem": "7MB"}).start()
    assert _show(dsn, "work_mem", "shared_buffers", "TimeZone", "jit") == ["7MB", "16MB", "UTC", "off"]


def test_server_that_cannot_start(yard: Yard):
    """When the server ends while starting, the error quotes why."""
    with pytest.raises(StoreError, match="ended while starting") as failed:
        yard.server(yard.home(), settings={"shared_buffers": "plenty"}).start()
    assert "shared_buffers" in failed.value.rule


def test_programs_that_cannot_initialise(yard: Yard):
    """A failing initdb is reported with its words, and leaves no half-made folder."""
    broken = yard.root / "broken" / "bin"
    broken.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (broken / name).write_text("#!/bin/sh\necho 'initdb: error: out of paper' >&2\nexit 1\n")
        (broken / name).chmod(0o755)
    server = yard.server(yard.home(cold=True), Binaries(broken, yard.binaries.major, "setting"))
    with pytest.raises(StoreError, match="initdb failed") as failed:
        server.start()
    assert failed.value.rule == "initdb: error: out of paper"
    assert not list(server.layout.pg.glob("data*"))


def test_log_holds_no_statement(yard: Yard):
    """The text of a failing statement and the values of a violated key do not reach the log."""
    server = yard.server(yard.home())
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("create table person (name text primary key)")
        for _ in range(2):
            insert = "insert into person values ('Wang Xiaoming') returning name"
            with suppress(psycopg.errors.UniqueViolation):
                assert connection.execute(insert).fetchone() == ("Wang Xiaoming",)
    log = server.layout.log.read_text()
    assert "duplicate key" in log
    assert "Wang" not in log


def test_log_is_set_aside(yard: Yard):
    """A log that has grown is renamed at the next start; three old ones are kept."""
    server = yard.server(yard.home())
    log = server.layout.log
    with log.open("ab") as file:
        file.truncate(10_000_001)
    for number in (1, 2, 3):
        log.with_name(f"log.{number}").write_text(f"old {number}")
    server.start()
    assert log.with_name("log.1").stat().st_size == 10_000_001
    assert log.with_name("log.3").read_text() == "old 2"
    assert sorted(path.name for path in server.layout.pg.glob("log*")) == ["log", "log.1", "log.2", "log.3"]
    assert "ready to accept connections" in log.read_text()
    assert _mode(log) == 0o600


@pytest.mark.slow
def test_long_recovery_is_waited_for(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    """A server that says it is starting up is waited for longer than a silent one would be."""
    passed, real = 0.0, EmbeddedServer._ping

    def ping(self: EmbeddedServer) -> embedded.Ping:
        nonlocal passed
        answer = real(self)
        passed += 2 * embedded._SILENCE_SECONDS * (answer is embedded.Ping.REJECT)
        return answer

    monkeypatch.setattr(EmbeddedServer, "_ping", ping)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed, sleep=time.sleep)
    monkeypatch.setattr(embedded, "time", clock)
    home = yard.home()
    (home / "pg" / "data" / "recovery.signal").touch()
    server = yard.server(home, settings=SMALL | {"restore_command": "sleep 1; false", "hot_standby": "off"})
    server.start()
    log = server.layout.log.read_text()
    assert "archive recovery complete" in log
    assert passed, "it was never asked while it recovered"


def test_die_with_parent_outlives_the_starting_thread(yard: Yard):
    """The server's fate is tied to the process, not to the thread that called start()."""
    server = yard.server(yard.home(), mode="die-with-parent")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    wait_until(server.running)
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("select pg_sleep(0.5)")
    last_life = server.layout.log.read_text().rpartition("ready to accept connections")[2]
    assert "fast shutdown" not in last_life
