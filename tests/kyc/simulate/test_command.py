"""``python -m kyc.simulate``: the same bytes again, files complete or absent, clear refusals."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from kyc.simulate.__main__ import main
from kyc.simulate.labels import labels
from kyc.simulate.submissions import simulate, wire

SMALL = ("--seed", "9", "--customers", "120", "--transactions", "4000", "--days", "30")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kyc.simulate", *arguments],
        capture_output=True, check=False, env=os.environ | environment,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["submissions", "plain"])
def test_bytes_are_those_pinned_here_under_any_hash_seed(form: str, tmp_path: Path) -> None:
    """Two processes with other hash seeds, locales and zones give the pinned digest."""
    arguments = (*SMALL, "--plain") if form == "plain" else SMALL
    first = run(*arguments, PYTHONHASHSEED="1")
    assert (first.returncode, first.stderr) == (0, b"")
    out = tmp_path / "second.ndjson"
    assert run(*arguments, "--out", str(out), PYTHONHASHSEED="2", LC_ALL="C", TZ="America/Lima").returncode == 0
    assert first.stdout == out.read_bytes()
    assert hashlib.sha256(first.stdout).hexdigest() == PINNED[form]


@pytest.mark.parametrize("form", ["submissions", "plain"])
def test_labels_go_to_their_own_file_only(form: str, tmp_path: Path) -> None:
    """The side file holds what labels() gives; asking for it changes no record; records know no scheme."""
    out, side = tmp_path / "out.ndjson", tmp_path / "labels.ndjson"
    arguments = ["--plain"] if form == "plain" else []
    assert main([*SMALL, *arguments, "--out", str(out), "--labels", str(side)]) == 0
    noted = [json.loads(line) for line in side.read_bytes().splitlines()]
    assert noted == [label._asdict() for label in labels(9, 120, 4_000, date(2025, 1, 1), 30)]
    assert {label["typology"] for label in noted} == {
        "structuring", "fan-in", "rapid-movement", "cycle", "mule", "fan-out",
    }  # fmt: skip
    assert hashlib.sha256(out.read_bytes()).hexdigest() == PINNED[form]
    records = [json.loads(line) for line in out.read_bytes().splitlines()]
    references = {record.get("key") or record.get("reference") for record in records}
    assert {label["reference"] for label in noted} <= references


def test_submissions_are_those_of_the_library() -> None:
    """The command writes what simulate() yields, with and without images."""
    bank = (9, 120, 4_000, date(2025, 1, 1), 30)
    assert run(*SMALL).stdout == b"".join(map(wire, simulate(*bank)))
    assert run(*SMALL, "--no-scans").stdout == b"".join(map(wire, simulate(*bank, scans=False)))


def test_no_half_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the run breaks off, neither the file nor its part remains, and an older file stays."""
    out = tmp_path / "out.ndjson"
    out.write_bytes(b"older\n")
    with pytest.raises(FileNotFoundError):
        main([*SMALL, "--out", str(out), "--labels", str(tmp_path / "nowhere" / "labels")])
    assert [path.name for path in tmp_path.iterdir()] == ["out.ndjson"]
    assert out.read_bytes() == b"older\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--customers", "0"),
        ("--customers", "many"),
        ("--transactions", "-1"),
        ("--days", "0"),
        ("--start", "yesterday"),
        ("--start", "1815-06-18"),
        ("--seed", "x"),
    ],
)
def test_wrong_arguments_are_refused_with_the_rule(arguments: tuple[str, str], capsys) -> None:
    """Exit status 2 and a sentence that names the argument."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert end.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_reader_that_stops_early_is_no_error_message() -> None:
    """As in ``scripts/simulate | head``: quiet end."""
    with subprocess.Popen(
        [sys.executable, "-m", "kyc.simulate", "--transactions", "300000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline().startswith(b'{"data":')
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 141


PINNED = {
    "submissions": "fb6da744aca37e8b7d5ddf8f72561501f11c0f83f79e66e01fdbcee245e64bc2",
    "plain": "d4efdf1e721d98aeffee892220355d877adbc8d3a7ed09e58e8780cc565c4643",
}
