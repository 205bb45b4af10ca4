"""Append-only, enforced by the database: for the service's role, for the owner, and the two narrow doors."""

from __future__ import annotations

import psycopg
import pytest
from fix_log import NOON, Pictured, customer, noted, unit

from kyc.domain.submission import Entry, Scan
from kyc.errors import DisposedError, StoreError
from kyc.store.log import EventLog

pytestmark = pytest.mark.pg15

TABLES = ["event", "claim", "scan", "segment", "tile", "checkpoint"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["update kyc.{} set lane = lane", "delete from kyc.{}", "truncate kyc.{}"])
def test_service_role_may_only_append(log: EventLog, table: str, statement: str) -> None:
    """The service's role has no right to change or remove anything of the log."""
    if table in {"tile", "checkpoint"} and statement.startswith("update"):
        statement = "update kyc.{} set " + ("level = level" if table == "tile" else "size = size")
    with pytest.raises(StoreError) as refused, log.database.connection() as connection:
        connection.execute(statement.format(table).encode())
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_owner_is_refused_too(log: EventLog) -> None:
    """Triggers refuse the owner: update, delete and truncate of events."""
    log.append([unit("k", noted("C1", "a"))])
    for statement in (
        b"update kyc.event set context = context || '\\x00'",
        b"update kyc.event set state = ''",
        b"delete from kyc.event",
        b"truncate kyc.event",
        b"update kyc_keys.data_key set wrapped = wrapped || '\\x00'",
        b"delete from kyc_keys.data_key",
        b"update kyc.log set lanes = 1",
    ):
        with (
            psycopg.connect(log.database.dsn, autocommit=True) as owner,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="refused"),
        ):
            owner.execute(statement)


def test_hash_check_is_the_databases_own(log: EventLog) -> None:
    """A row whose hash is not the hash of its content is refused by the CHECK, whoever inserts it."""
    log.append([unit("k", noted("C1", "a"))])
    with (
        psycopg.connect(log.database.dsn, autocommit=True) as owner,
        pytest.raises(psycopg.errors.CheckViolation, match="event_hash_fits"),
    ):
        owner.execute(
            "insert into kyc.event select position + 1, version + 1, recorded_at, lane, stream_id,"
            " gen_random_uuid(), data_key, hash, commitment, hash, digest, context, state from kyc.event"
        )


def test_destruction_and_emptying(log: EventLog) -> None:
    """A destroyed key makes its records unreadable at once; then, and only then, the ciphertext may be emptied."""
    log.append([unit("1", noted("C1", "a")), unit("2", noted("C2", "b"))])
    (row,) = log.reader.stream(log.stream_id(customer("C1")))
    assert log.key_store.empty(row.data_key, [row.stream_id]).events == 0
    assert log.key_store.destroy(row.data_key)
    assert not log.key_store.destroy(row.data_key)
    log.ring.forget(row.data_key)
    (gone,) = log.events(customer("C1"))
    assert gone.event is None
    assert gone.row.state
    assert log.key_store.empty(row.data_key, [row.stream_id]).events == 1
    (emptied,) = log.events(customer("C1"))
    assert (emptied.event, emptied.row.state, emptied.row.hash) == (None, b"", row.hash)
    (other,) = log.events(customer("C2"))
    assert other.event.text == "b"


def test_retry_after_disposal_gets_its_receipt(log: EventLog) -> None:
    """An idempotent retry of a disposed event returns the old receipt, without the data."""
    (first,) = log.append([unit("k", noted("C1", "a"))])
    (row,) = log.reader.stream(log.stream_id(customer("C1")))
    log.key_store.destroy(row.data_key)
    log.ring.forget(row.data_key)
    log.key_store.empty(row.data_key, [row.stream_id])
    (again,) = log.append([unit("k", noted("C1", "a"))])
    assert isinstance(first, tuple)
    assert isinstance(again, tuple)
    assert again[0].replayed
    assert again[0].hash == first[0].hash


def test_destroyed_scan(log: EventLog) -> None:
    """A scan goes with the key of its subject."""
    name = customer("C1")
    scan = Scan(name="front", media_type="image/png", content=b"x")
    entry = Entry(name, name, Pictured(occurred_at=NOON), scans=(scan,))
    log.append([unit("k", entry)])
    (recorded,) = log.events(name)
    image = recorded.event.images[0]
    assert log.scan(image, recorded.row.lane)[1] == b"x"
    log.key_store.destroy(recorded.row.data_key)
    log.ring.forget(recorded.row.data_key)
    with pytest.raises(DisposedError):
        log.scan(image, recorded.row.lane)
