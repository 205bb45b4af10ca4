"""The event log: protection on the way in, revelation on the way out, scans, wrong keys."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import psycopg
import pytest
from fix_log import NOON, ORIGIN, Noted, Pictured, customer, noted, unit

from kyc.domain.event import RecordClass
from kyc.domain.submission import Entry, Scan, StreamName, Unit
from kyc.errors import CiphertextDamagedError, KeyProviderError, NotFoundError, RefusedError
from kyc.evidence.commitment import SCAN_TAG, opens
from kyc.keys.file_provider import FileKeyProvider
from kyc.settings import PAYLOAD_MAX
from kyc.store.database import Database
from kyc.store.log import EventLog

pytestmark = pytest.mark.pg15


class Moved(Noted, frozen=True, kw_only=True):
    """Of another record class than a note."""

    TOPIC: ClassVar[str] = "test.moved"
    RECORD_CLASS: ClassVar[RecordClass] = RecordClass.TRANSACTION


def scanned(content: bytes) -> Unit:
    """A unit with one scan."""
    name = customer("C1")
    scan = Scan(name="front", media_type="image/png", content=content)
    return unit("k", Entry(name, name, Pictured(occurred_at=NOON), scans=(scan,)))


def test_nothing_in_clear(log: EventLog) -> None:
    """No table of the database holds payload, scan, key or reference in clear."""
    name = customer("CUST-4711")
    scan = Scan(name="front", media_type="image/png", content=b"SCAN-SECRET" * 10)
    entry = Entry(name, name, Pictured(occurred_at=NOON, text="TEXT-SECRET"), scans=(scan,))
    log.append([Unit("KEY-SECRET", ORIGIN, (entry,))])
    with psycopg.connect(log.database.dsn) as owner:
        tables = owner.execute(
            "select schemaname || '.' || tablename from pg_tables where schemaname like 'kyc%'"
        ).fetchall()
        dump = "".join(
            str(owner.execute(f"select t::text from {table} t".encode()).fetchall()) for (table,) in tables
        )
    for secret in (b"SECRET", b"CUST-4711"):
        assert secret.decode() not in dump
        assert secret.hex() not in dump


def test_events_at_places(log: EventLog) -> None:
    """Single events of several streams come in the order asked for, each once; a place without one is left out."""
    one, two = customer("C1"), customer("C2")
    for name in (one, two):
        entries = [Entry(name, name, Noted(occurred_at=NOON, text=f"{name.key}-{n}")) for n in (1, 2, 3)]
        log.append([unit(name.key, *entries)])
    first, second = log.stream_id(one), log.stream_id(two)
    asked = [(second, 3), (first, 1), (second, 4), (second, 2), (first, 1)]
    found = log.at(asked)
    assert list(found) == [(second, 3), (first, 1), (second, 2)]
    assert [one.event.text for one in found.values() if isinstance(one.event, Noted)] == ["C2-3", "C1-1", "C2-2"]
    assert log.at([]) == {}


def test_one_key_per_subject_class_and_period(log: EventLog) -> None:
    """Records of one subject, class and year share a data key; any other has its own."""
    one, two = customer("C1"), customer("C2")
    entries = [
        Entry(one, one, Noted(occurred_at=NOON, text="a")),
        Entry(one, one, Noted(occurred_at=NOON, text="b")),
        Entry(one, one, Noted(occurred_at=NOON, text="c", year="2025")),
        Entry(one, one, Moved(occurred_at=NOON, text="d")),
        Entry(two, two, Noted(occurred_at=NOON, text="e")),
    ]
    log.append([unit(str(n), entry) for n, entry in enumerate(entries)])
    rows = [*log.reader.stream(log.stream_id(one)), *log.reader.stream(log.stream_id(two))]
    keys = [row.data_key for row in rows]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_scan_is_kept_and_provable(log: EventLog) -> None:
    """A scan comes back with the opening of its commitment; a retry of the same scan is the same event."""
    log.append([scanned(b"image bytes")])
    (recorded,) = log.events(customer("C1"))
    (image,) = recorded.event.images
    opening, content = log.scan(image, recorded.row.lane)
    assert content == b"image bytes"
    assert image.size == len(content)
    assert opens(bytes.fromhex(image.commitment), opening, content, SCAN_TAG)
    (again,) = log.append([scanned(b"image bytes")])
    assert isinstance(again, tuple)
    assert again[0].replayed


def test_unknown_scan(log: EventLog) -> None:
    """A commitment without a scan is named by its role."""
    log.append([scanned(b"image bytes")])
    (recorded,) = log.events(customer("C1"))
    with pytest.raises(NotFoundError):
        log.scan(recorded.event.images[0], (recorded.row.lane + 1) % log.lanes)


def test_event_without_scans_refuses_them(log: EventLog) -> None:
    """Scans on an event that carries none are refused; the other units of the call are recorded."""
    name = customer("C1")
    scan = Scan(name="front", media_type="image/png", content=b"x")
    bad = unit("1", Entry(name, name, Noted(occurred_at=NOON, text="a"), scans=(scan,)))
    refused, recorded = log.append([bad, unit("2", noted("C1", "b"))])
    assert isinstance(refused, RefusedError)
    assert refused.field == "scans"
    assert isinstance(recorded, tuple)


def test_oversize_payload(log: EventLog) -> None:
    """A payload above the limit is refused with the limit."""
    (refused,) = log.append([unit("1", noted("C1", "x" * PAYLOAD_MAX))])
    assert isinstance(refused, RefusedError)
    assert str(PAYLOAD_MAX) in (refused.rule or "")


def test_long_stream_is_read_in_pages(log: EventLog) -> None:
    """A stream longer than a page comes back whole, and from any version on."""
    log.append([unit(str(n), noted("C1", str(n))) for n in range(1_203)])
    assert [r.event.text for r in log.events(customer("C1"))] == [str(n) for n in range(1_203)]
    assert [r.row.version for r in log.events(customer("C1"), after=1_000, through=1_002)] == [1_001, 1_002]
    assert list(log.events(customer("nobody"))) == []


def test_moved_ciphertext_does_not_decrypt(log: EventLog) -> None:
    """A ciphertext copied to another event of the same key fails, and the event is named."""
    log.append([unit("1", noted("C1", "a")), unit("2", noted("C1", "b"))])
    first, second = log.reader.stream(log.stream_id(customer("C1")))
    with pytest.raises(CiphertextDamagedError) as damaged:
        log.reveal([second._replace(state=first.state)])
    assert "version 2" in (damaged.value.field or "")


def test_other_institution_cannot_read(log: EventLog, tmp_path: Path) -> None:
    """With another key provider the wrapped keys do not unwrap."""
    log.append([unit("1", noted("C1", "a"))])
    (row,) = log.reader.stream(log.stream_id(customer("C1")))
    stranger = EventLog(Database(log.database.dsn), FileKeyProvider.open(tmp_path / "other"))
    try:
        with pytest.raises(KeyProviderError):
            stranger.reveal([row])
    finally:
        stranger.close()


def test_postings_share_the_lane_of_their_account(log: EventLog) -> None:
    """An account, its postings and its keys lie in one lane, so that a booking stays local."""
    account, postings = StreamName("account", "A-1"), StreamName("postings", "A-1")
    entry = Entry(postings, account, Noted(occurred_at=NOON, text="a"))
    log.append([unit("1", entry), unit("2", Entry(account, account, Noted(occurred_at=NOON, text="b")))])
    (posting,) = log.reader.stream(log.stream_id(postings))
    (opened,) = log.reader.stream(log.stream_id(account))
    assert posting.lane == opened.lane
    assert posting.stream_id != opened.stream_id
    assert posting.data_key == opened.data_key
