"""Small by rule: how long a function and a file of the product may be. Limits are never widened."""

from __future__ import annotations

import ast
from collections import Counter

FUNCTION_LINES_MAX = 70  # signature and docstring included
FILE_LINES_MAX = 500


def test_functions_fit_a_screen(tree):
    """No function of the product is longer than 70 lines."""
    long = [
        f"{path}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path, module in tree.product.items()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert not long, "split these by what they do"


def test_files_can_be_read_in_one_sitting(tree):
    """No file of the product, SQL included, is longer than 500 lines."""
    rooms = [path for path in tree.named(".py", ".sql") if path.parts[0] in {"kyc", "projections", "replay"}]
    long = {str(path): lines for path in rooms if (lines := len(tree.text(path).splitlines())) > FILE_LINES_MAX}
    assert rooms
    assert not long, "split these by what they do"


def test_packages_do_nothing_when_imported(tree):
    """Every ``__init__.py`` is empty, so that no import points upwards unseen."""
    assert not [str(path) for path in tree.named("__init__.py") if tree.text(path).strip()]


def test_tests_are_no_packages(tree):
    """No ``__init__.py`` lies under tests: ``tests/replay`` would hide the real ``replay``."""
    assert not [str(path) for path in tree.named("__init__.py") if path.parts[0] == "tests"]


def test_every_folder_of_code_is_a_package(tree):
    """A folder of the product that holds modules has its ``__init__.py``, or the wheel would lack it."""
    folders = {path.parent for path in tree.product}
    assert not [str(folder) for folder in folders if folder / "__init__.py" not in tree.product]


def test_fixtures_of_rooms_have_names_of_their_own(tree):
    """Every fixture file is loaded for all tests, so one fixture would hide another of its name."""
    names = Counter(
        node.name
        for path, module in tree.parsed.items()
        if path.parts[0] == "tests" and path.name.startswith("fix_")
        for node in module.body
        if isinstance(node, ast.FunctionDef)
        and any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    )
    assert names
    assert [name for name, count in names.items() if count > 1] == []
