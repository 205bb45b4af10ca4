"""Sealing: every event gets one leaf, two sealers are harmless, a bad row stops the signing and is named."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from threading import Thread, current_thread, main_thread

import psycopg
import pytest
from fix_log import customer, noted, unit

from kyc.errors import ChainBrokenError, CiphertextDamagedError, IntegrityError, LeaseLostError, LogMismatchError
from kyc.evidence import checkpoint, leaf, merkle, note
from kyc.evidence.edge import Edge, tile_root
from kyc.keys.file_provider import FileKeyProvider
from kyc.settings import SealerLimits
from kyc.store import seal
from kyc.store.log import EventLog
from kyc.store.seal import LEASE, Sealed, Sealer
from kyc.store.sealed import SealedLog
from replay.audit import audit

pytestmark = pytest.mark.pg15


@pytest.fixture
def sealed(log: EventLog) -> SealedLog:
    """The sealed log, for reading."""
    return SealedLog(log.database, log.reader)


@pytest.fixture
def sealer(log: EventLog, provider: FileKeyProvider) -> Sealer:
    """A sealer."""
    return Sealer(log.database, provider.signing_key("log"))


def fill(log: EventLog, count: int, start: int = 0) -> None:
    """Record events in a few streams."""
    log.append([unit(str(n), noted(f"C{n % 13}", str(n))) for n in range(start, start + count)])


def tamper(log: EventLog, statement: str) -> None:
    """Change the log as a superuser would."""
    with psycopg.connect(log.database.dsn, autocommit=True) as owner:
        owner.execute("alter table kyc.event disable trigger all")
        owner.execute("alter table kyc.event drop constraint event_hash_fits")
        owner.execute(statement.encode())


def test_empty_log_is_signed(sealer: Sealer, log: EventLog) -> None:
    """The first call signs the empty tree, so that a later one can be proved to extend it."""
    result = sealer.seal()
    assert (result.events, result.size, result.root) == (0, 0, sha256().digest())


def test_every_event_is_a_leaf(sealer: Sealer, sealed: SealedLog, log: EventLog, provider: FileKeyProvider) -> None:
    """The root is that of a plain RFC 6962 tree over all events; the checkpoint opens under the log's key."""
    fill(log, 700)
    result = sealer.seal()
    rows = [row for _, row in sealed.rows(0, 700)]
    assert len({(row.lane, row.position) for row in rows}) == 700
    plain = merkle.Frontier()
    plain.append_many(leaf.leaf_hash(leaf.entry(row.stream_id, row.version, row.hash)) for row in rows)
    assert (result.size, result.root) == (700, plain.root())
    signer = note.Signer(log.database.origin(), provider.signing_key("log"))
    opened = checkpoint.open_checkpoint(result.note, note.Verifier.parse(str(signer.verifier)))
    assert (opened.checkpoint.size, opened.checkpoint.root) == (700, result.root)


def test_incremental_sealing_gives_the_same_tree(sealer: Sealer, sealed: SealedLog, log: EventLog) -> None:
    """Sealed in many steps, by several sealers, the log is one tree whose every state is provably in the next."""
    sizes, roots = [], []
    for part in (1, 254, 1, 1, 300, 3):
        fill(log, part, start=sum(sizes[-1:]))
        result = sealer.seal()
        assert result.events == part
        sizes.append(result.size)
        roots.append(result.root)
    assert sealer.seal().events == 0
    for old, old_root in zip(sizes, roots, strict=True):
        proof = merkle.consistency_proof(old, sizes[-1], sealed)
        merkle.verify_consistency(old, sizes[-1], proof, old_root, roots[-1])
    for index, row in sealed.rows(0, sizes[-1]):
        assert sealed.index_of(row.lane, row.position) == index
        if index % 50 == 0:
            proof = merkle.inclusion_proof(index, sizes[-1], sealed)
            entry = leaf.leaf_hash(leaf.entry(row.stream_id, row.version, row.hash))
            merkle.verify_inclusion(index, sizes[-1], entry, proof, roots[-1])


def test_small_steps(log: EventLog, provider: FileKeyProvider, sealed: SealedLog) -> None:
    """A step's limit bounds what one checkpoint covers, not what is sealed; progress is told."""
    fill(log, 100)
    told: list[tuple[int, int]] = []
    limits = SealerLimits(events_per_step=7)
    small = Sealer(log.database, provider.signing_key("log"), limits=limits)
    assert small.seal(lambda done, total: told.append((done, total))).size == 100
    assert told[-1] == (100, 100)
    assert len(told) == 15
    assert [index for index, _ in sealed.rows(0, 100)] == list(range(100))
    assert [index for index, _ in sealed.rows(33, 41)] == list(range(33, 41))


def test_unsealed_position(sealer: Sealer, sealed: SealedLog, log: EventLog) -> None:
    """An event that is not sealed yet has no index."""
    fill(log, 1)
    (row,) = log.reader.stream(log.stream_id(customer("C0")))
    assert sealed.index_of(row.lane, row.position) is None
    sealer.seal()
    assert sealed.index_of(row.lane, row.position) == 0


def test_second_sealer_is_kept_out(sealer: Sealer, log: EventLog, provider: FileKeyProvider) -> None:
    """While one holds the lease another is refused; released, the other goes on from where it stands."""
    fill(log, 300)
    sealer.seal()
    second = Sealer(log.database, provider.signing_key("log"))
    with pytest.raises(LeaseLostError):
        second.seal()
    sealer.release()
    fill(log, 10, start=300)
    assert second.seal().size == 310
    with pytest.raises(LeaseLostError):
        sealer.seal()
    second.release()
    fill(log, 10, start=310)
    assert sealer.seal().size == 320


def test_overtaken_sealer_signs_nothing(
    sealer: Sealer, log: EventLog, provider: FileKeyProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sealer that sleeps past its lease between check and signing finds the fence raised and signs nothing."""
    fill(log, 5)
    second = Sealer(log.database, provider.signing_key("log"))
    real = Sealer._check

    def sleep(self: Sealer, rows: object) -> None:
        real(self, rows)  # type: ignore[arg-type]
        if self is sealer:
            with psycopg.connect(log.database.dsn, autocommit=True) as owner:
                owner.execute(
                    "update kyc.lease set expires_at = now() - interval '1 hour' where name = %s", (LEASE,)
                )
            second.seal()

    monkeypatch.setattr(Sealer, "_check", sleep)
    with pytest.raises(LeaseLostError):
        sealer.seal()
    with psycopg.connect(log.database.dsn) as owner:
        assert owner.execute("select size, fence from kyc.checkpoint order by size").fetchall() == [(5, 2)]


STEPS = ("_take_lease", "_load_edge", "_next", "_check", "_predecessors", "_sign", "_hold", "_insert", "_read")


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_paused_at_every_step(
    log: EventLog, provider: FileKeyProvider, monkeypatch: pytest.MonkeyPatch, step: str, where: str
) -> None:
    """Two sealers, the first asleep before or after each of its steps until its lease is over: one log, no fork."""
    fill(log, 300)
    first, second = (Sealer(log.database, provider.signing_key("log")) for _ in range(2))
    first.seal()
    fill(log, 40, start=300)
    outcomes: dict[str, Sealed | LeaseLostError] = {}

    def run(name: str, sealer: Sealer) -> None:
        try:
            outcomes[name] = sealer.seal()
        except LeaseLostError as lost:
            outcomes[name] = lost

    rival = Thread(target=run, args=("second", second))

    def sleep() -> None:
        if rival.ident is None and current_thread() is main_thread():
            with psycopg.connect(log.database.dsn, autocommit=True) as owner:
                owner.execute("set lock_timeout = '100ms'")
                with suppress(psycopg.errors.LockNotAvailable):  # held by the first: the lease cannot run out
                    owner.execute("update kyc.lease set expires_at = now() - interval '1 hour'")
            rival.start()
            rival.join(0.5)  # it ends, or waits for the row the first one holds

    room, name = {"_insert": (seal, "_insert"), "_read": (SealedLog, "sealed_positions")}.get(step, (Sealer, step))
    real = getattr(room, name)

    def paused(*arguments: object) -> object:
        if where == "before":
            sleep()
        answer = real(*arguments)
        if where == "after":
            sleep()
        return answer

    monkeypatch.setattr(room, name, paused)
    first._edge = None  # so that it loads the tree again, a step of its own
    run("first", first)
    rival.join(60)
    assert set(outcomes) == {"first", "second"}
    assert any(isinstance(one, Sealed) for one in outcomes.values())
    monkeypatch.undo()
    for sealer in (first, second):
        sealer.release()
    last = Sealer(log.database, provider.signing_key("log")).seal()
    assert last.size == 340
    report = audit(log, verifier_keys=[note.Signer(log.database.origin(), provider.signing_key("log")).verifier])
    assert report.ok, report.findings
    assert report.counts["sealed"] == 340


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("update kyc.event set context = set_byte(context, 5, 0) where version = 3", ChainBrokenError),
        ("update kyc.event set commitment = sha256('') where version = 3", ChainBrokenError),
        ("update kyc.event set recorded_at = 5 where version = 3", ChainBrokenError),
        ("update kyc.event set hash = sha256(hash) where version = 3", ChainBrokenError),
        ("update kyc.event set state = set_byte(state, 20, get_byte(state, 20) # 1)", CiphertextDamagedError),
        ("delete from kyc.event where version = 3", ChainBrokenError),
        ("update kyc.event set version = 100 where version = 3", ChainBrokenError),
        ("update kyc.event set position = 1000 where version = 3", ChainBrokenError),
    ],
)
def test_bad_row_stops_the_sealer(
    sealer: Sealer, log: EventLog, statement: str, error: type[IntegrityError]
) -> None:
    """What does not fit is named and never signed."""
    log.append([unit(str(n), noted("C1", str(n))) for n in range(5)])
    tamper(log, statement)
    with pytest.raises(error) as stopped:
        sealer.seal()
    assert stopped.value.field
    with psycopg.connect(log.database.dsn) as owner:
        assert owner.execute("select count(*) from kyc.checkpoint").fetchone() == (0,)


def test_changed_tile_stops_the_sealer(sealer: Sealer, log: EventLog, provider: FileKeyProvider) -> None:
    """A new sealer compares the stored tree with the last checkpoint before it goes on."""
    fill(log, 300)
    sealer.seal()
    sealer.release()
    with psycopg.connect(log.database.dsn, autocommit=True) as owner:
        owner.execute("alter table kyc.tile disable trigger all")
        owner.execute("update kyc.tile set hashes = set_byte(hashes, 100, get_byte(hashes, 100) # 1)")
    with pytest.raises(LogMismatchError):
        Sealer(log.database, provider.signing_key("log")).seal()


def test_missing_sealed_event_is_noticed(sealer: Sealer, sealed: SealedLog, log: EventLog) -> None:
    """Reading a sealed range whose event is gone names the index."""
    fill(log, 20)
    sealer.seal()
    tamper(log, "delete from kyc.event where version = 2")
    with pytest.raises(LogMismatchError):
        list(sealed.rows(0, 20))


def test_edge_equals_frontier() -> None:
    """The tiled edge and the plain compact range agree for every size around tile borders; tiles chain upwards."""
    leaves = [sha256(n.to_bytes(4, "big")).digest() for n in range(66_000)]
    for size in (0, 1, 2, 3, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_793):
        edge, plain = Edge(), merkle.Frontier()
        tiles = edge.append(leaves[:size])
        plain.append_many(leaves[:size])
        assert edge.root() == plain.root()
        assert len([tile for tile in tiles if tile.level == 0]) == size // 256
        for upper in (tile for tile in tiles if tile.level == 1):
            lower = [t.hashes for t in tiles if t.level == 0 and t.index // 256 == upper.index]
            assert upper.hashes == b"".join(map(tile_root, lower))
