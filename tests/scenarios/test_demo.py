"""The demonstration and the README's tour, as a newcomer runs them: on the embedded server, from the shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from kyc import demo
from kyc.domain.admit import shape
from kyc.simulate.submissions import simulate

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def test_demo_on_public_data(tmp_path: Path, shared_data: Path) -> None:
    """Berka goes the whole way, twice: the second time nothing is recorded and everything still verifies."""
    command = [sys.executable, "-m", "kyc", "--home", str(tmp_path / "home")]
    try:
        for recorded in (37_816, 0):
            options = ["--source", "berka", "--data", str(shared_data / "berka")]
            done = subprocess.run(
                [*command, "--json", "demo", *options], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            facts = json.loads(done.stdout)
            assert facts["recorded"] == recorded
            assert facts["verified"] is facts["export_verified"] is facts["tampering_named"] is True
    finally:
        subprocess.run([*command, "stop"], check=True, capture_output=True)


def test_numbers_of_the_readme() -> None:
    """Events and streams that the README shows are those of the demonstration: its own, and one address changed."""
    bank = simulate(1, 2_000, 20_000, demo.START, demo.DAYS, scans=False)
    streams = Counter(entry.stream for made in bank for entry in shape(made, date(2026, 1, 1)).entries)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"(?:index \d+ of|proved) +(\d+)(?:,| events in (\d+) streams)", readme)
    assert shown == [(str(streams.total() + 1), ""), (str(streams.total() + 1), str(len(streams)))]


def test_tour_of_the_readme(tmp_path: Path) -> None:
    """Every command of the README's tour succeeds, in its order."""
    (block,) = re.findall(r"```sh tour\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    environment = os.environ | {"HOME_DIR": str(tmp_path / "home")}
    script = "set -eu\n" + block.replace(".venv/bin/kyc", f"{sys.executable} -m kyc")
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=False, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("export verified elsewhere", "fingerprint", "verified:", "the embedded server is stopped"):
        assert said in done.stdout
