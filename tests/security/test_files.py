"""Files that go out and come in: no formula in a table, no path out of a folder, nothing unpacked on the way in."""

from __future__ import annotations

import ast
import bz2
import csv
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from fix_bank import registered
from fix_messages import SETTING, entry, statement
from fix_service import ORIGIN, wire
from fix_siege import MARK, ROLES, Fortress

from kyc import intake
from kyc.domain.fact import Submission
from kyc.errors import KycError
from kyc.service.routes import ROUTES
from replay.sheets import safe, write_csv

ROOT = Path(__file__).resolve().parents[2]
CLIMBING = (
    "..", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "....//....//etc/passwd", "/etc/passwd",
    "C:\\boot.ini",    "..\\..\\etc\\passwd", "..;/etc/passwd", "\x00/etc/passwd", ".%2e/%2e%2e/etc/passwd", "file:///etc/passwd",
    "0/../../../../etc/passwd", "entries/../../keys/log", f"~/{MARK}",
    "\uff0e\uff0e/etc/passwd", "%c0%ae%c0%ae/etc/passwd",
)  # fmt: skip
TEMPLATES = sorted({route.path for route in ROUTES if "{" in route.path})


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("times", [0, 1, 2])
def test_paths_lead_nowhere_else(fortress: Fortress, template: str, times: int) -> None:
    """Whatever climbs, as it is or encoded once or twice, names nothing: a refusal, and nothing of a file."""
    before = template.partition("{")[0]
    token = fortress.provider.token(roles=ROLES)
    for climbing in CLIMBING:
        for _ in range(times):
            climbing = quote(climbing, safe="")  # noqa: PLW2901
        path = before + climbing
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        said = fortress.raw(head.encode())
        assert said.startswith((b"HTTP/1.1 4",)), (path, said)
        assert b"root:" not in said
        assert MARK.encode() not in said


def test_one_place_writes_tables() -> None:
    """Only the module that disarms cells writes CSV; the simulator makes files that go in."""
    writers = set()
    for path in [*ROOT.glob("kyc/**/*.py"), *ROOT.glob("replay/**/*.py"), *ROOT.glob("projections/**/*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if names & {"csv.writer", "csv.DictWriter"} or "to_csv" in {name.rpartition(".")[2] for name in names}:
            writers.add(path.relative_to(ROOT).as_posix())
    assert {name for name in writers if not name.startswith("kyc/simulate/")} == {"replay/sheets.py"}


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|calc", "%0", '=HYPERLINK("http://x")',
        "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)", "-1-1", "--1", "-", "=",
    ],
)  # fmt: skip
def test_no_cell_calculates(cell: str) -> None:
    """What a spreadsheet, also a Chinese or Japanese one, would calculate is text with an apostrophe in front."""
    assert safe(cell) == f"'{cell}"
    written = io.BytesIO()
    write_csv(written, ("a", "b"), iter([[cell, f'x","{cell}'], [f"x\n{cell}", "-12.50"]]))  # type: ignore[arg-type]
    rows = list(csv.reader(io.StringIO(written.getvalue().decode("utf-8-sig"), newline="")))
    assert rows == [["a", "b"], [f"'{cell}", f'x","{cell}'], [f"x\n{cell}", "-12.50"]]


def tarred(content: bytes) -> bytes:
    """A compressed archive with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as box:
        member = tarfile.TarInfo("../../escaped")
        member.size = len(content)
        box.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zipped(content: bytes) -> bytes:
    """A zip with one file that would climb out of a folder."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("../../escaped", content)
    return packed.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zip": zipped, "tar.gz": tarred,
}  # fmt: skip
MAPPING = """
topic = "customer.registered"
key = "{Number}"
origin = { actor = "a", branch = "b", purpose = "account-service", legal_basis = "AML24-34" }
[fields]
"occurred_at" = "2026-03-01T09:30:00+08:00"
"customer" = "{Number}"
"type" = "natural"
"template" = "natural/1"
"notice" = "notice/1"
"names.0.text" = "{Name}"
"""
KNOWN = ORIGIN | {"actor": "T-1", "branch": "B-1"}
SOUND = {
    "ndjson": msgspec.json.encode(wire(registered("C1"), origin=KNOWN)),
    "csv": b"Number,Name\nC1,Ada Lovelace\n", "iso20022": statement(entry()).encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", SOUND)
def test_nothing_is_unpacked_on_ingest(tmp_path: Path, kind: str) -> None:
    """A sound file is read; packed it is a file that cannot be read, and nothing is written beside it."""
    (tmp_path / "map.toml").write_text(MAPPING)

    def taken(content: bytes) -> list[object]:
        path = tmp_path / "in"
        path.write_bytes(content)
        try:
            return [line.item for line in intake.read(kind, path, tmp_path / "map.toml", SETTING)]
        except KycError as refusal:
            return [refusal]

    assert [one for one in taken(SOUND[kind]) if isinstance(one, Submission)]
    for pack in PACKERS.values():
        found = taken(pack(SOUND[kind]))
        assert [type(one) for one in found if isinstance(one, Submission)] == []
        assert any(isinstance(one, KycError) for one in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "map.toml"]
    assert not (tmp_path.parent.parent / "escaped").exists()
