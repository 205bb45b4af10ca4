"""Tokens forged in every known way, sent to the real server: nobody gets in, and no refusal is a fault of ours."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from fix_service import AUDIENCE, ISSUER, Provider
from fix_siege import MARK, Fortress, refused
from joserfc import jwt
from joserfc.jwk import RSAKey

KID_TRICKS = (
    "../../../../dev/null", "' OR 1=1 --", "first\0", "file:///dev/null", "http://127.0.0.1/jwks", "", MARK * 100,
)  # fmt: skip


def b64(part: Any) -> str:
    """A part of a token."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


NEST = b64(b'{"a":' * 1_100)


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that would hold, if whoever makes the token were believed."""
    now = int(time.time())  # noqa: TID251  what a forger does
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "T-1", "branch": "B-1", "roles": ["compliance"]}
    return said | {"iat": now, "exp": now + 600} | changes


def secrets(provider: Provider) -> dict[str, bytes]:
    """The public key in the forms in which a careless checker would take it for a shared secret."""
    key = provider.keys["first"]
    public = key.public_key
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return {
        "JWK": json.dumps(key.as_dict(private=False)).encode(),
        "PEM": public.public_bytes(serialization.Encoding.PEM, form),
        "DER": public.public_bytes(serialization.Encoding.DER, form),
        "empty": b"\0",
    }


def forged(provider: Provider) -> dict[str, str]:
    """Tokens that must not hold, by the trick."""
    own = RSAKey.generate_key(2_048)
    header, payload, signature = provider.token().split(".")
    critical = b64({"alg": "ES256", "typ": "JWT", "kid": "first", "crit": ["x"]})
    rs256 = {"alg": "RS256", "typ": "at+jwt", "kid": "first"}
    made = {
        "none": f"{b64({'alg': 'none', 'typ': 'JWT', 'kid': 'first'})}.{payload}.",
        "None with signature": f"{b64({'alg': 'NoNe', 'typ': 'JWT', 'kid': 'first'})}.{payload}.{signature}",
        "no signature": f"{header}.{payload}.", "another payload": f"{header}.{b64(claims())}.{signature}",
        "own key": jwt.encode(rs256, claims(), own),
        "own key in the header": jwt.encode(rs256 | {"jwk": own.as_dict(private=False)}, claims(), own),
        "own key by address": jwt.encode(rs256 | {"jku": "http://127.0.0.1:9/"}, claims(), own),
        "critical extension": f"{critical}.{payload}.{signature}",
        "a zero signature": f"{header}.{payload}.{b64(bytes(64))}",
        "a nested header": f"{NEST}.{payload}.{signature}",
        "a nested payload": f"{header}.{NEST}.{signature}",
        "many dots": "." * 500, "very long": "a" * 20_000, "encrypted": ".".join(["e30"] * 5), "no base64": "%.%.%",
        "in JSON": json.dumps({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}),
        "a list of issuers": f"{header}.{b64(claims(iss=[ISSUER]))}.{signature}",
        "twice": f"{header}.{payload}.{signature}, x",
        "expired": provider.token(exp=1), "not yet valid": provider.token(nbf=4_000_000_000),
        "for ever": provider.token(exp=4_000_000_000), "for infinity": provider.token(exp=1e308),
        "another audience": provider.token(aud="x"),
        "another issuer": provider.token(iss=f"{ISSUER}/"), "an ID token": provider.token(header={"typ": "id+jwt"}),
    }  # fmt: skip
    for name, secret in secrets(provider).items():
        for algorithm in ("sha256", "sha512"):
            said = f"{b64({'alg': f'HS{algorithm[3:]}', 'typ': 'at+jwt', 'kid': 'first'})}.{b64(claims())}"
            made[f"{algorithm} with {name}"] = f"{said}.{b64(hmac.digest(secret, said.encode(), algorithm))}"
    for trick in KID_TRICKS:
        made[f"kid {trick[:12]!r}"] = provider.token(header={"kid": trick})
    return made


def test_forged(fortress: Fortress) -> None:
    """None of them holds: 401, in words that repeat nothing of the token."""
    for name, token in forged(fortress.provider).items():
        with fortress.running.client(token, verify=False) as client:
            answer = client.get("/v1/status")
        problem = refused(answer, 401)
        assert answer.headers["www-authenticate"] == 'Bearer realm="kyc-ledger"', name
        assert not [part for part in token.split(".") if len(part) > 8 and part in str(problem)], name


def test_a_good_one_holds_until_it_ends(fortress: Fortress) -> None:
    """The same token holds twice; with one character of its signature changed it does not."""
    token = fortress.provider.token()
    for _ in range(2):
        with fortress.running.client(token) as client:
            assert client.get("/v1/status").status_code == 200
    place = len(token) - 10
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    with fortress.running.client(changed) as client:
        refused(client.get("/v1/status"), 401)


@pytest.mark.parametrize("place", ["query", "cookie", "body"])
def test_tokens_stand_in_their_header_only(fortress: Fortress, place: str) -> None:
    """A token in the address would be logged on the way, one in a cookie sent by any page: neither counts."""
    token = fortress.provider.token()
    form = {"content-type": "application/x-www-form-urlencoded"}
    given: dict[str, Any] = {
        "query": {"params": {"access_token": token}}, "cookie": {"headers": {"cookie": f"access_token={token}"}},
        "body": {"content": f"access_token={token}", "headers": form},
    }[place]  # fmt: skip
    with fortress.client() as client:
        refused(client.request("POST", "/v1/events", **given), 401)
