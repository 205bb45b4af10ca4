"""The documents keep their promises: links lead somewhere, commands exist, pages have their parts."""

from __future__ import annotations

import os
import re
from pathlib import Path

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
SCRIPT = re.compile(r"\bscripts/([a-z][a-z_-]*)")
STATUS = re.compile(r"^- Status: (proposed|accepted|rejected|superseded by \[\d{4}\]\(\S+\))$", re.MULTILINE)
DATE = re.compile(r"^- Date: \d{4}-\d{2}-\d{2}$", re.MULTILINE)
DECISIONS = Path("docs/decisions")


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, made as the usual Markdown sites make them."""
    titles = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _broken(tree, page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    missing = []
    for target in LINK.findall(CODE.sub("", FENCE.sub("", tree.text(page)))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        goal = Path(os.path.normpath(page.parent / name)) if name else page
        found = (tree.root / goal).exists()
        if found and anchor and goal.suffix == ".md":
            found = anchor in _anchors(tree.text(goal))
        if not found:
            missing.append(f"{page}: {target}")
    return missing


def _decisions(tree) -> list[Path]:
    return [p for p in tree.named(".md") if p.parent == DECISIONS and re.match(r"\d{4}-", p.name)]


def test_links_resolve(tree):
    """Every relative link of every page leads to a file, and its anchor to a heading."""
    assert not [broken for page in tree.named(".md") for broken in _broken(tree, page)]


def test_scripts_named_in_documents_exist(tree):
    """No page tells the reader to run a script that is not there."""
    named = {(page, name) for page in tree.named(".md") for name in SCRIPT.findall(tree.text(page))}
    assert not [f"{page}: scripts/{name}" for page, name in named if not (tree.root / "scripts" / name).exists()]


def test_readme_starts_with_two_commands(tree):
    """README shows the two commands a newcomer runs, and both can be run."""
    readme = tree.text(Path("README.md"))
    for command in ("scripts/demo", "scripts/test"):
        assert command in readme
        assert os.access(tree.root / command, os.X_OK)


def test_decisions_have_status_and_date(tree):
    """Every page of docs/decisions has a title with its number, a status, a date and its three parts."""
    pages = [page for page in _decisions(tree) if not page.name.startswith("0000-")]
    assert pages
    for page in pages:
        text = tree.text(page)
        assert text.startswith(f"# {page.name[:4]} "), page
        assert STATUS.search(text), page
        assert DATE.search(text), page
        assert {"context", "decision", "consequences"} <= _anchors(text), page


def test_decisions_are_listed(tree):
    """The list in docs/decisions/README.md has every page, and no number is used twice."""
    pages = _decisions(tree)
    listed = tree.text(DECISIONS / "README.md")
    assert not [str(page) for page in pages if f"({page.name})" not in listed]
    assert len({page.name[:4] for page in pages}) == len(pages)


def test_changelog_is_kept(tree):
    """CHANGELOG.md has an Unreleased section, first of all versions."""
    versions = re.findall(r"^## \[([^\]]+)\]", tree.text(Path("CHANGELOG.md")), re.MULTILINE)
    assert versions[0] == "Unreleased"
