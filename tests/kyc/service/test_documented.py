"""docs/api.md is run as it stands, and the description agrees with the table and with what is answered."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import zipfile
from pathlib import Path

import httpx
from fix_service import Provider, Running
from fix_service_reads import Bank

from kyc import sealing
from kyc.service import openapi
from kyc.service.endpoint import Endpoint
from kyc.service.problem import STATUS
from kyc.service.route import PUBLIC
from kyc.service.routes import ROUTES
from projections.engine import Engine

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
SHOWS_NOTHING_OF_ANYBODY = {
    "/livez", "/readyz", "/metrics", "/openapi.json", "/log/checkpoint", "/log/keys.ndjson",
    "/log/tile/{place:path}",
}  # fmt: skip


def test_the_page_runs(running: Running, oidc: Provider, tmp_path: Path) -> None:
    """Every example of docs/api.md succeeds, in order, in a shell that stops at the first that does not."""
    blocks = re.findall(r"```sh api\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 6
    script = "set -euo pipefail\n" + "\n".join(blocks)
    Engine(running.service.log).catch_up()  # what follows meanwhile is nobody's business here
    manager = oidc.token(sub="M-1", branch="B001", roles=["branch-manager"])
    served = Bank(running, oidc)
    for name in ("I-1", "I-2"):
        served.grant(name, "compliance")
    served.grant("D-1", "order-desk")
    officer, second = (oidc.token(sub=name, branch="HQ", roles=["compliance"]) for name in ("I-1", "I-2"))
    environment = (
        {"OFFICER": officer, "SECOND": second, "DESK": oidc.token(sub="D-1", branch="HQ", roles=["order-desk"])}
        | os.environ
        | {"URL": running.url, "TOKEN": oidc.token(branch="B001"), "MANAGER": manager}
    )
    stop = threading.Event()
    sealer = threading.Thread(target=sealing.follow, args=(running.service, stop, 0.1))
    sealer.start()
    try:
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    finally:
        stop.set()
        sealer.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert zipfile.is_zipfile(tmp_path / "bundle.zip")
    assert zipfile.is_zipfile(tmp_path / "answer.zip")


def test_every_route_has_an_action() -> None:
    """Each line of the table names its action and its roles; only what shows nothing of anybody is public."""
    assert all(route.action and route.summary for route in ROUTES)
    assert {route.path for route in ROUTES if route.roles is PUBLIC} == SHOWS_NOTHING_OF_ANYBODY
    assert all(route.roles for route in ROUTES if route.roles is not PUBLIC)


def test_every_route_is_described(running: Running) -> None:
    """The description has each route with answers, problems and, unless public, the ways to say who one is."""
    document = httpx.get(f"{running.url}/openapi.json", timeout=60).json()
    assert document["openapi"] == "3.1.0"
    for route in ROUTES:
        operation = document["paths"][re.sub(r":\w+}", "}", route.path)][route.method.lower()]
        assert operation["x-action"] == route.action
        assert {"200", "500", "503"} <= set(operation["responses"]) | {"200"}
        assert ("security" in operation) == (route.roles is not PUBLIC)
    submission = document["components"]["schemas"]["WireSubmission"]["properties"]
    assert "transaction.booked" in submission["topic"]["enum"]
    assert submission["data"]["anyOf"]


def test_references_lead_somewhere() -> None:
    """Every $ref of the description is defined in it."""
    document = openapi.document(ROUTES)
    known = document["components"]["schemas"]
    named = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert named <= set(known)
    assert set(STATUS.values()) <= set(openapi._WORDS)


def test_nobody_gets_in_unknown(running: Running, oidc: Provider) -> None:
    """Every route that is not public: 401 without a token, 403 for a role that has no business there."""
    with running.client() as nobody, running.client(oidc.token(roles=["stranger"])) as stranger:
        for route in ROUTES:
            if route.roles is PUBLIC:
                continue
            path = re.sub(r"{.*?}", "X1", route.path)
            unknown = nobody.request(route.method, path)
            assert unknown.status_code == 401, route.path
            assert unknown.headers["www-authenticate"].startswith("Bearer")
            denied = stranger.request(route.method, path)
            assert denied.status_code == 403, route.path
            assert set(denied.json()) == {"type", "title", "status", "rule", "remedy", "request"}


def test_what_is_not_there(running: Running, oidc: Provider) -> None:
    """Unknown paths and methods are problems too, with or without a token; HEAD answers as GET does."""
    with running.client(oidc.token()) as client:
        for path in ("/", "/v1", "/v1/nothing", "/v1/events/", "/%2e%2e/etc/passwd", "/v1/events%00"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path
            assert "passwd" not in answer.text
        wrong = client.delete("/v1/events")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        assert client.head("/livez").content == b""
    assert Endpoint(ROUTES[0])._template == "/v1/events"
