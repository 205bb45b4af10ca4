"""``kyc serve`` and ``kyc token``: what is refused before anything listens."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from fix_cli import Call
from fix_embedded import Yard, wait_until

from kyc.cli.main import main

NOWHERE = "postgresql://nowhere.invalid/x"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ((), "--identity"),
        (("--development",), "--development"),
        (("--identity", "FILE", "--host", "0.0.0.0"), "--host"),  # noqa: S104  what is to be refused
        (("--identity", "FILE", "--client-ca", "x"), "--client-ca"),
        (("--identity", "FILE", "--tls-cert", "x"), "--tls-cert"),
        (("--identity", "absent.toml"), "--identity"),
    ],
)
def test_refused_before_it_listens(call: Call, tmp_path: Path, options: tuple[str, ...], field: str) -> None:
    """Nobody could log in, development on a database of one's own, tokens in the clear, half a key pair."""
    (tmp_path / "identity.toml").write_text('[[account]]\nid = "a"\nbranch = "B"\n')
    given = [str(tmp_path / "identity.toml") if one == "FILE" else one for one in options]
    code, _, err = call("--json", "serve", "--port", "0", *given)
    assert (code, json.loads(err)["field"]) == (5, field)


def test_development_is_for_this_machine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Also with the embedded database only on loopback; and no tokens for a database of one's own."""
    for arguments in (
        ("serve", "--development", "--host", "0.0.0.0"),  # noqa: S104
        ("serve", "--development", "--host", "::"),
        ("serve", "--development", "--host", "bank.example"),
        ("--database", NOWHERE, "token", "--actor", "T", "--branch", "B", "--role", "teller"),
    ):  # fmt: skip
        assert main(["--home", str(tmp_path / "home"), "--json", *arguments]) == 5
        assert json.loads(capsys.readouterr().err)["field"] in {"--host", "--development"}
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_tried_out(yard: Yard, tmp_path: Path) -> None:
    """A newcomer's way: the embedded database, a token, an event; log and readiness say what it is."""
    import subprocess
    import sys

    home = yard.home()
    yard.server(home).start()
    kyc = [sys.executable, "-m", "kyc", "--home", str(home), "--json"]
    with (tmp_path / "log").open("w") as log:
        service = subprocess.Popen(
            [*kyc, "serve", "--development", "--port", "0"], stdout=subprocess.PIPE, stderr=log
        )
    try:
        assert service.stdout is not None
        url = json.loads(service.stdout.readline())["url"]
        order = [*kyc, "token", "--actor", "T-1", "--branch", "B001", "--role", "teller"]
        token = json.loads(subprocess.run(order, check=True, capture_output=True, text=True).stdout)["token"]
        assert httpx.get(f"{url}/readyz", timeout=60).json()["development"] is True
        answer = httpx.post(f"{url}/v1/events", json={}, headers={"authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code == 400
        wait_until(lambda: "DEVELOPMENT ISSUER" in (tmp_path / "log").read_text())
        assert token not in (tmp_path / "log").read_text()
    finally:
        service.terminate()
        assert service.wait(60) == 0
        service.stdout.close()
