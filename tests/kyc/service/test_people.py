"""Bearer tokens: whose are believed, for how long, and what a refusal says."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from fix_service import AUDIENCE, ISSUER, Provider
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from kyc.access.ask import Actor
from kyc.clock import FixedClock
from kyc.errors import ConfigurationError, UnauthenticatedError, UnreachableError
from kyc.service.identity import Identity
from kyc.service.oidc import Issuer, IssuerSettings

NOW = 1_800_000_000


def identity(oidc: Provider, clock: FixedClock | None = None, **settings: Any) -> Identity:
    """A service that believes the provider."""
    chosen = IssuerSettings(issuer=ISSUER, audience=AUDIENCE, keys=str(oidc.path), **settings)
    clock = clock or FixedClock(NOW * 1_000_000)
    return Identity([], [Issuer(chosen, clock)], clock)


def token(oidc: Provider, **claims: Any) -> str:
    """A token of now, for ten minutes."""
    return oidc.token(**{"iat": NOW, "exp": NOW + 600} | claims)


async def asked(service: Identity, value: str) -> Actor:
    """Who a request with this header is from."""
    return await service.actor({"headers": [(b"authorization", value.encode())]})


def who(service: Identity, value: str) -> Actor:
    """The same, waited for."""
    import asyncio

    return asyncio.run(asked(service, f"Bearer {value}"))


def refused(service: Identity, value: str) -> str:
    """The field that a token is refused for; the refusal repeats nothing of it."""
    with pytest.raises(UnauthenticatedError) as caught:
        who(service, value)
    assert "T-1" not in caught.value.diagnostics()
    return caught.value.field or ""


def test_a_person(oidc: Provider) -> None:
    """Claims become id, branch and roles; the provider's role names are translated, others passed over."""
    actor = who(identity(oidc), token(oidc))
    assert actor == Actor(id="T-1", roles=frozenset({"teller"}), branch="B-1", kind="person", authn="oidc")
    named = identity(oidc, roles="realm.roles", role_names={"KYC-T": "teller"}, actor="code", branch="unit")
    said = token(oidc, realm={"roles": ["KYC-T", "coffee"]}, code="E7", unit="B7")
    assert who(named, said) == Actor(id="E7", roles=frozenset({"teller"}), branch="B7", kind="person", authn="oidc")


@pytest.mark.parametrize(
    ("claims", "field"),
    [
        ({"iss": "https://elsewhere.test"}, "iss"), ({"iss": None}, "iss"), ({"aud": "other"}, "aud"),
        ({"aud": ["other", "another"]}, "aud"), ({"aud": None}, "claims"), ({"exp": None}, "claims"),
        ({"iat": None}, "claims"), ({"exp": "soon"}, "claims"), ({"exp": NOW - 61}, "exp"),
        ({"exp": NOW + 50_000}, "exp"), ({"iat": NOW + 61}, "nbf"), ({"nbf": NOW + 61}, "nbf"),
        ({"sub": None}, "actor"), ({"sub": "ada@bank.test"}, "actor"), ({"sub": "Ada Lovelace"}, "actor"),
        ({"sub": "x" * 65}, "actor"), ({"branch": ""}, "branch"), ({"branch": 7}, "branch"),
        ({"roles": []}, "roles"), ({"roles": None}, "roles"), ({"roles": {"teller": True}}, "roles"),
    ],
)  # fmt: skip
def test_claims_that_do_not_hold(oidc: Provider, claims: dict[str, Any], field: str) -> None:
    """Each claim is checked, and the refusal names which."""
    assert refused(identity(oidc), token(oidc, **claims)) == field


def test_clocks_may_differ_a_little(oidc: Provider) -> None:
    """Within the skew a token is believed; once checked it is believed no longer than it holds."""
    for claims in ({"exp": NOW - 59, "iat": NOW - 600}, {"iat": NOW + 59}, {"nbf": NOW + 59}):
        assert who(identity(oidc), token(oidc, **claims)).id == "T-1"
    clock = FixedClock(NOW * 1_000_000)
    service, said = identity(oidc, clock), token(oidc, exp=NOW + 30)
    assert who(service, said).id == "T-1"
    clock.advance(91_000_000)
    assert refused(service, said) == "exp"


def test_only_listed_algorithms(oidc: Provider) -> None:
    """No signature, a shared secret made of the public key and an unlisted algorithm are refused."""
    _, claims, _ = token(oidc).split(".")
    none = (
        urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT", "kid": "first"}).encode()).decode().rstrip("=")
    )
    assert refused(identity(oidc), f"{none}.{claims}.") == "alg"
    secret = OctKey.import_key(json.dumps(oidc.keys["first"].as_dict(private=False)))
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "T-1", "branch": "B-1", "roles": ["teller"], "iat": NOW}
    confused = jwt.encode(
        {"alg": "HS256", "kid": "first", "typ": "JWT"}, said | {"exp": NOW + 9}, secret, algorithms=["HS256"]
    )
    assert refused(identity(oidc), confused) == "alg"
    assert refused(identity(oidc, algorithms=("RS256",)), token(oidc)) == "alg"
    with pytest.raises(ConfigurationError):
        identity(oidc, algorithms=("HS256",))


def test_signatures_and_types(oidc: Provider) -> None:
    """Another key under a known kid, a changed claim, an ID token's type and an unknown kid are refused."""
    service = identity(oidc)
    stranger = Provider(oidc.path.parent / "stranger.json")
    stranger.add("first")
    assert refused(service, token(stranger)) == "signature"
    header, _, signature = token(oidc).split(".")
    changed = token(oidc, roles=["compliance"]).split(".")[1]
    assert refused(service, f"{header}.{changed}.{signature}") == "signature"
    assert refused(service, token(oidc, header={"typ": "id+jwt"})) == "typ"
    assert refused(service, token(oidc, header={"kid": "unknown"})) == "kid"
    for value in ("", "x", "a.b", "a.b.c", "..", "é.é.é", "[]" * 4_000):
        assert refused(service, value) in {"token", "iss", "authorization"}, value


def test_keys_are_rotated(oidc: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key is found when a token names it; a withdrawn one is forgotten when the set is read again."""
    service = identity(oidc, refresh_seconds=10)
    assert who(service, token(oidc)).id == "T-1"
    oidc.add("second")
    later = time.monotonic() + 11
    monkeypatch.setattr("kyc.service.jwks.monotonic", lambda: later)
    assert who(service, token(oidc, kid="second")).id == "T-1"
    withdrawn = token(oidc, kid="first")
    del oidc.keys["first"]
    oidc.publish()
    assert who(service, withdrawn).id == "T-1"
    later += 11
    assert who(service, token(oidc, kid="second", sub="T-3")).id == "T-3"
    assert refused(service, withdrawn) == "kid"


def test_a_silent_provider(oidc: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys that are known go on to count; without any nobody is believed, and it is not their fault."""
    service = identity(oidc, refresh_seconds=10)
    said = token(oidc)
    assert who(service, said).id == "T-1"
    oidc.path.unlink()
    later = time.monotonic() + 11
    monkeypatch.setattr("kyc.service.jwks.monotonic", lambda: later)
    assert who(service, token(oidc, sub="T-2")).id == "T-2"
    with pytest.raises(UnreachableError):
        who(identity(Provider(tmp_path / "none.json", {"first": oidc.keys["first"]})), said)


def test_keys_that_are_none(oidc: Provider) -> None:
    """A set without public keys, or with shared secrets only, is no set; nor is a web page."""
    for text in ("{}", '{"keys": []}', "<html>", '{"keys": [{"kty": "oct", "k": "AAAA", "kid": "first"}]}'):
        oidc.path.write_text(text)
        with pytest.raises(UnreachableError):
            who(identity(oidc), token(oidc))
    assert isinstance(oidc.keys["first"], ECKey)


def test_other_schemes(oidc: Provider) -> None:
    """Only bearer tokens: no passwords, no nothing."""
    import asyncio

    service = identity(oidc)
    for value in ("Basic dDpw", "Bearer", token(oidc)):
        with pytest.raises(UnauthenticatedError):
            asyncio.run(asked(service, value))
    with pytest.raises(UnauthenticatedError):
        asyncio.run(service.actor({"headers": []}))
