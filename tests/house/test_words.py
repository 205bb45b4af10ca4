"""What no file may say: promises to come back, and paths of somebody's machine."""

from __future__ import annotations

import re

TEXTS = (".md", ".py", ".sh", ".sql", ".toml", ".txt", ".html", ".css", ".yml", ".yaml", ".json")
# Written with a class of one letter, so that this file passes its own test.
PROMISES = re.compile(r"\b(T[O]DO|F[I]XME|H[A]CK)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(?:w[o]rk|r[o]ot|U[s]ers)/")


def _texts(tree) -> list:
    return [path for path in tree.files if path.suffix in TEXTS or path.parts[0] in {"scripts", ".ci"}]


def _found(tree, pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in _texts(tree)
        for number, line in enumerate(tree.text(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_nothing_is_put_off(tree):
    """No file carries a note to finish it later: it is done now or stands in an issue."""
    assert not _found(tree, PROMISES)


def test_no_paths_of_a_developers_machine(tree):
    """No file names an absolute path of the machine it was written on."""
    assert not _found(tree, MACHINE_PATHS)


def test_the_patterns_catch_what_they_are_for():
    """Both patterns find their prey and leave relative paths and ordinary words alone."""
    assert PROMISES.search("# {}DO: later".format("TO"))
    assert not PROMISES.search("method, todo-list, XXX (no currency)")
    assert MACHINE_PATHS.search("see /{}/main".format("work"))
    assert not MACHINE_PATHS.search("docs/work/x, https://example.org/root/y")
