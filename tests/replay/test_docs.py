"""The pages about bundles and verification name what the code writes and finds."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fix_replay import Bank
from fix_signed import export

from replay import legs, paths
from replay import verifier_base as base
from replay.findings import STEPS, Kind

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_finding_is_explained() -> None:
    """docs/verification.md has a row for every kind of finding, at its step, and one for every step."""
    page = (DOCS / "verification.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    found = {(int(step), name) for step, names in rows for name in re.findall(r"\w+", names)}
    assert found == {(kind.step, kind.name.lower()) for kind in Kind}
    assert {int(step) for step in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == set(STEPS)


def test_every_finding_is_provoked() -> None:
    """Every kind of finding has its tampering among the tests, as the page says."""
    folder = Path(__file__).parent
    cli = folder.parent / "kyc" / "cli"
    files = [*folder.glob("test_audit*.py"), cli / "test_keys.py", cli / "test_renew.py"]
    tests = "".join(file.read_text(encoding="utf-8") for file in files)
    named = [kind for kind in Kind if f"Kind.{kind.name}" in tests or f'"{kind.name.lower()}"' in tests]
    assert not [kind.name for kind in Kind if kind not in named]


def test_every_field_is_explained(bank: Bank, tmp_path: Path) -> None:
    """docs/bundle.md names every file and every field of a real bundle."""
    page = (DOCS / "bundle.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([^`\n]+)`", page))
    out = tmp_path / "c1"
    export(bank, out)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    fields = {*manifest, *manifest["scope"], *manifest["counts"], *manifest["checkpoint"], *manifest["files"][0]}
    fields |= base.STREAM | set().union(*base.FIELDS.values()) | set(base.READ)
    fields |= set(json.loads((out / "documents.ndjson").read_text(encoding="utf-8").splitlines()[0]))
    assert not fields - named
    top = {path.name for path in out.iterdir() if path.is_file()}
    assert not top - named
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"events", "documents", "tables", "report"}


def test_bounds_of_replay_are_those_of_the_code() -> None:
    """docs/replay.md states the bounds of searches as they are."""
    page = (DOCS / "replay.md").read_text(encoding="utf-8")
    stated = {int(number.replace(",", "")) for number in re.findall(r"(?<![\w.-])\d[\d,]*(?![\w.-])", page)}
    bounds = {legs.PRECEDED_MAX, legs.FOLLOWED_MAX, paths.STEPS_MAX, paths.STEPS_LIMIT, paths.ACCOUNTS_MAX}
    assert not (bounds | {paths.LEGS_MAX}) - stated
