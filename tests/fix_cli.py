"""The command line in a test: called as a person calls it, on a fresh database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from kyc.cli.main import _register, app, main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Runs a command against a fresh database; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KYC_ZONE", "Europe/London")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--home", str(tmp_path / "home"), "--database", database, *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def commands() -> Iterator[str]:
    """Every command of the program by its words."""
    _register()
    return _commands(app, ())


def _commands(one: App, path: tuple[str, ...]) -> Iterator[str]:
    if one.default_command is not None and path:
        yield " ".join(path)
    for name in one:
        if not name.startswith("-"):
            yield from _commands(one[name], (*path, name))


def document(answer: tuple[int, str, str]) -> Any:
    """The one JSON document on stdout."""
    code, out, err = answer
    assert code == 0, err
    assert len(out.splitlines()) == 1
    return json.loads(out)
