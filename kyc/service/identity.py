"""Who is asking: machines by client certificate, people by bearer token. What they may do is decided elsewhere.

The identity file (TOML) lists service accounts (``[[account]]``) and OpenID providers (``[[issuer]]``). An account
is one branch's machine; several certificates, or a name in them, let it change certificates without a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cryptography import x509
from starlette.types import Scope

from kyc.access.ask import Actor
from kyc.clock import Clock, from_datetime
from kyc.errors import ConfigurationError, UnauthenticatedError
from kyc.service.call import header
from kyc.service.caller import checked
from kyc.service.oidc import TOKEN_MAX, Issuer, IssuerSettings, issuer_of
from kyc.service.sessions import COOKIE, CSRF, Session, Sessions

CERTIFICATE: Final = "kyc.certificate"
"""Where the server puts the client's certificate (DER) into the scope; no header reaches it."""
_CERTIFICATES_KNOWN: Final = 10_000
_BEARER: Final = b"bearer "

Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service account: one machine of one branch."""

    id: str
    branch: str
    roles: tuple[str, ...] = ("branch-system",)
    certificates: tuple[Fingerprint, ...] = ()
    """SHA-256 of each certificate (DER), in hexadecimal; the old and the new one while it is changed."""
    names: tuple[str, ...] = ()
    """DNS names or URIs in the certificate's subjectAltName: any certificate of the client CA with one counts."""


class IdentityFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The identity file."""

    account: tuple[Account, ...] = ()
    issuer: tuple[IssuerSettings, ...] = ()


def read(path: Path) -> IdentityFile:
    """The identity file.

    Raises:
        ConfigurationError: it cannot be read; names the place.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=IdentityFile)
    except OSError:
        raise ConfigurationError("the identity file cannot be read", field="--identity") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as cause:
        place = str(cause).rpartition("`$")[2].rstrip("`") if "`$" in str(cause) else ""
        raise ConfigurationError(
            "not an identity file", field=f"--identity{place}", rule="see docs/api.md, Callers"
        ) from None


class Identity:
    """Recognises callers."""

    def __init__(
        self, accounts: Sequence[Account], issuers: Sequence[Issuer], clock: Clock, sessions: Sessions | None = None
    ) -> None:
        self._clock = clock
        self._sessions = sessions
        self._by_certificate: dict[str, Actor] = {}
        self._by_name: dict[str, Actor] = {}
        for account in accounts:
            self._add(account)
        self.issuers = {issuer.settings.issuer: issuer for issuer in issuers}
        self._seen: dict[bytes, tuple[Actor, int]] = {}

    @property
    def development(self) -> bool:
        """Whether tokens of the development issuer are believed."""
        return any(issuer.development for issuer in self.issuers.values())

    async def actor(self, scope: Scope) -> Actor:
        """Who sent a request. A token counts before a session, and this before the certificate of the line.

        Raises:
            UnauthenticatedError: nobody we know.
        """
        said = header(scope, b"authorization")
        if said:
            token = _token(said)
            for issuer in self.issuers.values():  # one that was checked need not be read to find whose it is
                if (known := issuer.known(token)) is not None:
                    return known
            return await self._issuer(token).actor(token)
        if self._sessions is not None and _cookies(scope):
            return (await self.session(scope))[1].actor
        certificate = scope.get(CERTIFICATE)
        if certificate is None:
            raise UnauthenticatedError(
                field="authorization", rule="a bearer token, or a client certificate", remedy="see docs/api.md"
            )
        return self._machine(certificate)

    @property
    def sessions(self) -> Sessions:
        """The sessions of this home folder."""
        assert self._sessions is not None, "a service has some"
        return self._sessions

    async def bearer(self, said: bytes) -> tuple[Actor, int]:
        """Whom a bearer token was given to, and when it ends (microseconds).

        Raises:
            UnauthenticatedError: it does not hold, or there is none.
        """
        token = _token(said)
        return await self._issuer(token).checked(token)

    async def session(self, scope: Scope) -> tuple[str, Session]:
        """The cookie of a request, and what it stands for.

        Raises:
            UnauthenticatedError: there is none, or the request may not be made by it.
        """
        cookies = _cookies(scope)
        if len(cookies) != 1 or header(scope, b"authorization"):
            raise UnauthenticatedError(field="cookie", rule="a session", remedy="POST /v1/session with a token")
        csrf = header(scope, CSRF).decode("latin-1")
        return cookies[0], await asyncio.to_thread(self.sessions.find, cookies[0], scope["method"], csrf)

    def _issuer(self, token: str) -> Issuer:
        issuer = self.issuers.get(issuer_of(token)) if self.issuers else None
        if issuer is None:
            raise UnauthenticatedError(
                "the token does not hold", field="iss", rule="a configured issuer",
                remedy="ask the issuer for a token for this service",
            )  # fmt: skip
        return issuer

    def _machine(self, certificate: bytes) -> Actor:
        digest = sha256(certificate).digest()
        seen = self._seen.get(digest)
        if seen is None:
            parsed = x509.load_der_x509_certificate(certificate)
            actor = self._by_certificate.get(digest.hex()) or self._named(parsed)
            if actor is None:
                raise UnauthenticatedError(
                    "no account has this certificate", field="certificate", rule="listed in the identity file",
                    remedy="add its SHA-256 or its name to the account",
                )  # fmt: skip
            if len(self._seen) >= _CERTIFICATES_KNOWN:
                self._seen.clear()
            seen = self._seen[digest] = actor, from_datetime(parsed.not_valid_after_utc)
        if self._clock.now_us() > seen[1]:  # the connection may have outlived its certificate
            raise UnauthenticatedError("the certificate has expired", field="certificate", remedy="renew it")
        return seen[0]

    def _named(self, certificate: x509.Certificate) -> Actor | None:
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return None
        found = [
            *names.get_values_for_type(x509.DNSName), *names.get_values_for_type(x509.UniformResourceIdentifier)
        ]  # fmt: skip
        return next((self._by_name[name] for name in found if name in self._by_name), None)

    def _add(self, account: Account) -> None:
        try:
            actor = checked(id=account.id, branch=account.branch, roles=account.roles, kind="machine", authn="mtls")
        except UnauthenticatedError as cause:
            raise ConfigurationError(cause.message, field=f"account.{cause.field}", rule=cause.rule) from None
        for known, words in ((self._by_certificate, account.certificates), (self._by_name, account.names)):
            for word in words:
                if known.setdefault(word, actor) is not actor:
                    raise ConfigurationError("two accounts have one certificate", field="account", rule="only one")


def _token(said: bytes) -> str:
    if not said.lower().startswith(_BEARER) or len(said) > TOKEN_MAX:
        raise UnauthenticatedError(field="authorization", rule="Bearer and a token", remedy="see docs/api.md")
    return said[len(_BEARER) :].strip().decode("latin-1")


def _cookies(scope: Scope) -> list[str]:
    """The values of the session's cookie; one of several may be somebody else's, so all are told."""
    found = []
    for known, value in scope["headers"]:
        if known == b"cookie":
            pairs = (part.strip().partition("=") for part in value.decode("latin-1").split(";"))
            found += [said for name, _, said in pairs if name == COOKIE]
    return found
