"""The walks of docs/users are run as they stand, on the bank of a small demonstration."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

USERS = Path(__file__).resolve().parents[2] / "docs" / "users"
_SHELL = 'set -euo pipefail\nkyc() { "$PYTHON" -m kyc "$@"; }\npython() { "$PYTHON" "$@"; }\n'


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_walks(database: str, tmp_path: Path) -> None:
    """Every command of every page succeeds, in its order; what was looked at and given out is told afterwards."""
    environment = os.environ | {
        "KYC_HOME": str(tmp_path / "home"), "KYC_DATABASE_URL": database, "FOLDER": str(tmp_path),
        "PYTHON": sys.executable, "PYTHONPATH": str(USERS.parents[1]),
    }  # fmt: skip
    script = _SHELL + "kyc --json demo --customers 20 --transactions 200 >/dev/null\n"
    pages = sorted(page for page in USERS.glob("*.md") if page.name != "README.md")
    assert [page.stem for page in pages] == ["investigator", "regulator"]
    for page in pages:
        blocks = re.findall(r"```sh walk\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        assert len(blocks) >= 3
        script += "\n".join(blocks)
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    for told in ("C00000001", "T20250106000000001", "INV-7", "VERIFIED", "fiu", "regulator"):
        assert told in done.stdout
