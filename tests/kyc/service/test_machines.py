"""Machines: client certificates over real TLS, and which of them are believed."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fix_bank import registered
from fix_certificates import TODAY, Made, Make
from fix_service import Provider, Serve, wire

from kyc.clock import FixedClock, from_datetime
from kyc.domain.submission import StreamName
from kyc.errors import ConfigurationError, UnauthenticatedError
from kyc.service.identity import CERTIFICATE, Account, Identity, read

EVENTS = "/v1/events"


def connect(url: str, trusted: Made, client: Made | None) -> httpx.Client:
    """A client that trusts the root and shows a certificate, or none."""
    context = ssl.create_default_context(cafile=str(trusted.path))
    if client is not None:
        context.load_cert_chain(client.path, client.key_path)
    return httpx.Client(base_url=url, verify=context, timeout=60)


def test_a_machine_of_a_branch(serve: Serve, make: Make, tmp_path: Path) -> None:
    """A listed certificate, its successor and one known by name append for the account's branch; others do not."""
    root, stranger = make("root"), make("stranger")
    old, new, named = make("old", root), make("new", root), make("named", root, dns="core.b7.bank.test")
    unlisted, foreign, expired = (
        make("unlisted", root),
        make("foreign", stranger),
        make("expired", root, until=TODAY),
    )
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(
        f'[[account]]\nid = "core-b1"\nbranch = "B-1"\ncertificates = ["{old.fingerprint}", "{new.fingerprint}"]\n'
        f'[[account]]\nid = "core-b7"\nbranch = "B-7"\nnames = ["core.b7.bank.test"]\n'
    )
    server = make("server", root)
    running = serve(
        certificate=str(server.path), key=str(server.key_path), client_ca=str(root.path), identity=str(accounts)
    )
    assert running.url.startswith("https:")
    for number, (client, actor, branch) in enumerate(
        [(old, "core-b1", "B-1"), (new, "core-b1", "B-1"), (named, "core-b7", "B-7")]
    ):
        with connect(running.url, root, client) as machine:
            assert machine.post(EVENTS, json=wire(registered(f"C{number}"))).status_code == 200
        (stored,) = running.service.log.events(StreamName("customer", f"C{number}"))
        assert (stored.context.actor, stored.context.branch) == (actor, branch)
    with connect(running.url, root, unlisted) as machine:
        answer = machine.post(EVENTS, json=wire(registered("C8")))
        assert (answer.status_code, answer.json()["field"]) == (401, "certificate")
    for client in (foreign, expired, None):
        with connect(running.url, root, client) as machine, pytest.raises(httpx.TransportError):
            machine.post(EVENTS, json=wire(registered("C9")))
    assert not list(running.service.log.events(StreamName("customer", "C9")))


def test_people_beside_machines(serve: Serve, make: Make, oidc: Provider, identity_file: Path) -> None:
    """Where people log in too, a line without certificate is let in and needs a token; a wrong one is not."""
    root = make("root")
    server, machine, foreign = make("server", root), make("machine", root), make("foreign", make("other"))
    with identity_file.open("a") as file:
        file.write(f'[[account]]\nid = "core-b1"\nbranch = "B-1"\ncertificates = ["{machine.fingerprint}"]\n')
    running = serve(certificate=str(server.path), key=str(server.key_path), client_ca=str(root.path))
    token = {"authorization": f"Bearer {oidc.token()}"}
    with connect(running.url, root, None) as person:
        assert person.post(EVENTS, json=wire(registered("C1"))).status_code == 401
        assert person.post(EVENTS, json=wire(registered("C1")), headers=token).status_code == 200
    with connect(running.url, root, machine) as both:
        assert both.post(EVENTS, json=wire(registered("C2")), headers=token).status_code == 200
        assert both.post(EVENTS, json=wire(registered("C3"))).status_code == 200
    with connect(running.url, root, foreign) as wrong, pytest.raises(httpx.TransportError):
        wrong.post(EVENTS, json=wire(registered("C4")), headers=token)
    actors = [next(running.service.log.events(StreamName("customer", f"C{n}"))).context.actor for n in (1, 2, 3)]
    assert actors == ["T-1", "T-1", "core-b1"]


def test_a_connection_outlives_its_certificate(make: Make) -> None:
    """What was valid when the connection began is refused once it has expired."""
    import asyncio

    root = make("root")
    client = make("client", root, until=TODAY + timedelta(days=1))
    clock = FixedClock(from_datetime(TODAY))
    account = Account(id="core", branch="B-1", certificates=(client.fingerprint,))
    service = Identity([account], [], clock)
    scope = {"headers": [], CERTIFICATE: client.der}
    assert asyncio.run(service.actor(scope)).id == "core"
    clock.advance(86_401_000_000)
    with pytest.raises(UnauthenticatedError, match="expired"):
        asyncio.run(service.actor(scope))


@pytest.mark.parametrize(
    "text",
    [
        "nonsense", '[[account]]\nid = "a"', '[[account]]\nid = "a b"\nbranch = "B"', '[[user]]\nname = "x"',
        '[[account]]\nid = "a"\nbranch = "B"\ncertificates = ["ABC"]',
        '[[account]]\nid = "a"\nbranch = "B"\nnames = ["x"]\n[[account]]\nid = "b"\nbranch = "B"\nnames = ["x"]',
    ],
)  # fmt: skip
def test_identity_files_that_are_none(tmp_path: Path, text: str) -> None:
    """A file that says something else, half of something or the same twice stops the service."""
    path = tmp_path / "identity.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        Identity(read(path).account, [], FixedClock(0))
    with pytest.raises(ConfigurationError):
        read(tmp_path / "absent.toml")
