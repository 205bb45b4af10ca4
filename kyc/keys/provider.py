"""The key provider port: who wraps data keys and signs, chosen by URI scheme.

A provider never returns its key-encryption key. Wrapping binds ``context`` (the identity of the data key), so a
wrapped key copied to another row does not unwrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc.errors import ConfigurationError


class KeyProvider(Protocol):
    """Duties: wrap and unwrap are durable nowhere; a wrapped key must unwrap for as long as the provider lives."""

    @property
    def kek_id(self) -> str:
        """Name of the key-encryption key now used for wrapping; stored beside each wrapped key."""
        ...

    def wrap(self, keys: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Wrap ``(data key, context)`` pairs."""
        ...

    def unwrap(self, kek_id: str, wrapped: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Unwrap ``(wrapped key, context)`` pairs made under ``kek_id``.

        Raises:
            KeyProviderError: unknown key-encryption key, or bytes that do not unwrap in this context.
        """
        ...

    def secret(self, name: str) -> bytes:
        """The 32-byte institution secret of that name (blind index, stream ids, idempotency keys)."""
        ...

    def signing_key(self, name: str) -> Ed25519PrivateKey:
        """The signing key of that role (``log``, ``receipt``, ``export``)."""
        ...

    def next_signing_key(self, name: str) -> Ed25519PrivateKey:
        """The key that will follow, made when first asked for; it signs nothing but its own succession yet."""
        ...

    def succeed_signing_key(self, name: str) -> None:
        """Put the next key in use and destroy the present one; nothing where there is no next one."""
        ...


def open_provider(uri: str) -> KeyProvider:
    """The provider behind ``uri``; ``file:<directory>`` is the embedded default.

    Raises:
        ConfigurationError: no provider for that scheme.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "file":
        from kyc.keys.file_provider import FileKeyProvider

        return FileKeyProvider.open(rest)
    raise ConfigurationError(
        "no key provider for this URI", field="KYC_KEYS", rule="file:<directory>", remedy="use file:<directory>"
    )
