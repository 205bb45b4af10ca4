"""The development issuer: tokens without an OpenID provider, for the embedded database on one machine only.

It cannot be switched on by accident: it wants ``--development``, the embedded database and a loopback address, and
its name says what it is wherever a token is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OKPKey

from kyc.clock import Clock
from kyc.errors import ConfigurationError
from kyc.service.caller import checked
from kyc.service.oidc import Issuer, IssuerSettings
from kyc.wiring import Configuration

ISSUER: Final = "urn:kyc-ledger:development-issuer-not-for-production"
KEY: Final = "development"
"""Name of its key at the key provider."""
LIFETIME_MAX: Final = 43_200
_SETTINGS: Final = IssuerSettings(
    issuer=ISSUER, audience="kyc-ledger-development", keys="", algorithms=("Ed25519",), types=("at+jwt",)
)


def allow(configuration: Configuration, host: str = "127.0.0.1") -> None:
    """Refuse where this could be production.

    Raises:
        ConfigurationError: a database of its own, or an address others can reach.
    """
    if configuration.database is not None:
        raise ConfigurationError(
            "the development issuer is for the embedded database only", field="--development",
            rule="no --database, no KYC_DATABASE_URL", remedy="--identity with an issuer of yours",
        )  # fmt: skip
    if not loopback(host):
        raise ConfigurationError(
            "the development issuer is for this machine only", field="--host", rule="a loopback address",
            remedy="--host 127.0.0.1, or --identity with an issuer of yours",
        )  # fmt: skip


def loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def issuer(key: Ed25519PrivateKey, clock: Clock) -> Issuer:
    """What checks its tokens."""
    public = OKPKey.import_key(_jwk(key).as_dict(private=False))
    return Issuer(_SETTINGS, clock, authn="development", keys={"keys": [public.as_dict()]})


def token(
    key: Ed25519PrivateKey, clock: Clock, *, actor: str, branch: str, roles: Sequence[str], seconds: int = 3_600
) -> str:
    """A token of its.

    Raises:
        UnauthenticatedError: actor, branch or roles cannot be those of a caller.
    """
    checked(id=actor, branch=branch, roles=roles, kind="person", authn="development")
    now, signer = clock.now_us() // 1_000_000, _jwk(key)
    claims = {
        "iss": ISSUER, "aud": _SETTINGS.audience, "sub": actor, "branch": branch, "roles": list(roles), "iat": now,
        "exp": now + min(seconds, LIFETIME_MAX),
    }  # fmt: skip
    return jwt.encode(
        {"alg": "Ed25519", "typ": "at+jwt", "kid": signer.kid}, claims, signer, algorithms=["Ed25519"]
    )


def _jwk(key: Ed25519PrivateKey) -> OKPKey:
    made = OKPKey.import_key(key)
    return OKPKey.import_key(made.as_dict(private=True) | {"kid": made.thumbprint()})
