"""What the security tests attack: one server for a whole worker, with a household on record, and plain sockets."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from fix_bank import household
from fix_database import _fresh
from fix_service import AUDIENCE, ISSUER, Provider, Running, started, wire

from kyc.domain.access_rules import shipped_matrix
from kyc.service.limits import ServiceLimits
from kyc.service.route import PUBLIC, Route
from kyc.service.routes import ROUTES
from kyc.service.server import Options
from kyc.store.embedded import EmbeddedServer
from kyc.wiring import Configuration

MARK = "zq7mark"
"""Stands in every hostile value that is sent: wherever it comes back, something leaks."""
HOSTILE = (
    f"{MARK}' OR '1'='1'; DROP TABLE kyc.event; --", f'{MARK}\r\nSet-Cookie: a=b\r\n\r\n{{"event":"forged"}}',
    f"{MARK}{{{{7*7}}}}${{jndi:ldap://x}}<%=7*7%>%s%n<script>alert(1)</script>", f"../../../../etc/passwd{MARK}",
    f"=cmd|' /C calc'!A0{MARK}", f"{MARK}\x00\u202e\u2066\U000e0041", MARK + "x" * 5_000,
)  # fmt: skip
EXTREME = (
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "0001-01-01", "9999-12-31", "1E+999999999",
    "sNaN", "-Infinity", "0" * 5_000 + "1", "",
)  # fmt: skip
"""Values a parser may accept and arithmetic may not survive."""
JSON = "application/json"
PROBLEM = "application/problem+json"
ROLES = sorted({one.name for one in shipped_matrix().role} | {"stranger"})
_LIMITS = ServiceLimits(head_seconds=20, body_seconds=20)


def named(route: Route) -> str:
    """How a route is called in a test's name."""
    return f"{route.method}{route.path}"


ALL = pytest.mark.parametrize("route", ROUTES, ids=named)
GUARDED = pytest.mark.parametrize("route", [one for one in ROUTES if one.roles is not PUBLIC], ids=named)


@dataclass
class Fortress:
    """A running service, and tokens for it."""

    running: Running
    provider: Provider

    def client(self, *roles: str, **claims: Any) -> httpx.Client:
        """Somebody of these roles; without any, somebody who is nobody."""
        token = self.provider.token(roles=list(roles), **claims) if roles else ""
        return self.running.client(token, verify=False)  # no TLS here, and reading authorities takes a while

    def raw(self, sent: bytes, *, timeout: float = 60, half: bool = False) -> bytes:
        """Everything that is answered to these bytes until the other side closes."""
        parts = urlsplit(self.running.url)
        said = b""
        with (
            socket.create_connection((str(parts.hostname), parts.port), timeout=timeout) as connection,
            contextlib.suppress(ConnectionError),
        ):
            connection.sendall(sent)
            if half:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                said += piece
        return said


@pytest.fixture(scope="session")
def fortress(
    server: EmbeddedServer, database_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fortress]:
    """The server of this worker's security tests: nothing of it may be changed, only asked."""
    folder = tmp_path_factory.mktemp("fortress")
    provider = Provider(folder / "jwks.json")
    provider.add("first")
    identity = folder / "identity.toml"
    identity.write_text(f'[[issuer]]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\nkeys = "{provider.path}"\n')
    with _fresh(server, database_template) as dsn:
        configuration = Configuration(home=folder / "home", database=dsn, zone="UTC")
        with started(configuration, Options(port=0, identity=str(identity)), _LIMITS) as running:
            made = Fortress(running, provider)
            with made.client("teller") as teller:
                results = teller.post("/v1/events", json=[wire(one) for one in household()]).json()["results"]
            assert not [one for one in results if "problem" in one]
            yield made


def filled(path: str, value: str = "X1") -> str:
    """A route's path with this value for each parameter."""
    return re.sub(r"{\w+(:path)?}", quote(value, safe=""), path)


def body(route: Route) -> dict[str, Any]:
    """What a request to a route needs to get past the reading of its body."""
    return {} if route.request is None else {"content": b"{}", "headers": {"content-type": route.request_type}}


def refused(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """The problem document of a refusal with one of these statuses that repeats nothing of what was sent."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == PROBLEM
    assert MARK not in answer.text
    assert not any(MARK in value for value in answer.headers.values())
    problem: dict[str, Any] = json.loads(answer.text)
    assert problem["status"] == answer.status_code
    return problem
