"""Sessions of people at a browser, over real TLS: what the cookie opens, for how long, and what it does not."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from fix_bank import registered
from fix_certificates import Make
from fix_service import Provider, Running, Serve, wire

from kyc.access.ask import Actor
from kyc.clock import FixedClock
from kyc.domain.submission import StreamName
from kyc.errors import UnauthenticatedError
from kyc.service.sessions import COOKIE, Sessions

SESSION = "/v1/session"
ADA = Actor(id="T-1", roles=frozenset({"teller"}), branch="B-1", authn="oidc")


@dataclass
class House:
    """Servers with TLS over one home folder, and what trusts them."""

    serve: Serve
    options: dict[str, str]
    trusted: ssl.SSLContext

    def run(self) -> Running:
        """One more server."""
        return self.serve(**self.options)

    def browser(self, running: Running) -> httpx.Client:
        """A client that keeps cookies and sends no token by itself."""
        return httpx.Client(base_url=running.url, verify=self.trusted, timeout=60)


@pytest.fixture
def house(serve: Serve, make: Make) -> House:
    """The house."""
    root = make("root")
    server = make("server", root)
    return House(
        serve,
        {"certificate": str(server.path), "key": str(server.key_path)},
        ssl.create_default_context(cafile=str(root.path)),
    )


def begun(browser: httpx.Client, token: str) -> dict[str, Any]:
    """A session in the browser; the answer."""
    answer = browser.post(SESSION, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_a_cookie_in_place_of_a_token(house: House, oidc: Provider) -> None:
    """The cookie reads by itself, and changes something only with the token that goes with it."""
    running = house.run()
    with house.browser(running) as browser:
        answer = browser.post(SESSION, headers={"authorization": f"Bearer {oidc.token()}"})
        said = answer.json()
        morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
        assert (morsel["path"], morsel["domain"], morsel["samesite"]) == ("/", "", "Strict")
        assert morsel["secure"]
        assert morsel["httponly"]
        assert 0 < int(morsel["max-age"]) <= 600
        assert answer.headers["cache-control"] == "no-store"
        assert browser.get("/v1/status").status_code == 200
        assert browser.get(SESSION).json() == said
        event = wire(registered("C1"))
        for headers in ({}, {"kyc-csrf": ""}, {"kyc-csrf": said["csrf"][:-1] + "?"}, {"kyc-csrf": "é"}):
            raw = {name: value.encode() for name, value in headers.items()}
            refused = browser.post("/v1/events", json=event, headers=raw)
            assert (refused.status_code, refused.json()["field"]) == (401, "kyc-csrf")
        assert browser.post("/v1/events", json=event, headers={"kyc-csrf": said["csrf"]}).status_code == 200
    (stored, *_) = running.service.log.events(StreamName("customer", "C1"))
    assert (stored.context.actor, stored.context.branch) == ("T-1", "B-1")


def test_leaving_ends_it_everywhere(house: House, oidc: Provider) -> None:
    """Another process knows the session; left at one, it is over at both; a restart keeps the others."""
    first, second = house.run(), house.run()
    with house.browser(first) as browser, house.browser(second) as other:
        said = begun(browser, oidc.token())
        kept = begun(other, oidc.token(sub="T-2"))
        mine, theirs = browser.cookies[COOKIE], other.cookies[COOKIE]
        assert other.get("/v1/status", headers={"cookie": f"a=b; {COOKIE}={mine}"}).status_code == 200
        assert browser.delete(SESSION).status_code == 401
        left = browser.delete(SESSION, headers={"kyc-csrf": said["csrf"]})
        assert (left.json(), "Max-Age=0" in left.headers["set-cookie"]) == ({"left": True}, True)
        for running in (first, second):
            headers = {"cookie": f"{COOKIE}={mine}"}
            gone = httpx.get(f"{running.url}/v1/status", headers=headers, verify=house.trusted)
            assert (gone.status_code, gone.json()["field"]) == (401, "cookie")
    first.stop()
    with house.browser(house.run()) as again:
        again.cookies.set(COOKIE, theirs)
        assert again.get(SESSION).json()["csrf"] == kept["csrf"]


def test_only_a_token_begins_one(house: House, oidc: Provider, make: Make, identity_file: Path) -> None:
    """No cookie and no token of another audience begins a session; a token beside a cookie counts."""
    machine = make("machine")
    with identity_file.open("a") as file:
        file.write(f'[[account]]\nid = "core"\nbranch = "B-1"\ncertificates = ["{machine.fingerprint}"]\n')
    running = house.run()
    with house.browser(running) as browser:
        assert browser.post(SESSION).status_code == 401
        assert browser.get(SESSION, headers={"authorization": f"Bearer {oidc.token()}"}).status_code == 401
        wrong = oidc.token(aud="elsewhere")
        assert browser.post(SESSION, headers={"authorization": f"Bearer {wrong}"}).status_code == 401
        said = begun(browser, oidc.token())
        assert browser.post(SESSION, headers={"kyc-csrf": said["csrf"]}).status_code == 401
        other = {"authorization": f"Bearer {oidc.token(sub='T-2')}"}
        assert browser.post("/v1/events", json=wire(registered("C2")), headers=other).status_code == 200
    (stored, *_) = running.service.log.events(StreamName("customer", "C2"))
    assert stored.context.actor == "T-2"


def test_it_ends_with_its_token(tmp_path: Path) -> None:
    """To the moment, without the skew that clocks are allowed; what is over is swept away when another begins."""
    clock = FixedClock(1_000_000_000)
    sessions = Sessions(tmp_path, clock)
    cookie, session = sessions.begin(ADA, 1_600_000_000)
    assert sessions.find(cookie, "POST", session.csrf).actor == ADA
    clock.advance(599_999_999)
    assert sessions.find(cookie, "GET", "").actor == ADA
    clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        sessions.find(cookie, "GET", "")
    (before,) = (tmp_path / "service-sessions").iterdir()
    sessions.begin(ADA, 2_000_000_000)
    (after,) = (tmp_path / "service-sessions").iterdir()
    assert before != after


def test_what_is_kept_opens_nothing(tmp_path: Path) -> None:
    """Whoever reads the folder, which only the service can, learns neither cookies nor how to make one."""
    sessions = Sessions(tmp_path, FixedClock(0))
    cookie, session = sessions.begin(ADA, 10)
    (kept,) = (tmp_path / "service-sessions").iterdir()
    assert (tmp_path / "service-sessions").stat().st_mode & 0o777 == 0o700
    assert cookie not in kept.name
    assert cookie.encode() not in kept.read_bytes()
    for guess in (
        "",
        kept.name,
        kept.name[:43],
        f"../{kept.name}",
        session.csrf,
        cookie[:-1],
        cookie + "A",
        "é" * 43,
    ):
        with pytest.raises(UnauthenticatedError):
            sessions.find(guess, "GET", "")
    kept.write_bytes(b"{")
    with pytest.raises(UnauthenticatedError):
        sessions.find(cookie, "GET", "")
