"""What is published: wheel and sdist carry everything the product needs and nothing else, and the wheel runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOMS = {"kyc", "projections", "replay"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tree, tmp_path_factory):
    """The folder with wheel and sdist, built by the locked hatchling without a network."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=tree.root, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    """The wheel's file."""
    (found,) = built.glob("kyc_ledger-*-py3-none-any.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run a program of a fresh environment: the wheel, our locked dependencies, but not this checkout."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=False)
    python = str(home / "venv" / "bin" / "python")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True, capture_output=True)
    # A folder on PYTHONPATH gives its packages, but not what its .pth files point to: not this checkout.
    environment = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}

    def run(program: str, *arguments: str) -> str:
        command = [str(home / "venv" / "bin" / program), *arguments]
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def _carried(tree) -> set[str]:
    """Every file of the rooms: modules, SQL, templates, data."""
    return {str(path) for path in tree.files if path.parts[0] in ROOMS}


def test_wheel_has_the_rooms_and_the_licence(tree, wheel):
    """The wheel holds every file of the three packages, SQL and data included, the licence, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == _carried(tree)
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_sdist_has_the_sources(tree, built):
    """The sdist holds the same files and what it takes to build the wheel from them again."""
    (found,) = built.glob("kyc_ledger-*.tar.gz")
    with tarfile.open(found) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    papers = {"README.md", "CHANGELOG.md", "LICENSE", "NOTICE", "pyproject.toml"}
    assert papers | _carried(tree) <= names
    assert {name for name in names if "/" not in name} - papers <= {"PKG-INFO", ".gitignore"}


def test_wheel_is_what_runs(installed):
    """The packages come from the installed wheel, and every one of its modules can be imported."""
    program = (
        "import importlib, pathlib, sys\n"
        "import kyc, projections, replay\n"
        "for package in (kyc, projections, replay):\n"
        "    root = pathlib.Path(package.__file__).parent\n"
        "    assert root.is_relative_to(sys.prefix), root\n"
        "    for path in root.rglob('*.py'):\n"
        "        importlib.import_module('.'.join(path.relative_to(root.parent).with_suffix('').parts))\n"
    )
    assert installed("python", "-c", program) == ""


def test_command_of_the_wheel(installed):
    """`kyc --help` of the installed wheel names the commands of the path."""
    told = installed("kyc", "--help")
    assert not [command for command in ("demo", "ingest", "verify", "export", "status") if command not in told]


def test_wheel_runs_the_demo(installed, tmp_path):
    """The wheel alone, without this checkout, runs the demo in a new home and leaves everything sealed."""
    kyc = ("kyc", "--home", str(tmp_path / "home"))
    try:
        installed(*kyc, "demo", "--customers", "5", "--transactions", "50")
        status = json.loads(installed(*kyc, "--json", "status"))
    finally:
        installed(*kyc, "stop")
    assert status["events"] == status["sealed"] > 0
