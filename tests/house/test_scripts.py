"""What a person runs: listed, executable, explained; and the set-up itself, run for real without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "setup-rehearsal"
version = "1"
requires-python = ">=3.11"
[tool.hatch.build.targets.wheel]
packages = ["rehearsal"]
"""


def _scripts(tree) -> list[Path]:
    return [p for p in tree.files if p.parent.name in {"scripts", ".ci"} and p.suffix != ".md"]


def test_scripts_can_be_run(tree):
    """Every script is executable, names its shell and says in its second line what it does."""
    for path in _scripts(tree):
        first, second = tree.text(path).splitlines()[:2]
        assert os.access(tree.root / path, os.X_OK), path
        assert first.startswith("#!/"), path
        assert re.match(r"# \w.{20}", second), path


def test_scripts_parse(tree):
    """Every shell script is accepted by the shell it names."""
    for path in _scripts(tree):
        shell = tree.text(path).splitlines()[0].removeprefix("#!").split()
        if shell[-1].rpartition("/")[2] in {"sh", "bash"}:
            subprocess.run([*shell, "-n", path], cwd=tree.root, check=True)


def test_scripts_are_listed(tree):
    """scripts/README.md has one line for each script and none for another."""
    listed = re.findall(r"^\| `scripts/([^`]+)` \|", tree.text(Path("scripts/README.md")), re.MULTILINE)
    assert listed == sorted(path.name for path in _scripts(tree) if path.parent.name == "scripts")


@pytest.fixture
def rehearsal(tree, tmp_path):
    """A small project of its own, in a folder with a space, that has this project's scripts/setup."""
    root = tmp_path / "a folder"
    for folder in ("scripts", "requirements", "rehearsal"):
        (root / folder).mkdir(parents=True)
    shutil.copy2(tree.root / "scripts" / "setup", root / "scripts" / "setup")
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "rehearsal" / "__init__.py").write_text("")
    for profile in ("run", "dev"):
        (root / "requirements" / f"{profile}.txt").write_text("# nothing to install\n")
    return root


def _setup(root: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the rehearsal's scripts/setup from another folder; the build backend comes from our own packages."""
    variables = {"PATH": os.defpath, "PYTHONPATH": sysconfig.get_path("purelib"), "KYC_PYTHON": sys.executable}
    return subprocess.Popen(
        [root / "scripts" / "setup", *arguments],
        cwd=root.parent,
        env=variables | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def _said(process: subprocess.Popen[str], status: int = 0) -> str:
    _, said = process.communicate(timeout=100)
    assert process.returncode == status, said
    return said


@pytest.mark.slow
def test_setup_once_whoever_asks(rehearsal):
    """Three set-ups at once make one environment; the next one has nothing to do, --run neither."""
    together = [_setup(rehearsal) for _ in range(3)]
    said = "".join(_said(process) for process in together)
    assert said.count("making .venv") == 1
    assert said.count("ready:") == 1
    assert _said(_setup(rehearsal)) == ""
    assert _said(_setup(rehearsal, "--run")) == ""
    python = rehearsal / ".venv" / "bin" / "python"
    program = "import rehearsal; print(rehearsal.__file__)"
    found = subprocess.run([python, "-c", program], cwd="/", capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(rehearsal / "rehearsal" / "__init__.py")


@pytest.mark.slow
def test_setup_follows_the_lock_and_the_folder(rehearsal):
    """A changed lock installs again; a moved checkout gets an environment that knows its new place."""
    _said(_setup(rehearsal, "--run"))
    (rehearsal / "requirements" / "run.txt").write_text("# still nothing\n")
    said = _said(_setup(rehearsal, "--run"))
    assert "installing" in said
    assert "making" not in said
    with (rehearsal / "pyproject.toml").open("a") as file:
        file.write("# --- tests, and other settings of tools ---\n[tool.other]\n")
    assert _said(_setup(rehearsal, "--run")) == ""
    moved = rehearsal.rename(rehearsal.with_name("elsewhere"))
    assert "making .venv" in _said(_setup(moved, "--run"))
    assert _said(_setup(moved, "--run")) == ""


def _fake_python(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def bare_path(tmp_path):
    """A folder for PATH that has what a minimal system has, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("cat", "cmp", "dirname", "grep", "mv", "rm", "sed"):
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def test_setup_without_python(rehearsal, bare_path):
    """Without any Python, or with an old one only, set-up says what is missing and how to name one."""
    _fake_python(bare_path, "python3", "exit 1")
    said = _said(_setup(rehearsal, PATH=str(bare_path), KYC_PYTHON=""), status=1)
    assert "no Python 3.11 or newer found" in said
    assert "KYC_PYTHON=" in said


def test_setup_refuses_the_named_python(rehearsal):
    """A Python that was named and cannot be used is refused, not replaced by another one."""
    assert "KYC_PYTHON=/bin/false is no Python" in _said(_setup(rehearsal, KYC_PYTHON="/bin/false"), status=1)


def test_setup_without_venv_module(rehearsal, bare_path):
    """Where Python comes without its venv module, as on Debian, set-up names the package to install."""
    _fake_python(bare_path, "python3", 'case "$*" in *ensurepip*) exit 1 ;; esac')
    said = _said(_setup(rehearsal, PATH=str(bare_path), KYC_PYTHON=""), status=1)
    assert "python3 has no venv module" in said
    assert "python3-venv" in said


def test_setup_refuses_unknown_arguments(rehearsal):
    """A misspelt argument is refused with the usage line instead of installing something else."""
    assert "usage: scripts/setup [--run]" in _said(_setup(rehearsal, "--running"), status=2)
