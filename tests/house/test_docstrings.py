"""Whoever opens a file is told what it does; whoever sees a test fail is told what it showed."""

from __future__ import annotations

import ast

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _public(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The public classes and functions of a module's top level."""
    named = [node for node in module.body if isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    return [node for node in named if not node.name.startswith("_")]


def test_public_code_is_documented(tree):
    """Every module of the product and every public class and function in it has a docstring."""
    silent = [str(path) for path, module in tree.product.items() if module.body and not ast.get_docstring(module)]
    silent += [
        f"{path}:{node.lineno} {node.name}"
        for path, module in tree.product.items()
        for node in _public(module)
        if not ast.get_docstring(node)
    ]
    assert not silent


def test_tests_say_what_they_show(tree):
    """Every test and every test file has a docstring."""
    silent = [str(path) for path, module in tree.tests.items() if not ast.get_docstring(module)]
    silent += [
        f"{path}:{node.lineno} {node.name}"
        for path, module in tree.tests.items()
        for node in ast.walk(module)
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent
