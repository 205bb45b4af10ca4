"""The verifiers as they are shipped, one file each: ``verify.py`` and ``verify_certificate.py``.

Each is made of the parts it is written in, lowest first; ``replay/verifier.py``, or its sister, is the last. None
of them imports anything of ours but another part, and in the one file they need not. Nothing else is changed: what
is tested is what is shipped.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files
from typing import Final

PARTS: Final = (
    "verifier_base.py", "verifier_events.py", "verifier_seals.py", "verifier_keys.py", "verifier_scope.py",
    "verifier_log.py", "verifier.py",
)  # fmt: skip
"""Lowest first: each uses only what stands above it."""
CERTIFICATE_PARTS: Final = ("verifier_base.py", "verifier_events.py", "verifier_certificate.py")
_FUTURE: Final = "from __future__ import annotations\n"


@cache
def verify_py() -> bytes:
    """The bytes of ``verify.py``."""
    return _joined(PARTS)


@cache
def certificate_py() -> bytes:
    """The bytes of ``verify_certificate.py``."""
    return _joined(CERTIFICATE_PARTS)


def _joined(parts: tuple[str, ...]) -> bytes:
    texts = [(files("replay") / name).read_text(encoding="utf-8") for name in parts]
    documentation, main = _split(texts[-1])
    bodies = []
    for text in texts[:-1]:
        comment, body = _split(text)
        quoted = "".join(f"# {line}".rstrip() + "\n" for line in comment.strip('"\n').splitlines())
        bodies.append(f"{quoted}\n{body}")
    return "\n\n".join([f"{documentation}\n{_FUTURE}", *bodies, main]).encode()


def _split(text: str) -> tuple[str, str]:
    """The docstring and the rest of a part, without its imports of other parts."""
    lines = text.splitlines(keepends=True)
    module = ast.parse(text)
    first = module.body[0]
    dropped = set(range(first.lineno, (first.end_lineno or 0) + 1))
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"replay", "__future__"}:
            dropped |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    body = "".join(line for number, line in enumerate(lines, 1) if number not in dropped)
    return "".join(lines[first.lineno - 1 : first.end_lineno]), body.strip("\n") + "\n"
