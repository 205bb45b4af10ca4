"""Data keys: one per subject, record class and clock period, because that is the unit the law disposes of.

The ring makes, caches and destroys them. Where they are kept is a port (:class:`KeyStore`), how they are wrapped
another (:class:`~kyc.keys.provider.KeyProvider`). Callers encrypt through :class:`DataKey` and never see key bytes.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from secrets import token_bytes
from threading import Lock
from typing import Any, NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kyc.errors import KeyProviderError
from kyc.keys.provider import KeyProvider
from kyc.settings import KeyLimits

KEY_LENGTH = 32


class KeyName(NamedTuple):
    """What a data key protects: one subject's records of one class and one clock period."""

    subject: bytes
    """Stream id of the customer or account, 16 bytes."""
    record_class: str
    period: str


class WrappedKey(NamedTuple):
    """A data key as it is stored. ``wrapped`` is empty once it is destroyed."""

    id: bytes
    name: KeyName
    kek_id: str
    wrapped: bytes


class KeyStore(Protocol):
    """Where wrapped keys live. Duties: durable before ``add`` returns; one living key per name."""

    def living(self, names: Sequence[KeyName]) -> list[WrappedKey]:
        """The undestroyed keys among ``names``; names without one are left out."""
        ...

    def add(self, keys: Sequence[WrappedKey]) -> None:
        """Store new keys; a name that got a living key meanwhile keeps that one."""
        ...

    def by_id(self, ids: Sequence[bytes]) -> list[WrappedKey]:
        """The keys of these ids, destroyed ones with empty ``wrapped``."""
        ...


class DataKey:
    """A usable data key. Openings of scans are derived from it, so a retry commits alike.

    A kept cipher takes eight times the memory of all else and saves a microsecond, so writing alone keeps it.
    """

    __slots__ = ("_kept", "_key", "id", "until")

    def __init__(self, key_id: bytes, key: bytes, until: float) -> None:
        self.id = key_id
        self.until = until
        self._key = key
        self._kept: AESGCM | None = None

    @property
    def aead(self) -> AESGCM:
        """The cipher under this key."""
        return self._kept or AESGCM(self._key)

    def kept(self) -> AESGCM:
        """The same, kept for what is written next under this key."""
        if self._kept is None:
            self._kept = AESGCM(self._key)
        return self._kept

    def scan_opening(self, content: bytes) -> bytes:
        """The 32-byte opening of a scan: a keyed hash of it, unknown to whoever lacks the key."""
        opening_key = blake2b(b"scan opening", key=self._key, digest_size=KEY_LENGTH).digest()
        return blake2b(content, key=opening_key, digest_size=32).digest()


class KeyRing:
    """A bounded cache of data keys over a store and a provider. Thread-safe."""

    def __init__(self, store: KeyStore, provider: KeyProvider, limits: KeyLimits | None = None) -> None:
        self._store = store
        self._provider = provider
        self._limits = limits or KeyLimits()
        self._by_name: OrderedDict[KeyName, DataKey] = OrderedDict()
        self._by_id: OrderedDict[bytes, DataKey] = OrderedDict()
        self._lock = Lock()

    def cached(self, name: KeyName) -> DataKey | None:
        """The key of ``name`` if it is in memory and fresh; no I/O."""
        key = self._by_name.get(name)
        return key if key is not None and key.until > time.monotonic() else None

    def sealing(self, names: Iterable[KeyName]) -> dict[KeyName, DataKey]:
        """A living key for each name, made where there is none yet.

        Raises:
            KeyProviderError: a stored key does not unwrap.
            StoreError: the key store cannot be reached.
        """
        now, by_name = time.monotonic(), self._by_name
        found: dict[KeyName, DataKey] = {}
        missing: dict[KeyName, None] = {}
        for name in names:
            key = by_name.get(name)
            if key is not None and key.until > now:
                found[name] = key
            else:
                missing[name] = None
        if missing:
            found.update(self._living(list(missing)))
            fresh = [name for name in missing if name not in found]
            if fresh:
                self._store.add(self._make(fresh))
                found.update(self._living(fresh))
        return found

    def opening(self, ids: Iterable[bytes]) -> dict[bytes, DataKey | None]:
        """The keys of these ids; None for a destroyed one.

        Raises:
            KeyProviderError: a stored key does not unwrap.
        """
        now = time.monotonic()
        result: dict[bytes, DataKey | None] = {}
        missing: list[bytes] = []
        for key_id in dict.fromkeys(ids):
            key = self._by_id.get(key_id)
            if key is not None and key.until > now:
                result[key_id] = key
            else:
                missing.append(key_id)
        if missing:
            stored = self._store.by_id(missing)
            result.update(dict.fromkeys(missing))
            result.update({key.id: key for key in self._unwrap([row for row in stored if row.wrapped])})
        return result

    def opens(self, row: WrappedKey) -> bool:
        """Whether the provider unwraps it."""
        try:
            self._provider.unwrap(row.kek_id, [(row.wrapped, _context(row.id, row.name))])
        except KeyProviderError:
            return False
        return True

    def forget(self, key_id: bytes) -> None:
        """Drop a destroyed key from memory at once."""
        with self._lock:
            self._by_id.pop(key_id, None)
            for name in [name for name, key in self._by_name.items() if key.id == key_id]:
                del self._by_name[name]

    def _make(self, names: Sequence[KeyName]) -> list[WrappedKey]:
        keys = [token_bytes(KEY_LENGTH) for _ in names]
        ids = [name.subject[:2] + token_bytes(14) for name in names]  # the id leads to the subject's lane
        pairs = [(key, _context(i, name)) for key, i, name in zip(keys, ids, names, strict=True)]
        wrapped = self._provider.wrap(pairs)
        return [
            WrappedKey(i, name, self._provider.kek_id, raw)
            for i, name, raw in zip(ids, names, wrapped, strict=True)
        ]

    def _living(self, names: Sequence[KeyName]) -> dict[KeyName, DataKey]:
        rows = self._store.living(names)
        keys = self._unwrap(rows)
        return {row.name: key for row, key in zip(rows, keys, strict=True)}

    def _unwrap(self, rows: Sequence[WrappedKey]) -> list[DataKey]:
        by_kek: dict[str, list[WrappedKey]] = {}
        for row in rows:
            by_kek.setdefault(row.kek_id, []).append(row)
        plain: dict[bytes, bytes] = {}
        for kek_id, group in by_kek.items():
            opened = self._provider.unwrap(kek_id, [(row.wrapped, _context(row.id, row.name)) for row in group])
            plain.update({row.id: key for row, key in zip(group, opened, strict=True)})
        until = time.monotonic() + self._limits.seconds_cached
        keys = [DataKey(row.id, plain[row.id], until) for row in rows]
        with self._lock:
            for row, key in zip(rows, keys, strict=True):
                self._by_name[row.name] = key
                self._by_id[row.id] = key
            _shrink(self._by_name, self._limits.keys_cached)
            _shrink(self._by_id, self._limits.keys_cached)
        return keys


def _context(key_id: bytes, name: KeyName) -> bytes:
    """What a wrapped key is bound to: its id and what it protects."""
    record_class, period = name.record_class.encode(), name.period.encode()
    return key_id + name.subject + bytes((len(record_class),)) + record_class + period


def _shrink(cache: OrderedDict[Any, DataKey], limit: int) -> None:
    while len(cache) > limit:
        cache.popitem(last=False)
