"""The tamper corpus of events: each change, removal and forgery is named at its place."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from uuid import UUID

import pytest
from fix_replay import Bank
from fix_tampered import audited, edit, execute, kinds, names, rewritten, rows

from kyc.errors import LogMismatchError
from replay.findings import Kind

pytestmark = pytest.mark.pg15


def test_changed_ciphertext(bank: Bank) -> None:
    """One changed byte of a payload's ciphertext is named without keys, and with them as a payload."""
    row = rows(bank, "postings", "A2")[1]
    edit(bank, row, "state = set_byte(state, 20, get_byte(state, 20) # 1)")
    report = audited(bank)
    assert kinds(report) == {Kind.CIPHERTEXT_CHANGED, Kind.PAYLOAD_WRONG}
    assert names(report, Kind.CIPHERTEXT_CHANGED, row)
    assert names(report, Kind.PAYLOAD_WRONG, row)
    assert str(report.findings[0].place).startswith(f"event {UUID(bytes=row.stream_id)} version 2 (lane ")


def test_changed_ciphertext_with_its_digest(bank: Bank) -> None:
    """Where the digest was made to fit, the keys tell."""
    row = rows(bank, "customer", "C1")[0]
    forged = row.state[:-1] + bytes((row.state[-1] ^ 1,))
    edit(bank, row, "state = %s, digest = %s", forged, sha256(forged).digest()[:16])
    assert audited(bank, keys=None).ok
    assert names(audited(bank), Kind.PAYLOAD_WRONG, row)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("context", Kind.HASH_WRONG),
        ("commitment", Kind.HASH_WRONG),
        ("hash", Kind.HASH_WRONG),
        ("previous", Kind.LINK_BROKEN),
        ("digest", Kind.CIPHERTEXT_CHANGED),
    ],
)
def test_changed_column(bank: Bank, column: str, kind: Kind) -> None:
    """One changed bit of what the chain covers names the event."""
    row = rows(bank, "customer", "C2")[1]
    edit(bank, row, f"{column} = set_byte({column}, 4, get_byte({column}, 4) # 1)")
    report = audited(bank, keys=None)
    assert names(report, kind, row)
    if column == "context":
        assert names(report, Kind.NOT_AS_SEALED, row) or Kind.ROOT_WRONG in kinds(report)


@pytest.mark.parametrize(("column", "value"), [("recorded_at", "recorded_at - 1"), ("key", "gen_random_uuid()")])
def test_changed_header_field(bank: Bank, column: str, value: str) -> None:
    """A changed time or idempotency key no longer gives the hash."""
    row = rows(bank, "customer", "C2")[1]
    edit(bank, row, f"{column} = {value}")
    assert names(audited(bank), Kind.HASH_WRONG, row)


def test_clock_running_back(bank: Bank) -> None:
    """An event recorded before the one it follows is named as that."""
    row = rows(bank, "customer", "C1")[-1]
    edit(bank, row, "recorded_at = 5")
    assert names(audited(bank), Kind.TIME_BACKWARDS, row)


def test_rewritten_chain_against_tiles(bank: Bank) -> None:
    """A chain rewritten up to its head is consistent in itself; the tiles name its first event."""
    bank.fill(600)
    bank.seal()
    (row, *_) = rows(bank, "customer", "C1")
    rewritten(bank, row, row.recorded_at - 1)
    report = audited(bank)
    assert kinds(report) == {Kind.NOT_AS_SEALED}
    assert {f.place.stream for f in report.findings} == {row.stream_id}
    assert names(report, Kind.NOT_AS_SEALED, row)
    with pytest.raises(LogMismatchError, match="not the one that was sealed"):
        report.check()


def test_rewritten_chain_without_tiles(bank: Bank) -> None:
    """Where no tile is finished yet, the first root that does not fit says up to where the log was right."""
    row = rows(bank, "postings", "A1")[-1]
    rewritten(bank, row, row.recorded_at + 1)
    (finding,) = audited(bank).findings
    assert (finding.kind, finding.place.item) == (Kind.ROOT_WRONG, "checkpoint 24")


def test_swapped_order(bank: Bank) -> None:
    """Two neighbours of a stream whose places were swapped are found by their versions."""
    first, second = rows(bank, "customer", "C1")[1:3]
    assert first.position + 1 == second.position
    edit(bank, first, "position = 1::bigint << 40")
    edit(bank, second, "position = %s", first.position)
    edit(bank, first, "position = %s", second.position)
    report = audited(bank)
    moved = second._replace(position=first.position)
    assert names(report, Kind.VERSION_WRONG, moved)


def test_swapped_order_of_two_streams(bank: Bank) -> None:
    """Swapped places of two streams are invisible to their chains; the log has their order."""
    bank.fill(600)
    bank.seal()
    first, second = next(
        (one, other)
        for lane in range(bank.log.lanes)
        for one, other in pairwise(bank.log.reader.lane(lane))
        if one.stream_id != other.stream_id and (bank.sealed.index_of(lane, other.position) or 0) < 512
    )
    edit(bank, first, "position = 1::bigint << 40")
    edit(bank, second, "position = %s", first.position)
    edit(bank, first, "position = %s", second.position)
    report = audited(bank)
    assert kinds(report) == {Kind.NOT_AS_SEALED}
    assert [finding.place.index for finding in report.findings] == sorted(
        bank.sealed.index_of(row.lane, row.position) or 0 for row in (first, second)
    )
    assert names(report, Kind.NOT_AS_SEALED, second._replace(position=first.position))


def test_removed_middle(bank: Bank) -> None:
    """A removed event leaves a hole in its lane, its stream and the log, each named."""
    _, row, after, _ = rows(bank, "customer", "C3")
    execute(bank, "delete from kyc.event where stream_id = %s and version = 2", UUID(bytes=row.stream_id))
    report = audited(bank)
    assert names(report, Kind.VERSION_WRONG, after)
    holes = {f.kind: f.place for f in report.findings if f.place.position == row.position}
    assert {Kind.POSITION_MISSING, Kind.SEALED_MISSING} <= set(holes)
    assert holes[Kind.SEALED_MISSING].index == bank.sealed.index_of(row.lane, row.position)


def test_removed_middle_leaves_the_rest_proved(bank: Bank) -> None:
    """Where the tile still holds the leaf of a removed event, only that event is named, not every root after it."""
    bank.fill(600)
    bank.seal()
    row = rows(bank, "customer", "C3")[1]
    execute(bank, "delete from kyc.event where stream_id = %s and version = 2", UUID(bytes=row.stream_id))
    assert kinds(audited(bank)) == {
        Kind.POSITION_MISSING, Kind.SEALED_MISSING, Kind.VERSION_WRONG, Kind.CLAIM_DANGLING,
    }  # fmt: skip


def test_truncated_tail(bank: Bank) -> None:
    """A sealed event cut off the end of its lane is named by lane, position and index."""
    *_, row = bank.log.reader.lane(rows(bank, "postings", "A2")[0].lane)
    execute(bank, "delete from kyc.event where lane = %s and position = %s", row.lane, row.position)
    report = audited(bank)
    (hole,) = [f.place for f in report.findings if f.kind is Kind.SEALED_MISSING]
    assert (hole.lane, hole.position) == (row.lane, row.position)
    assert hole.index == bank.sealed.index_of(row.lane, row.position)


def test_removed_stream(bank: Bank) -> None:
    """A stream removed as a whole, its lane's positions closed up, is missed by the log."""
    bank.fill(600)
    bank.seal()
    gone = rows(bank, "account", "A3")[0]
    execute(bank, "delete from kyc.event where stream_id = %s", UUID(bytes=gone.stream_id))
    with bank.owner() as owner:
        owner.execute(
            "update kyc.event set position = position - 1 where lane = %s and position > %s",
            (gone.lane, gone.position),
        )
    report = audited(bank)
    assert {Kind.NOT_AS_SEALED, Kind.SEALED_MISSING} & kinds(report)
    first = min((f.place.position or 0) for f in report.findings if f.place.lane == gone.lane)
    assert first == gone.position


def test_lane_of_another(bank: Bank) -> None:
    """An event moved to another lane, even to one that does not exist, is named there and missed here."""
    row = rows(bank, "account", "A1")[0]
    edit(bank, row, "lane = 99, position = 1")
    report = audited(bank)
    assert names(report, Kind.LANE_WRONG, row._replace(lane=99, position=1))
    assert Kind.SEALED_MISSING in kinds(report)


def test_repeated_position(bank: Bank) -> None:
    """Two events at one position are named."""
    first, second = rows(bank, "customer", "C1")[:2]
    edit(bank, second, "position = %s", first.position)
    report = audited(bank)
    twins = (first, second._replace(position=first.position))
    assert any(names(report, Kind.POSITION_REPEATED, row) for row in twins)


def test_garbage(bank: Bank) -> None:
    """Wrong lengths and nulls where none can be are found, and the rest is still verified."""
    first, second = rows(bank, "customer", "C1")[:2]
    with bank.owner() as owner:
        owner.execute("alter table kyc.event alter column commitment drop not null")
        owner.execute("alter table kyc.checkpoint drop constraint checkpoint_root_check")
    edit(bank, first, "commitment = null")
    edit(bank, second, "previous = '\\x00'")
    execute(bank, "update kyc.checkpoint set root = '\\x', note = 'garbage' where size = 24")
    report = audited(bank)
    assert names(report, Kind.ROW_MALFORMED, first)
    assert names(report, Kind.ROW_MALFORMED, second)
    assert Kind.SIGNATURE_WRONG in kinds(report)
    assert report.counts["opened"] == 22


def test_malformed_context(bank: Bank) -> None:
    """A context that does not parse is named, keys or not."""
    row = rows(bank, "customer", "C1")[0]
    edit(bank, row, "context = '\\x0001ff'")
    report = audited(bank)
    assert names(report, Kind.CONTEXT_MALFORMED, row)
    assert names(report, Kind.PAYLOAD_UNREADABLE, row)


@pytest.mark.parametrize(("table", "said"), [("scan", "scans: 42P01"), ("event", "events of a lane: 42P01")])
def test_missing_table(bank: Bank, table: str, said: str) -> None:
    """A table that is gone is said, and what can be verified still is."""
    with bank.owner() as owner:
        owner.execute(f"drop table kyc.{table} cascade".encode())
    report = audited(bank, keys=None)
    assert Kind.UNREADABLE in kinds(report)
    assert said in "\n".join(map(str, report.findings))
    assert report.counts["sealed"] == (24 if table == "scan" else 0)
