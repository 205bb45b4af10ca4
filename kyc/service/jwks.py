"""The published keys of an OpenID provider: read from a file or an https URL, kept, and read again (RFC 7517).

The set is read again when it is old, and when a token names a key that is not in it: that is how providers rotate.
While the provider does not answer the old set goes on to count.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from kyc.errors import ConfigurationError, UnreachableError
from kyc.logs import logger

_PUBLIC: Final = frozenset({"EC", "RSA", "OKP"})
_BYTES_MAX: Final = 1_048_576
_AGAIN_SECONDS: Final = 10.0
"""The provider is asked for a key it did not have at most this often."""

_log = logger("oidc")


class Keys:
    """One provider's keys; ``read`` is called whenever they were read anew."""

    def __init__(self, source: str, refresh_seconds: int, read: Callable[[], None], *, given: Any = None) -> None:
        self._source = source
        self._refresh_seconds = refresh_seconds
        self._told = read
        self._given = given is not None
        self._keys: dict[str, Key] = {} if given is None else _key_set(given)
        self._read_at = -1e9
        self._reading = asyncio.Lock()

    async def find(self, kid: str) -> Key | None:
        """The key of an id, once the set is fresh enough to say that there is none.

        Raises:
            UnreachableError: there is no set yet, and none can be read.
        """
        if not self._given:
            await self._read_if(lambda: self._age() >= self._refresh_seconds)
            await self._read_if(lambda: kid not in self._keys and self._age() > _AGAIN_SECONDS)
        return self._keys.get(kid)

    def _age(self) -> float:
        return monotonic() - self._read_at

    async def _read_if(self, needed: Callable[[], bool]) -> None:
        if needed():
            async with self._reading:
                if needed():  # others may have waited for the same
                    await self._read()

    async def _read(self) -> None:
        try:
            self._keys = _key_set(await asyncio.to_thread(_fetch, self._source))
            self._told()
        except (OSError, ValueError, ConfigurationError) as error:
            _log.warning("keys unread", error=type(error).__name__, field="issuer.keys")
            if not self._keys:
                raise UnreachableError(
                    "the keys of the issuer cannot be read", field="issuer.keys", remedy="see the file or URL"
                ) from None
        finally:
            self._read_at = monotonic()


def _key_set(document: Any) -> dict[str, Key]:
    """The public signing keys of a JWK set, by their ids; shared secrets and keys without an id are passed over."""
    listed = document.get("keys") if isinstance(document, dict) else None
    usable = [one for one in listed or () if isinstance(one, dict) and one.get("kty") in _PUBLIC and one.get("kid")]
    usable = [one for one in usable if one.get("use") in {None, "sig"}]
    try:
        found = {str(key.kid): key for key in KeySet.import_key_set({"keys": usable}).keys} if usable else {}
    except (JoseError, ValueError, TypeError, KeyError):
        raise ConfigurationError("not a JWK set", field="issuer.keys", rule="RFC 7517") from None
    if not found:
        raise ConfigurationError("no key that could be used", field="issuer.keys", rule="public keys with a kid")
    return found


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: what an address leads on to, perhaps over an open line, nobody has configured."""

    def redirect_request(self, *_: Any) -> None:
        """No request follows."""


_straight: Final = urllib.request.build_opener(_Straight)


def _fetch(source: str) -> Any:
    parts = urlsplit(source)
    if parts.scheme in {"", "file"}:
        return msgspec.json.decode(Path(parts.path).read_bytes())
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ConfigurationError("keys over a line anybody may change", field="issuer.keys", rule="https")
    try:
        with _straight.open(source, timeout=5) as answer:
            content = answer.read(_BYTES_MAX + 1)
    except urllib.error.HTTPError as error:
        error.close()  # it is an answer too, with a connection
        raise
    if len(content) > _BYTES_MAX:
        raise ConfigurationError("too large for a JWK set", field="issuer.keys", rule=f"at most {_BYTES_MAX} bytes")
    return msgspec.json.decode(content)
