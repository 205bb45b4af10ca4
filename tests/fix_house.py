"""The working tree as data for the tests of ``tests/house``: which files there are, and their syntax trees."""

from __future__ import annotations

import ast
import os
import subprocess
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_SKIPPED = {"__pycache__", "build", "dist"}


class Tree:
    """The files of this project, tracked or about to be; paths are relative to ``root`` and sorted."""

    root = ROOT

    @cached_property
    def files(self) -> list[Path]:
        """What git would carry; outside a checkout, everything that is not hidden or built."""
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
        names = listed.stdout.split("\0")[:-1] if listed.returncode == 0 else list(_walked())
        return sorted(path for path in map(Path, names) if (ROOT / path).is_file())

    @cached_property
    def product(self) -> dict[Path, ast.Module]:
        """The syntax trees of what is shipped: kyc, projections, replay."""
        return {p: t for p, t in self.parsed.items() if p.parts[0] in {"kyc", "projections", "replay"}}

    @cached_property
    def tests(self) -> dict[Path, ast.Module]:
        """The syntax trees of the files that hold tests."""
        return {p: t for p, t in self.parsed.items() if p.parts[0] == "tests" and p.name.startswith("test_")}

    @cached_property
    def parsed(self) -> dict[Path, ast.Module]:
        """The syntax trees of all Python files."""
        return {path: ast.parse(self.text(path)) for path in self.files if path.suffix == ".py"}

    def text(self, path: Path) -> str:
        """What the file says."""
        return (ROOT / path).read_text(encoding="utf-8")

    def named(self, *suffixes: str) -> list[Path]:
        """The files whose name ends in one of ``suffixes``."""
        return [path for path in self.files if path.name.endswith(suffixes)]


def _walked() -> list[str]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _SKIPPED and not name.startswith(".")]
        found += [str(Path(folder, name).relative_to(ROOT)) for name in names if not name.endswith(".pyc")]
    return found


@pytest.fixture(scope="session")
def tree() -> Tree:
    """The working tree."""
    return Tree()
