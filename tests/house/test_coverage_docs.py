"""docs/rows.md and docs/gotchas.md: every row and every trap is answered, and what they name is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROWS, GOTCHAS = Path("docs/rows.md"), Path("docs/gotchas.md")
SCENARIOS = Path("tests/scenarios")
ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
FILE = re.compile(r"`(test_\w+\.py)`")
NAMED = re.compile(r"`([a-z_/0-9]+\.py)::(\w+)`")
TITLE = re.compile(r"^Rows? ([\d, and]+?)[:,]")
OUT_OF_SCOPE = {36, 37}


def table(tree, page: Path) -> dict[int, str]:
    """The numbered rows of a page's table; none is there twice."""
    found = [(int(number), text) for number, text in ROW.findall(tree.text(page))]
    assert len(dict(found)) == len(found)
    return dict(found)


def told(tree) -> dict[str, set[int]]:
    """Each story file that says in its first words which rows it tells of."""
    stories = {}
    for path, module in tree.tests.items():
        title = TITLE.match(ast.get_docstring(module) or "") if path.parent == SCENARIOS else None
        if title is not None:
            stories[path.name] = {int(number) for number in re.findall(r"\d+", title[1])}
    return stories


def test_every_row_has_its_story(tree):
    """Rows 1 to 37 are all there, each in scope has a story that names it, and no story is left out."""
    rows = table(tree, ROWS)
    assert sorted(rows) == list(range(1, 38))
    named = {number: set(FILE.findall(text)) for number, text in rows.items()}
    stories = told(tree)
    assert all((tree.root / SCENARIOS / name).is_file() for names in named.values() for name in names)
    for number in set(rows) - OUT_OF_SCOPE:
        assert any(number in stories.get(name, ()) for name in named[number]), f"row {number}"
    assert not [(name, number) for name, of in stories.items() for number in of if name not in named[number]]


def test_every_trap_has_its_test(tree):
    """All 44 are answered, and each test that is named exists."""
    traps = table(tree, GOTCHAS)
    assert sorted(traps) == list(range(1, 45))
    assert not [number for number, text in traps.items() if not NAMED.search(text)]
    named = {found for text in traps.values() for found in NAMED.findall(text)}
    missing = []
    for file, test in sorted(named):
        module = tree.tests.get(Path("tests") / file, ast.Module([], []))
        if test not in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}:
            missing.append(f"{file}::{test}")
    assert not missing
