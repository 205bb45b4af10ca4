"""The key ring: one key per name, bounded memory, destroyed keys are gone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kyc.keys.file_provider import FileKeyProvider
from kyc.keys.ring import KeyName, KeyRing, WrappedKey
from kyc.settings import KeyLimits

SUBJECT = bytes(16)


class MemoryStore:
    """A key store in memory that keeps the port's duties and counts the calls."""

    def __init__(self) -> None:
        self.rows: dict[bytes, WrappedKey] = {}
        self.calls = 0

    def living(self, names: Sequence[KeyName]) -> list[WrappedKey]:
        """Living keys of names."""
        self.calls += 1
        return [row for row in self.rows.values() if row.name in set(names) and row.wrapped]

    def add(self, keys: Sequence[WrappedKey]) -> None:
        """New keys; the first of a name stays."""
        taken = {row.name for row in self.rows.values() if row.wrapped}
        self.rows.update({key.id: key for key in keys if key.name not in taken})

    def by_id(self, ids: Sequence[bytes]) -> list[WrappedKey]:
        """Keys by id."""
        self.calls += 1
        return [self.rows[i] for i in ids if i in self.rows]


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


@pytest.fixture
def ring(store: MemoryStore, tmp_path: Path) -> KeyRing:
    """A ring over it."""
    return KeyRing(store, FileKeyProvider.open(tmp_path / "keys"))


def name(period: str = "", subject: bytes = SUBJECT) -> KeyName:
    """A key name."""
    return KeyName(subject, "identity", period)


def test_made_once_and_cached(ring: KeyRing, store: MemoryStore) -> None:
    """The first request makes the key, the second asks nobody."""
    assert ring.cached(name()) is None
    first = ring.sealing([name()])[name()]
    calls = store.calls
    assert ring.sealing([name(), name()])[name()] is first
    assert ring.cached(name()) is first
    assert store.calls == calls


def test_id_leads_to_the_subjects_lane(ring: KeyRing) -> None:
    """The first bits of a key's id are its subject's, so that both lie in one lane."""
    subject = b"\xab\xcd" + bytes(14)
    key = ring.sealing([name(subject=subject)])[name(subject=subject)]
    assert key.id[:2] == subject[:2]


def test_two_rings_agree(ring: KeyRing, store: MemoryStore, tmp_path: Path) -> None:
    """Two processes that make the same key at once end with one: what one encrypts the other decrypts."""
    other = KeyRing(store, FileKeyProvider.open(tmp_path / "keys"))
    key = ring.sealing([name()])[name()]
    twin = other.opening([key.id])[key.id]
    assert twin is not None
    nonce = bytes(12)
    assert twin.aead.decrypt(nonce, key.aead.encrypt(nonce, b"x", None), None) == b"x"
    assert other.sealing([name()])[name()].id == key.id
    assert twin.scan_opening(b"s") == key.scan_opening(b"s") != key.scan_opening(b"t")


def test_destroyed_key_is_none(ring: KeyRing, store: MemoryStore) -> None:
    """A destroyed key opens nothing, and the next record of its name gets a fresh one."""
    key = ring.sealing([name()])[name()]
    store.rows[key.id] = store.rows[key.id]._replace(wrapped=b"")
    ring.forget(key.id)
    assert ring.opening([key.id]) == {key.id: None}
    assert ring.cached(name()) is None
    assert ring.sealing([name()])[name()].id != key.id


def test_memory_is_bounded_in_number_and_time(store: MemoryStore, tmp_path: Path) -> None:
    """Old keys leave memory, and a key is asked for again when its time is over."""
    provider = FileKeyProvider.open(tmp_path / "keys")
    small = KeyRing(store, provider, KeyLimits(keys_cached=2))
    small.sealing([name(str(n)) for n in range(5)])
    assert [small.cached(name(str(n))) is not None for n in range(5)] == [False, False, False, True, True]
    brief = KeyRing(store, provider, KeyLimits(seconds_cached=0))
    brief.sealing([name("0")])
    assert brief.cached(name("0")) is None
