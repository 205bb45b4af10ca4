"""Which test shows which refusal of the domain: the table ``tests/golden/refusals.tsv``, kept true both ways.

A house test holds the table against the source: a refusal without a line, or a line without a refusal, fails. Here
each test that the table names has to raise, while it runs, what it is named for. ``pytest --refusals FILE`` writes
down what every test raises; ``python tests/fix_refusals.py FILE`` adds to the table what it lacks, and drops from
it what is no longer written.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

from kyc.errors import RefusedError

ROOT = Path(__file__).resolve().parent.parent
DOMAIN = ROOT / "kyc" / "domain"
TABLE = ROOT / "tests" / "golden" / "refusals.tsv"
_RANDOM = ("kyc/domain/test_folding.py", "kyc/domain/test_histories")
"""They meet refusals by chance and assert nothing of them."""
_NAMES = {"RefusedError", "InputError"}


class Refusal(NamedTuple):
    """A place in the source where something is refused, named so that moving lines does not matter."""

    module: str
    function: str
    text: str
    """The error's text, as written."""
    field: str
    """The field it names, as written."""


@cache
def places(module: str) -> dict[int, Refusal]:
    """Line → the refusal that is written there, for all lines of each."""
    found: dict[int, Refusal] = {}
    for function in ast.walk(ast.parse((DOMAIN / f"{module}.py").read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NAMES:
                field = next((ast.unparse(key.value) for key in node.keywords if key.arg == "field"), "")
                refusal = Refusal(module, function.name, ast.unparse(node.args[0]), field)
                assert node.end_lineno is not None
                found.update(dict.fromkeys(range(node.lineno, node.end_lineno + 1), refusal))
    return found


def written() -> set[Refusal]:
    """Every refusal in the source of the domain."""
    return {refusal for path in DOMAIN.glob("*.py") for refusal in places(path.stem).values()}


@cache
def table() -> dict[Refusal, str]:
    """Refusal → the test that shows it, as ``path::name[case]`` below ``tests``."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    return {Refusal(*parts[:4]): parts[4] for parts in (line.split("\t") for line in lines)}


def _place(frame: FrameType | None) -> Refusal | None:
    """The refusal that a frame is about to raise; None outside the domain."""
    if frame is None or Path(frame.f_code.co_filename).parent != DOMAIN:
        return None
    return places(Path(frame.f_code.co_filename).stem).get(frame.f_lineno)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that writes down what is refused."""
    parser.addoption("--refusals", metavar="FILE", help="append each refusal and the test that met it")


@pytest.fixture(autouse=True)
def _shows_refusals(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    name, out = request.node.nodeid.removeprefix("tests/"), request.config.getoption("--refusals")
    due = {refusal for refusal, test in table().items() if test == name}
    if not due and out is None:
        yield
        return
    raised: set[Refusal] = set()
    make = RefusedError.__init__

    def watched(self: RefusedError, *args: str | None, **options: str | None) -> None:
        place = _place(sys._getframe(1))
        if place is not None:
            raised.add(place)
        make(self, *args, **options)

    monkeypatch.setattr(RefusedError, "__init__", watched)
    yield
    if out is not None:
        with Path(out).open("a", encoding="utf-8") as file:
            file.writelines("\t".join((*refusal, name)) + "\n" for refusal in sorted(raised))
    elif missing := due - raised:
        pytest.fail(f"tests/golden/refusals.tsv says that this test shows {sorted(missing)}")


def main(record: str) -> None:
    """Add to the table what a record of a run knows and the table lacks; tests of the domain's own room first."""
    known = {refusal: test for refusal, test in table().items() if refusal in written()}
    lines = [line.split("\t") for line in Path(record).read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if not line[-1].startswith(_RANDOM)]
    for *place, test in sorted(lines, key=lambda line: (not line[-1].startswith("kyc/domain/"), line[-1])):
        refusal = Refusal(*place)
        if refusal in written():
            known.setdefault(refusal, test)
    TABLE.write_text("".join("\t".join((*key, known[key])) + "\n" for key in sorted(known)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
