"""What tests of the audit share: auditing a bank, changing its rows as a superuser, reading what was found."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

from fix_replay import Bank

from kyc.domain.submission import StreamName
from kyc.store.records import StoredEvent
from replay.audit import audit
from replay.findings import Kind, Report


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
    with bank.owner() as owner:
        where = " where stream_id = %s and version = %s"
        values = (*arguments, UUID(bytes=row.stream_id), row.version)
        assert owner.execute(f"update kyc.event set {change}{where}".encode(), values).rowcount == 1


def relinked(bank: Bank, row: StoredEvent, previous: bytes) -> bytes:
    """Give an event another predecessor, and the time of ``row``, its own hash made to fit; returns the hash."""
    head = (
        b"\x01" + row.stream_id + row.version.to_bytes(8, "big") + row.recorded_at.to_bytes(8, "big", signed=True)
    )
    link = sha256(b"kyc-ledger/event/v1\0" + previous + head + row.key + row.context + row.commitment).digest()
    edit(bank, row, "recorded_at = %s, previous = %s, hash = %s", row.recorded_at, previous, link)
    return link


def rewritten(bank: Bank, row: StoredEvent, recorded_at: int) -> None:
    """Backdate an event and make every later hash of its stream fit again."""
    previous = row.previous
    for later in bank.log.reader.stream(row.stream_id, after=row.version - 1):
        at = recorded_at if later.version == row.version else later.recorded_at
        previous = relinked(bank, later._replace(recorded_at=at), previous)


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
