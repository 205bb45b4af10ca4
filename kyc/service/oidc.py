"""People: bearer tokens of an OpenID provider (RFC 9068, OpenID Connect Core), checked against its published keys.

Only signatures of listed asymmetric algorithms count, by a key of the provider's set (:mod:`kyc.service.jwks`) that
the token names.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections import OrderedDict
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from kyc.access.ask import Actor
from kyc.clock import Clock
from kyc.errors import ConfigurationError, UnauthenticatedError
from kyc.service.caller import Authn
from kyc.service.caller import checked as checked_actor
from kyc.service.jwks import Keys

ALGORITHMS: Final = frozenset({"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "Ed25519"})
"""Asymmetric ones. A shared secret would let whoever checks a token make one."""
TOKEN_MAX: Final = 8_192
_KNOWN_MAX: Final = 10_000
_KNOWN_SECONDS: Final = 60
"""How long a checked token is believed unseen: so long may a withdrawn key live on."""
_SECOND: Final = 1_000_000
_NOBODY: Final = (None, 0)
_UNREADABLE: Final = (ValueError, msgspec.MsgspecError, RecursionError)
"""What decoding raises on parts of a token that are none, or nest too deep."""


class IssuerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One OpenID provider, ``[[issuer]]`` of the identity file."""

    issuer: str
    audience: str
    keys: str
    """A JWK set: a file, or an https URL."""
    algorithms: tuple[str, ...] = ("ES256", "PS256", "RS256", "Ed25519")
    types: tuple[str, ...] = ("at+jwt", "JWT")
    skew_seconds: Annotated[int, msgspec.Meta(ge=0, le=300)] = 60
    lifetime_seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 43_200
    """Tokens that live longer are refused."""
    refresh_seconds: Annotated[int, msgspec.Meta(ge=10, le=86_400)] = 600
    actor: str = "sub"
    """The claim with the pseudonymous id; never a name or an address."""
    branch: str = "branch"
    roles: str = "roles"
    """The claim with the roles; dots lead into objects, as in ``realm_access.roles``."""
    role_names: dict[str, str] = {}
    """The provider's word → ours. Empty: they are the same."""


class _Header(msgspec.Struct):
    alg: str
    kid: str = ""
    typ: str = ""


class _Claims(msgspec.Struct):
    iss: str
    aud: str | list[str]
    exp: float
    iat: float
    nbf: float | None = None


class Issuer:
    """One provider and the tokens of it that were checked."""

    def __init__(self, settings: IssuerSettings, clock: Clock, *, authn: Authn = "oidc", keys: Any = None) -> None:
        wrong = set(settings.algorithms) - ALGORITHMS
        if wrong or not settings.algorithms:
            raise ConfigurationError(
                "not an algorithm for tokens", field="issuer.algorithms", rule=", ".join(sorted(ALGORITHMS))
            )
        self.settings = settings
        self._clock = clock
        self._authn: Authn = authn
        self._known: OrderedDict[bytes, tuple[Actor, int]] = OrderedDict()
        self._keys = Keys(settings.keys, settings.refresh_seconds, self._known.clear, given=keys)

    @property
    def development(self) -> bool:
        """Whether it is the issuer for trying things out."""
        return self._authn == "development"

    def known(self, token: str) -> Actor | None:
        """Who a token was given to that was checked a moment ago; None: it has to be checked."""
        actor, until = self._known.get(_digest(token), _NOBODY)
        return actor if self._clock.now_us() < until else None

    async def actor(self, token: str) -> Actor:
        """Who the token was given to.

        Raises:
            UnauthenticatedError: it does not hold; says which part, never what stands in it.
        """
        actor, until = await self.checked(token)
        self._remember(token, actor, until + self.settings.skew_seconds * _SECOND)
        return actor

    async def checked(self, token: str) -> tuple[Actor, int]:
        """The same, whatever is remembered, and when the token ends (microseconds).

        Raises:
            UnauthenticatedError: as above.
        """
        header = _header(token)
        self._check_header(header)
        key = await self._keys.find(header.kid)
        if key is None:
            raise _refused("kid", "a key of the issuer")
        try:
            claims = jwt.decode(token, key, algorithms=[header.alg]).claims
        except (JoseError, ValueError):
            raise _refused("signature", "by a key of the issuer") from None
        until = self._check_claims(claims)
        return self._actor(claims), until

    def _check_header(self, header: _Header) -> None:
        if header.alg not in self.settings.algorithms:
            raise _refused("alg", ", ".join(self.settings.algorithms))
        if header.typ.lower().removeprefix("application/") not in {one.lower() for one in self.settings.types}:
            raise _refused("typ", ", ".join(self.settings.types))

    def _check_claims(self, mapping: dict[str, Any]) -> int:
        """When the token ends."""
        settings, now = self.settings, self._clock.now_us() / _SECOND
        try:
            claims = msgspec.convert(mapping, _Claims)
        except msgspec.MsgspecError:
            raise _refused("claims", "iss, aud, exp and iat") from None
        if claims.iss != settings.issuer:
            raise _refused("iss", "the configured issuer")
        if settings.audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
            raise _refused("aud", "this service")
        if now >= claims.exp + settings.skew_seconds:
            raise _refused("exp", "not expired", "log in again")
        begins = max(claims.iat, claims.nbf if claims.nbf is not None else claims.iat)
        if now < begins - settings.skew_seconds:
            raise _refused("nbf", "already valid", "compare the clocks")
        if claims.exp - claims.iat > settings.lifetime_seconds:
            raise _refused("exp", f"lives at most {settings.lifetime_seconds} seconds")
        return int(claims.exp * _SECOND)

    def _actor(self, claims: dict[str, Any]) -> Actor:
        settings = self.settings
        said = _at(claims, settings.roles)
        words = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
        names = settings.role_names
        roles = [names.get(word, "") if names else word for word in words if isinstance(word, str)]
        return checked_actor(
            id=_at(claims, settings.actor), branch=_at(claims, settings.branch),
            roles=[role for role in roles if role], kind="person", authn=self._strength(claims),
        )  # fmt: skip

    def _strength(self, claims: dict[str, Any]) -> Authn:
        """Whether the provider says that two factors were shown (RFC 8176)."""
        methods = claims.get("amr")
        two = self._authn == "oidc" and isinstance(methods, list) and "mfa" in methods
        return "oidc-mfa" if two else self._authn

    def _remember(self, token: str, actor: Actor, until: int) -> None:
        self._known[_digest(token)] = actor, min(until, self._clock.now_us() + _KNOWN_SECONDS * _SECOND)
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)


def issuer_of(token: str) -> str:
    """The issuer a token names, unchecked: it only says whose keys to check it with."""
    try:
        _, payload, _ = token.split(".")
        return str(msgspec.json.decode(_decoded(payload), type=dict[str, Any]).get("iss", ""))
    except _UNREADABLE:
        raise _refused("token", "a signed JWT") from None


def _digest(token: str) -> bytes:
    return sha256(token.encode("latin-1", "replace")).digest()


def _header(token: str) -> _Header:
    try:
        return msgspec.json.decode(_decoded(token.partition(".")[0]), type=_Header)
    except _UNREADABLE:
        raise _refused("token", "a signed JWT") from None


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))


def _at(claims: dict[str, Any], path: str) -> Any:
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _refused(
    field: str, rule: str, remedy: str = "ask the issuer for a token for this service"
) -> UnauthenticatedError:
    return UnauthenticatedError("the token does not hold", field=field, rule=rule, remedy=remedy)
