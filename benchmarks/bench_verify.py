"""Verifying and sealing against floors of the same run: reading the same rows, and hashing every byte of them once.

The floor streams the same columns through the same kind of cursor and makes one SHA-256 over each row. Verification
beyond it derives chain, leaf and digest of each row, builds the tree, and with keys decrypts, opens and decodes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
from simulated import Bank

from kyc.evidence import note
from kyc.evidence.edge import Edge
from kyc.keys.file_provider import FileKeyProvider
from kyc.store.log import EventLog
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog
from replay.audit import How, audit
from replay.audit_crew import Hands
from replay.audit_scope import audit_customer
from replay.audit_since import Verified
from replay.signers import Outside
from replay.snapshot import snapshot

_PLAIN: Final = (
    "select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, "
    "context, state from kyc.event where lane = %s order by position"
)
"""Reading as any client does: a cursor over the columns."""
_ROW, _ENTRY = bytes(300), bytes(57)
Ratio = Callable[..., float]


def sealed(log: EventLog) -> str:
    """The log's verifier key; everything is sealed."""
    assert isinstance(log.provider, FileKeyProvider)
    sealer = Sealer(log.database, log.provider.signing_key("log"))
    sealer.seal()
    sealer.release()
    return str(note.Signer(log.database.origin(), log.provider.signing_key("log")).verifier)


@pytest.fixture
def bank(log: EventLog, scale: int) -> Bank:
    """A bank of ``--events`` events, sealed."""
    made = Bank(log, scale)
    made.grow(max(scale - 1_000, 1))
    sealed(log)
    made.grow()
    sealed(log)
    return made


def reading(log: EventLog) -> Callable[[], None]:
    """The floor: every column of every row, hashed once."""

    def run() -> None:
        with snapshot(log.database) as view:
            for lane in range(log.lanes):
                for row in view.stream(_PLAIN, (lane,)):
                    sha256(b"".join(row[4:])).digest()

    return run


def opening(log: EventLog) -> Callable[[], None]:
    """The floor with keys: read, decrypt, decode."""

    def run() -> None:
        for lane, head in log.reader.positions().items():
            for after in range(0, head, 1_000):
                log.reveal(log.reader.page(lane, after, min(1_000, head - after)))

    return run


def verifying(log: EventLog, *, keys: bool, processes: int = 1, folder: Path | None = None) -> Callable[[], None]:
    """A whole verification."""
    vkey = sealed(log)
    hands = Hands(processes, f"file:{folder}/keys" if keys and folder else "")

    def run() -> None:
        source = log if keys else log.database
        report = audit(source, verifier_keys=[vkey], keys=log.ring if keys else None, how=How(hands=hands))
        assert report.ok, report.lines()

    return run


def bench_verify_keyless(bank: Bank, ratio: Ratio) -> None:
    """Chains, digests, tree and signatures, against reading and hashing the same rows."""
    ratio(verifying(bank.log, keys=False), reading(bank.log), bank.events(), 3, "at least 0.50")


def bench_verify_keyless_by_two(bank: Bank, ratio: Ratio) -> None:
    """The same by two processes."""
    ratio(verifying(bank.log, keys=False, processes=2), reading(bank.log), bank.events(), 3, "at least 0.50")


def bench_verify_with_keys(bank: Bank, ratio: Ratio) -> None:
    """And every payload opened and decoded, every claim compared, against reading, decrypting and decoding."""
    ratio(verifying(bank.log, keys=True), opening(bank.log), bank.events(), 3, "at least 0.50")


def bench_verify_with_keys_by_two(bank: Bank, ratio: Ratio, tmp_path: Path) -> None:
    """The same by two processes."""
    ours = verifying(bank.log, keys=True, processes=2, folder=tmp_path)
    ratio(ours, opening(bank.log), bank.events(), 3, "at least 0.50")


def bench_verify_added(bank: Bank, ratio: Ratio) -> None:
    """One thousand new events on top of a verified log, against verifying everything."""
    log = bank.log
    vkey = sealed(log)
    tree = SealedLog(log.database, log.reader)
    sizes = [row[0] for row in _sizes(log)]
    before = tree.checkpoint(sizes[-2])
    assert before is not None

    def added() -> None:
        how = How(since=Verified(before.note, 0))
        assert audit(log, verifier_keys=[vkey], keys=log.ring, how=how).ok

    ratio(added, verifying(log, keys=True), 1, 3, f"{sizes[-1] - sizes[-2]:,} of {sizes[-1]:,} events")


def _sizes(log: EventLog) -> list[tuple[int]]:
    with log.database.connection() as connection:
        return connection.execute("select size from kyc.checkpoint order by size").fetchall()


def bench_verify_customer(bank: Bank, ratio: Ratio) -> None:
    """One customer, against verifying everything."""
    key = note.Verifier.parse(sealed(bank.log))

    def one() -> None:
        assert audit_customer(bank.log, bank.customers[0], verifier_keys=[key], outside=Outside()).ok

    ratio(one, verifying(bank.log, keys=True), 1, 3, "told, not judged")


def bench_seal(log: EventLog, ratio: Ratio) -> None:
    """Sealing 10,000 events a round against the hashes it cannot do without: chain, leaf, tree."""
    made = Bank(log, 80_000)
    assert isinstance(log.provider, FileKeyProvider)
    sealer = Sealer(log.database, log.provider.signing_key("log"))
    sealer.seal()

    def hashing() -> float:
        made.grow(made.events() + 10_000)
        edge, start = Edge(), time.perf_counter()
        for _ in range(10_000):
            sha256(_ROW).digest()
            edge.append([sha256(_ENTRY).digest()])
        return time.perf_counter() - start

    ratio(lambda: sealer.seal() and None, hashing, 10_000, 3, "told, not judged")
