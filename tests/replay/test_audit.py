"""The audit: green only on what was verified, and every kind of tampering named at its place."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from uuid import UUID

import pytest
from fix_replay import Bank

from kyc.domain.access_log import RecordRead
from kyc.domain.event import Event
from kyc.domain.governance import TemplatePublished
from kyc.domain.submission import Entry, StreamName
from kyc.domain.templates import Template
from kyc.errors import ChainBrokenError, InputError, LogMismatchError, SignatureError
from kyc.evidence import checkpoint, note
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.records import StoredEvent
from replay.audit import audit
from replay.findings import Kind, Report

pytestmark = pytest.mark.pg15


def audited(bank: Bank, **options: object) -> Report:
    """An audit with the bank's own keys, unless told otherwise."""
    options = {"verifier_keys": [bank.vkey], "keys": bank.log.ring} | options
    return audit(bank.log, **options)  # type: ignore[arg-type]


def rows(bank: Bank, kind: str, key: str) -> list[StoredEvent]:
    """The events of a stream."""
    return list(bank.log.reader.stream(bank.log.stream_id(StreamName(kind, key))))


def execute(bank: Bank, statement: str, *arguments: object) -> None:
    """Change the database as a superuser would who has switched off every guard."""
    with bank.owner() as owner:
        changed = owner.execute(statement.encode(), arguments).rowcount
        assert changed > 0, "a test that changes nothing shows nothing"


def edit(bank: Bank, row: StoredEvent, change: str, *arguments: object) -> None:
    """Change one event."""
    where = " where stream_id = %s and version = %s"
    execute(bank, f"update kyc.event set {change}{where}", *arguments, UUID(bytes=row.stream_id), row.version)


def kinds(report: Report) -> set[Kind]:
    """What kinds of places were found."""
    return {finding.kind for finding in report.findings}


def names(report: Report, kind: Kind, row: StoredEvent) -> bool:
    """Whether a finding of this kind names this event."""
    return any(
        (f.place.stream, f.place.version, f.place.lane, f.place.position)
        == (row.stream_id, row.version, row.lane, row.position)
        for f in report.findings
        if f.kind is kind
    )


# --- what is green, and what is not ---------------------------------------------------------------------


def test_whole_log_is_proved(bank: Bank) -> None:
    """An untouched log is verified, and the report says how much of what was proved."""
    bank.fill(600)
    bank.seal()
    report = audited(bank)
    assert (report.findings, report.ok) == ([], True)
    counts = report.counts
    assert (counts["events"], counts["sealed"], counts["checkpoints"]) == (624, 624, 3)
    assert (counts["opened"], counts["scans_opened"], counts["claims"]) == (624, 6, 7)
    assert any("624 events in 49 streams" in text for text in report.proved)
    assert any("2 tiles, 3 roots" in text for text in report.proved)
    assert any(bank.vkey in text for text in report.proved)
    assert any("kept elsewhere" in text for text in report.not_proved)
    assert report.lines()[0] == "verified: 624 events, 624 of them sealed"
    report.check()


def test_without_keys_less_is_proved(bank: Bank) -> None:
    """Without data keys the chains and the tree are proved, and the report says what is not."""
    report = audit(bank.log.database, verifier_keys=[note.Verifier.parse(bank.vkey)])
    assert report.ok
    assert report.counts["opened"] == 0
    assert any("no data keys" in text for text in report.not_proved)


def test_progress_is_told(bank: Bank) -> None:
    """Progress counts up to all events."""
    told: list[tuple[int, int]] = []
    audited(bank, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (24, 24)
    assert told == sorted(told)


def test_nothing_is_not_green(empty_bank: Bank) -> None:
    """An empty log is not verified, sealed or not."""
    assert kinds(audited(empty_bank)) == {Kind.EMPTY_LOG}
    empty_bank.seal()
    report = audited(empty_bank)
    assert (kinds(report), report.ok) == ({Kind.EMPTY_LOG}, False)
    assert report.lines()[0].startswith("NOT VERIFIED")


def test_unsealed_is_not_green(empty_bank: Bank) -> None:
    """Events without any checkpoint are not verified; a checkpoint of nothing covers none of them."""
    empty_bank.seal()
    empty_bank.open("A1", "C1")
    report = audited(empty_bank)
    assert kinds(report) == {Kind.NOTHING_SEALED}
    assert any("2 events are not sealed" in text for text in report.not_proved)


def test_unsealed_tail_is_said(bank: Bank) -> None:
    """Events after the newest checkpoint are verified as far as they can be, and counted as unproved."""
    bank.book("T-9", "1.00", ("A1", "debit"))
    report = audited(bank)
    assert report.ok
    assert any(text.startswith("1 events are not sealed yet") for text in report.not_proved)


def test_no_key_is_refused(bank: Bank) -> None:
    """An audit without a key to verify with is no audit."""
    with pytest.raises(InputError):
        audit(bank.log, verifier_keys=[])


def test_disposed_records_stay_green(bank: Bank) -> None:
    """A destroyed key leaves everything proved; content that is gone is counted, before and after emptying."""
    (first, *_) = rows(bank, "postings", "A3")
    bank.log.key_store.destroy(first.data_key)
    bank.log.ring.forget(first.data_key)
    report = audited(bank)
    assert report.ok
    assert any("still hold ciphertext" in text for text in report.not_proved)
    bank.log.key_store.empty(first.data_key, [first.stream_id])
    report = audited(bank)
    assert (report.findings, report.counts["disposed"]) == ([], 1)
    assert any("their content is gone" in text for text in report.not_proved)


def test_findings_are_bounded(bank: Bank) -> None:
    """Beyond the limit of its kind a finding is only counted."""
    execute(bank, "update kyc.event set state = state || '\\x00'")
    report = audited(bank, limit=3, keys=None)
    assert (len(report.findings), report.counts["findings"]) == (3, 24)
    assert "21 more" in "\n".join(report.lines())
    assert report.as_dict()["findings"][0]["kind"] == "ciphertext_changed"


# --- the tamper corpus: events --------------------------------------------------------------------------


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


def rewritten(bank: Bank, row: StoredEvent, recorded_at: int) -> None:
    """Backdate an event and make every later hash of its stream fit again."""
    previous = row.previous
    for later in bank.log.reader.stream(row.stream_id, after=row.version - 1):
        at = recorded_at if later.version == row.version else later.recorded_at
        head = b"\x01" + later.stream_id + later.version.to_bytes(8, "big") + at.to_bytes(8, "big", signed=True)
        link = sha256(
            b"kyc-ledger/event/v1\0" + previous + head + later.key + later.context + later.commitment
        ).digest()
        edit(bank, later, "recorded_at = %s, previous = %s, hash = %s", at, previous, link)
        previous = link


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


def test_missing_table(bank: Bank) -> None:
    """A table that is gone is said, and what can be verified still is."""
    with bank.owner() as owner:
        owner.execute("drop table kyc.scan")
    report = audited(bank, keys=None)
    assert kinds(report) == {Kind.UNREADABLE}
    assert "scans: 42P01" in str(report.findings[0])
    assert report.counts["sealed"] == 24


# --- the tamper corpus: the sealed log --------------------------------------------------------------------


def test_resigned_checkpoint(bank: Bank, tmp_path) -> None:
    """A checkpoint signed by another key under the log's name is refused."""
    other = FileKeyProvider.open(tmp_path / "other").signing_key("log")
    newest = bank.sealed.checkpoint()
    assert newest is not None
    tree = checkpoint.Checkpoint(bank.log.database.origin(), newest.size, newest.root)
    forged = checkpoint.sign(tree, note.Signer(bank.log.database.origin(), other))
    execute(bank, "update kyc.checkpoint set note = %s where size = %s", forged, newest.size)
    (finding, *others) = audited(bank).findings
    assert (finding.kind, finding.place.item) == (Kind.SIGNATURE_WRONG, "checkpoint 24")
    assert {f.kind for f in others} <= {Kind.SEGMENT_WRONG}


def test_wrong_expected_key(bank: Bank, tmp_path) -> None:
    """Under another key than the log's nothing is green."""
    other = FileKeyProvider.open(tmp_path / "other").signing_key("log")
    vkey = str(note.Signer(bank.log.database.origin(), other).verifier)
    report = audited(bank, verifier_keys=[vkey])
    assert {Kind.SIGNATURE_WRONG, Kind.NOTHING_SEALED} <= kinds(report)


def test_edited_root(bank: Bank) -> None:
    """A root that differs from the signed one is named by its checkpoint."""
    execute(bank, "update kyc.checkpoint set root = set_byte(root, 0, get_byte(root, 0) # 1) where size = 18")
    (finding,) = audited(bank).findings
    assert (finding.kind, finding.place.item) == (Kind.CHECKPOINT_DIFFERS, "checkpoint 18")


@pytest.mark.parametrize("level", [0, 1])
def test_edited_tile(bank: Bank, level: int) -> None:
    """A changed hash of a tile is named as the tile's fault, because the events still give the signed root."""
    bank.fill(300)
    bank.seal()
    if level == 0:
        execute(bank, "update kyc.tile set hashes = set_byte(hashes, 64, get_byte(hashes, 64) # 1)")
        (finding,) = audited(bank).findings
        assert (finding.kind, finding.place.item) == (Kind.TILE_WRONG, "tile 0/0")
        assert "log index 2" in finding.expected
    else:
        execute(bank, "insert into kyc.tile select 1, 0, hashes from kyc.tile")
        (finding,) = audited(bank).findings
        assert (finding.kind, finding.place.item) == (Kind.TILE_EXTRA, "tile 1/0")


def test_edited_tile_and_event(bank: Bank) -> None:
    """Several alterations at once are told apart: the tile's by its number, the event's by its place."""
    bank.fill(600)
    bank.seal()
    execute(bank, "update kyc.tile set hashes = set_byte(hashes, 64, get_byte(hashes, 64) # 1) where index = 1")
    row = rows(bank, "customer", "C1")[0]
    edit(bank, row, "hash = set_byte(hash, 0, get_byte(hash, 0) # 1)")
    report = audited(bank)
    assert names(report, Kind.HASH_WRONG, row)
    assert [f.place.item for f in report.findings if f.kind is Kind.TILE_WRONG] == ["tile 0/1"]


def test_missing_tile(bank: Bank) -> None:
    """A tile that is gone is named; the events still give the root."""
    bank.fill(300)
    bank.seal()
    execute(bank, "delete from kyc.tile")
    (finding,) = audited(bank).findings
    assert (finding.kind, finding.place.item) == (Kind.TILE_MISSING, "tile 0/0")


def test_edited_segment(bank: Bank) -> None:
    """Segments that overlap or leave a gap are named."""
    first = bank.sealed.segments(0, 24)
    segment = list(first)[-1]
    execute(
        bank, "update kyc.segment set position_to = position_to + 5 where first_index = %s", segment.first_index
    )
    report = audited(bank)
    assert {Kind.SEALED_MISSING, Kind.SEGMENT_WRONG} <= kinds(report)


def test_segment_as_large_as_numbers_go(bank: Bank) -> None:
    """A segment of 2^60 positions neither fills the disk nor keeps the audit busy."""
    segment = list(bank.sealed.segments(0, 24))[-1]
    execute(
        bank, "update kyc.segment set position_to = 1::bigint << 60 where first_index = %s", segment.first_index
    )
    assert Kind.SEALED_MISSING in kinds(audited(bank))


# --- the tamper corpus: keys, scans, claims ---------------------------------------------------------------


def test_emptied_without_destruction(bank: Bank) -> None:
    """Ciphertext that is gone while its key lives was not disposed of but lost; it takes no key to see it."""
    row = rows(bank, "postings", "A3")[0]
    edit(bank, row, "state = '', digest = %s", sha256().digest()[:16])
    report = audited(bank, keys=None)
    assert kinds(report) == {Kind.EMPTIED_UNLAWFULLY}
    assert names(report, Kind.EMPTIED_UNLAWFULLY, row)


def test_lost_data_key(bank: Bank) -> None:
    """A data key that was removed rather than destroyed is missed by its ciphertexts."""
    row = rows(bank, "postings", "A3")[0]
    execute(bank, "delete from kyc_keys.data_key where id = %s", UUID(bytes=row.data_key))
    assert names(audited(bank, keys=None), Kind.KEY_MISSING, row)


def test_damaged_data_key(bank: Bank) -> None:
    """A wrapped key that does not unwrap is named, and the payloads under other keys are still opened."""
    row = rows(bank, "postings", "A3")[0]
    execute(
        bank, "update kyc_keys.data_key set wrapped = wrapped || '\\x00' where id = %s", UUID(bytes=row.data_key)
    )
    bank.log.ring.forget(row.data_key)
    report = audited(bank)
    assert kinds(report) == {Kind.KEY_UNUSABLE}
    assert report.counts["opened"] == 23


def test_swapped_data_keys(bank: Bank) -> None:
    """Two wrapped data keys that change places are both named: a key is bound to what it is for."""
    rowed = [rows(bank, "postings", account)[0] for account in ("A1", "A3")]
    one, other = (UUID(bytes=row.data_key) for row in rowed)
    with bank.owner() as owner:
        wrapped = dict(owner.execute("select id, wrapped from kyc_keys.data_key").fetchall())
        for key, content in ((one, wrapped[other]), (other, wrapped[one])):
            owner.execute("update kyc_keys.data_key set wrapped = %s where id = %s", (content, key))
    for row in rowed:
        bank.log.ring.forget(row.data_key)
    report = audited(bank)
    assert kinds(report) == {Kind.KEY_UNUSABLE}
    assert {finding.place.item for finding in report.findings} == {f"data key {key.hex}" for key in (one, other)}


@pytest.mark.parametrize("what", ["policy", "access"])
def test_edited_policy_and_access_log(bank: Bank, what: str) -> None:
    """Policies and the log of reads are events like all others: edited, exchanged or removed, they are named."""
    events: dict[str, tuple[StreamName, list[Event]]] = {
        "policy": (
            StreamName("policies", "institution"),
            [
                TemplatePublished(
                    occurred_at=bank.now,
                    approver="A-2",
                    form=Template(name=f"natural/{n}", type="natural", mandatory=("names",), optional=()),
                )
                for n in (1, 2)
            ],
        ),
        "access": (
            StreamName("access", "C1"),
            [
                RecordRead(occurred_at=bank.now, customer="C1", fields=("names",), reason=f"call {n}")
                for n in (1, 2)
            ],
        ),
    }
    name, said = events[what]
    for event in said:
        bank.record(Entry(name, name, event))
    bank.seal()
    assert audited(bank).ok
    first, second = rows(bank, name.kind, name.key)
    edit(bank, first, "state = %s, digest = %s", second.state, second.digest)
    assert names(audited(bank), Kind.PAYLOAD_WRONG, first)
    edit(bank, first, "state = %s, digest = %s", first.state, first.digest)
    edit(bank, first, "commitment = %s", second.commitment)
    assert names(audited(bank), Kind.HASH_WRONG, first)
    edit(bank, first, "commitment = %s", first.commitment)
    assert audited(bank).ok
    execute(bank, "delete from kyc.event where stream_id = %s and version = 2", UUID(bytes=second.stream_id))
    report = audited(bank)
    assert Kind.SEALED_MISSING in kinds(report)
    assert report.findings[0].place.lane == second.lane


def test_edited_scan(bank: Bank) -> None:
    """A changed scan is named by its commitment: by its digest, or where that was made to fit, by its key."""
    with bank.owner() as owner:
        commitment, state = owner.execute("select commitment, state from kyc.scan limit 1").fetchone()
    forged = state[:-1] + bytes((state[-1] ^ 1,))
    execute(bank, "update kyc.scan set state = %s where commitment = %s", forged, commitment)
    report = audited(bank, keys=None)
    assert [(f.kind, f.place.item) for f in report.findings] == [(Kind.SCAN_CHANGED, f"scan {commitment.hex()}")]
    execute(bank, "update kyc.scan set digest = %s where commitment = %s", sha256(forged).digest()[:16], commitment)
    assert kinds(audited(bank)) == {Kind.SCAN_WRONG}


def test_removed_scan(bank: Bank) -> None:
    """A removed scan is missed by the event that refers to it."""
    execute(bank, "delete from kyc.scan where commitment = (select commitment from kyc.scan limit 1)")
    (finding,) = audited(bank).findings
    assert finding.kind is Kind.SCAN_MISSING
    assert finding.place.version == 2


def test_edited_claim(bank: Bank) -> None:
    """A claim that points to another transaction is named with what it points to."""
    key = bank.log.blinder.claim_key("transaction", "T-2")
    target = rows(bank, "postings", "A3")[0]
    execute(
        bank,
        "update kyc.claim set stream_id = %s, version = %s where key = %s",
        UUID(bytes=target.stream_id),
        target.version,
        UUID(bytes=key),
    )
    (finding,) = audited(bank).findings
    assert (finding.kind, finding.place.item) == (Kind.CLAIM_WRONG, f"claim transaction {key.hex()}")
    assert str(UUID(bytes=target.stream_id)) in finding.found


def test_dangling_and_removed_claims(bank: Bank) -> None:
    """A claim without event and an event without claim are both named."""
    keys = [UUID(bytes=bank.log.blinder.claim_key("transaction", name)) for name in ("T-1", "T-3")]
    execute(bank, "update kyc.claim set version = 77 where key = %s", keys[0])
    execute(bank, "delete from kyc.claim where key = %s", keys[1])
    report = audited(bank)
    assert kinds(report) == {Kind.CLAIM_DANGLING, Kind.CLAIM_MISSING}
    row = rows(bank, "postings", "A3")[0]
    assert names(report, Kind.CLAIM_MISSING, row)


# --- a trusted checkpoint ---------------------------------------------------------------------------------


def test_trusted_checkpoint_is_continued(bank: Bank) -> None:
    """A checkpoint kept by somebody else is found again in the log."""
    kept = bank.seal()
    bank.fill(300)
    bank.seal()
    report = audited(bank, trusted=kept)
    assert report.ok
    assert "the log continues the trusted checkpoint of 24 leaves" in report.proved


def test_rollback(bank: Bank) -> None:
    """A log cut back to an earlier state in all its tables is consistent, but shorter than others saw it."""
    bank.book("T-9", "1.00", ("A1", "debit"))
    kept = bank.seal()
    row = rows(bank, "postings", "A1")[-1]
    execute(bank, "delete from kyc.event where lane = %s and position = %s", row.lane, row.position)
    execute(bank, "delete from kyc.segment where first_index = 24")
    execute(bank, "delete from kyc.checkpoint where size = 25")
    execute(
        bank, "delete from kyc.claim where stream_id = %s and version = %s", UUID(bytes=row.stream_id), row.version
    )
    assert audited(bank).ok
    (finding,) = audited(bank, trusted=kept).findings
    assert finding.kind is Kind.ROLLED_BACK
    assert (finding.expected, finding.found) == ("25 leaves", "24 leaves")


def test_fork(bank: Bank) -> None:
    """A history rewritten and signed anew with the log's own key is a fork of what others have seen."""
    kept = bank.seal()
    with bank.owner() as owner:
        owner.execute("truncate kyc.segment, kyc.tile, kyc.checkpoint")
    row = rows(bank, "postings", "A1")[-1]
    rewritten(bank, row, row.recorded_at + 1)
    bank.seal()
    assert audited(bank).ok
    (finding,) = audited(bank, trusted=kept).findings
    assert (finding.kind, finding.place.item) == (Kind.FORKED, "checkpoint 24")


def test_trusted_checkpoint_of_another(bank: Bank, tmp_path) -> None:
    """A trusted checkpoint that the log's key did not sign is refused before anything is compared."""
    other = note.Signer("other.example/log", FileKeyProvider.open(tmp_path / "other").signing_key("log"))
    with pytest.raises(SignatureError):
        audited(bank, trusted=checkpoint.sign(checkpoint.Checkpoint("other.example/log", 1, bytes(32)), other))


def test_first_error_is_raised(bank: Bank) -> None:
    """The report raises its first bad place as the error of its step, naming it."""
    row = rows(bank, "account", "A2")[0]
    edit(bank, row, "hash = set_byte(hash, 0, get_byte(hash, 0) # 1)")
    with pytest.raises(ChainBrokenError) as raised:
        audited(bank).check()
    assert str(UUID(bytes=row.stream_id)) in (raised.value.field or "")


@pytest.mark.slow
def test_edited_upper_tile(bank: Bank) -> None:
    """A changed hash in a tile above the leaves is named, and nothing else."""
    for _ in range(7):
        bank.fill(9_500)
    bank.seal()
    execute(bank, "update kyc.tile set hashes = set_byte(hashes, 70, get_byte(hashes, 70) # 1) where level = 1")
    (finding,) = audited(bank, keys=None).findings
    assert (finding.kind, finding.place.item) == (Kind.TILE_WRONG, "tile 1/0")
    assert finding.expected.endswith("at 2")
