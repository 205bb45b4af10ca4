"""A lost key directory: nothing goes on without it, and two officers bring it back (docs/disposal.md, Backups)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fix_bank import household
from fix_cli import Call

from kyc.simulate.submissions import wire

DOCS = Path(__file__).resolve().parents[3] / "docs"

pytestmark = pytest.mark.pg15


def documented() -> tuple[str, str]:
    """The lines that back up and the lines that bring back, as the page has them."""
    page = (DOCS / "disposal.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(tar -cf - keys.*?)```", page, re.DOTALL)
    backup, restore = block.split("openssl cms -decrypt", 1)
    return backup, "openssl cms -decrypt" + restore


def shell(line: str, folder: Path) -> int:
    """The exit code of a pipe, whichever part of it fails."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, capture_output=True, check=False
    ).returncode


def history(call: Call) -> str:
    """What is known of C1, without the moment of asking."""
    code, out, err = call("customer", "history", "C1")
    assert code == 0, err
    return out.split("\n", 1)[1]


@pytest.fixture
def backed_up(call: Call, tmp_path: Path) -> Path:
    """The home of a bank whose keys lie in a file under the certificates of two officers."""
    (tmp_path / "bank.ndjson").write_bytes(b"".join(map(wire, household())))
    assert call("ingest", "ndjson", "bank.ndjson")[0] == 0
    home = tmp_path / "home"
    for officer in ("anna", "berta"):
        made = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
            f" -subj /CN={officer} -keyout {officer}.key -out {officer}.pem"
        )
        assert shell(made, home) == 0
    assert shell(documented()[0], home) == 0
    return home


def test_lost_and_brought_back(call: Call, backed_up: Path) -> None:
    """Without its keys nothing is read or recorded; made anew they are refused; brought back, all is there."""
    told = history(call)
    shutil.rmtree(backed_up / "keys")
    for command in (("customer", "history", "C1"), ("ingest", "ndjson", "bank.ndjson"), ("verify",)):
        code, _, err = call(*command)
        assert (code, "KYC_KEYS" in err) == (5, True), command
    shutil.rmtree(backed_up / "keys")
    assert shell(documented()[1], backed_up) == 0
    assert history(call) == told
    assert call("ingest", "ndjson", "bank.ndjson")[0] == 0, "the same facts, taken before"


def test_one_officer_alone(backed_up: Path) -> None:
    """Either officer with their own key twice gets nothing out of the file."""
    _, restore = documented()
    shutil.rmtree(backed_up / "keys")
    for one, other in (("anna", "berta"), ("berta", "anna")):
        assert shell(restore.replace(f"{other}.key", f"{one}.key"), backed_up) != 0
        assert not (backed_up / "keys").exists()
