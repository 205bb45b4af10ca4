"""Every refusal of the domain has a test that meets it: ``tests/golden/refusals.tsv`` against the source."""

from __future__ import annotations

import ast
from pathlib import Path

from fix_refusals import table, written


def test_every_refusal_has_its_test():
    """No rule of admission without a negative test, and no line about a rule that is gone."""
    lacking = sorted(written() - set(table()))
    gone = sorted(set(table()) - written())
    assert not lacking, "write a test that meets it, then tests/fix_refusals.py"
    assert not gone, "run tests/fix_refusals.py"


def test_the_tests_that_are_named_exist(tree):
    """Each is a function of its file; that it meets the refusal is checked while it runs."""
    missing = []
    for test in sorted(set(table().values())):
        file, _, name = test.partition("[")[0].rpartition("::")
        module = tree.tests.get(Path("tests") / file, ast.Module([], []))
        if name not in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}:
            missing.append(test)
    assert not missing
