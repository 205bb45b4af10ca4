"""An OpenID provider's keys from its own server: cached, rotated, kept while it is silent, never from elsewhere."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from fix_certificates import Made, Make
from fix_service import AUDIENCE, ISSUER, Provider

from kyc.clock import FixedClock
from kyc.errors import UnauthenticatedError, UnreachableError
from kyc.service.oidc import Issuer, IssuerSettings

NOW = 1_790_000_000


class Server:
    """What a provider publishes, and how often it was asked for it."""

    def __init__(self, provider: Provider, tls: Made | None = None) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The key set as it is now, or what the test says."""
                server.asked.append(self.path)
                if server.answer is not None:
                    server.answer(self)
                    return
                body = provider.path.read_bytes()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.path, tls.key_path)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}/jwks"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def begin(oidc: Provider) -> Iterator[Callable[..., Server]]:
    """Starts servers; all are gone after the test."""
    made: list[Server] = []

    def start(tls: Made | None = None) -> Server:
        made.append(Server(oidc, tls))
        return made[-1]

    yield start
    for one in made:
        one.close()


class Later:
    """Time as the issuer counts it, put forward by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """The clock of caches."""
    clock = Later()
    monkeypatch.setattr("kyc.service.jwks.monotonic", clock)
    return clock


def issuer(url: str) -> Issuer:
    """What believes the provider of this address."""
    settings = IssuerSettings(issuer=ISSUER, audience=AUDIENCE, keys=url, refresh_seconds=600)
    return Issuer(settings, FixedClock(NOW * 1_000_000))


def token(oidc: Provider, kid: str = "first", **claims: object) -> str:
    """A token of now."""
    return oidc.token(kid=kid, **{"iat": NOW, "exp": NOW + 600} | claims)


def test_asked_once_and_again_for_what_is_new(begin: Callable[..., Server], oidc: Provider, later: Later) -> None:
    """One request for many tokens; one more for a key that is new; unknown keys cost one request in ten seconds."""
    server = begin()
    believed = issuer(server.url)

    async def all_of_it() -> None:
        tokens = [token(oidc, sub=f"T-{number}") for number in range(20)]
        await asyncio.gather(*(believed.actor(one) for one in tokens))
        assert len(server.asked) == 1
        oidc.add("second")
        later.now += 11
        assert (await believed.actor(token(oidc, "second"))).id == "T-1"
        assert len(server.asked) == 2
        stranger = Provider(oidc.path.parent / "stranger.json")
        stranger.add("unknown")
        for _ in range(5):
            with pytest.raises(UnauthenticatedError):
                await believed.actor(stranger.token(iat=NOW, exp=NOW + 600))
        assert len(server.asked) == 2, "it was read just now"
        later.now += 11
        for _ in range(5):
            with pytest.raises(UnauthenticatedError):
                await believed.actor(stranger.token(iat=NOW, exp=NOW + 600))
        assert len(server.asked) == 3
        withdrawn = token(oidc, "first")
        del oidc.keys["first"]
        oidc.publish()
        assert (await believed.actor(withdrawn)).id == "T-1"
        later.now += 601
        with pytest.raises(UnauthenticatedError):
            await believed.actor(token(oidc, "second", sub="T-7", aud="elsewhere"))
        with pytest.raises(UnauthenticatedError):
            await believed.actor(withdrawn)
        assert len(server.asked) == 4

    asyncio.run(all_of_it())


def test_a_provider_that_is_away(begin: Callable[..., Server], oidc: Provider, later: Later) -> None:
    """What was read goes on to count; without any nobody is believed; back again, it is asked."""
    server = begin()
    believed, fresh = issuer(server.url), issuer(server.url)

    def broken(handler: BaseHTTPRequestHandler) -> None:
        handler.send_error(503)

    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"<html>" * 10)

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b" " * 2_000_000)

    async def all_of_it() -> None:
        assert (await believed.actor(token(oidc))).id == "T-1"
        for number, server.answer in enumerate((broken, nonsense, endless)):
            later.now += 601
            assert (await believed.actor(token(oidc, sub=f"A-{number}"))).id == f"A-{number}"
            later.now += 601
            with pytest.raises(UnreachableError):
                await fresh.actor(token(oidc))
        server.answer = None
        later.now += 601
        assert (await fresh.actor(token(oidc))).id == "T-1"

    asyncio.run(all_of_it())
    server.close()
    server.close = lambda: None  # type: ignore[method-assign]
    later.now += 601
    assert asyncio.run(believed.actor(token(oidc, sub="T-8"))).id == "T-8"


def test_over_tls_and_nowhere_else(
    begin: Callable[..., Server], oidc: Provider, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate must be of an authority this machine trusts; what leads elsewhere is not followed."""
    root = make("root")
    server = begin(make("login", root))
    with pytest.raises(UnreachableError):
        asyncio.run(issuer(server.url).actor(token(oidc)))
    monkeypatch.setenv("SSL_CERT_FILE", str(root.path))
    assert asyncio.run(issuer(server.url).actor(token(oidc))).id == "T-1"
    open_line = begin()

    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("location", open_line.url)
        handler.end_headers()

    server.answer = elsewhere
    with pytest.raises(UnreachableError):
        asyncio.run(issuer(server.url).actor(token(oidc)))
    assert open_line.asked == []
    with pytest.raises(UnreachableError):
        asyncio.run(issuer("http://login.bank.test/jwks").actor(token(oidc)))


def test_how_somebody_logged_in(begin: Callable[..., Server], oidc: Provider) -> None:
    """Where the provider says that two factors were shown, the door knows it; else it does not."""
    believed = issuer(begin().url)

    async def ways() -> list[str]:
        said = [["pwd", "mfa"], ["pwd"], "mfa", None]
        return [(await believed.actor(token(oidc, amr=one))).authn for one in said]

    assert asyncio.run(ways()) == ["oidc-mfa", "oidc", "oidc", "oidc"]
    assert json.loads(oidc.path.read_text())["keys"]
