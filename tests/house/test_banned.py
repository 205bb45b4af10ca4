"""What ruff cannot say by itself: calls and imports that are banned in some rooms only.

The clock calls are ruff's (TID251 in pyproject.toml), the layers are import-linter's.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

from replay.shipped import CERTIFICATE_PARTS, PARTS, certificate_py, verify_py

# Where amounts pass: a float there is money lost. Elsewhere floats measure durations and draw charts.
MONEY_ROOMS = ("kyc/domain", "kyc/evidence", "kyc/ingest", "kyc/ledger", "kyc/retention", "projections")


def _within(path: Path, rooms: tuple[str, ...]) -> bool:
    """Whether ``path`` is one of the rooms, as a folder or as a module."""
    return any(path.is_relative_to(room) or path == Path(f"{room}.py") for room in rooms)


def _imported(module: ast.Module) -> set[str]:
    """The first parts of all imported names."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or ".").split(".")[0])
    return names


def test_chance_is_for_the_simulator(tree):
    """Only kyc/simulate imports random: keys, openings and ids come from secrets or os.urandom."""
    guilty = [p for p, module in tree.product.items() if "random" in _imported(module)]
    assert not [str(path) for path in guilty if not _within(path, ("kyc/simulate",))]


def test_amounts_are_never_floats(tree):
    """No room that amounts pass calls float(): decimals are built from their text."""
    assert not [
        f"{path}:{node.lineno}"
        for path, module in tree.product.items()
        if _within(path, MONEY_ROOMS)
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]


def test_one_colour_below_the_service(tree):
    """Only the service, the group-commit writer and the asynchronous face of the client are asynchronous."""
    assert not [
        f"{path}:{node.lineno}"
        for path, module in tree.product.items()
        if not _within(path, ("kyc/service", "kyc/store", "kyc/ingest/client.py"))
        for node in ast.walk(module)
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await)
    ]


def test_the_verifier_stands_alone(tree):
    """What is shipped to verify imports the standard library and cryptography only, and has every part."""
    for shipped in map(ast.parse, (verify_py(), certificate_py())):
        assert _imported(shipped) <= {*sys.stdlib_module_names, "cryptography"}
    parts = {path.name for path in tree.product if path.parts[0] == "replay" and path.name.startswith("verifier")}
    assert parts == {*PARTS, *CERTIFICATE_PARTS}


def test_only_the_clock_may_ask_for_the_time(tree):
    """ruff bans the clock calls everywhere but in kyc/clock.py, and no line is excused from it."""
    rules = tomllib.loads(tree.text(Path("pyproject.toml")))["tool"]["ruff"]["lint"]
    assert {"datetime.datetime.now", "time.time", "time.time_ns"} <= set(rules["flake8-tidy-imports"]["banned-api"])
    excused = [files for files, codes in rules["per-file-ignores"].items() if "TID251" in codes]
    assert excused == ["kyc/clock.py"]
    waved = "noqa: TID" + "251"
    assert not [str(path) for path in tree.product if waved in tree.text(path)]
