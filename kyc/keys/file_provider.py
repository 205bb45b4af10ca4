"""Keys in files of mode 0600: the embedded default. An HSM or a KMS would stand
behind the same port; none is shipped.

Layout of the directory: ``kek-<id>`` (32 bytes each, the newest is used for wrapping), ``secret-<name>``
(32 bytes), ``sign-<name>.pem`` and, while a key is being handed over, ``next-<name>.pem`` (PKCS #8 Ed25519). Files
are created whole by link-into-place, so a crash or a second process never sees half a key.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from secrets import token_bytes, token_hex

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kyc import files
from kyc.errors import ConfigurationError, KeyProviderError

KEY_LENGTH = 32
_NONCE_LENGTH = 12


class FileKeyProvider:
    """Wraps with AES-256-GCM under a key-encryption key kept in a file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keks: dict[str, AESGCM] = {}
        self._kek_id = self._newest_kek()

    @classmethod
    def open(cls, directory: str | Path) -> FileKeyProvider:
        """Open the directory, creating it (0700) and its first key-encryption key when new.

        Raises:
            ConfigurationError: others may read the directory.
        """
        path = Path(directory)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(
                "the key directory is open to other accounts", field="keys", remedy=f"chmod 700 {path}"
            )
        if not any(path.glob("kek-*")):
            _create(path / "kek-0001", token_bytes(KEY_LENGTH))
        return cls(path)

    @property
    def kek_id(self) -> str:
        """Name of the newest key-encryption key."""
        return self._kek_id

    def wrap(self, keys: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Nonce ‖ ciphertext ‖ tag of each data key, bound to its context."""
        kek = self._kek(self._kek_id)
        nonces = token_bytes(_NONCE_LENGTH * len(keys))
        wrapped = []
        for at, (key, context) in enumerate(keys):
            nonce = nonces[at * _NONCE_LENGTH : (at + 1) * _NONCE_LENGTH]
            wrapped.append(nonce + kek.encrypt(nonce, key, context))
        return wrapped

    def unwrap(self, kek_id: str, wrapped: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """The data keys again.

        Raises:
            KeyProviderError: unknown key-encryption key, or bytes that do not unwrap in this context.
        """
        kek = self._kek(kek_id)
        try:
            return [kek.decrypt(raw[:_NONCE_LENGTH], raw[_NONCE_LENGTH:], context) for raw, context in wrapped]
        except (InvalidTag, ValueError) as cause:
            raise KeyProviderError("a wrapped data key does not unwrap", field=kek_id) from cause

    def rotate(self) -> str:
        """Create the next key-encryption key; new data keys are wrapped under it. Returns its id."""
        number = int(self._kek_id) + 1
        _create(self._directory / f"kek-{number:04d}", token_bytes(KEY_LENGTH))
        self._kek_id = self._newest_kek()
        return self._kek_id

    def secret(self, name: str) -> bytes:
        """The 32-byte secret of that name, made on first use."""
        path = self._directory / f"secret-{name}"
        if not path.exists():
            _create(path, token_bytes(KEY_LENGTH))
        return path.read_bytes()

    def signing_key(self, name: str) -> Ed25519PrivateKey:
        """The Ed25519 key of that name, made on first use."""
        return _signing_key(self._directory / f"sign-{name}.pem")

    def next_signing_key(self, name: str) -> Ed25519PrivateKey:
        """The key that will follow the one of that name, made on first use."""
        return _signing_key(self._directory / f"next-{name}.pem")

    def succeed_signing_key(self, name: str) -> None:
        """Put the next key in place of the present one, in one step; the present one is gone."""
        with contextlib.suppress(FileNotFoundError):
            (self._directory / f"next-{name}.pem").replace(self._directory / f"sign-{name}.pem")
            files.sync(self._directory)

    def _newest_kek(self) -> str:
        return max(path.name for path in self._directory.glob("kek-*")).removeprefix("kek-")

    def _kek(self, kek_id: str) -> AESGCM:
        kek = self._keks.get(kek_id)
        if kek is None:
            path = self._directory / f"kek-{kek_id}"
            if not path.exists():
                raise KeyProviderError("unknown key-encryption key", field=kek_id)
            kek = self._keks[kek_id] = AESGCM(path.read_bytes())
        return kek


def _signing_key(path: Path) -> Ed25519PrivateKey:
    if not path.exists():
        fresh = Ed25519PrivateKey.generate()
        _create(path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProviderError("not an Ed25519 key", field=path.name)
    return key


def _create(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600 durably; keep an existing one (another process was first)."""
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    files.sync(path.parent)
