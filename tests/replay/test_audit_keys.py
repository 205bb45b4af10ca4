"""The tamper corpus of keys, contents, scans and claims: each named at its place."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

import pytest
from fix_replay import Bank
from fix_tampered import audited, edit, execute, kinds, names, rows

from kyc.domain.access_log import RecordRead
from kyc.domain.event import Event
from kyc.domain.governance import TemplatePublished
from kyc.domain.submission import Entry, StreamName
from kyc.domain.templates import Template
from replay.audit_keys import OpeningCheck
from replay.findings import Kind, Report
from replay.snapshot import Snapshot, snapshot

pytestmark = pytest.mark.pg15


def test_emptied_without_destruction(bank: Bank) -> None:
    """Ciphertext that is gone while its key lives was not disposed of but lost; it takes no key to see it."""
    row = rows(bank, "postings", "A3")[0]
    edit(bank, row, "state = '', digest = %s", sha256().digest()[:16])
    report = audited(bank, keys=None)
    assert kinds(report) == {Kind.EMPTIED_UNLAWFULLY}
    assert names(report, Kind.EMPTIED_UNLAWFULLY, row)


def test_destroyed_while_looked_at(bank: Bank) -> None:
    """A key that lived when it was asked for and is destroyed since: what was emptied with it is no finding."""
    row = rows(bank, "postings", "A3")[0]
    report = Report(limit=3)
    with snapshot(bank.log.database) as view, bank.log.database.connection() as connection:
        fresh = Snapshot(connection, view.origin, view.lanes, bank.log.database)
        openings = OpeningCheck(view, fresh, report, None, None)
        openings.check([row])
        bank.log.key_store.destroy(row.data_key)
        openings.check([row._replace(state=b"")])
    assert (report.findings, report.counts["disposed"]) == ([], 1)


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
