"""Fixtures over a real log: an event log on a fresh database, and a plain event to put into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from kyc.domain.event import Event, RecordClass, Scanned
from kyc.domain.submission import Claim, Entry, Origin, StreamName, Unit
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.database import Database
from kyc.store.log import EventLog, Recorded
from kyc.store.records import StoredEvent

ORIGIN = Origin(actor="T-1", branch="B-1", purpose="account-service", legal_basis="AML24-34")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Noted(Event, frozen=True, kw_only=True):
    """A plain event for tests of the store."""

    TOPIC: ClassVar[str] = "test.noted"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    text: str
    year: str = ""

    def period(self) -> str:
        """The year, as transactions do."""
        return self.year


class Pictured(Scanned, frozen=True, kw_only=True):
    """An event with scans."""

    TOPIC: ClassVar[str] = "test.pictured"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.IDENTITY

    text: str = ""


def customer(number: str) -> StreamName:
    """A customer's stream."""
    return StreamName("customer", number)


def noted(stream: str, text: str, **options: object) -> Entry:
    """An entry of one note in one stream."""
    name = customer(stream)
    return Entry(name, name, Noted(occurred_at=NOON, text=text), **options)  # type: ignore[arg-type]


def unit(key: str, *entries: Entry, claims: tuple[Claim, ...] = ()) -> Unit:
    """A unit of entries from the test branch."""
    return Unit(key, ORIGIN, entries, claims)


@pytest.fixture
def provider(tmp_path: Path) -> FileKeyProvider:
    """A key provider in a fresh folder; streams have the same lanes every time, A0 to A5 different ones."""
    opened = FileKeyProvider.open(tmp_path / "keys")
    (tmp_path / "keys" / "secret-blind").write_bytes(bytes(range(7, 39)))
    return opened


@pytest.fixture
def log(database: str, provider: FileKeyProvider) -> Iterator[EventLog]:
    """An event log on a fresh database."""
    opened = EventLog(Database(database), provider)
    yield opened
    opened.close()


def opened(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each call to reveal opens from now on."""
    counts: list[int] = []
    reveal = log.reveal

    def counted(rows: Sequence[StoredEvent]) -> list[Recorded]:
        counts.append(len(rows))
        return reveal(rows)

    monkeypatch.setattr(log, "reveal", counted)
    return counts
