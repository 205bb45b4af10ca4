"""docs/format.md keeps its word: a stranger's shell prints what the page says and makes the golden bytes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "format"
BLOCK = re.compile(r"^```sh\n(?P<command>.*?)^```\n\n^```text\n(?P<printed>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def page():
    """The text of the page."""
    return (ROOT / "docs" / "format.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ran(page, tmp_path_factory):
    """The folder a stranger worked in, and (command, printed by the page, printed by the shell) of each block."""
    for tool in ("bash", "openssl"):
        if shutil.which(tool) is None:
            if os.environ.get("CI"):
                pytest.fail(f"{tool} is not installed")
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("stranger")
    # No PYTHON variables, no home, plain locale: nothing of ours helps.
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    outcomes = []
    for block in BLOCK.finditer(page):
        shell = ["bash", "-eu", "-o", "pipefail", "-c", block["command"]]
        done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, (block["command"], done.stderr)
        outcomes.append((block["command"], block["printed"], done.stdout.decode()))
    return folder, outcomes


def test_every_block_prints_what_the_page_says(ran):
    """Run in order in an empty folder, each block of commands prints exactly the text below it."""
    for command, expected, printed in ran[1]:
        assert printed == expected, command


def test_every_block_is_run(page, ran):
    """No shell block of the page lacks its printed text, so none is passed over."""
    assert len(ran[1]) == page.count("```sh\n") == page.count("```text\n") >= 12


def test_signatures_are_verified_by_openssl(ran):
    """The page checks the signatures of checkpoint and receipt with openssl alone."""
    verifying = [printed for command, _, printed in ran[1] if "pkeyutl -verify -pubin" in command]
    assert len(verifying) == 2
    assert all("Signature Verified Successfully" in printed for printed in verifying)


def test_the_shell_makes_the_golden_bytes(ran):
    """Every golden file is found, byte for byte, among the files the commands made: two ways, one result."""
    for stored in GOLDEN.iterdir():
        name = stored.name
        if stored.suffix == ".hex":
            level = re.fullmatch(r"tile-(\w+)-(\d+\.p)-(\d+)\.hex", name)
            made = ran[0] / ("tile/" + "/".join(level.groups()) if level else f"{stored.stem}.bin")
            assert made.read_bytes().hex() == stored.read_text().strip(), name
        else:
            assert (ran[0] / name).read_bytes() == stored.read_bytes(), name


def test_a_changed_byte_is_noticed_by_the_page(ran, tmp_path):
    """The page's own check of a checkpoint refuses one whose size was changed."""
    shutil.copytree(ran[0], tmp_path / "forged")
    forged = tmp_path / "forged" / "checkpoint"
    forged.write_text(forged.read_text(encoding="utf-8").replace("\n3\n", "\n4\n", 1), encoding="utf-8")
    (command,) = [command for command, _, _ in ran[1] if "sed '/^$/,$d' checkpoint > text" in command]
    done = subprocess.run(["bash", "-eu", "-c", command], cwd=forged.parent, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"Verified Successfully" not in done.stdout
