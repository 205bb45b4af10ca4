"""Give up power, then become the given program: the last step before initdb or postgres runs.

PostgreSQL refuses to run as root. This file is run as a script by its path, in a process of its own that has one
thread and imports nothing of ours, because the system calls here bind the whole process and must not happen between
a fork and an exec of a threaded caller. Which way is taken is decided in :mod:`kyc.store.privileges`.

    launch.py direct                    WATCH PROGRAM [ARGUMENT …]
    launch.py namespace                 WATCH PROGRAM [ARGUMENT …]
    launch.py account   UID GID         WATCH PROGRAM [ARGUMENT …]

WATCH is the process id of the owner to die with, or 0. PROGRAM ``check`` prints the first of its arguments, all of
them folders or files, that cannot be reached in this way, and exits with 1.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

INSIDE_ID: Final = 65534
"""The user the caller appears to be inside the namespace; any number but 0 satisfies PostgreSQL."""

_CLONE_NEWUSER: Final = 0x1000_0000  # linux/sched.h
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def enter_namespace() -> None:
    """Make a user namespace in which the caller is an ordinary user; outside, it stays who it is.

    Files keep their owner, and all capabilities are gone after the next exec (user_namespaces(7)).

    Raises:
        OSError: the kernel or a container's policy forbids it.
    """
    uid, gid = os.geteuid(), os.getegid()
    _system_call("unshare", _CLONE_NEWUSER)
    me = Path("/proc/self")
    (me / "setgroups").write_text("deny", encoding="ascii")  # else gid_map may not be written
    (me / "uid_map").write_text(f"{INSIDE_ID} {uid} 1", encoding="ascii")
    (me / "gid_map").write_text(f"{INSIDE_ID} {gid} 1", encoding="ascii")


def drop_to(uid: int, gid: int) -> None:
    """Become the account for good, with none of root's groups."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def die_with(owner: int) -> None:
    """Ask for SIGINT, PostgreSQL's fast shutdown, when the owner ends. Must follow any change of user."""
    _system_call("prctl", _PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    if os.getppid() != owner:  # it ended before we asked
        sys.exit(1)


def _system_call(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*(ctypes.c_ulong(argument) for argument in arguments)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def _check(paths: list[str]) -> NoReturn:
    for path in paths:
        if not os.access(path, os.X_OK, effective_ids=True):
            sys.stdout.write(path)
            sys.exit(1)
    sys.exit(0)


def main(arguments: list[str]) -> NoReturn:
    """Follow the command line of the module's docstring."""
    way, *rest = arguments
    if way == "namespace":
        enter_namespace()
    elif way == "account":
        drop_to(int(rest.pop(0)), int(rest.pop(0)))
    watch, program, *others = rest
    if int(watch):
        die_with(int(watch))
    if program == "check":
        _check(others)
    os.umask(0o077)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and an ignored signal survives exec
    os.execv(program, [program, *others])  # noqa: S606 - to become the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
