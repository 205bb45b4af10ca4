"""No dead module: whatever is shipped is used by something that is shipped, or is where a person comes in."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

# Started by name, not imported: `python -m kyc` and `-m kyc.simulate`, and the file copied into every bundle.
ENTRANCES = {
    "kyc.__main__",
    "kyc.customers",
    "kyc.simulate.__main__",
    "replay.verifier",
    "replay.verifier_certificate",
}


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def _mentioned(module: ast.Module, known: set[str]) -> set[str]:
    """Modules a module imports, or names in a text, as the library's PERSISTENCE_MODULE setting does."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value.partition(":")[0])
    return found & known


def test_every_module_is_used(tree):
    """Every module of kyc, projections and replay is imported by another one or is an entrance."""
    modules = {_name(path): module for path, module in tree.product.items() if path.name != "__init__.py"}
    scripts = tomllib.loads(tree.text(Path("pyproject.toml")))["project"]["scripts"]
    used = ENTRANCES | {target.partition(":")[0] for target in scripts.values()}
    for name, module in modules.items():
        used |= _mentioned(module, set(modules)) - {name}
    assert not sorted(set(modules) - used)


def test_every_sql_file_is_used(tree):
    """Every SQL file lies in a folder that is read whole, or is named by a module."""
    whole = {"migrations", "tables", "functions", "triggers", "roles", "grants", "queries"}
    texts = "".join(tree.text(path) for path in tree.product)
    rooms = [path for path in tree.named(".sql") if path.parts[0] in {"kyc", "projections", "replay"}]
    assert not [
        str(path)
        for path in rooms
        if path.parent.name not in whole and path.name not in texts and path.with_suffix(".py") not in tree.product
    ]
