"""Exporting and verifying against floors of the same run: read, decrypt and decode the events; hash the bytes.

A simulated bank of 10,000 events is sealed and exported whole, as a period: some eight events a stream, so what a
stream costs weighs most. Memory is that of a process of its own, for the small log and one of `--events N`.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import memory
import pytest
from simulated import Bank

from kyc.clock import FixedClock, from_datetime
from kyc.domain import codec
from kyc.evidence import merkle
from kyc.keys.file_provider import FileKeyProvider
from kyc.keys.ring import DataKey
from kyc.store.database import Database
from kyc.store.log import EventLog
from kyc.store.protect import protect, salts
from kyc.store.seal import Sealer
from kyc.store.sealed import SealedLog
from replay import bundle, verifier
from replay.proofs import Prover
from replay.renderings import Form
from replay.scopes import Scope
from replay.seals import open_seal

SMALL = 10_000
PAGE = 1_000
WHOLE = Scope(kind="period", since=date(2000, 1, 1), until=date(2100, 1, 1))
ORDER = bundle.Order(recipient="bench", purpose="bench", legal_basis="AML24-22", actor="bench")
FORMS = {"events": Form(tables=False, report=False), "tables": Form(report=False), "all": Form()}
BARE = FORMS["events"]
Ratio = Callable[..., float]


def sealed(log: EventLog) -> SealedLog:
    """The log with all its events sealed."""
    assert isinstance(log.provider, FileKeyProvider)
    sealer = Sealer(log.database, log.provider.signing_key("log"))
    while sealer.seal().size < sum(log.reader.positions().values()):
        pass
    sealer.release()
    return SealedLog(log.database, log.reader)


@pytest.fixture
def bank(log: EventLog) -> Bank:
    """A bank of 10,000 events, whatever the scale: exports are compared event by event."""
    made = Bank(log, SMALL)
    made.grow()
    return made


def keys_of(log: EventLog, folder: Path) -> bundle.Keys:
    """What the export is signed with."""
    from kyc.evidence import note

    provider = log.provider
    assert isinstance(provider, FileKeyProvider)
    vkey = str(note.Signer(log.database.origin(), provider.signing_key("log")).verifier)
    now = from_datetime(datetime(2026, 11, 23, tzinfo=UTC))
    return bundle.Keys(export=provider.signing_key("export"), log=vkey, seal=open_seal(folder / "seal", now))


def exporting(log: EventLog, out: Path, form: Form) -> Callable[[], None]:
    """Export everything into a zip."""
    keys, tree = keys_of(log, out.parent), sealed(log)

    def run() -> None:
        out.unlink(missing_ok=True)
        bundle.export(log, tree, WHOLE, out, keys=keys, order=ORDER, form=form)

    return run


def reading(log: EventLog) -> Callable[[], None]:
    """The floor: read, decrypt and decode everything once."""

    def run() -> None:
        for lane, head in log.reader.positions().items():
            for after in range(0, head, PAGE):
                log.reveal(log.reader.page(lane, after, min(PAGE, head - after)))

    return run


@pytest.mark.parametrize("form", FORMS)
def bench_export(bank: Bank, ratio: Ratio, tmp_path: Path, form: str) -> None:
    """Events, proofs and openings as a packed zip, then with what comes beside them; the reports cost the same
    however long the history is.
    """
    ours = exporting(bank.log, tmp_path / "b.zip", FORMS[form])
    ratio(ours, reading(bank.log), bank.events(), 3, "aim 0.10" if form == "events" else "told, not judged")


def bench_verify_bundle(bank: Bank, ratio: Ratio, tmp_path: Path) -> None:
    """The stand-alone verifier against hashing the bundle's bytes, per event."""
    out = tmp_path / "bundle"
    bundle.export(bank.log, sealed(bank.log), WHOLE, out, keys=keys_of(bank.log, tmp_path), order=ORDER, form=BARE)

    def floor() -> None:
        for path in out.rglob("*.*"):
            if path.is_file():
                sha256(path.read_bytes()).hexdigest()

    ratio(lambda: verifier.verify(str(out), [], []) and None, floor, bank.events(), 3, "told, not judged")


def bench_proofs(bank: Bank, ratio: Ratio) -> None:
    """Proofs from the cache of tiles against proofs made one by one: at least 20 times as many."""
    tree = sealed(bank.log)
    newest = tree.checkpoint()
    assert newest is not None
    leaves = [tree.read_tile(0, at, 256)[-32:] for at in range(newest.size // 256)]
    places = [(256 * at + 255, leaf) for at, leaf in enumerate(leaves)] * 4

    def ours() -> None:
        prover = Prover(newest.size, newest.root, tree)
        for index, leaf in places:
            prover.proof(index, leaf)

    def one_by_one() -> None:
        for index, _ in places:
            merkle.inclusion_proof(index, newest.size, tree)

    ratio(ours, one_by_one, len(places), 3, "aim 5, each tile read once")


def bench_protect_by_field(bank: Bank, ratio: Ratio) -> None:
    """Committing to registrations field by field against committing to them as a whole, encryption included."""
    log = bank.log
    rows = list(islice((row for lane in range(log.lanes) for row in log.reader.lane(lane)), 5_000))
    payloads = [
        codec.encode(recorded.event)
        for recorded in log.reveal(rows)
        if recorded.event is not None and recorded.event.BY_FIELD
    ]
    key = next(found for found in log.ring.opening([row.data_key for row in rows]).values() if found is not None)

    def protecting(*, by_field: bool) -> Callable[[], None]:
        def run(key: DataKey = key) -> None:
            for payload, salt in zip(payloads, salts(len(payloads)), strict=True):
                protect(key, payload, salt, by_field=by_field)

        return run

    ratio(protecting(by_field=True), protecting(by_field=False), len(payloads), 5, "told, not judged")


def bench_memory(log: EventLog, tmp_path: Path, ratio: Ratio, scale: int) -> None:
    """The most memory a process takes to export 10,000 events against that for the large log, in MiB."""
    made = Bank(log, scale)
    few = made.grow(SMALL)
    small = _memory(log, tmp_path)
    many = made.grow()
    ratio(lambda: _memory(log, tmp_path), lambda: small, 1, rounds=1, goal=f"from {few:,} to {many:,} events")


def _memory(log: EventLog, folder: Path) -> float:
    """MiB at most of a process that exports everything, tables and reports included."""
    sealed(log)
    shutil.rmtree(folder / "out", ignore_errors=True)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_export_and_tell, args=(theirs, log.database.dsn, str(folder)))
    process.start()
    theirs.close()
    peak = float(ours.recv())
    process.join()
    return peak


def _export_and_tell(tell: Any, dsn: str, folder: str) -> None:
    clock = FixedClock(from_datetime(datetime(2026, 11, 23, tzinfo=UTC)))
    log = EventLog(Database(dsn), FileKeyProvider.open(Path(folder) / "keys"), clock=clock)
    out = Path(folder) / "out.zip"
    out.unlink(missing_ok=True)
    tree = SealedLog(log.database, log.reader)
    bundle.export(log, tree, WHOLE, out, keys=keys_of(log, Path(folder)), order=ORDER)
    log.close()
    tell.send(memory.peak() / 2**20)
