"""A running service: a real server on loopback over a fresh database, tokens of an issuer of the test's own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from kyc.domain.fact import Submission
from kyc.service.limits import ServiceLimits
from kyc.service.server import Options, Server, bind
from kyc.wiring import Configuration, Service, open_service

ISSUER = "https://login.bank.test"
AUDIENCE = "kyc-ledger"
ORIGIN = {"purpose": "account-service", "legal_basis": "AML24-34"}
NDJSON = "application/x-ndjson"


@dataclass
class Provider:
    """An OpenID provider of the test's: its keys in a file, tokens on request."""

    path: Path
    keys: dict[str, ECKey] = field(default_factory=dict)

    def add(self, kid: str) -> None:
        """Publish a key."""
        self.keys[kid] = ECKey.import_key(ECKey.generate_key("P-256").as_dict(private=True) | {"kid": kid})
        self.publish()

    def publish(self) -> None:
        """Write the key set as it is."""
        public = [key.as_dict(private=False) for key in self.keys.values()]
        self.path.write_text(json.dumps({"keys": public}))

    def token(self, *, kid: str = "", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token of teller T-1 at B-1, unless the claims say otherwise; None leaves a claim out."""
        key = self.keys[kid or next(iter(self.keys))]
        now = int(time.time())  # noqa: TID251  what a provider does
        said = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "T-1", "branch": "B-1", "roles": ["teller"], "iat": now,
            "exp": now + 600,
        } | claims  # fmt: skip
        given = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid} | (header or {})
        return jwt.encode(given, {name: value for name, value in said.items() if value is not None}, key)


@pytest.fixture
def oidc(tmp_path: Path) -> Provider:
    """A provider with one key."""
    made = Provider(tmp_path / "jwks.json")
    made.add("first")
    return made


@pytest.fixture
def identity_file(tmp_path: Path, oidc: Provider) -> Path:
    """An identity file that names the provider."""
    path = tmp_path / "identity.toml"
    path.write_text(f'[[issuer]]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\nkeys = "{oidc.path}"\n')
    return path


@dataclass
class Running:
    """A server that runs in a thread of the test."""

    url: str
    server: Server
    service: Service
    thread: threading.Thread

    def client(self, token: str = "", **options: Any) -> httpx.Client:
        """A client that sends the token with each request."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)

    def stop(self) -> None:
        """Stop in order, and wait for the end."""
        self.server.stop()
        self.thread.join(60)
        assert not self.thread.is_alive()


Serve = Callable[..., Running]


@pytest.fixture
def serve(database: str, tmp_path: Path, identity_file: Path) -> Iterator[Serve]:
    """Starts servers over one fresh database; all are stopped after the test."""
    configuration = Configuration(home=tmp_path / "home", database=database, zone="UTC")
    running: list[Any] = []

    def start(limits: ServiceLimits | None = None, **options: Any) -> Running:
        opened = started(configuration, Options(**{"port": 0, "identity": str(identity_file)} | options), limits)
        running.append(opened)
        return opened.__enter__()  # type: ignore[no-any-return]

    yield start
    for one in reversed(running):
        one.__exit__(None, None, None)


@contextmanager
def started(
    configuration: Configuration, options: Options, limits: ServiceLimits | None = None
) -> Iterator[Running]:
    """A server over a configuration."""
    bound = bind(options)
    options = msgspec.structs.replace(options, port=bound.getsockname()[1])
    ready = threading.Event()
    with open_service(configuration) as service:
        server = Server(service, options, ready.set, limits)
        thread = threading.Thread(target=lambda: server.run(sockets=[bound]), name="test-server")
        thread.start()
        try:
            assert ready.wait(60), "the server did not start"
            yield Running(options.url, server, service, thread)
        finally:
            server.stop()
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture
def running(serve: Serve) -> Running:
    """A server with the ordinary limits."""
    return serve()


@pytest.fixture
def teller(running: Running, oidc: Provider) -> Iterator[httpx.Client]:
    """Teller T-1 of B-1 at the server."""
    with running.client(oidc.token()) as client:
        yield client


def wire(submission: Submission, **changes: Any) -> dict[str, Any]:
    """A submission as a client sends it: without actor and branch, which the service knows."""
    data = submission.data
    topic = getattr(type(data), "TOPIC", "transaction.booked")
    scans = [msgspec.structs.asdict(scan) for scan in submission.scans]
    said = {"key": submission.key, "topic": topic, "origin": ORIGIN, "data": data, "stream": submission.stream}
    if scans:
        said["scans"] = scans
    return msgspec.to_builtins(said, str_keys=True) | changes  # type: ignore[no-any-return]


def ndjson(*submissions: dict[str, Any]) -> bytes:
    """Lines."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in submissions)
