"""Secrets of a running service: not in its log, not on a command line, not where others look."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from fix_bank import registered
from fix_service import Provider, wire
from fix_siege import MARK, refused
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kyc.cli.main import main
from kyc.service.sessions import COOKIE

PASSWORD = "pw-4e9c61"


def family(pid: int) -> Iterator[int]:
    """A process and those it started."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from family(int(child))


@pytest.mark.slow
def test_a_service_keeps_its_secrets(database: str, tmp_path: Path, identity_file: Path, oidc: Provider) -> None:
    """Two processes at the most talkative level: no token, password or record in the log or on a command line."""
    passfile = Path(str(conninfo_to_dict(database)["passfile"]))
    password = passfile.read_text().strip().rpartition(":")[2]
    dsn = make_conninfo(database, passfile="", password=password)
    environment = os.environ | {"KYC_DATABASE_URL": dsn, "KYC_LOG": "debug"}
    command = [sys.executable, "-m", "kyc", "--home", str(tmp_path / "home"), "--json", "serve", "--port", "0"]
    token, forged = oidc.token(), oidc.token(sub=f"{MARK}@x")
    log = tmp_path / "log"
    with log.open("wb") as file:
        service = subprocess.Popen(
            [*command, "--identity", str(identity_file), "--processes", "2"],
            env=environment, stdout=subprocess.PIPE, stderr=file,
        )  # fmt: skip
    assert service.stdout is not None
    try:
        url = json.loads(service.stdout.readline())["url"]
        headers = {"authorization": f"Bearer {token}"}
        sent = wire(registered("C1", f"Ada {MARK}"))
        assert httpx.post(f"{url}/v1/events", json=sent, headers=headers, timeout=60).status_code == 200
        begun = httpx.post(f"{url}/v1/session", headers=headers)
        cookie, csrf = SimpleCookie(begun.headers["set-cookie"])[COOKIE].value, begun.json()["csrf"]
        by_cookie = {"cookie": f"{COOKIE}={cookie}", "kyc-csrf": csrf}
        assert httpx.post(f"{url}/v1/events", json=sent, headers=by_cookie).status_code == 200
        refused(httpx.get(f"{url}/v1/status/{MARK}", params={"q": MARK}, headers=headers, timeout=60), 404)
        headers = {"authorization": f"Bearer {forged}"}
        refused(httpx.post(f"{url}/v1/events", json={}, headers=headers, timeout=60), 401)
        lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family(service.pid)]
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0
        service.stdout.close()
    told = log.read_bytes() + b"".join(lines)
    assert len(lines) >= 3
    assert log.read_bytes().count(b'"route"') >= 3
    for secret in (token, forged, *token.split("."), cookie, csrf, password, MARK, "Ada"):
        assert secret.encode() not in told


def test_no_password_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Everybody on the machine reads command lines: a password in ``--database`` is refused, not used."""
    for url in (f"postgresql://kyc:{PASSWORD}@db.invalid/kyc", f"host=db.invalid password={PASSWORD}"):
        assert main(["--json", "--database", url, "status"]) == 5
        said = capsys.readouterr().err
        assert json.loads(said)["field"] == "--database"
        assert PASSWORD not in said
