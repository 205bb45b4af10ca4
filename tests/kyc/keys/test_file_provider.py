"""The file key provider: private files, wrapping bound to its context, rotation."""

from __future__ import annotations

import stat
from pathlib import Path
from secrets import token_bytes

import pytest

from kyc.errors import ConfigurationError, KeyProviderError
from kyc.keys.file_provider import FileKeyProvider
from kyc.keys.provider import open_provider


def test_wrap_and_unwrap(tmp_path: Path) -> None:
    """What was wrapped comes back, also through a second provider on the same folder."""
    keys = [(token_bytes(32), b"one"), (token_bytes(32), b"two")]
    provider = FileKeyProvider.open(tmp_path / "keys")
    wrapped = provider.wrap(keys)
    assert all(key not in raw for (key, _), raw in zip(keys, wrapped, strict=True))
    again = open_provider(f"file:{tmp_path / 'keys'}")
    contexts = [context for _, context in keys]
    assert again.unwrap(provider.kek_id, list(zip(wrapped, contexts, strict=True))) == [key for key, _ in keys]


@pytest.mark.parametrize("spoil", ["context", "bytes", "length", "kek"])
def test_unwrap_refuses(tmp_path: Path, spoil: str) -> None:
    """Another context, a changed byte, a short text or an unknown key-encryption key do not unwrap."""
    provider = FileKeyProvider.open(tmp_path / "keys")
    (raw,) = provider.wrap([(token_bytes(32), b"context")])
    kek = "9999" if spoil == "kek" else provider.kek_id
    raw = {"bytes": raw[:-1] + bytes([raw[-1] ^ 1]), "length": raw[:5]}.get(spoil, raw)
    with pytest.raises(KeyProviderError):
        provider.unwrap(kek, [(raw, b"other" if spoil == "context" else b"context")])


def test_rotation_keeps_old_keys_readable(tmp_path: Path) -> None:
    """After rotation new keys use the new key-encryption key; old ones still unwrap."""
    provider = FileKeyProvider.open(tmp_path / "keys")
    old, key = provider.kek_id, token_bytes(32)
    (raw,) = provider.wrap([(key, b"c")])
    assert provider.rotate() != old
    assert provider.unwrap(old, [(raw, b"c")]) == [key]
    assert FileKeyProvider.open(tmp_path / "keys").kek_id == provider.kek_id


def test_files_are_private(tmp_path: Path) -> None:
    """Folder 0700, files 0600, and a folder open to others is refused with the remedy."""
    folder = tmp_path / "keys"
    provider = FileKeyProvider.open(folder)
    provider.secret("blind")
    provider.signing_key("log")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    folder.chmod(0o755)
    with pytest.raises(ConfigurationError, match="open to other accounts"):
        FileKeyProvider.open(folder)


def test_secrets_and_signing_keys_are_stable(tmp_path: Path) -> None:
    """A name gives the same secret and the same key every time, and different names differ."""
    first, second = (FileKeyProvider.open(tmp_path / "keys") for _ in range(2))
    assert first.secret("a") == second.secret("a")
    assert first.secret("a") != first.secret("b")
    assert len(first.secret("a")) == 32
    message = b"m"
    second.signing_key("log").public_key().verify(first.signing_key("log").sign(message), message)


def test_unknown_scheme(tmp_path: Path) -> None:
    """A provider nobody wrote is refused by name of the setting."""
    with pytest.raises(ConfigurationError) as refused:
        open_provider("vault:somewhere")
    assert refused.value.field == "KYC_KEYS"
